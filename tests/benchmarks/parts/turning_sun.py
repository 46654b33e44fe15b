"""A made-up Sun that turns, with places that flicker each in its own way: loops of active regions and bright points.

No entry point. Each place has light of its own that wanders (an Ornstein-Uhlenbeck process in its logarithm), and
flares up now and then; how much and how often is drawn from wide distributions, so that few places make most of what is
seen.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from data.disk.files import write_csv
from data.reel.reel import Reel
from data.reel.windows import index_windows
from data.sky.wcs import WCS_COLUMNS
from inference.events.sky import Observer, rotation_deg
from inference.units import DAY_S, HOUR_S
from tests.support.sun_events import AU_M, RSUN_ARCSEC, solar_reel

REGIONS, POINTS = 9, 500
LOOPS = 8, 25  # of a region, at least and fewer than


class Sun(NamedTuple):
    """Frames of `side` px of `arcsec`, `cadence_s` apart. turns: whether it does."""

    frames: int = 125
    side: int = 160
    arcsec: float = 15.4
    cadence_s: float = 900.0
    turns: bool = True


def places(random: np.random.Generator) -> np.ndarray:
    """Longitude and latitude in degrees, light, width in px, spread of its logarithm, its time in s, and flares a day,
    (N, 7)."""
    centres = [(random.uniform(-130, 70), random.choice([-1, 1]) * random.uniform(5, 35)) for _ in range(REGIONS)]
    found = []
    for lon, lat in centres:
        activity = random.lognormal(0, 0.7)
        for _ in range(random.integers(*LOOPS)):
            where = lon + random.normal(0, 4), lat + random.normal(0, 3)
            found.append((*where, *_of_loop(random, activity)))
    for _ in range(POINTS):
        where = random.uniform(-150, 100), np.degrees(np.arcsin(random.uniform(-0.95, 0.95)))
        found.append((*where, *_of_point(random)))
    return np.array(found)


def _of_loop(random: np.random.Generator, activity: float) -> tuple[float, ...]:
    light, wide = random.lognormal(np.log(300), 1), random.uniform(0.8, 2.2)
    spread = min(0.6, random.lognormal(np.log(0.05 * activity), 0.7))
    lasts_s = 10 ** random.uniform(np.log10(600), np.log10(6 * HOUR_S))
    return light, wide, spread, lasts_s, random.lognormal(np.log(0.15 * activity), 1.3)


def _of_point(random: np.random.Generator) -> tuple[float, ...]:
    light, wide = random.lognormal(np.log(60), 0.6), random.uniform(0.7, 1.5)
    spread = min(0.6, random.lognormal(np.log(0.06), 0.6))
    lasts_s = 10 ** random.uniform(np.log10(600), np.log10(4 * HOUR_S))
    return light, wide, spread, lasts_s, random.lognormal(np.log(0.03), 1)


def courses(known: np.ndarray, sun: Sun, random: np.random.Generator) -> np.ndarray:
    """How bright each place is in every frame (T, N), 1 in the middle."""
    spread, lasts_s, a_day = known[:, 4], known[:, 5], known[:, 6]
    alike, now, logs = np.exp(-sun.cadence_s / lasts_s), random.normal(size=len(known)), []
    for _ in range(sun.frames):
        logs.append(now * spread)
        now = alike * now + np.sqrt(1 - alike**2) * random.normal(size=len(known))
    found, times = np.exp(np.array(logs)), np.arange(sun.frames) * sun.cadence_s
    counts = random.poisson(a_day * sun.frames * sun.cadence_s / DAY_S)
    for i in np.flatnonzero(counts):
        for _ in range(counts[i]):
            begin, size, fades_s = (
                random.uniform(0, times[-1]),
                random.exponential(0.4),
                random.lognormal(np.log(900), 0.5),
            )
            found[:, i] += size * np.where(times >= begin, np.exp(-(times - begin) / fades_s), 0)
    return found


def flux_of(seed: int, sun: Sun) -> np.ndarray:
    """Flux (T, H, W) with 1 % of noise."""
    random = np.random.default_rng(seed)
    known = places(random)
    bright = courses(known, sun, random)
    rows, columns = np.mgrid[: sun.side, : sun.side]
    middle, nowhere = (sun.side - 1) / 2, np.zeros(len(known))
    observer = Observer(nowhere, nowhere, np.full(len(known), AU_M))
    radius = np.hypot(rows - middle, columns - middle) * sun.arcsec / RSUN_ARCSEC
    disc = np.where(radius < 1, 120 + 80 * radius**4, 200 * np.exp(-(radius - 1) / 0.08))
    flux = np.empty((sun.frames, sun.side, sun.side), np.float32)
    for k in range(sun.frames):
        turned = rotation_deg(known[:, 1], np.full(len(known), k * sun.cadence_s * sun.turns))
        tx, ty = observer.to_hpc(known[:, 0] + turned, known[:, 1])
        frame = disc.copy()
        for i in np.flatnonzero(np.isfinite(tx)):
            _add(
                frame, tx[i] / sun.arcsec + middle, ty[i] / sun.arcsec + middle, known[i, 3], known[i, 2] * bright[k, i]
            )
        flux[k] = frame * (1 + 0.01 * random.normal(size=frame.shape)) + random.normal(size=frame.shape)
    return flux


def _add(frame: np.ndarray, x: float, y: float, wide: float, light: float) -> None:
    (y0, y1), (x0, x1) = ((int(max(0, p - 4 * wide)), int(min(len(frame), p + 4 * wide + 2))) for p in (y, x))
    rows, columns = np.mgrid[y0:y1, x0:x1]
    frame[y0:y1, x0:x1] += light * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * wide**2))


def written(folder: Path, seed: int, train: int, sun: Sun) -> None:
    """Reels `train`, of the first frames, and `watch`, of the others; their times go on. Where the Sun does not turn,
    they do not tell that they show it."""
    flux = flux_of(seed, sun)
    for part, first, some in (("train", 0, flux[:train]), ("watch", train, flux[train:])):
        reel = solar_reel(folder / part / part, some, sun.cadence_s, sun.arcsec)
        later = np.timedelta64(round(first * sun.cadence_s * 1000), "ms")
        times = reel.times_utc
        assert times is not None  # solar_reel gives them
        table = reel.candidates.assign(time_utc=(times + later).astype(str))
        write_csv(reel.path / "frames.csv", table if sun.turns else table.drop(columns=list(WCS_COLUMNS)))
        write_csv(reel.path / "windows.csv", index_windows(Reel(reel.path), 4, 1))
