"""Which line above the rows of a table holds the names of its columns: what is a row is told first, then from the rows
upwards, so that whatever a program says about itself above them counts for nothing.
"""

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

from data.sources.tables.values.cells import is_number
from data.sources.times.column import KNOWN_NAMES
from data.sources.times.texts import CLOCK_ALONE, looks_like_time
from data.units import is_unit, may_be_unit

NAMES_TIME = re.compile(
    r"(?:^|[^a-z])(?:date|time|timestamp|datetime|clock|utc|zeit|uhrzeit|datum|fecha|hora|heure|horodatage|tijd)(?:[^a-z]|$)"
    r"|time$|zeit$|zeit(?:stempel|punkt)|^stamp$|recorded|sampled|_at$|^data$|^data[ /]+ora$"
    r"|[dy]{2,4}[-./ ]?M{2}[-./ ]?[dy]{2,4}",  # or the form that its cells have
    re.IGNORECASE,
)
_KIND = re.compile(
    r"#?(?:date|time|date_?time|timestamp|string|text|varchar|char|bool(?:ean)?|u?(?:small|big)?int(?:eger)?\d*"
    r"|float\d*|double|real|number|numeric|decimal|long|short|word|dword)(?:[\[(:].*)?",
    re.IGNORECASE,
)
# UNIX times, and dates with clocks.
_COUNT = re.compile(
    r"[1-3]\d{9}(?:\d{3}){0,3}(?:[.,]\d+)?"
    r"|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])(?:[0-5]\d){1,2}"
)
_VALUE = re.compile(r"\s*[-+]?[\d.]")  # 10.000 V
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


def heads_above(
    rows: Sequence[tuple[int, list[str]]], width: int, comments: Sequence[tuple[int, list[str]]] = ()
) -> Heads | None:
    """The names that stand right above the rows; None where none of the lines there tells for certain that it is these.

    rows: numbers of lines and their cells. width: of most rows. comments: other lines, without their marks. A line of
    names has a name for each column, all unlike, and a word for time above the times, or nothing there alone. Where a
    line of units or kinds has that place, the lines above it are joined.
    """
    begin = _first_row(rows, width)
    if begin is None:
        return None
    looked_at = rows[begin : begin + ROWS_LOOKED_AT]
    if found := _in_setting(rows[:begin], looked_at, width):
        return found
    if not (times := _times_at(looked_at) or _passing_at(looked_at, [cells for _, cells in rows[:begin]])):
        return None
    begin = _with_short_rows(rows, begin, times[0])
    is_open = all(not cells[-1].strip() for _, cells in rows[begin : begin + ROWS_LOOKED_AT] if len(cells) == width)
    widths = (width, width - is_open)
    told = [line for line in comments if line[0] < rows[begin][0] and len(line[1]) in widths]
    are_heads = (_is_named, _is_named_but_times, _are_units)
    told = [line for line in told if not _is_row(line[1]) and any(is_head(line[1], times) for is_head in are_heads)]
    above = itertools.takewhile(lambda row: len(row[1]) in widths, sorted([*rows[:begin], *told], reverse=True))
    heads = list(itertools.takewhile(lambda row: not _is_row(row[1]), above))[:MOST_HEADS]
    found = _named_above(heads, width, times) if heads else None
    if not found or found.at == heads[0][0]:
        return found
    is_told = heads[0] in told  # units in a comment are no row, those in a line are read as one
    return Heads(heads[0][0], _joined([found.names], heads[0][1], times), found.is_shorter) if is_told else found


def _named_above(heads: Sequence[tuple[int, list[str]]], width: int, times: Sequence[int]) -> Heads | None:
    """The names among the lines above the rows, the nearest of which is the first."""
    at, nearest = heads[0]
    is_shorter, others = len(nearest) < width, [cells for _, cells in heads[1:] if len(cells) == len(nearest)]
    if is_shorter and not _name_times(nearest, times):  # units below names, and rows that are wider
        over = next((cells for cells in others if _is_named(cells, times) or _is_named_but_times(cells, times)), None)
        if over and (joined := _joined([over], nearest, times)):
            return Heads(at, joined, True)
    if all(_KIND.fullmatch(cell.strip()) for cell in nearest if cell.strip()):
        return None
    if len(heads) > 1 and _has_units_of(nearest, heads[1][1], times):
        return _named_above(heads[1:], width, times)
    if _are_units(nearest, times) and (joined := _joined(others[::-1], nearest, times)):
        return Heads(at, joined, is_shorter)
    if not (_is_named(nearest, times) or _is_named_but_times(nearest, times)):
        return _told_apart(at, nearest, others, times, is_shorter)
    if len(heads) == 2 and others and (_stands_over(others[0], times) or _is_begun_in(others[0], nearest, times)):
        return Heads(at, _below(others[0], nearest), is_shorter)
    return Heads(at, nearest, is_shorter)


def _told_apart(
    at: int, names: list[str], others: Sequence[list[str]], times: Sequence[int], is_shorter: bool
) -> Heads | None:
    """Names that come again, as X, Y and Z of each marker, with the nearest of the other lines that tells them apart;
    None where they don't name the times, or none does.
    """
    if not _name_times(names, times) or not all(map(str.strip, names[:-1])) or any(map(is_number, names)):
        return None
    below = ["" if k in times else cell for k, cell in enumerate(names)]
    for cells in others:
        joined = _below(["" if k in times or is_number(cell) else cell for k, cell in enumerate(cells)], below)
        joined = [names[k] if k in times else name for k, name in enumerate(joined)]
        if _is_named(joined, times):
            return Heads(at, joined, is_shorter)
    return None


def _first_row(rows: Sequence[tuple[int, list[str]]], width: int) -> int | None:
    """The place of the first line that is a row, as most of those behind it are."""
    for place, (_, cells) in enumerate(rows):
        if len(cells) == width and _is_row(cells) and not _is_setting(cells):
            some = [row for _, row in rows[place : place + ROWS_LOOKED_AT]]
            if sum(len(row) == width and _is_row(row) for row in some) > MOST * len(some):
                return place
    return None


def _is_setting(cells: Sequence[str]) -> bool:
    """Whether the first cell names what stands behind it, as `Date: 2024-03-05`."""
    return cells[0].strip().endswith((":", "="))


def _in_setting(
    above: Sequence[tuple[int, list[str]]], rows: Sequence[tuple[int, list[str]]], width: int
) -> Heads | None:
    """Names behind a setting, as LabChart's `ChannelTitle=`, above rows whose first numbers, the times, alone have none
    and rise; None of others.
    """
    settings = [cells for _, cells in above if len(cells) == width and cells[0].strip().endswith("=")]
    named = (cells for cells in settings if _tells_apart(cells, [0]) and not any(map(_VALUE.match, cells[1:])))
    names, first = next(named, None), [cells[0] for _, cells in rows if len(cells) == width]
    if not names or not all(map(is_number, first)) or not _rises(first):
        return None
    return Heads(above[-1][0], ["Time", *names[1:]])


def _with_short_rows(rows: Sequence[tuple[int, list[str]]], begin: int, time: int) -> int:
    """Where rows begin with one or two whose last cells are missing; more are those of another table."""
    short = itertools.takewhile(
        lambda row: 1 < len(row[1]) > time and looks_like_time(row[1][time]), rows[:begin][::-1]
    )
    count = len(list(short))
    return begin - count if count <= MOST_SHORT else begin


def _times_at(rows: Sequence[tuple[int, list[str]]]) -> list[int]:
    """The columns whose cells are dates, or clocks, in most of some rows, or count from 1970 and rise in all."""
    columns = list(itertools.zip_longest(*(cells for _, cells in rows), fillvalue=""))
    least = MOST * len(rows)
    dated = [k for k, cells in enumerate(columns) if sum(map(looks_like_time, cells)) > least]
    clocks = [k for k, cells in enumerate(columns) if sum(map(_is_clock, cells)) > least]
    counts = [k for k, cells in enumerate(columns) if all(map(_is_count, cells)) and _rises(cells)]
    return dated + clocks + counts


def _passing_at(rows: Sequence[tuple[int, list[str]]], above: Sequence[list[str]]) -> list[int]:
    """The columns whose numbers rise in all of some rows, below a word for time in one of the lines above."""
    columns = enumerate(itertools.zip_longest(*(cells for _, cells in rows), fillvalue=""))
    rising = [k for k, cells in columns if all(map(is_number, cells)) and _rises(cells)]
    return [k for k in rising if any(_name_times(cells, [k]) and not _is_row(cells) for cells in above)]


def _rises(cells: Sequence[str]) -> bool:
    numbers = [float(cell.strip().replace(",", ".")) for cell in cells]
    return len(numbers) > 1 and all(before < later for before, later in itertools.pairwise(numbers))


def _is_count(cell: str) -> bool:
    """Whether a cell may be a UNIX time in s, ms, us or ns, or a date with a clock in digits."""
    return bool(_COUNT.fullmatch(cell.strip()))


def _name_times(cells: Sequence[str], times: Sequence[int]) -> bool:
    known = [cells[place].strip() for place in times if place < len(cells)]
    return any(NAMES_TIME.search(name) or name.lower() in KNOWN_NAMES for name in known)


def _is_named(cells: Sequence[str], times: Sequence[int]) -> bool:
    """Whether a line has unlike names, one of a time above the times."""
    return _name_times(cells, times) and _are_unlike(cells)


def _is_named_but_times(cells: Sequence[str], times: Sequence[int]) -> bool:
    """Whether a line has unlike names for all columns but the times."""
    is_blank = not any(cells[k].strip() for k in times if k < len(cells))
    return is_blank and _tells_apart(cells, times)


def _tells_apart(cells: Sequence[str], times: Sequence[int]) -> bool:
    """Whether a line has unlike names above all columns but the times; the first may be blank, which counts rows, and
    the last, where each line ends in a separator."""
    own = [cell.strip() for k, cell in enumerate(cells) if k not in times]
    own = own[:-1] if len(own) > 1 and not own[-1] else own
    own = own[1:] if len(own) > 1 and 0 not in times and not own[0] else own
    return bool(own) and all(own) and len(set(own)) == len(own) and not any(map(is_number, own))


def _is_clock(cell: str) -> bool:
    return bool(CLOCK_ALONE.fullmatch(cell.strip()))


def _is_row(cells: Sequence[str]) -> bool:
    filled = [cell.strip() for cell in cells if re.search(r"\w", cell)]  # a dash, +++++ or ? stand for no value
    has_time = any(looks_like_time(cell) or _is_clock(cell) or _is_count(cell) for cell in filled)
    return bool(filled) and (has_time or all(map(is_number, filled)))


def _are_unlike(names: Sequence[str]) -> bool:
    """Whether all cells but the first and the last, or one, are filled and unlike."""
    filled = [name.strip() for name in names if name.strip()]
    blank = max(1, (not names[0].strip()) + (not names[-1].strip()))
    return len(set(filled)) == len(filled) >= max(1, len(names) - blank) and not any(map(is_number, filled))


def _has_units_of(cells: Sequence[str], names: Sequence[str], times: Sequence[int]) -> bool:
    """Whether a line has units, or all of it is bracketed, where it is unlike a line of names above it, or has nothing
    below its name of the times, as units that nobody knows here.
    """
    is_blank = not any(cells[k].strip() for k in times if k < len(cells))
    if is_blank and all(name.strip() for name in names) and _are_unlike(names) and _are_units(cells, times):
        return len(cells) == len(names)  # whatever the times are called
    if not (_is_named(names, times) or (is_blank and _is_named_but_times(names, times))):
        return False
    if is_blank and _name_times(names, times) and len(cells) == len(names):
        return all(name.strip() for cell, name in zip(cells, names, strict=True) if cell.strip())
    unlike = [pair for pair in zip(cells, names, strict=False) if pair[0].strip() != pair[1].strip()]
    has_unit, have_units = (any(is_unit(pair[k].strip()) for pair in unlike) for k in (0, 1))
    if _is_named(cells, times) and has_unit and not have_units:  # TS, RN, Deg C of Campbell's loggers
        return True
    return _are_units([cell if cell != name else "" for cell, name in zip(cells, names, strict=False)], times)


def _stands_over(cells: Sequence[str], times: Sequence[int]) -> bool:
    """Whether a line is the upper half of names in two lines: nothing above the times, and words above most others."""
    others = [cell.strip() for k, cell in enumerate(cells) if k not in times]
    above_times = [cells[k].strip() for k in times if k < len(cells)]
    return not any(above_times) and sum(map(bool, others)) > MOST * len(others)


def _is_begun_in(cells: Sequence[str], below: Sequence[str], times: Sequence[int]) -> bool:
    """Whether a line is the upper half of names in two lines: the times are named in it alone, others are not."""
    return _name_times(cells, times) and not any(below[k].strip() for k in times if k < len(below))


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
    return bool(units) and (is_bracketed or sum(map(may_be_unit, units)) > MOST * len(units))


def _joined(above: Sequence[Sequence[str]], units: Sequence[str], times: Sequence[int]) -> list[str]:
    """Names of the lines above one of units that tell its columns apart, its own above the times; [] without any. What
    has other words above the times than such for time is a program's about itself.
    """
    telling = []
    for cells in above:
        is_of_times = _name_times(cells, times) or not any(cells[k].strip() for k in times if k < len(cells))
        if is_of_times and _tells_apart(cells, times):
            telling.append(cells)
    if not telling:
        return []
    found = []
    for unit, *parts in zip(units, *telling, strict=True):
        name, plain = " ".join(dict.fromkeys(filter(None, map(str.strip, parts)))), _BRACKETS.sub(r"\1", unit.strip())
        found.append(f"{name} [{plain}]" if name and is_unit(plain) else name or unit)
    return found
