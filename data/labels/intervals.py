"""Intervals of time from a table, as users write down when something happened."""

import csv
import io
from pathlib import Path

import pandas as pd

from config import PrepConfig
from data.sources.base import FrameError, TableError
from data.sources.times.cells import times_of
from data.sources.times.utc import iso_ms, parse_utc

COLUMNS = (
    *(("start", "end"), ("start_utc", "end_utc"), ("start_time", "end_time"), ("begin", "end"), ("from", "to")),
    *(("begin_time", "end_time"), ("start_date", "end_date"), ("starttime", "endtime"), ("first", "last")),
)
SEPARATORS = ",;\t|"


def read_intervals(path: str, setting: str) -> tuple[tuple[str, str], ...]:
    """UTC intervals from the columns `start,end` of a CSV, or others of COLUMNS; rows without both are left out.

    Raises ValueError that names the `setting` which asked for the file, and what the file needs.
    """
    table = read_cells(path)
    columns = next((names for names in COLUMNS if set(names) <= set(table.columns)), None)
    if columns is None:
        raise ValueError(f"{setting} {path} needs the columns start,end; it has {list(table.columns)}")
    try:
        cells = table[list(columns)].dropna(how="all")
        if (half := cells[cells.isna().any(axis=1)]).size:
            row = ", ".join(cells.columns[half.iloc[0].notna()])
            raise ValueError(f"{setting} {path}: row {half.index[0] + 1} has {row} alone; give both, or none")
        times = _times([*cells[columns[0]], *cells[columns[1]]])
    except (FrameError, TableError) as error:
        raise ValueError(f"{setting} {path}: {error}") from None
    intervals = tuple(zip(times[: len(cells)], times[len(cells) :], strict=True))
    for start, end in intervals:
        if end < start:
            raise ValueError(f"{setting} {path}: an interval from {start} to {end}, which is earlier")
    return intervals


def read_cells(path: str) -> pd.DataFrame:
    """The cells of a CSV as text, NaN where empty, its names in small letters; lines that begin with # are comments.

    Commas, semicolons, tabs or bars between them, in UTF-8 or else cp1252, as spreadsheets write them.
    """
    text = text_of(Path(path))
    head = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    table = pd.read_csv(io.StringIO(text), sep=separator_of(head), dtype=str, comment="#", skipinitialspace=True)
    return table.set_axis([str(name).strip().lower() for name in table.columns], axis=1)


def text_of(path: Path) -> str:
    """Raises OSError."""
    content = path.read_bytes()
    try:
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def separator_of(head: str) -> str:
    """What divides a line of names: the sign that divides it into most cells."""
    return max(SEPARATORS, key=lambda sign: len(next(csv.reader([head], delimiter=sign), [])))


def _times(texts: list[str]) -> list[str]:
    """ISO UTC of each text; where one alone may be several times, as 07/08/2012, what fits all of them."""
    try:
        return [parse_utc(text) for text in texts]
    except FrameError:
        found = times_of(pd.Series(texts), PrepConfig(time_format=None))
        if found.utc is None or (found.reasons != "").any():
            raise
        return [iso_ms(utc) for utc in found.utc]
