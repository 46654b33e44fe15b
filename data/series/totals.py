"""Variables that count up: meters, odometers, totals of bytes and requests."""

import numpy as np

FEWEST_STEPS = 20  # a level that is set a few times is no total
MOST_BACK, LATE = 1e-3, 0.1  # share of the steps that may go back; of the samples, the latest


def running_totals(values: np.ndarray, channels: tuple[str, ...]) -> list[str]:
    """Which variables of values (T, C) go one way all the time, so that the latest tenth lies beyond all before."""
    return [name for name, column in zip(channels, values.T, strict=True) if _is_total(column[np.isfinite(column)])]


def _is_total(column: np.ndarray) -> bool:
    steps = np.diff(column)
    steps = steps[steps != 0]
    way = np.sign(steps.sum())
    if len(steps) < FEWEST_STEPS or np.count_nonzero(way * steps <= 0) > MOST_BACK * len(steps):
        return False
    before, late = np.split(way * column, [int((1 - LATE) * len(column))])
    return bool(np.median(late) > before.max())


def told_totals(names: list[str]) -> str:
    """What users are told of variables that count on, which no net can learn, with the way out."""
    counts, its, it = ("counts", "its", "it") if len(names) == 1 else ("count", "their", "them")
    return (
        f"{', '.join(names)} {counts} on all the time: all that comes later is unlike what trains, and one event from "
        f"begin to end. Give {its} steps from row to row instead (of a meter, what was used), or leave {it} out by "
        "prep.value_columns"
    )
