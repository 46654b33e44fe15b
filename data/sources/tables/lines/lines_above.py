"""What the lines above a table of text tell: numbers for missing values, and rows of another table."""

import itertools
import re

from data.sources.tables.lines.layout import cells_of, is_data

FEWEST_ROWS = 3  # one after the other, that are no remarks with a number or a date
_NUMBER = r"(-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)"
_MISSING = re.compile(
    rf"(?:missing|no[_ -]?data|fill|bad)[_ -]?(?:data|values?|flag)?\s*(?:is|are|=|:)?\s*{_NUMBER}\s*$", re.IGNORECASE
)
_MISSING_OF_EACH = re.compile(r"(?:missing|no[_ -]?data|fill)[_ -]?(?:data)?[_ -]?values?\s*:(.*)$", re.IGNORECASE)
_IS = re.compile(rf"=\s*{_NUMBER}(?![\w.])")
IAGA, NEITHER_OF_IAGA = re.compile(r"\bIAGA-?2002\b"), (99999.0, 99999.9, 88888.0)  # not known, not recorded


def named_as_missing(before: list[str]) -> tuple[float, ...]:
    """Numbers that lines before a table name for missing values, as `Missing data: -1.00e+05`, or of each variable, as
    `Missing data values: Density = -9999.9, Temp. = -1.00e+05`.
    """
    if any(IAGA.search(line) for line in before):
        return NEITHER_OF_IAGA
    found = [match[1] for line in before if (match := _MISSING.search(line))]
    found += [text for line in before if (each := _MISSING_OF_EACH.search(line)) for text in _IS.findall(each[1])]
    return tuple(dict.fromkeys(map(float, found)))


def rows_before(lines: list[str], separator: str) -> tuple[tuple[str, str], ...]:
    """The lines before a table that are rows of another one, as (where, reason): of a logger that got a column more."""
    cells = [cells_of(line, separator) for line in lines]
    runs = itertools.groupby(enumerate(cells), key=lambda item: len(item[1]) * is_data(item[1]))
    rows = [(width, list(run)) for width, run in runs if width > 1]
    reason = "of {} cells, unlike the rows further down; give it a file of its own"
    return tuple((f"line {i + 1}", reason.format(w)) for w, run in rows if len(run) >= FEWEST_ROWS for i, _ in run)
