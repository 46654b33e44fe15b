"""Frames of a coronagraph in polar coordinates: position angle and distance from the Sun's centre."""

import re
from dataclasses import dataclass

import cv2
import numpy as np

from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from inference.events.sky import ARCSEC, Sky

# Where light is seen first, in solar radii from the centre: the occulters' edges, and what is bright with stray light
# beside them (LASCO: Brueckner et al. 1995, Solar Physics 162, 357; COR1 and COR2: Howard et al. 2008, SSRv 136, 67;
# CCOR: 3.7 radii on GOES-19 and 3 on SOLAR-1, NOAA; Mk4 and UCoMP: MLSO; ASPIICS: Shestov et al. 2021, A&A 652, A4).
INNER_RSUN = {"c2": 2.4, "c3": 4.2, "cor1": 1.6, "cor2": 3.0, "ccor1": 4.2, "ccor2": 3.5}
INNER_RSUN |= {"kcor": 1.15, "mk4": 1.2, "ucomp": 1.1, "aspiics": 1.15}
# In degrees, of observers whose distance from the Sun changes (Metis: Antonucci et al. 2020, A&A 642, A10).
INNER_DEG = {"metis": 1.7}
_NUMBERED = re.compile(r"(?<=ccor)[^a-z0-9](?=\d)")  # CCOR-1 is ccor1
ANGLE_DEG = 3.0  # a bin of position angle
SEEN = 0.6  # of a circle must lie in view
MOST_RADII = 96


@dataclass(frozen=True)
class PolarGrid:
    """Where light is looked at: position angles (A,) in degrees and radii (R,) in solar radii, evenly spaced."""

    angles_deg: np.ndarray
    radii_rsun: np.ndarray
    rsun_km: float

    @property
    def step_rsun(self) -> float:
        return float(self.radii_rsun[1] - self.radii_rsun[0])

    @property
    def inner_km(self) -> float:
        return float(self.radii_rsun[0]) * self.rsun_km


def occulted_rsun(reel: Reel) -> float | None:
    """The radius within which a coronagraph sees nothing of the corona, by the reel's name; None of no coronagraph."""
    words = re.split(r"[^a-z0-9]+", _NUMBERED.sub("", reel.name.lower()))
    if any(word in INNER_DEG for word in words) and "wcs_rsun_arcsec" in reel.table:
        degrees = next(INNER_DEG[word] for word in words if word in INNER_DEG)
        return 3600 * degrees / float(reel.table["wcs_rsun_arcsec"].iloc[0])
    return next((INNER_RSUN[word] for word in words if word in INNER_RSUN), None)


def grid_of(reel: Reel, sky: Sky) -> PolarGrid | None:
    """The polar grid of a coronagraph's reel, a bin of radius a pixel wide or more; None where too little is in view.

    By the pointing of the first frame. Raises ValueError for a reel that is of no coronagraph.
    """
    inner = occulted_rsun(reel)
    if inner is None:
        raise ValueError(f"{reel.name} is of no coronagraph; known are {', '.join([*INNER_RSUN, *INNER_DEG])}")
    angles = np.arange(0, 360, ANGLE_DEG)
    step = sky.pixel_arcsec / float(sky.wcs["rsun_arcsec"][0])
    radii = inner + step * np.arange(4 * MOST_RADII)
    shape = reel.shape[2:]
    valid = (reel.masks[: min(len(reel), 8)] & INVALID).min(axis=0) == 0
    x, y = _pixels(sky, 0, angles, radii)
    inside = (x >= 0) & (y >= 0) & (x <= shape[1] - 1) & (y <= shape[0] - 1)
    columns, rows = (np.clip(np.rint(v), 0, n - 1).astype(int) for v, n in ((x, shape[1]), (y, shape[0])))
    seen = (inside & valid[rows, columns]).mean(axis=0) >= SEEN
    count = len(seen) if seen.all() else int(np.argmin(seen))
    if count < 8:
        return None
    if count > MOST_RADII:
        radii, count = np.linspace(inner, float(radii[count - 1]), MOST_RADII), MOST_RADII
    rsun_km = float(sky.wcs["rsun_arcsec"][0] * ARCSEC * sky.wcs["dsun_m"][0] / 1000)
    return PolarGrid(angles, radii[:count], rsun_km)


def polar_light(reel: Reel, sky: Sky, grid: PolarGrid, first: int, last: int) -> np.ndarray:
    """The linear light (n, A, R) float32 of frames [first, last), NaN where it is not known."""
    found = np.full((last - first, len(grid.angles_deg), len(grid.radii_rsun)), np.nan, np.float32)
    for i, frame in enumerate(range(first, last)):
        light = sum(s.inverse(reel.frames[frame, c].astype(np.float32)) for c, s in enumerate(reel.stretches))
        light = np.where(reel.masks[frame] & INVALID, np.nan, light).astype(np.float32)
        x, y = _pixels(sky, frame, grid.angles_deg, grid.radii_rsun)
        found[i] = cv2.remap(
            light, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderValue=float("nan")
        )
    return found


def _pixels(sky: Sky, frame: int, angles_deg: np.ndarray, radii_rsun: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels x, y (A, R) of a frame."""
    angle, arcsec = np.radians(angles_deg)[:, None], radii_rsun[None] * sky.wcs["rsun_arcsec"][frame]
    tx, ty = -arcsec * np.sin(angle), arcsec * np.cos(angle)
    index = np.full(tx.size, frame)
    x, y = sky.hpc_to_pixel(index, tx.ravel(), ty.ravel())
    return x.reshape(tx.shape), y.reshape(tx.shape)
