"""Intervals of time from a table, as users write down when something happened."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from config import PrepConfig
from data.labels.interval_forms import names_of_none, with_bounds
from data.labels.label_tables import BINARY, cells_of_file
from data.labels.label_text import text_of
from data.sources.base import FrameError, TableError
from data.sources.tables.text_table import unlike_names
from data.sources.tables.values.cells import labels_of
from data.sources.times.cells import times_of
from data.sources.times.numbers import DAY_S, PER_SECOND, unit_of
from data.sources.times.utc import iso_ms, parse_utc, shift_utc

STARTS = ("start", "start_utc", "start_time", "start_date", "starttime", "start_datetime", "start_timestamp", "onset")
STARTS += ("start_time_utc", "begin", "begin_time", "from", "first", "anomaly_start", "began", "started")
STARTS += ("starting_time", "start_at", "start_ts", "starts", "time_start", "timestart", "t_start", "tstart")
STARTS += ("anfang", "beginn", "von", "start_zeit", "startzeit", "début", "debut", "inicio", "desde", "inizio")
STARTS += ("anomaly_begin",)
ENDS = ("end", "end_utc", "end_time", "end_date", "endtime", "end_datetime", "end_timestamp", "offset")
ENDS += ("end_time_utc", "stop", "stop_time", "to", "last", "anomaly_end", "finish", "finished", "ended", "until")
ENDS += ("ending_time", "end_at", "end_ts", "ends", "time_end", "timeend", "t_end", "tend")
ENDS += ("ende", "bis", "end_zeit", "endzeit", "fin", "hasta", "fine")
_WORD_OF_UNIT = r"_(?:in_)?(?:s|secs?|seconds?|ms|msec|millis|min|minutes)"  # behind a name of STARTS or ENDS
POINTS = ("time", "time_utc", "timestamp", "datetime", "date_time", "utc", "timestamps", "times", "ts", "t", "ds")
POINTS += ("time_stamp", "event_time", "at")
DURATION = re.compile(r"(?:duration|length|dur|lasts)(?:_.*)?")
LABELS = ("label", "labels", "is_anomaly", "anomaly", "is_anomalous", "anomalous", "attack", "is_attack", "outlier")
LABELS += ("is_outlier", "fault", "is_fault", "truth", "ground_truth", "target")
TIME_AND_LABEL = 2  # columns
SEPARATORS = ",;\t|"
FEWEST_NAMES = 3  # of a table below lines of others
MOST_NAMES = 12  # of columns that a message shows
ALSO = "start with duration_s, or time alone, are taken too"
_IS_DATE = re.compile(r"(?!.*:)(?:\D*\d){5,8}\D*")
_OF_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d\d(?:\.\d+)?)")
_IN_DATE = re.compile(r"\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?:\s*[AaPp]\.?[Mm]\.?)?")
_NUMBER_OF_ROW = re.compile(r"#\d+\s*[,;\t|]")
_OF_CLOCK_OR_MINUTES = re.compile(r"\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?")
_OWN_ZONE = re.compile(r"(?:Z|UTC|GMT|[+-]\d\d:?\d\d)\s*$", re.IGNORECASE)
DAY = np.timedelta64(86_400_000 - 1, "ms")


def read_intervals(path: str, setting: str, prep: PrepConfig | None = None) -> tuple[tuple[str, str], ...]:
    """The UTC intervals of the rows of a table, as `intervals_of` has them."""
    return intervals_of(read_cells(path), path, setting, prep)


def intervals_of(
    table: pd.DataFrame, path: str, setting: str, prep: PrepConfig | None = None
) -> tuple[tuple[str, str], ...]:
    """UTC intervals from the columns start and end (or others of STARTS, ENDS), or a start and a duration, or a time
    alone; rows without any are left out, and so are those that a column of labels calls normal. An end that is a date
    alone is the end of that day.

    prep: how times are read that do not say it themselves (time_zone, time_format); columns ..._utc have no zone.
    Raises ValueError that names the `setting` which asked for the file, and what the file needs.
    """
    try:
        table = table[anomalous(table, prep.label_normal if prep else ())]
        start, end, duration = bounds_of(table, path, setting)
        cells = table[[name for name in (start, end, duration) if name]].dropna(how="all")
        if end and start in POINTS:
            cells = cells.fillna({end: cells[start]})  # a moment among intervals
        if (half := cells[cells.isna().any(axis=1)]).size:
            row = ", ".join(cells.columns[half.iloc[0].notna()])
            raise ValueError(f"{setting} {path}: row {half.index[0] + 1} has {row} alone; give both, or none")
        cells, on_next_day = _dated(cells, table, start, end)
        texts = [*cells[start], *(cells[end] if end else [])]
        times = utc_of(texts, None if start.endswith("utc") else prep)
        starts = times[: len(cells)]
        ends = times[len(cells) :] if end else _later(starts, cells[duration]) if duration else starts
    except (FrameError, TableError) as error:
        raise ValueError(f"{setting} {path}: {error}") from None
    if end:
        ends = [
            _end_of_day(utc) if _IS_DATE.fullmatch(text) else utc for utc, text in zip(ends, cells[end], strict=True)
        ]
        ends = [
            shift_utc(last, DAY_S) if is_clock and last < first else last
            for first, last, is_clock in zip(starts, ends, on_next_day, strict=True)
        ]
    intervals = tuple(zip(starts, ends, strict=True))
    for first, last in intervals:
        if last < first:
            raise ValueError(f"{setting} {path}: an interval from {first} to {last}, which is earlier")
    return intervals


def bounds_of(table: pd.DataFrame, path: str, setting: str, lead: str = "") -> tuple[str, str, str]:
    """The columns of starts, of ends and of durations, "" where there is none. Raises ValueError."""
    start = called(table, STARTS)
    point = next((name for name in POINTS if name in table), "") if not start else ""
    end = called(table, ENDS) if start or point else ""
    duration = next(filter(DURATION.fullmatch, table.columns), "") if (start or point) and not end else ""
    if not (end or duration or point):
        left_out = len(table.columns) - MOST_NAMES
        has = ", ".join(map(str, table.columns[:MOST_NAMES])) + (f" and {left_out} more" if left_out > 0 else "")
        raise ValueError(f"{setting} {path} needs the columns {lead}start,end; it has {has}; {ALSO}")
    return start or point, end, duration


def called(table: pd.DataFrame, names: tuple[str, ...]) -> str:
    """The column of a table that is called by one of the names, or one of them and a unit; "" where none is."""
    whole = next((name for name in names if name in table), "")
    with_unit = (
        c for c in map(str, table.columns) if (m := re.search(_WORD_OF_UNIT + "$", c)) and c[: m.start()] in names
    )
    return whole or next(with_unit, "")


def anomalous(table: pd.DataFrame, normal: Sequence[object] = ()) -> pd.Series:
    """Which rows are of something unusual: all, but those that a column of labels calls normal, as 0.

    normal: what the settings call so. Raises TableError for labels of -1 and 1 without.
    """
    name = next((name for name in LABELS if name in table), None) or _label_of_points(table)
    if name is None:
        return pd.Series(True, table.index)
    if not normal and set(pd.to_numeric(table[name], errors="coerce").dropna()) == {-1.0, 1.0}:
        raise TableError(f"its {name!r} are -1 and 1, of which either may be normal; prep.label_normal says which")
    if normal:
        labels, _ = labels_of(table[name], normal)
        return pd.Series(True, table.index) if labels is None else pd.Series(labels != 0, table.index)
    if pd.to_numeric(table[name], errors="coerce").notna().any():
        numbers = pd.to_numeric(table[name], errors="coerce")
        return (numbers != 0) | (not numbers.dropna().isin([0, 1]).all())  # what goes on to 2 counts the rows
    labels, _ = labels_of(table[name])
    return pd.Series(True if labels is None else labels != 0, table.index)


def _label_of_points(table: pd.DataFrame) -> str | None:
    """The column beside a time that holds 0 and 1 alone, both of them: a table of a label for each sample."""
    if len(table.columns) != TIME_AND_LABEL or table.columns[0] not in POINTS:
        return None
    name = str(table.columns[1])
    return name if set(pd.to_numeric(table[name], errors="coerce").unique()) == {0.0, 1.0} else None


def read_cells(path: str) -> pd.DataFrame:
    """The cells of a CSV as text, NaN where empty, its names in small letters with _ for blanks and signs; lines that
    begin with # are comments.

    Commas, semicolons, tabs or bars between them, in UTF-8 or else cp1252, as spreadsheets write them; or JSON, a
    spreadsheet or Parquet. Raises ValueError for a file without any line, or of a form that is not read.
    """
    place = Path(path)
    other = cells_of_file(place, "" if place.name.lower().endswith(BINARY) else text_of(place))
    if other is not None:
        return _bounded(other)
    lines = [line for line in text_of(place).splitlines(keepends=True) if not _is_comment(line)]
    head = next((line for line in lines if line.strip()), "")
    if not head:
        raise ValueError(f"{path} is empty; it needs the columns start,end")
    sign = separator_of(head)
    given = names_of_none(next(csv.reader([head.rstrip("\r\n")], delimiter=sign), []))
    try:
        table = pd.read_csv(io.StringIO("".join(lines)), sep=sign, dtype=str, skipinitialspace=True, names=given)
    except pd.errors.ParserError as error:
        sign, lines = _below_remarks(path, lines, error)
        table = pd.read_csv(io.StringIO("".join(lines)), sep=sign, dtype=str, skipinitialspace=True)
    names = unlike_names([re.sub(r"\W+", "_", str(name).strip().lower()).strip("_") for name in table.columns])
    return _bounded(table.set_axis(names, axis=1))


def _below_remarks(path: str, lines: list[str], error: Exception) -> tuple[str, list[str]]:
    """The sign between the cells of a table that has other lines above it, as of BORIS, and its lines: from the
    first one with as many cells as the last. Raises ValueError where not all below have."""
    filled = [line for line in lines if line.strip()]
    sign = separator_of(filled[-1])
    widths = [len(next(csv.reader([line.rstrip("\r\n")], delimiter=sign), [])) for line in filled]
    begin = widths.index(widths[-1])
    if widths[-1] < FEWEST_NAMES or {*widths[begin:]} != {widths[-1]}:
        raise ValueError(f"{path} is no table with as many cells in each line: {str(error).strip()}") from None
    return sign, filled[begin:]


def _bounded(table: pd.DataFrame) -> pd.DataFrame:
    return table if called(table, STARTS) else with_bounds(table, POINTS, LABELS)


def _is_comment(line: str) -> bool:
    """Whether a line is a remark, and not a row that is numbered so: #1,2024-03-05,..."""
    return line.startswith("#") and not _NUMBER_OF_ROW.match(line)


def separator_of(head: str) -> str:
    """What divides a line of names: the sign that divides it into most cells."""
    return max(SEPARATORS, key=lambda sign: len(next(csv.reader([head], delimiter=sign), [])))


def utc_of(texts: list[str], prep: PrepConfig | None = None) -> list[str]:
    """ISO UTC of each text; where one alone may be several times, as 07/08/2012, what fits all of them.

    Raises FrameError, TableError.
    """
    order, zone = (prep.time_format, prep.time_zone) if prep else (None, None)
    try:
        if zone and not all(map(_OWN_ZONE.search, texts)):
            return _together(texts, PrepConfig(time_zone=zone))
        return [parse_utc(text) for text in texts]
    except (FrameError, TableError) as error:
        return _together(texts, PrepConfig(time_format=order, time_zone=zone), str(error))


def _together(texts: list[str], prep: PrepConfig, reason: str = "") -> list[str]:
    """Raises TableError where one is no time, with the reason if there is one."""
    found = times_of(pd.Series(texts, dtype=object), prep)
    if found.utc is None:
        raise TableError(
            f"{reason or 'its times are relative'}; seconds of a clip need the columns clip,start,end, and numbers of "
            "rows start_row,end_row"
        )
    if (odd := np.flatnonzero(found.reasons != "")).size:
        raise TableError(reason or f"{texts[odd[0]]!r}: {found.reasons[odd[0]]}")
    return [iso_ms(utc) for utc in found.utc]


def _later(starts: list[str], durations: pd.Series) -> list[str]:
    """Raises TableError for durations whose unit is not told."""
    return [shift_utc(utc, second) for utc, second in zip(starts, later_s(durations), strict=True)]


def later_s(durations: pd.Series) -> list[float]:
    """Durations of a column, s. Raises TableError where their unit is not told."""
    clocks = durations.str.strip().str.fullmatch(_OF_CLOCK)
    unit = unit_of(str(durations.name).replace("_", " "))
    if not clocks.all() and (passed := _with_own_units(durations)) is not None:
        return passed
    if not (clocks.all() or unit):
        raise TableError(
            f"{durations.name!r} tells no unit, as duration_s or duration_min do, nor are its cells as 0:03:00"
        )
    if clocks.all():
        parts = durations.str.strip().str.extract(_OF_CLOCK).fillna("0").astype(float)
        return (parts.to_numpy() @ np.array([3600.0, 60.0, 1.0])).tolist()
    return (durations.str.replace(",", ".").astype(float).to_numpy() / PER_SECOND[unit]).tolist()


def _with_own_units(durations: pd.Series) -> list[float] | None:
    """Seconds of cells that say what they are in, as 15 min, PT15M or 0 days 00:15:00; None of others."""
    cells = durations.str.strip()
    if not cells.str.contains(r"[A-Za-z]").all():
        return None
    passed = pd.to_timedelta(cells, errors="coerce")
    return passed.dt.total_seconds().tolist() if passed.notna().all() else None


def _dated(cells: pd.DataFrame, table: pd.DataFrame, start: str, end: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Clocks alone with the dates of a column beside them, or an end with that of its start; and which ends (N,) had a
    clock alone, and may be of the next day.
    """
    is_clock = cells[end].str.fullmatch(_OF_CLOCK_OR_MINUTES).to_numpy(bool) if end else np.zeros(len(cells), bool)
    if "date" in table and "date" not in cells:
        dates = table["date"].reindex(cells.index).fillna("") + " "
        return cells.apply(lambda col: col.mask(col.str.fullmatch(_OF_CLOCK_OR_MINUTES), dates + col)), is_clock
    if is_clock.any():
        moved = [_IN_DATE.sub(last, first, count=1) for first, last in zip(cells[start], cells[end], strict=True)]
        cells = cells.assign(**{end: cells[end].mask(is_clock, pd.Series(moved, cells.index))})
    return cells, is_clock


def _end_of_day(utc: str) -> str:
    return str(np.datetime64(utc, "ms") + DAY)
