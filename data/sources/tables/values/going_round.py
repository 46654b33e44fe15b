"""Variables that go round: angles from 360 back to 0, counters that come to the end of their bits."""

import numpy as np

TURNS = (360.0, 2 * np.pi, 2.0**8, 2.0**12, 2.0**16, 2.0**32)  # angles in degrees and radians; counters of so many bits
FEWEST, FEWEST_LEAPS = 20, 2
LEAST_BETWEEN = 0.2  # of the values, in the middle half of a turn
LEAST_FILLED, LEAST_LEAP, MOST_STEP = 0.8, 0.75, 0.25  # of a turn: the range, leaps, and nearly all other steps


def turn_of(values: np.ndarray) -> float:
    """The turn after which values (N,) begin anew, as nearly all of their steps are small once leaps are short ways
    over its end; 0 where they do not go round.
    """
    known = values[np.isfinite(values)]
    if len(known) < FEWEST:
        return 0.0
    low, high, steps = known.min(), known.max(), np.abs(np.diff(known))
    for turn in TURNS:
        is_within = (low >= 0 and high <= turn) or (low >= -turn / 2 and high <= turn / 2)
        if not is_within or high - low < LEAST_FILLED * turn:
            continue
        between = np.mean(np.abs(known - (low + high) / 2) < turn / 4)  # no switch between both ends
        leaps = steps > LEAST_LEAP * turn
        short = np.minimum(steps, turn - steps)
        is_round = leaps.sum() >= FEWEST_LEAPS and leaps.mean() < MOST_STEP and between > LEAST_BETWEEN
        if is_round and np.quantile(short, 0.95) < MOST_STEP * turn:
            return float(turn)
    return 0.0


def told_turns(turns: dict[str, float]) -> str:
    """What users are told of variables that go round, with the way out."""
    names = ", ".join(f"{name} at {turn:g}" for name, turn in list(turns.items())[:5])
    more = " ..." if len(turns) > 5 else ""
    return (
        f"{names}{more} go round: each time is a leap, which models may take for an event. Give the sine and cosine of "
        "an angle, and of a counter its steps, or leave them out by prep.value_columns"
    )
