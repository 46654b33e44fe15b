"""A stream whose noise drifts: as many false alarms as are promised, and anomalies are found all the while.

The streams are arrays that go through `judge`, the part of `follow` behind the reading of video.
"""

import json
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import EvalConfig
from inference.calibration.drift import (
    KEPT,
    LEAST_QUIET,
    LONGEST_ALARM_S,
    MOST_FALL,
    STEADY,
    Drift,
    centre_and_spread,
    steady_memory_s,
    telling_s,
)
from inference.calibration.noise import fit_noise
from inference.calibration.quiet.events import run_starts
from inference.calibration.thresholds import Calibration, counted
from inference.camera.watch import FROZEN
from inference.follow.events import MOST_MOMENTS, LiveEvents
from inference.follow.judging import judge
from inference.follow.records import JsonLines
from inference.job import Job
from inference.scorers.nets.residual import ScoredFrame
from inference.units import DAY_S, HOUR_S
from tests.support.reels import make_reel

CADENCE_S, SIDE, FRAMES = 12.0, 4, 7200  # of a day
PER_DAY = 24.0
SETTINGS = EvalConfig(
    false_alarms_per_day=PER_DAY, min_area=1, link_gap_frames=0, link_distance_px=100.0, follow_memory_s=HOUR_S
)
DAY = np.arange(FRAMES) / FRAMES


def noise(scale: np.ndarray, seed: int = 0) -> np.ndarray:
    """Residual maps (T, SIDE, SIDE) of a stream whose noise has this scale (T,)."""
    drawn = np.random.default_rng(seed).standard_normal((len(scale), SIDE, SIDE))
    return np.abs(drawn * scale[:, None, None]).astype(np.float32)


@pytest.fixture(scope="module")
def calibrated() -> Calibration:
    """Of a quiet day."""
    quiet = noise(np.ones(FRAMES), seed=1)
    model = fit_noise(quiet[::18])
    levels = model.standardise(quiet).max(axis=(1, 2))

    def starts_at(threshold, shown):
        return run_starts(np.where(shown > 0, levels, 0), threshold, SETTINGS.link_gap_frames, 1)

    return counted(Calibration(model), levels, starts_at, CADENCE_S, reach=16)


@pytest.fixture
def watch(calibrated, tmp_path, capsys):
    """Residual maps and settings -> the records of their events, and the LiveEvents that told them."""
    reel, number = make_reel(tmp_path / "reel", np.zeros((8, 1, SIDE, SIDE), np.float32), CADENCE_S), count()

    def run(residuals: np.ndarray, camera: str = "", **keys) -> tuple[list[dict], LiveEvents]:
        chosen = replace(SETTINGS, **keys)
        identity = {"weights_sha256": "0" * 64, "reel": "0" * 64, "settings": {}}
        job = Job(reel, None, calibrated, *calibrated.thresholds(chosen), chosen, identity, tmp_path)  # pyright: ignore
        log = JsonLines(tmp_path / f"follow_{next(number)}" / "events.jsonl")
        events, valid = LiveEvents(job, log, None), np.ones((SIDE, SIDE), bool)
        for i, residual in enumerate(residuals):
            judge(events, ScoredFrame(i, residual[None], None, residual, valid, 0.0, camera), CADENCE_S * i)
            assert len(events.moments) <= MOST_MOMENTS * (1 + len(events.linker.open_tracks))
        events.finish()
        log.close()
        capsys.readouterr()
        return [json.loads(line) for line in (log.folder / "events.jsonl").read_text().splitlines()], events

    return run


def closed(records: list[dict]) -> list[dict]:
    return [r for r in records if r["type"] == "closed"]


def test_noise_that_doubles_over_a_day_gives_no_more_false_alarms_and_hides_no_anomaly(watch):
    scale = 1 + DAY
    residuals, planted = noise(scale), [1200, 3600, 6000]
    for frame in planted:
        residuals[frame, 1, 2] = 10 * scale[frame]
    records, events = watch(residuals)
    found = closed(records)
    assert PER_DAY / 2 < len(found) < 2 * PER_DAY
    for frame in planted:
        (event,) = [e for e in found if e["frame_start"] <= frame <= e["frame_end"]]
        assert (event["level"], event["frame_peak"]) == ("high", frame)
        assert event["severity"] == pytest.approx(event["peak_score"] / event["threshold_high"], rel=1e-4)
    model = events.job.calibration.noise  # a score of 0 is a residual of its centre, whatever the noise is
    doubled = 2 * events.job.low + float(model.mean[0, 0] / model.spread[0, 0])
    assert events.drift.low == pytest.approx(doubled, rel=0.15)
    opened = [r["threshold_low"] for r in records if r["type"] == "open"]
    assert opened[-1] > 1.5 * opened[0]
    hour = residuals[-FRAMES // 24 :]
    assert watch(hour, follow_memory_s=0.0)[1].opened > 10 * PER_DAY / 24


def test_an_anomaly_of_an_hour_stays_one_event_that_says_nothing_about_what_is_usual(watch, calibrated):
    residuals, lasting = noise(np.ones(1500)), slice(700, 1000)
    residuals[lasting, 1, 2] = 10
    records, events = watch(residuals)
    (event,) = [e for e in closed(records) if e["n_frames"] > 10]  # there may be a false one beside it
    assert (event["frame_start"], event["frame_end"]) == (700, 999)
    (opened,) = [r for r in records if r["type"] == "open" and r["event"] == event["event"]]
    assert opened["frame"] == 700
    assert opened["threshold_high"] <= opened["score"]
    assert events.drift.low == pytest.approx(calibrated.thresholds(SETTINGS)[0], rel=0.15)


def test_in_noise_that_halves_smaller_anomalies_are_found(watch):
    scale, small = 1 - DAY / 2, 6600
    residuals = noise(scale)[-3600:]
    residuals[small - 3600, 1, 2] = 6 * scale[small]

    def finds(**keys) -> bool:
        return any(e["frame_start"] == small - 3600 for e in closed(watch(residuals, **keys)[0]))

    assert finds()
    assert not finds(follow_memory_s=0.0)


def test_broken_frames_say_nothing_about_what_is_usual_however_long_they_last(watch, monkeypatch):
    monkeypatch.setattr("inference.calibration.drift.LONGEST_ALARM_S", 60.0)
    records, events = watch(noise(np.ones(100)), FROZEN)
    assert [r["type"] for r in records] == ["open", "closed"]
    assert (events.drift.low, events.drift.high) == events.drift.calibrated


# Drift alone

SHAPE = (1, 1)
QUIET = np.random.default_rng(2).gumbel(4.0, 0.5, 2000).astype(np.float32)


def fed(drift: Drift, levels: np.ndarray, step_s: float, begin_s: float = 0.0, is_alarm: bool | None = None) -> Drift:
    """The Drift behind frames of these levels."""
    for i, level in enumerate(levels.tolist()):
        alarm = level > drift.low if is_alarm is None else is_alarm
        drift.add(begin_s + step_s * i, np.full(SHAPE, level, np.float32), np.zeros(SHAPE, bool), alarm, SETTINGS)
    return drift


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=60),
    st.floats(1e-3, 1e5),
    st.sampled_from([0.0, 1.0, HOUR_S, 1e9]),
    st.integers(0, 2**16),
)
def test_thresholds_stay_in_order_and_memory_in_bounds_whatever_comes(levels, step_s, memory_s, seed):
    calibrated = 6.0, 8.0
    drift = Drift(calibrated, QUIET, memory_s)
    for level in np.random.default_rng(seed).choice(np.array(levels, np.float32), 3 * len(levels)):
        fed(drift, level[None], step_s, drift.last_s + step_s if np.isfinite(drift.last_s) else 0.0)
        assert calibrated[0] / MOST_FALL <= drift.low <= drift.high < np.inf
        assert len(drift.recent) == KEPT
    if not memory_s:
        assert (drift.low, drift.high) == calibrated


@settings(deadline=None, max_examples=12)
@given(st.floats(0.5, 20), st.floats(-1, 20))
def test_thresholds_are_scaled_and_shifted_as_the_levels_are(scale, shift):
    drift = Drift((7.5, 9.0), QUIET, HOUR_S)
    kept = np.quantile(QUIET[QUIET <= 7.5], (np.arange(KEPT) + 0.5) / KEPT)
    fed(drift, scale * np.random.default_rng(0).permutation(kept) + shift, HOUR_S / KEPT, is_alarm=False)
    for found, before in ((drift.low, 7.5), (drift.high, 9.0)):
        assert found == pytest.approx(max(scale * before + shift, before / MOST_FALL), rel=0.05)


def test_half_a_memory_of_frames_carries_half_of_the_levels():
    """Times are what counts: as many frames of a fast camera change nothing."""
    slow, fast = (fed(Drift((7.5, 9.0), QUIET, HOUR_S), np.full(200, 5.0), step_s) for step_s in (9.0, 0.04))
    assert sum(level == 5.0 for level in slow.recent) == pytest.approx(KEPT / 2, abs=1)
    assert sum(level == 5.0 for level in fast.recent) == 1


def test_what_gives_an_alarm_for_a_day_is_usual_by_then_and_a_gap_tells_nothing():
    louder = 4 * QUIET
    drift = Drift((7.5, 9.0), QUIET, HOUR_S)
    step_s, before = 60.0, int(0.9 * LONGEST_ALARM_S / 60.0)
    fed(drift, np.resize(louder, before), step_s, is_alarm=True)
    fed(drift, louder[:1], step_s, 30 * DAY_S, is_alarm=True)
    assert (drift.low, drift.high) == (7.5, 9.0)
    fed(drift, np.resize(louder, 600), step_s, 30 * DAY_S + step_s)
    assert drift.low == pytest.approx(4 * 7.5, rel=0.15)


@pytest.mark.parametrize("quiet", [QUIET[: LEAST_QUIET - 1], np.full(2000, 4.0, np.float32), np.zeros(0, np.float32)])
def test_quiet_frames_that_tell_nothing_leave_the_thresholds_as_they_are(quiet, calibrated, caplog):
    drift = Drift.of(replace(calibrated, levels=quiet, left_out=np.zeros(0, int)), SETTINGS)
    assert f"the run's {len(quiet)} quiet frames are too few, or too much alike" in caplog.text
    before = drift.low, drift.high
    assert drift.memory_s == 0
    fed(drift, 4 * QUIET, 60.0, is_alarm=False)
    assert (drift.low, drift.high) == before


def test_thresholds_that_are_given_stay_without_a_word(calibrated, caplog):
    drift = Drift.of(calibrated, replace(SETTINGS, threshold_low=5.0, threshold_high=6.0))
    fed(drift, 4 * QUIET, 60.0, is_alarm=False)
    assert (drift.low, drift.high) == (5.0, 6.0)
    assert caplog.text == ""


def test_quiet_frames_that_were_not_so_quiet_have_no_say(calibrated):
    loud = np.append(calibrated.levels, np.full(10_000, calibrated.thresholds(SETTINGS)[0] - 0.1, np.float32))
    left_out = np.append(calibrated.left_out, np.arange(len(calibrated.levels), len(loud)))
    drift = Drift.of(replace(calibrated, levels=loud, left_out=left_out), SETTINGS)
    assert drift.centre == Drift.of(calibrated, SETTINGS).centre


def test_centre_and_spread_are_the_median_and_the_middle_two_thirds():
    assert centre_and_spread(np.arange(101.0)) == pytest.approx((50, 68))
    assert centre_and_spread(np.zeros(0)) == (0, 0)


def test_a_stream_that_can_be_followed_needs_no_word(calibrated, caplog):
    assert Drift.of(calibrated, SETTINGS).memory_s == SETTINGS.follow_memory_s
    assert caplog.text == ""


def test_quiet_days_neither_lengthen_nor_shorten_the_day_that_alarms_need():
    drift, step_s, days = Drift((7.5, 9.0), QUIET, HOUR_S), 60.0, 3
    fed(drift, np.resize(QUIET[QUIET <= 7.5], int(days * DAY_S / step_s)), step_s, is_alarm=False)
    before = list(drift.recent)
    behind = fed(drift, np.full(int(0.9 * DAY_S / step_s), 30.0), step_s, days * DAY_S, is_alarm=True)
    assert list(behind.recent) == before
    fed(drift, np.full(int(0.2 * DAY_S / step_s), 30.0), step_s, (days + 0.9) * DAY_S, is_alarm=True)
    assert 30.0 in drift.recent


def test_frames_behind_a_gap_are_no_more_than_those_of_any_other_time():
    drift = fed(Drift((7.5, 9.0), QUIET, HOUR_S), np.full(1, 4.0), 1.0)
    fed(drift, np.full(200, 5.0), 0.04, DAY_S)
    assert list(drift.recent).count(5.0) <= 2  # of 200: the first, and the one that the time is counted from


# How long the memory has to be


def levels_of_days(seed: int, n: int, day: float, depth: float) -> np.ndarray:
    """Levels (n,) whose noise goes up and down within so many samples."""
    swing = 1 + depth * np.sin(2 * np.pi * np.arange(n) / day)
    return (swing * np.random.default_rng(seed).gumbel(4.0, 0.8, n)).astype(np.float32)


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 99), st.floats(500, 1500), st.floats(0.4, 0.9))
def test_thresholds_hardly_move_where_levels_go_up_and_down_as_those_of_the_quiet_data_do(seed, day, depth):
    """So following finds what eval finds, whatever the period is and at whatever time it begins."""
    low, step_s = 12.0, 60.0
    quiet = levels_of_days(seed, 24_000, day, depth)
    memory_s = steady_memory_s(quiet[quiet <= low], step_s, low, HOUR_S)
    drift, lows = Drift((low, 14.0), quiet, memory_s), []
    apart = max(1, round(memory_s / step_s / KEPT))  # so that two memories pass
    for level in levels_of_days(seed + 100, 800 * apart, day, depth)[::apart].tolist():
        fed(drift, np.array([level]), memory_s / KEPT, len(lows) * memory_s / KEPT)
        lows.append(drift.low)
    assert np.sqrt(np.mean(np.square(np.array(lows) / low - 1))) < 2 * STEADY


def test_thresholds_hardly_move_where_levels_are_means_over_windows():
    """So a method that judges windows finds what eval finds; with the memory that is asked for they do."""
    low, step_s, window, moves = 3.3, 60.0, 32, {"asked": [], "telling": []}
    for seed in range(3):
        random = np.random.default_rng(seed)
        drawn = (random.standard_normal(n + window - 1) for n in (3000, 4000))
        quiet, new = (1.2 + 0.6 * np.convolve(one, np.ones(window) / window**0.5, "valid") for one in drawn)
        for name, memory_s in (("asked", HOUR_S), ("telling", telling_s(quiet, step_s))):
            drift, lows = Drift((low, 4.0), quiet.astype(np.float32), memory_s), []
            for i, level in enumerate(new.tolist()):
                fed(drift, np.array([level]), step_s, i * step_s)
                lows.append(drift.low)
            moves[name].append(np.sqrt(np.mean(np.square(np.array(lows) / low - 1))))
    assert np.mean(moves["telling"]) < STEADY
    assert np.mean(moves["asked"]) > 1.3 * STEADY


def test_levels_that_have_nothing_to_do_with_each_other_ask_for_no_longer_memory_and_a_trend_tells_nothing():
    steady = np.random.default_rng(0).gumbel(4.0, 0.5, 4000)
    assert telling_s(steady, 12.0) < KEPT * 12.0
    assert telling_s(steady * np.linspace(0.2, 3, 4000), 12.0) == 0.0
    assert telling_s(np.repeat(steady[:400], 10), 1.0) == pytest.approx(1000 * 1.0, rel=0.2)
    assert telling_s(np.zeros(0), 1.0) == 0.0
    assert telling_s(np.ones(500), 1.0) == telling_s(np.ones(1), 1.0) == pytest.approx(100.0)


def test_the_memory_is_as_asked_for_where_quiet_data_are_steady_or_too_short_to_tell_and_their_span_where_they_drift():
    steady = np.random.default_rng(0).gumbel(4.0, 0.5, 4000)
    assert steady_memory_s(steady, 12.0, 8.0, HOUR_S) == HOUR_S
    days = levels_of_days(0, 4000, 600, 0.8)
    assert steady_memory_s(days[:700], 12.0, 10.0, HOUR_S) == HOUR_S
    rises = steady * np.linspace(0.5, 1.5, 4000)
    assert steady_memory_s(rises, 12.0, 9.0, HOUR_S) == 4000 * 12.0
    assert steady_memory_s(days, 2.0, 10.0, 500.0) in (1000.0, 2000.0)  # of days that last for 1200 s
