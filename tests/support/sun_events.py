"""Happenings on the Sun planted into quiet frames: each a function of the quiet flux that gives the frames with it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from data.disk.files import write_csv
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from data.sky.wcs import FrameWcs, as_columns
from data.sky.wcs_header import apparent_radius_arcsec
from inference.events.boxes import find_boxes
from inference.events.events import Event, EventLinker
from inference.events.instrument import judged
from inference.events.sky import Sky, shifts
from inference.solar.kinds import BRIGHTENING, DARKENING, DIMMING, ERUPTION, FRONT, LIMB
from tests.support.reels import make_reel

AU_M = 1.495978707e11
RSUN_ARCSEC = apparent_radius_arcsec(AU_M)
ONSET = 20  # the frame in which each begins


class Planted(NamedTuple):
    """A happening: what it is, its name, and what it makes of quiet flux (T, H, W) at a place y, x.

    off_disc: it is to be planted beyond the limb. Scale in km per px, cadence in s.
    """

    kind: str
    name: str
    plant: Callable[..., np.ndarray]
    off_disc: bool = False


def _since(flux: np.ndarray) -> np.ndarray:
    return (np.arange(len(flux)) - ONSET)[:, None, None]


def _distance(flux: np.ndarray, y, x) -> np.ndarray:
    rows, columns = np.mgrid[: flux.shape[1], : flux.shape[2]]
    return np.hypot(rows - y, columns - x)


def spot(flux, y, x, scale_km, cadence_s, out, rise=4, fade=12, strength=8.0, wide=2.5):
    """A flare: a linear rise and an exponential fall."""
    since = _since(flux)
    course = np.where(since < 0, 0, np.minimum((since + 1) / rise, np.exp(-(since - rise + 1) / fade)))
    return flux + strength * np.median(flux) * course * np.exp(-(_distance(flux, y, x) ** 2) / (2 * wide**2))


def dimming(flux, y, x, scale_km, cadence_s, out, loss=0.6, wide=6.0, rise=6, lasts=10_000):
    """A region that loses light within `rise` frames, and gets it back after `lasts`."""
    since = _since(flux)
    course = np.clip((since + 1) / rise, 0, 1) * (since < lasts)
    return flux * (1 - loss * course * np.exp(-((_distance(flux, y, x) / wide) ** 4)))


def front(flux, y, x, scale_km, cadence_s, out, km_s=400.0, strength=1.0, thick=2.0):
    """A ring that widens and weakens; half of it only where the other half would be off the frame."""
    since = _since(flux)
    radius = 4 + km_s * cadence_s / scale_km * since
    ring = np.exp(-((_distance(flux, y, x) - radius) ** 2) / (2 * thick**2)) * (since >= 0)
    return flux * (1 + strength * ring * np.exp(-since / 30))


def leaving(flux, y, x, scale_km, cadence_s, out, km_s=120.0, strength=3.0, wide=2.5):
    """A cloud that moves along `out` (dy, dx): bright with a positive strength, dark with a negative one."""
    since = _since(flux)
    way = km_s * cadence_s / scale_km * np.maximum(since, 0)
    rows, columns = np.mgrid[: flux.shape[1], : flux.shape[2]]
    square = (rows - y - way * out[0]) ** 2 + (columns - x - way * out[1]) ** 2
    cloud = np.exp(-square / (2 * wide**2)) * (since >= 0)
    return flux + strength * np.median(flux) * cloud if strength > 0 else flux * (1 + strength * cloud)


HAPPENINGS = (
    Planted(BRIGHTENING, "flare", spot),
    Planted(BRIGHTENING, "slow flare", partial(spot, rise=15, fade=40, wide=4.0)),
    Planted(BRIGHTENING, "brief flare", partial(spot, rise=1, fade=3)),
    Planted(LIMB, "flare behind the limb", spot, off_disc=True),
    Planted(DIMMING, "deep dimming", dimming),
    Planted(DIMMING, "slow dimming", partial(dimming, loss=0.55, rise=20)),
    Planted(DARKENING, "shallow darkening", partial(dimming, loss=0.25)),
    Planted(DARKENING, "short darkening", partial(dimming, lasts=8)),
    Planted(FRONT, "front", front),
    Planted(FRONT, "slow front", partial(front, km_s=220.0)),
    Planted(FRONT, "fast front", partial(front, km_s=900.0, thick=4.0)),
    Planted(ERUPTION, "prominence", leaving, off_disc=True),
    Planted(ERUPTION, "filament", partial(leaving, km_s=80.0, strength=-0.6)),
)


def quiet_sun(frames: int = 64, side: int = 64, seed: int = 0) -> np.ndarray:
    """Quiet flux (T, H, W) in DN/s: mottled, with noise of 2 %."""
    random = np.random.default_rng(seed)
    mottled = cv2.GaussianBlur(random.standard_normal((side, side)), (0, 0), 3)
    return 200 * np.exp(2 * mottled) * (1 + 0.02 * random.standard_normal((frames, side, side)))


def solar_reel(
    path: Path, flux: np.ndarray, cadence_s: float, pixel_arcsec: float, centre_arcsec=(0.0, 0.0), unit: str = "DN/s"
) -> Reel:
    """A reel of flux (T, H, W) whose middle is at helioprojective `centre_arcsec`, seen from 1 au, row 0 below."""
    height, width = flux.shape[1:]
    x, y = centre_arcsec
    place = ((width + 1) / 2, (height + 1) / 2, pixel_arcsec, pixel_arcsec, x, y)
    wcs = FrameWcs(*place, 0.0, RSUN_ARCSEC, 0.0, 0.0, AU_M)
    stretch = Stretch("asinh", 100.0, 5000.0)
    facts = {"origin": "lower", "unit": unit}
    reel = make_reel(path, stretch.forward(flux)[:, None], cadence_s, stretch=[stretch], channels=["193"], meta=facts)
    write_csv(reel.path / "frames.csv", reel.candidates.assign(**as_columns(wcs)))
    return Reel(reel.path)


def tracks_of(flux: np.ndarray, reel: Reel, quiet: np.ndarray | None = None, sigmas: float = 8.0) -> list[Event]:
    """Tracks of boxes of what differs from quiet frames (T, H, W), else from the median before ONSET, by so many sigmas
    of the noise before ONSET."""
    quiet = np.broadcast_to(np.median(flux[:ONSET], axis=0), flux.shape) if quiet is None else quiet
    noise = np.maximum(np.diff(flux[:ONSET], axis=0).std(axis=0) / np.sqrt(2), 1e-3)
    linker = EventLinker(3, 6.0, 2, drift=partial(shifts, Sky(reel)))
    closed = []
    for frame, (now, base) in enumerate(zip(flux, quiet, strict=True)):
        score = cv2.blur(np.abs(now - base) / noise, (3, 3)).astype(np.float32)
        boxes = find_boxes(score, sigmas, 2 * sigmas)
        seen = np.ones(now.shape, bool)
        closed += linker.push(frame, judged(boxes, now[None], base[None], seen, False), reel.times_s[frame])
    return closed + linker.finish()
