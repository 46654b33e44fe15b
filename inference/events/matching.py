"""Events against a catalogue of flares: who matches whom in time and on the sky, and what that says of the events.

A catalogue is incomplete, so an event without a flare is "unconfirmed", not false.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from data.reel.gaps import gaps_after
from inference.events.sky import Observer, rotated_from_earth
from inference.events.tables import iso_utc

MATCH_COLUMNS = (
    *("flare", "goes_class", "flux_w_m2", "start", "peak", "end", "x_arcsec", "y_arcsec", "observed", "n_frames"),
    *("status", "event", "n_events", "peak_score", "distance_arcsec", "lead_start_s", "lead_peak_s"),
)
BOX = ("hpc_x0_arcsec", "hpc_y0_arcsec", "hpc_x1_arcsec", "hpc_y1_arcsec")
OBSERVER = ("observer_hgln_deg", "observer_hglt_deg", "observer_dsun_m")
FOUND, MISSED, NOT_OBSERVED = "found", "missed", "not observed"


@dataclass(frozen=True)
class Observed:
    """When a reel watched: its frames, and the closed intervals in which they follow each other without a gap."""

    times: np.ndarray  # (T,) datetime64[ms], in order
    intervals: np.ndarray  # (N, 2) datetime64[ms], half a cadence beyond their first and last frames

    @staticmethod
    def of(times_utc: np.ndarray, cadence_s: float, gap_threshold: float) -> "Observed":
        """From the times (T,) datetime64 of the frames that have a score; see `gaps_after`.

        Raises ValueError when there is no frame, or a time is unknown or earlier than the one before.
        """
        times = np.asarray(times_utc, "datetime64[ms]")
        step_s = np.diff(times) / np.timedelta64(1, "s")
        if not len(times) or np.isnat(times).any() or not (step_s >= 0).all():
            raise ValueError(
                "comparing with a catalogue needs frames with known UTC times in order; set prep.start_utc"
            )
        late = gaps_after((times - times[0]) / np.timedelta64(1, "s"), cadence_s, gap_threshold)
        half = _milliseconds(cadence_s / 2)
        first, last = np.concatenate([[0], late + 1]), np.concatenate([late, [len(times) - 1]])
        return Observed(times, np.stack([times[first] - half, times[last] + half], axis=1))

    def later(self, seconds: float) -> "Observed":
        """The same by a clock that is ahead."""
        by = _milliseconds(seconds)
        return replace(self, times=self.times + by, intervals=self.intervals + by)

    @property
    def days(self) -> float:
        """Length of all intervals together."""
        return float((self.intervals[:, 1] - self.intervals[:, 0]).sum() / np.timedelta64(1, "D"))

    def contains(self, moments: np.ndarray) -> np.ndarray:
        """Which moments (M,) datetime64 lie in an interval: (M,) bool."""
        first, last = self.intervals.T
        moments = moments[:, None]
        return ((first <= moments) & (moments <= last)).any(axis=1)

    def frames_within(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """How many frames lie in each closed span [start, end], both (M,) datetime64: (M,) int."""
        return np.searchsorted(self.times, end, side="right") - np.searchsorted(self.times, start, side="left")


def match_flares(
    events: pd.DataFrame, flares: pd.DataFrame, observed: Observed, tolerance_min: float, distance_arcsec: float
) -> tuple[pd.DataFrame, list[list[str]]]:
    """(matches.csv, one row a flare near the reel's time; the ids of the flares that match each event).

    events: columns event, t_start, t_peak, t_end (ISO UTC), peak_score, and where the reel has a WCS hpc_x_arcsec,
        hpc_y_arcsec and BOX (as `Sky.columns` gives them), and OBSERVER where that is not on Earth. flares: as
        `read_catalog` gives them, as seen from Earth.
    A flare and an event match when the flare's [start, end], widened by `tolerance_min` minutes at both ends, touches
    the event's [t_start, t_end], and the flare's place, carried by solar rotation to the event's peak time, lies at
    most `distance_arcsec` from the event's box (without one, its centroid). Where a place is unknown, time decides.
    Of several events, a flare's best is that with the longest common time (negative: the pause between them), then the
    highest peak score, then the smallest distance.

    A flare is `observed` when its peak lies in an interval of `observed`; only those count in recall. status: found
    (by an event), missed, or "not observed" (neither). n_frames: frames between its start and end; 0 says that a miss
    is the cadence's. lead_start_s, lead_peak_s: the event's first frame with a box minus the flare's start and peak, in
    seconds, negative when the event comes first. Flares farther than the tolerance from all frames are left out.
    """
    tolerance = _milliseconds(60 * tolerance_min)
    near = (flares["end"] + tolerance >= observed.times[0]) & (flares["start"] - tolerance <= observed.times[-1])
    flares = flares[near].reset_index(drop=True)
    pairs = _pairs(events, flares, tolerance)
    pairs["distance_arcsec"] = _distance(events.iloc[pairs["e"]], flares.iloc[pairs["f"]])
    pairs = pairs[~(pairs["distance_arcsec"] > distance_arcsec)]
    flares_of = [flares["id"].iloc[pairs["f"][pairs["e"] == e]].tolist() for e in range(len(events))]
    return _match_table(flares, pairs, observed), flares_of


def _milliseconds(seconds: float) -> np.timedelta64:
    return np.timedelta64(round(1000 * seconds), "ms")


def _pairs(events: pd.DataFrame, flares: pd.DataFrame, tolerance: np.timedelta64) -> pd.DataFrame:
    """Pairs that match in time: row numbers f and e of flare and event, and what their ranking needs."""
    t_start, t_end = (times_of(events[name]) for name in ("t_start", "t_end"))
    seen = times_of(events["t_detected"]) if "t_detected" in events else t_start  # starts may be back-dated
    start, peak, end = (flares[name].to_numpy() for name in ("start", "peak", "end"))
    f, e = np.nonzero((start[:, None] - tolerance <= t_end) & (end[:, None] + tolerance >= t_start))
    second = np.timedelta64(1, "s")
    return pd.DataFrame({
        "f": f,
        "e": e,
        "event": events["event"].to_numpy()[e],
        "peak_score": events["peak_score"].to_numpy(np.float64)[e],
        "common_s": (np.minimum(end[f], t_end[e]) - np.maximum(start[f], t_start[e])) / second,
        "lead_start_s": (seen[e] - start[f]) / second,
        "lead_peak_s": (seen[e] - peak[f]) / second,
    })  # fmt: skip


def times_of(column: pd.Series) -> np.ndarray:
    """ISO texts as datetime64[ms]."""
    return pd.to_datetime(column, format="ISO8601").to_numpy("datetime64[ms]")


def _distance(events: pd.DataFrame, flares: pd.DataFrame) -> np.ndarray:
    """Arcsec from each flare, carried to the event's peak time, to the event in the same row; NaN where unknown, and
    inf where its observer can't see it."""
    distance = np.full(len(events), np.nan)
    if "hpc_x_arcsec" not in events:
        return distance
    x0, y0, x1, y1 = _bounds(events)
    known = np.flatnonzero(flares["x_arcsec"].notna().to_numpy() & ~np.isnan(x0 + y0 + x1 + y1))
    some = flares.iloc[known]
    places = some["x_arcsec"].to_numpy(), some["y_arcsec"].to_numpy()
    after = events.iloc[known]
    observer = Observer(*after[list(OBSERVER)].to_numpy(np.float64).T) if set(OBSERVER) <= set(events.columns) else None
    x, y = rotated_from_earth(*places, some["peak"].to_numpy(), times_of(after["t_peak"]), observer)
    right, up = (np.maximum(low[known] - at, at - high[known]) for low, high, at in ((x0, x1, x), (y0, y1, y)))
    distance[known] = np.hypot(right.clip(0), up.clip(0))
    return distance


def _bounds(events: pd.DataFrame) -> list[np.ndarray]:
    """The events' boxes x0, y0, x1, y1 in arcsec; where there is none, their centroids."""
    x, y = (events[name].to_numpy(np.float64) for name in ("hpc_x_arcsec", "hpc_y_arcsec"))
    if not set(BOX) <= set(events.columns):
        return [x, y, x, y]
    box = [events[name].to_numpy(np.float64) for name in BOX]
    no_box = np.isnan(box).any(axis=0)
    return [np.where(no_box, centre, edge) for centre, edge in zip((x, y, x, y), box, strict=True)]


def _match_table(flares: pd.DataFrame, pairs: pd.DataFrame, observed: Observed) -> pd.DataFrame:
    """One row a flare with MATCH_COLUMNS and its best event, if any."""
    table = flares.rename(columns={"id": "flare"})
    table["observed"] = observed.contains(flares["peak"].to_numpy())
    table["n_frames"] = observed.frames_within(flares["start"].to_numpy(), flares["end"].to_numpy())
    ranked = pairs.sort_values(["common_s", "peak_score", "distance_arcsec"], ascending=[False, False, True])
    best = ranked.drop_duplicates("f").set_index("f").drop(columns=["e", "common_s"])
    table = table.join(best.round({"distance_arcsec": 2}))
    table["event"] = table["event"].astype("Int64")
    table["n_events"] = pairs["f"].value_counts().reindex(table.index, fill_value=0)
    without = np.where(table["observed"], MISSED, NOT_OBSERVED)
    table["status"] = np.where(table["event"].notna(), FOUND, without)
    for name in ("start", "peak", "end"):
        table[name] = iso_utc(table[name].to_numpy())
    return table[list(MATCH_COLUMNS)]


def catalog_summary(
    matches: pd.DataFrame,
    events: pd.DataFrame,
    flares_of: list[list[str]],
    observed: Observed,
    confirmed: Sequence[bool] | None = None,
) -> dict:
    """What matches.csv comes to, for summary.json: plain numbers, None where there is nothing to divide by.

    Recall, leads and concordance are over flares whose peak was observed. by_class: by the GOES class letter.
    concordance: between the best events' peak scores and the flares' fluxes, see `concordance_index`. confirmed: of
    each event, where others than flares may confirm it.
    """
    counted = matches[matches["observed"]]
    found = counted[counted["status"] == FOUND]
    letters = counted["goes_class"].str[:1]
    flares_by_event = {str(event): found for event, found in zip(events["event"], flares_of, strict=True) if found}
    confirmed = [bool(found) for found in flares_of] if confirmed is None else confirmed
    unconfirmed = [int(event) for event, is_one in zip(events["event"], confirmed, strict=True) if not is_one]
    return {
        **_recall(counted),
        "flares_not_observed": len(matches) - len(counted),
        "flares_without_frame": int((counted["n_frames"] == 0).sum()),
        "by_class": {letter: _recall(counted[letters == letter]) for letter in "ABCMX" if (letters == letter).any()},
        "events_confirmed": sum(confirmed),
        "events_unconfirmed": len(unconfirmed),
        "observed_days": round(observed.days, 4),
        "events_unconfirmed_per_day": round(len(unconfirmed) / observed.days, 4),
        "median_lead_start_s": _median(found["lead_start_s"]),
        "median_lead_peak_s": _median(found["lead_peak_s"]),
        "concordance": concordance_index(found["peak_score"].to_numpy(), found["flux_w_m2"].to_numpy()),
        "concordance_pairs": comparable_pairs(found["flux_w_m2"].to_numpy()),
        "flares_by_event": flares_by_event,
        "unconfirmed_events": unconfirmed,
    }


def _recall(flares: pd.DataFrame) -> dict:
    found = int((flares["status"] == FOUND).sum())
    recall = round(found / len(flares), 4) if len(flares) else None
    return {"observed": len(flares), "found": found, "missed": len(flares) - found, "recall": recall}


def _median(values: pd.Series) -> float | None:
    return float(values.median()) if len(values) else None


def comparable_pairs(values: np.ndarray) -> int:
    """How many of the pairs among the values (N,) are not tied."""
    tied = np.unique(values, return_counts=True)[1]
    return math.comb(len(values), 2) - sum(math.comb(int(n), 2) for n in tied)


def concordance_index(severity: np.ndarray, flux: np.ndarray) -> float | None:
    """Fraction of the pairs of unequal flux in which the stronger flare has the higher severity, ties in severity 1/2.

    severity, flux: (N,), finite. Fluxes count by rank only, so it is the same for their logarithms. 1 is perfect
    alignment, 1/2 is chance. None with fewer than two comparable pairs.
    Source: Harrell et al. (1982, JAMA 247, 2543); for severity, MAD-Bench (Cao et al. 2024, arXiv 2411.14515).
    """
    from scipy.stats import kendalltau  # takes half a second, and few have a list of flares

    pairs = comparable_pairs(flux)
    if pairs < 2:
        return None
    ordered = comparable_pairs(severity)
    if not ordered:
        return 0.5
    # Kendall's tau-b is (P - Q) / sqrt(pairs * ordered) for P pairs in the right order and Q in the wrong one; P - Q is
    # whole. scipy's somersd gives the same as (D + 1) / 2, but takes 0.5 s for 200 flares and grows with their fourth
    # power.
    tau = kendalltau(severity, flux, method="asymptotic").statistic
    excess = round(tau * math.sqrt(pairs * ordered))
    return (pairs + excess) / (2 * pairs)
