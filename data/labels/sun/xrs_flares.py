"""Flares in the GOES X-ray flux itself, by NOAA's own definition of an event, in the form of a catalogue."""

import math
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from data.labels.sun.catalog import COLUMNS
from data.reel.reel import Reel
from data.reel.scaled import SomeVariables
from data.sky.goes import CHANNELS, FLUX_W_M2, class_of, is_of_xrs

RISING_MINUTES, RISE = 4, 1.4
MINUTE = np.timedelta64(60_000, "ms")
# How tables call CHANNELS: SWPC's JSON (its rows of two energies side by side), NCEI's CSV of averages and of fluxes.
NAMES = (
    re.compile(r"xrsa(_flux)?|a_(flux|avg)|xs|0\.05-0\.4 ?nm flux"),
    re.compile(r"xrsb(_flux)?|b_(flux|avg)|xl|0\.1-0\.8 ?nm flux"),
)


def xrs_of(path: str) -> Reel:
    """A reel of GOES XRS fluxes with the channels CHANNELS alone: of XRS files, or of a table whose columns are called
    as SWPC, NCEI and sunpy call them. Raises ValueError for other reels.
    """
    reel = Reel(path)
    columns = [_only(reel.channels, names) for names in NAMES] if reel.is_series else [None]
    if None in columns:
        raise ValueError(
            f"{reel.path} is no reel of GOES XRS fluxes; make one with main.py -m prep from an XRS file, or "
            f"from a table with columns called {' and '.join(CHANNELS)} (W/m2, 0.05-0.4 and 0.1-0.8 nm)"
        )
    picked = [column for column in columns if column is not None]
    return reel if is_of_xrs(reel) else SomeVariables(reel, picked, {"channels": list(CHANNELS)})


def _only(channels: Sequence[str], names: re.Pattern[str]) -> int | None:
    """The number of the only channel that is called so; None where there are none or several."""
    bare = [re.sub(r"\s*[\[(].*", "", channel).lower() for channel in channels]  # without a unit behind it
    found = [number for number, name in enumerate(bare) if names.fullmatch(name)]
    return found[0] if len(found) == 1 else None


def flares_of_xrs(path: str) -> pd.DataFrame:
    """The flares in the 1-8 angstrom flux of a reel of XRS fluxes, as `read_catalog` gives them, without places.

    One more column: background_w_m2, the flux at the start. Raises ValueError for other reels.
    """
    reel = xrs_of(path)
    if reel.times_utc is None:
        raise ValueError(f"{reel.path} has no UTC times; make it again with prep.start_utc")
    return flares_in(reel.times_utc, reel.signals()[:, CHANNELS.index("xrsb")])


def flares_in(times: np.ndarray, flux: np.ndarray) -> pd.DataFrame:
    """Flares in a flux (N,) in W/m^2 at UTC times (N,) datetime64, NaN unknown.

    NOAA SWPC's definition, on means of a minute: a flare starts with the first of four minutes in which the flux rises
    steadily, and to at least 1.4 times what it was; its peak is the largest flux; it ends when half of the rise
    over the start is gone. Its class is the flux of the peak, as it is in the data: GOES 8 to 15 were published with
    SWPC's factor 0.7, science-quality files without.
    """
    minutes, means = minute_means(times, flux)
    found, at = [], 0
    while at < len(means):
        if not starts(means, at):
            at += 1
            continue
        peak, end = course(means, at)
        if means[peak] >= FLUX_W_M2["A"]:
            start = minutes[at]
            name = class_of(means[peak])
            row = (f"XRS{start.astype('datetime64[s]')}", start, minutes[peak], minutes[end], name, means[peak])
            found.append((*row, np.nan, np.nan, means[at]))
        at = end + 1
    table = pd.DataFrame(found, columns=[*COLUMNS, "background_w_m2"])
    kinds = dict.fromkeys(("start", "peak", "end"), "datetime64[ms]")
    return table.astype(kinds | dict.fromkeys(("flux_w_m2", "x_arcsec", "y_arcsec", "background_w_m2"), np.float64))


def minute_means(times: np.ndarray, flux: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every minute from the first to the last, and the mean flux in it, NaN where none is known: (M,) each."""
    times = times.astype("datetime64[ms]")
    if not len(times):
        return times, flux
    first = times[0].astype("datetime64[m]").astype("datetime64[ms]")
    minute = ((times - first) // MINUTE).astype(np.int64)
    known = np.isfinite(flux)
    count = np.bincount(minute[known], minlength=minute[-1] + 1)
    total = np.bincount(minute[known], flux[known], minlength=minute[-1] + 1)
    means = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return first + np.arange(len(means)) * MINUTE, means


def starts(means: np.ndarray, at: int) -> bool:
    """Whether a flare starts with a minute."""
    four = means[at : at + RISING_MINUTES]
    return len(four) == RISING_MINUTES and bool((np.diff(four) > 0).all() and four[-1] >= RISE * four[0])


def course(means: np.ndarray, start: int) -> tuple[int, int]:
    """The minutes of peak and end of a flare; where the data end first, that is its end."""
    peak = end = start
    for at in range(start + 1, len(means)):
        if math.isnan(means[at]):
            continue
        end = at
        if means[at] > means[peak]:
            peak = at
        elif means[at] <= (means[peak] + means[start]) / 2:
            break
    return peak, end
