"""Which of several files of one time is taken: the final one before quick looks, the higher level, the later version.

And frames of one level alone where those of another go on beside them: each has units, darks and gaps of its own.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from data.frames.grid.placement import Placed
from data.sources.base import Candidate

QUICK_LOOK_BIT = 30  # of QUALITY, in all of JSOC's series: near real time
_QUICK_LOOK = re.compile(r"(?<![a-z])(?:nrt|quick[-_]?looks?|ql)(?![a-z])", re.IGNORECASE)
_VERSION = re.compile(r"(?<![a-z0-9])v(\d{1,9}(?:[-.]\d{1,9})*)(?![a-z0-9])", re.IGNORECASE)  # _V02, _v1-0-2
_PARTS = 4  # of a version


def edition_of(candidate: Candidate) -> tuple:
    """A key by which the frame to be taken of one time comes first."""
    is_quick_look = bool(candidate.quality >> QUICK_LOOK_BIT & 1 or _QUICK_LOOK.search(candidate.source))
    told = _VERSION.findall(candidate.source)
    version = [int(part) for part in re.split(r"[-.]", told[-1])][:_PARTS] if told else []
    return is_quick_look, *(-part for part in (_stage(candidate), *version, *[0] * (_PARTS - len(version))))


def of_one_level(accepted: list[Placed], rejected: list[Placed]) -> tuple[list[Placed], list[Placed]]:
    """The frames of the level that most have, and with the rejected ones those of others that go on beside them.

    LVL_NUM is passed over: what the levels of AIA and HMI differ by, registration evens out.
    """
    counts = Counter(level for frame in accepted if not math.isnan(level := _own_level(frame)))
    if len(counts) < 2 or not _side_by_side(accepted, list(counts)):
        return accepted, rejected
    usual = max(counts, key=lambda level: (counts[level], level))
    reason = "level {:g} beside frames of level {:g}; prepare a folder of these alone"
    odd = {id(f): f for f in accepted if _own_level(f) in counts and _own_level(f) != usual}
    told = [replace(frame, reason=reason.format(_own_level(frame), usual)) for frame in odd.values()]
    return [frame for frame in accepted if id(frame) not in odd], rejected + told


def _side_by_side(accepted: Sequence[Placed], levels: Sequence[float]) -> bool:
    """Whether frames (in time order) of these levels do not follow each other level by level."""
    places = [[i for i, frame in enumerate(accepted) if _own_level(frame) == level] for level in levels]
    return max(map(min, places)) < min(map(max, places))


def _own_level(frame: Placed) -> float:
    return frame.candidate.stage if math.isnan(frame.candidate.level) else math.nan


def _stage(candidate: Candidate) -> float:
    told = candidate.stage if math.isnan(candidate.level) else candidate.level
    return 0.0 if math.isnan(told) else told
