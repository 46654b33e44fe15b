"""Files of a day or an hour, whose names tell it: log_2026-11-29.csv, then log_2026-11-30.csv."""

import re
from pathlib import Path

_DAY = re.compile(r"(?<!\d)(?:19|20)\d\d([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d{7})")
MOST_FILES = 100_000  # of a folder that are looked at: years of hours


def later_files(path: Path) -> list[Path]:
    """The files beside one whose name holds a day that are called alike but for later digits, in their order; those
    that hold nothing, and what comes after them, have not begun. Empty where the name holds no day.
    """
    if not _DAY.search(path.name):
        return []
    alike, found = re.sub(r"\d", "#", path.name), []
    try:
        for number, other in enumerate(path.parent.iterdir()):
            if number == MOST_FILES:
                return []
            if other.name > path.name and re.sub(r"\d", "#", other.name) == alike and other.stat().st_size:
                found.append(other)
    except OSError:  # a share that is away for a while
        return []
    return sorted(found)
