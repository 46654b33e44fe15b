"""The frames before the present one, as they would look now: what the present one is compared with."""

from collections import deque

import numpy as np

from inference.methods.flux.turning import Turning

MEDIAN_OF, LATEST = 5, 3  # frames of a background, spread evenly over its reach; latest ones that are taken together
LEAST_KNOWN = 3  # of the frames of a background


def frames_back(near: int, far: int) -> list[int]:
    """How far back the frames of a background lie, nearest first."""
    return np.linspace(near, far, MEDIAN_OF).round().astype(int).tolist()


class Earlier:
    """The latest frames of flux of one stretch, (C, H, W) float32 each, NaN unknown, in time order."""

    def __init__(self, reach: int, cadence_s: float, turning: Turning | None):
        self.reach, self.frames = reach, deque[np.ndarray](maxlen=reach + 1)
        self.cadence_s, self.turning = cadence_s, turning

    def push(self, flux: np.ndarray) -> None:
        self.frames.append(flux)

    def background(self, near: int, far: int) -> np.ndarray:
        """The median (C, H, W) over frames `near` to `far` before the latest; NaN where fewer than three are known."""
        known = [b for b in frames_back(near, far) if b < len(self.frames)]
        if len(known) < LEAST_KNOWN:
            return np.full_like(self.frames[-1], np.nan)
        unknown = [np.full_like(self.frames[-1], np.nan)] * (MEDIAN_OF - len(known))
        return median_of_five(np.stack([self._back(b) for b in known] + unknown))

    def latest(self, near: int) -> np.ndarray:
        """What is compared with a background that begins `near` frames back, (C, H, W).

        Where the latest frames are none of the background's, their median: noise is less, and a spike of one frame is
        none of a slow rise.
        """
        now = self.frames[-1]
        if near < LATEST or len(self.frames) < LATEST:
            return now
        a, b = (np.where(np.isnan(before), now, before) for before in (self._back(1), self._back(2)))
        return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), now))

    def _back(self, frames: int) -> np.ndarray:
        flux = self.frames[-1 - frames]
        return self.turning.back(flux, frames * self.cadence_s) if self.turning else flux


def median_of_five(values: np.ndarray) -> np.ndarray:
    """The median (...) of values (5, ...), NaN unknown: of three or four where others are unknown, NaN of fewer.

    Five are compared in pairs, all places at once, which takes a tenth of the time of sorting.
    """
    a, b, c, d, e = values
    a, b, d, e = np.minimum(a, b), np.maximum(a, b), np.minimum(d, e), np.maximum(d, e)
    d, b = np.maximum(a, d), np.minimum(b, e)  # the smallest and the largest of these four are out
    median = np.maximum(np.minimum(b, c), np.minimum(np.maximum(b, c), d))
    partly = np.isnan(median)
    if partly.any():
        partly[partly] = np.isnan(values[:, partly]).sum(axis=0) <= 2
        median[partly] = np.nanmedian(values[:, partly], axis=0)
    return median
