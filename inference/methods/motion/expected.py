"""Motion or change beyond what its look explains: a small net learns from single quiet frames what to expect.

A net that sees motion learns to reconstruct any; this one sees one frame at a time and is asked how fast (or how much)
things that look so, at that place, usually move (or change). What exceeds it by more than it ever did in quiet
validation clips is unusual: a cyclist is as tall as a walker, and faster. How sure the net is of looks that it never
saw, nobody knows: of rain it expects nothing. So the unit is also a share of how high motion itself gets.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import ClassVar, Literal, NamedTuple

import cv2
import numpy as np
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from config import ModelConfig
from data.messages import logger
from inference.calibration.quiet.ranges import QuietRange
from inference.calibration.tail import TailPrior
from inference.methods.base import Fold, Method, all_but, enlarged, reflected
from inference.methods.motion.along import pooled_along
from inference.methods.motion.flow import (
    CELL,
    LEAST_PX,
    SIZE_FRAMES,
    WORK_PX,
    kept_at_least,
    kept_by_quiet,
    normalised,
    quiet_maximum,
    shrunk,
    velocity_between,
)
from inference.methods.motion.same_scene import PAIRS
from inference.methods.motion.timing import Timing
from inference.methods.motion.usual_pace import earlier_version, highest_of_parts, sizes_of, tail_prior, usual_level
from inference.scorers.base import Portable

log = logger(__name__)

TRAINING_FRAMES, BLOCK = 4_000, 16  # at most, in blocks of consecutive frames
MOST_SHOWN = 256  # frames that ranges of the net's activations are from, about
NET = "net."  # before the names of its weights
SHARED_CELLS, REACH_CELLS = 3, 5.0  # of the map of quiet maxima
LEAST_OF_MOTION = 0.4  # of the usual speed: what exceeds the expected one by less is nothing, whatever it looks like
CALM = 0.5  # of the motion of the training frames: with less, those that judge know too little of it
LAG = (3, 10)  # change is against the mean of the frames so far back: a gradual drift is none, a flare of minutes is


class Target(NamedTuple):
    """What is expected: a map of each frame, the frames before that it needs, and how it is pooled.

    measure: frames (before + n, h, w) uint8 -> vectors (n, h, w, k), whose length it is. cell: px a grid place. pool:
    of maps of cells and these vectors, of n + 2 reach frames, to maps of n. is_speed: whether it grows with the time
    between frames, and the camera's motion does not show in it. level: how high it gets in quiet frames (h, w), from
    chunks' highest parts (n, h, w), the size of things by row and the unit, and as which array a run keeps it.
    least_share: of how high the whole of it gets, not only what is not expected, which the level is at least (in the
    median place).
    """

    measure: Callable[[np.ndarray], np.ndarray]
    before: int
    cell: int
    pool: Callable[[np.ndarray, np.ndarray], np.ndarray]
    reach: int
    is_speed: bool
    level: Callable[[list[np.ndarray], np.ndarray, float], np.ndarray]
    kept_as: str
    least_share: float = 0.0


def change(frames: np.ndarray) -> np.ndarray:
    """Frame - mean of the frames LAG back, in grey levels: (LAG[1] + n, h, w) -> (n, h, w, 1)."""
    near, far = LAG
    grey = frames.astype(np.float32)
    pairs = ((grey[i], grey[i - far : i - near + 1].mean(axis=0)) for i in range(far, len(grey)))
    return np.stack([now - then for now, then in pairs])[..., None]


def as_it_is(maps: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """No pool."""
    return maps


def speed_level(chunks: list[np.ndarray], size: np.ndarray, unit: float) -> np.ndarray:
    """The level (h, w) of speeds on quiet days, from chunks of frames (n, h, w); unit: px of a speed of 1."""
    return usual_level(chunks, size, LEAST_PX / unit)


def change_level(chunks: list[np.ndarray], size: np.ndarray, unit: float) -> np.ndarray:
    """The same of changes, which know no sizes and no unit."""
    highest = np.stack([chunk.max(axis=0) for chunk in chunks]).astype(np.float32)
    return quiet_maximum(highest.mean(axis=0), SHARED_CELLS, REACH_CELLS)


def mean_highest(maps: np.ndarray) -> float:
    """The mean over frames of the highest place of their maps (n, h, w)."""
    return float(maps.max(axis=(1, 2)).mean())


TARGETS = {
    "speed": Target(
        velocity_between, 1, CELL, partial(pooled_along, timing=Timing()), Timing().pool // 2, True,
        speed_level, "excess_along_ways", LEAST_OF_MOTION,
    ),
    "change": Target(change, LAG[1], 2, as_it_is, 0, False, change_level, "quiet_maximum"),
}  # fmt: skip


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ExpectedConfig(ModelConfig):
    """Settings of `expected`: what of a frame is foretold."""

    target: Literal["speed", "change"] = "speed"


class Expected(Method):
    """What exceeds the expected speed or change (model.target), in units of the place's quiet maximum."""

    Config: ClassVar[type[ModelConfig]] = ExpectedConfig
    pictures_only = own_unit = True
    in_parts = True

    @property
    def target(self) -> Target:
        target, timing = TARGETS[self.settings.target], Timing.of(self.arrays)
        if not target.is_speed:
            return target
        measure = partial(velocity_between, pair=timing.pair, least=kept_at_least(self.arrays), known=self.motion)
        pool = partial(pooled_along, timing=timing)
        return target._replace(measure=measure, before=timing.pair, pool=pool, reach=timing.pool // 2)

    @property
    def is_steady(self) -> bool:
        return self.target.is_speed

    @property
    def shares_motion(self) -> bool:
        return self.target.is_speed

    @property
    def by_speed(self) -> bool:
        return self.target.is_speed

    @property
    def tail_prior(self) -> TailPrior | None:
        return tail_prior(self.arrays) if self.target.is_speed else None

    @property
    def before(self) -> int:
        return self.target.before + self.target.reach

    @property
    def after(self) -> int:
        return self.target.reach

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        """Train the net on training frames; then the quiet maximum of every place on frames it has not seen."""
        train, val = ([r for r in quiet if r.side == side] for side in ("train", "val"))
        cadence_s = train[0].reel.cadence_s
        self.arrays = {"cadence_s": np.array([cadence_s]), **Timing.at(cadence_s).as_arrays()}
        if self.target.is_speed:
            pair = self.target.before
            self.arrays["least_kept"] = kept_by_quiet(
                self.sample(train, PAIRS * (pair + 1), pair + 1), pair, self.target.cell
            )
        small, raw = zip(*(self._measured(*block)[:2] for block in self._blocks(train)), strict=True)
        small, raw = np.concatenate(small), np.concatenate(raw)
        scale = np.float32(max(np.sqrt(np.mean(np.square(raw))), 1e-6))
        some = small[:: max(1, -(-len(small) // SIZE_FRAMES))]
        self.arrays["size_px"] = sizes_of(some, some).reshape(-1, self.target.cell).mean(axis=1)
        from inference.methods.motion.looks import learnt  # here, because a bundle needs no PyTorch

        weights = learnt(small, raw / scale, self.target.cell, seed, self.device)
        self.arrays |= {"scale": np.array([scale]), **{f"{NET}{name}": value for name, value in weights.items()}}
        self._fit_maximum(val)
        if self.target.is_speed:
            self._tell_calm(raw, val)

    def _tell_calm(self, raw: np.ndarray, val: Sequence[QuietRange]) -> None:
        """Warn where frames that judge are calmer than those that were trained on, by their speeds `raw`: thresholds
        are then of another scene than the one to be watched."""
        blocks = list(self._blocks(val))[:: max(1, -(-sum(map(len, val)) // SIZE_FRAMES))]
        judging = np.concatenate([self._measured(*block)[1] for block in blocks])
        share = mean_highest(judging) / max(mean_highest(raw), 1e-6)
        if share < CALM:
            log.warning(
                f"the last part of each quiet clip, which judges model.name {self.settings.name}, shows {share:.2g} "
                "of the motion of the rest: its thresholds are too low, and more false alarms will come than promised. "
                "Give clips that end as busy as they are, or choose model.name flow, which all quiet frames judge"
            )

    def fitted_on(self, quiet: list[QuietRange]) -> "Expected":
        """A copy with the same net, and the quiet maximum of other frames."""
        copy = Expected(self.settings, dict(self.arrays), self.scaling, self.clip_length)
        copy.device, copy.net, copy.known_motion = self.device, self.net, self.known_motion
        copy._fit_maximum(quiet)
        return copy

    def folds(self, quiet: Sequence[QuietRange]) -> list[Fold]:
        """The net is fitted once; the quiet maxima of validation frames are cross-fitted."""
        train, val = ([r for r in quiet if r.side == side] for side in ("train", "val"))
        return [Fold(self, train, is_new=False), *(f for f in super().folds(val) if f.ranges)]

    def _fit_maximum(self, quiet: Sequence[QuietRange]) -> None:
        """How high excess gets at every place, on frames that the net has not seen."""
        chunks = [chunk for r in quiet for chunk in r.pieces(Timing.of(self.arrays).chunk)]
        part, scale = Timing.of(self.arrays).part, float(self.arrays["scale"][0])
        found = (self._both(self._context(c), self.pace_of(c.reel)) for c in chunks)
        both = [[highest_of_parts(np.maximum(maps, 0), part) for maps in each] for each in found]
        excess, motion = (self.target.level([b[k] for b in both], self.arrays["size_px"], scale) for k in (0, 1))
        share = float(np.median(excess / motion))
        self.arrays[self.target.kept_as] = excess * np.float32(max(1.0, self.target.least_share / share))

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[None, np.ndarray]:
        """Raises ValueError for a run of an earlier version, whose levels were others."""
        if self.target.kept_as not in self.arrays:
            raise ValueError(earlier_version(self.settings.name))
        small, raw, vectors = self._measured(frames, self.pace)
        excess = self.target.pool(raw / self.arrays["scale"] - self._expected(small), vectors)
        return None, enlarged(np.maximum(excess, 0) / self.arrays[self.target.kept_as], frames)

    @property
    def guard(self) -> int:
        return Timing.of(self.arrays).guard if self.target.is_speed else 0

    def beside(self, k: int, parts: list[list[QuietRange]]) -> list[QuietRange]:
        return all_but(k, parts) if self.target.is_speed else super().beside(k, parts)  # what changes, drifts

    def _blocks(self, train: Sequence[QuietRange]) -> Iterator[tuple[np.ndarray, float]]:
        """At most about TRAINING_FRAMES frames in blocks of at most BLOCK, with what `target.before` needs, and their
        pace."""
        starts = [(r, first) for r in train for first in range(r.begin, r.end, BLOCK)]
        step = max(1, -(-len(starts) * BLOCK // TRAINING_FRAMES))
        for r, first in starts[::step]:
            indices = np.arange(first - self.target.before, min(first + BLOCK, r.end))
            yield self.read(r.reel, reflected(indices, r.begin, r.end))[0], self.pace_of(r.reel)

    def _measured(self, frames: np.ndarray, pace: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Shrunk grey frames, their target on the grid, and as vectors of pixels, of all frames but the first
        `target.before` ones."""
        small = shrunk(frames, WORK_PX, self.target.cell)
        grid = [n // self.target.cell for n in small.shape[:0:-1]]
        vectors = self.target.measure(small)
        maps = [cv2.resize(m, grid, interpolation=cv2.INTER_AREA) for m in np.linalg.norm(vectors, axis=3)]
        return small[self.target.before :], np.float32(pace) * np.stack(maps), vectors

    def _both(self, frames: np.ndarray, pace: float) -> tuple[np.ndarray, np.ndarray]:
        """Pooled target beyond the expected one, and the whole of it, (n, h, w) each for frames with their context."""
        small, raw, vectors = self._measured(frames, pace)
        raw = raw / self.arrays["scale"]
        return self.target.pool(raw - self._expected(small), vectors), self.target.pool(raw, vectors)

    def _context(self, r: QuietRange) -> np.ndarray:
        indices = np.arange(r.begin - self.before, r.end + self.after)
        return self.read(r.reel, reflected(indices, r.begin, r.end))[0]

    def _expected(self, small: np.ndarray) -> np.ndarray:
        """What the net expects of shrunk frames (n, h, w) uint8: (n, h / cell, w / cell)."""
        if self.net is None:
            from inference.methods.motion.looks import Looks  # here, because a bundle needs no PyTorch

            self.net = Looks(self._weights, self.target.cell, self.device)
        parts = [normalised(small[i : i + BLOCK]) for i in range(0, len(small), BLOCK)]
        return np.concatenate([self.net(part, self.amp) for part in parts])

    @property
    def _weights(self) -> dict[str, np.ndarray]:
        return {name.removeprefix(NET): array for name, array in self.arrays.items() if name.startswith(NET)}

    def portable(self, frame_shape: tuple[int, ...]) -> Portable:
        """The net, from single frames to what is expected of them, beside all other arrays."""
        from inference.methods.motion.looks import Means, trained_net  # here, because a bundle needs no PyTorch

        others = {name: array for name, array in self.arrays.items() if not name.startswith(NET)}
        net = Means(trained_net(self._weights, self.target.cell, "cpu"))
        size = [n * self.target.cell for n in self._weights["place"].shape[-2:]]
        return Portable(net, (1, 1, *size), slice(0, 1), others, self._shown)

    def _shown(self, quiet: Sequence[QuietRange]) -> Iterator[np.ndarray]:
        """Frames of the training side as the net is shown them, (1, 1, 1, h, w) each."""
        for frames, _ in self.sample(quiet, MOST_SHOWN):
            yield normalised(shrunk(frames, WORK_PX, self.target.cell))[:, None, None]
