"""The light of one place of the Sun over time, in physical units: a patch that solar rotation carries along."""

import warnings
from dataclasses import dataclass

import cv2
import numpy as np

from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from inference.calibration.noise import MAD_TO_STD
from inference.events.sky import Sky

TINY = 1e-9


@dataclass(frozen=True)
class Patch:
    """A rectangle of pixels [x0, x1) x [y0, y1) of one frame, which follows the Sun's surface in the others."""

    reel: Reel
    sky: Sky
    frame: int
    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.y1 - self.y0, self.x1 - self.x0

    def light(self, frames: np.ndarray) -> np.ndarray:
        """The sum over the channels in some frames, NaN where it is not known: (n, h, w) float32."""
        moves = self._moves(frames).tolist()
        return np.stack([self._light_of(frame, *move) for frame, move in zip(frames.tolist(), moves, strict=True)])

    def curve(self, frames: np.ndarray, pixels: np.ndarray) -> np.ndarray:
        """The mean light over some of its pixels (h, w) bool in some frames, NaN where none is known: (n,)."""
        moves, found = self._moves(frames).tolist(), np.full(len(frames), np.nan)
        for i, (frame, move) in enumerate(zip(frames.tolist(), moves, strict=True)):
            values = self._light_of(frame, *move)[pixels]
            known = values[np.isfinite(values)]
            if len(known):
                found[i] = known.mean()
        return found

    def _moves(self, frames: np.ndarray) -> np.ndarray:
        """By how many whole pixels (n, 2) dx, dy the patch lies elsewhere in other frames."""
        x, y = (np.full(len(frames), (low + high - 1) / 2) for low, high in ((self.x0, self.x1), (self.y0, self.y1)))
        new_x, new_y = self.sky.carried(np.full(len(frames), self.frame), frames, x, y)
        return np.nan_to_num(np.stack([new_x - x, new_y - y], axis=1)).round().astype(int)

    def _light_of(self, frame: int, dx: int, dy: int) -> np.ndarray:
        height, width = self.reel.shape[2:]
        (rows, to_rows), (columns, to_columns) = (
            _overlap(low, high, size)
            for low, high, size in ((self.y0 + dy, self.y1 + dy, height), (self.x0 + dx, self.x1 + dx, width))
        )
        stored = self.reel.frames[frame, :, rows, columns]
        light = sum(s.inverse(stored[c].astype(np.float64)) for c, s in enumerate(self.reel.stretches))
        found = np.full(self.shape, np.nan, np.float32)
        found[to_rows, to_columns] = np.where(self.reel.masks[frame, rows, columns] & INVALID, np.nan, light)
        return found


def _overlap(low: int, high: int, size: int) -> tuple[slice, slice]:
    """The part of [low, high) that lies in [0, size), and where that is in the range itself."""
    first, last = min(max(low, 0), size), min(max(high, 0), size)
    return slice(first, last), slice(first - low, last - low)


def base_of(light: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a patch was in the frames before, and its noise: median and robust spread (h, w) of (n, h, w).

    No pixel's noise is below the typical one: eight bits often repeat themselves.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of pixels that were never seen
        base = np.nanmedian(light, axis=0)
        noise = MAD_TO_STD * np.nanmedian(np.abs(light - base), axis=0)
    typical = np.nanmedian(noise) if np.isfinite(noise).any() else 0.0
    return base, np.maximum(noise, max(float(typical), TINY))


def smooth(change: np.ndarray) -> np.ndarray:
    """A map (h, w) as means of 3 x 3 pixels; what is unknown counts as no change."""
    return cv2.blur(np.nan_to_num(change).astype(np.float32), (3, 3), borderType=cv2.BORDER_REPLICATE)


def footprint(change: np.ndarray) -> np.ndarray:
    """Where a map of more (or, with its sign turned, less) light reaches half of its greatest change: (h, w) bool."""
    reached = smooth(change)
    return (reached > 0) & (reached >= reached.max() / 2)
