"""Coronal mass ejections in a coronagraph's frames: fronts that move outward in neighbouring position angles.

After CACTus (Robbrecht & Berghmans 2004, A&A 425, 1097): in polar coordinates a front is a ridge of one slope in time
and height, found by a Hough transform; ridges of near position angles and times are one ejection. Speeds are those on
the plane of the sky, by straight lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.ndimage import label

from data.reel.reel import Reel
from inference.calibration.noise import MAD_TO_STD
from inference.events.sky import Sky
from inference.solar.coronagraph.polar import ANGLE_DEG, PolarGrid, grid_of, polar_light
from inference.solar.place.patches import TINY

SPEEDS_KM_S = np.geomspace(100.0, 2200.0, 36)  # CACTus: up to 2100
BEFORE = 5  # frames whose median is the corona before
NOISIEST = 3.0  # times the typical spread of its height: what has more is lit up most of the time
CLIP = 6.0  # spreads that count at most: a star is no front
LIMIT, CLEAR = 2.5, 4.0  # mean spreads along a line, more than ahead of it: of all, and of the best, position angles
FEWEST = 3  # frames that a front is seen in
NARROWEST_DEG = 15.0
HALO_DEG, PARTIAL_DEG = 342.0, 120.0  # CDAW's catalogue calls 360 a halo, and from 120 on partial
AHEAD_RSUN = 0.4
BLURRED = 3.0  # bins that a front is blurred over
TOGETHER_S = 3600.0  # ridges of neighbouring angles that enter the view so near in time are of one ejection
BLOCK, MARGIN = 1024, 96  # frames that are looked at together, and those behind that a front is still seen in


@dataclass(frozen=True)
class Cme:
    """One ejection. first, last: frames in which its front was seen; onset: as first. Angles from north through east.

    speed_km_s: the median over its position angles; low and high: what the pixels' width and the times of the frames
    allow and its position angles differ by, two standard deviations. brightest: the frame with the brightest front.
    """

    first: int
    last: int
    brightest: int
    position_angle_deg: float
    width_deg: float
    speed_km_s: float
    speed_low_km_s: float
    speed_high_km_s: float
    fastest_km_s: float
    halo: str  # "", "partial halo" or "halo"
    brightest_angle_deg: float
    strength: float  # mean spreads along its front, the largest of its angles
    height_rsun: float  # of the front when it was brightest


def cmes_in(reel: Reel, sky: Sky) -> list[Cme]:
    """The ejections in a coronagraph's reel, in the order in which they were seen."""
    grid = grid_of(reel, sky)
    if grid is None or len(reel) <= BEFORE + FEWEST:
        return []
    found = []
    for begin in range(0, len(reel), BLOCK):
        first, last = max(begin - BEFORE - 1, 0), min(begin + BLOCK + MARGIN, len(reel))
        light, times = polar_light(reel, sky, grid, first, last), reel.times_s[first:last]
        some = [cme for cme in fronts_in(light, times, grid, reel.cadence_s) if first + cme.first >= begin]
        found += [_later(cme, first) for cme in some if first + cme.first < begin + BLOCK]
    return sorted(found, key=lambda cme: cme.first)


def _later(cme: Cme, frames: int) -> Cme:
    moved = {name: getattr(cme, name) + frames for name in ("first", "last", "brightest")}
    return replace(cme, **moved)


def fronts_in(light: np.ndarray, times_s: np.ndarray, grid: PolarGrid, cadence_s: float) -> list[Cme]:
    """The ejections in polar light (T, A, R)."""
    excess = excess_of(light)
    edge = edge_of(excess, grid)
    ridges = Ridges.of(excess, edge, times_s, grid, cadence_s)
    return [ridges.cme(angles, starts) for angles, starts in ridges.groups()]


def excess_of(light: np.ndarray) -> np.ndarray:
    """Light (T, A, R) over the median of the BEFORE frames, in spreads of its place; 0 where nothing is known.

    The spread of a place is robust, smoothed, and no less than the typical one of its height, as eight bits repeat
    themselves; nor more than NOISIEST times that, as a slow ejection may be in most of a day's frames.
    """
    change = np.zeros(light.shape, np.float32)
    for t in range(BEFORE, len(light)):
        change[t] = light[t] - np.median(light[t - BEFORE : t], axis=0)
    change = np.nan_to_num(change, nan=0.0)
    change -= np.median(change, axis=(1, 2), keepdims=True)
    for t in range(len(change)):
        change[t] = _smooth(change[t])
    spread = MAD_TO_STD * np.median(np.abs(change[BEFORE:]), axis=0)
    typical = np.median(spread, axis=0, keepdims=True)
    bounded = np.clip(_smooth(spread), typical, NOISIEST * typical)
    return change / np.maximum(bounded, max(float(typical.max()) / 100, TINY))


def _smooth(image: np.ndarray) -> np.ndarray:
    """A map (A, R) as medians, then means, of 3 x 3 bins around; position angle goes round."""
    wrapped = np.concatenate([image[-2:], image, image[:2]]).astype(np.float32)
    return cv2.blur(cv2.medianBlur(wrapped, 3), (3, 3))[2:-2]


def ahead_of(grid: PolarGrid) -> int:
    """Bins of AHEAD_RSUN, at least two."""
    return max(round(AHEAD_RSUN / grid.step_rsun), 2)


def edge_of(excess: np.ndarray, grid: PolarGrid) -> np.ndarray:
    """How much more (T, A, R) there is at a height than AHEAD_RSUN above it: what brightens at all heights is no
    front."""
    ahead = ahead_of(grid)
    bounded = np.clip(excess, -CLIP, CLIP)
    above = np.concatenate([bounded[..., ahead:], np.repeat(bounded[..., -1:], ahead, axis=-1)], axis=-1)
    return bounded - np.maximum(above, 0)


@dataclass(frozen=True)
class Ridges:
    """The best line through each frame's inner edge and position angle: strength (T, A), and its speed and delay."""

    excess: np.ndarray  # (T, A, R)
    edge: np.ndarray
    times_s: np.ndarray
    grid: PolarGrid
    cadence_s: float
    strength: np.ndarray
    speed: np.ndarray  # km/s
    delay_s: np.ndarray  # since it passed the inner edge, in the frame it starts in

    @classmethod
    def of(
        cls, excess: np.ndarray, edge: np.ndarray, times_s: np.ndarray, grid: PolarGrid, cadence_s: float
    ) -> "Ridges":
        """The Hough transform: the mean of the edge along lines of SPEEDS_KM_S that enter the view at each frame."""
        best = np.full(edge.shape[:2], -np.inf, np.float32)
        speed, delay = np.zeros_like(best), np.zeros_like(best)
        for km_s in SPEEDS_KM_S:
            for wait in (0.0, 1 / 3, 2 / 3):
                mean = _along(edge, times_s, grid, km_s, wait * cadence_s)
                better = mean > best
                best[better], speed[better], delay[better] = mean[better], km_s, wait * cadence_s
        return cls(excess, edge, times_s, grid, cadence_s, best, speed, delay)

    def groups(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Position angles (indices) of each ejection, and the frame in which its front enters in each."""
        seen = self.strength > LIMIT
        wide = cv2.dilate(
            np.concatenate([seen[:, -3:], seen, seen[:, :3]], axis=1).astype(np.uint8), np.ones((3, 7), np.uint8)
        )[:, 3:-3]
        parts, count = label(wide, np.ones((3, 3)))
        join = _joined_across_north(parts, count)
        for part in sorted(set(join[1:])):
            mine = seen & (join[parts] == part)
            angles = np.flatnonzero(mine.any(axis=0))
            if len(angles) * ANGLE_DEG < NARROWEST_DEG:
                continue
            strength = np.where(mine, self.strength, -np.inf)[:, angles]  # (T, n)
            if strength.max() < CLEAR:
                continue
            enters = self.times_s[np.unravel_index(strength.argmax(), strength.shape)[0]]
            strength[np.abs(self.times_s - enters) > TOGETHER_S] = -np.inf
            same = np.isfinite(strength).any(axis=0)
            if same.sum() * ANGLE_DEG >= NARROWEST_DEG:
                yield angles[same], strength[:, same].argmax(axis=0)

    def cme(self, angles: np.ndarray, starts: np.ndarray) -> Cme:
        """What the ridges of some position angles come to."""
        fits = np.array([self._fit(a, s) for a, s in zip(angles.tolist(), starts.tolist(), strict=True)])
        speed, spread, first, last, brightest, height = fits.T
        strength = self.strength[starts, angles]
        middle, width = arc_of(self.grid.angles_deg[angles])
        v = float(np.median(speed))
        error = float(np.hypot(np.median(spread), MAD_TO_STD * np.median(np.abs(speed - v))))
        peak = int(strength.argmax())
        halo = "halo" if width >= HALO_DEG else "partial halo" if width >= PARTIAL_DEG else ""
        return Cme(
            first=int(min(np.quantile(first, 0.1, method="lower"), brightest[peak])),
            last=int(last.max()),
            brightest=int(brightest[peak]),
            position_angle_deg=middle,
            width_deg=width,
            speed_km_s=v,
            speed_low_km_s=max(v - 2 * error, 0.0),
            speed_high_km_s=v + 2 * error,
            fastest_km_s=float(np.quantile(speed, 0.9)),
            halo=halo,
            brightest_angle_deg=float(self.grid.angles_deg[angles[peak]]),
            strength=float(strength[peak]),
            height_rsun=float(height[peak]),
        )

    def _fit(self, angle: int, start: int) -> tuple[float, float, int, int, int, float]:
        """Speed and its spread in km/s, first, last and brightest frame, height in that: a straight line by least
        squares through the front's heights near the Hough line."""
        km_s, wait = float(self.speed[start, angle]), float(self.delay_s[start, angle])
        fronts = [
            (frame, *found)
            for frame in range(start, len(self.times_s))
            if (found := self._front(frame, angle, km_s * (self.times_s[frame] - self.times_s[start] + wait)))
        ]
        if len(fronts) < 2:
            only = fronts[0][0] if fronts else start
            return km_s, km_s / 2, only, only, only, float(self.grid.radii_rsun[0])
        frames, heights, values = (np.array(column) for column in zip(*fronts, strict=True))
        km = heights * self.grid.rsun_km
        since = self.times_s[frames] - self.times_s[frames].mean()
        v = float(since @ km / (since @ since))
        off = float(np.sqrt(np.mean((km - km.mean() - v * since) ** 2)))
        error = max(BLURRED * self.grid.step_rsun * self.grid.rsun_km, off) / float(np.sqrt(since @ since))
        best = int(np.argmax(values))
        return v, error, int(frames[0]), int(frames[-1]), int(frames[best]), float(heights[best])

    def _front(self, frame: int, angle: int, way_km: float) -> tuple[float, float] | None:
        """Height in solar radii and excess of a front that is expected at a way from the inner edge: where its light
        falls to half, outermost; None where it is not seen."""
        expected, near = way_km / (self.grid.step_rsun * self.grid.rsun_km), 2 * ahead_of(self.grid)
        low, high = max(round(expected) - near, 0), round(expected) + near + 1
        part = self.excess[frame, angle, low:high]
        if len(part) < 2 or (peak := float(part.max())) < LIMIT:
            return None
        last = int(np.flatnonzero(part >= peak / 2)[-1])
        if last + 1 == len(part):  # it goes on beyond
            return None
        fall = (part[last] - peak / 2) / (part[last] - part[last + 1])
        return float(self.grid.radii_rsun[0] + self.grid.step_rsun * (low + last + fall)), peak


def _along(edge: np.ndarray, times_s: np.ndarray, grid: PolarGrid, km_s: float, wait_s: float) -> np.ndarray:
    """The mean of the edge (T, A, R) along lines of one speed that enter the view so long before each frame: (T, A)."""
    count, total = np.zeros(len(edge)), np.zeros(edge.shape[:2], np.float32)
    step_km, index = grid.step_rsun * grid.rsun_km, np.arange(len(edge))
    for later in range(len(edge)):
        frame = index + later
        inside = frame < len(edge)
        frame = np.minimum(frame, len(edge) - 1)
        at = np.rint(km_s * (times_s[frame] - times_s[index] + wait_s) / step_km).astype(int)
        inside &= at < edge.shape[2]
        if not inside.any():
            break
        values = edge[frame[inside], :, at[inside]]  # (n, A)
        total[inside] += values
        count[inside] += 1
    mean = total / np.maximum(count, 1)[:, None]
    return np.where((count >= FEWEST)[:, None], mean, -np.inf).astype(np.float32)


def _joined_across_north(parts: np.ndarray, count: int) -> np.ndarray:
    """The number of each part (count + 1,) after those that touch across position angle 0 are one."""
    join = np.arange(count + 1)
    for one, other in zip(parts[:, 0].tolist(), parts[:, -1].tolist(), strict=True):
        if one and other and join[one] != join[other]:
            join[join == max(join[one], join[other])] = min(join[one], join[other])
    return join


def arc_of(angles_deg: np.ndarray) -> tuple[float, float]:
    """The middle and the width in degrees of the shortest arc that holds bins of position angle (n,), in order."""
    gaps = np.diff(np.concatenate([angles_deg, angles_deg[:1] + 360]))
    widest = int(gaps.argmax())
    begin = float(angles_deg[(widest + 1) % len(angles_deg)])
    width = 360 - float(gaps[widest]) + ANGLE_DEG
    return (begin + (width - ANGLE_DEG) / 2) % 360, min(width, 360.0)
