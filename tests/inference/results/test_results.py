"""Summaries of results against labels."""

import json

import numpy as np
import pandas as pd

from config import load
from data.reel.reel import Reel
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


def test_false_alarms_are_counted_by_the_hour_that_was_watched(evaluated_movie):
    summary = json.loads((evaluated_movie / "summary.json").read_text())
    reel = Reel(f"{load(evaluated_movie / 'config.yaml').data_clips}/cam")
    events = pd.read_csv(evaluated_movie / "events.csv", keep_default_na=False)
    events = events[events["instrument"] == ""]
    truth = reel.times_s[reel.labels == 1]
    first, last = truth.min() - reel.cadence_s, truth.max() + reel.cadence_s
    false = (events["time_end_s"] < first) | (events["time_start_s"] > last)
    hours = (150 * reel.cadence_s - (last - first)) / 3600  # behind the gap no window fits
    assert summary["metrics"]["false_alarms_per_hour"] == false.sum() / hours
    assert false.any()
