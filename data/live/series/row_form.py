"""What rows of a table that still grows are read for, and one read of them as `prep` reads a whole table.

What a column is, and how its times and numbers are written, can't be told from one row. So the first rows are kept, and
each further part of the table is read together with them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from config import PrepConfig
from data.live.growing.moves import moves_of
from data.messages import unreadable
from data.sources.base import TableError
from data.sources.tables.forms.devices import device_column
from data.sources.tables.text_table import unlike_names
from data.sources.tables.values.cells import numbers_of
from data.sources.tables.values.missing import given_as_missing
from data.sources.tables.values.quality import masked
from data.sources.times.cells import times_of
from data.sources.times.clock_parts import on_day_of_name
from data.sources.times.column import time_column
from data.sources.times.texts import SeveralWaysError
from data.units import in_unit

HEAD_ROWS = 100  # that are kept, to read the others by
FEWEST_KNOWING = 10  # of them, that tell which column holds times
NO_ROW = "no row of the table"


class Rows(NamedTuple):
    """times: (N,) datetime64[ms], or float64 s of what has relative times alone; values: (N, C), both unknown where
    missing; where: (N,) text; reasons: (N,) text, why a row can't be used, else ""; moves_s: (N,) how much later times
    may be, as `moves_of` gives them."""

    times: np.ndarray
    values: np.ndarray
    where: np.ndarray
    reasons: np.ndarray
    moves_s: np.ndarray

    def __len__(self) -> int:
        return len(self.times)


class RowForm(NamedTuple):
    """What rows are read for: variables, whether their times are UTC, numbers that stand for missing values, and the
    units that the variables are wanted in, where they are known. file: its name may tell the day of its clocks. order:
    of day and month in dates of numbers alone, where rows do not tell it: that of the training, from a whole table.
    """

    channels: tuple[str, ...]
    has_utc: bool
    fills: dict[str, list[float]]
    prep: PrepConfig
    units: dict[str, str]
    file: str = ""
    order: str = ""

    @property
    def dtype(self) -> str:
        return "datetime64[ms]" if self.has_utc else "float64"

    def nothing(self, where: Sequence[str], reason: str) -> Rows:
        """Rows that can't be read."""
        n = len(where)
        times = np.full(n, "NaT" if self.has_utc else np.nan, self.dtype)
        return Rows(times, np.full((n, len(self.channels)), np.nan), text(where), text([reason] * n), np.zeros(n))

    def joined(self, parts: Sequence[Rows]) -> Rows:
        parts = parts or [self.nothing([], "")]
        return Rows(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def rows(self, table: pd.DataFrame, where: Sequence[str], number: int, decimal: str = "") -> Rows:
        """Rows of the end of a table; those before them only help to tell what its cells mean.

        number: how many rows there were before, of a table without times. Raises TableError where a variable, or the
        kind of time, is another than it was trained on.
        """
        table, _ = masked(table, self.prep, self.channels)
        names = plain_names(table)
        if missing := [name for name in self.channels if name not in names]:
            raise TableError(f"{', '.join(missing[:8])} {'is' if len(missing) == 1 else 'are'} none of {listed(names)}")
        values = np.stack([self._values(table[names[name]], name, decimal) for name in self.channels], axis=1)
        times, reasons, moves_s = self._times(table, number)
        last = slice(len(table) - len(where), None)
        return Rows(times[last], values[last], text(where), text(reasons[last]), moves_s[last])

    def refuse_devices(self, table: pd.DataFrame) -> None:
        """Raise TableError where a table is of several devices: its rows are no samples of one series."""
        column = self._time_column(table)
        if column is None or (device := device_column(table, column, self.prep)) is None:
            return
        names = ", ".join(map(str, table[device].dropna().unique()[:4]))
        raise TableError(f"its rows are of several devices ({device}: {names}); follow the rows of one of them")

    def knowing(self, table: pd.DataFrame) -> Self:
        """This, with the column of times that its first rows tell: of a counter that begins anew in a later part, or of
        numbers that do not rise in it, nothing else would.
        """
        if len(table) < FEWEST_KNOWING or self.prep.time_column is not None:
            return self
        column = self._time_column(table)
        if column is None or column.name not in table.columns:
            return self
        return self._replace(prep=replace(self.prep, time_column=str(column.name)))

    def _time_column(self, table: pd.DataFrame) -> pd.Series | None:
        # A few rows of a variable may rise as a clock does.
        variables = [
            c for name, c in plain_names(table).items() if name in self.channels and name != self.prep.time_column
        ]
        return time_column(table.drop(columns=variables), self.prep, is_told=not self.prep.value_columns)[0]

    def _values(self, column: pd.Series, name: str, decimal: str) -> np.ndarray:
        values, _, unit = numbers_of(column, self.prep.decimal or decimal)
        given = self.prep.missing_values
        values, _ = given_as_missing(values, tuple(self.fills.get(name, ()) if given is None else given))
        wanted = self.units.get(name, "")
        if not unit or not wanted:
            return values
        if (converted := in_unit(unit, wanted)) is None:
            raise TableError(f"{name} is in {unit}, and was in {wanted} in the training")
        return converted[0] * values + converted[1]

    def _times(self, table: pd.DataFrame, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        column = self._time_column(table)
        if column is None and self.has_utc and self.prep.start_utc is None:
            raise TableError(f"none of {listed(plain_names(table))} holds times; prep.time_column names it")
        if column is None:
            first = number - len(table)
            seconds = (np.arange(len(table)) + first) * (self.prep.sample_interval_sec or 1.0)
            column = pd.Series(seconds, name="s")
        prep, _ = on_day_of_name(column, self.prep, self.file)
        try:
            told = times_of(column, prep)
        except SeveralWaysError:
            if not self.order:
                raise
            told = times_of(column, prep := replace(prep, time_format=self.order))
        times, moves_s = moves_of(column, told, prep)
        if (times.utc is not None) != self.has_utc:
            wanted, found = ("UTC", "relative") if self.has_utc else ("relative", "UTC")
            raise TableError(f"its times are {found}, and those that it was trained on {wanted}; see prep.start_utc")
        found = times.seconds if times.utc is None else times.utc.astype("datetime64[ms]")
        return found, times.reasons, moves_s


def plain_names(table: pd.DataFrame) -> dict[str, Any]:
    """The columns of a table by the names that prep gives variables."""
    return dict(zip(unlike_names([str(name) for name in table.columns]), table.columns, strict=True))


def listed(names: Sequence[str] | dict[str, Any]) -> str:
    """The first names of columns, and how many there are, for errors."""
    names = list(names)
    return f"its columns {', '.join(names[:12])}{f' ... {len(names)} in all' if len(names) > 12 else ''}"


def text(cells: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Any cells as an array (N,) of strings."""
    return np.array([str(cell) for cell in cells], object)


def in_halves(lines: list, where: list[str], read: Callable[[list, list[str]], Rows], form: RowForm) -> Rows:
    """All lines read at once where that goes, else each half by itself; a line that can't be read keeps the reason."""
    if not lines:
        return form.nothing([], "")
    try:
        return read(lines, where)
    except Exception as error:  # readers of broken tables raise nearly anything
        if len(lines) == 1:
            return form.nothing(where, str(error) if isinstance(error, TableError) else unreadable(error))
    half = len(lines) // 2
    return form.joined([in_halves(lines[part], where[part], read, form) for part in (slice(half), slice(half, None))])


def head_before(head: list, rows: list) -> list:
    """The first rows of all, to be read before some; none where these begin with them: a clock would run twice."""
    return [] if head and rows[0] is head[0] and len(rows) >= len(head) else head
