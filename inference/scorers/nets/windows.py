"""Which windows of a reel a model has to see, so that every frame of a stretch is answered for."""

from collections.abc import Iterable, Iterator
from heapq import merge
from typing import NamedTuple

from data.live.open_end import OpenEnd
from data.reel.reel import Reel
from data.reel.windows import ranges_of, window_starts


class Window(NamedTuple):
    """A window of a reel by its first frame; `backwards` goes through the model with its last frame first."""

    start: int
    backwards: bool = False


def scored_stretches(reel: Reel, length: int) -> list[tuple[int, int]]:
    """The stretches of a reel, as `ranges_of` has them, that hold at least `length` frames."""
    return [(begin, end) for begin, end in ranges_of(reel) if end - begin >= length]


def covering_windows(reel: Reel, length: int, stride: int, answers: slice | None = None) -> list[Window]:
    """Windows that cover every stretch of at least `length` frames, in order; see `windows_over`."""
    ranges = scored_stretches(reel, length)
    return [w for begin, end in ranges for w in windows_over(begin, end, length, stride, answers or slice(0, length))]


def windows_over(begin: int, end: int, length: int, stride: int, answers: slice) -> Iterable[Window]:
    """Windows inside the stretch [begin, end) whose answers cover it, in the order of the frames they answer for.

    A model that answers for the end of a window can't say anything of a stretch's first frames; windows played
    backwards do. In a stretch that is too short even for that some frames stay uncovered. Of a stretch that still grows
    (`OpenEnd`) the same windows come one by one, each once its frames are there.
    """
    if isinstance(end, OpenEnd):
        return _windows_as_they_come(begin, end, length, stride, answers)
    count = answers.stop - answers.start
    found = [Window(s) for s in window_starts(begin, end, length, min(stride, count)).tolist()]
    if found and answers.start:
        last = min(end - length, begin + (answers.start - 1) // count * count)
        found += [Window(s, True) for s in window_starts(begin, last + length, length, count).tolist()]
    by_frame = {first_answered(w, length, answers): w for w in reversed(found)}  # forwards where both would do
    return [by_frame[frame] for frame in sorted(by_frame)]


def _windows_as_they_come(begin: int, end: OpenEnd, length: int, stride: int, answers: slice) -> Iterator[Window]:
    answered = answers.stop - answers.start
    # So far reach the windows that are played backwards in a stretch without an end.
    known = end.reached(begin + length + max(answers.start - 1, 0) // answered * answered)
    early = windows_over(begin, known, length, stride, answers)
    backwards = [w for w in early if w.backwards]

    def order(window: Window) -> tuple[int, bool]:
        return first_answered(window, length, answers), window.backwards

    last = None
    for window in merge(_forwards(begin, end, length, min(stride, answered)), backwards, key=order):
        frame = first_answered(window, length, answers)
        if frame != last:
            yield window
        last = frame


def _forwards(begin: int, end: OpenEnd, length: int, stride: int) -> Iterator[Window]:
    """`window_starts` of a stretch that still grows."""
    start = begin
    while (known := end.reached(start + length)) == start + length:
        yield Window(start)
        start += stride
    if begin < start != known - length + stride:
        yield Window(known - length)


def first_answered(window: Window, length: int, answers: slice) -> int:
    """The first frame of the reel that a window's output is about."""
    return window.start + (length - answers.stop if window.backwards else answers.start)


def batch_cuts(windows: Iterable[Window], length: int, answers: slice, size: int) -> list[int]:
    """The first frames that batches of `size` of the windows answer for, but for the first batch."""
    return [first_answered(w, length, answers) for w in list(windows)[size::size]]


def batches_for(
    first: int, last: int, windows: Iterable[Window], length: int, answers: slice, size: int
) -> list[Window]:
    """Whole batches of `size` windows that hold all windows which answer for the frames [first, last).

    first: one of `batch_cuts`, or where the windows begin; last: another one, or where they end.
    """
    ordered, count = list(windows), answers.stop - answers.start
    near = [i for i, w in enumerate(ordered) if first - count < first_answered(w, length, answers) < last]
    return ordered[near[0] // size * size : near[-1] + 1] if near else []
