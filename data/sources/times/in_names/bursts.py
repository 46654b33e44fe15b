"""Pictures of one second whose names count them, as 20120719073001-00 and -01, or cam_073001 and cam_073001_1."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_COUNTED = re.compile(r"(.*\d)[-_](\d\d)")
_BEHIND_CLOCK = re.compile(r"(.*(?<!\d)(?:19|20)\d{12})(\d\d)")  # D-Link's, from 01 on: 2021070514290001
_AGAIN = re.compile(r"[-_](\d{1,2})| ?\((\d{1,2})\)")  # behind a name that is there already


def spread(names: Sequence[str], utc: np.ndarray) -> np.ndarray:
    """Times (N,) datetime64[ms], those of one second that their names count from 0 on apart by even parts of it.

    Numbers from 1 on may as well be those of cameras, unless nothing parts them from the clock: their times stay the
    same.
    """
    groups: dict[np.datetime64, list[int]] = defaultdict(list)
    for i, time in enumerate(utc):
        if not np.isnat(time):
            groups[time].append(i)
    counts = {time: _counted([Path(names[i]).stem for i in found]) for time, found in groups.items() if len(found) > 1}
    if not counts or not all(counts.values()):
        return utc
    most = 1 + max(number for found in counts.values() for number in found)
    later = np.zeros(len(utc), np.int64)
    for time, numbers in counts.items():
        later[groups[time]] = [1000 * number // most for number in numbers]
    return utc + later.astype("timedelta64[ms]")


def _counted(stems: list[str]) -> list[int]:
    """The number of each name among those of its second, from 0 on; [] where they do not count so."""
    first = min(stems, key=len)
    others = [stem for stem in stems if stem != first]
    matches = [_AGAIN.fullmatch(stem[len(first) :]) for stem in others]
    if all(stem.startswith(first) for stem in stems) and all(matches):
        again = {stem: int(match[1] or match[2]) for stem, match in zip(others, matches, strict=True) if match}
        numbers = [again.get(stem, 0) for stem in stems]
    else:
        numbers = _numbers(_COUNTED, stems) or [number - 1 for number in _numbers(_BEHIND_CLOCK, stems)]
    return numbers if 0 in numbers and len(set(numbers)) == len(stems) else []


def _numbers(form: re.Pattern, stems: list[str]) -> list[int]:
    """The numbers behind what stems of a form have in common; [] of others."""
    found = [form.fullmatch(stem) for stem in stems]
    return [int(match[2]) for match in found if match] if len({match and match[1] for match in found}) == 1 else []
