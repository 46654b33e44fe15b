"""What methods share: a reel is read in blocks of frames with some context, so that memory does not grow with it."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar

import cv2
import numpy as np

from config import EvalConfig, ModelConfig
from data.drawn import one_of_each
from data.live.open_end import OpenEnd
from data.messages import logger, progress
from data.reel.reel import Reel
from data.reel.scaled import read_scaled
from data.reel.stretch import Stretch
from inference.calibration.quiet.ranges import QuietRange
from inference.events.boxes import Box
from inference.methods.motion.known_motion import KnownMotion, RecentMotion
from inference.scorers.base import Fold, Portable, Reach
from inference.scorers.nets.residual import ScoredFrame, clean_error, clean_residual
from inference.scorers.on_quiet import QuietScorer

log = logger(__name__)

BLOCK_FRAMES = 32
FOLDS, LEAST_FOLD = 5, 2  # parts of the quiet frames, of at least so many lengths of a clip
LEAST_LEFT = 0.5  # of the other parts, when the frames near the one that is judged are left out
Block = tuple[np.ndarray, np.ndarray]  # frames (n, C, H, W) and valid pixels (n, H, W)


class Method(QuietScorer):
    """A scorer that is fitted in one step and works frame by frame.

    A subclass gives `compare`, `fit` where it learns something, and `open` where it looks at a stretch as a whole.
    """

    Config: ClassVar[type[ModelConfig]] = ModelConfig  # of its settings
    before = 0  # frames of context that `compare` gets before and after those it answers for
    after = 0
    pictures_only = False  # it looks for motion, or at the look of a place: a series has neither
    by_speed = False  # whether it measures how far things move from a frame to the next
    shares_motion = False  # whether it measures motion that depends on the frames alone
    sheds = False  # whether it is fitted again without what stands out from its quiet data
    in_parts = False  # whether a block's scores depend on the frames of its `context` alone: then stretches may be cut
    sees_all = False  # whether `open` looks at the whole stretch, so that no stream can be followed

    def __init__(self, settings: Any, arrays: dict[str, np.ndarray], scaling: dict[str, Stretch], clip_length: int):
        super().__init__(clip_length, scaling)
        self.settings, self.arrays = settings, arrays
        self.net: Callable[[np.ndarray, str], np.ndarray] | None = None  # of one that asks a net, see `Expected`
        self.device: Any = "cpu"  # of a part that is a net, as PyTorch knows it
        self.known_motion: KnownMotion | None = None  # of copies that judge parts of quiet data: what they measured
        self.recent_motion = RecentMotion()  # of all others

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        """Fill `arrays`, which the checkpoint keeps, from quiet frames: ranges of the training and validation side."""

    @classmethod
    def window_for(cls, clip_length: int, quiet: Sequence[QuietRange]) -> int:
        """How many frames it looks at together, of windows of `clip_length`; fewer where quiet data don't bear them."""
        return clip_length

    def fit_again(self, before: Any, quiet: Sequence[QuietRange], seed: int) -> None:
        """`fit` to less of the same quiet data than one of its kind, `before`, was fitted to."""
        self.fit(quiet, seed)

    @property
    def motion(self) -> KnownMotion:
        """What was measured between pairs of frames, and is to be."""
        return self.recent_motion if self.known_motion is None else self.known_motion

    bundled_as = "method"

    def portable(self, frame_shape: tuple[int, ...]) -> Portable:
        """What it was fitted to is all there is to know."""
        return Portable(None, (), slice(0), self.arrays)

    def folds(self, quiet: Sequence[QuietRange]) -> list[Fold]:
        """Cross-fitting: each part of the quiet frames is scored by a copy fitted on others, `guard` frames apart.

        So all of them count for the threshold. Too few frames to be cut, or to be fitted on in parts, are as with a
        net; where nothing is fitted, all frames are new.
        """
        if type(self).fit is Method.fit:
            return [Fold(self, list(quiet), is_new=True)]
        parts = cut(quiet, min(FOLDS, sum(map(len, quiet)) // (LEAST_FOLD * self.clip_length)), self.clip_length)
        if len(parts) < 2:
            return super().folds(quiet)
        self.known_motion = KnownMotion() if self.shares_motion else None
        try:
            others = [kept_apart(self.beside(k, parts), part, self.guard) for k, part in enumerate(parts)]
            with progress(others, desc="fitting on parts of the quiet data", unit="part", leave=False) as bar:
                return [Fold(self.fitted_on(other), part, is_new=True) for other, part in zip(bar, parts, strict=True)]
        except ValueError as error:  # of a part in which hardly anything is valid
            log.warning(f"the thresholds are from the validation side alone, as parts can't be fitted on: {error}")
            return super().folds(quiet)
        finally:
            self.known_motion = None  # it is the copies'

    @property
    def guard(self) -> int:
        """Frames between a part of the quiet ones and those that the copy which judges it was fitted on."""
        return 0

    def beside(self, k: int, parts: list[list[QuietRange]]) -> list[QuietRange]:
        """What a copy is fitted on that judges part k."""
        return beyond(k, parts)

    def fitted_on(self, quiet: list[QuietRange]) -> "Method":
        """A copy that is fitted on other quiet frames."""
        copy = self.unfitted()
        copy.fit([replace(r, side="train") for r in quiet], seed=0)
        return copy

    def unfitted(self) -> "Method":
        """A copy that has learnt nothing, and knows what holds for all parts of the quiet data."""
        copy = type(self)(self.settings, {}, self.scaling, self.clip_length)
        copy.device, copy.known_motion = self.device, self.known_motion
        return copy

    def open(self, reel: Reel, begin: int, end: int) -> None:
        """Called before the frames of the stretch [begin, end)."""
        self.pace = self.pace_of(reel)

    def pace_of(self, reel: Reel) -> float:
        """What makes of px a frame of this reel px a frame at the cadence of the training (`arrays["cadence_s"]`)."""
        if not self.by_speed or "cadence_s" not in self.arrays:  # runs from before don't know theirs
            return 1.0
        return float(self.arrays["cadence_s"][0] / reel.cadence_s)

    @abstractmethod
    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
        """(expected frames (n, C, H, W) or None, errors (n, H, W) or None) of a block, at least one of them.

        frames: (before + n + after, C, H, W) float32, invalid pixels 0. valid: (before + n + after, H, W) bool. Without
        errors the residual is the difference of frame and expected frame, cleaned of what the camera did.
        """

    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """Every frame of the stretch [begin, end), in time order."""
        self.open(reel, begin, end)
        yield from self._scored(reel, begin, end, self.goes_on_at(begin), end, settings)

    def cuts(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> list[int]:
        size = self.block_frames(reel)
        return list(range(begin + size, end, size)) if self.in_parts else []

    def part(
        self, reel: Reel, begin: int, end: int, first: int, last: int, settings: EvalConfig
    ) -> Iterator[ScoredFrame]:
        """The blocks of the whole that lie between two cuts."""
        if (first, last) == (begin, end):
            yield from self.frames(reel, begin, end, settings)
            return
        self.open(reel, begin, end)
        yield from self._scored(reel, begin, end, first, last, settings)

    def shown(self, reel: Reel, index: int) -> tuple[np.ndarray, np.ndarray]:
        frames, valid = self.read(reel, np.array([index]))
        return frames[0], valid[0]

    def _scored(
        self, reel: Reel, begin: int, end: int, first: int, last: int, settings: EvalConfig
    ) -> Iterator[ScoredFrame]:
        """The frames [first, last) of the opened stretch [begin, end), block by block."""
        stop = first
        while stop < last:
            first, stop = stop, block_end(stop, end, self.after, self.block_frames(reel))
            indices = np.arange(first, stop)
            frames, valid = self.context(reel, first, stop, begin, end)
            expected, errors = self.compare(frames, valid)
            for i, index in enumerate(indices.tolist()):
                k, answer, error = i + self.before, _item(expected, i), _item(errors, i)
                yield scored(index, frames[k], valid[k], answer, error, settings, self.words(i), self.quantum)

    def goes_on_at(self, begin: int) -> int:
        """The first frame to be scored of the stretch that was opened: later where it remembers those before."""
        return begin

    def words(self, i: int) -> Callable[[Box], str] | None:
        """What it says of a box in frame i of the block that was compared last; None where it says nothing."""
        return None

    def context(self, reel: Reel, first: int, stop: int, begin: int, end: int) -> Block:
        """Frames [first, stop) of the stretch [begin, end) with those that `compare` needs before and after them."""
        indices = np.arange(first - self.before, stop + self.after)
        return self.read(reel, reflected(indices, begin, end))

    @property
    def no_stream(self) -> str:
        why = "compares the frames of a whole recording and can't follow a stream; train another method"
        return f"model.name {self.settings.name} {why}" if self.sees_all else ""

    def own_reach(self, settings: EvalConfig) -> Reach | None:
        return None if self.sees_all else Reach(self.before, self.after)

    @property
    def looks_back(self) -> int:
        return BLOCK_FRAMES

    def block_frames(self, reel: Reel) -> int:
        """How many frames of a reel are worked on at once, at most BLOCK_FRAMES."""
        return BLOCK_FRAMES

    def at_once(self, settings: EvalConfig) -> int:
        return max(self.clip_length, BLOCK_FRAMES + self.after)

    def read(self, reel: Reel, indices: np.ndarray) -> Block:
        """Frames (n, C, H, W) in the method's scaling, invalid pixels 0, and valid pixels (n, H, W); any order."""
        first, last = int(indices.min()), int(indices.max()) + 1
        frames, valid = read_scaled(reel, first, last, self.scaling)
        return (frames * valid[:, None])[indices - first], valid[indices - first]

    def sample(self, quiet: Sequence[QuietRange], count: int, depth: int = 1) -> Iterator[Block]:
        """At most about `count` frames, evenly from the quiet frames of the training side, as blocks of `depth`."""
        train = [r for r in quiet if r.side == "train"]
        starts = [(r.reel, start) for r in train for start in range(r.begin, r.end - depth + 1, depth)]
        step = max(1, -(-len(starts) * depth // count))
        for place in one_of_each(len(starts), -(-len(starts) // step)).tolist():
            reel, start = starts[place]
            yield self.read(reel, np.arange(start, start + depth))


def block_end(first: int, end: int, after: int, most: int = BLOCK_FRAMES) -> int:
    """The end of the block that begins at a frame of a stretch; of one that still grows, what is there may do."""
    if isinstance(end, OpenEnd):
        return end.block_end(first, most, after)
    return min(first + most, end)


def beyond(k: int, parts: list[list[QuietRange]]) -> list[QuietRange]:
    """All that lies before part k, or behind it if that is more: a scene drifts, and new data lie beyond what was seen.

    What is fitted on both sides knows what lies between them too well.
    """
    before, behind = parts[:k], parts[k + 1 :]
    return [r for part in (before if len(before) >= len(behind) else behind) for r in part]


def all_but(k: int, parts: list[list[QuietRange]]) -> list[QuietRange]:
    """What lies in other parts than k, on both sides of it."""
    return [r for part in parts[:k] + parts[k + 1 :] for r in part]


def apart(ranges: Sequence[QuietRange], part: Sequence[QuietRange], guard: int) -> list[QuietRange]:
    """Ranges without their frames that are nearer than `guard` to a part of the same reel: neighbours in time look
    alike, and who knows them is not surprised."""
    kept = []
    for r in ranges:
        own = [p for p in part if p.reel.path == r.reel.path]
        begin = max([r.begin, *(p.end + guard for p in own if p.end <= r.begin)])
        end = min([r.end, *(p.begin - guard for p in own if p.begin >= r.end)])
        kept += [replace(r, begin=begin, end=end)] if begin < end else []
    return kept


def kept_apart(others: list[QuietRange], part: list[QuietRange], guard: int) -> list[QuietRange]:
    """Others without what is nearer to a part than `guard`, or than half or a quarter of it where that leaves less than
    LEAST_LEFT of them: a copy that has seen next to nothing is not the scorer itself."""
    least = LEAST_LEFT * sum(map(len, others))
    for nearer in (guard, guard // 2):
        if sum(map(len, left := apart(others, part, nearer))) >= least:
            return left
    return apart(others, part, guard // 4)


def cut(ranges: Sequence[QuietRange], count: int, shortest: int) -> list[list[QuietRange]]:
    """Ranges in `count` parts of about equal lengths, in their order; no range is cut shorter than `shortest`."""
    parts: list[list[QuietRange]] = [[] for _ in range(max(count, 1))]
    size, done = sum(map(len, ranges)) / len(parts), 0
    for r in ranges:
        edges = [r.begin]
        for k in range(len(parts)):
            edge = r.begin + round(k * size) - done
            if edges[-1] + shortest <= edge <= r.end - shortest:
                edges.append(edge)
        for begin, end in pairwise([*edges, r.end]):
            middle = done + (begin + end) / 2 - r.begin
            parts[min(int(middle / size), len(parts) - 1)].append(replace(r, begin=begin, end=end))
        done += len(r)
    return [part for part in parts if part]


def scored(
    index: int,
    frame: np.ndarray,
    valid: np.ndarray,
    expected: np.ndarray | None,
    error: np.ndarray | None,
    settings: EvalConfig,
    words: Callable[[Box], str] | None = None,
    quantum: float = 0.0,
) -> ScoredFrame:
    """A frame with its cleaned residual; an error (H, W) takes the place of the difference to what was expected.

    words: what the method says of a box in it. quantum: what one grey level is, 0 unknown.
    """
    if error is not None:
        residual, common = clean_error(error, valid, settings), 0.0
    else:
        assert expected is not None  # a method gives one of both
        residual, common = clean_residual(frame, expected, valid, settings, quantum=quantum)
    return ScoredFrame(index, frame, expected, residual, valid, common, words=words)


def enlarged(maps: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Maps (n, h, w) in the size of frames (..., H, W)."""
    return np.stack([cv2.resize(m, frames.shape[:-3:-1], interpolation=cv2.INTER_LINEAR) for m in maps])


def reflected(indices: np.ndarray, begin: int, end: int) -> np.ndarray:
    """Indices outside of [begin, end) mirrored at its first and last frame."""
    last = max(end - begin - 1, 1)
    folded = np.abs(indices - begin) % (2 * last)
    return begin + np.minimum(np.where(folded > last, 2 * last - folded, folded), end - begin - 1)


def _item(values: np.ndarray | None, i: int) -> np.ndarray | None:
    return None if values is None else values[i]
