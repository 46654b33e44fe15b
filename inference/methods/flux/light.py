"""By how much the light of a whole frame has changed at a stroke, as another exposure does it in a movie that tells
none. An automatic exposure takes short frames in turn with long ones while a flare is bright.

What a movie shows is light less what it shows black, so that a share of the light is a share and an offset.
"""

from typing import NamedTuple

import cv2
import numpy as np

LEAST_STEP = 0.05  # of the light: less, the Sun's places do together, and clouds from frame to frame
ALIKE, REST = 1 / 3, 0.2  # of the change of a place, by which it differs from that of all, but for that share of them
WIDE_PX, EVERY = 3.0, 4  # of the smoothing, so that noise counts little; and how far apart places are looked at
GROUPS, LEAST_KNOWN = 16, 64  # of places by brightness, and places at all
BLACK = 0.05  # of the typical light: what a shorter frame shows darker is black, and tells nothing


class Step(NamedTuple):
    """A frame's light is share * that of the frame before + offset, and black what is no more than that, if any."""

    share: float = 1.0
    offset: float = 0.0
    black: float = -np.inf

    def undone(self, flux: np.ndarray) -> np.ndarray:
        """Flux (C, H, W) in the light of the frame before; what is black is unknown."""
        if self == Step():
            return flux
        shown = np.where(flux > self.black, flux, np.float32(np.nan))
        return ((shown - np.float32(self.offset)) / np.float32(self.share)).astype(np.float32)

    def done(self, flux: np.ndarray) -> np.ndarray:
        """Flux as this frame shows it."""
        return flux if self == Step() else flux * np.float32(self.share) + np.float32(self.offset)


def step_between(before: np.ndarray, after: np.ndarray) -> Step:
    """The step from one frame (C, H, W) to the next, where nearly all places have changed alike; NaN is unknown."""
    known = np.isfinite(before) & np.isfinite(after)
    if not known.any():
        return Step()
    typical = float(np.median(before[known]))
    old, new = _places(before, after, known & (after > BLACK * typical))
    if len(old) < LEAST_KNOWN or typical <= 0:
        return Step()
    share, offset = _line(old, new)
    change, differs = np.abs(new - old), np.abs(new - share * old - offset)
    is_large = np.median(change) > LEAST_STEP * typical
    is_alike = np.quantile(differs / np.maximum(change, 1e-9 * typical), 1 - REST) < ALIKE
    if not (is_large and is_alike and share > 0):
        return Step()
    return Step(share, offset, BLACK * typical if np.median(new) < np.median(old) else -np.inf)


def _places(before: np.ndarray, after: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smooth light (N,) of some places in both, where all around them is known."""
    share = np.concatenate([_smooth(c.astype(np.float32)) for c in known])
    old, new = (
        np.concatenate([_smooth(c) for c in np.where(known, flux, 0).astype(np.float32)]) for flux in (before, after)
    )
    inner = share > 0.9
    return old[inner] / share[inner], new[inner] / share[inner]


def _smooth(field: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(field, (0, 0), WIDE_PX, borderType=cv2.BORDER_REFLECT)[::EVERY, ::EVERY].ravel()


def _line(old: np.ndarray, new: np.ndarray) -> tuple[float, float]:
    """Slope and offset of one by the other: the medians of those between groups of places by brightness (Theil-Sen)."""
    groups = np.array_split(np.argsort(old), GROUPS)
    x, y = (np.array([np.median(light[group]) for group in groups]) for light in (old, new))
    first, second = np.triu_indices(GROUPS, 1)
    apart = x[second] - x[first]
    share = float(np.median((y[second] - y[first])[apart > 0] / apart[apart > 0])) if (apart > 0).any() else 1.0
    return share, float(np.median(y - share * x))
