"""What a gap is, for windows, scores, events and pictures alike: a step longer than `gap_threshold` cadences.

Where the gaps of a series come so often that no window has room between them, as nights do that a logger leaves out,
its reel.json has `windows_cross`: windows go across steps of up to so many cadences, which stay gaps for all else.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from data.reel.cadence import are_alike

PARTS, FEWEST_STEPS = 8, 4  # of a reel, and of each of them, that tell how often frames come


def longest_step_s(cadence_s: float, gap_threshold: float) -> float:
    """The longest time between two frames that is no gap."""
    return gap_threshold * cadence_s


def gaps_after(times_s: np.ndarray, cadence_s: float, gap_threshold: float) -> np.ndarray:
    """The frames that a gap follows, (N,) of times (T,)."""
    return np.flatnonzero(np.diff(times_s) > longest_step_s(cadence_s, gap_threshold))


def told_gaps(times_s: np.ndarray, cadence_s: float, gap_threshold: float) -> str:
    """How many gaps the times (T,) of frames have, and where the longest is; "" where they have none."""
    gaps = gaps_after(times_s, cadence_s, gap_threshold)
    if not len(gaps):
        return ""
    steps_s = np.diff(times_s)[gaps]
    longest, count = int(np.argmax(steps_s)), f"{len(gaps)} gap{'s' if len(gaps) > 1 else ''}"
    return (
        f"{count}, {'the longest ' if len(gaps) > 1 else ''}of {steps_s[longest]:.6g} s behind frame "
        f"{gaps[longest]} of {len(times_s)}; windows go over none"
    )


def told_paces(times_s: np.ndarray) -> str:
    """Where frames come more often in one part of a reel than in another, as a camera does at night; "" where not.

    times_s: (T,). Steps of eight parts are compared, whose medians a few gaps or late frames change nothing of.
    """
    steps_s = np.diff(times_s)
    if len(steps_s) < PARTS * FEWEST_STEPS:
        return ""
    medians_s = [float(np.median(part)) for part in np.array_split(steps_s, PARTS)]
    slow_s, fast_s = max(medians_s), min(medians_s)
    if are_alike(slow_s, fast_s):
        return ""
    return (
        f"its frames are {fast_s:.4g} s apart in one part and {slow_s:.4g} s in another: what moves looks as much "
        "faster there; prepare the parts by themselves, where motion is looked for"
    )


def told_cadence(times_s: np.ndarray, given_s: float | None) -> str:
    """Where frames come more often than at the cadence (s) that the settings give, as those of a video, whose times
    (T,) are the player's; "" where they don't, as far as some may be missing, or none is given."""
    median_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else np.inf
    if given_s is None or median_s >= given_s or are_alike(median_s, given_s):
        return ""
    return (
        f"its frames are {median_s:.4g} s apart, and prep.sample_interval_sec {given_s:g} changes no times: if a video "
        f"shows {given_s:g} s from frame to frame, prep.frames_per_second={1 / given_s:.8g} says so; else leave it null"
    )


def crossed(meta: Mapping[str, Any]) -> float:
    """Cadences of the longest step that a window may go across, of what reel.json holds."""
    return max(meta["gap_threshold"], meta.get("windows_cross", 0.0))
