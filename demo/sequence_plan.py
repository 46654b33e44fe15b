"""What the demo's sequence holds: when each frame is exposed, what is wrong with it, and which transients come when."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

CADENCE_S, GAP_S = 60.0, 1440.0
QUIET_FRACTION = 0.6
MIN_FRAMES = 25  # with fewer, two of the DEFECTS would fall on neighbouring frames
LONG_EXPOSURE_S, SHORT_EXPOSURE_S = 2.000191, 0.400178

# At which fraction of the frames something is wrong, and the QUALITY bits (SDO User Guide 7.7.6) that tell.
DEFECTS = {
    0.08: ("dark", (16,)),
    0.17: ("few_missing", (8,)),  # a flag only: all but some pixels are good
    0.25: ("many_missing", (8, 9, 10, 11)),
    0.52: ("truncated", ()),
    0.78: ("iss_open", (17,)),
}
GAP_AT = 0.46
# The first two lie in blocks that train and validate by default; in the third the camera answers the strongest flare.
ALTERNATING = ((0.30, 0.42), (0.54, 0.58), (0.636, 0.70))


@dataclass(frozen=True)
class Frame:
    """One planned exposure: shutter opening (UTC), exposure time, and what is wrong with it ("" if nothing)."""

    index: int
    date_obs: datetime
    exptime_s: float
    defect: str
    quality: int

    @property
    def t_obs(self) -> datetime:
        """Middle of the exposure (UTC)."""
        return self.date_obs + timedelta(seconds=self.exptime_s / 2)

    @property
    def t_rec(self) -> datetime:
        """The record's slot: the full second after the shutter opened (UTC)."""
        return self.date_obs.replace(microsecond=0) + timedelta(seconds=1)

    @property
    def name(self) -> str:
        """File name as JSOC exports it."""
        return f"aia.lev1_euv_12s.{self.t_rec:%Y-%m-%dT%H%M%S}Z.171.image.fits"


@dataclass(frozen=True)
class Transient:
    """An injected event with a Gaussian profile, or ("front") a ring with a Gaussian wall that grows.

    `amplitude` is the relative change of brightness at the peak; `x_px, y_px` is the centre at the peak (column and row
    of the FITS array, first row 0). A front grows from `radius_px[0]` to `radius_px[1]`. Times: seconds since the first
    frame.
    """

    event: str
    kind: str
    x_px: int
    y_px: int
    sigma_px: float
    amplitude: float
    onset_s: float
    rise_s: float
    decay_s: float
    radius_px: tuple[float, float] = (0.0, 0.0)

    @property
    def peak_s(self) -> float:
        return self.onset_s + self.rise_s

    @property
    def end_s(self) -> float:
        """When it is back to 10 % of its peak; when a front is gone."""
        return self.peak_s + self.decay_s * (1.0 if self.kind == "front" else math.log(10))

    @property
    def extent_px(self) -> float:
        """Full width at half maximum; the diameter that a front reaches."""
        return 2 * self.radius_px[1] if self.kind == "front" else 2.355 * self.sigma_px

    def strength(self, t_s: float) -> float:
        """Light curve in [0, 1]: a smooth rise and an exponential decay; for a front, a sine's half wave."""
        since = t_s - self.onset_s
        if since <= 0:
            return 0.0
        if self.kind == "front":
            return math.sin(math.pi * min(since / (self.end_s - self.onset_s), 1))
        rise = math.sin(math.pi / 2 * min(since / self.rise_s, 1)) ** 2
        return rise * math.exp(-max(t_s - self.peak_s, 0) / self.decay_s)

    def profile(self, distance_px: np.ndarray, t_s: float) -> np.ndarray:
        """Weight in [0, 1] at these distances from the centre."""
        grown = min(max((t_s - self.onset_s) / (self.end_s - self.onset_s), 0), 1)
        wall = self.radius_px[0] + grown * (self.radius_px[1] - self.radius_px[0])
        return np.exp(-((distance_px - wall) ** 2) / (2 * self.sigma_px**2))


def plan_frames(n_frames: int, first: datetime) -> list[Frame]:
    """The sequence's exposures in order. Raises ValueError below MIN_FRAMES."""
    if n_frames < MIN_FRAMES:
        raise ValueError(f"--frames {n_frames}: at least {MIN_FRAMES} are needed to hold the gap and every bad frame")
    defects = {int(at * n_frames): defect for at, defect in DEFECTS.items()}
    frames = []
    for i in range(n_frames):
        defect, bits = defects.get(i, ("", ()))
        short = i % 2 == 1 and any(a <= i / n_frames < b for a, b in ALTERNATING)
        opened = first + timedelta(seconds=i * CADENCE_S + (GAP_S if i >= int(GAP_AT * n_frames) else 0))
        exptime_s = SHORT_EXPOSURE_S if short else LONG_EXPOSURE_S
        frames.append(Frame(i, opened, exptime_s, defect, sum(1 << bit for bit in bits)))
    return frames


def plan_transients(n_frames: int) -> list[Transient]:
    """The injected events, from obvious to weak; their times are fractions of the active part."""
    quiet = int(QUIET_FRACTION * n_frames)
    begin, span = quiet * CADENCE_S + GAP_S, (n_frames - quiet) * CADENCE_S

    def at(event, kind, x, y, sigma, amplitude, onset, rise, decay, radius=(0.0, 0.0)):
        times = (begin + onset * span, rise * span, decay * span)
        return Transient(event, kind, x, y, sigma, amplitude, *times, radius)

    return [
        at("major_flare", "flare", 147, 100, 2.5, 5.0, 0.06, 0.02, 0.05),
        at("dimming", "dimming", 190, 171, 6.0, -0.45, 0.24, 0.035, 0.06),
        at("limb_flare", "flare", 225, 150, 3.0, 2.0, 0.44, 0.015, 0.03),
        at("small_flare", "flare", 122, 205, 2.4, 0.9, 0.55, 0.015, 0.025),
        at("front", "front", 75, 106, 4.5, 0.35, 0.64, 0.05, 0.05, (8.0, 44.0)),
        at("weak_brightening", "brightening", 128, 60, 2.8, 0.5, 0.82, 0.02, 0.035),
    ]
