"""What counted events say of a promised rate: exact Poisson intervals, ratios, and the figures of them all.

No entry point. The interval is that of Garwood (1936): of a count that was seen, the means for which it is among the
likelier 95 %. A promise holds where the promised count lies inside.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2, nbinom

LEVEL = 0.95
LEAST_EXPECTED = 1.0  # events, of a case or pool whose ratio means something


def poisson_interval(seen: float | np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest mean of a Poisson count that was `seen`; 0 where nothing was."""
    tail, seen = (1 - level) / 2, np.asarray(seen, np.float64)
    low = np.where(seen > 0, chi2.ppf(tail, 2 * np.maximum(seen, 1)) / 2, 0.0)
    return low, chi2.ppf(1 - tail, 2 * seen + 2) / 2


def with_ratios(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The rows with the promised count, seen over promised and its interval, and whether it holds the promise (1)."""
    table = pd.DataFrame(rows)
    expected = table["used_per_day"] * table["watched_s"] / 86400
    low, high = poisson_interval(table["events"].to_numpy())
    table["expected"] = expected
    # Without training a series' own events are counted.
    table["counted"] = table["used_per_day"] * table["quiet_s"].where(table["quiet_s"] > 0, table["watched_s"]) / 86400
    table["ratio"], table["ratio_low"], table["ratio_high"] = (
        table["events"] / expected,
        low / expected,
        high / expected,
    )
    table["within"] = (table["ratio_low"] <= 1) & (table["ratio_high"] >= 1)
    # The interval that the program tells is a promise too: that of what was seen has to meet it.
    days = table["watched_s"] / 86400
    table["told_within"] = (low <= table["told_high_per_day"] * days) & (high >= table["told_low_per_day"] * days)
    # At least so many times too many events, or too few of them, whatever is in the interval.
    table["off_by"] = np.maximum(np.maximum(table["ratio_low"], 1 / table["ratio_high"]), 1)
    return table


def reachable(expected: float, quiet: float) -> float:
    """The share of cases within the interval where watched data are the very kind that the threshold was counted on.

    expected: events promised of the watched data; quiet: of the quiet ones, which were counted. Both counts scatter, so
    the watched one is negative binomial, and the share is that of the mean of a Poisson count (0.95) where `quiet` is
    large only.
    """
    counts = np.arange(np.ceil(expected + 10 * np.sqrt(expected + 1) + 10))
    low, high = poisson_interval(counts)
    known = max(quiet, 1.0)  # beyond one event a tail goes on, which knows no less than that
    return float(nbinom.pmf(counts, known, known / (known + expected))[(low <= expected) & (expected <= high)].sum())


def pools(table: pd.DataFrame) -> pd.DataFrame:
    """Ratios that mean something: of each case with LEAST_EXPECTED events or more, and of the other cases of one method
    on one kind of data together, where they come to as many."""
    enough = table["expected"] >= LEAST_EXPECTED
    rest = table[~enough].groupby(["kind", "method"], as_index=False)[["events", "expected"]].sum()
    rest = rest[rest["expected"] >= LEAST_EXPECTED].assign(data="the rest")
    found = pd.concat([table.loc[enough, ["kind", "data", "method", "events", "expected"]], rest])
    return found.assign(ratio=found["events"] / found["expected"])


def figures_of(table: pd.DataFrame) -> dict[str, float]:
    """The keys of --json that are about promises."""
    told = table["expected"] >= LEAST_EXPECTED
    figures = {
        "promise_ratio_median": pools(table)["ratio"].median(),
        "promise_within_interval": table["within"].mean(),
        "promise_within_interval_expected": table.loc[told, "within"].mean(),
        "promise_within_reachable": np.mean([reachable(*case) for case in table[["expected", "counted"]].to_numpy()]),
        "promise_told_within_interval": table["told_within"].mean(),
        "promise_worst": table["off_by"].max(),
        "promise_cases": len(table),
        "promise_cases_expected": int(told.sum()),
        "promise_cases_kept": (table["used_per_day"] == table["asked_per_day"]).mean(),
        "promise_silent": (table.loc[told, "events"] == 0).mean(),
        "promise_doubted": table["doubted"].mean(),
        "promise_doubted_within": table.loc[table["doubted"], "within"].mean(),
        "promise_undoubted_within": table.loc[~table["doubted"], "within"].mean(),
        "promise_worst_undoubted": table.loc[~table["doubted"], "off_by"].max(),
    }
    return {key: float(value) for key, value in figures.items() if np.isfinite(value)}
