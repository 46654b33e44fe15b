"""What could be reached at all: the noise of a place on the Sun, and a filter that knows the shape it looks for.

No entry point.
"""

import cv2
import numpy as np
from scipy import ndimage

from data.reel.reel import Reel
from inference.methods.flux.turning import Turning

ELEMENT_PX, BEFORE, LONGEST_S = 1.5, 12, 3600.0  # smoothing of a resolution element; frames that it is compared with
BACK, WORST = (
    24,
    0.02,
)  # frames before the onset that the filter knows; share of places that flare, left out of its noise
RIDGE = 1e-3


def still(reel: Reel) -> np.ndarray:
    """Linear flux (T, H, W) float32 as it would look in the last frame, where the reel tells where the Sun is."""
    flux = reel.physical(0, len(reel))[:, 0].astype(np.float32)
    turning = Turning.of(reel, 0, len(reel))
    if turning:
        ages = reel.times_s[-1] - reel.times_s
        flux = np.stack([turning.back(frame[None], age)[0] for frame, age in zip(flux, ages.tolist(), strict=True)])
    return np.where(np.isfinite(flux), flux, np.nanmedian(flux))


def smoothed(flux: np.ndarray, blur_px: float) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), blur_px, borderType=cv2.BORDER_REFLECT) for frame in flux])


def element_sigma(reel: Reel) -> np.ndarray:
    """The quiet spread (H, W) of a resolution element: 1.4826 MAD of its light less the mean of the frames before.

    It holds what the quiet Sun does, photon noise included, and is no method's.
    """
    light = smoothed(still(reel), ELEMENT_PX)
    count = int(np.clip(LONGEST_S // reel.cadence_s, 2, min(BEFORE, len(light) // 2)))
    sums = np.cumsum(np.concatenate([np.zeros_like(light[:1]), light]), axis=0)
    excess = light[count:] - (sums[count:-1] - sums[: -count - 1]) / count
    return ndimage.median_filter(1.4826 * np.median(np.abs(excess), axis=0), 7)


class Ideal:
    """The linear filter for a flare of known width and course at each place: it is told everything but whether one is.

    Noise is taken as the quiet training frames have it: by place its size, and for all places the correlation in time.
    A constant background is free. course: (n,) of the light, of which the first BACK frames are before the onset.
    """

    def __init__(self, train: Reel, course: np.ndarray, wide_px: float):
        self.wide_px, count = wide_px, len(course)
        light = smoothed(still(train), wide_px)
        self.size = ndimage.median_filter(1.4826 * np.median(np.abs(np.diff(light, axis=0)), axis=0), 7) / np.sqrt(2)
        scaled = light / self.size
        pieces = [scaled[t : t + count].reshape(count, -1) for t in range(0, len(light) - count + 1, 3)]
        noise = np.concatenate([piece - piece.mean(axis=0) for piece in pieces], axis=1)
        energy = np.square(noise).mean(axis=0)
        noise = noise[:, energy < np.quantile(energy, 1 - WORST)]
        covariance = noise @ noise.T / noise.shape[1]
        inverse = np.linalg.inv(covariance + RIDGE * np.trace(covariance) / count * np.eye(count))
        ones = np.ones(count)
        weights = inverse @ (course - course.mean())
        weights -= inverse @ ones * (ones @ weights) / (ones @ inverse @ ones)
        self.weights = weights / np.sqrt(weights @ covariance @ weights)
        self.spread = np.ones_like(self.size)
        found = np.nanmedian(np.abs(self(still(train))), axis=0)
        spread = ndimage.maximum_filter(ndimage.median_filter(1.4826 * found, 7), 3)
        self.spread = np.maximum(spread, np.median(spread))

    def __call__(self, flux: np.ndarray) -> np.ndarray:
        """What it says of flux (T, H, W): (T - n + 1, H, W) in spreads, the first of frames 0 to n - 1."""
        scaled = smoothed(flux, self.wide_px) / self.size
        windows = np.lib.stride_tricks.sliding_window_view(scaled, len(self.weights), axis=0)
        return np.stack([w @ self.weights.astype(np.float32) for w in windows]) / self.spread
