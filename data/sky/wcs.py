"""Where the pixels of a stored frame lie on the sky: helioprojective coordinates as seen by the frame's own observer.

Each row of frames.csv of a solar reel carries WCS_COLUMNS, for the reel's own grid of pixels (after cropping,
registration and shrinking). Conventions are those of FITS: WCS Paper II (Calabretta & Greisen 2002) and Thompson (2006)
for solar frames.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # prep's workers pass these around, and start without what is heavy
    import pandas as pd
    from astropy.wcs import WCS

PREFIX = "wcs_"


@dataclass(frozen=True)
class FrameWcs:
    """Gnomonic (TAN) helioprojective projection of one frame, and its observer.

    Reference pixel counted from 1 as in FITS, scales in arcsec per pixel (`cdelt2` < 0 when row 0 is the top),
    reference value in arcsec, rotation in degrees as CROTA2, apparent solar radius in arcsec, observer in Stonyhurst
    degrees and metres from the Sun's centre.
    """

    crpix1: float
    crpix2: float
    cdelt1: float
    cdelt2: float
    crval1: float
    crval2: float
    crota2: float
    rsun_arcsec: float
    hgln_deg: float
    hglt_deg: float
    dsun_m: float

    @property
    def astropy(self) -> WCS:
        """The same as an astropy WCS in degrees."""
        from astropy.wcs import WCS

        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["HPLN-TAN", "HPLT-TAN"]
        wcs.wcs.cunit = ["deg", "deg"]
        wcs.wcs.crpix = [self.crpix1, self.crpix2]
        wcs.wcs.cdelt = [self.cdelt1 / 3600, self.cdelt2 / 3600]
        wcs.wcs.crval = [self.crval1 / 3600, self.crval2 / 3600]
        turn, ratio = math.radians(self.crota2), self.cdelt2 / self.cdelt1
        # CROTA2 as a PC matrix, Thompson (2006), equation 33.
        wcs.wcs.pc = [
            [math.cos(turn), -math.sin(turn) * ratio],
            [math.sin(turn) / ratio, math.cos(turn)],
        ]
        wcs.wcs.set()
        return wcs

    def pixel_to_hpc(self, x: np.ndarray | float, y: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Reel pixels, the centre of the first is (0, 0) -> helioprojective (Tx, Ty) in arcsec, Tx in -180..180 deg."""
        tx, ty = self.astropy.pixel_to_world_values(np.asarray(x, float), np.asarray(y, float))
        return (np.asarray(tx) + 180) % 360 * 3600 - 180 * 3600, np.asarray(ty) * 3600

    def hpc_to_pixel(self, tx: np.ndarray | float, ty: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Helioprojective arcsec -> reel pixels, the centre of the first is (0, 0)."""
        x, y = self.astropy.world_to_pixel_values(np.asarray(tx, float) / 3600, np.asarray(ty, float) / 3600)
        return np.asarray(x), np.asarray(y)

    @property
    def scale_arcsec(self) -> float:
        """Arcsec per pixel, the geometric mean of both axes."""
        return math.sqrt(abs(self.cdelt1 * self.cdelt2))

    @property
    def matrix(self) -> np.ndarray:
        """The CD matrix (2, 2): offsets (x, y) in pixels -> arcsec on the tangent plane."""
        turn = math.radians(self.crota2)
        sin, cos = math.sin(turn), math.cos(turn)
        return np.array([[self.cdelt1 * cos, -self.cdelt2 * sin], [self.cdelt1 * sin, self.cdelt2 * cos]])

    @property
    def sun_centre_px(self) -> tuple[float, float]:
        """Pixel (x, y), counted from 0, of the Sun's centre."""
        lon, lat = math.radians(self.crval1 / 3600), math.radians(self.crval2 / 3600)
        # Gnomonic about CRVAL (WCS Paper II, equations 54 and 12-13), in arcsec on the tangent plane.
        plane = np.degrees([-math.tan(lon) / math.cos(lat), -math.tan(lat)]) * 3600
        x, y = np.linalg.solve(self.matrix, plane)
        return float(x + self.crpix1 - 1), float(y + self.crpix2 - 1)

    def shifted(self, dx: float, dy: float) -> FrameWcs:
        """The same sky where every pixel (x, y) has become (x + dx, y + dy)."""
        return replace(self, crpix1=self.crpix1 + dx, crpix2=self.crpix2 + dy)

    def resized(self, shape: tuple[int, int], grid: tuple[int, int]) -> FrameWcs:
        """The same sky on a grid (H, W) that covers the frame of `shape` (H, W).

        Pixel centres: x_full = (x + 0.5) f - 0.5 where both count from 0.
        """
        fy, fx = (n / m for n, m in zip(shape, grid, strict=True))
        return replace(
            self,
            crpix1=(self.crpix1 - 0.5) / fx + 0.5,
            crpix2=(self.crpix2 - 0.5) / fy + 0.5,
            cdelt1=self.cdelt1 * fx,
            cdelt2=self.cdelt2 * fy,
        )


WCS_COLUMNS = tuple(PREFIX + field.name for field in fields(FrameWcs))


def as_columns(wcs: FrameWcs | None) -> dict[str, float]:
    """The entries of a row of frames.csv; NaN where nothing is known."""
    values = astuple(wcs) if wcs else (math.nan,) * len(WCS_COLUMNS)
    return dict(zip(WCS_COLUMNS, values, strict=True))


def from_row(row: pd.Series) -> FrameWcs | None:
    """The WCS of a row of `Reel.table`; None where the reel has none."""
    if not set(WCS_COLUMNS) <= set(row.index) or row[list(WCS_COLUMNS)].isna().any():
        return None
    return FrameWcs(*(float(row[name]) for name in WCS_COLUMNS))
