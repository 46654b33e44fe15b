"""A reel that is still being filmed: the last seconds of a stream, behind the interface that scorers read reels by.

A thread feeds it frames in the form of the run's training reel; `read` waits until the frames are there. Frames are
numbered as in a reel: what was dropped has no number, and ends a stretch as a gap does.
"""

import hashlib
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from config import Config, PrepConfig, from_dict
from data.frames.grid.crop import corner_of, cropped_shape
from data.frames.grid.letterbox import calibrate_into, inner_shape, to_source
from data.frames.grid.placement import Placed
from data.frames.grid.to_grid import one_channel
from data.frames.scale import scale_frame
from data.live.live_source import Picture
from data.live.open_end import OpenEnd, StretchEnded
from data.messages import logger
from data.reel.gaps import longest_step_s
from data.reel.reel import Reel
from data.reel.stretch import Stretch, values_of
from data.sources.base import LEVEL, RGB, Candidate, FrameError, RawFrame
from data.sources.video import VideoSource

log = logger(__name__)

KEPT_FRAMES = 64  # behind the last one that was scored at least: what may still be looked back at
PROBED_FRAMES = 10  # whose times tell the cadence; what a stream announces is often not what it sends


@dataclass
class _Stretch:
    begin: int
    end: int | None = None


class Drop(NamedTuple):
    """Frames that nobody has looked at: how many, and the times of the first and the last, s."""

    frames: int
    from_s: float
    to_s: float


class _Frame(NamedTuple):
    values: np.ndarray  # (C, H, W)
    bits: np.ndarray  # (H, W)
    time_s: float
    arrived: float  # time.monotonic


def of_settings(reel: Reel, trained: Config) -> PrepConfig:
    """The settings that decided the pixels of a reel; those of the run's own config where an older reel.json does not
    tell them."""
    told = reel.meta.get("pixels")
    if not told:
        return trained.prep
    return from_dict({"prep": {"aspect": "stretch"} | told}, str(reel.path)).prep  # as all were before the choice


def unlike_video(reel: Reel, trained: Config) -> str:
    """What a reel is that pictures of a video can't be made like; "" where they can."""
    if reel.meta["unit"] != LEVEL or reel.meta["origin"] != "upper":
        return "holds no video"
    return "was prepared with prep.off_limb mask" if of_settings(reel, trained).off_limb == "mask" else ""


@dataclass(frozen=True)
class Form:
    """How a reel's frames were made from pictures, so that those of a stream can be made alike."""

    pixels: PrepConfig
    source_shape: tuple[int, int]
    grid: tuple[int, int]
    channels: tuple[str, ...]
    stretches: tuple[Stretch, ...]
    dtype: str

    @classmethod
    def of(cls, reel: Reel, trained: Config) -> "Form":
        """The form of a training reel. What an older reel.json does not tell is taken from the run's own config.

        Raises ValueError for a reel that was not made from pictures, or in a way that a stream can't be.
        """
        if told := unlike_video(reel, trained):
            raise ValueError(
                f"the model was trained on {reel.path}, which {told}; --follow of a file or stream is for video, files "
                "of frames are followed by their folder or index, and eval scores reels"
            )
        shapes = tuple(reel.meta["source_shape"]), reel.shape[2:]
        return cls(of_settings(reel, trained), *shapes, tuple(reel.channels), tuple(reel.stretches), reel.meta["dtype"])

    @property
    def in_colour(self) -> bool:
        return self.channels == RGB

    def to_source(self, shape: tuple[int, int], pixel_aspect: float = 1.0) -> np.ndarray:
        """The map (1, 2, 3) from pixels of the reel to those of pictures of a shape (H, W)."""
        used = cropped_shape(shape, self.pixels.crop)
        inner = inner_shape(used, self.grid, self.pixels, pixel_aspect=pixel_aspect)
        return to_source(used, self.grid, inner, corner_of(self.pixels.crop))[None]

    def frame(self, picture: Picture) -> tuple[np.ndarray, np.ndarray]:
        """Stretched frame (C, H, W) and mask bits (H, W). Raises FrameError for a picture that can't be used."""
        shape = picture.pixels.shape[:2]
        masked = self.pixels.mask or self.pixels.field_circle or self.pixels.crop
        if masked and shape != self.source_shape:
            have, want = ("x".join(map(str, s)) for s in (shape, self.source_shape))
            raise FrameError(f"picture of {have} px, and prep.mask, field_circle or crop were given for {want} px")
        raws = (one_channel(RawFrame(picture.pixels, None, ""), channel) for channel in self.channels)
        as_told = Candidate("stream", "", VideoSource.name, "stream", pixel_aspect=picture.pixel_aspect)
        found = [calibrate_into(raw, Placed.of(as_told), shape, self.grid, self.pixels) for raw in raws]
        values, bits = np.stack([f.values for f in found]), np.stack([f.bits for f in found])
        frame, mask = scale_frame(values, bits, list(self.stretches), np.dtype(self.dtype))
        return values_of(frame), mask


def cadence_of(pictures: list[Picture]) -> float:
    """The median step between pictures, s; what the stream announces where there is none."""
    steps_s = [b.time_s - a.time_s for a, b in pairwise(pictures) if not b.is_gap]
    return round(float(np.median(steps_s)), 6) if steps_s else sum(p.cadence_s for p in pictures[:1])


class LiveReel:
    """The last frames of a stream as a reel: one thread calls `feed`, another reads.

    Whoever reads goes through `each_stretch` in order, and calls `release` for frames that are done with. `span`
    frames, as many as are ever asked for at once, and `delay_s` more may wait to be read. When more would, all that
    wait are dropped, and a new stretch begins with the newest: no stretch mixes cadences, which no model has seen.
    """

    is_series = False
    resume = 0  # the first frame that is to be judged

    def __init__(self, name: str, form: Form, gap_threshold: float, delay_s: float, span: int, looks_back: int = 0):
        self.name, self.form, self.delay_s, self.span = name, form, delay_s, span
        self.kept = max(KEPT_FRAMES, looks_back)
        identity = hashlib.sha256(f"live {name}".encode()).hexdigest()
        self.meta = {"gap_threshold": gap_threshold, "source_shape": form.source_shape, "identity": identity}
        self.counts: Counter[str] = Counter()  # frames read, dropped, damaged
        self._size = form.source_shape  # of the pictures of late
        self.to_source: np.ndarray | None = None  # of the last picture
        self.cadence_s, self.failure, self.last_problem = 0.0, None, ""
        self.drops: deque[Drop] = deque()  # for the reader to take
        self._frames: deque[_Frame] = deque()
        self._first = 0  # number of _frames[0]
        self._handed = 0  # one past the last frame that a reader has asked for
        self._coming: deque[_Stretch] = deque()  # those that nobody reads yet
        self._growing: _Stretch | None = None
        self._current: _Stretch | None = None
        self._over = False
        self._changed = threading.Condition()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(0, C, H, W): how many frames there will be is not known."""
        return 0, len(self.form.channels), *self.form.grid

    @property
    def channels(self) -> list[str]:
        return list(self.form.channels)

    @property
    def stretches(self) -> list[Stretch]:
        """The intensity scaling of each channel."""
        return list(self.form.stretches)

    @property
    def path(self) -> Path:
        return Path(self.name)

    def as_reel(self) -> Reel:
        """This reel, for what reads it by those members of a Reel that it has too."""
        return cast(Reel, self)

    def feed(self, pictures: Iterable[Picture | None]) -> None:
        """Take in pictures until they end, None where they broke off; what stopped them is kept in `failure`."""
        try:
            pictures = iter(pictures)
            first = list(islice(pictures, PROBED_FRAMES))
            self.cadence_s = cadence_of([picture for picture in first if picture])
            for picture in chain(first, pictures):
                if picture is None:
                    self.break_off()
                else:
                    self.push(picture)
        except Exception as error:  # of a decoder; it is raised again where somebody reads
            self.failure = error
        finally:
            self.finish()

    def push(self, picture: Picture) -> None:
        """Take in one picture; when too many wait, wait too (`can_wait`) or drop those that nobody has asked for."""
        try:
            values, bits = self.form.frame(picture)
        except FrameError as error:
            self.counts["damaged"] += 1
            self.last_problem = str(error)
            return
        with self._changed:
            self.cadence_s = self.cadence_s or picture.cadence_s
            self.meta["source_shape"] = shape = picture.pixels.shape[:2]
            self.to_source = self.form.to_source(shape, picture.pixel_aspect)
            if picture.can_wait:
                self._changed.wait_for(lambda: self._waiting() < self._limit() or self._over)
            if self._over:
                return
            self.counts["read"] += 1
            if self._is_resized(shape) or picture.is_gap or self._is_gap(picture.time_s):
                self._close()
            if self._waiting() >= self._limit():
                self._drop()
            if self._growing is None:
                self._growing = _Stretch(self._end())
                self._coming.append(self._growing)
            self._frames.append(_Frame(values, bits, picture.time_s, time.monotonic()))
            self._changed.notify_all()

    def _is_resized(self, shape: tuple[int, int]) -> bool:
        """Whether pictures have another size from now on, as those of another camera's: no window goes over that."""
        if shape == self._size:
            return False
        have, want = ("x".join(map(str, s)) for s in (shape, self._size))
        self.last_problem = f"its pictures are of {have} px, no longer of {want} px as before or in training"
        log.warning(f"{self.name}: {self.last_problem}: they are brought to the model's grid; is it the same view?")
        self._size = shape
        return True

    def _end(self) -> int:
        return self._first + len(self._frames)

    def _waiting(self) -> int:
        return self._end() - max(self._handed, self._first)

    def _limit(self) -> int:
        return self.span + max(1, round(self.delay_s / self.cadence_s))

    def _is_gap(self, time_s: float) -> bool:
        longest_s = longest_step_s(self.cadence_s, self.meta["gap_threshold"])
        return bool(self._frames) and not 0 < time_s - self._frames[-1].time_s <= longest_s

    def _close(self) -> None:
        if self._growing:
            self._growing.end = self._end()
        self._growing = None

    def _drop(self) -> None:
        """Drop the frames that nobody has asked for; the stretches they were in end before them."""
        kept, lost = max(self._handed, self._first), self._waiting()
        self.counts["dropped"] += lost
        self.drops.append(Drop(lost, self._frames[-lost].time_s, self._frames[-1].time_s))
        self._give_up(kept)

    def _give_up(self, kept: int) -> None:
        while self._end() > kept:
            self._frames.pop()
        self._close()
        for stretch in (self._current, *self._coming):
            if stretch and (stretch.end is None or stretch.end > kept):
                stretch.end = kept  # before its own begin when all of it is gone: a stretch of no frames

    def break_off(self) -> None:
        """Nothing comes for a while: what is there ends its stretch, and is judged now."""
        with self._changed:
            self._close()
            self._changed.notify_all()

    def finish(self) -> None:
        """No frame will come any more."""
        with self._changed:
            self._close()
            self._over = True
            self._changed.notify_all()

    def stop(self) -> None:
        """End now: frames that nobody has asked for are given up."""
        with self._changed:
            self._give_up(max(self._handed, self._first))
            self._over = True
            self._changed.notify_all()

    def wait_for_first(self) -> bool:
        """Wait for the first frame, and so for the cadence; False when the stream ends before it."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._over)
            return bool(self._frames)

    def each_stretch(self) -> Iterator[tuple[int, OpenEnd]]:
        """Begin and open end of every stretch, as they come."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._coming or self._over)
                if not self._coming:
                    return
                self._current = self._coming.popleft()
                begin = self._current.begin
            yield begin, OpenEnd(self)

    def begin_of(self, frame: int) -> int:
        """The first frame before this one that is still kept, in the stretch that is read."""
        with self._changed:
            assert self._current is not None  # who reads has it from each_stretch
            return min(frame, max(self._current.begin, self._first))

    def so_far(self) -> "LiveReel":
        return self

    def reached(self, frame: int) -> int:
        """Wait until the current stretch holds the frames before `frame`, or has ended: returns how far it goes."""
        with self._changed:
            current = self._current
            assert current is not None  # who reads has it from each_stretch
            self._changed.wait_for(lambda: current.end is not None or self._end() >= frame)
            end = self._end() if current.end is None else current.end
            found = min(frame, end)
            self._handed = max(self._handed, found)
            self._changed.notify_all()
            return found

    def block_end(self, first: int, most: int, after: int) -> int:
        """A whole block: frames of video come faster than it is worth to look at each by itself."""
        return first + most

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Frames (n, C, H, W) and mask bits (n, H, W) of [start, stop) in the current stretch, once they are there.

        Raises StretchEnded when it ends before.
        """
        with self._changed:
            found = self.reached(stop)
            if found < stop:
                raise StretchEnded(found)
            frames = list(islice(self._frames, start - self._first, stop - self._first))
        return np.stack([f.values for f in frames]), np.stack([f.bits for f in frames])

    def moment(self, frame: int) -> tuple[float, float]:
        """Time of a frame that was not released, s, and for how long it has been here, s."""
        with self._changed:
            found = self._frames[frame - self._first]
        return found.time_s, time.monotonic() - found.arrived

    def release(self, frame: int) -> None:
        """The frames before `frame` are done with, but for a few that a scorer may look back at."""
        with self._changed:
            while self._first < frame - self.kept:
                self._frames.popleft()
                self._first += 1
            self._changed.notify_all()
