"""Tables in text files as people have them: any usual separator, encoding and decimal sign, packed or not.

What a file does not say itself is found on its first lines and told; what can be read in two ways is asked for.
"""

import codecs
import csv
import io
import lzma
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from config import PrepConfig
from data.messages import amount, logger
from data.sources.archive_file.unpacked import compression_of, too_large, unpacked
from data.sources.base import LOOKED_AT_BYTES, TableError, stands_for
from data.sources.tables.forms.labelled import are_labelled, read_labelled
from data.sources.tables.forms.logs import log_of
from data.sources.tables.forms.long_table import named_as_long
from data.sources.tables.forms.rate_above import interval_above_s
from data.sources.tables.forms.years import printed_by_year, with_late_begin
from data.sources.tables.json_tables.nested import with_parsed_cells
from data.sources.tables.lines.encodings import FALLBACK, encoding_of, is_guessed
from data.sources.tables.lines.layout import (
    COMMENTS,
    LINES_LOOKED_AT,
    Layout,
    are_quoted_whole,
    cells_of,
    layout_of,
    lines_of,
    unquoted,
)
from data.sources.tables.lines.lines_above import named_as_missing, rows_before
from data.sources.tables.lines.names_again import in_first_order, without_comments
from data.sources.tables.lines.text_rows import (
    MORE_CELLS,
    grouped_columns,
    id_columns,
    perhaps_shifted,
    rows_of,
    widened,
    without_count,
    without_cut_row,
    without_groups,
    without_shorter,
    without_wider,
)
from data.sources.tables.programs.readers import reader_of
from data.sources.tables.table_size import CELL_BYTES, ROW_BYTES
from data.sources.tables.values.cells import decimal_of, is_number
from data.sources.times.column import SERIES_TIME_COLUMNS
from data.sources.times.texts import looks_like_time

log = logger(__name__)

SAMPLE_BYTES = 2**18
# Other kinds of files that hold tables, by their first bytes, and what to do with them.
OF_TABLES = {
    b"PK\x03\x04": "a workbook or an archive (zip): give it its own suffix, as .xlsx, .ods or .zip",
    b"\xd0\xcf\x11\xe0": "a workbook of old Excel: give it the suffix .xls, or save it as .xlsx or CSV",
    b"PAR1": "Parquet: give it the suffix .parquet",
    b"\x89HDF": "HDF5 or netCDF: give it the suffix .h5 or .nc",
    b"ARROW1": "Arrow: give it the suffix .arrow",
}
_QUOTED = re.compile(r"^'(.*)'$")
CUT_SHORT = "it ends within a row, as where the writer was stopped"


@dataclass(frozen=True)
class TextTable:
    """Cells of a file; `lost` are its lines that are no row of it, as (where, reason); `told` what was found out."""

    table: pd.DataFrame
    lost: tuple[tuple[str, str], ...] = ()
    told: tuple[str, ...] = ()
    decimal: str = ""
    missing: tuple[float, ...] = ()  # numbers that its comments name for missing values
    interval_s: float = 0.0  # of its rows, where the lines above them tell it
    units: dict[str, str] = field(default_factory=dict)  # by column or sensor, where they stand beside the numbers


def read_text(path: Path, prep: PrepConfig, *, as_text: bool = False) -> TextTable:
    """The table of a text file, its columns with unlike names; with `as_text` no cell is made a number.

    Raises TableError with the reason when it is none.
    """
    try:
        refuse_large(path, prep)
        with unpacked(path) as stream:
            sample = stream.read(SAMPLE_BYTES)
        if told := _is_no_text(sample[:LOOKED_AT_BYTES]):
            raise TableError(told)
        encoding = prep.encoding or encoding_of(sample)
        try:
            return _read(path, sample, encoding, prep, as_text)
        except UnicodeDecodeError:
            if prep.encoding:
                raise
            return _read(path, sample, FALLBACK, prep, as_text)
    except UnicodeDecodeError as error:
        raise TableError(f"not readable as a table: {error}; prep.encoding names how it is written") from None
    except TableError:
        raise
    except (ValueError, OSError, EOFError, lzma.LZMAError, csv.Error) as error:
        raise TableError(f"not readable as a table: {error}") from None
    except Exception as error:  # zlib.error is none of the above
        raise TableError(f"not readable as a table: {type(error).__name__}: {error}") from None


def _is_no_text(start: bytes) -> str:
    """What a file that begins so is in place of a text; "" of texts, and of what can't be told."""
    if kind := next((kind for marks, kind in OF_TABLES.items() if start.startswith(marks)), ""):
        return f"its suffix says text, but it is {kind}"
    return stands_for(start)


def refuse_large(path: Path, prep: PrepConfig) -> None:
    """Raises TableError when a packed file takes more than prep.max_input_mb once it is read; nothing of it is kept."""
    if not compression_of(path):
        return
    needed = 0
    with unpacked(path) as stream:
        while not (told := too_large(needed, prep.max_input_mb)) and (block := stream.read(2**20)):
            rows = block.count(b"\n")
            cells = rows + sum(map(block.count, (b",", b";", b"\t", b"|")))
            needed += len(block) + ROW_BYTES * rows + CELL_BYTES * cells
    if told:
        raise TableError(told)


def looks_like_table(path: Path) -> bool:
    """Whether a text file of no telling suffix holds a table: nearly all of its first lines are rows of numbers."""
    try:
        with unpacked(path) as stream:
            sample = stream.read(2**14)
        text = codecs.getincrementaldecoder(encoding_of(sample))("replace").decode(sample)
        lines = lines_of(text, len(sample) < 2**14)
    except Exception:  # whatever can't be unpacked or decoded
        return False
    if log_of(text):
        return False
    if _reader_of_whole(text):
        return True
    rows = [line for line in lines if line.strip() and not line.startswith(COMMENTS)]
    layout = layout_of(lines)
    cells = [cells_of(line, layout.separator) for line in rows[:LINES_LOOKED_AT]]
    if layout.separator != ",":  # a comma is the decimal sign then
        cells = [[cell.replace(",", ".", 1) for cell in row] for row in cells]
    width = max(map(len, cells), key=[len(row) for row in cells].count, default=0)
    has_signs = layout.separator != " "
    good = [_is_row(row) or (has_signs and len(row) == width > 2 and _has_time_and_number(row)) for row in cells]
    return len(good) > 1 and sum(good) >= 0.8 * (len(good) - 1)


def _is_row(cells: list[str]) -> bool:
    return sum(is_number(cell) or looks_like_time(cell) for cell in cells) >= max(1, len(cells) - 2)


def _has_time_and_number(cells: list[str]) -> bool:
    return any(map(looks_like_time, cells)) and any(map(is_number, cells))


def unlike_names(names: list[str]) -> list[str]:
    """Names of columns without blanks around them and control characters in them, numbered where two are alike."""
    taken: set[str] = set()
    found = []
    for number, name in enumerate(names):
        plain = " ".join("".join(c if c.isprintable() else " " for c in name).split()) or f"column_{number}"
        other = next(n for n in _numbered(plain) if n not in taken)
        taken.add(other)
        found.append(other)
    return found


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name} ({number})"
        number += 1


def _read(path: Path, sample: bytes, encoding: str, prep: PrepConfig, as_text: bool) -> TextTable:
    errors = "replace" if is_guessed(encoding) and not prep.encoding else "strict"
    text = codecs.getincrementaldecoder(encoding)(errors).decode(sample)
    if told := log_of(text):
        raise TableError(told)
    if reader := _reader_of_whole(text):
        with unpacked(path) as stream:
            table, what = reader(stream.read().decode(encoding, "replace"))
        return TextTable(table.set_axis(unlike_names(list(table.columns)), axis=1), (), (what,), ".")
    lines, stream = lines_of(text, len(sample) < SAMPLE_BYTES), unpacked(path)
    if are_quoted_whole(lines):
        whole = stream.read().decode(encoding, errors).splitlines()
        lines, stream = [*map(unquoted, lines)], io.StringIO("\n".join(map(unquoted, whole)))
    layout = layout_of(lines)
    rows = [cells_of(line, layout.separator) for line in lines[layout.skipped :][:LINES_LOOKED_AT]]
    printed = printed_by_year(layout.names, rows) if layout.separator == " " else []
    decimal = prep.decimal or ("." if layout.separator == "," else decimal_of([cell for row in rows for cell in row]))
    options = {"encoding": encoding, "encoding_errors": errors, "decimal": decimal or "."}
    names = unlike_names(printed or layout.names) if layout.names else []
    if names and (shifted := perhaps_shifted(names, rows, layout.separator)):
        log.warning(f"{path.name}: {shifted}")
    grouped = (
        [] if as_text or prep.decimal or decimal == "," or layout.separator == "," else grouped_columns(names, rows)
    )
    as_they_are = dict.fromkeys([*grouped, *id_columns(names, rows)], str)
    options |= {"dtype": str if as_text else as_they_are or None}
    table, lost, open_quotes = rows_of(path, stream, layout, widened(names, rows) or None, **options)
    if table.index.nlevels > 1:
        raise TableError(MORE_CELLS)
    may_be_short = layout.separator == " " and bool(names) and not printed
    count = len(names) or table.shape[1]
    table, odd, words = _without_odd_rows(table, path, layout, count, may_be_short, encoding, errors)
    lost, words = [*lost, *odd], (*words, *open_quotes)
    table, groups = without_groups(table, grouped)
    if not table.index.equals(pd.RangeIndex(len(table))):
        table = _with_row_names(table)
    if table.empty:
        raise TableError("it holds no row")
    table, remarks = _named(table, layout, bool(printed))
    table = table if as_text else with_parsed_cells(table)
    above = lines[: max(0, layout.skipped - bool(layout.names))]
    before = rows_before(above, layout.separator)
    told = _told(above, encoding, decimal, prep, len(before)) + words + groups + remarks
    above = lines[: layout.skipped]
    return TextTable(table, (*before, *lost), told, decimal, named_as_missing(above), interval_above_s(above))


def _without_odd_rows(
    table: pd.DataFrame, path: Path, layout: Layout, count: int, may_be_short: bool, encoding: str, errors: str
) -> tuple[pd.DataFrame, list[tuple[str, str]], tuple[str, ...]]:
    """A table without rows of more cells than `count`, or of fewer where blanks part them and one `may_be_short`, and
    without a last one that was cut; these, as (where, reason), and what to say.
    """
    table, counted = without_count(table, layout.skipped)
    table, lost, words = without_wider(table, count, layout.skipped)
    shorter: list[tuple[str, str]] = []
    if may_be_short and table.iloc[:, -1].isna().any():
        with unpacked(path) as again:
            table, shorter = without_shorter(table, again.read().decode(encoding, errors), layout.skipped)
    cut = without_cut_row(table, path, encoding, layout.separator)
    table, ends = (table, []) if cut is None else (cut, [(f"row {len(table)}", CUT_SHORT)])
    return table, [*counted, *shorter, *lost, *ends], words


def _named(table: pd.DataFrame, layout: Layout, is_printed: bool) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A table as its names have it, and what was made of it."""
    if not layout.names:
        table.columns = [f"column_{number}" for number in range(table.shape[1])]
        table = named_as_long(table)
    table = with_late_begin(table) if is_printed else table
    table, turned = _upright(_without_quotes(table), layout)
    if not layout.names:
        return table, turned
    table, among = without_comments(table, COMMENTS[:3])
    table, again = in_first_order(table, unlike_names)
    return table, (*turned, *among, *again)


def _reader_of_whole(text: str) -> Callable[[str], tuple[pd.DataFrame, str]] | None:
    """What reads a text that begins so as a whole; None for a table with separators."""
    return reader_of(text) or (read_labelled if are_labelled(text) else None)


def _with_row_names(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose rows have a cell more than there are names, as R writes it: the first one names the row, or is
    empty in all of them.

    Raises TableError where the first cell may as well be that of the first name.
    """
    rows = table.index
    if rows.nlevels == 1 and rows.isna().all():
        return table.reset_index(drop=True)
    is_text = rows.dtype.kind not in "iuf"
    is_count = rows.dtype.kind in "iu" and len(rows) > 1 and rows[0] in (0, 1) and bool((np.diff(rows) == 1).all())
    has_time = str(table.columns[0]).strip().lower() in SERIES_TIME_COLUMNS and all(
        map(looks_like_time, rows[:5].astype(str))
    )
    if (
        rows.nlevels > 1
        or has_time
        or not (is_text or is_count)
        or str(table.columns[0]).lower() in ("id", "index", "no")
    ):
        raise TableError(MORE_CELLS)
    return table.reset_index(
        names=next(name for name in _numbered("row" if is_count else "column_0") if name not in table)
    )


def _without_quotes(table: pd.DataFrame) -> pd.DataFrame:
    """A table without the single quotes that stand around each of its names and some of its cells, as PhysioNet's, or
    around each cell of a column.
    """
    names = [str(name) for name in table.columns]
    are_quoted = all(_QUOTED.fullmatch(name) for name in names)
    table = table.set_axis([name[1:-1] for name in names], axis=1) if are_quoted else table
    texts = {name: cells for name, cells in table.items() if cells.dtype.kind not in "biufcmM" and cells.notna().any()}
    found = {
        str(name): cells.str.replace(_QUOTED, r"\1", regex=True)
        for name, cells in texts.items()
        if are_quoted or all(_QUOTED.fullmatch(str(cell)) for cell in cells.dropna())
    }
    return table.assign(**found) if found else table


def _upright(table: pd.DataFrame, layout: Layout) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A table of one row of many numbers without names is one variable, as archives have it."""
    if layout.names or len(table) > 1 or table.shape[1] < 50:
        return table, ()
    return pd.DataFrame({"value": table.iloc[0].to_numpy()}), ("one line of numbers taken as one variable",)


def _told(above: list[str], encoding: str, decimal: str, prep: PrepConfig, n_rows: int) -> tuple[str, ...]:
    told = []
    if is_guessed(encoding) and not prep.encoding:
        told.append(f"it is not UTF-8 and read as {encoding}; prep.encoding names another")
    if decimal == "," and not prep.decimal:
        told.append("decimal comma")
    before = [line for line in above if line.strip()]
    if len(before) > n_rows and not all(line.startswith(COMMENTS) for line in before):
        told.append(f"{amount(len(before) - n_rows, 'line')} before the table left out")
    return tuple(told)
