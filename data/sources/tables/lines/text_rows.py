"""The rows of a text as pandas reads them, without those that are none: cut short, or with more or fewer cells than
there are names, as where a separator in a text, or in a name, is not quoted.
"""

import csv
import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from data.messages import amount
from data.sources.archive_file.unpacked import compression_of, unpacked
from data.sources.tables.device_names import DEVICES, plain_name
from data.sources.tables.lines.layout import Layout, cells_of, is_data
from data.sources.tables.values.cells import is_number
from data.sources.times.column import is_text

LAST_BYTES = 2**14
FEWEST_ROWS = 3  # that tell how long the last one should be
OPEN_QUOTE = "a quote that is never closed: quotes are taken as plain signs"
NEARLY_ALL = 0.9  # of the rows: where so many are wider than the names, these are not those of the first cells
_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}(?:\.\d{3})+")
_BELOW_1000 = re.compile(r"[-+]?\d{1,3}")
_ID = re.compile(r"0\d+|\d+[eE]\d+")
MOST_UNLIKE = 0.5  # of the ids in the first rows; more of them count rows
BEYOND = "cell beyond the names"
MORE_CELLS = "its rows have more cells than its first line has names"


def widened(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Names with a stand-in for each further cell that some rows have, and others have not; else the names."""
    widths = [_filled(row) for row in rows if _filled(row)]
    wider = sum(width > len(names) for width in widths)
    if not wider or wider >= NEARLY_ALL * len(widths):
        return list(names)
    return [*names, *(f"{BEYOND} {number}" for number in range(1, max(widths) - len(names) + 1))]


def without_wider(
    table: pd.DataFrame, count: int, skipped: int
) -> tuple[pd.DataFrame, list[tuple[str, str]], tuple[str, ...]]:
    """A table of its first `count` columns: what it lost, as (where, reason), and what to say of it.

    Rows with further cells are lost, as nobody knows which of their separators is none, unless the last column holds
    words, in these rows too: then those had it. skipped: lines before the first row.
    """
    if table.shape[1] <= count:
        return table, [], ()
    wider, table = table.iloc[:, count:].notna().any(axis=1).to_numpy(bool), table.iloc[:, :count]
    are_words = table.iloc[:, -1].notna() & pd.to_numeric(table.iloc[:, -1], errors="coerce").isna()
    of_words = is_text(table.iloc[:, -1]) and bool((are_words | table.iloc[:, -1].isna())[~wider].all())
    kept = wider & are_words.to_numpy(bool) & of_words
    wider = wider & ~kept
    reason = f"more cells than the {count} names: a decimal comma, or a separator in a text, that is not quoted?"
    lost = [(f"line {skipped + row + 1}", reason) for row in wider.nonzero()[0]]
    told = (f"{table.columns[-1]}: separators in its texts in {amount(int(kept.sum()), 'row')}",) if kept.any() else ()
    return table[~wider].reset_index(drop=True), lost, told


def without_count(table: pd.DataFrame, skipped: int) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """A table without a first row that tells in each of its cells how many rows follow, and what it lost."""
    first = pd.to_numeric(table.iloc[0], errors="coerce").dropna() if len(table) > FEWEST_ROWS else pd.Series()
    if not len(first) or len(first) < table.iloc[0].notna().sum() or not (first == len(table) - 1).all():
        return table, []
    return table.iloc[1:].reset_index(drop=True), [(f"line {skipped + 1}", "tells how many rows follow")]


def without_shorter(table: pd.DataFrame, text: str, skipped: int) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """A table parted by blanks without its rows of fewer cells than it has columns, which are lost: where a cell is
    empty those behind it would stand below the names of others.

    text: of the file. skipped: lines of it before the first row.
    """
    lines = re.split(r"\r\n|\n|\r", text)[skipped:]
    counts = np.array([len(cells_of(line, " ")) for line in lines if line.strip()])
    if len(counts) != len(table):
        return table, []
    short = counts < table.shape[1]
    reason = f"fewer cells than the {table.shape[1]} names, and blanks don't tell which is empty"
    return table[~short].reset_index(drop=True), [(f"line {skipped + row + 1}", reason) for row in short.nonzero()[0]]


def perhaps_shifted(names: Sequence[str], rows: Sequence[Sequence[str]], separator: str) -> str:
    """What to say of a table whose rows all have one number of cells, fewer than there are names, or some of whose rows
    are shorter, with words below numbers; "" of others.
    """
    widths = {len(row) for row in rows if _filled(row)}
    if len(widths) > 1:
        return _glued(names, rows)
    if len(rows) < 2 or not widths or not 1 < (width := widths.pop()) < len(names):
        return ""
    return (
        f"its first line has {len(names)} names, and each of its rows {width} cells: values may stand below the names "
        f"of others, as where a name holds a {separator!r} and no quotes; the last, {names[-1]!r}, is empty"
    )


def _glued(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """What to say where most of the rows with fewer cells than names have words in a column of numbers, as `0.0NaN` of
    two cells without a separator; "" of others.
    """
    full = [row for row in rows if len(row) == len(names)]
    short = [row for row in rows if 1 < len(row) < len(names)]
    columns = [[row[k] for row in full if row[k].strip()] for k in range(len(names))]
    numbers = {k for k, cells in enumerate(columns) if cells and all(map(is_number, cells))}
    below = [[row[k] for k in numbers if k < len(row) and row[k].strip()] for row in short]
    words = [next((cell for cell in cells if not is_number(cell)), "") for cells in below]
    if not any(words) or sum(map(bool, words)) <= MOST_UNLIKE * len(short):
        return ""
    return (
        f"{len(short)} of its first {len(rows)} rows have fewer cells than the {len(names)} names, and words below "
        f"numbers, as {next(filter(None, words))!r}: where a separator is missing, values stand below other names"
    )


def grouped_columns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Names of columns of whole numbers below 1000 and of others with points before each three digits, as 987 beside
    1.031: who writes fractions writes 987.000.
    """
    found = []
    for place, name in enumerate(names):
        cells = [row[place].strip() for row in rows if len(row) == len(names) and row[place].strip()]
        counts = [sum(bool(form.fullmatch(cell)) for cell in cells) for form in (_GROUPED, _BELOW_1000)]
        if sum(counts) == len(cells) and min(counts) >= FEWEST_ROWS:
            found.append(name)
    return found


def id_columns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Names of columns of devices whose ids look like numbers and are none: 007 beside 7, and 12e4."""
    found = []
    for place, name in enumerate(names):
        cells = [row[place].strip() for row in rows if len(row) == len(names)] if plain_name(name) in DEVICES else []
        if any(map(_ID.fullmatch, cells)) and len(set(cells)) <= MOST_UNLIKE * len(cells):
            found.append(name)
    return found


def without_groups(table: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A table with the numbers of columns whose points group thousands, read as text, and what to say of them; a column
    that has fractions further down is read as it is.
    """
    found: dict[str, pd.Series] = {}
    told = []
    for name in names:
        cells = table[name].astype("string").str.strip()
        are_groups = (cells.str.fullmatch(_GROUPED) | cells.str.fullmatch(_BELOW_1000)).fillna(True).all()
        found[name] = pd.to_numeric(cells.str.replace(".", "", regex=False) if are_groups else cells, errors="coerce")
        if found[name].notna().sum() < cells.notna().sum():
            found[name] = table[name]  # words among them
        elif are_groups:
            told.append(f"{name}: its points group thousands, as its numbers without one are all below 1000")
    return table.assign(**found), tuple(told)


def _filled(row: Sequence[str]) -> int:
    """How many cells a row has up to its last one that is not empty."""
    return next((place for place in range(len(row), 0, -1) if row[place - 1].strip()), 0)


def rows_of(
    path: Path, stream: IO, layout: Layout, names: list[str] | None, **options: Any
) -> tuple[pd.DataFrame, list[tuple[str, str]], tuple[str, ...]]:
    """The rows of a text, the lines that are none, and what to say of quotes that are never closed: as a mark of inches
    they would take all rows up to the next one, or the end, into one cell. They are plain signs then.
    """
    try:
        with stream:
            table, lost = _parsed(stream, layout, names, **options)
        if not _holds_rows(table, layout.separator):
            return table, lost, ()
    except pd.errors.ParserError as error:
        if "inside string" not in str(error):
            raise
    with unpacked(path) as again:
        return *_parsed(again, layout, names, quoting=csv.QUOTE_NONE, **options), (OPEN_QUOTE,)


def _holds_rows(table: pd.DataFrame, separator: str) -> bool:
    """Whether a cell of several lines has rows of the table in it."""
    width = table.shape[1]
    for name in [name for name in table.columns if is_text(table[name])]:
        cells = table[name].dropna().astype("string")
        long = cells[cells.str.contains("\n", regex=False)]
        inner = (cells_of(line, separator) for cell in long for line in cell.split("\n")[1:-1])
        if any(len(row) == width > 1 and is_data(row) for row in inner):
            return True
    return False


def _parsed(
    stream: IO, layout: Layout, names: list[str] | None, **options: Any
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """The rows of a text as pandas reads them, and the lines that are none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = pd.read_csv(
            stream,
            sep=r"\s+" if layout.separator == " " else layout.separator,
            header=None,
            names=names,
            index_col=False if layout.ends_in_separator or (names and names[-1].startswith(BEYOND)) else None,
            skiprows=layout.skipped,
            skipinitialspace=True,
            on_bad_lines="warn",
            low_memory=False,
            **options,
        )
    found = (re.findall(r"line (\d+): (.*)", str(w.message)) for w in caught)
    return table, [(f"line {line}", reason) for lines in found for line, reason in lines]


def without_cut_row(table: pd.DataFrame, path: Path, encoding: str, separator: str) -> pd.DataFrame | None:
    """A table without its last row, where the file ends in it: no end of a line, and fewer cells than all others have.
    None where it is whole, or the file is packed.
    """
    if len(table) < FEWEST_ROWS or not table.iloc[-1].isna().any() or compression_of(path):
        return None
    with path.open("rb") as stream:
        stream.seek(-min(LAST_BYTES, path.stat().st_size), os.SEEK_END)
        end = stream.read().decode(encoding.removesuffix("-sig"), "replace")
    if end.endswith(("\n", "\r", "\0")):
        return None
    width = len(cells_of(end.splitlines()[-1], separator))
    others = table.iloc[:-1, width:]
    return table.iloc[:-1] if others.shape[1] and others.notna().all(axis=None) else None
