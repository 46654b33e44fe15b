"""The cells of a text as they stand there, divided in the plainest way: nothing of how tables are read is used."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from data.sources.archive_file.unpacked import unpacked

MOST_BYTES = 2**18  # of the begin of a file
SIGNS = ("\t", ";", "|", ",")
LEAST_SHARE = 0.8  # of the lines, that one sign divides into as many cells
LEAST_NUMBERS = 0.3  # of the filled cells of a row, that begin as numbers and times do
FEWEST_ROWS = 8
_BEGINS_AS_NUMBER = re.compile(r"\s*['\"=(<]*[-+−]?[.,]?\d")
_IS_WORD = re.compile(r"\s*[^\W\d]")
_PAIR = re.compile(r'"([^"]{1,80})"\s*:\s*("[^"]{0,80}"|-?[\d.eE+-]+)')


@dataclass(frozen=True)
class RawCells:
    """above: lines before the first row, as cells. rows: as many cells each. is_whole: whether the file ends there.
    by_blanks: whether blanks alone divide the lines, and so words that are no names, too. others: lines of numbers
    below the first row, of more cells or fewer.
    """

    above: list[list[str]]
    rows: list[list[str]]
    is_whole: bool
    by_blanks: bool = False
    others: int = 0

    @cached_property
    def columns(self) -> list[list[str]]:
        """The cells of each column, without blanks around them."""
        return [[cell.strip() for cell in column] for column in zip(*self.rows, strict=True)]

    @cached_property
    def names(self) -> list[str]:
        """What stands nearest above each column, in a line of words with as many cells; "" where none is there."""
        width = len(self.rows[0])
        if self.by_blanks:
            return [""] * width
        is_open = not any(self.columns[-1])  # each row ends in a sign, which names may not
        words = [line for line in self.above if not any(map(_BEGINS_AS_NUMBER.match, line))]
        fitting = [line for line in words if width - is_open <= len(line) <= width]
        return [name.strip() for name in [*fitting[-1], ""][:width]] if fitting else [""] * width

    @cached_property
    def wider(self) -> list[str]:
        """The line right above the rows, where it is of words for more columns than there are; else []."""
        above = self.above[-1] if self.above and not self.by_blanks else []
        return above if all(map(_IS_WORD.match, above)) and len(above) > len(self.rows[0]) else []

    @cached_property
    def words_above(self) -> list[str]:
        """The line right above the rows, where it is of words, but of fewer than there are columns; else []."""
        above = self.above[-1] if self.above else []
        are_words = len(above) > 1 and all(map(_IS_WORD.match, above))
        return above if are_words and 2 * len(above) > len(self.rows[0]) > len(above) else []


def raw_cells(path: Path) -> RawCells | None:
    """The cells of a text file; None where no sign divides most lines into as many cells, or few are rows.

    Raises what unpacking it raises.
    """
    with unpacked(path) as stream:
        start = stream.read(MOST_BYTES + 1)
    text, is_whole = _text(start[:MOST_BYTES]), len(start) <= MOST_BYTES
    if "\0" in text[:1000]:
        return None
    if text.lstrip().startswith(("{", "[")):
        return _by_key(text, is_whole)
    lines = [line for line in text.splitlines() if line.strip()]
    cells, by_blanks = _divided(lines if is_whole else lines[:-1])
    likely = [k for k, line in enumerate(cells) if _is_row(line)]
    if not likely:
        return None
    width = Counter(len(cells[k]) for k in likely).most_common(1)[0][0]
    at = [k for k in likely if len(cells[k]) == width]
    at = at[next((k for k in range(len(at) - 1) if at[k + 1] == at[k] + 1), 0) :]  # settings stand above by themselves
    if len(at) < FEWEST_ROWS or len(at) < LEAST_SHARE * (len(cells) - at[0]):
        return None
    others = sum(k > at[0] for k in likely) + 1 - len(at)
    return RawCells(cells[: at[0]], [cells[k] for k in at], is_whole, by_blanks, others)


def _text(start: bytes) -> str:
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return start.decode("utf-16", "replace")
    if start[1:200:2].count(0) > 50:
        return start.decode("utf-16-le", "replace")
    try:
        return start.decode("utf-8-sig")
    except UnicodeDecodeError:
        return start.decode("latin-1")


def _by_key(text: str, is_whole: bool) -> RawCells | None:
    """What stands behind each key of JSON, a column of those that come as often as any; None where few do."""
    found: dict[str, list[str]] = {}
    for key, cell in _PAIR.findall(text):
        found.setdefault(key, []).append(cell.strip('"'))
    most = max(map(len, found.values()), default=0)
    columns = {key: cells for key, cells in found.items() if len(cells) == most}
    if most < FEWEST_ROWS:
        return None
    return RawCells([list(columns)], [list(row) for row in zip(*columns.values(), strict=True)], is_whole)


def _divided(lines: list[str]) -> tuple[list[list[str]], bool]:
    """The cells of lines by the first sign that divides most of them into as many, else by blanks; whether so."""
    is_quoted = any('"' in line for line in lines) and not any(line.count('"') % 2 for line in lines)
    for sign in SIGNS if lines else ():
        cells = list(csv.reader(lines, delimiter=sign)) if is_quoted else [line.split(sign) for line in lines]
        width, count = Counter(map(len, cells)).most_common(1)[0]
        if width > 1 and count >= LEAST_SHARE * len(cells):
            return cells, False
    return [line.split() for line in lines], True


def _is_row(cells: list[str]) -> bool:
    filled = [cell for cell in cells if cell.strip()]
    return bool(filled) and sum(map(bool, map(_BEGINS_AS_NUMBER.match, filled))) >= LEAST_NUMBERS * len(filled)
