"""Lines of a growing table with separators -> rows."""

import csv
import io
import itertools
import warnings
from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
import pandas as pd

from data.live.series.row_form import HEAD_ROWS, RowForm, Rows, head_before, in_halves, listed
from data.sources.base import TableError
from data.sources.tables.lines.layout import Layout, cells_of, layout_of, records
from data.sources.tables.text_table import unlike_names
from data.sources.tables.values.cells import decimal_of, is_number

NO_ROW = "no row of the table"


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
