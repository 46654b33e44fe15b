"""Which line above the rows of a table holds the names of its columns: what is a row is told first, then from the rows
upwards, so that whatever a program says about itself above them counts for nothing.
"""

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

from data.sources.tables.values.cells import is_number
from data.sources.times.texts import CLOCK_ALONE, looks_like_time
from data.units import is_unit

NAMES_TIME = re.compile(
    r"(?:^|[^a-z])(?:date|time|timestamp|datetime|utc|zeit|uhrzeit|datum|fecha|hora|heure|horodatage|tijd)(?:[^a-z]|$)"
    r"|time$|zeit$|zeit(?:stempel|punkt)|recorded|sampled|_at$|^data$|^data[ /]+ora$"
    r"|[dy]{2,4}[-./ ]?M{2}[-./ ]?[dy]{2,4}",  # or the form that its cells have
    re.IGNORECASE,
)
_KIND = re.compile(
    r"#?(?:date|time|date_?time|timestamp|string|text|varchar|char|bool(?:ean)?|u?(?:small|big)?int(?:eger)?\d*"
    r"|float\d*|double|real|number|numeric|decimal|long|short|word|dword)(?:[\[(:].*)?",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"^[(\[]([^()\[\]]+)[)\]]$")
ROWS_LOOKED_AT = 5  # from the first one on, most of which have to be rows
MOST_HEADS = 8  # lines right above the rows that may be names, units, kinds ...
MOST_SHORT = 2  # rows at the begin of a table
MOST = 0.5


class Heads(NamedTuple):
    """at: number of the last line that is none of the rows. names: of the columns, with the units of a line below them.
    is_shorter: each row ends in a separator, which the names do not.
    """

    at: int
    names: list[str]
    is_shorter: bool = False


def heads_above(rows: Sequence[tuple[int, list[str]]], width: int) -> Heads | None:
    """The names that stand right above the rows; None where none of the lines there tells for certain that it is these.

    rows: numbers of lines and their cells. width: of most rows. A line of names has a name for each column, all unlike,
    and a word for time above the times. Where a line of units or kinds has that place, the lines above it are joined.
    """
    begin = _first_row(rows, width)
    if begin is None or not (times := _times_at(rows[begin : begin + ROWS_LOOKED_AT])):
        return None
    begin = _with_short_rows(rows, begin, times[0])
    is_open = all(not cells[-1].strip() for _, cells in rows[begin : begin + ROWS_LOOKED_AT] if len(cells) == width)
    above = itertools.takewhile(lambda row: len(row[1]) in (width, width - is_open), reversed(rows[:begin]))
    heads = list(itertools.takewhile(lambda row: not _is_row(row[1]), above))[:MOST_HEADS]
    if not heads:
        return None
    at, nearest = heads[0]
    if len(nearest) < width and not _name_times(nearest, times):  # units below names, and rows that are wider
        over = (cells for _, cells in heads[1:] if _name_times(cells, times) and _are_unlike(cells))
        names = next((_joined([cells], nearest, times) for cells in over if len(cells) == len(nearest)), [])
        return Heads(at, names, True) if names else None
    if not _name_times(nearest, times) or all(_KIND.fullmatch(cell.strip()) for cell in nearest if cell.strip()):
        return None
    if len(heads) > 1 and _has_units_of(nearest, heads[1][1], times):
        return None  # below a line of names, which is read as a row of them
    if not _are_units(nearest, times):
        if len(heads) == 2 and len(heads[1][1]) == len(nearest) and _stands_over(heads[1][1], times):
            return Heads(at, _below(heads[1][1], nearest), len(nearest) < width)
        return Heads(at, nearest, len(nearest) < width) if _are_unlike(nearest) else None
    joined = _joined([cells for _, cells in reversed(heads[1:]) if len(cells) == len(nearest)], nearest, times)
    return Heads(at, joined, len(nearest) < width) if joined else None


def _first_row(rows: Sequence[tuple[int, list[str]]], width: int) -> int | None:
    """The place of the first line that is a row, as most of those behind it are."""
    for place, (_, cells) in enumerate(rows):
        if len(cells) == width and _is_row(cells):
            some = [row for _, row in rows[place : place + ROWS_LOOKED_AT]]
            if sum(len(row) == width and _is_row(row) for row in some) > MOST * len(some):
                return place
    return None


def _with_short_rows(rows: Sequence[tuple[int, list[str]]], begin: int, time: int) -> int:
    """Where rows begin with one or two whose last cells are missing; more are those of another table."""
    short = itertools.takewhile(
        lambda row: 1 < len(row[1]) > time and looks_like_time(row[1][time]), rows[:begin][::-1]
    )
    count = len(list(short))
    return begin - count if count <= MOST_SHORT else begin


def _times_at(rows: Sequence[tuple[int, list[str]]]) -> list[int]:
    """The columns whose cells are dates, or clocks, in most of some rows."""
    columns = list(itertools.zip_longest(*(cells for _, cells in rows), fillvalue=""))
    least = MOST * len(rows)
    dated = [k for k, cells in enumerate(columns) if sum(map(looks_like_time, cells)) > least]
    clocks = [k for k, cells in enumerate(columns) if sum(map(_is_clock, cells)) > least]
    return dated + clocks


def _name_times(cells: Sequence[str], times: Sequence[int]) -> bool:
    return any(NAMES_TIME.search(cells[place]) for place in times if place < len(cells))


def _is_clock(cell: str) -> bool:
    return bool(CLOCK_ALONE.fullmatch(cell.strip()))


def _is_row(cells: Sequence[str]) -> bool:
    filled = [cell.strip() for cell in cells if cell.strip()]
    has_time = any(looks_like_time(cell) or _is_clock(cell) for cell in filled)
    return bool(filled) and (has_time or all(map(is_number, filled)))


def _are_unlike(names: Sequence[str]) -> bool:
    """Whether all cells but the last, or the first, are filled and unlike."""
    filled = [name.strip() for name in names if name.strip()]
    return len(set(filled)) == len(filled) >= len(names) - 1 and not any(map(is_number, filled))


def _has_units_of(cells: Sequence[str], names: Sequence[str], times: Sequence[int]) -> bool:
    """Whether a line has units, or all of it is bracketed, where it is unlike a line of names above it."""
    if not (_name_times(names, times) and _are_unlike(names)):
        return False
    return _are_units([cell if cell != name else "" for cell, name in zip(cells, names, strict=False)], times)


def _stands_over(cells: Sequence[str], times: Sequence[int]) -> bool:
    """Whether a line is the upper half of names in two lines: nothing above the times, and words above most others."""
    others = [cell.strip() for k, cell in enumerate(cells) if k not in times]
    above_times = [cells[k].strip() for k in times if k < len(cells)]
    return not any(above_times) and sum(map(bool, others)) > MOST * len(others)


def _below(above: Sequence[str], names: Sequence[str]) -> list[str]:
    """Names in two lines as one; the upper one is written over the first of its columns, or over all."""
    over = itertools.accumulate(map(str.strip, above), lambda last, own: own or last)
    return [
        " ".join(dict.fromkeys(filter(None, (upper, name.strip())))) for upper, name in zip(over, names, strict=True)
    ]


def _are_units(cells: Sequence[str], times: Sequence[int]) -> bool:
    """Whether most cells of a line, but those above the times, are units, or all of it is put into brackets."""
    others = [cell.strip() for k, cell in enumerate(cells) if k not in times and cell.strip()]
    units = [_BRACKETS.sub(r"\1", cell) for cell in others]
    is_bracketed = all(map(_BRACKETS.match, filter(None, map(str.strip, cells))))
    return bool(units) and (is_bracketed or sum(map(is_unit, units)) > MOST * len(units))


def _joined(above: Sequence[Sequence[str]], units: Sequence[str], times: Sequence[int]) -> list[str]:
    """Names of the lines above one of units that tell its columns apart, its own above the times; [] without any."""
    telling = []
    for cells in above:
        own = [cell.strip() for k, cell in enumerate(cells) if k not in times]
        if all(own) and len(set(own)) == len(own) and not any(map(is_number, own)):
            telling.append(cells)
    if not telling:
        return []
    found = []
    for unit, *parts in zip(units, *telling, strict=True):
        name, plain = " ".join(dict.fromkeys(filter(None, map(str.strip, parts)))), _BRACKETS.sub(r"\1", unit.strip())
        found.append(f"{name} [{plain}]" if name and is_unit(plain) else name or unit)
    return found
