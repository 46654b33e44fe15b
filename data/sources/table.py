"""Time series in tables: CSV, TSV and Parquet, one row a sample; columns are found by name or given by the settings."""

import csv
import gzip
import re
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.base import Series, SeriesSource, TableError, file_sha256
from data.sources.sidecar import TIME_COLUMNS, table_stem

SERIES_TIME_COLUMNS = (*TIME_COLUMNS, "datetime", "time_s", "seconds", "unix_time", "t", "ds")
LABEL_COLUMNS = ("label", "is_anomaly", "anomaly")
# Without a zone they are UTC. A day before a month, or the other way round, can't be told apart, and is not guessed.
TIME_FORMATS = ("ISO8601", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d")
LATEST_S = 1e11  # of unix seconds: what is beyond is no time, and would overflow
HUGE = float(np.finfo(np.float32).max)  # no variable reaches it, and what does could be neither scaled nor stored

NO_TIME, SAME_TIME = "time is missing or not readable", "same time as another sample"


class TableSource(SeriesSource):
    """One table, one series."""

    name = "table"
    suffixes = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
    may_belong_to_frames = True

    def read_series(self, path: Path, prep: PrepConfig, smallest: int = 0) -> list[Series]:
        """With `smallest` the table must look like a series by itself: a time column, and at least so many rows."""
        table, lost = _read_rows(path)
        refuse_short(len(table), smallest)
        if smallest and _time_column(table, prep) is None:
            raise TableError("it has no time column; name it with prep.time_column")
        return [series_of(table, path, prep, table_stem(path), file_sha256(path), lost=lost)]


def refuse_short(count: int, smallest: int) -> None:
    """Raises TableError when `count` samples are fewer than a series that nobody named should have."""
    if count < smallest:
        raise TableError(f"{count} rows are too few for a series; at least two prep.clip_length, {smallest}")


def series_of(
    table: pd.DataFrame,
    path: Path,
    prep: PrepConfig,
    name: str,
    digest: str,
    *,
    part: str = "",
    lost: tuple[tuple[str, str], ...] = (),
    notes: dict[str, str] | None = None,
    label_columns: Sequence[str] = LABEL_COLUMNS,
) -> Series:
    """The series in the columns of a table, which are found by name or given by the settings.

    name: of its reel. digest: SHA-256 of the file. part: of the file that the table is. notes: what is known of columns
    that are not in it. Raises TableError when a column is missing, or none holds numbers or times.
    """
    time = _time_column(table, prep)
    label = _choose(table, prep.label_column, label_columns, "prep.label_column")
    notes = (notes or {}) | {column: kind for column, kind in ((time, "time"), (label, "label")) if column is not None}
    channels, values = _values(table, prep.value_columns, notes)
    times_utc, times_s = times_of(table[time] if time else None, len(table), prep)
    labels = np.full(len(table), np.nan) if label is None else _numbers(table[label])
    resolution = tuple(_resolution(table[channel].dtype) for channel in channels)
    rows = numbered("row", len(table))
    source = (path, name, channels, "as in the table", times_utc, times_s, values, labels, rows, lost, None)
    return Series(*source, digest, notes, resolution, part)


def numbered(word: str, count: int) -> np.ndarray:
    """Names of samples, counted from 1, as frames.csv has them: (N,) text."""
    return np.char.add(f"{word} ", (np.arange(count) + 1).astype(str))


def _resolution(dtype) -> float:
    """Relative distance of neighbouring numbers of a format; a column of text is as good as float64."""
    return float(np.finfo(dtype).eps) if dtype.kind == "f" and isinstance(dtype, np.dtype) else 0.0


def _read_rows(path: Path) -> tuple[pd.DataFrame, tuple[tuple[str, str], ...]]:
    """The table, and the lines that are none of its rows."""
    try:
        if path.suffix.lower() == ".parquet":
            return _with_index(pd.read_parquet(path)), ()
        header, separator = _first_line(path)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            names = None if _is_numeric(header) else "infer"
            table = pd.read_csv(
                path, sep=separator, header=names, encoding="utf-8-sig", on_bad_lines="warn", low_memory=False
            )
    except ImportError:
        raise TableError("Parquet needs the package pyarrow (pip install pyarrow), or write the table as CSV") from None
    except (ValueError, OSError, EOFError, zlib.error, csv.Error) as error:
        raise TableError(f"not readable as a table: {error}") from None
    if not table.index.equals(pd.RangeIndex(len(table))):
        raise TableError("its rows have more cells than its first line has names")
    if table.empty:
        raise TableError("it holds no row")
    table.columns = [f"column_{name}" if isinstance(name, int) else str(name).strip() for name in table.columns]
    found = (re.findall(r"line (\d+): (.*)", str(w.message)) for w in caught)
    return table, tuple((f"line {line}", reason) for lines in found for line, reason in lines)


def _with_index(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose index, where it says more than the rows' numbers, is a column; one of times is called time."""
    if table.empty:
        raise ValueError("it holds no row")
    is_time = isinstance(table.index, pd.DatetimeIndex)
    if table.index.names == [None] and not is_time:
        return table.rename(columns=str).reset_index(drop=True)
    return table.reset_index(names="time" if is_time and table.index.name is None else None).rename(columns=str)


def _first_line(path: Path) -> tuple[list[str], str]:
    """Cells of the first line, and the separator: the one of `, ; tab` that it holds most of."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig") as stream:
        line = stream.readline().rstrip("\r\n")
    separator = max(",;\t", key=line.count)
    return next(csv.reader([line], delimiter=separator), []), separator


def _is_numeric(cells: list[str]) -> bool:
    """Whether a first line holds no names."""
    return bool(cells) and bool(np.isfinite(pd.to_numeric(pd.Series(cells), errors="coerce")).all())


def _time_column(table: pd.DataFrame, prep: PrepConfig) -> str | None:
    """The column that the settings name, else one of a known name, else the first that holds times by its type."""
    known = _choose(table, prep.time_column, SERIES_TIME_COLUMNS, "prep.time_column")
    return known or next((name for name in table.columns if table[name].dtype.kind == "M"), None)


def _choose(table: pd.DataFrame, given: str | None, known: Sequence[str], key: str) -> str | None:
    """The column that the settings name, else the first of the known names in any case, else None."""
    if given is not None:
        if given not in table.columns:
            raise TableError(f"{key} {given!r} is not among its columns {list(table.columns)[:20]}")
        return given
    lower = {str(name).lower(): name for name in reversed(table.columns)}
    return next((lower[name] for name in known if name in lower), None)


def _numbers(column: pd.Series) -> np.ndarray:
    """Cells as float64 (N,), NaN where they hold no finite number, or none below HUGE."""
    if column.dtype.kind in "mM":  # times are no values, though pandas would count their ticks
        return np.full(len(column), np.nan)
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan).copy()
    values[~(np.abs(values) < HUGE)] = np.nan
    return values


def _values(table: pd.DataFrame, given: Sequence[str], notes: dict[str, str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and values (N, C) of the variables: the given columns, else all that are mostly numbers.

    `notes` holds the columns that are something else, and is told what became of the others.
    """
    unknown = [name for name in given if name not in table.columns]
    if unknown:
        raise TableError(f"prep.value_columns {unknown} are not among its columns {list(table.columns)[:20]}")
    columns: dict[str, np.ndarray] = {}
    for name in given or [name for name in table.columns if name not in notes]:
        values, filled = _numbers(table[name]), int(table[name].notna().sum())
        known = int(np.isfinite(values).sum())
        is_numbers = bool(given) or table[name].dtype.kind in "biuf"  # even if most of them are infinite
        if not known or (not is_numbers and known < 0.5 * filled):
            notes[name] = f"left out: {known} of its {filled} cells are numbers"
            continue
        text = f", {filled - known} cells that are no numbers" if filled > known else ""
        notes[name] = ("constant value" if np.nanmin(values) == np.nanmax(values) else "value") + text
        columns[name] = values
    if not columns:
        raise TableError(f"none of its columns {list(table.columns)[:20]} holds numbers; see prep.value_columns")
    return tuple(columns), np.stack(list(columns.values()), axis=1)


def times_of(column: pd.Series | None, count: int, prep: PrepConfig) -> tuple[np.ndarray | None, np.ndarray]:
    """UTC (N,) datetime64[ms] or None, and seconds (N,). Without a column, samples are one cadence apart."""
    if column is None:
        seconds = np.arange(count) * (prep.sample_interval_sec or 1.0)
        return _shifted(prep.start_utc, seconds), seconds
    seconds = _numbers(column)
    if np.isfinite(seconds).sum() > 0.5 * column.notna().sum():
        return _shifted("1970-01-01" if prep.unix_time else prep.start_utc, seconds), seconds
    utc = _parsed(column)
    if np.isnat(utc).all():
        first = column.iloc[0]
        raise TableError(f"its time column {column.name!r} holds no readable time; the first cell is {first!r}")
    return utc, np.full(count, np.nan)


def _shifted(start_utc: str | None, seconds: np.ndarray) -> np.ndarray | None:
    """UTC times `seconds` after a start, None without one."""
    if start_utc is None:
        return None
    known = np.isfinite(seconds) & (np.abs(seconds) < LATEST_S)
    utc = np.full(len(seconds), np.datetime64("NaT", "ms"))
    since = np.round(1000 * seconds[known]).astype(np.int64).astype("timedelta64[ms]")
    utc[known] = np.datetime64(start_utc.replace(" ", "T"), "ms") + since
    return utc


def _parsed(column: pd.Series) -> np.ndarray:
    """Cells as UTC datetime64[ms] (N,), in the format that most of them have; NaT where it does not fit."""
    best = np.full(len(column), np.datetime64("NaT", "ms"))
    for form in TIME_FORMATS:
        utc = pd.to_datetime(column, format=form, utc=True, errors="coerce")
        utc = utc.dt.tz_localize(None).to_numpy().astype("datetime64[ms]")
        if np.isnat(utc).sum() < np.isnat(best).sum():
            best = utc
        if np.isnat(best).sum() < 0.5 * len(best):
            break
    return best
