import itertools
import math

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.pictures.curves import curve, decimate
from data.reel.gaps import gaps_after
from inference.metrics.frame import runs
from inference.results.timeline import timeline, without_data
from tests.support import oracles

pytestmark = pytest.mark.pictures

scores_with_gaps = st.lists(st.one_of(st.integers(-5, 5), st.just(math.nan)), max_size=60)


@given(values=scores_with_gaps, limit=st.sampled_from([2, 4, 10]))
def test_decimation_keeps_the_extremes(values, limit):
    values = np.array(values, float)
    kept = decimate(values, limit)
    assert kept.tolist() == oracles.decimate(values, limit)
    assert len(kept) <= limit or len(values) <= limit
    known = values[~np.isnan(values)]
    if len(known):
        assert (np.nanmin(values[kept]), np.nanmax(values[kept])) == (known.min(), known.max())


@given(mask=st.lists(st.booleans(), max_size=30))
def test_runs_are_where_the_mask_is_true(mask):
    expected, position = [], 0
    for value, group in itertools.groupby(mask):
        length = len(list(group))
        if value:
            expected.append([position, position + length])
        position += length
    assert runs(np.array(mask, bool)).tolist() == expected


def test_what_has_no_data_are_unscored_frames_and_gaps():
    x = np.array([0.0, 1, 2, 3, 10, 11, 12])
    scores = np.array([1, np.nan, np.nan, 1, 1, 1, np.nan])
    gaps = gaps_after(x, 1.0, 3.0)
    assert without_data(x, scores, gaps).tolist() == [[1, 2], [12, 12], [3, 10]]
    line_x, line_y = curve(x, scores, gaps)
    assert np.isnan(line_x).tolist() == [False] * 4 + [True] + [False] * 3
    assert np.isnan(line_y[4])


@pytest.mark.parametrize("clock", ["utc", "seconds", None])
def test_timeline_is_a_picture_of_any_length(tmp_path, clock):
    table = pd.DataFrame({"frame_start": [3, 8], "frame_end": [3, 9], "level": ["low", "high"]})
    for count in (0, 1, 10, 20_000):
        times = {
            "utc": np.datetime64("2012-07-19", "ms") + np.arange(count) * np.timedelta64(12_000, "ms"),
            "seconds": np.arange(count) * 12.0,
            None: None,
        }[clock]
        events = table if count >= 10 else table[:0]
        scores = np.random.default_rng(0).random(count)
        scores[5:7] = np.nan
        timeline(tmp_path / "t.png", scores, 0.5, 0.9, events, times, labels=scores > 0.9, title="reel")
        picture = cv2.imread(str(tmp_path / "t.png"))
        assert picture.shape[:2] == (504, 1560)
        assert picture.std() > 5
    assert [p.name for p in tmp_path.iterdir()] == ["t.png"]


def test_timeline_shows_events_in_place(tmp_path):
    """An event over the last tenth colours the right edge of the picture and not its middle."""

    def orange(events):
        timeline(tmp_path / "t.png", np.full(100, 0.1), 0.5, 0.9, events)
        blue, _, red = np.moveaxis(cv2.imread(str(tmp_path / "t.png")).astype(int), -1, 0)
        return ((red - blue) > 25)[250]  # one row through the middle

    none = orange(pd.DataFrame({"frame_start": [], "frame_end": [], "level": []}))
    event = orange(pd.DataFrame({"frame_start": [90], "frame_end": [99], "level": ["high"]}))
    places = np.flatnonzero(event & ~none)
    assert 100 < len(places) < 200
    assert places.min() > 0.85 * len(event)


def test_timeline_needs_one_time_a_score(tmp_path):
    events = pd.DataFrame({"frame_start": [], "frame_end": [], "level": []})
    with pytest.raises(ValueError, match="3 times for 2 scores"):
        timeline(tmp_path / "t.png", np.zeros(2), 0.5, 0.9, events, np.arange(3.0))
