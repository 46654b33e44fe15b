"""Limb and heliographic grid over the frames of a movie of the Sun, as points in pixels of the reel."""

import numpy as np

from data.reel.reel import Reel
from inference.events.sky import Sky

GRID_DEG, STEP_DEG, POLE_DEG = 15, 1.0, 75
LIMB_STEP_DEG = 0.5
_ANGLES = np.radians(np.arange(0, 360, LIMB_STEP_DEG))


def _grid() -> tuple[np.ndarray, np.ndarray]:
    """Stonyhurst longitudes and latitudes (N,) of points on the grid's lines, in degrees."""
    along_lat, along_lon = np.arange(-POLE_DEG, POLE_DEG + 1, STEP_DEG), np.arange(-180, 180, STEP_DEG)
    meridians = np.meshgrid(np.arange(-180, 180, GRID_DEG), along_lat)
    parallels = np.meshgrid(along_lon, np.arange(-POLE_DEG, POLE_DEG + 1, GRID_DEG))
    lon, lat = (np.concatenate([a.ravel(), b.ravel()]) for a, b in zip(meridians, parallels, strict=True))
    return lon.astype(np.float64), lat.astype(np.float64)


LON_DEG, LAT_DEG = _grid()


class SkyLines:
    """Points of the limb and of the grid. Frames whose place on the sky is that of the frame before share them."""

    def __init__(self, sky: Sky):
        self.sky = sky
        self._place: tuple[float, ...] = ()
        self._points = np.zeros((0, 2)), np.zeros((0, 2))

    @staticmethod
    def of(reel: Reel) -> "SkyLines | None":
        """Those of a reel; None where it has no sky."""
        sky = Sky.of(reel)
        return SkyLines(sky) if sky else None

    def points(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """Those of the limb, and of the grid on the visible side: (N, 2) x, y each."""
        place = tuple(float(values[frame]) for values in self.sky.wcs.values())
        if place != self._place:
            self._place, self._points = place, self._points_in(frame)
        return self._points

    def _points_in(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        rsun = self.sky.wcs["rsun_arcsec"][frame]
        limb = self._pixels(frame, rsun * np.cos(_ANGLES), rsun * np.sin(_ANGLES))
        tx, ty = self.sky.observer(np.full(len(LON_DEG), frame)).to_hpc(LON_DEG, LAT_DEG)
        seen = np.isfinite(tx)
        return limb, self._pixels(frame, tx[seen], ty[seen])

    def _pixels(self, frame: int, tx: np.ndarray, ty: np.ndarray) -> np.ndarray:
        return np.stack(self.sky.hpc_to_pixel(np.full(len(tx), frame), tx, ty), axis=1)
