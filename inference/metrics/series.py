"""How good the point scores of a series are. Thresholds are fixed beforehand: nothing here picks one on the labels.

Every measure takes scores or predictions (T,) and labels (T,): 1 anomalous, 0 normal, NaN unknown; a prediction is 0 or
1, or NaN where there is none. Points without a score or a label are left out, and the series closes up over them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from inference.metrics.frame import average_precision, frame_auc, known_points, runs
from inference.metrics.vus import vus

EXISTENCE_WEIGHT = 0.2  # TSB-AD's alpha, what a range that is hit at all earns
N_GUESSES = 10


def series_metrics(scores: np.ndarray, labels: np.ndarray, threshold: float, window: int) -> dict[str, float | None]:
    """All measures by the names of summary.json; None where the known labels leave one undefined.

    scores, labels: as above, high is anomalous. A point is predicted to be anomalous when its score > `threshold`.
    window: the widest buffer of VUS in samples; TSB-AD takes `period_of` the series. Raises ValueError for a threshold
    that is NaN and as `vus` does.
    """
    if np.isnan(threshold):
        raise ValueError("threshold is NaN, so that nothing would be an alarm; give a number, or infinity for no alarm")
    scores, labels = known_points(scores, labels)
    predicted = scores > threshold
    volume = vus(scores, labels, window)
    adjusted = legacy_point_adjusted_f1(predicted, labels)
    return {
        "vus_pr": volume.pr,
        "vus_roc": volume.roc,
        "auc_pr": average_precision(scores, labels),
        "auc_roc": frame_auc(scores, labels),
        "point_f1": point_f1(predicted, labels),
        "range_f1": range_f1(predicted, labels),
        "affiliation_f1": affiliation_f1(predicted, labels),
        "legacy, point-adjusted f1": adjusted.f1,
        "legacy, point-adjusted f1 of a random guesser": adjusted.random_guesser_f1,
    }


def point_f1(predicted: np.ndarray, labels: np.ndarray) -> float | None:
    """F1 over points; None without a true anomaly."""
    predicted, labels = _known_predictions(predicted, labels)
    return _point_f1(predicted, labels) if labels.any() else None


def range_f1(predicted: np.ndarray, labels: np.ndarray) -> float | None:
    """Range-based F1 (Tatbul et al. 2018) with TSB-AD's settings; None without a true anomaly, 0 without an alarm.

    A range is a run of anomalous points. It earns the share of it that is covered (flat bias), divided by the number of
    ranges that cover it (cardinality 1/x); a true range earns 0.8 of that, and 0.2 when it is hit at all.
    """
    return _f1_of_ranges(_range_f1, predicted, labels)


def _range_f1(alarms: np.ndarray, truth: np.ndarray, length: int) -> float:
    return _f1(_range_reward(alarms, truth, 0.0), _range_reward(truth, alarms, EXISTENCE_WEIGHT))


def _range_reward(ranges: np.ndarray, others: np.ndarray, existence_weight: float) -> float:
    """Mean over ranges (N, 2) of what the others (M, 2) that overlap it earn it."""
    (start, end), (other_start, other_end) = ranges.T, others.T
    n_overlaps = np.searchsorted(other_start, end) - np.searchsorted(other_end, start, side="right")
    covered = (_covered_before(others, end) - _covered_before(others, start)) / (end - start)
    reward = existence_weight * (n_overlaps > 0) + (1 - existence_weight) * covered / np.maximum(n_overlaps, 1)
    return float(reward.mean())


def _covered_before(ranges: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How much of the ranges lies before each point."""
    corners = ranges.reshape(-1)
    lengths = ranges[:, 1] - ranges[:, 0]
    covered = np.stack([np.cumsum(lengths) - lengths, np.cumsum(lengths)], axis=1).reshape(-1)
    return np.interp(points, corners, covered)


def affiliation_f1(predicted: np.ndarray, labels: np.ndarray) -> float | None:
    """Affiliation F1 (Huet et al. 2022, KDD); None without a true anomaly, 0 without an alarm.

    Every true range owns the zone of the moments that are nearer to it than to another. Precision is, averaged over the
    alarm's moments in the zone, the chance that a random moment of the zone lies at least as far from the true range;
    recall likewise from the moments of the true range to the alarms in its zone. Zones count alike, those without an
    alarm for recall alone. Random alarms have a precision of about 0.5 and, when many, a recall near 1, so that an F1
    of 0.67 is worth nothing.
    """
    return _f1_of_ranges(_affiliation_f1, predicted, labels)


def _affiliation_f1(alarms: np.ndarray, truth: np.ndarray, length: int) -> float:
    edges = np.concatenate([[0], (truth[:-1, 1] + truth[1:, 0]) / 2, [length]])
    alarms = _cut(alarms, edges)
    return _f1(_affiliation_precision(alarms, truth, edges), _affiliation_recall(alarms, truth, edges))


def _cut(ranges: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The same ranges (N, 2), in pieces that no edge lies within."""
    within = edges[_within(edges, ranges)]
    return np.stack([np.sort(np.concatenate([side, within])) for side in ranges.T], axis=1)


def _within(points: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Which points lie inside a range, its borders not counted."""
    return np.searchsorted(ranges[:, 0], points) > np.searchsorted(ranges[:, 1], points, side="right")


def _affiliation_precision(alarms: np.ndarray, truth: np.ndarray, edges: np.ndarray) -> float:
    margin = np.minimum(truth[:, 0] - edges[:-1], edges[1:] - truth[:, 1])  # up to here a distance has two sides
    x, length = _cells(alarms, alarms, truth, truth[:, 0] - margin, truth[:, 1] + margin)
    zone = _zone(x, edges)
    distance = np.maximum(np.maximum(truth[zone, 0] - x, x - truth[zone, 1]), 0)
    nearer = (truth[zone, 1] - truth[zone, 0]) + np.minimum(distance, margin[zone]) + distance
    chance = np.where(distance > 0, 1 - nearer / np.diff(edges)[zone], 1)
    alarmed = np.bincount(zone, length, minlength=len(truth))
    earned = np.bincount(zone, length * chance, minlength=len(truth))
    return float(np.mean(earned[alarmed > 0] / alarmed[alarmed > 0]))


def _affiliation_recall(alarms: np.ndarray, truth: np.ndarray, edges: np.ndarray) -> float:
    own = _zone(alarms.mean(axis=1), edges)
    between = (alarms[:-1, 1] + alarms[1:, 0]) / 2  # from here on the next alarm is nearer
    centres = (edges[:-1] + edges[1:]) / 2  # and here the end of the zone
    to_low, to_high = (edges[own, None] + alarms) / 2, (edges[own + 1, None] + alarms) / 2  # alarm and end equally far
    x, length = _cells(truth, truth, alarms, between, centres, to_low, to_high)
    zone = _zone(x, edges)
    distance = _distance_in_zone(x, zone, alarms, edges)
    nearer = np.minimum(distance, np.minimum(x - edges[zone], edges[zone + 1] - x)) + distance
    chance = np.where(np.isfinite(distance), 1 - nearer / np.diff(edges)[zone], 0)
    return float(np.mean(np.bincount(zone, length * chance, minlength=len(truth)) / (truth[:, 1] - truth[:, 0])))


def _cells(ranges: np.ndarray, *breaks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middles and lengths of the pieces of the ranges between breaks.

    What is linear between the breaks is integrated exactly by its values in the middles.
    """
    points = np.unique(np.concatenate([np.ravel(b) for b in breaks]))
    middles, lengths = (points[:-1] + points[1:]) / 2, np.diff(points)
    inside = _within(middles, ranges)
    return middles[inside], lengths[inside]


def _zone(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.searchsorted(edges, x, side="right") - 1


def _distance_in_zone(x: np.ndarray, zone: np.ndarray, alarms: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Distance of every x to the nearest alarm of its own zone; infinite where there is none."""
    following = np.searchsorted(alarms[:, 0], x)
    padded = np.concatenate([[[-np.inf, -np.inf]], alarms, [[np.inf, np.inf]]])
    before, after = padded[following, 1], padded[following + 1, 0]
    since = np.where(before > edges[zone], np.maximum(x - before, 0), np.inf)
    until = np.where(after < edges[zone + 1], after - x, np.inf)
    return np.minimum(since, until)


@dataclass(frozen=True)
class PointAdjusted:
    """Point-adjusted F1, and the mean of what as many alarms at random points score; None without a true anomaly."""

    f1: float | None
    random_guesser_f1: float | None


def legacy_point_adjusted_f1(predicted: np.ndarray, labels: np.ndarray, n_guesses: int = N_GUESSES) -> PointAdjusted:
    """F1 over points after every true range that one alarm hits was counted as found whole (Xu et al. 2018).

    It is here for comparison with older papers and says little: long anomalies are hit by chance (Kim et al. 2022), as
    the random guesser shows, who alarms at as many points, drawn `n_guesses` times (seeds 0, 1, ...).
    """
    predicted, labels = _known_predictions(predicted, labels)
    if not labels.any():
        return PointAdjusted(None, None)
    guesses = (np.random.default_rng(seed).permutation(predicted) for seed in range(n_guesses))
    return PointAdjusted(
        f1=_point_f1(_adjusted(predicted, labels), labels),
        random_guesser_f1=float(np.mean([_point_f1(_adjusted(guess, labels), labels) for guess in guesses])),
    )


def _adjusted(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    start, end = runs(labels).T
    lengths = end - start
    hit = np.logical_or.reduceat(predicted[labels], np.cumsum(lengths) - lengths)
    adjusted = predicted.copy()
    adjusted[labels] = np.repeat(hit, lengths)
    return adjusted


def _point_f1(predicted: np.ndarray, labels: np.ndarray) -> float:
    return float(2 * np.sum(predicted & labels) / (predicted.sum() + labels.sum()))


def _f1_of_ranges(measure: Callable, predicted: np.ndarray, labels: np.ndarray) -> float | None:
    """A measure of the ranges of alarms (N, 2) and of true anomalies (M, 2) among all points."""
    predicted, labels = _known_predictions(predicted, labels)
    if not labels.any():
        return None
    return measure(runs(predicted), runs(labels), len(labels)) if predicted.any() else 0.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def _known_predictions(predicted: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and labels (N,), bool, of the points that have both."""
    predicted, labels = known_points(predicted, labels)
    strange = set(np.unique(predicted).tolist()) - {0.0, 1.0}
    if strange:
        raise ValueError(f"predictions hold {sorted(strange)[:5]}; allowed are 0, 1 and NaN: give scores > threshold")
    return predicted == 1, labels == 1
