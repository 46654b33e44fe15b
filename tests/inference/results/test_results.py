"""Summaries of results against labels."""

import numpy as np
import pandas as pd
import pytest

from config import load
from inference.results.results import Results
from tests.support.reels import drifting_blobs, make_reel


def test_watched_are_frames_with_score_and_label_between_gaps(tmp_path):
    times_s = 10.0 * np.arange(12)
    times_s[6:] += 1000
    labels = [0.0] * 12
    labels[9] = np.nan
    reel = make_reel(tmp_path / "cam", drifting_blobs(12), 10.0, times_s=times_s, labels=labels)
    results = Results(reel, load(None).eval)
    for frame in (0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11):
        results.add(frame, np.zeros((24, 24)), [], 0.0)
    assert results.watched().tolist() == [[0, 30], [40, 60], [1060, 1090], [1100, 1120]]


def test_false_alarms_are_counted_by_the_hour_that_was_watched(tmp_path):
    labels = np.isin(np.arange(100), range(40, 50)).astype(float)
    reel = make_reel(tmp_path / "cam", drifting_blobs(100), 36.0, labels=labels)
    results = Results(reel, load(None).eval)
    for frame in range(100):
        results.add(frame, np.full((24, 24), frame % 7.0), [], 0.0)
    events = pd.DataFrame({"instrument": ["", "", "", "cosmic ray"], "frame": [5, 44, 80, 90]})
    events["time_start_s"] = events["time_end_s"] = 36.0 * events["frame"]
    found = results.metrics(events, low=3.0)["metrics"]
    # Watched: an hour. Not quiet: the labelled frames, from one cadence before the first to one behind the last.
    assert found["false_alarms_per_hour"] == pytest.approx(2 / (1 - 11 * 36 / 3600))
