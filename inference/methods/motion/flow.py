"""Optical flow: how fast something moves, and which way, against what quiet clips show at the same place.

Dense inverse search (Kroeger et al. 2016, arXiv 1603.03590) by OpenCV. Speed is pooled over about the size of an object
and a second of its own path (see `along`), because a few pixels of a limb move fast in any walk; what is fast weighs
more, so that who stands or walks beside it does not dilute it. What is left to learn is a few numbers a place: how high
the pooled speed gets in a quiet clip (see `usual_pace`), so that perspective, roads and pavements need no rule of their
own; and how high its parts to the right, to the left, down and up, for who goes a way that nobody goes is unusual at a
walk.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from scipy import ndimage

from data.reel.reel import Reel
from inference.calibration.quiet.ranges import QuietRange
from inference.calibration.tail import TailPrior
from inference.camera.motion import steadied
from inference.camera.parts import kept_edges
from inference.methods.base import Block, Method, all_but, enlarged, reflected
from inference.methods.motion.along import pooled_by_way
from inference.methods.motion.known_motion import KnownMotion, Motion
from inference.methods.motion.noise_motion import beyond_noise
from inference.methods.motion.same_scene import NEVER, PAIRS, least_kept
from inference.methods.motion.timing import Timing
from inference.methods.motion.usual_pace import (
    NOTHING_SEEN,
    earlier_version,
    highest_of_parts,
    sizes_of,
    tail_prior,
    usual_levels,
)

WORK_PX = 192  # larger frames are shrunk to this on their longer side
SMALLEST_PX = 18
CELL = 3  # px a side, of the map of quiet speeds
LEAST_PX = 0.1  # from a frame to its pair: what is motion of a place
NO_SPEED = 1e-6  # px, of what stands
SIZE_FRAMES = 300  # at most, that the sizes of things are from
LEAST_OF_WAY = 0.4  # of the usual speed at a place: who goes another way has to go as fast as that, at least
LEAST_SHARE = 0.6  # of the highest quiet speeds (99 %), also where nothing ever moved


class OpticalFlow(Method):
    """Pooled speed, or its part in one of WAYS, in units of the place's quiet maximum: 1 is as high as it gets there on
    quiet days."""

    pictures_only = True
    in_parts = True
    is_steady = own_unit = True
    by_speed = True
    shares_motion = True
    sheds = True  # who ran through the clips once would make running usual where he ran, and wherever nobody did

    @property
    def tail_prior(self) -> TailPrior | None:
        return tail_prior(self.arrays)

    @property
    def timing(self) -> Timing:
        return Timing.of(self.arrays)

    @property
    def before(self) -> int:
        return self.timing.pool // 2 + self.timing.pair  # speed is between frames

    @property
    def after(self) -> int:
        return self.timing.pool // 2

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        """How high the pooled speed and its WAYS get at every place, and the sizes of things that it takes for that.

        Raises ValueError without a frame to learn from.
        """
        quiet = [r for r in quiet if r.side == "train"]
        if not quiet:
            raise ValueError(NOTHING_SEEN)
        cadence_s = quiet[0].reel.cadence_s
        self.arrays = {"cadence_s": np.array([cadence_s]), **Timing.at(cadence_s).as_arrays()}
        self.arrays |= self._scene(quiet)
        chunks = [chunk for r in quiet for chunk in r.pieces(self.timing.chunk)]
        highest = [self._highest(c.reel, np.arange(c.begin, c.end)) for c in chunks]
        self.arrays["highest_along_ways"] = usual_levels(highest, self.arrays["size_px"], LEAST_PX, LEAST_OF_WAY)

    def _scene(self, quiet: Sequence[QuietRange]) -> dict[str, np.ndarray]:
        """What it takes from the scene as a whole: what pairs of one scene keep, and the sizes of things by row of
        cells."""
        pairs = self.sample(quiet, PAIRS * (self.timing.pair + 1), self.timing.pair + 1)
        some = np.concatenate([shrunk(f, WORK_PX, CELL) for f, _ in self.sample(quiet, SIZE_FRAMES)])
        size_px = sizes_of(some, some).reshape(-1, CELL).mean(axis=1)
        return {"least_kept": kept_by_quiet(pairs, self.timing.pair, CELL), "size_px": size_px}

    @property
    def guard(self) -> int:
        return self.timing.guard

    def beside(self, k: int, parts: list[list[QuietRange]]) -> list[QuietRange]:
        return all_but(k, parts)  # how fast they walk does not drift, and who has seen little is not the scorer itself

    def _highest(self, reel: Reel, indices: np.ndarray) -> np.ndarray:
        context = np.arange(indices[0] - self.before, indices[-1] + 1 + self.after)
        frames, _ = self.read(reel, reflected(context, indices[0], indices[-1] + 1))
        pace = self.pace_of(reel)
        return np.stack([highest_of_parts(pace * maps, self.timing.part) for maps in self._pooled(frames)])

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[None, np.ndarray]:
        units = self.pace * self._pooled(frames) / self._highest_along_ways[:, None]
        return None, enlarged(units.max(axis=0), frames)

    @property
    def _highest_along_ways(self) -> np.ndarray:
        """Raises ValueError for a run of an earlier version, which knew no ways."""
        if "highest_along_ways" not in self.arrays:
            raise ValueError(earlier_version(self.settings.name))
        return self.arrays["highest_along_ways"]

    def _pooled(self, frames: np.ndarray) -> np.ndarray:
        """(1 + ways, n, h, w) by cells, of frames with their context."""
        small = shrunk(frames, WORK_PX, CELL)
        velocity = velocity_between(small, self.timing.pair, kept_at_least(self.arrays), self.motion)
        return pooled_by_way(velocity, self.timing, CELL)


def quiet_maximum(mean: np.ndarray, shared: int, reach: float, least: float = 1e-3) -> np.ndarray:
    """The mean over clips of a place's maximum (h, w), shared with its neighbours and never near 0.

    shared: places whose largest counts. reach: sigma of the smoothing behind it, in places. least: where nothing was
    seen at all.
    """
    smooth = ndimage.gaussian_filter(ndimage.maximum_filter(mean, shared), reach, mode="nearest")
    return np.maximum(smooth, max(LEAST_SHARE * float(np.quantile(mean, 0.99)), least)).astype(np.float32)


def shrunk(frames: np.ndarray, longest_px: int, multiple: int = 1) -> np.ndarray:
    """(T, C, H, W) about 0..1 -> grey (T, h, w) uint8, at most `longest_px` on a side and multiples of `multiple`."""
    factor = min(1.0, longest_px / max(frames.shape[2:]))
    cells = [max(SMALLEST_PX // multiple, round(n * factor / multiple)) for n in frames.shape[:1:-1]]
    size = [n * multiple for n in cells]  # (w, h)
    grey = np.rint(255 * np.clip(frames.mean(axis=1), 0, 1)).astype(np.uint8)
    return np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in grey])


def normalised(frames: np.ndarray) -> np.ndarray:
    """Grey frames (n, h, w) uint8 as float32 about 0, as a net takes them."""
    return (frames.astype(np.float32) / 255 - 0.45) * 4


def velocity_between(
    frames: np.ndarray, pair: int = 1, least: float = NEVER, known: KnownMotion | None = None
) -> np.ndarray:
    """Grey frames (T, h, w) uint8 -> motion from each to the one `pair` later, x, y px, (T - pair, h, w, 2) float32.

    What the camera's own motion adds is taken off, and what its noise does. least: of its edges that a pair keeps; it
    shows two scenes where it keeps fewer, beyond a cut or a turn too fast to follow, and no motion. known: what was
    measured before, and is to be.
    """
    search, known = flow_search(), KnownMotion(0) if known is None else known

    def measured(before: np.ndarray, after: np.ndarray) -> Motion:
        before = steadied(before, after)
        start: Any = None  # cv2 takes no flow to start from, though its types ask for one
        back = search.calc(after, before, start)
        speed = np.linalg.norm(back, axis=2)
        own = beyond_noise(speed, before, after) / np.maximum(speed, NO_SPEED)
        return Motion(-back * own[..., None], kept_edges(after, before))

    found = (known.of(a, b, measured) for a, b in zip(frames[:-pair], frames[pair:], strict=True))
    return np.stack([velocity if kept >= least else np.zeros_like(velocity) for velocity, kept in found])


def steadied_pairs(frames: np.ndarray, pair: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Grey frames (T, h, w) uint8 as the camera would have seen them from its place `pair` later, and that frame."""
    return ((steadied(a, b), b) for a, b in zip(frames[:-pair], frames[pair:], strict=True))


def kept_by_quiet(blocks: Iterable[Block], pair: int, multiple: int) -> np.ndarray:
    """`least_kept` (1,) of blocks of pair + 1 frames each, as an array to keep."""
    small = (shrunk(frames, WORK_PX, multiple) for frames, _ in blocks)
    return np.array([least_kept(each for block in small for each in steadied_pairs(block, pair))])


def kept_at_least(arrays: dict[str, np.ndarray]) -> float:
    """`least_kept` as a method has kept it; runs from before there was one take every pair for one scene."""
    return float(arrays["least_kept"][0]) if "least_kept" in arrays else NEVER


def flow_search() -> cv2.DISOpticalFlow:
    """Dense inverse search down to the finest scale.

    The presets stop at a coarse one and measure a walker of two pixels a frame at one.
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(0)
    search.setPatchSize(8)
    search.setPatchStride(4)
    search.setVariationalRefinementIterations(2)
    search.setVariationalRefinementAlpha(8.0)
    return search
