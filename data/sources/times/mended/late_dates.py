"""Dates that turn later than their clocks: 23:00 and 0:00 of one day, and 1:00 of the next."""

import numpy as np

DAY = np.timedelta64(86_400_000, "ms")
FEWEST = 2  # rows that are a day behind
MOST_EACH = 0.2  # of the rows
TURNED = "of dates that turn later than their clocks: those of {} rows, as {}, are taken as of the day after"


def turned(utc: np.ndarray) -> tuple[np.ndarray, int, str]:
    """Times (N,) datetime64[ms] in the order of their rows, with those a day later that lie a day before where even
    steps would have them; how many there are, and the first; 0 where any step is not even then.
    """
    known = np.flatnonzero(~np.isnat(utc))
    times = utc[known].astype("datetime64[ms]")
    if len(times) < 2 * FEWEST:
        return utc, 0, ""
    steps = np.diff(times)
    step = np.median(steps)
    begins, ends = np.flatnonzero(steps == step - DAY) + 1, np.flatnonzero(steps == step + DAY) + 1
    if step <= np.timedelta64(0, "ms") or len(begins) < FEWEST or not 0 <= len(begins) - len(ends) <= 1:
        return utc, 0, ""
    late = np.zeros(len(times) + 1, np.int64)
    late[begins] += 1
    late[ends] -= 1
    is_late = np.cumsum(late)[:-1]
    moved = times + is_late * DAY
    clocks = times - times.astype("datetime64[D]")
    if is_late.min() < 0 or is_late.max() > 1 or is_late.mean() > MOST_EACH or not (np.diff(moved) == step).all():
        return utc, 0, ""
    if clocks[begins].max() >= DAY / 2:
        return utc, 0, ""
    found = utc.copy()
    found[known] = moved
    return found, int(is_late.sum()), str(times[begins[0]])[:16].replace("T", " ")
