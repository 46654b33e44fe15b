"""Rows of a table that still grows -> times and values, read as `prep` reads a whole table.

What a column is, and how its times and numbers are written, can't be told from one row. So the first rows are kept, and
each further part of the table is read together with them.
"""

import csv
import io
import itertools
import json
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from config import PrepConfig
from data.live.growing.moves import moves_of
from data.messages import unreadable
from data.sources.base import TableError
from data.sources.tables.forms.devices import device_column
from data.sources.tables.lines.layout import Layout, cells_of, layout_of, records
from data.sources.tables.text_table import unlike_names
from data.sources.tables.values.cells import decimal_of, is_number, numbers_of
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


class TextRows:
    """Lines of a table with separators; the first ones say how they are divided and what their columns are called.

    problem: why no row can be read by the names that came last, "" where rows can.
    """

    def __init__(self, form: RowForm, layout: Layout, names: list[str], head: list[str], decimal: str):
        self.form, self.layout, self.names, self.head, self.decimal = form, layout, names, head, decimal
        self.number, self.problem = 0, ""

    @classmethod
    def of(cls, form: RowForm, lines: list[str], names: list[str] | None = None) -> "tuple[Self, list[str]] | None":
        """For a table that begins with these lines, and those of its rows; None where they do not tell yet.

        names: of a table that goes on without any. Raises TableError where it lacks a variable.
        """
        layout = layout_of(lines := records(lines))
        names = layout.names or names
        if len(lines) <= layout.skipped:
            return None
        if names is None:
            raise TableError("its columns have no names, by which the variables could be known")
        found = cls(form, layout, unlike_names(names), [], "")
        filled = (line for line in lines[layout.skipped :] if line.strip())
        found.head = [*itertools.islice(itertools.takewhile(lambda line: not found._is_names(line), filled), HEAD_ROWS)]
        cells = [cell for line in found.head for cell in cells_of(line, layout.separator)]
        found.decimal = form.prep.decimal or ("." if layout.separator == "," else decimal_of(cells))
        form.rows(head := found._table(found.head), [], 0, found.decimal)
        form.refuse_devices(head)
        return found, lines[layout.skipped :]

    @classmethod
    def unknown(cls, form: RowForm, names: list[str], problem: str) -> Self:
        """For lines that can't be read, until names come that hold the variables. names: of the rows before."""
        found = cls(form, Layout(",", 0, None), names, [], form.prep.decimal or "")
        found.problem = problem
        return found

    def read(self, lines: list[str]) -> Rows:
        """Rows of further lines; empty ones are none, and names that come again are told."""
        filled = [line for line in records(lines, self.layout.separator) if line.strip()]
        where = [f"row {self.number + 1 + i}" for i in range(len(filled))]
        self.number += len(filled)
        if not self._may_be_names("\n".join(filled)):
            return self.form.joined(self._below_names(filled, where) if filled else [])
        parts = []
        for is_names, rows in itertools.groupby(zip(filled, where, strict=True), lambda row: self._is_names(row[0])):
            lines, at = (list(part) for part in zip(*rows, strict=True))
            parts += [self._again(lines, at)] if is_names else self._below_names(lines, at)
        return self.form.joined(parts)

    def _below_names(self, lines: list[str], where: list[str]) -> list[Rows]:
        """Rows that follow each other are read together."""
        parts = []
        for why, part, at in self._by_reason(lines, where):
            parts.append(self.form.nothing(at, why) if why else in_halves(part, at, self._rows, self.form))
            if len(self.head) < HEAD_ROWS:
                good = (line for line, reason in zip(part, parts[-1].reasons, strict=True) if not reason)
                self.head = [*head_before(self.head, part), *good][:HEAD_ROWS]
        return parts

    def _by_reason(self, lines: list[str], where: list[str]) -> Iterator[tuple[str, list[str], list[str]]]:
        """Lines that follow each other and are rows, "", or none for one reason."""
        separator, widest = self.layout.separator, len(self.names) + self.layout.ends_in_separator
        if not self.problem and separator != " " and all(line.count(separator) < widest for line in lines):
            yield "", lines, where
            return
        for why, rows in itertools.groupby(zip(lines, where, strict=True), lambda row: self._why_none(row[0])):
            own, at = (list(part) for part in zip(*rows, strict=True))
            yield why, own, at

    def _why_none(self, line: str) -> str:
        """Why a line can be no row, else ""."""
        if self.problem:
            return self.problem
        signs = len(line.split()) - 1 if self.layout.separator == " " else line.count(self.layout.separator)
        if signs < len(self.names) + self.layout.ends_in_separator:
            return ""
        width, known = len(cells_of(line, self.layout.separator)), len(self.names)
        if width <= known + self.layout.ends_in_separator:
            return ""
        return f"{width} cells below {known} names; rows are read again once names stand above them"

    def _may_be_names(self, text: str) -> bool:
        """Whether a line, or one of several, may be names again: a known one is in it."""
        return any(name in text for name in (self.names[0], *self.form.channels[:8]))

    def _is_names(self, line: str) -> bool:
        """Whether a line is the names again, or other ones of which at least half are known, and none is a number."""
        if not self._may_be_names(line):
            return False  # most rows are told by this alone
        cells = unlike_names(cells_of(line, self.layout.separator))
        if sorted(cells) == sorted(self.names):
            return True
        return len(set(cells) & set(self.names)) >= len(self.names) / 2 and not any(map(is_number, cells))

    def _again(self, lines: list[str], where: list[str]) -> Rows:
        """No rows, and what follows is read by the last of these names."""
        for line in lines:
            self._read_by(unlike_names(cells_of(line, self.layout.separator)))
        lacking = [name for name in self.form.channels if name not in self.names]
        told = f", without {', '.join(lacking[:5])}" if lacking else ""
        self.problem = f"its columns are now {listed(self.names)}" if len(lacking) == len(self.form.channels) else ""
        return self.form.nothing(where, f"the names of the columns again{told}")

    def _read_by(self, names: list[str]) -> None:
        """Read what follows by names that came again, in whatever order, more of them or fewer."""
        if self.names == names:
            return
        separator = self.layout.separator
        rows = [dict(zip(self.names, cells_of(line, separator), strict=False)) for line in self.head]
        self.head = [line_of([row.get(name, "") for name in names], separator) for row in rows]
        self.names = names

    def _rows(self, lines: list[str], where: list[str]) -> Rows:
        before = head_before(self.head, lines)
        table = self._table([*before, *lines])
        if len(table) != len(before) + len(lines):
            raise TableError(NO_ROW)
        self.form = self.form.knowing(table)
        lacking = [name for name in self.form.channels if name not in self.names]
        table = table.assign(**dict.fromkeys(lacking, np.nan)) if lacking else table
        return self.form.rows(table, where, int(where[-1].split()[-1]), self.decimal)

    def _table(self, lines: list[str]) -> pd.DataFrame:
        """Raises TableError for lines of more cells than there are names."""
        separator = self.layout.separator
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                io.StringIO("\n".join(lines)),
                sep=r"\s+" if separator == " " else separator,
                header=None,
                names=self.names,
                index_col=False if self.layout.ends_in_separator else None,
                decimal=self.decimal or ".",
                on_bad_lines="warn",
                low_memory=False,
            )
        if not table.index.equals(pd.RangeIndex(len(table))):
            raise TableError("its rows have more cells than its first line has names")
        return table


def line_of(cells: Sequence[str], separator: str) -> str:
    """Cells as a line that is divided into them again."""
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, lineterminator="").writerow(cells)
    return stream.getvalue()


class JsonRows:
    """Lines of JSON objects, by the names of variables; what a line does not hold is missing."""

    def __init__(self, form: RowForm):
        self.form, self.head, self.number = form, [], 0

    def read(self, lines: list[str]) -> Rows:
        """Rows of further lines. Raises TableError where none of the first ones holds any of the variables."""
        filled = [line for line in lines if line.strip()]
        where = [f"line {self.number + 1 + i}" for i in range(len(filled))]
        self.number += len(filled)
        found = [object_of(line) for line in filled]
        self._keep_head([one for one in found if isinstance(one, dict)])
        return self.form.joined([*self._parts(found, where)])

    def _parts(self, found: list[dict | str], where: list[str]) -> list[Rows]:
        """Objects that follow each other are read together; a text is the reason why a line is none."""
        parts, begin = [], 0
        for i, one in [*enumerate(found), (len(found), "")]:
            if isinstance(one, dict):
                continue
            parts.append(in_halves(found[begin:i], where[begin:i], self._rows, self.form))
            parts.append(self.form.nothing(where[i : i + 1], one))
            begin = i + 1
        return parts

    def _keep_head(self, found: list[dict]) -> None:
        if len(self.head) >= HEAD_ROWS or not found:
            return
        self.head = [*self.head, *found][:HEAD_ROWS]
        if not any(name in one for one in self.head for name in self.form.channels):
            raise TableError(f"none of {listed(list(self.head[0]))} is one of {', '.join(self.form.channels[:12])}")
        self.form.refuse_devices(pd.DataFrame.from_records(self.head).map(_hashable))

    def _rows(self, found: list[dict], where: list[str]) -> Rows:
        known = [*head_before(self.head, found), *found]
        table = pd.DataFrame.from_records(known)
        lacking = [name for name in self.form.channels if name not in table.columns]
        table = table.assign(**dict.fromkeys(lacking, np.nan))
        self.form = self.form.knowing(table)
        return self.form.rows(table, where, int(where[-1].split()[-1]))


def _hashable(cell: Any) -> Any:
    return cell if isinstance(cell, Hashable) else str(cell)


def object_of(line: str) -> dict[str, Any] | str:
    """The JSON object in a line, or why there is none."""
    try:
        found = json.loads(line)
        return dict(_flat(found, "")) if isinstance(found, dict) else "no JSON object"
    except (ValueError, RecursionError) as error:
        return f"no JSON: {str(error).splitlines()[0]}"


def _flat(found: dict[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    """Values of objects in objects by the names that prep gives them: data.temp."""
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
