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
FLARES_EACH, FLARE_LIGHTS = (
    12,
    (100.0, 300.0, 1000.0),
)  # of so much light at their middle, where the disc has 120 to 200
FLARE_WIDE_PX, FADES_FRAMES = 1.2, 3
OTHER_DAYS, OTHER_SEED = 60, 1000  # another day has other places


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


class Flare(NamedTuple):
    """Light that is added at a place (longitude and latitude in degrees at the first frame) from `onset` on."""

    lon: float
    lat: float
    onset: int
    light: float


def flares(seed: int, sun: Sun, first: int) -> list[Flare]:
    """Small flares of FLARE_LIGHTS, well on the disc in their frames, which are `first` and later ones."""
    random, found = np.random.default_rng([seed, 1]), []
    for k in range(FLARES_EACH * len(FLARE_LIGHTS)):
        onset, lat = int(random.integers(first + 8, sun.frames - 4)), float(random.uniform(-45, 45))
        turned = rotation_deg(np.array([lat]), np.array([onset * sun.cadence_s * sun.turns]))[0]
        found.append(Flare(random.uniform(-55, 55) - turned, lat, onset, FLARE_LIGHTS[k % len(FLARE_LIGHTS)]))
    return found


def with_flares(flux: np.ndarray, some: list[Flare], sun: Sun) -> np.ndarray:
    """Flux (T, H, W) with them: at once as bright as they get, and fading within FADES_FRAMES."""
    flux = flux.copy()
    for one in some:
        for k in range(one.onset, min(sun.frames, one.onset + 4 * FADES_FRAMES)):
            x, y = where(one, k, sun)
            _add(flux[k], x, y, FLARE_WIDE_PX, one.light * np.exp(-(k - one.onset) / FADES_FRAMES))
    return flux


def where(one: Flare, frame: int, sun: Sun) -> tuple[float, float]:
    """Pixel x and y of a flare in a frame."""
    nowhere, lat = np.zeros(1), np.array([one.lat])
    turned = rotation_deg(lat, np.array([frame * sun.cadence_s * sun.turns]))
    tx, ty = Observer(nowhere, nowhere, np.array([AU_M])).to_hpc(one.lon + turned, lat)
    middle = (sun.side - 1) / 2
    return float(tx[0]) / sun.arcsec + middle, float(ty[0]) / sun.arcsec + middle


def _add(frame: np.ndarray, x: float, y: float, wide: float, light: float) -> None:
    (y0, y1), (x0, x1) = ((int(max(0, p - 4 * wide)), int(min(len(frame), p + 4 * wide + 2))) for p in (y, x))
    rows, columns = np.mgrid[y0:y1, x0:x1]
    frame[y0:y1, x0:x1] += light * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * wide**2))


def written(folder: Path, seed: int, train: int, sun: Sun, other: bool = False) -> list[Flare]:
    """Reels train/train, of the first frames, watch/watch, of the others, and flares/flares, of those with flares that
    are returned (in frames of that reel); their times go on, or with `other` in another Sun OTHER_DAYS later. Where the
    Sun does not turn, they do not tell that they show it."""
    flux = flux_of(seed, sun)
    later = flux_of(seed + OTHER_SEED, sun) if other else flux
    some = flares(seed, sun, train)
    days = OTHER_DAYS * DAY_S * other
    parts = (
        ("train", 0.0, flux[:train]),
        ("watch", train * sun.cadence_s + days, later[train:]),
        ("flares", train * sun.cadence_s + days, with_flares(later, some, sun)[train:]),
    )
    for part, at_s, frames in parts:
        reel = solar_reel(folder / part / part, frames, sun.cadence_s, sun.arcsec)
        times = reel.times_utc
        assert times is not None  # solar_reel gives them
        table = reel.candidates.assign(time_utc=(times + np.timedelta64(round(at_s * 1000), "ms")).astype(str))
        write_csv(reel.path / "frames.csv", table if sun.turns else table.drop(columns=list(WCS_COLUMNS)))
        write_csv(reel.path / "windows.csv", index_windows(Reel(reel.path), 4, 1))
    return some
