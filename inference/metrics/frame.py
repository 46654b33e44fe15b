"""How good scores and events are, where the truth is known. Raw: no point adjustment, no threshold tuned here."""

from dataclasses import dataclass

import numpy as np

from inference.units import HOUR_S


def frame_auc(scores: np.ndarray, labels: np.ndarray) -> float | None:
    """Area under the ROC curve over frames; None when the known labels are all of one class.

    scores: (T,), high is anomalous, NaN where a frame was not scored. labels: (T,) 1 anomalous, 0 normal, NaN unknown.
    Frames without a score or without a label are left out.
    """
    return _ranking_metric("roc_auc_score", scores, labels)


def average_precision(scores: np.ndarray, labels: np.ndarray) -> float | None:
    """Average precision over frames (step-wise area under precision-recall); arguments and None as in `frame_auc`."""
    return _ranking_metric("average_precision_score", scores, labels)


def _ranking_metric(name: str, scores: np.ndarray, labels: np.ndarray) -> float | None:
    from sklearn import metrics  # takes half a second, and few have labels

    scores, labels = known_points(scores, labels)
    return float(getattr(metrics, name)(labels, scores)) if len(np.unique(labels)) == 2 else None


def known_points(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels (N,) of those points of a series (T,) that have both; NaN is none.

    Raises ValueError for other shapes, for infinite scores and for labels other than 0, 1 and NaN.
    """
    scores, labels = np.asarray(scores, np.float64), np.asarray(labels, np.float64)
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ValueError(f"scores {scores.shape} and labels {labels.shape} must be one-dimensional and of equal length")
    known = ~np.isnan(scores) & ~np.isnan(labels)
    scores, labels = scores[known], labels[known]
    strange = set(np.unique(labels).tolist()) - {0.0, 1.0}
    if strange:
        raise ValueError(f"labels hold {sorted(strange)}; allowed are 0, 1 and NaN for unknown")
    if np.isinf(scores).any():
        raise ValueError("scores hold infinite values; clip them, or use NaN where there is no score")
    return scores, labels


def runs(mask: np.ndarray) -> np.ndarray:
    """Half-open index ranges (N, 2) over which a boolean array (T,) is True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return edges.reshape(-1, 2)


@dataclass(frozen=True)
class EventMetrics:
    """Events against true intervals; a ratio or delay that is undefined (nothing to divide by) is None."""

    n_events: int
    n_truth: int
    n_found: int  # true intervals that an event overlaps
    n_right: int  # events that overlap a true interval
    recall: float | None  # n_found / n_truth
    precision: float | None  # n_right / n_events
    median_delay_s: float | None  # over the true intervals that were found


def event_metrics(events: np.ndarray, truth: np.ndarray, tolerance_s: float = 0.0) -> EventMetrics:
    """Recall, precision and delay of events (N, 2) against true intervals (M, 2), each [start_s, end_s] on one clock.

    An event and a true interval match when they overlap after the true one was widened by `tolerance_s` at both ends;
    intervals are closed, so touching is enough. Many events may match one truth and one event many truths, so that a
    single event over the whole record scores 1 and 1: read these beside the number and length of the events.
    The delay of a found interval is from its true start to the first moment of the widened interval that lies in an
    event; it is at least -tolerance_s.
    """
    events, truth = _checked_intervals("events", events), _checked_intervals("truth", truth)
    if not tolerance_s >= 0:
        raise ValueError(f"tolerance_s is {tolerance_s}; it must be >= 0")
    widened = truth + np.array([-tolerance_s, tolerance_s])
    match = _touching(events, widened)
    found, right = match.any(axis=0), match.any(axis=1)
    begin = np.where(match, np.maximum(events[:, :1], widened[:, 0]), np.inf).min(axis=0, initial=np.inf)
    delay = (begin - truth[:, 0])[found]
    return EventMetrics(
        n_events=len(events),
        n_truth=len(truth),
        n_found=int(found.sum()),
        n_right=int(right.sum()),
        recall=float(found.mean()) if len(truth) else None,
        precision=float(right.mean()) if len(events) else None,
        median_delay_s=float(np.median(delay)) if found.any() else None,
    )


def false_alarms_per_hour(
    events: np.ndarray, truth: np.ndarray, watched: np.ndarray, tolerance_s: float = 0.0
) -> float | None:
    """False alarms in an hour of quiet watching; None when no quiet time was watched.

    events (N, 2), truth (M, 2), tolerance_s: as in `event_metrics`. watched: (K, 2) intervals on the same clock that
    were scored and whose label is known; a record of frames lasts one cadence longer than from first to last time.
    A false alarm is an event that matches no true interval and touches watched time. The hours are those that were
    watched outside every (widened) true interval, since an event there could not be a false alarm; intervals that
    overlap count once.
    """
    events, truth = _checked_intervals("events", events), _checked_intervals("truth", truth)
    watched = _checked_intervals("watched", watched)
    if not tolerance_s >= 0:
        raise ValueError(f"tolerance_s is {tolerance_s}; it must be >= 0")
    truth = truth + np.array([-tolerance_s, tolerance_s])
    quiet_s = _quiet_s(watched, truth)
    if not quiet_s > 0:
        return None
    alarms = _touching(events, watched).any(axis=1) & ~_touching(events, truth).any(axis=1)
    return float(alarms.sum() / (quiet_s / HOUR_S))


def _touching(intervals: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which closed intervals (N, 2) touch which others (M, 2): (N, M) bool."""
    return (intervals[:, :1] <= others[:, 1]) & (intervals[:, 1:] >= others[:, 0])


def _quiet_s(watched: np.ndarray, truth: np.ndarray) -> float:
    """Length of what lies in an interval of `watched` and in none of `truth`."""
    edges = np.unique(np.concatenate([watched, truth]))
    middle = np.column_stack([edges[:-1] + edges[1:]] * 2) / 2  # between two edges nothing changes
    quiet = _touching(middle, watched).any(axis=1) & ~_touching(middle, truth).any(axis=1)
    return float(np.diff(edges)[quiet].sum())


def _checked_intervals(name: str, intervals: np.ndarray) -> np.ndarray:
    intervals = np.asarray(intervals, np.float64).reshape(-1, 2)
    wrong = np.flatnonzero(~(intervals[:, 0] <= intervals[:, 1]))
    if len(wrong):
        raise ValueError(f"{name} number {wrong[0]} is {intervals[wrong[0]].tolist()}; need start_s <= end_s")
    return intervals
