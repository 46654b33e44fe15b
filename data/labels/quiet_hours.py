"""Hours that nothing is fitted or trained on: those that the settings name, those of the flares of a list, and those of
what stood out from the quiet data of a run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from config import Config, ConfigError, PrepConfig, load
from config.paths import not_there
from data.labels.intervals import read_intervals
from data.labels.sun.catalog import CatalogError, flux_of_class, read_catalog
from data.labels.sun.xrs_flares import flares_of_xrs
from data.review_processed_data import not_quiet_frames

BEFORE = np.timedelta64(15, "m")  # what leads to a flare
AFTER, AFTER_TIMES = np.timedelta64(30, "m"), 2  # its loops cool: so long at least, and so many times as it took itself

REJECTED = "-m review with --model-path rejects their windows"


def with_quiet_hours(config: Config) -> Config:
    """The same, in which train.exclude_utc holds the intervals of the file that it names, as a maintenance log, and the
    hours of train.exclude_flares too.

    That is a catalogue, a reel of GOES XRS fluxes, in which they are found, or a run, from whose quiet data something
    stood out. Where prep.fit_exclude_utc is not given, the scaling leaves out the same hours. Raises ValueError for a
    list that can't be read, for another reel and for a run on frames without UTC times.
    """
    train = config.train
    if missing := not_there("train", train):
        raise ConfigError(missing[0])
    if isinstance(train.exclude_utc, str):
        train = replace(train, exclude_utc=_listed(train.exclude_utc, config.prep))
    if train.exclude_flares:
        hours = _hours_of(train.exclude_flares, train.exclude_class)
        train = replace(train, exclude_utc=(*train.excluded_utc, *hours), exclude_flares=None)
    given = config.prep.fit_exclude_utc
    prep = replace(config.prep, fit_exclude_utc=train.excluded_utc if given is None else given)
    return replace(config, train=train, prep=prep)


def _listed(path: str, prep: PrepConfig) -> tuple[tuple[str, str], ...]:
    """The intervals of a list, as they are, in the order of time. Raises ValueError."""
    if not Path(path).is_file():
        raise ValueError(f"train.exclude_utc {path}: there is no such file; it is one, or a list of [start, end]")
    intervals = read_intervals(path, "train.exclude_utc", prep)
    for start, end in intervals:
        if start == end:
            raise ValueError(f"train.exclude_utc {path}: {start} is a moment, which leaves nothing out; give its end")
    return tuple(sorted(intervals))


def _hours_of(source: str, least_class: str) -> tuple[tuple[str, str], ...]:
    if Path(source, "run.json").is_file():
        return hours_of_run(source)
    if Path(source, "reel.json").is_file():
        return flare_hours(flares_of_xrs(source), least_class)
    try:
        return flare_hours(read_catalog(source), least_class)
    except CatalogError as error:
        raise CatalogError(f"{error}; a list of other intervals is for train.exclude_utc") from None


def hours_of_run(run: str) -> tuple[tuple[str, str], ...]:
    """What a run left out, and the hours around what stood out from the rest, as of flares of any class.

    So a second run leaves out what the first one found, and a third what had been hidden beside that.
    """
    found = not_quiet_frames(run)
    if len(found) and (found["time_utc"] == "").any():
        raise ValueError(f"{run} was trained on frames without UTC times, by which hours could be named; {REJECTED}")
    when = [found.get(name, pd.Series(dtype=str)).astype("datetime64[ms]") for name in ("start_utc", "end_utc")]
    episodes = pd.DataFrame({"start": when[0], "end": when[1], "flux_w_m2": np.inf})
    return (*load(Path(run, "config.yaml")).train.excluded_utc, *flare_hours(episodes, "A1.0"))


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
