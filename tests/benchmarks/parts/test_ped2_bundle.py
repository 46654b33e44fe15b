"""What is told of a bundle beside its checkpoint on labelled clips."""

import numpy as np
import pytest

from tests.benchmarks.parts import common  # noqa: F401  makes the benchmarks' modules known
from tests.benchmarks.parts.ped2_bundle import Judged, beside, raw_auc

LABELS = [np.array([0, 0, 1, 1]), np.array([0, 1, 0])]
PEAKS = [np.array([0.1, 0.2, 0.9, np.nan]), np.array([0.3, 0.8, 0.2])]
EVENTS = [[[2, 2, 3]], []]


def test_one_roc_is_over_the_frames_of_all_clips_and_those_without_a_score_do_not_count():
    assert raw_auc(Judged(PEAKS, EVENTS), LABELS) == 1
    assert raw_auc(Judged([1 - PEAKS[0], PEAKS[1]], EVENTS), LABELS) == 2.5 / 8  # a tie counts as a half


def test_a_bundle_is_told_beside_its_checkpoint():
    theirs = Judged(PEAKS, EVENTS)
    same = {"x_auc_lost": 0, "x_events": 1, "x_clips_alike": 2, "x_difference": 0}
    assert beside("x", theirs, theirs, LABELS, 0.5) == same
    ours = Judged([PEAKS[0], PEAKS[1] - 0.7 * LABELS[1]], [EVENTS[0], [[1, 1, 1]]])
    found = beside("x", theirs, ours, LABELS, 0.5)
    assert found == pytest.approx({"x_auc_lost": 0.375, "x_events": 2, "x_clips_alike": 1, "x_difference": 1.4})
