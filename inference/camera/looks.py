"""What a frame looks like as a whole, and what two frames share: the facts that tell whether a camera's data are sound.

All are of frames in a model's scaling (about 0..1), and of few pixels, so that they cost little beside any model.
"""

from typing import NamedTuple

import cv2
import numpy as np

from inference.camera.motion import camera_motion, rms_px
from inference.camera.parts import TILES, Shown, correlation, detail_of, edges_kept, lit_by, upper_quartile

MOST_PX, SMALL_PX = 256, 192  # longer side of what values, and what structure and motion are taken from
LEVELS = 256  # of 0..1; a fill that was coded lies within two of them


class Look(NamedTuple):
    """One frame: its grey values (h, w) float32 on some of its pixels, which are valid, and a small picture of it."""

    grey: np.ndarray
    valid: np.ndarray
    shown: Shown  # a small picture (h, w) uint8

    @property
    def small(self) -> np.ndarray:
        return self.shown.picture

    @classmethod
    def of(cls, frame: np.ndarray, valid: np.ndarray) -> "Look":
        """Of a frame (C, H, W), invalid pixels 0, and its valid pixels (H, W)."""
        step = -(-max(valid.shape) // MOST_PX)
        factor = min(1.0, SMALL_PX / max(valid.shape))
        size = [max(TILES, round(n * factor)) for n in valid.shape[::-1]]
        grey = frame.mean(axis=0)
        levels = np.rint(255 * np.clip(grey, 0, 1)).astype(np.uint8)
        small = cv2.resize(levels, size, interpolation=cv2.INTER_AREA)
        return cls(np.ascontiguousarray(grey[::step, ::step]), valid[::step, ::step], Shown(small))


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
    return Alone(float(look.valid.mean()), flat, (level - LEVELS) / LEVELS, smooth, *detail_of(look.shown))


def pair(now: Look, before: Look, known_px: float = 0.0) -> Pair:
    """Facts of two frames of one size. known_px: `moved_px` is 0 for any that is no larger, which takes less time."""
    motion = camera_motion(before.small, now.small, may_smooth=False, known_px=known_px)
    kept, moved_px = edges_kept(now.shown, before.shown), rms_px(motion, now.small.shape)
    return Pair(change_of(now, before), kept, moved_px, lit_by(now.shown, before.shown))


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
