"""Events that begin and end at a lower level than the one they have to pass: `eval.extend_share`."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import EvalConfig
from inference.calibration.noise import NoiseModel
from inference.calibration.promise import LEAST_EXTENSION, extension_level
from inference.calibration.thresholds import Calibration
from inference.detection import detected
from inference.events.boxes import WEAK, Box, extending_boxes, find_boxes
from inference.events.events import EventLinker
from inference.follow.events import LiveEvents
from inference.follow.judging import judge
from inference.follow.records import JsonLines
from inference.job import Job
from inference.results.results import Results
from inference.scorers.nets.residual import ScoredFrame
from tests.support.reels import drifting_blobs, make_reel

SIDE, LOW, EXTENDS_TO = 24, 2.0, 1.0
SETTINGS = replace(
    EvalConfig(),
    score="residual",
    threshold_low=LOW,
    threshold_high=4.0,
    min_area=2,
    extend_share=0.5,
    link_gap_frames=1,
)


def box(x: int, peak: float, level: str = "low") -> Box:
    return Box(x, 2, x + 4, 6, x + 2.0, 4.0, peak, peak / 2, 16, level)


def linked(frames: list[list[Box]], **keys) -> list[tuple[int, int, int]]:
    linker = EventLinker(max_gap_frames=1, **keys)
    events = [event for frame, boxes in enumerate(frames) for event in linker.push(frame, boxes)]
    return [(e.frame_start, e.frame_peak, e.frame_end) for e in [*events, *linker.finish()]]


def passing(peaks: list[float], x: int = 8) -> np.ndarray:
    """Maps (T, SIDE, SIDE) of something of 4 px a side with these scores, on low noise."""
    maps = np.random.default_rng(0).uniform(0, 0.5, (len(peaks), SIDE, SIDE)).astype(np.float32)
    maps[:, 6:10, x : x + 4] = np.array(peaks, np.float32)[:, None, None]
    return maps


def job_of(reel, settings: EvalConfig = SETTINGS, share_at: float = EXTENDS_TO) -> Job:
    """With a calibration of quiet frames of which half reach a level."""
    levels = np.repeat([0.5, share_at], [50, 51]).astype(np.float32)
    calibration = Calibration(NoiseModel(np.zeros((SIDE, SIDE)), np.ones((SIDE, SIDE))), levels)
    low, high = calibration.thresholds(settings)
    identity = {"weights_sha256": "0" * 64, "reel": "0" * 64, "settings": {}}
    extends_to = calibration.extends_to(settings, low)
    return Job(reel, None, calibration, low, high, settings, identity, reel.path, extends_to=extends_to)  # pyright: ignore


def scored(maps: np.ndarray) -> list[ScoredFrame]:
    valid = np.ones((SIDE, SIDE), bool)
    return [ScoredFrame(i, m[None], None, m, valid, 0.0) for i, m in enumerate(maps)]


@pytest.fixture
def reel(tmp_path):
    return make_reel(tmp_path / "cam", drifting_blobs(60), 10.0)


def test_an_event_goes_on_before_and_after_what_passes_the_threshold():
    weak = box(0, 1.0, WEAK)
    assert linked([[], [weak], [weak], [box(1, 3.0)], [weak], [], [weak], [], [], [weak]]) == [(1, 3, 6)]
    assert linked([[weak], [weak], [weak]]) == []
    assert linked([[weak], [box(0, 3.0)], [weak]], min_frames=2) == []


@given(st.integers(0, 2**20))
def test_all_that_passes_the_threshold_is_of_an_event_and_no_event_is_without(seed):
    random = np.random.default_rng(seed)
    linker, events, above, of_boxes = EventLinker(max_gap_frames=1), [], set(), []
    for frame in range(12):
        peaks = random.choice([1.0, 3.0], random.integers(0, 4)) + random.random(1)
        boxes = [box(int(random.integers(0, 20)), p, "low" if p > LOW else WEAK) for p in peaks.tolist()]
        events += linker.push(frame, boxes)
        of_boxes += zip(boxes, linker.tracks_of_boxes, linker.events_of_boxes, strict=True)
    above = {track for b, track, _ in of_boxes if b.level != WEAK}
    assert {e.event for e in [*events, *linker.finish()]} == above
    assert all(is_event for b, _, is_event in of_boxes if b.level != WEAK)
    assert all(track in above for _, track, is_event in of_boxes if is_event)


@given(st.integers(0, 2**20), st.floats(0.2, 0.9))
def test_boxes_below_the_threshold_lie_beside_those_above_it(seed, level):
    score = np.random.default_rng(seed).random((16, 20)).astype(np.float32) ** 3
    above = find_boxes(score, 0.9, 0.95, min_area=1)
    weak = extending_boxes(above, score, level, 2, 0.2)
    assert {b.level for b in weak} <= {WEAK}
    for b in weak:
        assert b.peak > level
        assert all(b.x1 <= a.x0 or a.x1 <= b.x0 or b.y1 <= a.y0 or a.y1 <= b.y0 for a in above)
    everywhere = extending_boxes([], score, level, 2, 0.2)
    assert [replace(b, level="low") for b in everywhere] == find_boxes(score, level, np.inf, 2, 0.2)


@given(st.lists(st.floats(0, 10, width=32), max_size=50), st.floats(0.01, 10), st.floats(0, 1))
def test_the_lower_level_is_the_quiet_frames_between_half_of_the_threshold_and_itself(levels, threshold, share):
    quiet = np.array(levels, np.float32)
    found = extension_level(threshold, quiet, share)
    if not share or not levels:
        assert found == threshold
        return
    assert LEAST_EXTENSION * threshold <= found <= threshold
    if LEAST_EXTENSION * threshold < found < threshold:  # no more of them are higher
        assert np.mean(quiet > found) <= share + 1 / len(quiet)


def test_results_keep_the_boxes_of_events_and_the_movie_shows_what_is_known_by_then(reel):
    peaks = [0.1, 1.5, 1.5, 3.0, 1.5, 1.5] + [0.1] * 5 + [1.5, 1.5] + [0.1] * 47
    job, results = job_of(reel), Results(reel, SETTINGS)
    shown = []
    for frame in scored(passing(peaks)):
        found = detected(job, frame)
        results.add(frame.index, found.score, found.boxes, 0.0)
        shown.append(len(results.shown))
    assert shown[:7] == [0, 0, 0, 1, 1, 1, 0]
    assert sum(shown) == 3
    events = results.event_table(job.high, job.identity)
    assert events[["frame_start", "frame_peak", "frame_end", "n_frames", "level"]].to_numpy().tolist() == [
        [1, 3, 5, 5, "low"]
    ]
    table = results.box_table()
    assert table["frame"].tolist() == [1, 2, 3, 4, 5]
    assert table["level"].tolist() == [WEAK, WEAK, "low", WEAK, WEAK]
    assert table["parent"].tolist() == [1] * 5
    assert results.score_table()["boxes"].tolist()[:8] == [0, 1, 1, 1, 1, 1, 0, 0]
    plain = job_of(reel, replace(SETTINGS, extend_share=0.0))
    assert [len(detected(plain, frame).boxes) for frame in scored(passing(peaks[:6]))] == [0, 0, 0, 1, 0, 0]


@settings(max_examples=15)  # each of sixty frames, and some ten events
@given(st.integers(0, 2**20))
def test_a_stream_has_the_events_of_eval(tmp_path_factory, seed):
    """Two things that come and go; the thresholds stay."""
    folder, random = tmp_path_factory.mktemp("live"), np.random.default_rng(seed)
    reel = make_reel(folder / "cam", drifting_blobs(60), 10.0)
    peaks = [np.repeat(random.choice([0.1, 1.5, 3.0], 20), 3).tolist() for _ in range(2)]
    maps = np.maximum(passing(peaks[0], 2), passing(peaks[1], 14))
    job, results = job_of(reel, replace(SETTINGS, follow_memory_s=0.0)), Results(reel, SETTINGS)
    log = JsonLines(folder / "events.jsonl")
    live = LiveEvents(job, log, None)
    for frame in scored(maps):
        judge(live, frame, 10.0 * frame.index)
        found = detected(job, frame)
        results.add(frame.index, found.score, found.boxes, 0.0)
    live.finish()
    log.close()
    told = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    names = ["frame_start", "frame_peak", "frame_end", "n_frames", "peak_score", "x0", "x1"]
    closed = pd.DataFrame([r for r in told if r["type"] == "closed"], columns=names)
    assert sum(r["type"] == "open" for r in told) == len(closed)
    events = results.event_table(job.high, job.identity)[names].reset_index(drop=True)
    ordered = closed.sort_values(["frame_start", "x0"]).reset_index(drop=True)
    expected = events.sort_values(["frame_start", "x0"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(ordered, expected, check_dtype=False, rtol=1e-5)
    plain = EventLinker.of(reel, SETTINGS)
    without = [e for i, m in enumerate(maps) for e in plain.push(i, find_boxes(m, LOW, 4.0, 2), reel.times_s[i])]
    assert len(events) <= len([*without, *plain.finish()])
