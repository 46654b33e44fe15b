"""How the lines of a text are divided into cells, and which of them are names."""

import csv
import itertools
import re
from collections import Counter
from typing import NamedTuple

from data.sources.tables.lines.heads import NAMES_TIME, heads_above
from data.sources.tables.values.cells import is_number
from data.sources.times.parts import PART_NAMES
from data.sources.times.texts import CLOCK_ALONE, looks_like_time
from data.units import is_unit

LINES_LOOKED_AT = 200
FEWEST_ALIKE = 3  # rows below one, to tell that it is like them
MOST_LINES = 50  # of one record
NEARLY_ALL = 0.8  # of lines
MOST_SHARE = 0.5  # of cells that are numbers in a line of names
MOST_HEADS = 3  # rows of names
MOST_PREAMBLE = 40  # lines that are divided as rows are, before the names
MOST_HEADS_ABOVE, FEWEST_PARTS = 8, 3  # comments right before a table; parts of a time among names
SEPARATORS = ("\t", ";", "|", ",", " ")  # of several that fit, the first; " " is any white space
COMMENTS = ("#", "%", "//", ":")  # the last of NOAA's lists
_PLAIN_NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")
_GROUPED = re.compile(r"[-+]?\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?")
_TIME_NAMES = frozenset(name for names in PART_NAMES.values() for name in names)
_SETTING = re.compile(r"\s*[A-Za-z][\w ]*[:=].*\d")  # `START: 01-JAN-1997`, which names no column
# Of an oscilloscope's axis, where lines about itself stand above.
_NAMES_AXIS = re.compile(r"seconds?|secs?|in [mun]?s|x[ -]?axis", re.IGNORECASE)


class Layout(NamedTuple):
    """How lines are divided into cells."""

    separator: str
    skipped: int  # lines before the first row of cells
    names: list[str] | None
    ends_in_separator: bool = False


def lines_of(text: str, is_whole: bool) -> list[str]:
    """The lines of a text, the last one only where it is known to be whole."""
    lines = re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff"))  # as pandas counts them
    lines = lines if is_whole or len(lines) < 2 else lines[:-1]
    return records(lines)


def records(lines: list[str], separator: str = "") -> list[str]:
    """Lines as pandas counts them: one record each, whose quoted cells may hold line breaks.

    separator: of the cells, "" where the lines have to tell it.
    """
    if not any('"' in line for line in lines):
        return lines
    separator = separator or _separator([line for line in lines if line.strip()][:LINES_LOOKED_AT])
    if separator == " ":
        return lines
    reader = csv.reader([line + "\n" for line in lines], delimiter=separator, skipinitialspace=True)
    found, begin = [], 0
    try:
        for _ in reader:
            if reader.line_num - begin > MOST_LINES:
                return lines  # a quote that is never closed is a mark of inches, or of nothing
            found.append("\n".join(lines[begin : reader.line_num]))
            begin = reader.line_num
    except csv.Error:
        return lines
    return found


def layout_of(lines: list[str], separator: str = "") -> Layout:
    """How the lines are divided into cells, by a `separator` that is known or by what they look like, and which of them
    are names.
    """
    numbered = [(i, line) for i, line in enumerate(lines) if line.strip() and not line.startswith(COMMENTS)]
    if numbered and (given := re.fullmatch(r"sep=(.)", numbered[0][1].strip())):  # as Excel writes it
        numbered = numbered[1:]
        separator = given[1]
    separator = separator or _separator([line for _, line in numbered[:LINES_LOOKED_AT]])
    layout = _names_of(lines, numbered, separator)
    return layout._replace(names=_without_mark(layout.names)) if layout.names else layout


def _separator(lines: list[str]) -> str:
    """The separator that divides most of the lines into one number of cells; else a sign that divides nearly all."""
    best, best_share, most_divided = ",", 0.0, 0.0
    for separator in SEPARATORS:
        whole = records(lines, separator)
        rows = [cells_of(record, separator) for record in whole]
        counts = Counter(map(len, rows))
        width, count = max(counts.items(), key=lambda item: item[1], default=(1, 0))
        if width > 2 and not any(row[-1].strip() for row in rows if len(row) == width):
            count += counts[width - 1]  # each row ends in a sign, which names may not
        share = count / max(1, len(whole))
        divided = sum(counts[cells] for cells in counts if cells > 1) / max(1, len(whole))
        if separator == " " and width == 2 and (best_share > 0.5 or most_divided > NEARLY_ALL):
            continue  # the blank inside a time, where another sign divides most rows
        if width > 1 and share > best_share * (1.1 if separator == " " else 1.0) and share > 0.5:
            best, best_share = separator, share
        elif not best_share and separator != " " and divided > max(NEARLY_ALL, most_divided):
            best = separator  # of tables of unlike widths below each other
        most_divided = max(most_divided, divided)
    return best


def _names_of(lines: list[str], numbered: list[tuple[int, str]], separator: str) -> Layout:
    """The layout with its names: in the first line that is divided as the rows are, or in a comment before it."""
    if not numbered:
        return Layout(separator, len(lines), None)
    rows = [(i, cells_of(line, separator)) for i, line in numbered[:LINES_LOOKED_AT]]
    width = Counter(len(cells) for _, cells in rows[len(rows) // 2 :]).most_common(1)[0][0]
    if separator == " " and (found := _over_date_and_clock(rows, width)):
        return Layout(separator, found[0] + 1, found[1])
    if separator != " " and (heads := heads_above(rows, width, _comments(lines[: rows[-1][0]], separator))):
        return Layout(separator, heads.at + 1, heads.names, heads.is_shorter)
    at, cells = next(((i, cells) for i, cells in rows if len(cells) == width), rows[0])
    first_at, first = rows[0]
    is_right_above = all(is_data(row) for i, row in rows if first_at < i < at)
    if at != first_at and is_data(cells) and len(first) > 1 and is_right_above:
        at, cells = first_at, first
    if separator == " " and not is_data(cells):
        at, cells = _not_far_above(rows, at, cells, width)
    if is_data(cells) or _repeats_numbers(cells) or _is_like_below(cells, [row for i, row in rows if i > at]):
        names = _names_in_comment(lines[:at], separator, width)
        return Layout(separator, at, names or _names_below([row for i, row in rows if i > at], width))
    at, cells = _below_preamble([(i, row) for i, row in rows if i >= at and len(row) == len(cells)])
    cells, at = _of_several_rows([(i, row) for i, row in rows if i >= at and len(row) == len(cells)], cells)
    open_end = len(cells) == width - 1 and sum(not row[-1].strip() for _, row in rows[1:]) > 0.5 * len(rows[1:])
    return Layout(separator, at + 1, cells, open_end)


def _comments(lines: list[str], separator: str) -> list[tuple[int, list[str]]]:
    """The numbers and cells of lines that begin with a mark of comments, without it."""
    marked = [(i, line.lstrip("#%/: ")) for i, line in enumerate(lines) if line.startswith(COMMENTS)]
    return [(i, cells_of(line, separator)) for i, line in marked if line.strip()]


def _without_mark(names: list[str]) -> list[str]:
    """Names without the mark of a comment before the first of them; # alone is one of row numbers."""
    first = re.sub(r"^\s*#\s*(?=[^\W\d])", "", names[0])
    return [first, *names[1:]] if first not in names[1:] else names


def _not_far_above(rows: list[tuple[int, list[str]]], at: int, cells: list[str], width: int) -> tuple[int, list[str]]:
    """The line of the names, unless lines of other numbers of words stand between it and the rows: then these begin
    without names, as a logger's words about itself may be as many by chance.
    """
    first = next(((i, row) for i, row in rows if i > at and len(row) == width and is_data(row)), None)
    between = [row for i, row in rows if first and at < i < first[0]]
    is_far = len(between) > MOST_HEADS and any(len(row) != width for row in between)
    return first if first and is_far else (at, cells)


def _over_date_and_clock(rows: list[tuple[int, list[str]]], width: int) -> tuple[int, list[str]] | None:
    """The line of names above rows with a cell more, whose date and clock stand below one name, as of vmstat -t; and
    these with one for each. None of others.
    """
    below = [cells for _, cells in rows if len(cells) == width and not is_ruled(cells)]
    first_at = next(i for i, cells in rows if len(cells) == width)
    above = [(i, cells) for i, cells in rows if i < first_at and len(cells) == width - 1 and not is_ruled(cells)]
    if len(below) < FEWEST_ALIKE or not above or _holds_values(above[-1][1]):
        return None
    at, names = above[-1]
    for k, columns in enumerate(itertools.pairwise(zip(*below, strict=True))):
        dates, clocks = columns
        if all(map(CLOCK_ALONE.fullmatch, clocks)) and all(":" not in c and looks_like_time(c) for c in dates):
            return at, [*names[: k + 1], f"{names[k]} clock", *names[k + 1 :]]
    return None


def _names_below(rows: list[list[str]], width: int) -> list[str] | None:
    """Names that come after the first rows, as where a logger was started again while its output was kept; None
    without a word for time among them.
    """
    for names, below in itertools.pairwise(rows):
        filled = [cell.strip() for cell in names if cell.strip()]
        is_told = len(names) == width and len(set(filled)) == len(filled) >= max(2, width - 1)
        if is_told and any(map(NAMES_TIME.search, filled)) and not _holds_values(names):
            return names if is_data(below) and len(below) == width else None
    return None


def _below_preamble(rows: list[tuple[int, list[str]]]) -> tuple[int, list[str]]:
    """The line of the names, and these: the first row, unless it is a logger's about itself (Device;XY;), without a
    word for time, and names that begin with one, or with an axis of time, stand further down, above the rows.
    """
    if rows[0][1][0].strip().endswith(":"):  # keys and values, as "Sampling:,1.0MS/s"
        below = next((k for k, row in enumerate(rows[:MOST_PREAMBLE]) if not row[1][0].strip().endswith(":")), 0)
        is_told = below and not _holds_values(rows[below][1]) and any(is_data(row) for _, row in rows[below + 1 :][:2])
        return rows[below] if is_told else rows[0]
    known = [cell.strip() for cell in rows[0][1] if cell.strip()]
    if any(map(NAMES_TIME.search, known)) or len(set(known)) < len(known) or not rows[0][1][0].strip():
        return rows[0]
    for k, (at, cells) in enumerate(rows[:MOST_PREAMBLE]):
        names = {cell.strip() for cell in cells} - {""}
        is_of_time = NAMES_TIME.search(cells[0]) or _NAMES_AXIS.fullmatch(cells[0].strip())
        if is_of_time and len(names) == len(cells) - (not cells[-1].strip()) and not _holds_values(cells):
            return (at, cells) if any(is_data(row) for _, row in rows[k + 1 : k + 3]) else rows[0]
    return rows[0]


def _of_several_rows(rows: list[tuple[int, list[str]]], names: list[str]) -> tuple[list[str], int]:
    """Names and the number of their last line: where they are no names alone, as some are alike, with those below them.

    A name that stands over several columns is written over the first of them, or over all.
    """
    heads = list(itertools.takewhile(lambda row: not _holds_values(row[1]), rows[:MOST_HEADS]))
    known = [name.strip() for name in names if name.strip()]
    is_told = len(set(known)) == len(known) >= len(names) - 1  # one may be that of an index
    if len(heads) < 2 or len(heads) == len(rows) or (is_told and not _stands_over_two(names, heads[1][1])):
        return names, rows[0][0]
    above = list(itertools.accumulate(names, lambda last, name: name if name.strip() else last))
    parts = zip(above, *(row for _, row in heads[1:] if not is_ruled(row)), strict=True)
    joined = [" ".join(dict.fromkeys(filter(None, map(str.strip, column)))) for column in parts]
    return joined, heads[-1][0]


def _stands_over_two(names: list[str], below: list[str]) -> bool:
    """Whether a name is written over the first of two columns, whose own names, and no units, stand below it."""
    own = [cell.strip() for cell in below]
    are_letters = set("".join(own)) <= set("ABCDEFGH") and max(map(len, own)) == 1  # A and B of two, no amperes
    over_two = any(not name.strip() and own[k] for k, name in enumerate(names) if k)
    return over_two and (are_letters or not any(map(is_unit, own)))


def _repeats_numbers(cells: list[str]) -> bool:
    """Whether most cells of a line are numbers and some of them alike, or the first one with decimals: a row with words
    in it. Names that are numbers, as years, are unlike, and stand behind one.
    """
    numbers = [cell.strip() for cell in cells if is_number(cell)]
    filled = [cell.strip() for cell in cells if cell.strip()]
    if len(numbers) > MOST_SHARE * len(filled) and re.fullmatch(r"-?\d+\.\d+", filled[0]):
        return True
    return len(numbers) > MOST_SHARE * len(cells) and len(set(numbers)) < len(numbers)


def _is_like_below(cells: list[str], below: list[list[str]]) -> bool:
    """Whether a line with words is a row: it has a number over numbers alone, and a word that comes again below it, as
    names do only where all of them come again, or a clock over clocks.
    """
    below = [row for row in below if len(row) == len(cells) and row != cells]
    columns = list(zip(cells, *below, strict=True)) if len(below) >= FEWEST_ALIKE else []
    is_measured = any(all(map(_PLAIN_NUMBER.fullmatch, map(str.strip, column))) for column in columns)
    if is_measured and _is_row_of_numbers(cells, columns):
        return True
    again = any(word.strip() in map(str.strip, others) for word, *others in columns if _is_word(word))
    return is_measured and (again or any(all(map(CLOCK_ALONE.fullmatch, map(str.strip, column))) for column in columns))


def _is_row_of_numbers(cells: list[str], columns: list[tuple[str, ...]]) -> bool:
    """Whether most cells of a line are numbers that neither rise nor fall, as years, hours and depths among names do,
    and one of them comes again below it, as numbers of sensors do not.
    """
    numbers = [float(cell.replace(",", "")) for cell in map(str.strip, cells) if _GROUPED.fullmatch(cell)]
    steps = [later - before for before, later in itertools.pairwise(numbers)]
    goes_one_way = all(step > 0 for step in steps) or all(step < 0 for step in steps)
    again = any(
        cell.strip() in map(str.strip, below) for cell, *below in columns if _PLAIN_NUMBER.fullmatch(cell.strip())
    )
    return 2 * len(numbers) > len(cells) and len(numbers) >= FEWEST_ALIKE and not goes_one_way and again


def _is_word(cell: str) -> bool:
    return bool(re.search(r"[^\W\d_]", cell)) and not is_number(cell)


def _holds_values(cells: list[str]) -> bool:
    return any(is_number(cell) or looks_like_time(cell) for cell in map(str.strip, cells) if cell)


def _names_in_comment(before: list[str], separator: str, width: int) -> list[str] | None:
    """Names in the comment that stands right before the rows, as NumPy writes them; of several the one with most names
    of parts of a time, as units may stand below it, and a ruled line.
    """
    comments = [line.lstrip("#%/ ") for line in before[-MOST_HEADS_ABOVE:] if re.search(r"\w", line)]
    found = [cells_of(line, separator) for line in comments]
    if before and is_ruled(before[-1].split()):  # printed above tabs, as ngspice does
        found = [row if len(row) == width else cells_of(line, " ") for row, line in zip(found, comments, strict=True)]
    known = [sum(cell.strip().lower() in _TIME_NAMES for cell in cells) * (len(cells) == width) for cells in found]
    if max(known, default=0) >= FEWEST_PARTS:
        return found[known.index(max(known))]
    if not found or len(found[-1]) != width or is_data(found[-1]) or (width == 1 and _SETTING.match(comments[-1])):
        return None
    return found[-1]


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of a line; " " is any white space."""
    if separator == " ":
        line, plain = " ".join(line.split()), '"' not in line
        cells = line.split() if plain else next(csv.reader([line], delimiter=separator), [])
        return cells[:-1] if len(cells) > 1 and cells[-1] == "|" else cells  # the edge of IAGA's lines
    return next(csv.reader([part + "\n" for part in line.split("\n")], delimiter=separator, skipinitialspace=True), [])


def are_quoted_whole(lines: list[str]) -> bool:
    """Whether each line is one quoted cell that holds several, as where a table was pasted into a spreadsheet."""
    filled = [line.strip() for line in lines[:LINES_LOOKED_AT] if line.strip()]
    if len(filled) < FEWEST_ALIKE or not all(len(line) > 2 and line[0] == line[-1] == '"' for line in filled):
        return False
    inner = [unquoted(line) for line in filled]
    separator = _separator(inner)
    widths = {len(cells_of(line, separator)) for line in inner}
    return len(widths) == 1 and widths.pop() > 1 and {len(cells_of(line, separator)) for line in filled} == {1}


def unquoted(line: str) -> str:
    """What stands in a line that is one quoted cell."""
    return line.strip()[1:-1].replace('""', '"')


def is_ruled(cells: list[str]) -> bool:
    """Whether cells are a line drawn below the names: ---- ----."""
    return any(cells) and all(set(cell) <= set("-=+_:") for cell in cells)


def is_data(cells: list[str]) -> bool:
    """Whether a line holds no names: numbers alone, or a time among them, or a clock before numbers and gaps."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled or all(map(is_number, filled)) or any(map(looks_like_time, filled)):
        return bool(filled)
    others = [cell for cell in filled[1:] if cell.strip("-")]
    return bool(CLOCK_ALONE.fullmatch(filled[0]) and others and all(map(is_number, others)))
