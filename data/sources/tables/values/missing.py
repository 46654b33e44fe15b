"""Numbers that stand for missing values: -999, 9999, a fill value of a file format."""

import numpy as np

from data.fills import BEYOND, is_unlike_data, is_usual

FEWEST, DISTINCT = 3, 10  # such numbers of one kind; different values beside them
TIMES_THE_REST = 50  # as large is no state among a few others
FEWEST_SUMMED = 5  # values that a total is told by
TIMES_A_FEW = 10  # as large, and as many ranges of the others away, even one is no value
FAR_BEYOND = 1e6  # times as large as all measured values
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
    """Values (N,) without the usual stand-ins for missing ones, and their counts: what comes often and lies far off,
    what is no measurement wherever it stands (one -9999 among tens), and what is all that a sensor ever wrote.
    """
    counts: dict[float, int] = {}
    while (
        (found := _no_size(values))
        or ((found := _far_repeat(values)) and is_usual(found[0]))
        or (found := _never_measured(values))
    ):
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


def _no_size(values: np.ndarray) -> tuple[float, int] | None:
    """The largest number where it is beyond all that is measured, and most others are not, whatever else is: of several
    stand-ins (SCPI's 9.91e37 and -9.9e37) each would hide the others.
    """
    known = values[np.isfinite(values)]
    beyond = np.abs(known) >= BEYOND
    rest = np.abs(known[~beyond])
    if not beyond.any() or len(rest) < max(DISTINCT, beyond.sum()) or rest.max() * FAR_BEYOND > BEYOND:
        return None
    value = known[beyond][np.argmax(np.abs(known[beyond]))]
    return float(value), int((known == value).sum())


def _never_measured(values: np.ndarray) -> tuple[float, int] | None:
    """A stand-in that is told by its size where it comes once or twice, or below 0 by being all there is; how often."""
    known = values[np.isfinite(values)]
    for value in (known.min(initial=np.inf), known.max(initial=-np.inf)):
        rest = known[known != value]
        count = len(known) - len(rest)
        if count and not len(rest) and is_usual(value) and (value <= -999 or value >= BEYOND):
            return float(value), count
        if not is_unlike_data(value) or count >= FEWEST or len(rest) < DISTINCT:
            continue
        low, high = rest.min(), rest.max()
        is_far = max(low - value, value - high) > TIMES_A_FEW * (high - low)
        if is_far and abs(value) > TIMES_A_FEW * max(abs(low), abs(high)) > 0:
            return float(value), count
    return None


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
