"""nmon's recordings of machines: lines of many sections, each with the number of a moment, whose time is told once."""

import re

import pandas as pd

from data.sources.base import TableError

_HEAD = re.compile(r"AAA,[^\r\n]*\r?\n(?:AAA,[^\r\n]*\r?\n)*")
_MOMENT = re.compile(r"T\d+")
NO_SERIES = ("AAA", "TOP", "UARG")  # of the machine, and of processes; BBB... too


def is_nmon(text: str) -> bool:
    """Whether a text begins as nmon's do."""
    return bool(_HEAD.match(text)) and ("AAA,progname," in text or "\nZZZZ,T" in text)


def read_nmon(text: str) -> tuple[pd.DataFrame, str]:
    """A row for each moment, and a column for each number of each section. Raises TableError where none has a time."""
    names: dict[str, list[str]] = {}
    times: dict[str, str] = {}
    rows: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        section, *cells = (cell.strip() for cell in line.split(","))
        if section in NO_SERIES or section.startswith("BBB") or len(cells) < 2:
            continue
        if not _MOMENT.fullmatch(cells[0]):
            names[section] = [f"{section} {name}" for name in cells[1:]]
        elif section == "ZZZZ":
            times[cells[0]] = " ".join(reversed(cells[1:3]))
        elif section in names:
            own = zip(names[section], cells[1:], strict=False)
            rows.setdefault(cells[0], {}).update({name: cell for name, cell in own if not name.endswith(" ")})
    if not times or not rows:
        raise TableError("its nmon recording holds no moment (ZZZZ) with numbers: it was stopped before the first")
    table = pd.DataFrame([rows.get(moment, {}) for moment in times]).apply(pd.to_numeric, errors="coerce")
    table.insert(0, "time", list(times.values()))
    return table.dropna(axis=1, how="all"), f"a recording of nmon, of {len(names)} sections"
