"""The course of an event in the light of its own place: since when, by how much, for how long, and where it went.

All of it is measured in the reel's frames, in linear flux over what the place was before, whatever method found it.
"""

from collections.abc import Sequence

import numpy as np

from data.reel.reel import Reel
from inference.calibration.noise import MAD_TO_STD
from inference.events.course import Course
from inference.events.events import Event
from inference.events.sky import Sky
from inference.solar.place.motion import motion_of
from inference.solar.place.patches import TINY, Patch, base_of, footprint
from inference.units import HOUR_S, is_magnetic, is_signed

BEFORE_S = 1800.0  # that tell what a place was, as for dimmings in Dissauer et al. (2018, ApJ 855, 137)
FIELD_BEFORE_S = 6 * HOUR_S  # the same of a magnetic field: flux takes hours to emerge
DARK_SPANS = 3  # of these that tell how dark a place was: a flare of 20 minutes and its decay light up most of one
FEWEST_BEFORE, MOST_BEFORE, MOST_AFTER = 4, 160, 160  # frames
MOST_VALUES = 2**22  # pixels by frames whose motion is looked at: 16 MB
MARGIN_PX = 2  # around the boxes: what is below the threshold still shines
NOISE_SIGMAS, ONSET_SHARE = 3.0, 0.05  # beyond which, and which part of its greatest, an excess has left the noise
JUST_BEFORE = 4  # frames
AROUND = 1.5  # times the radius of a disc of an event's area: what lies farther from its centre is something else


def course_of(event: Event, reel: Reel, sky: Sky) -> Course | None:
    """The course of a track of boxes, or of a group; None where too little is known of its place before."""
    before = frames_before(event.frame_start, reel)
    if len(before) < FEWEST_BEFORE:
        return None
    patch = patch_of(event.frame_peak, (event.x0, event.y0, event.x1, event.y1), reel, sky)
    base, noise = base_of(patch.light(before))
    sign = -1 if event.change == "darker" else 1
    where = footprint(sign * (patch.light(np.array([event.frame_peak]))[0] - base))
    if not where.any():
        return None
    frames = np.concatenate([before, frames_after(event.frame_start, event.frame_end, reel)])
    curve = patch.curve(frames, where)
    level = level_of(curve[: len(before)])
    excess = np.nan_to_num(curve - level)
    spread = max(MAD_TO_STD * float(np.nanmedian(np.abs(excess[: len(before)]))), TINY)
    peak, seen = (frame - int(frames[0]) for frame in (event.frame_peak, event.frame_start))
    course = sign * excess
    onset = left_noise(course, max(NOISE_SIGMAS * spread, ONSET_SHARE * course[seen : peak + 1].max()), seen)
    first = int(frames[onset])
    moving = np.arange(first, min(event.frame_end, first + max(MOST_VALUES // base.size, 8)) + 1)
    change = relative_change(float(excess[peak]), level, spread, is_signed(reel))
    half = onset + over_half(course[onset:])
    lasts_s = float(np.ptp(reel.times_s[frames[half]]))
    peak_light = patch.light(np.array([event.frame_peak]))[0]
    kept = share_of_new(sign, peak_light, base, patch.light(before[-JUST_BEFORE:]), around(event, patch))
    if sign < 0:
        known = darkest(patch, event.frame_start, reel, base)
        kept = min(
            kept, float(np.nansum((known - peak_light)[where]) / max(np.nansum((base - peak_light)[where]), TINY))
        )
    added = float(excess[peak]) * int(where.sum())
    return Course(first, change, lasts_s, len(half), kept, *motion_of(patch, moving, base, noise, sign), added)


def excess_curve(event: dict, reel: Reel, sky: Sky) -> tuple[np.ndarray, np.ndarray]:
    """Frames (n,) from before to behind an event, and the mean light of its place at the peak over that before it.

    event: a row of the table of events. NaN where its place is not known.
    """
    first, peak, last = (int(event[f"frame_{moment}"]) for moment in ("start", "peak", "end"))
    before = frames_before(first, reel)
    frames = np.concatenate([before, frames_after(first, last, reel)])
    patch = patch_of(peak, [int(event[edge]) for edge in ("x0", "y0", "x1", "y1")], reel, sky)
    sign = -1 if event["change"] == "darker" else 1
    base = base_of(patch.light(before))[0] if len(before) else np.zeros(patch.shape)
    where = footprint(sign * (patch.light(np.array([peak]))[0] - base))
    curve = patch.curve(frames, where)
    return frames, curve - level_of(curve[: len(before)])


def frames_before(first: int, reel: Reel) -> np.ndarray:
    """The frames of BEFORE_S or FIELD_BEFORE_S before a frame and without a gap to it, MOST_BEFORE at most."""
    before_s = FIELD_BEFORE_S if is_magnetic(reel) else BEFORE_S
    count = max(FEWEST_BEFORE, min(round(before_s / reel.cadence_s), MOST_BEFORE))
    return np.arange(max(reel.begin_of(first), first - count), first)


def frames_after(first: int, last: int, reel: Reel) -> np.ndarray:
    """The frames from an event's first on, to as long behind its last as it took, without a gap."""
    gaps = reel.gaps[reel.gaps >= first]
    stop = int(gaps[0]) + 1 if len(gaps) else len(reel)
    return np.arange(first, min(stop, max(2 * last - first + 2, last + MOST_AFTER)))


def patch_of(peak: int, bounds: Sequence[int], reel: Reel, sky: Sky) -> Patch:
    """The place of an event's boxes, x0, y0, x1, y1 in the frame of its peak, and a little around."""
    (x0, y0, x1, y1), (height, width) = bounds, reel.shape[2:]
    low, high = (
        (max(x0 - MARGIN_PX, 0), max(y0 - MARGIN_PX, 0)),
        (min(x1 + MARGIN_PX, width), min(y1 + MARGIN_PX, height)),
    )
    return Patch(reel, sky, peak, *low, *high)


def level_of(curve: np.ndarray) -> float:
    """The median of a light curve (n,), 0 where nothing of it is known."""
    return float(np.nanmedian(curve)) if np.isfinite(curve).any() else 0.0


def relative_change(excess: float, level: float, spread: float, is_field: bool) -> float:
    """An excess over the level before: of light as it is; of a field or velocity by how much stronger it is, whatever
    its sign, where nothing is weaker than its noise."""
    if not is_field:
        return excess / max(abs(level), TINY)
    return (abs(level + excess) - abs(level)) / max(abs(level), spread)


def left_noise(excess: np.ndarray, noise: float, seen: int) -> int:
    """The first of the frames up to `seen` in which an excess (n,) is above the noise and stays there."""
    within = np.flatnonzero(excess[: seen + 1] <= noise)
    return min(int(within[-1]) + 1, seen) if len(within) else seen


def darkest(patch: Patch, first: int, reel: Reel, base: np.ndarray) -> np.ndarray:
    """The least light of a place (h, w) in DARK_SPANS spans before an event, of which `base` is the last: what a flare
    lit up is no darker behind it than it was before.
    """
    for _ in range(DARK_SPANS - 1):
        span = frames_before(first, reel)
        first = int(span[0]) if len(span) else first
        earlier = frames_before(first, reel)
        if len(earlier) < FEWEST_BEFORE:
            break
        base = np.fmin(base, base_of(patch.light(earlier))[0])
    return base


def around(event: Event, patch: Patch) -> np.ndarray:
    """The pixels (h, w) of a patch that lie about an event's centre at its peak, AROUND times as far as a disc of its
    area reaches: its boxes may hold a flare that fades beside a dimming, and changes by far more."""
    rows, columns = np.indices(patch.shape)
    reach_px = AROUND * max(1.0, float(np.sqrt(event.area_px / np.pi)))
    return np.hypot(columns + patch.x0 - event.x, rows + patch.y0 - event.y) <= reach_px


def share_of_new(sign: int, peak: np.ndarray, base: np.ndarray, just_before: np.ndarray, near: np.ndarray) -> float:
    """`Course.share_new`, of maps (h, w) at the peak and in the half hour before, and (n, h, w) just before, where the
    event is `near` (h, w) bool."""
    step = np.where(near, sign * (peak - base_of(just_before)[0]), 0)
    where = footprint(step)
    lasting = np.nansum(sign * (peak - base)[where])
    return float(lasting / max(np.nansum(step[where]), TINY))


def over_half(excess: np.ndarray) -> np.ndarray:
    """The frames of an excess (n,) from the first to the last around its peak that reach half of it."""
    peak = int(excess.argmax())
    below = np.flatnonzero(excess < excess[peak] / 2)
    before, after = below[below < peak], below[below > peak]
    return np.arange(before[-1] + 1 if len(before) else 0, after[0] if len(after) else len(excess))
