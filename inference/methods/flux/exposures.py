"""How much noisier frames of short exposures are: an automatic exposure takes them where a flare is bright.

Counts divided by the exposure have as much light, and more noise: that of photons goes with the root of the exposure,
that of reading a pixel with the exposure itself. What quiet frames differ by is of their exposures.
"""

from collections import deque
from typing import cast

import cv2
import numpy as np
from scipy.optimize import nnls

from data.reel.contract import AnyReel
from data.reel.reel import Reel
from inference.methods.flux.earlier import LATEST, frames_back
from inference.methods.flux.spreads import TINY, brightness_curve, interpolated

SHARP_PX = 1.5  # differences of frames at this scale and below are noise: what is wider is the Sun's
KEPT = 1 - 1 / (np.pi * SHARP_PX**2) + 1 / (4 * np.pi * SHARP_PX**2)  # of white noise's variance, at that scale
OF_THREE, OF_FIVE = 0.449, 0.287  # of the variance of one, that of the median of so many (normal noise)


def exposures_of(reel: AnyReel, begin: int, end: int) -> np.ndarray:
    """Exposures (n,) in s of frames [begin, end), which have been read; NaN of what is not told, or no rate."""
    known = cast(Reel, reel.so_far())
    if (
        not known.shape[0]
        or not str(known.meta.get("unit", "")).endswith("/s")
        or "exptime_s" not in known.table.columns
    ):
        return np.full(end - begin, np.nan)
    rows = slice(begin - known.first, end - known.first)
    exptime_s = known.table["exptime_s"].iloc[rows].to_numpy(np.float64)
    return np.where(exptime_s > 0, exptime_s, np.nan)


def sharp(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """What two frames (C, H, W) that follow each other differ by pixel by pixel, in spreads of one frame's noise."""
    difference = after - before
    wide = np.stack([cv2.GaussianBlur(np.nan_to_num(c), (0, 0), SHARP_PX) for c in difference])
    return (difference - wide) / np.float32(np.sqrt(2 * KEPT))


def usual_exposure(exptime_s: np.ndarray) -> float:
    """The exposure in s whose noise of photons is the mean of these (n,); NaN where none is known."""
    known = exptime_s[np.isfinite(exptime_s)]
    return float(1 / np.mean(1 / known)) if len(known) else np.nan


def noise_by_brightness(background: np.ndarray, sharp_parts: np.ndarray) -> np.ndarray:
    """Noise of a pixel by brightness (C, 2, B), from maps (n, C, H, W) of both."""
    count = background.shape[1]
    return np.stack([brightness_curve(background[:, c], sharp_parts[:, c]) for c in range(count)])


def reading_of(brightness: np.ndarray, noise: np.ndarray) -> float:
    """The variance of reading a pixel, from its noise by brightness (B,): what is left without light, where that of
    photons goes with the light."""
    variance = np.maximum(np.square(noise, dtype=np.float64), TINY)
    terms = np.stack([np.ones_like(variance), np.maximum(brightness, 0)], axis=1) / variance[:, None]
    return float(min(nnls(terms, np.ones_like(variance))[0][0], variance.min()))


class Exposures:
    """The exposures of a stretch so far, and what shorter ones than the quiet frames' add to the noise.

    usual_s: that of quiet frames, s. noise: of a pixel by brightness then (C, 2, B).
    """

    def __init__(self, usual_s: float, noise: np.ndarray, reach: int):
        self.usual_s, self.noise = usual_s, noise
        self.reading = [reading_of(*curve) for curve in noise]
        self._factors = deque[tuple[float, float]](maxlen=reach + 1)

    @staticmethod
    def of(arrays: dict[str, np.ndarray], reach: int) -> "Exposures":
        """Those of a run; while it is fitted, all are alike."""
        nothing = np.ones((1, 2, 1))
        return Exposures(float(arrays.get("exptime_s", np.nan)), arrays.get("noise", nothing), reach)

    def push(self, exptime_s: float) -> None:
        """That of the next frame, s; NaN, of which nothing is known, is a usual one."""
        shorter = max(1.0, float(np.nan_to_num(self.usual_s / exptime_s, nan=1.0)))
        self._factors.append((shorter - 1, shorter**2 - 1))  # by how much the variance of photons and of reading grows

    @property
    def are_usual(self) -> bool:
        """Whether none of those that are compared is shorter than the quiet ones."""
        return not any(reading for _, reading in self._factors)

    def adds(self, background: np.ndarray, near: int, far: int, blur_px: float) -> np.ndarray | None:
        """Variance (C, H, W) of the excess over a background (C, H, W) beyond the quiet one; None where there is none.

        near, far: frames that the background is of. blur_px: of the excess.
        """
        photons, reading = self._of_latest(near) + self._of_background(near, far)
        if not reading:
            return None
        blur = 4 * np.pi * blur_px**2 if blur_px > 0.3 else 1.0  # pixels that a Gaussian is the mean of
        bright = np.nan_to_num(background)
        variance = [
            photons * np.maximum(interpolated(c, *curve) ** 2 - dark, 0) + reading * dark
            for c, curve, dark in zip(bright, self.noise, self.reading, strict=True)
        ]
        return np.stack(variance).astype(np.float32) / np.float32(max(blur, 1.0))

    def _of_latest(self, near: int) -> np.ndarray:
        if near < LATEST or len(self._factors) < LATEST:
            return np.array(self._factors[-1])
        return OF_THREE * np.mean([self._factors[-1 - b] for b in range(3)], axis=0)

    def _of_background(self, near: int, far: int) -> np.ndarray:
        known = [self._factors[-1 - b] for b in frames_back(near, far) if b < len(self._factors)]
        return OF_FIVE * np.mean(known, axis=0) if known else np.zeros(2)
