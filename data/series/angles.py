"""Variables that go round: headings, directions of the wind, phases, which begin anew behind 360 degrees."""

import numpy as np

TURNS = (360.0, 2 * np.pi)  # degrees, radians
FEWEST_ROUNDS = 3  # times that one passes its end: a single jump may be a fault
LEAST_RANGE = 0.9  # of a turn, that the values reach
MOST_OVER = 1e-3  # of a turn, by which rounded values may pass its ends
SMALL_STEP = 0.1  # of a turn, below which most steps are: noise in the range of a turn goes round nothing


def angles(values: np.ndarray, channels: tuple[str, ...]) -> dict[str, float]:
    """The variables of values (T, C) that go round, each with its turn, 360 or 2 pi.

    Values lie between 0 and a turn, or half a turn to both sides of 0; most steps are small, and what jumps from one
    end to the other is as small a step as those once the turn is taken off.
    """
    found = ((name, _turn_of(column[np.isfinite(column)])) for name, column in zip(channels, values.T, strict=True))
    return {name: turn for name, turn in found if turn}


def _turn_of(column: np.ndarray) -> float | None:
    low, high = (column.min(), column.max()) if len(column) else (0.0, 0.0)
    for turn in TURNS:
        over = MOST_OVER * turn
        is_within = any(low >= begin - over and high <= begin + turn + over for begin in (0.0, -turn / 2))
        if is_within and high - low >= LEAST_RANGE * turn and _goes_round(np.abs(np.diff(column)), turn):
            return turn
    return None


def _goes_round(steps: np.ndarray, turn: float) -> bool:
    is_jump = steps > turn / 2
    if np.count_nonzero(is_jump) < FEWEST_ROUNDS or is_jump.all():
        return False
    usual = np.quantile(steps[~is_jump], 0.95)
    return bool(usual <= SMALL_STEP * turn and np.median(turn - steps[is_jump]) <= max(usual, MOST_OVER * turn))


def told_angles(found: dict[str, float]) -> str:
    goes, its, it = ("goes", "its", "it") if len(found) == 1 else ("go", "their", "them")
    turn = " or ".join(sorted({"360" if turn == TURNS[0] else "2 pi" for turn in found.values()}))
    return (
        f"{', '.join(found)} {goes} round at {turn}: what passes that end jumps through the whole range, and that is "
        f"taken for what happens. Give {its} sine and cosine as two columns instead, or leave {it} out by "
        "prep.value_columns"
    )
