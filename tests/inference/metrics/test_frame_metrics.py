import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.metrics.frame import (
    EventMetrics,
    average_precision,
    event_metrics,
    false_alarms_per_hour,
    frame_auc,
)
from tests.support import oracles

scored_frames = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=2, max_size=20).filter(
    lambda rows: len({label for _, label in rows}) == 2
)
intervals = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10)).map(lambda t: (t[0], t[0] + t[1])), max_size=5)


@settings(deadline=None)  # the first call of scikit-learn is slow
@given(rows=scored_frames)
def test_ranking_metrics_equal_their_definition(rows):
    scores, labels = zip(*rows, strict=True)
    assert frame_auc(scores, labels) == pytest.approx(oracles.roc_auc(scores, labels))
    assert average_precision(scores, labels) == pytest.approx(oracles.average_precision(scores, labels))


@pytest.mark.parametrize("metric", [frame_auc, average_precision])
@settings(deadline=None)
@given(rows=scored_frames)
def test_frames_without_score_or_label_do_not_count(metric, rows):
    scores, labels = np.array(rows, float).T
    padded_scores = np.concatenate([scores, [np.nan, 9, 9]])
    padded_labels = np.concatenate([labels, [1, np.nan, np.nan]])
    assert metric(padded_scores, padded_labels) == metric(scores, labels)


@pytest.mark.parametrize("metric", [frame_auc, average_precision])
def test_one_class_has_no_ranking(metric):
    assert metric([0.1, 0.2], [1, 1]) is None
    assert metric([0.1, 0.2, 0.3], [0, 0, math.nan]) is None
    assert metric([0.1, math.nan], [0, 1]) is None
    assert metric([], []) is None


@pytest.mark.parametrize("metric", [frame_auc, average_precision])
def test_strange_arguments_are_refused(metric):
    with pytest.raises(ValueError, match=r"labels hold \[2.0\]"):
        metric([0.1, 0.2, 0.3], [0, 1, 2])
    with pytest.raises(ValueError, match="equal length"):
        metric([0.1, 0.2], [0, 1, 1])


@given(events=intervals, truth=intervals, tolerance_s=st.integers(0, 5))
def test_event_metrics_equal_looking_at_every_pair(events, truth, tolerance_s):
    found, right, delays = oracles.event_scores(events, truth, tolerance_s)
    result = event_metrics(events, truth, tolerance_s)
    assert (result.n_events, result.n_truth, result.n_found, result.n_right) == (len(events), len(truth), found, right)
    assert result.recall == (found / len(truth) if truth else None)
    assert result.precision == (right / len(events) if events else None)
    assert result.median_delay_s == (np.median(delays) if delays else None)


def test_event_metrics_by_hand():
    events = [(0, 5), (18, 22), (40, 50)]
    truth = [(10, 15), (20, 30), (45, 46), (90, 95)]
    assert event_metrics(events, truth) == EventMetrics(3, 4, 2, 2, 0.5, pytest.approx(2 / 3), 0.0)
    wide = event_metrics(events, truth, tolerance_s=5)
    assert (wide.n_found, wide.n_right, wide.median_delay_s) == (3, 3, -5)  # delays -5, -2, -5


def test_a_late_event_has_a_positive_delay():
    assert event_metrics([(14, 15)], [(10, 20)]).median_delay_s == 4


@pytest.mark.parametrize(("events", "truth"), [([(3, 1)], []), ([], [(0, math.nan)])])
def test_impossible_intervals_are_refused(events, truth):
    with pytest.raises(ValueError, match="number 0"):
        event_metrics(events, truth)
    with pytest.raises(ValueError, match="tolerance_s"):
        event_metrics([], [], -1)


@given(events=intervals, truth=intervals, watched=intervals, tolerance_s=st.integers(0, 3))
def test_false_alarms_equal_looking_at_every_second(events, truth, watched, tolerance_s):
    widened = [(a - tolerance_s, b + tolerance_s) for a, b in truth]
    middles = np.arange(-5, 70) + 0.5  # the intervals begin and end at whole seconds
    quiet_s = sum(any(a < m < b for a, b in watched) and not any(a < m < b for a, b in widened) for m in middles)
    false = [
        event
        for event in events
        if any(event[0] <= b and event[1] >= a for a, b in watched)
        and not any(event[0] <= b and event[1] >= a for a, b in widened)
    ]
    expected = len(false) / quiet_s * 3600 if quiet_s else None
    assert false_alarms_per_hour(events, truth, watched, tolerance_s) == pytest.approx(expected)


def test_false_alarms_by_hand():
    """Watched 0 .. 2 h and 3 .. 4 h, true 1 .. 1.5 h: 2.5 quiet hours. False: the events at 0.5 h and at 3.5 h."""
    hours = 3600.0
    events = np.array([(0.5, 0.6), (1.4, 1.6), (2.4, 2.6), (3.5, 3.6)]) * hours  # the third one lies in no watched time
    truth, watched = np.array([(1, 1.5)]) * hours, np.array([(0, 2), (3, 4)]) * hours
    assert false_alarms_per_hour(events, truth, watched) == pytest.approx(2 / 2.5)
    assert false_alarms_per_hour(events, truth, watched, tolerance_s=0.25 * hours) == pytest.approx(2 / 2.0)
    assert false_alarms_per_hour([], truth, watched) == 0
    assert false_alarms_per_hour(events, truth, truth) is None


def test_impossible_watching_is_refused():
    with pytest.raises(ValueError, match="watched number 0"):
        false_alarms_per_hour([], [], [(3, 1)])
    with pytest.raises(ValueError, match="tolerance_s is -1"):
        false_alarms_per_hour([], [], [], -1)
