"""A made-up Sun that turns, with places that flicker each in its own way: loops of active regions and bright points.

No entry point. Each place has light of its own that wanders (an Ornstein-Uhlenbeck process in its logarithm), and
flares up now and then; how much and how often is drawn from wide distributions, so that few places make most of what is
seen. Light is a ball of hot gas somewhat above the surface, which hides what is behind it: at the limb a place comes
into view within hours, its top first. Or it lies on the surface, as that of the chromosphere does, and is foreshortened
there. Nothing is there at once: places that switched on at the limb, as they did here until 2026-11-28, made most of
what were taken for false events.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from data.disk.files import write_csv
from data.reel.reel import Reel
from data.reel.windows import index_windows
from data.sky.wcs import WCS_COLUMNS
from data.sky.wcs_header import R_SUN_M
from inference.events.sky import ARCSEC, rotation_deg
from inference.units import DAY_S, HOUR_S
from tests.support.sun_events import AU_M, RSUN_ARCSEC, solar_reel

REGIONS, POINTS = 9, 500
LOOPS = 8, 25  # of a region, at least and fewer than
LOOP_HEIGHT, POINT_HEIGHT = (
    (0.03, 0.6),
    (0.01, 0.4),
)  # radii, 20 and 7 Mm: median, spread of the log
FLARES_EACH = 12
FLARE_LIGHTS = 100.0, 300.0, 1000.0  # at their middle, where the disc has 120 to 200
EDGE_LIGHTS, EDGE_DEG = (300.0, 1000.0, 3000.0), (66.0, 88.0)  # of flares at the edge of the disc, and where
FLARE_WIDE_PX, FADES_FRAMES, FLARE_HEIGHT = 1.2, 3, 0.012
BEHIND = -0.6  # so far behind the plane of the limb nothing reaches over it, Sun radii
OPTICS_PX = 0.5  # as narrow as anything gets
OFF_LIMB = 0.08, 0.004  # scale heights of the light off the limb, of the Sun's radius: a corona, a chromosphere
OTHER_DAYS, OTHER_SEED = 60, 1000  # another day has other places


class Sun(NamedTuple):
    """Frames of `side` px of `arcsec`, `cadence_s` apart. turns: whether it does. is_flat: light is on the surface."""

    frames: int = 125
    side: int = 160
    arcsec: float = 15.4
    cadence_s: float = 900.0
    turns: bool = True
    is_flat: bool = False

    @property
    def radius(self) -> np.ndarray:
        """How far its pixels (H, W) are from the middle of the disc, in apparent radii."""
        along = (np.arange(self.side) - (self.side - 1) / 2) * self.arcsec / RSUN_ARCSEC
        return np.hypot(along[:, None], along)


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


def heights(seed: int, count: int) -> np.ndarray:
    """How high above the surface those places are (N,), of the Sun's radius."""
    random = np.random.default_rng([seed, 7])
    (loop, wide), (point, points_wide) = LOOP_HEIGHT, POINT_HEIGHT
    found = random.lognormal(np.log(loop), wide, count)
    found[-POINTS:] = random.lognormal(np.log(point), points_wide, POINTS)
    return found


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
    bright, high = courses(known, sun, random), heights(seed, len(known)) * (not sun.is_flat)
    radius = sun.radius
    disc = np.where(radius < 1, 120 + 80 * radius**4, 200 * np.exp(-(radius - 1) / OFF_LIMB[sun.is_flat]))
    flux = np.empty((sun.frames, sun.side, sun.side), np.float32)
    for k in range(sun.frames):
        frame = disc.copy()
        x, y, depth = seen_at(known[:, 0], known[:, 1], high, k, sun)
        for place in zip(x, y, depth, known[:, 3], known[:, 2] * bright[k], strict=True):
            _add(frame, radius, sun, *place)
        flux[k] = frame * (1 + 0.01 * random.normal(size=frame.shape)) + random.normal(size=frame.shape)
    return flux


def seen_at(
    lon: np.ndarray, lat: np.ndarray, height: np.ndarray, frame: int, sun: Sun
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels x and y of places (N,) in a frame, and how far they lie before the plane of the limb, in Sun radii."""
    turned = rotation_deg(lat, np.full(len(lat), frame * sun.cadence_s * sun.turns))
    lon, lat, up, distance = np.radians(lon + turned), np.radians(lat), 1 + height, AU_M / R_SUN_M
    right, north, near = up * np.cos(lat) * np.sin(lon), up * np.sin(lat), up * np.cos(lat) * np.cos(lon)
    tx, ty = np.arctan2(right, distance - near), np.arctan2(north, np.hypot(right, distance - near))
    middle = (sun.side - 1) / 2
    return tx / ARCSEC / sun.arcsec + middle, ty / ARCSEC / sun.arcsec + middle, near - 1 / distance


class Flare(NamedTuple):
    """Light that is added at a place (longitude and latitude in degrees at the first frame) from `onset` on."""

    lon: float
    lat: float
    onset: int
    light: float


def flares(seed: int, sun: Sun, first: int, is_edge: bool = False) -> list[Flare]:
    """Small flares in their frames, which are `first` and later ones: well on the disc, or at its edge, one in the east
    for each in the west."""
    random, found = np.random.default_rng([seed, 2 + is_edge]), []
    lights, (near, far) = (EDGE_LIGHTS, EDGE_DEG) if is_edge else (FLARE_LIGHTS, (-55.0, 55.0))
    for k in range(FLARES_EACH * len(lights)):
        onset, lat = int(random.integers(first + 8, sun.frames - 4)), float(random.uniform(-45, 45))
        turned = rotation_deg(np.array([lat]), np.array([onset * sun.cadence_s * sun.turns]))[0]
        side = -1 if k // len(lights) % 2 else 1
        found.append(Flare(side * random.uniform(near, far) - turned, lat, onset, lights[k % len(lights)]))
    return found


def with_flares(flux: np.ndarray, some: list[Flare], sun: Sun) -> np.ndarray:
    """Flux (T, H, W) with them: at once as bright as they get, and fading within FADES_FRAMES."""
    flux, radius = flux.copy(), sun.radius
    for one in some:
        for k in range(one.onset, min(sun.frames, one.onset + 4 * FADES_FRAMES)):
            light = one.light * np.exp(-(k - one.onset) / FADES_FRAMES)
            _add(flux[k], radius, sun, *where(one, k, sun), FLARE_WIDE_PX, light)
    return flux


def where(one: Flare, frame: int, sun: Sun) -> tuple[float, float, float]:
    """Pixel x and y of a flare in a frame, and its depth, see `seen_at`."""
    height = np.array([FLARE_HEIGHT * (not sun.is_flat)])
    x, y, depth = seen_at(np.array([one.lon]), np.array([one.lat]), height, frame, sun)
    return float(x[0]), float(y[0]), float(depth[0])


def _add(
    frame: np.ndarray, radius: np.ndarray, sun: Sun, x: float, y: float, depth: float, wide: float, light: float
) -> None:
    """Put the light of a place into a frame (H, W), as far as it is seen."""
    (y0, y1), (x0, x1) = ((int(max(0, p - 4 * wide)), int(min(sun.side, p + 4 * wide + 2))) for p in (y, x))
    if y1 <= y0 or x1 <= x0 or depth <= (0 if sun.is_flat else BEHIND):
        return
    shape = _flat if sun.is_flat else _ball
    frame[y0:y1, x0:x1] += light * shape(radius[y0:y1, x0:x1], sun, (y0, x0), x, y, depth, wide)


def _ball(radius: np.ndarray, sun: Sun, corner: tuple[int, int], x: float, y: float, depth: float, wide: float):
    """A Gaussian ball (h, w), of which each line of sight shows what lies before the surface."""
    rows, columns = np.indices(radius.shape)
    distance2 = (columns + corner[1] - x) ** 2 + (rows + corner[0] - y) ** 2
    before = (depth - np.sqrt(np.maximum(1 - radius**2, 0))) / (wide * sun.arcsec / RSUN_ARCSEC)
    return np.exp(-distance2 / (2 * wide**2)) * np.where(radius >= 1, 1, ndtr(before))


def _flat(radius: np.ndarray, sun: Sun, corner: tuple[int, int], x: float, y: float, depth: float, wide: float):
    """A Gaussian patch (h, w) of the surface, narrower towards the limb."""
    rows, columns = np.indices(radius.shape)
    dx, dy, middle = columns + corner[1] - x, rows + corner[0] - y, (sun.side - 1) / 2
    outward = np.arctan2(y - middle, x - middle)
    out, across = dx * np.cos(outward) + dy * np.sin(outward), dy * np.cos(outward) - dx * np.sin(outward)
    narrow = np.hypot(wide * depth, OPTICS_PX)
    return wide * depth / narrow * np.exp(-(out**2) / (2 * narrow**2) - across**2 / (2 * wide**2))


class Planted(NamedTuple):
    """The flares of a reel, in the frames of all."""

    on_disc: list[Flare]
    at_edge: list[Flare]


def written(folder: Path, seed: int, train: int, sun: Sun, other: bool = False) -> Planted:
    """Reels train/train, of the first frames, watch/watch, of the others, and flares/flares, of those with flares that
    are returned; their times go on, or with `other` in another Sun OTHER_DAYS later. Where the Sun does not turn, they
    do not tell that they show it."""
    flux = flux_of(seed, sun)
    later = flux_of(seed + OTHER_SEED, sun) if other else flux
    some = Planted(flares(seed, sun, train), flares(seed, sun, train, is_edge=True))
    days = OTHER_DAYS * DAY_S * other
    parts = (
        ("train", 0.0, flux[:train]),
        ("watch", train * sun.cadence_s + days, later[train:]),
        ("flares", train * sun.cadence_s + days, with_flares(later, [*some.on_disc, *some.at_edge], sun)[train:]),
    )
    for part, at_s, frames in parts:
        reel = solar_reel(folder / part / part, frames, sun.cadence_s, sun.arcsec)
        times = reel.times_utc
        assert times is not None  # solar_reel gives them
        table = reel.candidates.assign(time_utc=(times + np.timedelta64(round(at_s * 1000), "ms")).astype(str))
        write_csv(reel.path / "frames.csv", table if sun.turns else table.drop(columns=list(WCS_COLUMNS)))
        write_csv(reel.path / "windows.csv", index_windows(Reel(reel.path), 4, 1))
    return some
