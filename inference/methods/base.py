"""What methods share: a reel is read in blocks of frames with some context, so that memory does not grow with it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch

from config import EvalConfig, ModelConfig
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.reel.stretch import Stretch, restretch
from data.reel.window_dataset import target_stretches
from inference.calibration.quiet import QuietRange
from inference.scorers.net import ScoredFrame, clean_error, clean_residual

BLOCK_FRAMES = 32
Block = tuple[np.ndarray, np.ndarray]  # frames (n, C, H, W) and valid pixels (n, H, W)


class Method(ABC):
    """A scorer that is fitted in one step and works frame by frame.

    A subclass gives `compare`, `fit` where it learns something, and `open` where it looks at a stretch as a whole.
    """

    before = 0  # frames of context that `compare` gets before and after those it answers for
    after = 0

    def __init__(
        self, settings: ModelConfig, arrays: dict[str, np.ndarray], scaling: dict[str, Stretch], clip_length: int
    ):
        self.settings, self.arrays, self.scaling, self.clip_length = settings, arrays, scaling, clip_length
        self.device = torch.device("cpu")  # of a part that is a net

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:  # noqa: B027
        """Fill `arrays`, which the checkpoint keeps, from quiet frames: ranges of the training and validation side."""

    def open(self, reel: Reel, begin: int, end: int) -> None:  # noqa: B027
        """Called before the frames of the stretch [begin, end)."""

    @abstractmethod
    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
        """(expected frames (n, C, H, W) or None, errors (n, H, W) or None) of a block, at least one of them.

        frames: (before + n + after, C, H, W) float32, invalid pixels 0. valid: (before + n + after, H, W) bool. Without
        errors the residual is the difference of frame and expected frame, cleaned of what the camera did.
        """

    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """Every frame of the stretch [begin, end), in time order."""
        self.open(reel, begin, end)
        for first in range(begin, end, BLOCK_FRAMES):
            indices = np.arange(first, min(first + BLOCK_FRAMES, end))
            context = np.arange(first - self.before, indices[-1] + 1 + self.after)
            frames, valid = self.read(reel, reflected(context, begin, end))
            expected, errors = self.compare(frames, valid)
            for i, index in enumerate(indices.tolist()):
                k = i + self.before
                yield scored(index, frames[k], valid[k], _item(expected, i), _item(errors, i), settings)

    def read(self, reel: Reel, indices: np.ndarray) -> Block:
        """Frames (n, C, H, W) in the method's scaling, invalid pixels 0, and valid pixels (n, H, W); any order."""
        first, last = int(indices.min()), int(indices.max()) + 1
        stored, bits = reel.read(first, last)
        frames = restretch(stored.astype(np.float32), reel.stretches, target_stretches(reel, self.scaling))
        valid = (bits & INVALID) == 0
        return (frames * valid[:, None])[indices - first], valid[indices - first]

    def sample(self, quiet: Sequence[QuietRange], count: int, depth: int = 1) -> Iterator[Block]:
        """At most about `count` frames, evenly from the quiet frames of the training side, as blocks of `depth`."""
        train = [r for r in quiet if r.side == "train"]
        starts = [(r.reel, start) for r in train for start in range(r.begin, r.end - depth + 1, depth)]
        step = max(1, -(-len(starts) * depth // count))
        for reel, start in starts[::step]:
            yield self.read(reel, np.arange(start, start + depth))


def scored(
    index: int,
    frame: np.ndarray,
    valid: np.ndarray,
    expected: np.ndarray | None,
    error: np.ndarray | None,
    settings: EvalConfig,
) -> ScoredFrame:
    """A frame with its cleaned residual; an error (H, W) takes the place of the difference to what was expected."""
    if error is None:
        residual, common = clean_residual(frame, expected, valid, settings)
    else:
        residual, common = clean_error(error, valid, settings), 0.0
    if expected is None:
        expected = np.zeros((0, *frame.shape[1:]), np.float32)
    return ScoredFrame(index, frame, expected, residual, valid, common)


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
