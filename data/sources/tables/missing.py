"""Numbers that stand for missing values: -999, 9999, a fill value of a file format."""

import numpy as np

from data.fills import is_usual

FEWEST, DISTINCT = 3, 10  # such numbers of one kind; different values beside them
TIMES_THE_REST = 50  # as large is no state among a few others
FEWEST_SUMMED = 5  # values that a total is told by
MOST_OF_ALL = 0.2  # what is more frequent is a state and no gap


def given_as_missing(values: np.ndarray, given: tuple[float, ...]) -> tuple[np.ndarray, dict[float, int]]:
    """Values (N,) without those that the settings name, and how many of each there were."""
    counts = {}
    for value in given:
        same = np.isclose(values, value, rtol=1e-6, atol=0)
        counts[value] = int(same.sum())
        values = np.where(same, np.nan, values)
    return values, {value: count for value, count in counts.items() if count}


def without_fills(values: np.ndarray) -> tuple[np.ndarray, dict[float, int]]:
    """Values (N,) without the usual stand-ins for missing ones, which come often and lie far off, and their counts."""
    counts: dict[float, int] = {}
    while (found := _far_repeat(values)) and is_usual(found[0]):
        value, count = found
        counts[value] = count
        values = np.where(values == value, np.nan, values)
    return values, counts


def doubtful(values: np.ndarray) -> str:
    """What is odd about a value that comes often, far off all others, and is none of the usual stand-ins; or ""."""
    found = _far_repeat(values)
    if not found or found[0] == 0 or found[1] > MOST_OF_ALL * np.isfinite(values).sum():
        return ""
    value, count = found
    rest = values[np.isfinite(values) & (values != value)]
    low, high = rest.min(), rest.max()
    if min(abs(value - low), abs(value - high)) < 2 * (high - low):
        return ""
    return f"{value:g} comes {count} times, far off all others ({low:g} to {high:g}): is it missing?"


def ends_in_total(values: np.ndarray) -> bool:
    """Whether the last row of values (N, C) holds the sums of the rows above, as spreadsheets end."""
    if len(values) <= DISTINCT:
        return False
    last, rest = values[-1], np.nan_to_num(values[:-1])
    told = np.isfinite(last) & (rest != 0).any(axis=0)
    # In a sparse variable the last of a few pulses may be their sum too.
    is_full = ((rest != 0).sum(axis=0) >= FEWEST_SUMMED) & (np.abs(last) > np.abs(rest).max(axis=0))
    # Cells are rounded each, so that their sum may be off by as much as all of them were.
    return bool((told & is_full).any() and np.allclose(last[told], rest.sum(axis=0)[told], rtol=1e-4, atol=0))


def _far_repeat(values: np.ndarray) -> tuple[float, int] | None:
    """The lowest or highest value, and how often it comes, where it comes repeatedly and all others lie far from it.

    Far is half of the range of the others, or below 0 where no other one is.
    """
    known = values[np.isfinite(values)]
    for value in (known.min(initial=np.inf), known.max(initial=-np.inf)):
        rest = known[known != value]
        count = len(known) - len(rest)
        if count < FEWEST or len(rest) < DISTINCT:
            continue
        low, high = rest.min(), rest.max()
        is_rare = count <= MOST_OF_ALL * len(known)  # half of them is a switch
        is_beyond = is_rare and is_usual(value) and abs(value) > TIMES_THE_REST * max(abs(low), abs(high)) > 0
        if len(np.unique(rest)) < DISTINCT and not is_beyond:
            continue
        gap = low - value if value < low else value - high
        if gap > 0.5 * (high - low) or (value < 0 <= low and is_usual(value)):
            return float(value), count
    return None
