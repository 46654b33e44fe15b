"""The variables of a table: the columns that are given, else all that are mostly numbers."""

import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from config import PrepConfig
from data.messages import amount, logger
from data.sources.base import TableError
from data.sources.tables.values.cells import numbers_of
from data.sources.tables.values.going_round import told_turns, turn_of
from data.sources.tables.values.missing import doubtful, given_as_missing, without_fills
from data.sources.times.column import chosen, is_text
from data.sources.times.texts import CLOCK_ALONE, looks_like_time

log = logger(__name__)

FEWEST_COUNTED = 8  # rows of a column that is not called a number of rows
_NUMBER_OF = "entry|sample|record|reading|measurement|message|packet|frame|scan|line|log|data|point|seq(?:uence)?"
ROW_NUMBERS = re.compile(
    r"column_0|index|id|no\.?|nr\.?|row|#|unnamed: 0|record|rec|rn|row[_ ]?(?:names?|ids?|no|nr|num|number|index)|obs"
    r"|idx|recn(?:br|o|um)|seq(?:uence)?"
    rf"|(?:{_NUMBER_OF})[ _.-]?(?:id|no\.?|nr\.?|num|number|index|idx|count|counter|#)",
    re.IGNORECASE,
)
COUNTS_OF_TIME = ("t", "time", "timestep", "time_step", "time_index", "time_idx", "obs", "period")
MOST_STATES, FEWEST_KNOWN = 8, 20  # words beside the numbers of a variable; and its numbers
MOST_DIGITS = 0.9  # of the cells of a column that is no variable, before it is said
SHARE_UNREAD = 0.05  # of a variable's cells that may hold digits and be no numbers, before it is said


@dataclass
class Variables:
    """What was found in a table.

    columns: values (N,) by name. fills: which numbers stood for missing values, by name. units: those that stand in
    cells, by name. remarks: what was made of cells, and the names that it is said of. turns: after
    which variables begin anew, by name.
    """

    columns: dict[str, np.ndarray] = field(default_factory=dict)
    fills: dict[str, list[float]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    turns: dict[str, float] = field(default_factory=dict)

    def values(self) -> np.ndarray:
        """(N, C)."""
        return np.stack(list(self.columns.values()), axis=1)

    def told(self) -> tuple[str, ...]:
        """The remarks, for people."""
        return tuple(
            f"{', '.join(names[:5])}{' ...' if len(names) > 5 else ''}: {what}" for what, names in self.remarks.items()
        )


def variables_of(
    table: pd.DataFrame,
    prep: PrepConfig,
    notes: dict[str, str],
    decimal: str,
    file: str,
    named: tuple[float, ...],
    timed: np.ndarray,
) -> Variables:
    """The variables of a table. `notes` holds the columns that are something else, and is told what became of the
    others; `named` are numbers that the file names for missing values, `timed` (N,) the rows that have a time.
    Raises TableError when there are none.
    """
    given = tuple(str(chosen(table, name, (), "prep.value_columns")) for name in prep.value_columns)
    found = Variables()
    for name in given or [name for name in table.columns if name not in notes]:
        values, written, unit = numbers_of(table[name], prep.decimal or decimal)
        notes[name], is_variable = _kind_of(table, name, values, bool(given), notes, timed)
        if not is_variable:
            if odd := _digits_left_out(table[name], notes[name]):
                log.warning(f"{file}: {name} is left out: {odd}")
            continue
        if unread := _unread_numbers(table[name], values):
            log.warning(f"{file}: {name}: {unread}")
        values, missing, stand_ins = _without_missing(values, prep, named)
        notes[name] += f", {missing} taken as missing" if missing else ""
        if not np.isfinite(values).any():
            notes[name] = f"left out: {missing} taken as missing, nothing else in it"
            continue
        if missing and prep.missing_values is None:
            kept = f"{missing} taken as missing (prep.missing_values=[] keeps such)"
            written = "; ".join(filter(None, (written, kept)))
        elif prep.missing_values is None and (odd := doubtful(values)):
            log.warning(f"{file}: {name}: {odd} prep.missing_values=[{odd.split()[0]}] takes it as such")
        if written:
            found.remarks.setdefault(written, []).append(name)
        found.columns[name] = values
        found.turns |= {str(name): turn} if (turn := turn_of(values)) else {}
        found.units |= {name: unit} if unit else {}
        found.fills |= {str(name): stand_ins} if stand_ins else {}
    if found.turns:
        log.warning(f"{file}: {told_turns(found.turns)}")
    if not found.columns:
        raise TableError(_why_no_variable(table, notes))
    return found


def _kind_of(
    table: pd.DataFrame, name: str, values: np.ndarray, is_given: bool, notes: dict[str, str], timed: np.ndarray
) -> tuple[str, bool]:
    """What a column is, for people, and whether it is a variable."""
    filled, known = int(table[name].notna().sum()), int(np.isfinite(values).sum())
    is_numbers = is_given or table[name].dtype.kind in "biuf"  # even if most of them are infinite
    if not known or (not is_numbers and known < 0.5 * filled and not _has_states(table[name], values)):
        return f"left out: {known} of its {filled} cells are numbers", False
    if not is_given and timed.any() and not np.isfinite(values[timed]).any():
        return "left out: numbers in rows without a time alone, as of sums below a table", False
    if not is_given and table.shape[1] > 1 and _are_row_numbers(table, name, values, notes):
        return "left out: row numbers", False
    if known == 1 and np.isfinite(values[0]) and not is_given and len(table) >= FEWEST_COUNTED and table.shape[1] > 1:
        return "left out: a number in the first row alone", False
    kind = "constant value" if np.nanmin(values) == np.nanmax(values) else "value"
    if filled == known:
        return kind, True
    odd = table[name][~np.isfinite(values)].dropna()
    return f"{kind}, {amount(filled - known, 'cell')} without a number, as '{odd.iloc[0]}'", True


def _has_states(column: pd.Series, values: np.ndarray) -> bool:
    """Whether most cells of a variable are a few words that say why it has no number: No Data, Bad, I/O Timeout."""
    words = column[~np.isfinite(values)].dropna().astype("string").str.strip()
    known = values[np.isfinite(values)]
    has_digits = words.str.contains(r"\d", regex=True).any()
    return bool(
        len(known) >= FEWEST_KNOWN and not has_digits and words.nunique() <= MOST_STATES < len(np.unique(known))
    )


def _unread_numbers(column: pd.Series, values: np.ndarray) -> str:
    """What to say of a variable many of whose cells hold digits and are no numbers; "" where few do."""
    if not is_text(column):
        return ""
    odd = column[~np.isfinite(values)].dropna()
    odd = odd[odd.astype("string").str.contains(r"\d", regex=True)]
    if len(odd) <= SHARE_UNREAD * column.notna().sum():
        return ""
    return f"{len(odd)} of its {column.notna().sum()} cells, as {str(odd.iloc[0])!r}, are not read, and are filled in"


def _digits_left_out(column: pd.Series, note: str) -> str:
    """What to say of a column that is left out, whose cells nearly all begin with digits and change; "" of others."""
    if not is_text(column) or "cells are numbers" not in note:
        return ""
    cells = column.dropna().astype("string").str.strip()
    if len(cells) < FEWEST_COUNTED or cells.str.match(r"[-+(]?[\d.,]+(?:\D|$)").mean() < MOST_DIGITS:
        return ""
    if cells.nunique() < MOST_STATES or cells.str.fullmatch(CLOCK_ALONE).all():
        return ""
    if all(map(looks_like_time, cells.iloc[:FEWEST_COUNTED])):  # when something ended, say
        return ""
    return f"its cells, as {cells.iloc[0]!r}, are no numbers; write them as such to have it"


def _why_no_variable(table: pd.DataFrame, notes: dict[str, str]) -> str:
    others = [name for name in table.columns if not notes.get(name, "").startswith(("time", "label"))]
    cell = next((repr(cell) for name in others for cell in table[name].dropna()), "")
    example = f", e.g. {cell}" if cell else ""
    return f"none of its columns {list(table.columns)[:20]} holds numbers{example}; see prep.value_columns"


def _without_missing(
    values: np.ndarray, prep: PrepConfig, named: tuple[float, ...]
) -> tuple[np.ndarray, str, list[float]]:
    """Values without those that stand for missing ones, and which these were, for people and as numbers."""
    given = prep.missing_values
    values, counts = given_as_missing(values, named if given is None else given)
    if given is None:
        values, usual = without_fills(values)
        counts |= usual
    return (
        values,
        " and ".join(f"{value:.10g} in {amount(count, 'cell')}" for value, count in counts.items()),
        list(counts),
    )


def counts_rows(name: str, column: pd.Series) -> bool:
    """Whether a column is called a number of rows, and is one."""
    return (
        bool(ROW_NUMBERS.fullmatch(name)) and column.dtype.kind in "iu" and _goes_on_by_one(column.to_numpy(np.float64))
    )


def _goes_on_by_one(values: np.ndarray) -> bool:
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return False
    numbers = values[known[0] : known[-1] + 1]  # below them may be what is no row
    return np.array_equal(numbers, numbers[0] + np.arange(len(numbers)))


def _are_row_numbers(table: pd.DataFrame, name: str, values: np.ndarray, notes: dict[str, str]) -> bool:
    """Whether a column counts the rows: of such a name, first or where there are times; or of any, first, from 0 or 1
    on, where another column has the times (EasyLog's has the name of the logger).
    """
    first, times = table.columns[0], [column for column, note in notes.items() if note.startswith("time")]
    is_called = bool(ROW_NUMBERS.fullmatch(name)) and (name == first or bool(times))
    is_called |= str(name).lower() in COUNTS_OF_TIME and bool(times) and len(values) >= FEWEST_COUNTED
    is_first = name == first and bool(times) and len(values) >= FEWEST_COUNTED and values[0] in (0, 1)
    return (is_called or is_first) and _goes_on_by_one(values)
