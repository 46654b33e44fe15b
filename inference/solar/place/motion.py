"""How fast what is new moves: the front of an event away from where it began, and its centre away from the Sun's."""

from typing import NamedTuple

import numpy as np

from inference.events.sky import ARCSEC
from inference.solar.place.patches import Patch, smooth

FEWEST_FRAMES = 5  # with new light that a speed is measured in
NEW_SHARE = 0.2  # of a frame's greatest new change, from which a pixel belongs to the front
FADED_SHARE = 0.05  # of the greatest of all frames: a front that is weaker has ended
NEW_SIGMAS = 5.0  # of a mean of 3 x 3 pixels
STRAIGHT = 0.9  # smallest correlation of way and time
SHORTEST_PX = 3.0  # way


class Motion(NamedTuple):
    """Speeds on the plane of the sky, 0 where nothing new moves steadily, and how many times wider than thick it is."""

    front_km_s: float = 0.0
    outward_km_s: float = 0.0
    breadth: float = 0.0


def motion_of(patch: Patch, frames: np.ndarray, base: np.ndarray, noise: np.ndarray, sign: int) -> Motion:
    """The motion of what is new in these frames.

    A front is what is new in the *persistence* of the light, the largest of each pixel so far, from frame to frame:
    what fades leaves no trace in it (AWARE: Ireland et al. 2019, Solar Physics 294, 158). base, noise: of `base_of`.
    """
    # In units of the noise, or a bright loop that the front lights up would outweigh the front.
    change = np.stack([smooth(sign * (light - base) / noise) for light in patch.light(frames)])
    lasting = np.maximum.accumulate(np.concatenate([np.zeros_like(change[:1]), change]), axis=0)
    new = np.diff(lasting, axis=0)  # (n, h, w)
    strongest = new.max(axis=(1, 2))
    least = np.maximum(NEW_SHARE * strongest, NEW_SIGMAS / 3)[:, None, None]
    fronts = np.where(new > least, new, 0) * (strongest > FADED_SHARE * strongest.max())[:, None, None]
    seen = np.flatnonzero(fronts.any(axis=(1, 2)))
    if len(seen) < FEWEST_FRAMES:
        return Motion()
    weights = fronts[seen] / fronts[seen].sum(axis=(1, 2), keepdims=True)
    rows, columns = np.indices(patch.shape)
    x, y = (_mean(weights, places) for places in (columns, rows))
    way = np.hypot(columns - x[0], rows - y[0])
    from_source = _mean(weights, way)
    seconds, km = patch.reel.times_s[frames[seen]], km_per_px(patch)
    speeds = km * speed(seconds, from_source), km * speed(seconds, from_centre(patch, x, y))
    return Motion(*speeds, breadth_of(weights, way, from_source, np.hypot(*_apart(x, y, columns, rows))))


def _mean(weights: np.ndarray, of: np.ndarray) -> np.ndarray:
    """The mean (n,) of what pixels hold (h, w) or (n, h, w), by weights (n, h, w) of sum 1."""
    return (weights * of).sum(axis=(1, 2))


def _apart(x: np.ndarray, y: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far pixels lie from a centre of each frame (n,): two of (n, h, w)."""
    return columns - x[:, None, None], rows - y[:, None, None]


def breadth_of(weights: np.ndarray, way: np.ndarray, from_source: np.ndarray, from_middle: np.ndarray) -> float:
    """Spread across the way over that along it, the median of the frames that are past half of the way.

    weights (n, h, w) of sum 1, way (h, w) and its means (n,), from_middle (n, h, w): distances in px from each frame's
    centre. A round spot has 1: loops that light up one behind the other are spots. A front lies across its way. One px
    is as thin as anything is seen.
    """
    along = _mean(weights, (way - from_source[:, None, None]) ** 2)
    across = np.maximum(_mean(weights, from_middle**2) - along, 0)
    far = from_source > from_source.max() / 2
    return float(np.median(np.sqrt(across / np.maximum(along, 1 / 12))[far]))


def from_centre(patch: Patch, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance (n,) in px of places of a patch from the Sun's centre."""
    centre_x, centre_y = patch.sky.hpc_to_pixel(np.array([patch.frame]), np.zeros(1), np.zeros(1))
    return np.hypot(x + patch.x0 - centre_x, y + patch.y0 - centre_y)


def km_per_px(patch: Patch) -> float:
    """Kilometres at the Sun's distance that a pixel of the patch's frame is wide."""
    wcs, frame = patch.sky.wcs, patch.frame
    arcsec = np.sqrt(np.abs(wcs["cdelt1"][frame] * wcs["cdelt2"][frame]))
    return float(arcsec * ARCSEC * wcs["dsun_m"][frame] / 1000)


def speed(seconds: np.ndarray, way_px: np.ndarray) -> float:
    """Pixels a second of a way (n,) by least squares; 0 where it is short, or no straight line over time."""
    if np.ptp(way_px) < SHORTEST_PX or abs(np.corrcoef(seconds, way_px)[0, 1]) < STRAIGHT:
        return 0.0
    return float(np.polyfit(seconds - seconds[0], way_px, 1)[0])
