"""The solar limb by geometry: a circle of the apparent radius around the Sun's centre."""

from functools import lru_cache

import numpy as np

from data.sky.wcs import FrameWcs


@lru_cache(maxsize=2)
def off_limb(wcs: FrameWcs, grid: tuple[int, int]) -> np.ndarray:
    """Which pixels (H, W) bool of a frame lie beyond the limb.

    On the tangent plane: within 1000 arcsec of the Sun that differs from the sky by less than 0.03 arcsec.
    """
    x0, y0 = wcs.sun_centre_px
    dx, dy = (np.arange(grid[1]) - x0)[None], (np.arange(grid[0]) - y0)[:, None]
    (xx, xy), (_, yy) = wcs.matrix.T @ wcs.matrix  # of the distance squared, in arcsec^2
    distance2 = (xx * dx**2).astype(np.float32) + (yy * dy**2).astype(np.float32)  # (H, W)
    if xy:
        distance2 += (2 * xy * dx).astype(np.float32) * dy.astype(np.float32)
    return distance2 > wcs.rsun_arcsec**2
