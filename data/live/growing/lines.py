"""Lines of text that come one after the other -> rows, once the first ones tell what they are."""

import re

from data.live.series.json_rows import JsonRows
from data.live.series.row_form import RowForm, Rows
from data.live.series.text_rows import TextRows
from data.sources.base import TableError
from data.sources.tables.forms.logs import log_of
from data.sources.tables.lines.encodings import FALLBACK
from data.sources.tables.lines.layout import SEPARATORS, cells_of, is_data

FEWEST_LINES = 20  # that tell the columns of a table, where fewer do not
MOST_LINES_BEFORE = 200  # of a logger about itself


class Lines:
    """Reads the lines of a table, or of JSON where `is_json`, or where they begin so and it is None.

    names: of the columns of a table that goes on without any.
    """

    def __init__(self, form: RowForm, is_json: bool | None, names: list[str] | None = None):
        self.form, self.is_json, self.names = form, is_json, names
        self.first_lines: list[str] = []
        self.rows: TextRows | JsonRows | None = JsonRows(form) if is_json else None

    @property
    def problem(self) -> str:
        return self.rows.problem if isinstance(self.rows, TextRows) else ""

    def read(self, lines: list[str]) -> Rows | None:
        """The rows in further lines, None where these do not tell yet. Raises TableError where they are of another
        table than what is wanted.
        """
        if self.rows is None and self.is_json is None and (first := next(filter(str.strip, lines), "")):
            self.is_json = first.lstrip().startswith("{")
            self.rows = JsonRows(self.form) if self.is_json else None
        if self.rows is not None:
            found = self.rows.read(lines)
            self.names = self.rows.names if isinstance(self.rows, TextRows) else None
            return found
        self.first_lines += lines
        if told := log_of("\n".join(self.first_lines)):  # as influx's line protocol, which no table is
            raise TableError(told)
        try:
            found = TextRows.of(self.form, self.first_lines, self.names)
        except TableError as error:
            return self._not_told(error)
        if found is None:
            return None
        self.rows, lines = found
        self.names, self.first_lines = self.rows.names, []
        return self.rows.read(lines)

    def _not_told(self, error: TableError) -> Rows | None:
        """Wait for further lines. Raises the error where there are enough, but that of a file that came later: its
        rows are left out.
        """
        lines = self.first_lines
        are_rows = _rows_among(lines) > len(lines) / 2  # and not what a logger tells about itself
        if len(lines) < (FEWEST_LINES if are_rows else MOST_LINES_BEFORE):
            return None
        if self.names is None:
            raise error
        self.rows, self.first_lines = TextRows.unknown(self.form, self.names, str(error)), []
        return self.rows.read(lines)

    def rest(self) -> Rows | None:
        """What waits for more lines, where none will come. Raises TableError as `read` does."""
        if not (lines := self.first_lines) or self.rows is not None:
            return None
        if self.names is None:
            TextRows.of(self.form, lines, None)
            return None
        self.rows, self.first_lines = TextRows.unknown(self.form, self.names, "its columns are not told"), []
        return self.rows.read(lines)


def _rows_among(lines: list[str]) -> int:
    """How many lines are rows of numbers, or hold a time, by the sign that divides most of them so."""
    return max(sum(len(row) > 1 and is_data(row) for row in (cells_of(line, s) for line in lines)) for s in SEPARATORS)


def lines_of(content: bytes, encoding: str | None) -> list[str]:
    """Raises TableError for text of two bytes a character, whose lines end otherwise.

    Zeros end a line: what is before them was cut short, and what is behind them came later.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or (encoding or "").lower().replace("-", "").startswith("utf16"):
        raise TableError(
            "tables that grow are read as UTF-8 or in an encoding of one byte a character, not UTF-16: have it written "
            "so, or prepare and evaluate it once it is whole"
        )
    try:
        text = content.decode(encoding or "utf-8", "strict")
    except UnicodeDecodeError:
        text = content.decode(encoding or FALLBACK, "replace")  # as prep reads what is not UTF-8
    return [line.removeprefix("\ufeff") for line in re.split("\r\n|\n|\r|\0+", text)]
