"""Hours that nothing is fitted or trained on: those that the settings name, and those of the flares of a list."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from config import Config
from data.labels.catalog import flux_of_class, read_catalog
from data.labels.xrs_flares import flares_of_xrs

BEFORE = np.timedelta64(15, "m")  # what leads to a flare
AFTER, AFTER_TIMES = np.timedelta64(30, "m"), 2  # its loops cool: so long at least, and so many times as it took itself


def with_quiet_hours(config: Config) -> Config:
    """The same, in which train.exclude_utc holds the hours of train.exclude_flares too.

    That is a catalogue, or a reel of GOES XRS fluxes, in which they are found. Where prep.fit_exclude_utc is not given,
    the scaling leaves out the same hours. Raises ValueError for a list that can't be read, and for another reel.
    """
    train = config.train
    if train.exclude_flares:
        is_reel = Path(train.exclude_flares, "reel.json").is_file()
        flares = flares_of_xrs(train.exclude_flares) if is_reel else read_catalog(train.exclude_flares)
        hours = flare_hours(flares, train.exclude_class)
        train = replace(train, exclude_utc=(*train.exclude_utc, *hours), exclude_flares=None)
    given = config.prep.fit_exclude_utc
    prep = replace(config.prep, fit_exclude_utc=train.exclude_utc if given is None else given)
    return replace(config, train=train, prep=prep)


def flare_hours(flares: pd.DataFrame, least_class: str) -> tuple[tuple[str, str], ...]:
    """Intervals [start, end] (UTC, ISO 8601) around the flares of a class and stronger ones, joined where they touch.

    flares: as `read_catalog` gives them.
    """
    some = flares[flares["flux_w_m2"] >= (1 - 1e-9) * flux_of_class(least_class)]
    start, end = (some[name].to_numpy("datetime64[s]") for name in ("start", "end"))
    first, last = start - BEFORE, end + np.maximum(AFTER, AFTER_TIMES * (end - start))
    if not len(first):
        return ()
    order = np.argsort(first, kind="stable")
    first, last = first[order], np.maximum.accumulate(last[order])
    begins = np.flatnonzero(np.concatenate([[True], first[1:] > last[:-1]]))
    ends = np.concatenate([begins[1:], [len(first)]]) - 1
    return tuple((str(a), str(b)) for a, b in zip(first[begins], last[ends], strict=True))
