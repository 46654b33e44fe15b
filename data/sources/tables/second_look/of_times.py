"""Whether the times of series are those that the cells of their file hold."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from data.sources.base import Series
from data.sources.tables.second_look.raw_cells import RawCells
from data.sources.tables.second_look.stamps import Stamps, stamps_of
from data.sources.times.counts.other_zeros import SINCE_FIT
from data.sources.times.found import SINCE_FIRST
from data.sources.times.mended.typical_year import A_TYPICAL_YEAR

HOUR_S, DAY_S = 3600.0, 86400.0
MOST_ZONE_S = 15 * HOUR_S
ENDS = (0.05, 0.95)  # quantiles, as single times may be wrong
MOST_APART = 0.1  # of the span, between two columns of the same times
MOST_BACK, FEWEST_STEPS = 0.1, 20  # of the steps from row to row, that go against most others
FASTEST_OF_OLD_S, FIRST_S = 600.0, 820454400.0  # samples a few minutes apart were hardly kept before 1996
YEAR_S, MOST_LEAPS = 366 * DAY_S, 0.05  # of the steps
COUNTED = "no column of times"  # as series say that their rows are counted
_NAMES_ZONE = re.compile(r"(?:^|[^a-z])(?:tz|zone|time_?zone|(?:utc|time|gmt)[ _]?offset)(?:[^a-z]|$)", re.IGNORECASE)
_NAMES_RATE = re.compile(r"\b(?:\w+[ _])?(?:rate|interval|frequency|freq|fs|period)\b.*\b\d", re.IGNORECASE)
_NAMES_SCALE = re.compile(r"\b(?:t|time)[ _]?(?:scale|base)\b\W{0,3}\d[\w.+-]*", re.IGNORECASE)


def of_times(found: Sequence[Series], raw: RawCells | None) -> Iterator[str]:
    """What speaks against the times of the series of a file, a line each."""
    stamps = {k: read for k, cells in enumerate(raw.columns) if (read := stamps_of(cells))} if raw else {}
    if raw and stamps:
        yield from _unlike(found, raw, stamps)
        yield from _as_variables(found, raw, stamps)
    yield from _of_another_age(found[0], bool(stamps))
    if len(found) == 1:
        yield from _going_back(found[0])
        yield from _leaping(found[0])
        if raw and not stamps:
            yield from _rate_above(found[0], raw)


def _unlike(found: Sequence[Series], raw: RawCells, stamps: dict[int, Stamps]) -> Iterator[str]:
    """Dates in the file where the times of the series have none, or lie elsewhere."""
    place, first = next(((k, read) for k, read in stamps.items() if read.has_clock), next(iter(stamps.items())))
    name, cell = raw.names[place] or f"column_{place}", next(filter(None, raw.columns[place]))
    known = np.concatenate([_seconds(series) for series in found])
    known = known[np.isfinite(known)]
    is_told = any(A_TYPICAL_YEAR in told or SINCE_FIRST in told for told in found[0].told)
    if is_told or any(note.startswith(SINCE_FIT) for note in found[0].notes.values()):
        return
    if not len(known):
        yield f"its times are counted or relative, though {name} holds dates, as {cell!r}: prep.time_column={name}"
        return
    each = (_shift(own, known, read.has_clock, raw.is_whole) for read in stamps.values() for own in read.orders)
    shifts = [shift for shift in each if shift is not None]
    if not shifts:
        yield (
            f"its times run from {_text(known.min())} to {_text(known.max())}, those in {name} from {cell!r} on: "
            f"prep.time_column={name}, or prep.time_format, as %d/%m/%Y"
        )
    elif first.has_clock and not first.says_zone and min(map(abs, shifts)) < 60:
        yield from _zone_beside(raw)


def _as_variables(found: Sequence[Series], raw: RawCells, stamps: dict[int, Stamps]) -> Iterator[str]:
    """Columns of dates that are variables."""
    channels = {name for series in found for name in series.channels}
    for name in [raw.names[place] for place in stamps if raw.names[place] in channels]:
        yield f"{name} holds times and is a variable: prep.value_columns names the variables without it"


def _shift(own: np.ndarray, known: np.ndarray, has_clock: bool, is_whole: bool) -> float | None:
    """By how much stamps lie before times, as of another zone; None where they are others."""
    own = own[np.isfinite(own)]
    within = MOST_ZONE_S + (0 if has_clock else DAY_S)
    if not is_whole:
        is_inside = own.min() > known.min() - within and own.max() < known.max() + within
        return own.min() - known.min() if is_inside else None
    begin, end = np.quantile(np.unique(own), ENDS) - np.quantile(np.unique(known), ENDS)  # rows may be side by side
    span, apart = np.ptp(own), abs(begin - end)
    most = max(MOST_APART * span, 120 if has_clock else DAY_S)
    was_set = span > 2 * HOUR_S and abs(apart - HOUR_S) <= max(most, 600)  # a clock, by an hour
    return begin if max(abs(begin), abs(end)) <= within and (apart <= most or was_set) else None


def _zone_beside(raw: RawCells) -> Iterator[str]:
    """A column that tells a zone, beside times that were taken as UTC."""
    for name, cells in zip(raw.names, raw.columns, strict=True):
        if _NAMES_ZONE.search(name) and (told := next((cell for cell in cells if re.search(r"[1-9]", cell)), "")):
            yield f"its times are taken as UTC, though {name} says {told!r}: prep.time_zone names their zone"
            return


def _seconds(series: Series) -> np.ndarray:
    """Times (N,) in seconds since 1970, NaN where they are unknown or relative."""
    if series.times_utc is None:
        return np.full(len(series.values), np.nan)
    since = series.times_utc.astype("datetime64[ms]").astype(np.int64) / 1000
    return np.where(np.isnat(series.times_utc), np.nan, since)


def _of_another_age(series: Series, is_written: bool) -> Iterator[str]:
    """Times after tomorrow, or, where numbers told them, of before there were loggers, a few minutes apart."""
    seconds = _seconds(series)
    known = np.sort(seconds[np.isfinite(seconds)])
    if len(known) < 2:
        return
    step, now = np.median(np.diff(known)), np.datetime64("now", "s").astype(np.int64)
    if known[-1] > now + DAY_S:
        yield f"its times go on to {_text(known[-1])}, which is yet to come: prep.time_format says how they are written"
    if not is_written and 0 < step < FASTEST_OF_OLD_S and known[0] < FIRST_S:
        yield f"its times are of {_text(known[0])}, {step:g} s apart: prep.time_unit and prep.start_utc tell others"


def _going_back(series: Series) -> Iterator[str]:
    """Rows that go forth and back in time."""
    times = series.times_s if series.times_utc is None else _seconds(series)
    steps = np.diff(times[np.isfinite(times)])
    steps = steps[steps != 0]
    back = min(np.mean(steps > 0), np.mean(steps < 0)) if len(steps) >= FEWEST_STEPS else 0.0
    if back >= MOST_BACK:
        yield (
            f"its rows go back in time at {back:.0%} of the steps, and are put in order: if they were in order, "
            "prep.time_column or prep.time_format"
        )


def _rate_above(series: Series, raw: RawCells) -> Iterator[str]:
    """A rate or an interval in the lines above a table whose rows are counted; a scale of numbers taken as seconds."""
    are_counted = any(COUNTED in told for told in series.told)
    lines = [] if series.times_utc is not None else [" ".join(line) for line in raw.above]
    for line in lines:
        if are_counted and _NAMES_RATE.search(line):
            yield f"its rows are taken as 1 s apart, though {line[:60]!r} stands above them: prep.sample_interval_sec"
            return
        if scale := _NAMES_SCALE.search(line):
            yield f"its times are taken as they are, though {scale[0]!r} stands above them: prep.time_unit, as ms"
            return


def _leaping(series: Series) -> Iterator[str]:
    """Rows that leap back by more than a year, as those of a clock that lost its power, or of months of many years."""
    seconds = _seconds(series)
    steps = np.diff(seconds[np.isfinite(seconds)])
    leaps = steps[np.abs(steps) > YEAR_S] if len(steps) >= FEWEST_STEPS and np.median(steps) > 0 else steps[:0]
    if (leaps < 0).any() and len(leaps) < MOST_LEAPS * len(steps):
        yield (
            f"its rows leap by more than a year {len(leaps)} times, back and forth, and are put in order: if they "
            "belong together, write them in one year, or count them by prep.sample_interval_sec; else leave those out"
        )


def _text(seconds: float) -> str:
    return str(np.datetime64(round(1000 * seconds), "ms"))[:19].replace("T", " ")
