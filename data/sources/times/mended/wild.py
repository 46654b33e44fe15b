"""Times that lie years away from all others: clocks that were never set, lost digits."""

import numpy as np

NEVER_SET = "this time was never set: a clock's zero, far off all others"
FAR_OFF = "this time lies years away from all others"
FEWEST_OTHERS, TIMES_THEIR_SPAN, YEAR_US = 30, 20, 366 * 86_400_000_000
# Of .NET, spreadsheets (in two countings), Windows, old Macs, UNIX, GPS, loggers without power; the end of .NET's and
# databases' time.
ZEROS = np.array(
    [
        *("0001-01-01", "1899-12-30", "1900-01-01", "1601-01-01", "1904-01-01", "1970-01-01"),
        *("1980-01-01", "1980-01-06", "2000-01-01", "2010-01-01", "9999-12-31"),
    ],
    "datetime64[D]",
)


def never_set(found: np.ndarray) -> np.ndarray:
    """Which times (N,) are the first or last that a clock knows, a year or more away from all others, and farther than
    nine in ten of these are from each other; or, where they are fewer than half, of that day: a clock that runs from
    its zero on until it is set.
    """
    days = found.astype("datetime64[D]")
    of_day = np.isin(days, ZEROS)
    runs = of_day.sum() < 0.5 * (~np.isnat(found)).sum()
    at_zero = of_day & (runs | (found == days) | (days == ZEROS[-1]))
    others = np.sort(days[~at_zero & ~np.isnat(days)].astype(np.int64))
    if not at_zero.any() or not len(others):
        return np.zeros(len(found), bool)
    zeros = np.where(at_zero, days, others[0].astype("datetime64[D]")).astype(np.int64)
    after = np.searchsorted(others, zeros)
    nearest = np.minimum(*(np.abs(zeros - others[np.clip(after - n, 0, len(others) - 1)]) for n in (0, 1)))
    return at_zero & (nearest > max(366, np.quantile(np.diff(others), 0.9) if len(others) > 1 else 0))


def far_off(found: np.ndarray) -> np.ndarray:
    """Which times (N,), few among many, lie years away from all others: lost digits, wild clocks."""
    known = found[~np.isnat(found)].astype(np.int64)
    if len(known) < FEWEST_OTHERS:
        return np.zeros(len(found), bool)
    low, middle, high = np.quantile(known, [0.05, 0.5, 0.95])
    reach = max(TIMES_THEIR_SPAN * (high - low), YEAR_US)
    far = ~np.isnat(found) & (np.abs(found.astype(np.int64).astype(float) - middle) > reach)
    return far if far.sum() <= max(1, 0.01 * len(known)) else np.zeros(len(found), bool)
