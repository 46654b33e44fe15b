import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from inference.metrics.frame import average_precision, frame_auc, known_points
from inference.metrics.series import (
    PointAdjusted,
    affiliation_f1,
    legacy_point_adjusted_f1,
    point_f1,
    range_f1,
    series_metrics,
)
from inference.metrics.vus import Vus, period_of, vus
from tests.support import series_oracles

MEASURES = [point_f1, range_f1, affiliation_f1, lambda p, y: legacy_point_adjusted_f1(p, y).f1]
marks = st.integers(0, 1)
scored_points = st.lists(st.tuples(st.integers(0, 9), marks), min_size=2, max_size=24).filter(
    lambda rows: len({label for _, label in rows}) == 2
)
predicted_points = st.lists(st.tuples(marks, marks), min_size=1, max_size=24).filter(
    lambda rows: any(label for _, label in rows)
)


def published(module):
    """A module of the published implementation, which needs none of its requirements but pandas and scikit-learn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its docstrings hold invalid escapes
        reason = f"{module} is not importable; pip install --no-deps vus==0.0.6 to compare with it"
        return pytest.importorskip(module, reason=reason, exc_type=ImportError)


def random_marks(rng, n_points):
    """Up to 10 runs of 1 .. 9 marked points, which may touch, overlap or be cut by the end."""
    marks = np.zeros(n_points, int)
    for start in rng.integers(0, n_points, rng.integers(1, 11)):
        marks[start : start + rng.integers(1, 10)] = 1
    return marks


def random_series(seed, n_points=280):
    """Scores, of odd seeds with many ties, and labels; there are more points than the 250 thresholds of VUS."""
    rng = np.random.default_rng(seed)
    labels = random_marks(rng, n_points)
    scores = rng.normal(size=n_points) + labels
    return (np.round(scores) if seed % 2 else scores), labels


@settings(max_examples=60)
@given(rows=scored_points, window=st.integers(0, 13))
def test_vus_equals_its_definition(rows, window):
    scores, labels = zip(*rows, strict=True)
    volume = vus(scores, labels, window)
    assert (volume.roc, volume.pr) == pytest.approx(series_oracles.vus(scores, labels, window), abs=1e-9)


def test_vus_with_fewer_thresholds_than_scores_equals_its_definition():
    scores, labels = random_series(4, n_points=600)
    volume = vus(scores, labels, 5)
    assert (volume.roc, volume.pr) == pytest.approx(series_oracles.vus(scores, labels, 5), abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_vus_equals_the_published_implementation(seed):
    metricor = published("vus.utils.metrics").metricor
    scores, labels = random_series(seed, n_points=100 + 20 * seed)
    window = 7 * seed % 40
    volume = vus(scores, labels, window)
    theirs = metricor().RangeAUC_volume_opt(labels, scores, window)[-2:]
    assert (volume.roc, volume.pr) == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("window", [0, 1])
def test_without_a_buffer_the_vus_of_one_anomaly_is_the_area(window):
    rng = np.random.default_rng(0)
    scores, labels = np.round(rng.normal(size=200), 1), np.arange(200) // 10 == 7
    volume = vus(scores, labels, window)
    assert volume.roc == pytest.approx(frame_auc(scores, labels))
    assert volume.pr == pytest.approx(average_precision(scores, labels))


def test_a_constant_score_finds_nothing():
    volume = vus(np.ones(50), np.arange(50) < 10, 0)
    assert (volume.roc, volume.pr) == pytest.approx((0.5, 0.2))


def test_a_buffer_forgives_a_late_alarm():
    labels, late = np.zeros(100), np.zeros(100)
    labels[40:50], late[52:56] = 1, 1
    assert vus(late, labels, 20).pr > 2 * vus(late, labels, 0).pr


@given(rows=scored_points)
def test_only_the_order_of_scores_matters(rows):
    scores, labels = np.array(rows, float).T
    assert vus(scores, labels, 4) == vus(np.exp(scores) - 100, labels, 4)


def test_vus_of_one_class_is_none():
    assert vus([0.1, 0.2, 0.3], [0, 0, 0], 2) == Vus(None, None)
    assert vus([0.1, 0.2, math.nan], [1, 1, 0], 2) == Vus(None, None)
    assert vus([], [], 2) == Vus(None, None)


@settings(max_examples=30)
@given(rows=scored_points)
def test_points_without_score_or_label_are_left_out(rows):
    scores, labels = np.array(rows, float).T
    gappy_scores, gappy_labels = np.insert(scores, 1, [math.nan, 3]), np.insert(labels, 1, [1, math.nan])
    assert vus(gappy_scores, gappy_labels, 4) == vus(scores, labels, 4)
    assert series_metrics(gappy_scores, gappy_labels, 4.5, 4) == series_metrics(scores, labels, 4.5, 4)


def test_strange_arguments_are_refused():
    with pytest.raises(ValueError, match="window is -1"):
        vus([0, 1], [0, 1], -1)
    with pytest.raises(ValueError, match=r"window is 2\.5"):
        vus([0, 1], [0, 1], 2.5)
    with pytest.raises(ValueError, match="equal length"):
        known_points([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match=r"labels hold \[2.0\]"):
        known_points([0, 1, 2], [0, 1, 2])
    with pytest.raises(ValueError, match="infinite"):
        known_points([0, math.inf], [0, 1])
    with pytest.raises(ValueError, match=r"predictions hold \[0.5\]"):
        point_f1([0, 0.5], [0, 1])
    with pytest.raises(ValueError, match="one-dimensional; give one column"):
        period_of(np.zeros((20, 2)))
    with pytest.raises(ValueError, match="threshold is NaN"):
        series_metrics([0, 1], [0, 1], math.nan, 2)


@pytest.mark.parametrize("period", [6, 25, 100, 303])
def test_the_period_of_a_noisy_wave(period):
    noise = np.random.default_rng(0).normal(size=8 * period)
    assert abs(period_of(np.sin(2 * np.pi * np.arange(8 * period) / period) + 0.02 * noise) - period) <= 1


@pytest.mark.parametrize("seed", range(20))
def test_period_equals_its_definition(seed):
    rng = np.random.default_rng(seed)
    values = np.cumsum(rng.normal(size=rng.integers(2, 900)))
    values += 20 * np.sin(np.arange(len(values)) / rng.uniform(0.5, 60)) * (seed % 4)
    assert period_of(values) == series_oracles.period(values)


def test_a_series_without_a_period_gets_125():
    assert period_of(np.full(1000, 0.1)) == 125
    assert period_of(np.arange(1000)) == 125
    assert period_of([1, 2]) == 125
    assert period_of([]) == 125
    assert period_of(np.sin(2 * np.pi * np.arange(4000) / 350)) == 125  # too long
    assert period_of(np.sin(2 * np.pi * np.arange(4000) / 5)) == 125  # too short


def test_the_period_is_that_of_the_first_20000_values_without_nan():
    wave = np.sin(2 * np.pi * np.arange(20_000) / 40)
    later = 100 * np.sin(2 * np.pi * np.arange(30_000) / 17)
    assert period_of(np.concatenate([np.full(5000, np.nan), wave, later])) == 40


@given(rows=predicted_points)
def test_f1_measures_equal_their_definitions(rows):
    predicted, labels = zip(*rows, strict=True)
    assert point_f1(predicted, labels) == pytest.approx(f1_score(labels, predicted, zero_division=0))
    assert range_f1(predicted, labels) == pytest.approx(series_oracles.range_f1(predicted, labels))
    adjusted = legacy_point_adjusted_f1(predicted, labels, n_guesses=1)
    assert adjusted.f1 == pytest.approx(series_oracles.point_adjusted_f1(predicted, labels))


@settings(max_examples=40)
@given(rows=predicted_points)
def test_affiliation_equals_its_definition_on_a_grid(rows):
    predicted, labels = zip(*rows, strict=True)
    assert affiliation_f1(predicted, labels) == pytest.approx(
        series_oracles.affiliation_f1(predicted, labels), abs=0.05
    )


@pytest.mark.parametrize("seed", range(50))
def test_range_and_affiliation_equal_the_published_implementations(seed):
    ranges = published("vus.basic_metrics").basic_metricor()
    affiliation, generics = published("vus.affiliation.metrics"), published("vus.affiliation.generics")
    rng = np.random.default_rng(seed)
    predicted, labels = random_marks(rng, 120), random_marks(rng, 120)
    recall, precision = (
        ranges.range_recall_new(*pair)[0] for pair in ((labels, predicted, 0.2), (predicted, labels, 0))
    )
    assert range_f1(predicted, labels) == pytest.approx(series_oracles.f1(precision, recall), abs=1e-9)
    alarms, truth = (generics.convert_vector_to_events(marks) for marks in (predicted, labels))
    theirs = affiliation.pr_from_events(alarms, truth, (0, 120))
    expected = series_oracles.f1(theirs["Affiliation_Precision"], theirs["Affiliation_Recall"])
    assert affiliation_f1(predicted, labels) == pytest.approx(expected, abs=1e-9)


def test_range_f1_by_hand():
    # The first truth is half covered, by two alarms: 0.2 + 0.8 / 2 / 2; the second is missed. Both alarms are right.
    assert range_f1([1, 0, 1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 1, 1]) == pytest.approx(2 * 0.2 / 1.2)


def test_affiliation_f1_by_hand():
    predicted, labels = np.arange(10) == 0, np.isin(np.arange(10), (4, 5))
    # precision: the alarm is 3.5 away on average, 1 - (2 + 3.5 + 3.5) / 10; recall: 0.3, then 0.15, then 0.1
    precision, recall = 0.1, (0.3 + 0.15 / 2 + 0.1 / 2) / 2
    assert affiliation_f1(predicted, labels) == pytest.approx(series_oracles.f1(precision, recall))


@pytest.mark.parametrize("measure", MEASURES)
def test_best_and_worst_predictions(measure):
    labels = np.array([1, 1, 0, 0, 0, 1, 0, 1])
    assert measure(labels, labels) == 1
    assert measure(np.zeros(8), labels) == 0
    assert measure(np.ones(8), np.ones(8)) == 1
    assert measure([0, 1, 0], [0, 0, 0]) is None
    assert measure([0, math.nan, 0], [0, 1, math.nan]) is None
    assert measure([], []) is None


def test_random_alarms_get_an_affiliation_of_two_thirds():
    labels = np.arange(20_000) % 2000 < 40
    predicted = np.random.default_rng(0).random(20_000) < 0.2
    assert affiliation_f1(predicted, labels) == pytest.approx(2 / 3, abs=0.03)


def test_point_adjustment_rewards_a_random_guesser():
    labels, predicted = np.arange(1000) // 200 == 2, np.zeros(1000, int)
    predicted[400:420] = 1
    adjusted = legacy_point_adjusted_f1(predicted, labels)
    assert point_f1(predicted, labels) < 0.2
    assert adjusted.f1 == 1
    assert 0.9 < adjusted.random_guesser_f1 < 1
    assert legacy_point_adjusted_f1([0, 1], [0, 0]) == PointAdjusted(None, None)


def test_a_guesser_of_all_points_is_the_prediction_itself():
    adjusted = legacy_point_adjusted_f1(np.ones(20), np.arange(20) < 5)
    assert adjusted.f1 == adjusted.random_guesser_f1 == pytest.approx(2 * 5 / 25)


def test_series_metrics_hold_every_measure():
    scores, labels = random_series(3)
    predicted, volume = scores > 1, vus(scores, labels, 10)
    adjusted = legacy_point_adjusted_f1(predicted, labels)
    figures = series_metrics(scores, labels, 1, 10)
    assert figures == {
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
    assert json.loads(json.dumps(figures)) == figures  # plain floats


def test_a_quiet_series_has_no_figures():
    assert set(series_metrics([0.1, 0.9, 0.2], [0, 0, 0], 0.5, 10).values()) == {None}
