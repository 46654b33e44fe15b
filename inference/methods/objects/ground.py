"""The ground that objects stand before: a median picture of quiet clips, and what differs from it in a frame.

Exposure is taken off by a gain and an offset that most of the picture shares, the camera's motion by moving the ground.
A shadow leaves the texture of the ground as it is (Jacques, Jung and Musse 2005), and so do a lamp, headlights and the
sun between clouds: what only darkens or brightens is no object.
"""

from typing import NamedTuple

import cv2
import numpy as np

from inference.calibration.noise import MAD_TO_STD
from inference.camera.motion import steadied

LEAST_LEVELS, SPREADS = 9.0, 4.0  # a pixel differs by so many grey levels, and so many of its quiet spreads
BLUR_PX = 1.0
LIKENESS, TEXTURE_SIDE, LEAST_TEXTURE = (
    0.9,
    7,
    3.0,
)  # correlation, px, and the least spread in grey levels
DARKEST = 0.4  # of the ground in full light, where it is in a shadow
EXPOSURE_STEP, EXPOSURE_ROUNDS = 3, 3  # every so many pixels on either axis
LEAST_GAIN = 0.3
BAND_LEVELS, BAND_SHARE = 32, 0.01  # width of a band, grey levels, and share of the picture that makes one
CLIPPED = 2.0  # grey levels from the ends of the scale
UNSURE_PX = 0.5  # an edge may be elsewhere by so much, though the camera's motion is taken off


class Ground(NamedTuple):
    """picture and spread: grey levels (h, w) float32 of the ground, and how much they usually differ."""

    picture: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, frames: np.ndarray) -> "Ground":
        """From quiet frames (n, h, w) uint8 spread over time, as one of them, the most usual, was filmed."""
        usual = np.abs(frames - np.median(frames, axis=0)).mean(axis=(1, 2)).argmin()
        frames = np.stack([steadied(frame, frames[usual], of_ground=True) for frame in frames])
        picture = np.median(frames, axis=0).astype(np.float32)
        spread = MAD_TO_STD * np.median(np.abs(frames - picture), axis=0)
        return cls(picture, cv2.medianBlur(spread.astype(np.float32), 5))

    def seen_in(self, frame: np.ndarray) -> np.ndarray:
        """The ground (h, w) float32 as it looks at the exposure of a frame, and from where the camera is now."""
        grey = np.rint(self.picture).astype(np.uint8)
        moved = steadied(grey, frame, of_ground=True)
        picture = self.picture if moved is grey else moved.astype(np.float32)
        gain, offset = exposure(picture, frame)
        exposed = np.clip(gain * picture + offset, 0, 255)
        return np.where(clipped(picture) & clipped(frame), frame, exposed).astype(np.float32)

    def objects_in(self, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where a frame (h, w) uint8 shows something before the ground, bool, and the ground as it looks there."""
        ground = self.seen_in(frame)
        now, then = (cv2.GaussianBlur(p, (0, 0), BLUR_PX) for p in (frame.astype(np.float32), ground))
        least = np.maximum(np.maximum(LEAST_LEVELS, SPREADS * self.spread), UNSURE_PX * steepness(then))
        differs = np.abs(now - then) > least
        differs &= ~same_texture(now, then)
        whole = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        return cv2.medianBlur(whole, 5) > 0, ground


def clipped(picture: np.ndarray) -> np.ndarray:
    """Where a picture (h, w) is black or white, as bars beside it and what is overexposed are: it may be anything."""
    return (picture < CLIPPED) | (picture > 255 - CLIPPED)


def exposure(ground: np.ndarray, frame: np.ndarray) -> tuple[float, float]:
    """Gain and offset that make most of the ground (h, w) look as it does in a frame; (1, 0) of a flat one.

    By what is clipped in neither: bars stay black whatever the exposure, and so they would be taken for most of it.
    From two starts, as who hides most of a few grey levels leads the medians of these astray, and one for all is that
    of the largest part; what leaves less of the picture unlike the frame is right.
    """
    pair = [p[::EXPOSURE_STEP, ::EXPOSURE_STEP].astype(np.float64) for p in (ground, frame)]
    known = ~(clipped(pair[0]) | clipped(pair[1]))
    if not known.any():
        return 1.0, 0.0
    x, y = (p[known] for p in pair)
    starts = (1.0, float(np.median(y - x))), _exposure_of_bands(x, y)
    found = [_refined(x, y, *start) for start in starts]
    return min(found, key=lambda f: float(np.minimum(np.abs(y - f[0] * x - f[1]), LEAST_LEVELS).mean()))


def _refined(x: np.ndarray, y: np.ndarray, gain: float, offset: float) -> tuple[float, float]:
    """Gain and offset from x to y (N,) by what is near to those that are known, again and again."""
    for _ in range(EXPOSURE_ROUNDS):
        distance = np.abs(y - gain * x - offset)
        near = distance <= np.maximum(1.5 * np.median(distance), 1.0)
        centre_x, centre_y = x[near].mean(), y[near].mean()
        variance = np.square(x[near] - centre_x).mean()
        if variance > 1.0:
            gain = float(((x[near] - centre_x) * (y[near] - centre_y)).mean() / variance)
            gain = min(max(gain, LEAST_GAIN), 1 / LEAST_GAIN)
        offset = float(centre_y - gain * centre_x)
    return gain, offset


def _exposure_of_bands(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """A first gain and offset from x to y (N,), in which a small dark place counts as much as a large bright wall.

    A line through the medians of bands of grey levels, by the median of slopes between them (Theil 1950).
    """
    band = (x // BAND_LEVELS).astype(int)
    known = np.flatnonzero(np.bincount(band) >= BAND_SHARE * len(x))
    middle = np.array([(np.median(x[band == k]), np.median(y[band == k])) for k in known])  # (bands, 2)
    gain = 1.0
    if len(middle) > 1:
        i, j = np.triu_indices(len(middle), 1)
        slopes = (middle[j, 1] - middle[i, 1]) / (middle[j, 0] - middle[i, 0])
        gain = min(max(float(np.median(slopes)), LEAST_GAIN), 1 / LEAST_GAIN)
    return gain, float(np.median(middle[:, 1] - gain * middle[:, 0]))


def steepness(picture: np.ndarray) -> np.ndarray:
    """Grey levels a px (h, w) of a picture (h, w) float32."""
    return cv2.magnitude(*(cv2.Sobel(picture, cv2.CV_32F, dx, 1 - dx, scale=0.125) for dx in (1, 0)))


def same_texture(now: np.ndarray, then: np.ndarray) -> np.ndarray:
    """Where a picture (h, w) is the other one in another light: darker or brighter, with the same texture."""
    side = (TEXTURE_SIDE, TEXTURE_SIDE)
    mean_now, mean_then = cv2.blur(now, side), cv2.blur(then, side)
    spread_now = cv2.blur(now * now, side) - mean_now * mean_now
    spread_then = cv2.blur(then * then, side) - mean_then * mean_then
    both = cv2.blur(now * then, side) - mean_now * mean_then
    least = LEAST_TEXTURE**2
    alike = both > LIKENESS * np.sqrt(np.maximum(spread_now, 1e-3) * np.maximum(spread_then, 1e-3))
    lit = (mean_now > DARKEST * mean_then) & (mean_then > DARKEST * mean_now)
    return alike & lit & (spread_then > least) & (spread_now > DARKEST**2 * least)
