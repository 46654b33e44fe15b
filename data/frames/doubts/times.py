"""Whether the steps between frames look like a clock that was read as a plain number."""

import numpy as np

CARRY_S = 40.0  # from ...59 to ...100 of seconds written behind minutes: 60 of them are read as 100
FEWEST_CARRIES = 2


def told_carries(times_s: np.ndarray) -> str:
    """A line where the steps of times (T,) are as 40 s longer at each minute, as those of a clock's digits are."""
    steps_s = np.diff(times_s)
    if len(steps_s) < 2 * FEWEST_CARRIES:
        return ""
    usual_s = float(np.median(steps_s))
    is_carry = np.isclose(steps_s, usual_s + CARRY_S, atol=1e-3)
    is_usual = np.isclose(steps_s, usual_s, atol=1e-3)
    apart = np.diff(np.flatnonzero(is_carry))
    if is_carry.sum() < FEWEST_CARRIES or not (is_carry | is_usual).mean() > 0.9 or usual_s >= CARRY_S:
        return ""
    if (np.abs(apart * usual_s - 60) > usual_s).any():
        return ""
    return (
        f"its times are {usual_s:g} s apart and, once each minute, {usual_s + CARRY_S:g} s: clocks in names (MMSS) "
        "were read as numbers; tell the times with prep.times_csv, or prep.sample_interval_sec"
    )
