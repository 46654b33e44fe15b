"""Which windows that lie far from the median show what the data do as a rule, and which are grossly off.

A ferry that returns, a battery that is discharged, nights of a camera: where most of the time is spent in one state the
spread about its median is small, and all of another state lies beyond any limit.
"""

import numpy as np

from data.reel.windows import clear_of

MOST_SHARE = 0.05  # of the frames: what is in more of them is usual, as it is where thresholds are decided
FEWEST_TIMES, LARGEST_SHARE = 3, 0.25  # it comes back; or is so much that it need not
MOST_TIMES = 10  # in a series, which has no bad frames: what happens more often, however short, is usual there too
GROSS = 10.0  # times as far from the median as all others, and as the limit
LEAST_LEFT = 0.5  # of the windows, to train on: what takes more away is no exception


def is_usual(far: np.ndarray, start: np.ndarray, length: np.ndarray, is_series: bool) -> bool:
    """Whether windows `far` (N,) from the median, on one side of one statistic, show what the data do as a rule.

    A state lasts for more than half a window, counted in frames all of whose windows are far: one bad frame takes many
    windows, and their other frames lie in windows without it too.
    """
    stop = start + length
    held = _held(start, stop, stop.max())
    runs = _runs(held & ~_held(start[~far], stop[~far], stop.max()))
    lasting = runs[runs > length.max() / 2]
    share = lasting.sum() / held.sum()
    is_state = share > (MOST_SHARE if len(lasting) >= FEWEST_TIMES else LARGEST_SHARE)
    return bool(is_state or (is_series and len(_runs(far)) > MOST_TIMES))


def is_gross(z: np.ndarray, far: np.ndarray, start: np.ndarray, length: np.ndarray, z_limit: float) -> np.ndarray:
    """Which of the windows `far` (N,) of a series are off by far more than any other, by distances z (N,), as codes for
    missing values are.

    Prices, waiting times, showers and deliveries have large ones as a rule, and training tells better by the scores of
    its model what stands out, sets it apart, and counts it. Were the largest taken away here, thresholds would be those
    of a quieter series than the one that is watched. Windows that share samples are one happening.
    """
    numbers, stop = np.flatnonzero(far), start + length
    begins = 1 + np.flatnonzero(start[numbers[1:]] >= np.maximum.accumulate(stop[numbers])[:-1])
    groups = sorted(np.split(numbers, begins), key=lambda group: -z[group].max())
    heights = np.array([*(z[group].max() for group in groups), z_limit])
    gaps, found = np.flatnonzero(heights[:-1] > GROSS * heights[1:]), np.zeros(len(z), bool)
    if len(gaps):
        found[np.concatenate(groups[: gaps[-1] + 1])] = True
    return found


def left_beside(far: np.ndarray, start: np.ndarray, length: np.ndarray) -> float:
    """The share of windows that are left to train on where those `far` (N,) are rejected."""
    return float(clear_of(start, length, far).mean()) if len(far) else 1.0


def only_grossest(off: np.ndarray, far: np.ndarray, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Of windows `far` (N,) that would leave too few, those off by far more than all others of them, by how far they
    lie off in any unit (N,): a broken frame beside a lamp that is switched all the time.

    None where these would leave too few, too.
    """
    heights = np.sort(off[far])
    gaps = np.flatnonzero(heights[1:] > GROSS * heights[:-1])
    found = far & (off > heights[gaps[0]]) if len(gaps) else np.zeros_like(far)
    return found if left_beside(found, start, length) >= LEAST_LEFT else np.zeros_like(far)


def _held(start: np.ndarray, stop: np.ndarray, frames: int) -> np.ndarray:
    """Frames that at least one of the windows holds (frames,)."""
    steps = np.zeros(frames + 1, np.int64)
    np.add.at(steps, start, 1)
    np.add.at(steps, stop, -1)
    return np.cumsum(steps[:-1]) > 0


def _runs(is_in: np.ndarray) -> np.ndarray:
    """Lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_in, [False]])))
    return edges[1::2] - edges[::2]
