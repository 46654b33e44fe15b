"""Tracks that are one happening: as an oracle has it frame by frame, and alike in eval and on a stream."""

import json
from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import EvalConfig
from inference.alarms.alarm_log import AlarmLog
from inference.alarms.album import Album
from inference.calibration.noise import NoiseModel
from inference.calibration.thresholds import Calibration
from inference.events.boxes import Box
from inference.events.events import CAMERA, Event, EventLinker
from inference.events.joining import together
from inference.events.joining.together import Together, group_distance_px
from inference.follow.events import MOST_MOMENTS, LiveEvents
from inference.follow.records import JsonLines
from inference.job import Job
from inference.results.results import Results
from tests.support.reels import make_reel

SIDE, FRAMES, CADENCE_S, GAP_S = 48, 40, 10.0, 300.0
SETTINGS = EvalConfig(
    threshold_low=1.0, threshold_high=4.0, group_distance_px=5.0, link_gap_frames=1, link_distance_px=4.0,
    follow_memory_s=0.0,
)  # fmt: skip
NAMES = ["frame_start", "frame_peak", "frame_end", "n_frames", "x0", "y0", "x1", "y1", "peak_score", "mean_score"]


def box(x: int, y: int, peak: float, level: str = "low") -> Box:
    if level == CAMERA:
        return Box(0, 0, SIDE, SIDE, SIDE / 2, SIDE / 2, peak, peak, SIDE * SIDE, CAMERA, instrument="frozen")
    return Box(x, y, x + 3, y + 3, x + 1.5, y + 1.5, peak, peak / 2, 9, level)


def walk(seed: int) -> list[list[Box]]:
    """Boxes of frames: a few things that come, walk, pause and go, and now and then a frozen picture."""
    random = np.random.default_rng(seed)
    frames: list[list[Box]] = [[] for _ in range(FRAMES)]
    for _ in range(random.integers(1, 8)):
        place, step = random.uniform(0, SIDE - 4, 2), random.uniform(-2, 2, 2)
        first = int(random.integers(0, FRAMES))
        for frame in range(first, min(first + int(random.integers(1, 25)), FRAMES)):
            place = np.clip(place + step, 0, SIDE - 4)
            if random.random() < 0.7:
                frames[frame].append(box(*place.astype(int).tolist(), float(random.uniform(1, 9))))
    for frame in np.flatnonzero(random.random(FRAMES) < 0.05):
        frames[frame].append(box(0, 0, 1.0, CAMERA))
    return frames


def times(seed: int) -> np.ndarray:
    """Seconds of the frames, with a gap where the seed has one."""
    times_s = CADENCE_S * np.arange(FRAMES)
    times_s[10 + seed % 60 :] += GAP_S
    return times_s


def are_near(a: Event, b: Event, times_s: np.ndarray, linker: EventLinker, distance_px: float) -> bool:
    dx, dy = max(a.x0 - b.x1, b.x0 - a.x1, 0), max(a.y0 - b.y1, b.y0 - a.y1, 0)
    first, second = sorted((a, b), key=lambda e: e.frame_start)
    missed = second.frame_start - first.frame_end - 1
    later_s = times_s[second.frame_start] - times_s[first.frame_end]
    return dx * dx + dy * dy <= distance_px**2 and missed <= linker.max_gap_frames and later_s <= linker.max_gap_s


def merged(groups: list[set[int]], pairs: set[frozenset[int]]) -> list[set[int]]:
    for a, b in combinations(groups, 2):
        if any(frozenset((i, j)) in pairs for i in a for j in b):
            return merged([g for g in groups if g not in (a, b)] + [a | b], pairs)
    return groups


def families_of_oracle(frames: list[list[Box]], times_s: np.ndarray, linker: EventLinker) -> list[set[int]]:
    """Every pair of every frame is looked at; what no open track is near to leaves at once."""
    over: dict[int, Event] = {}
    found: list[set[int]] = []
    for frame, boxes in [*enumerate(frames), (FRAMES, None)]:
        closed = linker.finish() if boxes is None else linker.push(frame, boxes, times_s[frame])
        found += [{event.event} for event in closed if event.level == CAMERA]
        over |= {event.event: event for event in closed if event.level != CAMERA}
        near = {
            frozenset((a, b))
            for a, b in combinations(over, 2)
            if are_near(over[a], over[b], times_s, linker, SETTINGS.group_distance_px)
        }
        still = [track.event() for track in linker._open if not track.of_frames]
        for group in merged([{number} for number in over], near):
            held = [(over[n], e) for n in group for e in still]
            if not any(are_near(a, b, times_s, linker, SETTINGS.group_distance_px) for a, b in held):
                found.append(group)
                over = {number: event for number, event in over.items() if number not in group}
    return found


def linker_of(min_frames: int) -> EventLinker:
    return EventLinker(1, 4.0, min_frames, max_gap_s=2.5 * CADENCE_S)


def families(frames: list[list[Box]], times_s: np.ndarray, linker: EventLinker) -> list[set[int]]:
    by = Together(SETTINGS.group_distance_px, linker, times_s.item)
    found = []
    for frame, boxes in enumerate(frames):
        found += by.push(linker.push(frame, boxes, times_s[frame]))
    found += by.finish(linker.finish())
    assert by.finish([]) == []
    return [{event.event for event in family} for family in found]


@settings(max_examples=40)
@given(st.integers(0, 2**20), st.integers(1, 3))
def test_families_are_those_of_the_oracle(seed, min_frames):
    frames, times_s = walk(seed), times(seed)
    found = families(frames, times_s, linker_of(min_frames))
    expected = families_of_oracle(frames, times_s, linker_of(min_frames))
    assert sorted(map(sorted, found)) == sorted(map(sorted, expected))


def test_what_comes_near_after_it_was_over_is_another_happening():
    """One thing stands still for a while, another comes from far away and passes there, soon or long after."""
    for comes, count in ((4, 1), (20, 2)):
        frames = [[box(40, 10, 2.0)] if frame < 6 else [] for frame in range(FRAMES)]
        for frame, boxes in enumerate(frames):
            boxes.append(box(2 if frame < comes else min(2 + 3 * (frame - comes + 1), 44), 10, 3.0))
            if frame < 30 and comes == 4:
                boxes.append(box(36, 10, 1.5))  # beside the first for so long
        found = families(frames, CADENCE_S * np.arange(FRAMES), linker_of(1))
        assert len(found) == count


def test_what_goes_on_for_ever_is_told_in_pieces(monkeypatch):
    monkeypatch.setattr(together, "MOST_PARTS", 5)
    frames = [[box(20, 20, 2.0)] + [box(24, 26, 2.0)] * (frame % 4 == 0) for frame in range(FRAMES)]
    found = families(frames, CADENCE_S * np.arange(FRAMES), EventLinker(1, 4.0))
    assert max(map(len, found)) == 5
    assert sum(map(len, found)) == 1 + FRAMES // 4


class Told:
    """Records of a stream."""

    def __init__(self) -> None:
        self.records: list[dict] = []

    def write(self, kind: str, facts: dict, keep: bool = True) -> None:
        self.records.append({"type": kind} | facts)


@pytest.fixture(scope="module")
def reel(tmp_path_factory):
    return make_reel(tmp_path_factory.mktemp("reel") / "cam", np.zeros((FRAMES, 1, SIDE, SIDE), np.float32), CADENCE_S)


def job_of(reel, chosen: EvalConfig) -> Job:
    noise = NoiseModel(np.zeros((SIDE, SIDE)), np.ones((SIDE, SIDE)))
    calibration = Calibration(noise, np.linspace(0, 1, 100).astype(np.float32))
    identity = {"weights_sha256": "0" * 64, "reel": "0" * 64, "settings": {}}
    return Job(reel, None, calibration, 1.0, 4.0, chosen, identity, reel.path)  # pyright: ignore


@settings(max_examples=12)  # each event is told twice
@given(st.integers(0, 2**20), st.integers(1, 3), st.sampled_from([0.0, 2.0, 8.0]))
def test_a_stream_has_the_events_of_eval_and_every_number_comes_to_an_end(reel, seed, min_frames, distance_px):
    chosen = replace(SETTINGS, min_frames=min_frames, group_distance_px=distance_px)
    job, told = job_of(reel, chosen), Told()
    results, live = Results(reel, chosen), LiveEvents(job, told, None)
    for frame, boxes in enumerate(walk(seed)):
        results.add(frame, np.zeros((SIDE, SIDE)), boxes, 0.0)
        live.add(frame, boxes, 0.0, float(reel.times_s[frame]))
        assert len(live.moments) <= MOST_MOMENTS * (1 + len(live.linker.open_tracks) + len(live.waiting))
    live.finish()
    of = {kind: [r for r in told.records if r["type"] == kind] for kind in ("open", "closed")}
    expected = results.event_table(job.high, job.identity)[[*NAMES, "parts"]]
    closed = pd.DataFrame(of["closed"], columns=[*NAMES, "parts"])
    ours, theirs = (t.sort_values([*NAMES]).reset_index(drop=True) for t in (closed, expected))
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-9)
    ended = Counter(n for r in of["closed"] for n in (r["event"], *r.get("joined", [])))
    assert ended == Counter(r["event"] for r in of["open"])
    assert live.count == len(expected)
    assert not live.numbers


def bridge() -> list[list[Box]]:
    """Two things 20 px apart, and a third between them that comes later and is near to both."""
    frames = [[box(4, 10, 2.0), box(24, 10, 3.0)] for _ in range(20)]
    for boxes in frames[8:12]:
        boxes.append(Box(9, 10, 22, 13, 15.0, 11.5, 1.5, 1.2, 39, "low"))
    return [*frames, *([] for _ in range(FRAMES - 20))]


def test_two_that_opened_and_become_one_are_named_by_it_and_leave_no_clip_behind(reel, tmp_path):
    job, album = job_of(reel, SETTINGS), Album(None, 4, 8.0, tmp_path)  # pyright: ignore
    records = JsonLines(tmp_path / "events.jsonl")
    album.picture = lambda: b""  # type: ignore[method-assign]
    album.clip = lambda event: album._clips.pop(event) and b""  # type: ignore[method-assign]
    live = LiveEvents(job, AlarmLog(records, [Outboxes()], album, "s"), None)  # type: ignore[list-item]
    for frame, boxes in enumerate(bridge()):
        album._last.append(None)  # type: ignore[arg-type]
        live.add(frame, boxes, 0.0, float(reel.times_s[frame]))
        if frame == 2:
            assert len(album._clips) == 2
    live.finish()
    records.close()
    assert not album._clips
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    (closed,) = [r for r in lines if r["type"] == "closed"]
    assert (closed["event"], closed["joined"], closed["parts"]) == (1, [2], 3)
    assert live.count == 1


class Outboxes:
    """An outbox that takes everything."""

    def put(self, alarm: dict) -> None:
        """Nothing."""


def test_variables_of_a_series_are_not_near_each_other(tmp_path):
    series = make_reel(tmp_path / "s", np.zeros((FRAMES, 2, 1, 1), np.float32), CADENCE_S)
    assert group_distance_px(series, SETTINGS) == 0.0
