"""What is known of places off the limb: they show light of regions that turn with the Sun, and reach over the limb.

Where the surface ends there is no place to turn. But light there is of gas above it: some in the plane of the limb,
some of loops of the disc beside it, whose shine reaches over. In the west that was on the disc some hours before; in
the east it was hidden.
"""

import numpy as np
from scipy import ndimage

from inference.events.sky import LIMB_RSUN, Sky, rotated, rotation_deg

LEANING_RSUN = 0.9, 0.95, 0.985  # of the disc beside the limb: loops of a tenth of the radius lean over it from there


def over_limb(known: np.ndarray, there: np.ndarray, sky: Sky, seconds: float) -> np.ndarray:
    """Maps (..., H, W) as they look in the second frame of `sky`, off the limb; on the disc as `there`.

    known: as they look in its first frame, so many seconds before. there: what is known of each pixel as a place.

    The largest of three: of the same place, of what has turned in the plane of the limb, and of what lies as far
    beside a place of the disc. NaN where light in the plane of the limb was hidden behind the Sun, and as in `there`.
    """
    shape, turned = known.shape[-2:], there.copy()
    y, x = (axis.ravel().astype(np.float64) for axis in np.indices(shape))
    tx, ty = sky.pixel_to_hpc(np.ones(x.size, int), x, y)
    radius = sky.radius(np.ones(x.size, int), tx, ty)[0]
    off = radius >= LIMB_RSUN
    if not off.any():
        return there
    tx, ty, radius = tx[off], ty[off], radius[off]
    same = turned.reshape(-1, x.size)[:, off]
    found, flat = same, known.reshape(-1, *shape)
    for leaning in LEANING_RSUN:
        found = np.fmax(found, _at(flat, sky, *_leaning(sky, tx, ty, leaning / radius, seconds)))
    found = np.maximum(found, _at(flat, sky, *_in_plane(tx, ty, radius, seconds)))
    turned.reshape(-1, x.size)[:, off] = np.where(np.isnan(same), same, found)
    return turned


def _in_plane(tx: np.ndarray, ty: np.ndarray, radius: np.ndarray, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Where (N,) arcsec light in the plane of the limb was so many seconds before; NaN where it was hidden.

    As if the Sun's axis lay in that plane, which it does to 7 degrees.
    """
    out = np.hypot(tx, ty)
    turned = np.radians(rotation_deg(np.degrees(np.arcsin(ty / out)), np.full(tx.size, -seconds)))
    then = tx * np.cos(turned)
    is_behind = np.sign(tx) * np.sin(turned) > 0
    return np.where(is_behind & (radius * np.hypot(then, ty) < out), np.nan, then), ty


def _leaning(
    sky: Sky, tx: np.ndarray, ty: np.ndarray, inward: np.ndarray, seconds: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where (N,) arcsec light was that lies beside a place of the disc, nearer to its middle by a factor; NaN where
    that was hidden."""
    now, then = np.ones(tx.size, int), np.zeros(tx.size, int)
    foot = tx * inward, ty * inward
    before = rotated(*foot, sky.observer(now), sky.observer(then), np.full(tx.size, -seconds))
    is_hidden = (before[0] == foot[0]) & (before[1] == foot[1]) & (seconds != 0)
    return np.where(is_hidden, np.nan, before[0] + tx - foot[0]), before[1] + ty - foot[1]


def _at(maps: np.ndarray, sky: Sky, tx: np.ndarray, ty: np.ndarray) -> np.ndarray:
    """Maps (M, H, W) at places (N,) of the first frame, (M, N); NaN where these are not told, or out of view."""
    x, y = sky.hpc_to_pixel(np.zeros(tx.size, int), tx, ty)
    told = np.isfinite(x) & (x > -0.5) & (y > -0.5) & (x < maps.shape[2] - 0.5) & (y < maps.shape[1] - 0.5)
    at = np.where(told, y, 0), np.where(told, x, 0)
    found = [ndimage.map_coordinates(one, at, order=1, mode="nearest") for one in maps]
    return np.where(told, np.stack(found), np.float32(np.nan))
