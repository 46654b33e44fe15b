"""A solar disc as a ground-based telescope sees it, and clouds that pass before it."""

import cv2
import numpy as np

from tests.support.sun_events import RSUN_ARCSEC

SIDE, RADIUS_PX = 96, 40.0
PIXEL_ARCSEC = RSUN_ARCSEC / RADIUS_PX


def disc(frames: int, seed: int = 0) -> np.ndarray:
    """Quiet flux (T, H, W): mottled, darker to the limb, with noise and seeing, on a faint sky."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    mu = np.sqrt(np.maximum(1 - (rows**2 + columns**2) / RADIUS_PX**2, 0))
    mottled = cv2.GaussianBlur(random.standard_normal((SIDE, SIDE)), (0, 0), 2)
    still = 1000 * (mu > 0) * (0.4 + 0.6 * mu) * (1 + 0.5 * mottled) + 20
    air = 1 + 0.005 * random.standard_normal((frames, 1, 1))
    return still * air * (1 + 0.01 * random.standard_normal((frames, SIDE, SIDE)))


def transmission(frames: int, first: int, last: int, depth: float, wide: float, seed: int = 0) -> np.ndarray:
    """What a bank of clouds lets pass, (T, H, W) in 0..1: it drifts over the disc within frames first..last.

    depth: the share that it takes away in its middle; wide: its length, of the frame's.
    """
    random = np.random.default_rng(seed)
    angle = random.uniform(0, 2 * np.pi)
    rows, columns = np.indices((SIDE, SIDE)) / SIDE - 0.5
    along = rows * np.sin(angle) + columns * np.cos(angle)
    way = 0.75 + wide
    place = np.interp(np.arange(frames), [first, last], [-way, way])[:, None, None]
    tufts = 1 + 0.2 * cv2.GaussianBlur(random.standard_normal((SIDE, SIDE)), (0, 0), 12) / 0.02
    return 1 - np.clip(depth * np.exp(-(((along - place) / wide) ** 4)) * tufts, 0, 0.98)
