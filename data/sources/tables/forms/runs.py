"""Runs in one table, whose count or clock begins anew with each: engines and their cycles, trials, simulations.

Rows of two runs never follow each other in time, and one of them is no sample behind the other's last.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.tables.text_table import TextTable
from data.sources.times.cells import times_of
from data.sources.times.column import is_text
from data.sources.times.parts import PART_NAMES

RUNS = frozenset(
    ["unit", "units", "engine", "run", "runs", "trial", "experiment", "exp", "simulation", "sim", "episode", "battery"]
)
RUNS |= {"cell", "subject", "patient", "specimen", "test", "case", "batch", "machine", "fault", "sequence", "recording"}
COUNTS = frozenset(["cycle", "cycles", "sample", "samples", "step", "steps", "iteration", "frame"])
# A logger that was started again is the same one.
STARTS = frozenset(["boot", "boots", "session", "restart", "restarts", "reset", "resets"])
DAYS = frozenset(name for names in PART_NAMES.values() for name in names) | {"date", "week", "weekday", "hours"}
# Of a day's, week's, month's and year's parts: a count that always ends there may be one of these.
PARTS_OF_TIME = (7, 12, 24, 28, 29, 30, 31, 48, 52, 53, 60, 96, 144, 288, 365, 366, 1440)
MOST_KEYS = 3  # columns that tell a run: a fault, a simulation of it
FEWEST = 4  # rows of a run


def by_count(read: TextTable, prep: PrepConfig) -> dict[str, TextTable]:
    """The tables of the runs of a table without times, whose first columns are those that tell the run and a count that
    begins anew with each; "" where it is of one.

    Without a name that tells runs, counts that all end alike where parts of a time do are such parts: hours of days.
    """
    table = read.table
    names = list(table.columns[: MOST_KEYS + 1])
    for place in range(1, len(names) if not prep.value_columns and table.shape[1] > 2 else 0):
        keys, count = names[:place], names[place]
        begins = _begins(table, keys) if table[count].dtype.kind in "iu" else np.empty(0, int)
        if not len(begins) or _words(keys) & DAYS or not _counts_in(table[count].to_numpy(), begins):
            continue
        lengths = np.diff(np.append(begins, len(table)))
        is_named = bool(_words(keys) & RUNS or _words([count]) & COUNTS)
        if lengths.min() < FEWEST:
            continue
        if is_named or np.ptp(lengths) or lengths[0] not in PARTS_OF_TIME:
            told = f"of {len(begins)} units ({', '.join(keys)}), counted by {count}, each is a series"
            return _apart(read, begins, keys, [*keys, count], told)
        return {"": replace(read, told=(*read.told, f"{count} counts anew with each {keys[-1]}: taken as one series"))}
    return {"": read}


def by_restart(read: TextTable, time: pd.Series, prep: PrepConfig, no_keys: Sequence[str]) -> dict[str, TextTable]:
    """The tables of the runs of a table whose clock counts from the start of each, where a column tells which run it
    is; {} where it is of one.

    no_keys: columns that tell no run, as those of labels, or of devices whose clocks may be one.
    """
    table = read.table
    if not is_text(time) and (time.dtype.kind not in "iuf" or times_of(time, prep).utc is not None):
        return {}
    if is_text(time) or time.name not in table.columns or time.isna().any():
        return {}
    begins = np.append(0, np.flatnonzero(np.diff(time.to_numpy(np.float64)) < 0) + 1)
    if len(begins) < 2 or np.diff(np.append(begins, len(table))).min() < FEWEST:
        return {}
    others = [name for name in table.columns if name not in (time.name, *no_keys) and table[name].dtype.kind != "f"]
    keys = [name for name in others if np.array_equal(_begins(table, [name]), begins)][:1]
    if not keys:
        steady = [name for name in others if np.isin(_changes(table, [name]), begins).all()][:MOST_KEYS]
        keys = steady if np.array_equal(_begins(table, steady), begins) else []
    if not keys or _words(keys) & (STARTS | DAYS):
        return {}
    told = f"of {len(begins)} runs ({', '.join(keys)}), whose clock {time.name} begins anew, each is a series"
    return _apart(read, begins, keys, keys, told)


def tells_runs(name: str) -> bool:
    """Whether the name of a column is that of runs, none of which is beside another in time."""
    return bool(_words([name]) & RUNS)


def _words(names: Sequence[str]) -> set[str]:
    """The words of names, as simulationRun and unit_nr have them, in small letters."""
    parts = (re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(name)) for name in names)
    return {word for part in parts for word in re.split(r"[\W_\d]+", part.lower()) if word}


def _changes(table: pd.DataFrame, keys: Sequence[str]) -> np.ndarray:
    """The rows (M,) where one of the keys is another than in the row before, and the first."""
    cells = table[list(keys)]
    return np.flatnonzero(cells.ne(cells.shift()).any(axis=1))


def _begins(table: pd.DataFrame, keys: Sequence[str]) -> np.ndarray:
    """The first rows (M,) of two runs or more, told by keys that each has alone; () where these are no keys."""
    if not keys or table[list(keys)].isna().any(axis=None):
        return np.empty(0, int)
    begins = _changes(table, keys)
    return begins if 1 < len(begins) == len(table[list(keys)].drop_duplicates()) else np.empty(0, int)


def _counts_in(numbers: np.ndarray, begins: np.ndarray) -> bool:
    """Whether whole numbers (N,) count by one from 0, or from 1, on in each part."""
    expected = np.arange(len(numbers)) - np.repeat(begins, np.diff(np.append(begins, len(numbers))))
    first = numbers - expected
    return bool(np.isin(first[:1], [0, 1]).all() and (first == first[0]).all())


def _apart(
    read: TextTable, begins: np.ndarray, keys: Sequence[str], dropped: Sequence[str], told: str
) -> dict[str, TextTable]:
    """A table for each part, by its keys; lines that are no rows are told once."""
    found, lost = {}, read.lost
    rows = read.table.drop(columns=list(dropped))
    names = [
        "_".join(str(cell).strip() for cell in row) for row in read.table.iloc[begins][list(keys)].to_numpy(object)
    ]
    for name, begin, end in zip(names, begins, [*begins[1:], len(rows)], strict=True):
        own = rows.iloc[begin:end].reset_index(drop=True)
        found[name] = replace(read, table=own, told=(*read.told, told), lost=lost)
        lost = ()
    return found
