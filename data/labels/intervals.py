"""Intervals of time from a table, as users write down when something happened."""

import pandas as pd

from data.sources.base import FrameError
from data.sources.times.utc import parse_utc

COLUMNS = (("start", "end"), ("start_utc", "end_utc"))


def read_intervals(path: str, setting: str) -> tuple[tuple[str, str], ...]:
    """UTC intervals from the columns `start,end` (or `start_utc,end_utc`) of a CSV; rows without either are left out.

    Raises ValueError that names the `setting` which asked for the file, and what the file needs.
    """
    table = pd.read_csv(path, dtype=str, comment="#")
    columns = next((names for names in COLUMNS if set(names) <= set(table.columns)), None)
    if columns is None:
        raise ValueError(f"{setting} {path} needs the columns start,end; it has {list(table.columns)}")
    intervals = table[list(columns)].dropna().itertuples(index=False, name=None)
    try:
        return tuple((parse_utc(start), parse_utc(end)) for start, end in intervals)
    except FrameError as error:
        raise ValueError(f"{setting} {path}: {error}") from None
