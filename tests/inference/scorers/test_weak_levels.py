"""Thresholds from one label a window, against trying every level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import EvalConfig
from inference.metrics.series import point_f1
from inference.scorers.nets.weak_levels import (
    EQUAL_F1,
    FRAME_LEVELS,
    WeakCalibration,
    best_frame_level,
    best_threshold,
    passed,
    window_metrics,
)


def test_scores_are_probabilities_that_one_half_parts_unless_thresholds_are_given():
    made = WeakCalibration()
    assert made.thresholds(EvalConfig()) == (0.5, 0.5)
    assert made.thresholds(EvalConfig(threshold_low=0.2, threshold_high=0.7)) == (0.2, 0.7)
    assert made.promises(EvalConfig()) is None


WINDOWS = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=12)


@given(WINDOWS.filter(lambda windows: any(is_positive for _, is_positive in windows)))
def test_no_threshold_of_windows_has_a_higher_f1(windows):
    probability = np.array([tenth / 10 for tenth, _ in windows])
    labels = np.array([int(is_positive) for _, is_positive in windows])
    best = max(point_f1(probability >= level, labels) for level in probability)
    found = best_threshold(probability, labels)
    assert point_f1(probability >= found, labels) == pytest.approx(best)
    # What reaches the threshold is positive: where nothing lies below, it is the lowest probability itself.
    assert window_metrics(probability, labels, found)["f1"] == pytest.approx(best)


@pytest.mark.parametrize("negatives", [1, 3, 12])
def test_the_level_of_frames_has_the_f1_of_true_labels_whatever_the_number_of_windows(negatives):
    """Normal frames of positive windows are those of the others, and below the lowest level is none that is not."""
    normal = np.linspace(0.02, 0.8, 60)
    odd = np.linspace(0.35, 0.97, 20)
    dense = np.array([np.resize(normal, 240)] * negatives + 2 * [np.r_[np.resize(normal, 180), np.repeat(odd, 3)]])
    labels = np.r_[np.zeros(negatives, int), 1, 1]
    truth = np.zeros(dense.shape, bool)
    truth[-2:, 180:] = True
    f1 = np.array([point_f1((dense >= level).ravel(), truth.ravel()) for level in FRAME_LEVELS])
    best = FRAME_LEVELS[f1 >= EQUAL_F1 * f1.max()]
    assert best_frame_level(dense, labels) == best[np.abs(best - 0.5).argmin()]


def test_windows_that_do_not_differ_leave_one_half():
    frames = np.linspace(0.1, 0.9, 30)
    assert best_frame_level(np.array([frames, frames]), np.array([0, 1])) == pytest.approx(0.5)


def test_a_probability_passes_the_levels_that_it_reaches():
    np.testing.assert_array_equal(passed(np.array([0.7])), FRAME_LEVELS <= 0.7)
    np.testing.assert_array_equal(passed(np.zeros(0)), 1.0)
