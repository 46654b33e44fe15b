"""What speaks against what was made of a file: its series are held against its cells as they stand there."""

from collections.abc import Sequence
from pathlib import Path

from config import PrepConfig
from data.sources.base import Series
from data.sources.tables.second_look.of_rows import of_rows
from data.sources.tables.second_look.of_times import of_times
from data.sources.tables.second_look.of_values import of_values
from data.sources.tables.second_look.raw_cells import RawCells, raw_cells

# What people say of times themselves, which is then not doubted.
SAID_OF_TIMES = (
    *("time_column", "time_format", "time_unit", "time_zone", "unix_time", "start_utc", "sample_interval_sec"),
)
MOST_SERIES = 8  # whose variables are looked at


def second_opinion(path: Path, found: Sequence[Series], prep: PrepConfig) -> list[str]:
    """Doubts about the series of a file, for people, each with what to set; what the settings say is not doubted."""
    raw = _raw(path)
    doubts = list(of_rows(found, raw)) if raw else []
    if all(getattr(prep, name) is None for name in SAID_OF_TIMES):
        doubts += of_times(found, raw)
    if not prep.value_columns:
        for series in found[:MOST_SERIES]:
            doubts += of_values(series, raw if len(found) == 1 else None)
    return list(dict.fromkeys(doubts))


def _raw(path: Path) -> RawCells | None:
    try:
        return raw_cells(path)
    except Exception:  # who reads the file says what is wrong with it
        return None
