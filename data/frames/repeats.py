"""Frames shown several times over: a movie of fewer pictures than frames. One is kept, and the true cadence follows.

Equal frames alone are no reason: a quiet scene, a test pattern or a camera with its cap on has them too. Only where
pictures change at a regular step, and nothing happens between, is what lies between a repeat.
"""

from collections.abc import Iterator

import numpy as np

REPEAT_SHARE = 0.1  # of a usual change of picture: what coding leaves between repeats is far less
REPEAT_LEVELS = 0.5 / 255  # of the full scale: half a level of 8 bits
REGULAR = 0.98  # of the runs have the usual length, give or take one frame where the rates do not divide
FEWEST_RUNS = 4


def changes(frames: Iterator[np.ndarray], full_scale: float) -> np.ndarray:
    """Mean change (T - 1,) from each frame to the next one, as a fraction of the full scale."""
    found, before = [], None
    for frame in frames:
        if before is not None:
            found.append(np.abs(frame - before).mean(dtype=np.float64) / full_scale)
        before = frame
    return np.array(found)


def repeats(change: np.ndarray) -> tuple[np.ndarray, float]:
    """Which frames (T,) repeat the one before, and how many times each picture is shown; (none, 1.0) where it is once.

    change: (T - 1,) as `changes` gives it.
    """
    none = np.zeros(len(change) + 1, bool)
    if not len(change) or not change.max():
        return none, 1.0
    # Half of the frames at least are repeats where there are any: the usual change is among the others.
    large = change[change > REPEAT_SHARE * change.max()]
    is_new = np.concatenate([[True], change > min(REPEAT_SHARE * np.median(large), REPEAT_LEVELS)])
    lengths = np.diff(np.flatnonzero(is_new))[1:]  # the first run may be cut, and the last one is
    if len(lengths) < FEWEST_RUNS:
        return none, 1.0
    usual = float(np.mean(lengths))
    is_regular = (lengths >= 2) & (np.abs(lengths - np.median(lengths)) <= 1)
    return (~is_new, usual) if is_regular.mean() >= REGULAR else (none, 1.0)
