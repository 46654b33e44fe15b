"""What a frame looks like as a whole, and what two frames share: the facts that tell whether a camera's data are sound.

All are of frames in a model's scaling (about 0..1), and of few pixels, so that they cost little beside any model.
"""

from typing import NamedTuple

import cv2
import numpy as np

from inference.camera.motion import camera_motion, is_smoothing, rms_px

MOST_PX, SMALL_PX = 256, 192  # longer side of what values, and what structure and motion are taken from
LEVELS = 256  # of 0..1; a fill that was coded lies within two of them
STAYED = 0.75  # edges kept in place; a picture that moved by FAR_SHARE of its longer side keeps next to none
FAR_SHARE = 1 / 6
TILES = 4  # structure is compared in TILES x TILES parts of the picture
SOBEL = 8  # by which its gradients are larger than the step from a pixel to the next
COARSE = 12, 16  # cells (h, w) of what is left of a picture that is out of focus


class Look(NamedTuple):
    """One frame: its grey values (h, w) float32 on some of its pixels, which are valid, and a small picture of it."""

    grey: np.ndarray
    valid: np.ndarray
    small: np.ndarray  # (h, w) uint8

    @classmethod
    def of(cls, frame: np.ndarray, valid: np.ndarray) -> "Look":
        """Of a frame (C, H, W), invalid pixels 0, and its valid pixels (H, W)."""
        step = -(-max(valid.shape) // MOST_PX)
        factor = min(1.0, SMALL_PX / max(valid.shape))
        size = [max(TILES, round(n * factor)) for n in valid.shape[::-1]]
        levels = np.rint(255 * np.clip(frame.mean(axis=0), 0, 1)).astype(np.uint8)
        small = cv2.resize(levels, size, interpolation=cv2.INTER_AREA)
        return cls(frame[:, ::step, ::step].mean(axis=0), valid[::step, ::step], small)


class Alone(NamedTuple):
    """Facts of a frame by itself."""

    valid: float  # share of its pixels
    flat: float  # share of the valid ones that have one value, or the next
    level: float  # that value, 0..1
    smooth: float  # correlation of a pixel with its neighbours: about 0 in pure noise
    detail: float  # rms gradient, of 0..1 a px of SMALL_PX: a quarter of the picture has at least so much
    sharp: float  # the same in units of the contrast there: what dusk and fog leave as it is, and a lens does not


class Pair(NamedTuple):
    """Facts of a frame and one before it."""

    change: float  # mean absolute difference of pixels: a quarter of the picture has changed by at least so much
    kept: float  # correlation of edges: a quarter of the picture has kept them at least so well
    moved_px: float  # how far the camera moved, rms, in px of SMALL_PX
    lit: float  # by how much three quarters of the picture at least became brighter, or darker, of 0..1


def alone(look: Look) -> Alone:
    """Facts of one frame; of one without a valid pixel nothing but that is known."""
    values = look.grey[look.valid]
    if not values.size:
        return Alone(0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    steps = np.clip(np.rint(values * LEVELS), -LEVELS, 3 * LEVELS).astype(np.int64) + LEVELS
    counts = np.bincount(steps, minlength=4 * LEVELS + 2)
    pairs = counts[:-1] + counts[1:]
    level = int(pairs.argmax())
    neighbours = (look.small[:, :-1], look.small[:, 1:]), (look.small[:-1], look.small[1:])
    smooth = float(np.mean([correlation(a, b, alike=1.0) for a, b in neighbours]))
    flat = float(pairs[level] / values.size)
    return Alone(float(look.valid.mean()), flat, (level - LEVELS) / LEVELS, smooth, *detail_of(look.small))


def pair(now: Look, before: Look) -> Pair:
    """Facts of two frames of one size."""
    motion = camera_motion(before.small, now.small)
    if motion is not None and is_smoothing(motion, before.small, now.small):
        motion = None
    kept, moved_px = kept_edges(now.small, before.small), rms_px(motion, now.small.shape)
    if kept > STAYED and moved_px > FAR_SHARE * max(now.small.shape):  # a fit to few corners, as of fish that swarm
        moved_px = 0.0
    return Pair(change_of(now, before), kept, moved_px, lit_by(now.small, before.small))


def change_of(now: Look, before: Look) -> float:
    """Upper quartile of the mean absolute differences in the parts of two frames; infinite where none are valid.

    So something that saturates, or a clock that goes on, is not the whole picture.
    """
    both = now.valid & before.valid
    differences = np.where(both, np.abs(now.grey - before.grey), np.float32(0))
    total, share = (
        cv2.resize(a.astype(np.float32), (TILES, TILES), interpolation=cv2.INTER_AREA) for a in (differences, both)
    )
    known = share > 0
    return upper_quartile(total[known] / share[known]) if known.any() else np.inf


def same_share(now: Look, before: Look) -> float:
    """The share of the pixels of two frames that have the very same value; 1 where none is valid."""
    both = now.valid & before.valid
    return float((now.grey[both] == before.grey[both]).mean()) if both.any() else 1.0


def kept_edges(now: np.ndarray, before: np.ndarray) -> float:
    """Upper quartile over TILES x TILES parts of the correlation of the gradients of two pictures (h, w) uint8.

    What goes on in three quarters of a picture leaves it alone, and a change of light does too.
    """
    (x, y), (x_before, y_before) = _gradients(now), _gradients(before)
    n = 2 * _of_parts(np.ones_like(x))
    total, total_before = _of_parts(x + y), _of_parts(x_before + y_before)
    # Gradients are whole numbers, and so are all of these sums, exactly: a part without edges has a size of 0.
    square, square_before = (n * _of_parts(p * p + q * q) for p, q in ((x, y), (x_before, y_before)))
    both = n * _of_parts(x * x_before + y * y_before) - total * total_before
    size = np.sqrt((square - total**2) * (square_before - total_before**2))
    return upper_quartile(np.divide(both, size, out=np.zeros_like(both), where=size > 0))


def detail_of(picture: np.ndarray) -> tuple[float, float]:
    """`Alone.detail` and `Alone.sharp` of a picture (h, w) uint8; contrast below a grey level counts as one."""
    x, y = _gradients(picture)
    levels = picture.astype(np.float32)
    pixels, steepness = _of_parts(np.ones_like(x)), _of_parts(x * x + y * y)
    gradient = np.sqrt(steepness / pixels) / SOBEL
    contrast = np.sqrt(np.maximum(_of_parts(levels * levels) / pixels - (_of_parts(levels) / pixels) ** 2, 0))
    return upper_quartile(gradient) / 255, upper_quartile(gradient / np.maximum(contrast, 1.0))


def lit_by(now: np.ndarray, before: np.ndarray) -> float:
    """`Pair.lit` of two pictures (h, w) uint8: what a lamp or the exposure changes is all over them, to one side."""
    pixels = _of_parts(np.ones(now.shape))
    changes = np.sort((_of_parts(now.astype(np.float64)) - _of_parts(before.astype(np.float64))) / pixels, axis=None)
    quarter = changes.size // 4
    return float(max(changes[quarter], -changes[-1 - quarter], 0.0)) / 255


def same_scene(now: np.ndarray, before: np.ndarray) -> float:
    """Correlation of two pictures (h, w) uint8 without their details: high where one shows the other out of focus."""
    one, other = (cv2.resize(p, COARSE[::-1], interpolation=cv2.INTER_AREA).astype(float) for p in (now, before))
    return correlation(one, other)


def _gradients(picture: np.ndarray) -> list[np.ndarray]:
    """Along x and along y, (h, w) each."""
    return [cv2.Sobel(picture, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1))]


def _of_parts(values: np.ndarray) -> np.ndarray:
    """Sums (TILES, TILES) float64 over the parts of a picture (h, w)."""
    rows, columns = (np.arange(TILES) * n // TILES for n in values.shape)
    return np.add.reduceat(np.add.reduceat(values, rows, axis=0, dtype=np.float64), columns, axis=1)


def upper_quartile(values: np.ndarray) -> float:
    """`np.quantile(values, 0.75)`, which takes longer for some sixteen than what they were made of."""
    ordered = np.sort(values, axis=None)
    return float(np.interp(0.75 * (ordered.size - 1), np.arange(ordered.size), ordered))


def correlation(a: np.ndarray, b: np.ndarray, alike: float = 0.0) -> float:
    """Pearson's, of two arrays of one shape; `alike` where one of them is constant."""
    a, b = (values - values.mean(dtype=np.float64) for values in (a, b))
    size = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / size) if size > 0 else alike
