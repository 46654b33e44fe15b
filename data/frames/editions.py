"""Which of several files of one time is taken: the final one before quick looks, the higher level, the later version.

And frames of one level alone where those of another go on beside them: each has units, darks and gaps of its own.
"""

import math
import re
from dataclasses import replace
from pathlib import PurePosixPath

from data.frames.grid.placement import Placed
from data.sources.base import Candidate
from data.sources.fits_file.facts import level_in

QUICK_LOOK_BIT = 30  # of QUALITY, in all of JSOC's series: near real time
_QUICK_LOOK = re.compile(r"(?<![a-z])(?:nrt|quick[-_]?looks?|ql)(?![a-z])", re.IGNORECASE)
_VERSION = re.compile(r"(?<![a-z0-9])v(\d{1,14}(?:[-.]\d{1,9})*)(?![a-z0-9])", re.IGNORECASE)  # _V02, _v1-0-2, or when
_PARTS = 4  # of a version
_IN_NAME = re.compile(r"(?<![a-z0-9])(?:level|lev|lv|l)[-_]?\d(?:\.\d)?[a-z]?(?![a-z0-9])", re.IGNORECASE)


def edition_of(candidate: Candidate) -> tuple:
    """A key by which the frame to be taken of one time comes first."""
    is_quick_look = bool(candidate.quality >> QUICK_LOOK_BIT & 1 or _QUICK_LOOK.search(candidate.source))
    told = _VERSION.findall(candidate.source)
    version = [int(part) for part in re.split(r"[-.]", told[-1])][:_PARTS] if told else []
    return is_quick_look, *(-part for part in (_stage(candidate), *version, *[0] * (_PARTS - len(version))))


def of_one_level(accepted: list[Placed]) -> tuple[list[Placed], list[Placed]]:
    """The frames (in time order) of the level that most have, and those of others that go on beside them, rejected.

    LVL_NUM is passed over: what the levels of AIA and HMI differ by, registration evens out. Names tell the level of
    frames whose header does not, where other headers do; what tells none may be of any.
    """
    if all(math.isnan(frame.candidate.stage) for frame in accepted):
        return accepted, []
    level_of = {id(frame): level for frame in accepted if not math.isnan(level := _level_of(frame.candidate))}
    places: dict[float, list[int]] = {}
    for i, frame in enumerate(accepted):
        if id(frame) in level_of:
            places.setdefault(level_of[id(frame)], []).append(i)
    if len(places) < 2 or max(map(min, places.values())) > min(map(max, places.values())):
        return accepted, []
    usual = max(places, key=lambda level: (len(places[level]), level))
    reason = "level {:g} beside frames of level {:g}; prepare a folder of these alone"
    odd = [f for f in accepted if level_of.get(id(f), usual) != usual]
    told = [replace(frame, reason=reason.format(level_of[id(frame)], usual)) for frame in odd]
    return [f for f in accepted if level_of.get(id(f), usual) == usual], told


def _level_of(candidate: Candidate) -> float:
    if not math.isnan(candidate.level):
        return math.nan
    named = _IN_NAME.findall(PurePosixPath(candidate.source).name) if math.isnan(candidate.stage) else []
    return level_in(named[-1]) if named else candidate.stage


def _stage(candidate: Candidate) -> float:
    told = candidate.stage if math.isnan(candidate.level) else candidate.level
    return 0.0 if math.isnan(told) else told
