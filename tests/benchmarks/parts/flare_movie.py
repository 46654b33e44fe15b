"""A made-up active region, seen every few seconds, in which a flare begins: what a telescope makes of it.

No entry point. Loops flicker each in its own way, the region as a whole grows slowly brighter, the air (of telescopes
on the ground) moves and blurs the picture, photons are counted. The flare has a precursor, two ribbons that part, a
core, loops that come minutes later, a remote brightening and, where it is brightest, the arms of a diffraction pattern.
An automatic exposure takes every other frame shorter as long as it saturates the detector, and what is full bleeds
along the columns.
"""

from typing import NamedTuple

import cv2
import numpy as np

from inference.units import HOUR_S

PLACES, SIDE, ARCSEC = 50, 88, 2.4
EXPTIME_S, SHORTEST_S, FULL_DN = 2.9, 0.2, 16383.0
PHOTONS_DN, READ_DN = 2.0, 1.5  # photons of a DN, and the noise of reading a pixel
MINUTE_S = 60.0


class Movie(NamedTuple):
    """Flux (T, H, W) in DN/s as it is measured; exposures (T,) in s; saturated (T, H, W); the light of the flare alone
    (T, H, W) in DN/s; the frame in which that begins."""

    flux: np.ndarray
    exptime_s: np.ndarray
    saturated: np.ndarray
    light: np.ndarray
    onset: int


class Kind(NamedTuple):
    """How a movie is taken. peak: of the flare, DN/s. seeing_px: by how much the air moves places. exposes: whether an
    automatic exposure is at work."""

    cadence_s: float
    peak: float = 3000.0
    seeing_px: float = 0.0
    exposes: bool = False


def made(kind: Kind, seed: int, quiet: int, frames: int) -> Movie:
    """A movie of so many frames; the flare begins behind the first `quiet` ones."""
    random = np.random.default_rng(seed)
    scene = _quiet(kind, random, frames)
    light = _flare(kind, random, frames, quiet)
    seen = scene + light
    if kind.seeing_px:
        seen = np.stack([_through_air(frame, kind.seeing_px, random) for frame in seen])
    exptime_s, flux, saturated = _exposed(seen, kind, random)
    return Movie(flux, exptime_s, saturated, light.astype(np.float32), quiet)


def _quiet(kind: Kind, random: np.random.Generator, frames: int) -> np.ndarray:
    mottled = cv2.GaussianBlur(random.standard_normal((SIDE, SIDE)), (0, 0), 3)
    scene = np.repeat((80 * np.exp(2.5 * mottled))[None], frames, axis=0).astype(np.float32)
    seconds = np.arange(frames) * kind.cadence_s
    for _ in range(PLACES):
        place = random.normal(SIDE / 2, SIDE / 7, 2)
        wide = random.uniform(1.2, 4)
        spread = min(0.5, random.lognormal(np.log(0.06), 0.7))
        lasts_s = 10 ** random.uniform(np.log10(20), np.log10(1800))
        course = np.exp(spread * _wandering(random, frames, kind.cadence_s / lasts_s))
        scene += random.lognormal(np.log(150), 0.9) * course[:, None, None] * _spot(place, wide, random.uniform(1, 4))
    core = 400 * (1 + 0.3 * seconds / HOUR_S)
    return scene + core[:, None, None] * _spot((SIDE / 2, SIDE / 2), 12, 1.5)


def _wandering(random: np.random.Generator, frames: int, step: float) -> np.ndarray:
    """An Ornstein-Uhlenbeck process (T,) of unit variance."""
    alike, now, found = np.exp(-step), random.normal(), []
    for _ in range(frames):
        found.append(now)
        now = alike * now + np.sqrt(1 - alike**2) * random.normal()
    return np.array(found)


def _spot(place, wide: float, longer: float = 1.0, turned: float = 0.6) -> np.ndarray:
    """A Gaussian (H, W), longer along one axis."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    y, x = rows - place[0], columns - place[1]
    along, across = np.cos(turned) * x + np.sin(turned) * y, np.cos(turned) * y - np.sin(turned) * x
    return np.exp(-((along / longer) ** 2 + across**2) / (2 * wide**2)).astype(np.float32)


def _course(seconds: np.ndarray, begins_s: float, rises_s: float, fades_s: float) -> np.ndarray:
    since = seconds - begins_s
    rise = np.clip(since / rises_s, 0, 1) ** 2
    return np.where(since < rises_s, rise, np.exp(-np.maximum(since - rises_s, 0) / fades_s))


def _flare(kind: Kind, random: np.random.Generator, frames: int, onset: int) -> np.ndarray:
    seconds = (np.arange(frames) - onset + 1) * kind.cadence_s
    place, peak = random.normal(SIDE / 2, SIDE / 12, 2), kind.peak
    light = np.zeros((frames, SIDE, SIDE), np.float32)

    def add(course: np.ndarray, size: float, dy: float, dx: float, wide: float, longer: float = 1.0) -> None:
        for k in np.flatnonzero(course > 1e-3):
            light[k] += peak * size * course[k] * _spot((place[0] + dy, place[1] + dx), wide, longer)

    add(_course(seconds, 0, 40, 60), 0.03, 1, -1, 2.0)
    main_s = 1.5 * MINUTE_S
    add(_course(seconds, main_s, 2 * MINUTE_S, 6 * MINUTE_S), 1.0, 0, 0, 2.5, 1.5)
    ribbons = _course(seconds, main_s, 1.5 * MINUTE_S, 5 * MINUTE_S)
    for side in (-1, 1):
        for k in np.flatnonzero(ribbons > 1e-3):
            apart = side * (3 + 20 * (seconds[k] - main_s) / (725 * ARCSEC))
            at = place[0] + 0.8 * apart, place[1] - 0.6 * apart
            light[k] += 0.5 * peak * ribbons[k] * _spot(at, 1.5, 4)
    add(_course(seconds, main_s + 4 * MINUTE_S, 4 * MINUTE_S, 20 * MINUTE_S), 0.2, -6, 5, 5.0, 2.0)
    add(_course(seconds, main_s + 40, 40, 3 * MINUTE_S), 0.08, 22, -18, 2.0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    y, x = rows - place[0], columns - place[1]
    arms = np.exp(-np.minimum(abs(y - x), abs(y + x)) / 1.5) * np.exp(-np.hypot(x, y) / 25)
    bright = light[:, int(place[0]), int(place[1])]
    return light + (0.02 * bright[:, None, None] * arms).astype(np.float32)


def _through_air(frame: np.ndarray, seeing_px: float, random: np.random.Generator) -> np.ndarray:
    """A frame (H, W) whose places lie elsewhere, together and each by itself, and that is more or less sharp."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    own = [cv2.GaussianBlur(random.standard_normal((SIDE, SIDE)).astype(np.float32), (0, 0), 8) for _ in range(2)]
    x, y = (
        p + np.float32(seeing_px) * (np.float32(random.normal()) + 20 * o)
        for p, o in zip((columns, rows), own, strict=True)
    )
    blurred = cv2.GaussianBlur(frame, (0, 0), float(random.uniform(0.5, 1.2)))
    return cv2.remap(blurred, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def _exposed(seen: np.ndarray, kind: Kind, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exposures in s, flux in DN/s and what is saturated, of true flux (T, H, W)."""
    exptime_s = np.full(len(seen), EXPTIME_S)
    flux, saturated = np.empty_like(seen, np.float32), np.zeros(seen.shape, bool)
    for k, frame in enumerate(seen):
        if kind.exposes and k and seen[k - 1].max() * EXPTIME_S > 0.8 * FULL_DN and k % 2:
            exptime_s[k] = max(SHORTEST_S, 0.5 * FULL_DN / seen[k - 1].max())
        counts = random.poisson(np.maximum(frame, 0) * exptime_s[k] * PHOTONS_DN) / PHOTONS_DN
        counts = np.round(_bled(counts) + READ_DN * random.standard_normal(frame.shape))
        saturated[k] = counts >= FULL_DN
        flux[k] = np.minimum(counts, FULL_DN) / exptime_s[k]
    return exptime_s, flux, saturated


def _bled(counts: np.ndarray) -> np.ndarray:
    """Counts (H, W) of which what is over FULL_DN goes into the pixels above and below, in the same column."""
    counts, too_much = np.minimum(counts, FULL_DN), np.maximum(counts - FULL_DN, 0)
    for column in np.flatnonzero(too_much.any(axis=0)):
        over, held = float(too_much[:, column].sum()), counts[:, column]
        middle = int(np.average(np.arange(len(held)), weights=too_much[:, column]))
        for row in np.argsort(np.abs(np.arange(len(held)) - middle)):
            taken = min(over, FULL_DN - held[row])
            held[row], over = held[row] + taken, over - taken
            if over <= 0:
                break
    return counts
