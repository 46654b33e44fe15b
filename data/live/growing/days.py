"""Files of a day or an hour, whose names tell it: log_2026-11-29.csv, then log_2026-11-30.csv."""

import re
from pathlib import Path

# A day, and the clock right behind it where there is one.
_DAY = re.compile(
    r"(?<!\d)(?:19|20)\d\d([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])"
    r"(?:[-_.T]?(?:[01]\d|2[0-3])(?:[-_.h]?[0-5]\d){0,2})?(?!\d)"
)
MOST_FILES = 100_000  # of a folder that are looked at: years of hours


def later_files(path: Path) -> list[Path]:
    """The files beside one whose name holds a day that are called as it but for a later day or clock, in their order;
    those that hold nothing, and what comes after them, have not begun. Empty where the name holds no day.
    """
    day = _DAY.search(path.name)
    if not day:
        return []
    before, behind, found = path.name[: day.start()], path.name[day.end() :], []
    form = re.compile(re.escape(before) + re.sub(r"\d", r"\\d", re.escape(day[0])) + re.escape(behind))
    try:
        for number, other in enumerate(path.parent.iterdir()):
            if number == MOST_FILES:
                return []
            if other.name > path.name and form.fullmatch(other.name) and other.stat().st_size:
                found.append(other)
    except OSError:  # a share that is away for a while
        return []
    return sorted(found)
