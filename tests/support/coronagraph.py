"""A made-up coronagraph: streamers that fade outward, noise, an occulter, and ejections of known speed and place."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from data.disk.files import write_csv
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from data.sky.wcs import FrameWcs, as_columns
from tests.support.reels import make_reel
from tests.support.sun_events import AU_M, RSUN_ARCSEC

CADENCE_S, SIDE, PIXEL_ARCSEC, RSUN_KM = 720.0, 160, 80.0, 695_700.0


class Ejection(NamedTuple):
    """A shell that leaves the surface `onset_s` behind the first frame."""

    angle_deg: float
    width_deg: float
    km_s: float
    onset_s: float = 7000.0
    share: float = 0.2  # of the corona's own light


def polar_of_pixels() -> tuple[np.ndarray, np.ndarray]:
    """Position angle in degrees and distance in solar radii of the pixels (H, W), row 0 below."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return np.degrees(np.arctan2(-columns, rows)) % 360, np.hypot(rows, columns) * PIXEL_ARCSEC / RSUN_ARCSEC


def corona(frames: int, *ejections: Ejection, noise: float = 0.005, seed: int = 0) -> np.ndarray:
    """Light (T, H, W) of a corona with ejections; what the occulter hides is 0."""
    random = np.random.default_rng(seed)
    angle, radius = polar_of_pixels()
    streamers = 1 + 0.6 * np.cos(np.radians(angle - 80)) ** 8 + 0.4 * np.cos(np.radians(angle - 260)) ** 20
    quiet = 1000 * streamers * np.maximum(radius, 1.0) ** -2.5
    light = np.repeat(quiet[None], frames, axis=0)
    for ejection in ejections:
        within = np.abs((angle - ejection.angle_deg + 180) % 360 - 180) <= ejection.width_deg / 2
        for frame in range(frames):
            since = frame * CADENCE_S - ejection.onset_s
            front = 1 + ejection.km_s * since / RSUN_KM
            shell = np.exp(-0.5 * ((radius - front) / 0.25) ** 2)
            core = 0.4 * np.exp(-np.maximum(front - radius, 0) / 2) * (radius < front)
            light[frame] += ejection.share * quiet * within * (shell + core) * (since > 0)
    light *= 1 + noise * random.standard_normal(light.shape)
    return np.where(radius < 2.0, 0, light)


def coronagraph_reel(folder: Path, light: np.ndarray, name: str = "lasco_c2_orange_clear", times_s=None) -> Reel:
    """A reel of light (T, H, W) around the Sun's centre, seen from 1 au."""
    middle = (SIDE + 1) / 2
    wcs = FrameWcs(middle, middle, PIXEL_ARCSEC, PIXEL_ARCSEC, 0.0, 0.0, 0.0, RSUN_ARCSEC, 0.0, 0.0, AU_M)
    stretch = Stretch("asinh", 5.0, 2000.0)
    facts = {"origin": "lower", "unit": "DN/s"}
    frames = stretch.forward(light)[:, None]
    reel = make_reel(
        folder / name, frames, CADENCE_S, stretch=[stretch], channels=["orange"], meta=facts, times_s=times_s
    )
    write_csv(reel.path / "frames.csv", reel.candidates.assign(**as_columns(wcs)))
    return Reel(reel.path)
