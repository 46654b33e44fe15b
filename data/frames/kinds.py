"""Frames of one reel by their headers that are of two kinds all the same: told by what is seen beside others alone.

A card as OBJECT may stay, change once or count; where its values go on side by side, they are two things in turns.
Files of one time, as JSOC's segments (field, inclination, azimuth), may differ in a word of their names and in no card.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import PurePosixPath

from data.frames.grid.placement import Placed
from data.messages import logger
from data.sources.base import UNKNOWN
from data.sources.fits import SUFFIXES

log = logger(__name__)

MOST_KINDS, FEWEST = 16, 3  # in a reel; frames of each
_PART = re.compile(r"[^-._ ]+")  # of a name
# What a word of a name may be: begins with a letter, or is a wavelength that the Sun is watched in (JSOC's names).
_LINES = "94|131|171|174|193|195|211|284|304|335|1600|1700|4500|6173|6562|6563|10830"
_WORD = re.compile(rf"[a-z]\w*|{_LINES}")
_SAME_AGAIN = re.compile(r"copy|kopie|copia|new|old|te?mp|bak|backup|orig\w*|lev.*|l\d.*|v\d+\w*", re.IGNORECASE)


def told_apart(frames: list[Placed]) -> list[Placed]:
    """The same frames, those of detectors with a word more in their reel's name where that would hold several kinds."""
    reels: dict[str, list[Placed]] = {}
    for frame in frames:
        if frame.candidate.is_counts and frame.reel != UNKNOWN:
            reels.setdefault(frame.reel, []).append(frame)
    words: dict[int, str] = {}
    for reel, group in reels.items():
        for found in (_by_cards(group), _by_names(group)):
            if kinds := set(found.values()):
                log.info(f"{reel}: its frames are of {len(kinds)} kinds in turns, a reel each: {sorted(kinds)}")
            words |= {key: "_".join(filter(None, (words.get(key), word))) for key, word in found.items()}
    return [replace(f, reel=f"{f.reel}_{words[id(f)]}") if words.get(id(f)) else f for f in frames]


def _by_cards(group: list[Placed]) -> dict[int, str]:
    """What cards say of each frame, by its `id`, of those whose values go on side by side; {} where none do."""
    said = {id(frame): dict(frame.candidate.aside) for frame in group}
    accepted = [frame for frame in group if not frame.reason]
    names = [
        name
        for name in dict.fromkeys(name for cards in said.values() for name in cards)
        if _side_by_side((said[id(frame)].get(name, ""), frame) for frame in accepted)
    ]
    words = {key: "_".join(filter(None, (cards.get(name, "") for name in names))) for key, cards in said.items()}
    return words if 1 < len(set(words.values())) <= MOST_KINDS else {}


def _side_by_side(values: Iterable[tuple[str, Placed]]) -> bool:
    """Whether the frames of two values and more, a few of each, do not follow each other in time."""
    times: dict[str, list[tuple]] = {}
    for value, frame in values:
        times.setdefault(value, []).append(_time(frame))
    if not 1 < len(times) <= MOST_KINDS or min(map(len, times.values())) < FEWEST:
        return False
    return max(map(min, times.values())) < min(map(max, times.values()))


def _by_names(group: list[Placed]) -> dict[int, str]:
    """The word by which a frame's name differs from those of its time, by its `id`; {} where most have none."""
    same: dict[tuple, list[Placed]] = {}
    for frame in group:
        if not frame.reason:
            same.setdefault(_time(frame), []).append(frame)
    words: dict[int, str] = {}
    for frames in same.values():
        words |= zip(map(id, frames), _words([_stem(frame) for frame in frames]), strict=False)
    is_usual = 2 * len(words) > sum(map(len, same.values())) and len(set(words.values())) <= MOST_KINDS
    return words if is_usual and not _are_counted(words.values()) else {}


def _are_counted(words: Iterable[str]) -> bool:
    """Whether words count the frames of a time to which a header is rounded (f001, f002): they never come again."""
    times = Counter(words)
    return len({re.sub(r"\d+", "", word) for word in times}) < len(times) and min(times.values()) == 1


def _words(stems: Sequence[str]) -> Sequence[str]:
    """What each name has besides the parts that all have at their begin and end; () where that is no word in one, or
    says that it is the same again.
    """
    parts = [_PART.findall(stem) for stem in stems]
    begin = _in_common(parts)
    parts = [part[begin:] for part in parts]
    end = _in_common([part[::-1] for part in parts])
    words = ["_".join(part[: len(part) - end]).lower() for part in parts]
    are_kinds = len(set(words)) == len(words) > 1 and all(map(_WORD.fullmatch, words))
    same_again = any(_SAME_AGAIN.fullmatch(word) for text in words for word in text.split("_"))
    return words if are_kinds and not same_again else ()


def _in_common(lists: Sequence[Sequence[str]]) -> int:
    """How many of their first items are those of all."""
    return sum(1 for _ in takewhile(lambda items: len(set(items)) == 1, zip(*lists, strict=False)))


def _stem(frame: Placed) -> str:
    candidate = frame.candidate
    name = PurePosixPath(candidate.member or candidate.path).name
    suffix = max((s for s in SUFFIXES if name.lower().endswith(s)), key=len, default="")
    return name[: len(name) - len(suffix)] if candidate.is_alone else ""


def _time(frame: Placed) -> tuple:
    return frame.candidate.time_utc, 0.0 if frame.candidate.time_utc else frame.candidate.time_s
