"""What the page says about windows: their order, their statistics against all others, their place in time."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from data.reel.reel import Reel
from data.reel.windows import STATISTICS, usable
from data.review.page.clips import aspect
from data.review_processed_data import robust_z

SORTS = ("outliers", "time", "verdict", *STATISTICS)
VERDICTS = ("all", "none", "keep", "reject", "by_hand", "usable", "lost")
TIMELINE_BINS = 1000
HISTOGRAM_BINS = 40


@dataclass(frozen=True)
class Query:
    """Which windows to list and how: see SORTS and VERDICTS; "lost" are not rejected but share frames with one.

    `frames`: only windows with any of the frames [begin, end).
    """

    sort: str = "outliers"
    descending: bool = False
    verdict: str = "all"
    stretch: int | None = None
    frames: tuple[int, int] | None = None
    statistic: str | None = None
    low: float = -np.inf
    high: float = np.inf

    def __post_init__(self) -> None:
        for name, value, allowed in (("sort", self.sort, SORTS), ("verdict", self.verdict, VERDICTS)):
            if value not in allowed:
                raise ValueError(f"{name} {value!r}: expected one of {', '.join(allowed)}")
        if self.statistic is not None and self.statistic not in STATISTICS:
            raise ValueError(f"statistic {self.statistic!r}: expected one of {', '.join(STATISTICS)}")


def z_scores(table: pd.DataFrame) -> np.ndarray:
    """Robust z of every window and statistic (N, 5); NaN where review has not run."""
    if not len(table):
        return np.empty((0, len(STATISTICS)))
    return np.column_stack([robust_z(table[name].to_numpy(np.float64)) for name in STATISTICS])


def order(table: pd.DataFrame, query: Query) -> np.ndarray:
    """Row positions of the windows asked for, in the order asked for; equal ones in time order."""
    if query.sort == "outliers":
        key = -np.nan_to_num(np.abs(z_scores(table)).max(axis=1, initial=0), posinf=1e308)
    elif query.sort == "verdict":
        key = table["verdict"].map({"reject": 0, "keep": 1}).fillna(2).to_numpy(np.float64)
    else:
        key = table["start" if query.sort == "time" else query.sort].to_numpy(np.float64)
    rows = np.argsort(-key if query.descending else key, kind="stable")
    return rows[_chosen(table, query)[rows]]


def _chosen(table: pd.DataFrame, query: Query) -> np.ndarray:
    verdict = table["verdict"].to_numpy()
    chosen = np.ones(len(table), bool)
    if query.verdict in ("usable", "lost"):
        left = usable(table)
        chosen = left if query.verdict == "usable" else ~left & (verdict != "reject")
    elif query.verdict == "by_hand":
        chosen = (table["by"] == "user").to_numpy()
    elif query.verdict != "all":
        chosen = verdict == ("" if query.verdict == "none" else query.verdict)
    if query.stretch is not None:
        chosen = chosen & (table["stretch"] == query.stretch).to_numpy()
    if query.frames is not None:
        begin, end = query.frames
        starts, stops = table["start"].to_numpy(), (table["start"] + table["length"]).to_numpy()
        chosen = chosen & (np.minimum(stops, end) > np.maximum(starts, begin))
    if query.statistic is not None:
        chosen = chosen & table[query.statistic].between(query.low, query.high).to_numpy()
    return chosen


def summary(reel: Reel, table: pd.DataFrame) -> dict:
    """Counts of one reel, and what the page must know to show it."""
    verdict = table["verdict"]
    counts = {
        "windows": len(table),
        "rejected": int((verdict == "reject").sum()),
        "kept": int((verdict == "keep").sum()),
    }
    return counts | {
        "name": reel.name,
        "left": int(usable(table).sum()),
        "channels": reel.channels,
        "is_series": reel.is_series,
        "cadence_s": reel.cadence_s,
        "stretches": int(table["stretch"].max()) + 1 if len(table) else 0,
        "aspect": aspect(reel),
    }


def rows_as_json(table: pd.DataFrame, rows: list[int]) -> list[dict]:
    """Windows as plain data; `usable` is false for a rejected one and for those that share frames with it."""
    part = table.iloc[rows].astype(object)
    part = part.where(part.notna(), None).assign(usable=usable(table)[rows])
    return part.to_dict("records")


def histograms(table: pd.DataFrame) -> dict:
    """For every statistic: edges, and counts of all and of the rejected windows; of a constant one a single bin."""
    rejected, found = (table["verdict"] == "reject").to_numpy(), {}
    for name in STATISTICS:
        values = table[name].to_numpy(np.float64)
        finite = np.isfinite(values)
        if finite.any():
            bins = HISTOGRAM_BINS if np.ptp(values[finite]) > 0 else values[finite][[0, 0]]
            counts, edges = np.histogram(values[finite], bins)
            bad, _ = np.histogram(values[finite & rejected], edges)
            found[name] = {"edges": edges.tolist(), "all": counts.tolist(), "rejected": bad.tolist()}
    return found


def timeline(reel: Reel, table: pd.DataFrame) -> dict:
    """The reel's time in equal bins: g gap, n no window, u unjudged, k kept, l lost to a neighbour, r rejected.

    A frame lasts until the next one, before a gap only for its own bin. The last of these states that a bin holds
    is the one it shows.
    """
    times, length = reel.times_s, max(float(reel.times_s[-1]), reel.cadence_s)
    frame, bins = np.full(len(times), "n"), np.full(TIMELINE_BINS, "g")
    verdict, left = table["verdict"].to_numpy(), usable(table)
    starts, stops = table["start"].to_numpy(), (table["start"] + table["length"]).to_numpy()
    for state, chosen in (
        ("u", (verdict == "") & left), ("k", (verdict == "keep") & left),
        ("l", (verdict != "reject") & ~left), ("r", verdict == "reject"),
    ):  # fmt: skip
        frame[covered(starts[chosen], stops[chosen], len(times))] = state
    place = np.minimum((times / length * TIMELINE_BINS).astype(int), TIMELINE_BINS - 1)  # (T,) bin of a frame
    goes_on = np.ones(len(times), bool)
    goes_on[[*reel.gaps, -1]] = False
    end = np.maximum(np.where(goes_on, np.append(place[1:], 0), 0), place + 1)  # (T,) bin after its last one
    for state in "nuklr":
        bins[covered(place[frame == state], end[frame == state], TIMELINE_BINS)] = state
    utc = reel.times_utc
    ends = [f"{times[0]:g} s", f"{times[-1]:g} s"] if utc is None else [str(utc[0]), str(utc[-1])]
    return {"bins": "".join(bins), "from": ends[0], "to": ends[1], "length_s": length}


def covered(starts: np.ndarray, stops: np.ndarray, size: int) -> np.ndarray:
    """Which of 0..size - 1 lie in any of the half-open ranges [start, stop). (size,) bool."""
    steps = np.bincount(starts, minlength=size + 1) - np.bincount(stops, minlength=size + 1)
    return np.cumsum(steps)[:size] > 0


def frames_between(reel: Reel, after: str, before: str) -> tuple[int, int]:
    """The frames [begin, end) from `after` to `before`: UTC as in ISO 8601, or seconds; empty for an open end.

    Raises ValueError for a text that is no time of this reel's kind.
    """
    begin = np.searchsorted(reel.times_s, _seconds(reel, after), "left") if after else 0
    end = np.searchsorted(reel.times_s, _seconds(reel, before), "right") if before else len(reel)
    return int(begin), int(end)


def _seconds(reel: Reel, text: str) -> float:
    """Seconds since the first frame."""
    kind = "seconds since the first frame" if reel.times_utc is None else "UTC, for example 2012-07-19T05:30"
    try:
        if reel.times_utc is None:
            return float(text)
        time = datetime.fromisoformat(text.strip())
        naive = time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
        return float((np.datetime64(naive, "ms") - reel.times_utc[0]) / np.timedelta64(1, "s")) + reel.times_s[0]
    except (ValueError, OverflowError):
        raise ValueError(f"time {text[:40]!r}: expected {kind}") from None


def detail(reel: Reel, table: pd.DataFrame, row: int) -> dict:
    """One window with its neighbours in time, a quiet one to compare with, and its frames' times and exposures."""
    z = z_scores(table)
    start, length = (int(table[name].iloc[row]) for name in ("start", "length"))
    end = start + length
    starts, ends = table["start"].to_numpy(), (table["start"] + table["length"]).to_numpy()
    before, after = np.flatnonzero(ends <= start), np.flatnonzero(starts >= end)
    others = {
        "before": before[np.argmax(starts[before])] if len(before) else None,
        "after": after[np.argmin(starts[after])] if len(after) else None,
        "quiet": quiet_row(table, z, row),
    }
    frames, utc = reel.table.iloc[start:end], reel.times_utc
    exposures = frames["exptime_s"].to_numpy(np.float64) if "exptime_s" in frames else np.full(length, np.nan)
    return {
        **rows_as_json(table, [row])[0],
        "z": {name: float(v) if np.isfinite(v) else None for name, v in zip(STATISTICS, z[row], strict=True)},
        **{name: None if r is None else rows_as_json(table, [r])[0] for name, r in others.items()},
        "times": [f"{t:g} s" for t in reel.times_s[start:end]] if utc is None else utc[start:end].astype(str).tolist(),
        "exptime_s": [None if np.isnan(e) else e for e in exposures],
        "from_s": float(reel.times_s[start]),
        "to_s": float(reel.times_s[end - 1]),
    }


def quiet_row(table: pd.DataFrame, z: np.ndarray, row: int) -> int | None:
    """The most ordinary usable window other than `row`: the smallest of the largest deviations."""
    distance = np.where(usable(table), np.nan_to_num(np.abs(z).max(axis=1, initial=0), posinf=1e308), np.inf)
    distance[row] = np.inf
    best = int(np.argmin(distance))
    return best if np.isfinite(distance[best]) else None
