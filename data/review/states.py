"""Which windows that lie far from the median show what the data do as a rule, and are no outliers.

A ferry that returns, a battery that is discharged, nights of a camera: where most of the time is spent in one state the
spread about its median is small, and all of another state lies beyond any limit.
"""

import numpy as np

MOST_SHARE = 0.05  # of the frames: what is in more of them is usual, as it is where thresholds are decided
FEWEST_TIMES, LARGEST_SHARE = 3, 0.25  # it comes back; or is so much that it need not
MOST_TIMES = 10  # in a series, which has no bad frames: what happens more often, however short, is usual there too


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
