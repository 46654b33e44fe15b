"""Lines whose numbers have their names before them: `Temp: 20.3 C, Hum: 50 %`, logfmt, Arduino's serial monitor."""

import io
import re
from collections import Counter

import pandas as pd

from data.sources.tables.values.cells import is_number
from data.sources.times.texts import CLOCK_ALONE, looks_like_time

FEWEST, LOOKED_AT, ALIKE = 3, 200, 0.8  # lines, of the first ones; share that has the same names
_NAME = r"[A-Za-z_][\w./%°()\[\]-]*(?: [A-Za-z_]\w*)?"
_UNIT = r"(?: ?[°%µA-Za-z/²³]{1,8}(?![\w]*\s*[=:]))?"
_VALUE = rf'(?:"(?:[^"\\]|\\.)*"|\d{{4}}-\d\d-\d\d[ T]\d\d:\d\d[^\s,;|]*|[-+]?\d[^\s,;|"=]*{_UNIT}|[^\s,;|"=]+)'
_PAIR = re.compile(rf"({_NAME})\s*[=:]\s*({_VALUE})(?=$|[\s,;|])")
_LEAD = re.compile(
    r"[\[(]?(\d[\d:.,/TZ +-]*\d[Zz]?)[\])]?(?:[\s,;|]+|\s*->?\s*|\s*>\s*)(?:[A-Z]{4,8}:?\s+)?(?=[A-Za-z_])"
)
_SINCE_1970 = re.compile(r"\d{9,}(?:\.\d+)?")
_MONITOR = re.compile(r"(\d\d:\d\d:\d\d\.\d{3}) -> ")  # of Arduino


def are_labelled(text: str) -> bool:
    """Whether the first lines of a text are such, nearly all with the same names."""
    lines = _lines(text)[:-1][:LOOKED_AT]
    if len(lines) < FEWEST:
        return False
    if all(map(_MONITOR.match, lines)):
        return True
    if not any(sign in lines[-1] for sign in "=:"):
        return False
    found = Counter(tuple(pairs) for line in lines if (pairs := _pairs(line)))
    (names, count), *_ = found.most_common(1) or [((), 0)]
    holds_numbers = any(is_number(re.split(r"(?<=\d)[^\d.eE+-]", value)[0]) for value in _pairs(lines[-1]).values())
    return count >= ALIKE * len(lines) and holds_numbers and any(name != "time" for name in names)


def read_labelled(text: str) -> tuple[pd.DataFrame, str]:
    """The table of a whole text, a column for each name, and what it is. Lines of another form are empty rows."""
    lines = _lines(text)
    monitor = sum(map(bool, map(_MONITOR.match, lines))) > ALIKE * len(lines)
    if monitor and not any(map(_pairs, lines[-LOOKED_AT:])):
        return _read_monitor(lines), "lines of a serial monitor"
    table = pd.DataFrame(list(map(_pairs, lines)), dtype=object)
    return _typed(table), "lines of names and values"


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.removeprefix("\ufeff").splitlines() if line.strip()]


def _pairs(line: str) -> dict[str, str]:
    """The values of a line by their names, with the time before them as `time`; {} where the line has another form."""
    lead = _LEAD.match(line)
    if lead and not any(
        is_time(lead[1]) for is_time in (looks_like_time, CLOCK_ALONE.fullmatch, _SINCE_1970.fullmatch)
    ):
        return {}
    at = lead.end() if lead else 0
    found = {"time": lead[1]} if lead else {}
    while pair := _PAIR.match(line, at):
        found[pair[1]] = pair[2].strip('"')
        at = pair.end() + len(line[pair.end() :]) - len(line[pair.end() :].lstrip(" \t,;|"))
    return found if at == len(line) else {}


def _read_monitor(lines: list[str]) -> pd.DataFrame:
    """Rows of a serial monitor, with the clock before each as `time`; names from a first one without a number."""
    rows = [re.split(r"[,;\t ]+", _MONITOR.sub(r"\1,", line).strip(",; ")) for line in lines]
    names = [f"column_{place}" for place in range(max(map(len, rows)))]
    if not any(map(is_number, rows[0][1:])):
        names[1 : len(rows[0])], rows = rows[0][1:], rows[1:]
    return _typed(pd.DataFrame(rows, dtype=object, columns=["time", *names[1:]]))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Columns whose cells are all numbers as such, as the reader of tables has them."""
    return pd.read_csv(io.StringIO(table.to_csv(index=False)), skip_blank_lines=False, low_memory=False)
