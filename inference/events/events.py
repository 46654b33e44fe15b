"""Events: boxes linked over time, with start, peak, end, place and severity.

The linker is a stream: it keeps the open tracks only, whatever the number of frames.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from config import EvalConfig
from data.reel.contract import AnyReel
from data.reel.gaps import crossed, longest_step_s
from inference.events.boxes import WEAK, Box, box_iou, covered_fraction
from inference.events.course import Course

Drift = Callable[[list[tuple[int, Box]], int], np.ndarray]
SIGNS = {"brighter": 1, "darker": -1}  # of a box's change
CAMERA = "camera"  # level of a box that is a whole frame
UNEXPLAINED = 32  # an event with so many boxes of its own is no camera's, and its memory stays bounded


@dataclass(frozen=True, slots=True)
class Event:
    """One track of boxes. Frames are indices, all inclusive; pixels as in `Box`."""

    event: int  # number in the order of starts, from 1
    frame_start: int
    frame_peak: int
    frame_end: int
    n_frames: int  # frames with a box; gaps in between do not count
    x: float  # centroid in the frame of the peak
    y: float
    x0: int  # union of the boxes of all frames
    y0: int
    x1: int
    y1: int
    area_px: int  # in the frame of the peak
    peak_score: float
    mean_score: float  # over all its pixels in all frames
    level: str  # "high" when any of its boxes is; "camera" of whole frames
    reasons: tuple[str, ...] = ()  # why some of its boxes are the camera's, see instrument.py
    unexplained: tuple[int, ...] = ()  # frames of the other boxes, the first UNEXPLAINED of them
    change: str = ""  # at the peak: "brighter", "darker", the scorer's words, or ""
    parts: int = 1  # tracks that it is made of, see grouping.py
    tracks: tuple[int, ...] = ()  # their numbers
    kind: str = ""  # of what happens on the Sun, see solar/kinds.py
    course: Course | None = None  # of its light, where that was measured


class _Sums(NamedTuple):
    """Of some boxes: how many, their pixels, and the sum of the scores of these."""

    n_frames: int = 0
    pixels: int = 0
    total: float = 0.0


class _Mark(NamedTuple):
    """A box of a track: its frame, and the sums of the boxes before it, and of those up to it."""

    frame: int
    before: _Sums
    upto: _Sums


class _Track:
    """An event that may go on. It lasts over the boxes that say where its cause is, and that of its peak; over all of
    them where none says so."""

    def __init__(self, number: int, frame: int, time_s: float, box: Box):
        self.number = number
        self.union = bounds_of(box)
        self.peak_box, self.high = box, False
        self.first = self.peak = self.last = _Mark(frame, _Sums(), _Sums())
        self.placed: list[_Mark] = []  # the first box that says where its cause is, and the last
        self.boxes_above = 0  # of the low threshold
        self.of_frames = box.instrument if box.level == CAMERA else ""  # its kind, if whole frames are the camera's
        self.reasons: set[str] = set()
        self.unexplained: list[int] = []
        self.extend(frame, time_s, box)

    def extend(self, frame: int, time_s: float, box: Box) -> None:
        """Take in the box of a later frame."""
        self.last_frame, self.last_time_s, self.last_box = frame, time_s, box
        self.unseen = 0  # frames since, of which the camera let nothing be seen
        before = self.last.upto
        upto = _Sums(before.n_frames + 1, before.pixels + box.area, before.total + box.mean * box.area)
        self.last = _Mark(frame, before, upto)
        if not before.n_frames:
            self.first = self.peak = self.last
        if box.peak > self.peak_box.peak:
            self.peak, self.peak_box = self.last, box
        if box.places:
            self.placed = [*self.placed[:1], self.last]
        x0, y0, x1, y1 = self.union
        self.union = min(x0, box.x0), min(y0, box.y0), max(x1, box.x1), max(y1, box.y1)
        self.high |= box.level == "high"
        self.boxes_above += box.level != WEAK
        if box.instrument:
            self.reasons.add(box.instrument)
        elif len(self.unexplained) < UNEXPLAINED:
            self.unexplained.append(frame)

    def is_event(self, min_frames: int) -> bool:
        """Whether enough of its boxes pass the threshold; of what the camera did to whole frames one is enough."""
        return bool(self.of_frames) or self.boxes_above >= min_frames

    @property
    def frames(self) -> tuple[int, ...]:
        """Those that it may be told by."""
        return tuple(mark.frame for mark in (self.first, self.peak, self.last, *self.placed))

    def event(self) -> Event:
        """What the track has come to."""
        marks = sorted([self.peak, *(self.placed or (self.first, self.last))])
        first, last = marks[0], marks[-1]
        peak = self.peak_box
        place = (peak.x, peak.y, *self.union, peak.area, peak.peak)
        level = CAMERA if self.of_frames else "high" if self.high else "low"
        frames = (first.frame, self.peak.frame, last.frame, last.upto.n_frames - first.before.n_frames)
        traces = tuple(sorted(self.reasons)), tuple(self.unexplained)
        mean = (last.upto.total - first.before.total) / (last.upto.pixels - first.before.pixels)
        return Event(self.number, *frames, *place, mean, level, *traces, peak.change, tracks=(self.number,))


class EventLinker:
    """Link boxes over frames into events.

    A box may extend an open track when it overlaps the track's last box, or when their centroids are at most
    `max_distance_px` apart. Among these pairs the best assignment for the whole frame is chosen: an overlapping pair is
    worth 1 + IoU, a near one less than 1 and less the farther apart. So
    * split: of two boxes on one track, the one that overlaps it more goes on, the other starts an event of its own;
    * merge: a box that covers most of the last box of a track left without one, and went to a weaker track, extends the
      stronger instead (that of the higher peak so far). The weaker ends, or goes on if it comes back within its gap.
    A track stays open over at most `max_gap_frames` frames without a box (frames that are never pushed count too), and
    over at most `max_gap_s` seconds when that is given. Events with fewer than `min_frames` boxes are dropped.

    A box of level "weak" extends a track, or begins one that is no event until a box above the threshold extends it: so
    an event has the beginning and the end that a lower level shows, and there is none without passing the threshold.

    A box of level "camera" is a whole frame that is the camera's. It extends a track of its own kind only, of which one
    frame is enough; and no such frame counts as one without a box for the others.

    drift: where the scene itself moves, as the Sun rotates: maps (frame, box) pairs and a later frame to the shifts
    (N, 2) dx, dy in px that carry them there; boxes are compared after it. There light that comes and light that goes
    are two tracks, even at one place: what passes by makes it dark and then bright again.
    """

    def __init__(
        self,
        max_gap_frames: int = 3,
        max_distance_px: float = 6.0,
        min_frames: int = 1,
        max_gap_s: float = math.inf,
        drift: Drift | None = None,
    ):
        if max_gap_frames < 0 or max_distance_px < 0 or min_frames < 1 or not max_gap_s > 0:
            raise ValueError(
                f"max_gap_frames {max_gap_frames} and max_distance_px {max_distance_px} must be >= 0, "
                f"min_frames {min_frames} >= 1, max_gap_s {max_gap_s} > 0"
            )
        self.max_gap_frames, self.max_gap_s = max_gap_frames, max_gap_s
        self.max_distance_px, self.min_frames, self.drift = max_distance_px, min_frames, drift
        self.tracks_of_boxes: list[int] = []  # of the frame that was pushed last: the number of each box's track
        self._open: list[_Track] = []
        self._started = 0
        self._frame = -1

    @classmethod
    def of(cls, reel: AnyReel, settings: EvalConfig, drift: Drift | None = None) -> Self:
        """For the frames of a reel, as the settings ask. The variables of a series are not near each other."""
        gap = gap_frames(settings, reel.cadence_s)
        longest_s = (gap + 1) * longest_step_s(reel.cadence_s, crossed(reel.meta))
        distance_px = 0.0 if reel.is_series else settings.link_distance_px
        return cls(gap, distance_px, settings.min_frames, longest_s, drift)

    def push(self, frame: int, boxes: Sequence[Box], time_s: float = math.nan) -> list[Event]:
        """Add the boxes of one frame; returns the events that this frame shows to be over.

        time_s: seconds on any clock, needed when `max_gap_s` is set. Raises ValueError when `frame` does not increase.
        """
        if frame <= self._frame:
            raise ValueError(f"frame {frame} after frame {self._frame}; frames must be >= 0 and increase")
        if math.isfinite(self.max_gap_s) and not math.isfinite(time_s):
            raise ValueError(f"time_s is {time_s} at frame {frame}; max_gap_s {self.max_gap_s} needs a time")
        self._frame = frame
        closed = self._close(lambda t: self._is_over(t, frame, time_s))
        scene = [box for box in boxes if box.level != CAMERA]
        whole = [box for box in boxes if box.level == CAMERA]
        tracks = self.open_of_scene
        of_frames = {track.of_frames: track for track in self._open if track.of_frames}
        drifted = self._drift_until(frame, tracks)
        track_of_box = match(tracks, scene, self.max_distance_px, drifted, self.drift is not None)
        track_of_box += [of_frames.get(box.instrument) for box in whole]
        for track in tracks:
            track.unseen += bool(whole)
        numbers = [self._taken_in(*pair, frame, time_s) for pair in zip(scene + whole, track_of_box, strict=True)]
        of_scene, of_whole = iter(numbers), iter(numbers[len(scene) :])
        self.tracks_of_boxes = [next(of_whole if box.level == CAMERA else of_scene) for box in boxes]
        return closed

    def _taken_in(self, box: Box, track: _Track | None, frame: int, time_s: float) -> int:
        """The number of the track that has taken in a box, a new one if there was none."""
        if track is not None:
            track.extend(frame, time_s, box)
            return track.number
        self._started += 1
        self._open.append(_Track(self._started, frame, time_s, box))
        return self._started

    def _drift_until(self, frame: int, tracks: Sequence[_Track]) -> np.ndarray:
        """By how much the scene carries the last box of every track until `frame`: (tracks, 2) dx, dy."""
        if self.drift is None or not tracks:
            return np.zeros((len(tracks), 2))
        return self.drift([(track.last_frame, track.last_box) for track in tracks], frame)

    @property
    def events_of_boxes(self) -> list[bool]:
        """Of each box of the frame that was pushed last: whether its track is an event by now."""
        known = {track.number for track in self._open if track.is_event(self.min_frames)}
        return [number in known for number in self.tracks_of_boxes]

    @property
    def open_of_scene(self) -> list[_Track]:
        """Tracks that may go on, those among them that are no event yet; but for whole frames that are the camera's."""
        return [track for track in self._open if not track.of_frames]

    def finish(self) -> list[Event]:
        """The events that were still open."""
        return self._close(lambda track: True)

    def _is_over(self, track: _Track, frame: int, time_s: float) -> bool:
        missed = frame - track.last_frame - 1 - track.unseen
        return missed > self.max_gap_frames or time_s - track.last_time_s > self.max_gap_s

    def _close(self, is_over: Callable[[_Track], bool]) -> list[Event]:
        over = [track for track in self._open if is_over(track)]
        self._open = [track for track in self._open if not is_over(track)]
        return [track.event() for track in over if track.is_event(self.min_frames)]


def gap_frames(settings: EvalConfig, cadence_s: float) -> int:
    """Frames without a box that an event survives: as many as the settings say, or as are in the seconds they say."""
    return max(settings.link_gap_frames, int(settings.link_gap_s / cadence_s + 1e-6))


def bounds_of(box: Box) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of a box, half-open, px."""
    return box.x0, box.y0, box.x1, box.y1


def match(
    tracks: Sequence[_Track], boxes: Sequence[Box], max_distance_px: float, shifts: np.ndarray, by_sign: bool = False
) -> list[_Track | None]:
    """The track that each box extends, or None; see EventLinker for the rules. shifts: (tracks, 2) dx, dy in px.

    by_sign: whether what is brighter than expected extends nothing that was darker, nor the other way round.
    """
    if not tracks or not boxes:
        return [None] * len(boxes)
    old, new = ([bounds_of(b) for b in some] for some in ([track.last_box for track in tracks], boxes))
    bounds = (np.array(old) + np.hstack([shifts, shifts]))[:, None], np.array(new)
    centres = [np.array([(b.x, b.y) for b in some]) for some in ([track.last_box for track in tracks], boxes)]
    distance = np.linalg.norm((centres[0] + shifts)[:, None] - centres[1], axis=-1)
    may = ~_opposite(tracks, boxes) if by_sign else np.ones(distance.shape, bool)
    worth = link_worth(box_iou(*bounds), distance, max_distance_px) * may
    track_of_box: list[_Track | None] = [None] * len(boxes)
    for t, b in _pairs(worth):
        if worth[t, b] > 0:
            track_of_box[b] = tracks[t]
    _give_merged_boxes_to_the_stronger(tracks, track_of_box, may & (covered_fraction(*bounds) > 0.5))
    return track_of_box


def _pairs(worth: np.ndarray) -> Iterable[tuple[int, int]]:
    """The pairs (track, box) that are worth most together, each at most once; worth: (tracks, boxes)."""
    if min(worth.shape) == 1:
        t, b = np.unravel_index(np.argmax(worth), worth.shape)
        return [(int(t), int(b))]
    from scipy.optimize import linear_sum_assignment  # late: it takes a third of a second, and many reels need it not

    return zip(*linear_sum_assignment(worth, maximize=True), strict=True)


def _opposite(tracks: Sequence[_Track], boxes: Sequence[Box]) -> np.ndarray:
    """Whether one is brighter and the other darker than expected: (tracks, boxes)."""
    old, new = (np.array([SIGNS.get(b.change, 0) for b in some]) for some in ([t.last_box for t in tracks], boxes))
    return old[:, None] * new < 0


def link_worth(iou: np.ndarray, distance: np.ndarray, max_distance_px: float) -> np.ndarray:
    """Worth of linking track and box, (tracks, boxes) as the arguments; 0 means that they may not be linked."""
    # One more pixel in the denominator, so that a pair at exactly the limit is still worth something.
    near = np.where(distance <= max_distance_px, 1 - distance / (max_distance_px + 1), 0)
    return np.where(iou > 0, 1 + iou, near)


def _give_merged_boxes_to_the_stronger(tracks, track_of_box: list, covers: np.ndarray) -> None:
    """A track left without a box takes one that covers it from a weaker track, in place; covers: (tracks, boxes)."""
    left = [t for t, track in enumerate(tracks) if track not in track_of_box]
    for t in sorted(left, key=lambda t: -tracks[t].peak_box.peak):
        for b in np.flatnonzero(covers[t]):
            holder = track_of_box[b]
            if holder is not None and holder.peak_box.peak < tracks[t].peak_box.peak:
                track_of_box[b] = tracks[t]
                break
