"""Which samples of a series are used, and the scaling of its variables, fitted on those that may be trained on."""

from dataclasses import replace

import numpy as np

from config import PrepConfig
from data.reel.reel import inside
from data.reel.stretch import Stretch, fit_affine, fit_growth
from data.series.wandering import grows
from data.sources.base import Series
from data.sources.table import SAME_TIME
from data.sources.times.found import NO_TIME

ROUNDING_STEPS = 8  # values that lie so few steps of their number format apart are one value


def examine(series: Series, prep: PrepConfig) -> tuple[np.ndarray, np.ndarray]:
    """The order of the samples in time (N,), those without a time last, and why each can't be used, '' where it can.

    Of samples of one time the first in the table that can be used is. A sample without any value is used only where
    prep.min_coverage is 0, as one that a model is to fill.
    """
    coverage = np.isfinite(series.values).mean(axis=1)
    reasons = np.full(len(coverage), "", object)
    for value in np.unique(coverage[coverage < prep.min_coverage]):
        reasons[coverage == value] = f"coverage {value:.2f} is below prep.min_coverage {prep.min_coverage:g}"
    if prep.min_coverage:
        reasons[coverage == 0] = "no value"
    times = series.times_s if series.times_utc is None else series.times_utc
    unknown = np.isnan(times) if series.times_utc is None else np.isnat(times)
    reasons[unknown] = NO_TIME if series.time_reasons is None else series.time_reasons[unknown]
    order = np.argsort(times, kind="stable")  # NaN and NaT come last
    usable = order[reasons[order] == ""]
    for again in usable[1:][times[usable][1:] == times[usable][:-1]]:
        reasons[again] = SAME_TIME
    return order, reasons


def scaling_of(series: Series, kept: np.ndarray, given: dict[str, Stretch], prep: PrepConfig) -> list[Stretch]:
    """The scaling of each variable, with its unit: given by name, that of the series, or fitted on the samples that may
    be.

    kept: (M,) samples that are used, in time order. Raises ValueError when there is nothing to fit on.
    """
    units = series.units or [""] * len(series.channels)
    scaling = _without_units(series, kept, given, prep)
    return [replace(stretch, unit=unit) for stretch, unit in zip(scaling, units, strict=True)]


def _without_units(series: Series, kept: np.ndarray, given: dict[str, Stretch], prep: PrepConfig) -> list[Stretch]:
    known = series.scaling or [None] * len(series.channels)
    chosen = [given.get(name) or fixed for name, fixed in zip(series.channels, known, strict=True)]
    settled = [fixed for fixed in chosen if fixed]
    if len(settled) == len(chosen):
        return settled
    fitted = _fit([series], [series.values[_fit_rows(series, kept, prep)]])
    return [fixed or fit for fixed, fit in zip(chosen, fitted, strict=True)]


def share_scaling(found: list[Series], prep: PrepConfig) -> list[Series]:
    """The same series, where those that are to be scaled alike have one scaling, fitted on all of them together."""
    groups: dict[tuple, list[Series]] = {}
    for series in found:
        groups.setdefault((series.scaled_with, series.channels), []).append(series)
    shared = {key: _shared(members, prep) for key, members in groups.items() if key[0]}
    return [replace(s, scaling=s.scaling or shared.get((s.scaled_with, s.channels))) for s in found]


def _shared(members: list[Series], prep: PrepConfig) -> tuple[Stretch, ...] | None:
    """One scaling for all, or None where nothing is there to fit it on: then each is refused with its own reason."""
    samples = []
    try:
        for series in members:
            order, reasons = examine(series, prep)
            samples.append(series.values[_fit_rows(series, order[reasons[order] == ""], prep)])
        return tuple(_fit(members, samples))
    except ValueError:
        return None


def _fit_rows(series: Series, kept: np.ndarray, prep: PrepConfig) -> np.ndarray:
    """Those of the used samples, in time order, that the scaling may be fitted on."""
    rows = kept
    if prep.fit_fraction:
        rows = kept[: max(1, round(prep.fit_fraction * len(kept)))]
    if prep.fit_exclude_utc:
        if series.times_utc is None:
            name = series.path.name
            raise ValueError(f"{name} has no UTC times to apply prep.fit_exclude_utc to; set prep.start_utc")
        rows = rows[~inside(series.times_utc[rows], prep.fit_exclude_utc)]
    return rows


def _fit(members: list[Series], samples: list[np.ndarray]) -> list[Stretch]:
    """Scalings of the variables of series that are scaled alike, from samples (N, C) of each in the order of time:
    affine, or like a logarithm of what grows by shares of itself."""
    values = np.concatenate(samples)
    resolutions = np.max([series.resolution or [0.0] * values.shape[1] for series in members], axis=0)
    fitted = []
    for name, column, resolution in zip(members[0].channels, values.T, resolutions, strict=True):
        known = column[np.isfinite(column)]
        if not len(known):
            where = f"{members[0].path.name}, {name}"
            raise ValueError(
                f"{where}: no value to fit the scaling on; see prep.fit_exclude_utc, prep.fit_fraction and "
                "prep.value_columns"
            )
        is_growing = len(members) == 1 and grows(known)  # several are not one after the other
        fit = fit_growth if is_growing else fit_affine
        fitted.append(fit(_without_rounding(known, resolution)))
    return fitted


def _without_rounding(values: np.ndarray, resolution: float) -> np.ndarray:
    """The values, or one of them where they differ by no more than their number format rounds."""
    low, high = values.min(), values.max()
    steps = ROUNDING_STEPS * resolution * max(abs(low), abs(high))
    return values if high - low > steps else np.array([0.5 * (low + high)])
