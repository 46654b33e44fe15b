"""Quiet frames without those that the camera's own rules call clouded or lost: they are no sample of a quiet Sun.

A bank of clouds moves in before it takes enough light to be told, and out after it. What lies beside it would be the
highest of all quiet frames, and in a spread of places it hides flares.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from data.messages import logger
from data.reel.stretch import Stretch
from inference.calibration.quiet.ranges import QuietRange
from inference.camera.bounds import Bounds, learn
from inference.camera.light import LONGEST_CADENCE_S, disc_parts
from inference.camera.watch import CLOUDS, MISSING
from inference.camera.watched import AT_ONCE, WatchedStretch

log = logger(__name__)

LEAST_LEFT = 0.5  # of the frames of each side: where more would go, it is not clear what is usual


def clear_frames(
    quiet: Sequence[QuietRange], scaling: dict[str, Stretch], clip_length: int, is_told: bool = False
) -> list[QuietRange]:
    """Ranges of frames of the solar disc without clouds, what lies beside these, and lost frames, as far as
    `clip_length` frames or more are left in a row; all others, and all where too little would be left, as they are.

    Beside clouds lies what is as near as they last, and at least LONGEST_CADENCE_S, within which clouds pass.
    is_told: whether a line says how many frames are left out.
    """
    of_sun = [r for r in quiet if disc_parts(r.reel).any()]
    if not of_sun:
        return list(quiet)
    bounds = learn(of_sun, scaling)
    clear = [part for r in quiet for part in (_parts(r, _told(r, bounds, scaling)) if r in of_sun else [r])]
    clear = [r for r in clear if len(r) >= clip_length]
    gone = sum(map(len, quiet)) - sum(map(len, clear))
    if any(_of_side(clear, side) < LEAST_LEFT * _of_side(quiet, side) for side in ("train", "val")):
        log.warning("more than half of the quiet frames lie in clouds or beside them, or are lost: they count as quiet")
        return list(quiet)
    if gone and is_told:
        log.info(f"{gone} of {sum(map(len, quiet))} quiet frames lie in clouds or beside them, or are lost: left out")
    return clear if gone else list(quiet)


def _of_side(ranges: Sequence[QuietRange], side: str) -> int:
    return sum(len(r) for r in ranges if r.side == side)


def _told(r: QuietRange, bounds: Bounds, scaling: dict[str, Stretch]) -> dict[int, str]:
    """What is wrong with frames of a range."""
    watched = WatchedStretch(r.reel, r.begin, bounds, scaling)
    for first in range(r.begin, r.end, AT_ONCE):
        watched.read(first, min(first + AT_ONCE, r.end))
    return watched.kinds


def _parts(r: QuietRange, kinds: dict[int, str]) -> Iterator[QuietRange]:
    """What is left of a range."""
    least = math.ceil(LONGEST_CADENCE_S / r.reel.cadence_s)
    gone = {index for index, kind in kinds.items() if kind == MISSING}
    for first, stop in _runs(sorted(index for index, kind in kinds.items() if kind == CLOUDS), least):
        beside = max(least, stop - first)
        gone |= set(range(first - beside, stop + beside))
    begin = r.begin
    for index in [*sorted(index for index in gone if r.begin <= index < r.end), r.end]:
        if index > begin:
            yield replace(r, begin=begin, end=index)
        begin = index + 1


def _runs(indices: Sequence[int], gap: int) -> list[tuple[int, int]]:
    """The first and the last frame but one of what follows each other over gaps of at most so many frames."""
    runs: list[tuple[int, int]] = []
    for index in indices:
        if runs and index - runs[-1][1] <= gap:
            runs[-1] = runs[-1][0], index + 1
        else:
            runs.append((index, index + 1))
    return runs
