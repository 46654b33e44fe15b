"""Frames of other sizes than most of their reel: a pixel more or less is cut off or filled up, and pictures of the same
view, as of a camera that was set to another resolution, are brought to the size of the others.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from data.frames.grid.placement import Placed
from data.sources.base import FrameError

SAME_VIEW = 0.01  # of a side, by which pictures of one proportion may differ
SCALED = "of another size, brought to that of most frames"
FEWEST_OF_A_SIZE = 3  # one after the other: sizes that change more often are those of other pictures


def to_shape(
    pixels: np.ndarray, shape: tuple[int, int], tolerance_px: int, is_picture: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """The frame (H, W) of `shape`, cropped or padded at its far edges, and where it has pixels (None: everywhere).

    Cut-outs that follow the Sun change their size by a pixel; anything more is another field of view, but for pictures
    of one proportion that have no pixels without a level. Raises FrameError for others.
    """
    if pixels.shape == tuple(shape):
        return pixels, None
    if any(abs(a - b) > tolerance_px for a, b in zip(pixels.shape, shape, strict=True)):
        if is_picture and are_one_view(pixels.shape, shape) and np.isfinite(pixels).all():
            return _scaled(pixels, shape), None
        raise FrameError(_told(pixels.shape, shape, tolerance_px))
    height, width = (min(a, b) for a, b in zip(pixels.shape, shape, strict=True))
    fitted, present = np.zeros(shape, pixels.dtype), np.zeros(shape, bool)
    fitted[:height, :width] = pixels[:height, :width]
    present[:height, :width] = True
    return fitted, present


def are_one_view(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two shapes have one proportion, but for what rounding does."""
    return abs(one[0] * other[1] / one[1] - other[0]) <= max(1.0, SAME_VIEW * other[0])


def _scaled(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels (H, W) at another size: means of those that fall together, or between neighbours."""
    is_smaller = shape[0] < pixels.shape[0]
    plain = pixels if pixels.dtype in (np.uint8, np.uint16, np.float32, np.float64) else pixels.astype(np.float32)
    return cv2.resize(plain, shape[::-1], interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR)


def _told(have: tuple[int, ...], want: tuple[int, ...], tolerance_px: int) -> str:
    have_told, want_told = ("x".join(map(str, shape)) for shape in (have, want))
    return f"shape {have_told} differs from {want_told} by more than prep.shape_tolerance_px {tolerance_px}"


def without_mixed_sizes(
    frames: Sequence[Placed], shape: tuple[int, int], tolerance_px: int
) -> tuple[list[Placed], list[Placed]]:
    """Frames in time order, and those that are rejected: of another size than `shape`, and less than three of it one
    after the other. Small copies among pictures are such, and no later state of a camera."""
    kept: list[Placed] = []
    odd: list[Placed] = []
    for frame, run in zip(frames, _runs([frame.candidate.shape for frame in frames]), strict=True):
        have = frame.candidate.shape
        is_other = any(abs(a - b) > tolerance_px for a, b in zip(have, shape, strict=True))
        if is_other and not frame.candidate.is_counts and run < FEWEST_OF_A_SIZE and all(have):
            odd.append(replace(frame, reason=_told(have, shape, tolerance_px)))
        else:
            kept.append(frame)
    return kept, odd


def _runs(shapes: Sequence[tuple[int, int]]) -> list[int]:
    """Of each of shapes, how many alike stand together there."""
    ends = [i for i in range(1, len(shapes) + 1) if i == len(shapes) or shapes[i] != shapes[i - 1]]
    lengths = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    return [length for length in lengths for _ in range(length)]
