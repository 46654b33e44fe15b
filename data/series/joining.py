"""Tables that a logger split by month, day or size, put together: one series, as if they had been one file.

A window, a rhythm and an event go across the border of two files, and the quiet data are not cut into pieces.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from data.messages import logger
from data.sources.base import Series

log = logger(__name__)

ALIKE = 0.1  # share by which the cadences of files may differ
MONTHS = "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
COUNTED = re.compile(rf"(?:\d+|(?<![a-z])(?:{MONTHS}|nov(?:ember)?|dec(?:ember)?)(?![a-z]))", re.IGNORECASE)
MOST_TOLD = 8  # things that were found out about the files
ENDS = " _-.,#(["  # of what names have in common


def counted_name(path: Path, root: Path) -> str:
    """The path of a file below root without its numbers and months: that of its neighbours is the same."""
    return COUNTED.sub("#", _below(path, root))


def _below(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def joined(found: Iterable[Series], root: Path, gap_threshold: float) -> list[Series]:
    """The series of files, in their order, where those that are one are put together, at the place of the first.

    One are those of files whose names differ in numbers or months alone, of the same variables and cadence, each of
    which begins when the one before it ends: not before, and no later than after a step that is no gap (`gap_threshold`
    cadences) or that either has itself, as nights are. A month that is missing parts them. Where some overlap, those
    that one number of their names tells apart (`pump7_01`, `pump8_01`) are several; else they stay as they are.
    """
    groups: dict[object, list[Series]] = {}
    for series in found:
        key = _key(series, root)
        groups.setdefault(id(series) if key is None else key, []).append(series)
    return [one for group in groups.values() for own in _apart(group, root) for one in _in_time(own, gap_threshold)]


def _apart(group: list[Series], root: Path) -> list[list[Series]]:
    """Series of files called alike, where they overlap, by a number of their names that tells those apart."""
    if len(group) == 1 or not _overlap(group):
        return [group]
    numbers = [COUNTED.findall(_below(series.path, root).lower()) for series in group]
    for each in zip(*numbers, strict=True):
        told: dict[str, list[Series]] = {}
        for number, series in zip(each, group, strict=True):
            told.setdefault(number, []).append(series)
        if not any(map(_overlap, told.values())):
            return list(told.values())
    return [[series] for series in group]


def _overlap(group: list[Series]) -> bool:
    spans = sorted(_span(series) for series in group)
    return any(after[0] < before[1] or after == before for before, after in pairwise(spans))


def _key(series: Series, root: Path) -> tuple | None:
    """What is the same of all files of a series; None of one without times, or that is scaled with others."""
    if series.times_utc is None or np.isnat(series.times_utc).all() or series.scaled_with or series.scaling:
        return None
    return counted_name(series.path, root), series.part, series.channels, series.unit, series.units


def _in_time(group: list[Series], gap_threshold: float) -> list[Series]:
    runs: list[list[Series]] = []
    if len(group) == 1:
        return group
    for series in sorted(group, key=lambda series: _span(series)[0]):
        if runs and _follows(runs[-1][-1], series, gap_threshold):
            runs[-1].append(series)
        else:
            runs.append([series])
    return [_one(run, whole=len(runs) == 1) if len(run) > 1 else run[0] for run in runs]


def _span(series: Series) -> tuple[float, float]:
    times = _times(series)
    return times[0], times[-1]


def _times(series: Series) -> np.ndarray:
    """Its known times in ms, sorted."""
    assert series.times_utc is not None
    return np.unique(series.times_utc[~np.isnat(series.times_utc)].astype("datetime64[ms]").astype(np.int64))


def _follows(before: Series, after: Series, gap_threshold: float) -> bool:
    steps = [np.diff(_times(series)) for series in (before, after)]
    if not all(map(len, steps)):
        return False
    cadences = [float(np.median(own)) for own in steps]
    longest = max(gap_threshold * max(cadences), *(own.max() for own in steps))
    border = _span(after)[0] - _span(before)[1]
    return bool(max(cadences) <= (1 + ALIKE) * min(cadences) and 0 <= border <= longest)


def _one(run: list[Series], whole: bool) -> Series:
    """Series that follow each other as one; `whole`: all that their files hold."""
    first, last = run[0], run[-1]
    name = _name(run) if whole else f"{first.name}_to_{last.name}"
    names = [series.path.name for series in run]
    log.info(f"{name}: {len(run)} files are one series, {names[0]} to {names[-1]}; prep.join_files=false: one of each")
    reasons = [_reasons(series) for series in run]
    told = list(dict.fromkeys(told for series in run for told in series.told))
    resolutions = [series.resolution for series in run if series.resolution]
    return replace(
        first,
        name=name,
        times_utc=np.concatenate([series.times_utc for series in run if series.times_utc is not None]),
        times_s=np.concatenate([series.times_s for series in run]),
        values=np.concatenate([series.values for series in run]),
        labels=np.concatenate([series.labels for series in run]),
        rows=np.concatenate([_places(series) for series in run]),
        lost=tuple((f"{series.path.name}, {where}", why) for series in run for where, why in series.lost),
        sha256=hashlib.sha256("".join(series.sha256 for series in run).encode()).hexdigest(),
        notes={column: what for series in reversed(run) for column, what in series.notes.items()},
        resolution=tuple(np.max(resolutions, axis=0).tolist()) if len(resolutions) == len(run) else (),
        facts=first.facts | _fills(run) | {"joined_files": names},
        told=(*told[:MOST_TOLD], *([f"and {len(told) - MOST_TOLD} more of the like"] if len(told) > MOST_TOLD else [])),
        time_reasons=np.concatenate(reasons) if any(map(len, reasons)) else None,
    )


def _fills(run: list[Series]) -> dict[str, dict[str, list[float]]]:
    """Which numbers stand for missing values in any of the files."""
    found: dict[str, list[float]] = {}
    for series in run:
        for name, values in series.facts.get("fills", {}).items():
            found[name] = sorted({*found.get(name, []), *values})
    return {"fills": found} if found else {}


def _reasons(series: Series) -> np.ndarray:
    if series.time_reasons is not None:
        return series.time_reasons
    return np.full(len(series.times_s), "", object)


def _places(series: Series) -> np.ndarray:
    return np.array([f"{series.path.name}, {row}" for row in series.rows], object)


def _name(run: list[Series]) -> str:
    """What is the same in the names of all files, without the numbers and months that go on; else their folder's."""
    parts = zip(*(re.split(f"({COUNTED.pattern})", series.name, flags=re.IGNORECASE) for series in run), strict=False)
    same = "".join(each[0] for each in parts if len(set(each)) == 1)
    return same.strip(ENDS) or run[0].path.parent.name or run[0].name
