"""Frames that are noisier than the quiet ones, as short exposures are, where no exposure is told."""

import numpy as np

from inference.calibration.noise import MAD_TO_STD
from inference.methods.flux.spreads import TINY, brightness_curve

NOISY = 1.3  # times the usual spread of most places, above which a frame has noise of its own
EVERY = 4  # px between places that are looked at


def is_noisy(excess: np.ndarray, usual: np.ndarray) -> bool:
    """Whether an excess (C, H, W) is far wider in a frame, in most places, than its usual spread (C, H, W): that of its
    brightness, or of what a coded movie held back, which is no noise."""
    some = (..., slice(None, None, EVERY), slice(None, None, EVERY))
    sizes = np.abs(excess[some]) / usual[some]
    known = sizes[np.isfinite(sizes) & (sizes > 0)]
    return bool(known.size and MAD_TO_STD * np.median(known) > NOISY)


def wider_by(curves: np.ndarray, background: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """By how much spreads (K, C, H, W) are wider in a frame, from the usual ones by brightness (K, C, 2, N), its
    backgrounds (B, C, H, W) and its excesses (K, C, H, W)."""
    wider = np.ones(excess.shape, np.float32)
    for k, c in np.ndindex(excess.shape[:2]):
        wider[k, c] = noisier(curves[k, c], np.nan_to_num(background[k % len(background), c]), excess[k, c])
    return wider


def noisier(usual: np.ndarray, background: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """By how much excesses (H, W) over a background are wider in a frame than usual (2, B) for their brightness, (H, W)
    and never less than 1; no more in bright places than in darker ones, of which a flare is not the most."""
    brightness, spread = brightness_curve(background[None], excess[None])
    ratio = spread / np.maximum(np.interp(brightness, *usual), TINY)
    return np.interp(background, brightness, np.minimum.accumulate(np.maximum(ratio, 1)))
