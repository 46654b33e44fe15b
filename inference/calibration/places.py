"""A place of quiet pictures that stands out: a small flare that was forgotten is hidden, not the frames that it is in.

They may be a good part of few quiet ones, and show all of the picture besides.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from inference.calibration.quiet.events import MOST_SHARE, NO_EVENTS, OTHERS_EACH

CLEAR = 1.2  # times as high as the next: the tail is not asked for less
RIM_PX = 4  # that are hidden around what stands out


class Place(NamedTuple):
    """Rows and columns of consecutive frames [first, stop)."""

    first: int
    stop: int
    y0: int
    y1: int
    x0: int
    x1: int

    @property
    def volume(self) -> int:
        return (self.stop - self.first) * (self.y1 - self.y0) * (self.x1 - self.x0)


def standing_out(
    levels: np.ndarray,
    score_of: Callable[[int], np.ndarray],
    level_of: Callable[[int, Sequence[Place]], float],
    events_of: Callable[[np.ndarray, Sequence[Place]], np.ndarray],
    together: np.ndarray,
    gap_frames: int,
    beyond: Callable[[np.ndarray], float] = NO_EVENTS.beyond,
) -> list[Place]:
    """The place that stands out from all others; at most one.

    levels: (N,) float32 of quiet frames. score_of: a frame's score (H, W). level_of: what a frame reaches beside some
    places. events_of: from levels beside some places, those of the events there (J,), highest first. together: (N,)
    numbers of the stretches that frames are of. gap_frames: that an event survives. beyond: the level that it exceeds,
    from those of the others, see `QuietEvents.beyond`.

    There are OTHERS_EACH other events or more, and it lies in at most MOST_SHARE of all pixels of all frames. Other
    events are of other places as well as of other times, so minutes have many. Two that stand out are what happens here
    now and then, and new data will have it too: then thresholds are of them. What is everywhere at once has no place.
    """
    usual = float(np.median(levels[levels > 0])) if (levels > 0).any() else 0.0
    if (top := float(levels.max(initial=0))) <= usual:
        return []
    place = around(int(levels.argmax()), usual, score_of, together)
    most = MOST_SHARE * len(levels) * score_of(place.first).size
    left = levels
    while place.volume <= most:
        left = levels.copy()
        for n in range(place.first, place.stop):
            left[n] = level_of(n, [place])
        longer = _again(place, left, usual, score_of, together, gap_frames)
        if longer == place or longer.volume > most:
            break
        place = longer
    if place.volume > most or top < CLEAR * left.max():
        return []
    others = events_of(left, [place])
    return [place] if len(others) >= OTHERS_EACH and top > beyond(others) else []


def _again(
    place: Place,
    left: np.ndarray,
    usual: float,
    score_of: Callable[[int], np.ndarray],
    together: np.ndarray,
    gap_frames: int,
) -> Place:
    """The place, until what is highest beside it (levels (N,)) where that is there once more within the gap.

    It is the same event: what flares up darkens when it fades, against frames of before that it is in.
    """
    peak = int(left.argmax())
    is_near = place.first - gap_frames <= peak + 1 and peak <= place.stop + gap_frames
    if left[peak] <= usual or not is_near or together[peak] != together[place.first]:
        return place
    score = beside([place], peak, score_of(peak))
    y, x = np.unravel_index(int(score.argmax()), score.shape)
    if not (place.y0 <= y < place.y1 and place.x0 <= x < place.x1):
        return place
    found = around(peak, usual, lambda n: beside([place], n, score_of(n)), together)
    joined = zip(place, found, (min, max) * 3, strict=True)
    return Place(*(of(one, other) for one, other, of in joined))


def around(peak: int, usual: float, score_of: Callable[[int], np.ndarray], together: np.ndarray) -> Place:
    """The place of the highest score of a frame: what hangs together there above `usual`, for as long as it does."""
    score = score_of(peak)
    shape = score.shape
    y, x = np.unravel_index(int(score.argmax()), shape)
    box = _widened((slice(y, y + 1), slice(x, x + 1)), _component(score, usual, int(y), int(x)), shape)
    edges = []
    for step in (-1, 1):
        n = peak + step
        while 0 <= n < len(together) and together[n] == together[peak] and score_of(n)[box].max() > usual:
            score = score_of(n)
            y, x = np.unravel_index(int(score[box].argmax()), score[box].shape)
            box = _widened(box, _component(score, usual, box[0].start + int(y), box[1].start + int(x)), shape)
            n += step
        edges.append(n)
    return Place(edges[0] + 1, edges[1], box[0].start, box[0].stop, box[1].start, box[1].stop)


def _component(score: np.ndarray, usual: float, y: int, x: int) -> tuple[slice, slice]:
    labels, _ = ndimage.label(score > usual, np.ones((3, 3)))
    return ndimage.find_objects((labels == labels[y, x]).astype(int))[0]


def _widened(box: tuple[slice, slice], other: tuple[slice, slice], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """A box that holds both, the other with RIM_PX around."""
    y, x = (
        slice(max(0, min(a.start, b.start - RIM_PX)), min(size, max(a.stop, b.stop + RIM_PX)))
        for a, b, size in zip(box, other, shape, strict=True)
    )
    return y, x


def beside(places: Sequence[Place], number: int, score: np.ndarray) -> np.ndarray:
    """The score (H, W) of frame `number` without those places."""
    left = score.copy()
    for p in places:
        if p.first <= number < p.stop:
            left[p.y0 : p.y1, p.x0 : p.x1] = 0
    return left
