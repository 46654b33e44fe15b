import json
import math
import tracemalloc
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from config import load
from data.reel.gaps import longest_step_s
from inference.events.boxes import Box
from inference.events.events import CAMERA, EventLinker, _pairs
from inference.events.tables import COLUMNS, events_json, events_table, write_events
from tests.support import oracles


def box(x0, y0, width=4, height=4, peak=1.0, level="low", mean=0.5):
    return Box(x0, y0, x0 + width, y0 + height, x0 + width / 2, y0 + height / 2, peak, mean, width * height, level)


def run(frames, **settings):
    """All events of {frame: boxes}, in the order of their start."""
    linker = EventLinker(**settings)
    events = [event for frame in sorted(frames) for event in linker.push(frame, frames[frame])]
    return sorted(events + linker.finish(), key=lambda e: e.event)


@st.composite
def placings(draw):
    """Boxes of one pixel, some of which say where their cause is: (frame, peak, places) in the order of time."""
    frames = np.cumsum(draw(st.lists(st.integers(1, 5), min_size=1, max_size=12))).tolist()
    return [(frame, draw(st.floats(1, 9)), draw(st.booleans())) for frame in frames]


@given(placings())
def test_an_event_lasts_from_the_first_box_that_places_it_to_the_last(found):
    boxes = {frame: [replace(box(0, 0, 1, 1, peak, mean=peak), places=places)] for frame, peak, places in found}
    placed = run(boxes, max_gap_frames=2)
    plain = run({frame: [replace(one, places=True) for one in some] for frame, some in boxes.items()}, max_gap_frames=2)
    assert [(e.frame_peak, e.peak_score, e.level) for e in placed] == [
        (e.frame_peak, e.peak_score, e.level) for e in plain
    ]
    for event, whole in zip(placed, plain, strict=True):
        own = [one for one in found if whole.frame_start <= one[0] <= whole.frame_end]
        where = {frame for frame, _, places in own if places}
        where = where | {whole.frame_peak} if where else {frame for frame, *_ in own}
        assert (event.frame_start, event.frame_end) == (min(where), max(where))
        within = [peak for frame, peak, _ in own if event.frame_start <= frame <= event.frame_end]
        assert event.n_frames == len(within)
        assert event.mean_score == pytest.approx(np.mean(within), rel=1e-9)


def spans(events):
    return [(e.frame_start, e.frame_peak, e.frame_end, e.n_frames) for e in events]


@st.composite
def scenes(draw):
    """A few frames with up to three boxes of random place and size; floats from a seed, so that nothing ties."""
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    size = draw(st.sampled_from([8, 16]))
    frames = {}
    for frame in np.cumsum(draw(st.lists(st.integers(1, 3), min_size=1, max_size=6))).tolist():
        corners = rng.integers(0, size, (rng.integers(0, 4), 2)).tolist()
        sizes = rng.integers(1, 8, (len(corners), 2)).tolist()
        peaks = np.sort(rng.random(len(corners)))[::-1].tolist()
        frames[frame] = [
            Box(x, y, x + w, y + h, x + w * rng.random(), y + h * rng.random(), peak, peak / 2, w * h, "low")
            for (x, y), (w, h), peak in zip(corners, sizes, peaks, strict=True)
        ]
    return frames


@settings(max_examples=200)
@given(frames=scenes(), max_gap_frames=st.integers(0, 2), max_distance_px=st.sampled_from([0, 3, 10]))
def test_equals_trying_every_assignment(frames, max_gap_frames, max_distance_px):
    events = run(frames, max_gap_frames=max_gap_frames, max_distance_px=max_distance_px)
    try:
        tracks = oracles.link(frames, max_gap_frames, max_distance_px)
    except oracles.Tie:
        reject()
    assert [e.event for e in events] == list(range(1, len(tracks) + 1))
    for event, track in zip(events, tracks, strict=True):
        boxes = [b for _, b in track]
        peak_frame, peak = max(track, key=lambda pair: pair[1].peak)
        assert spans([event]) == [(track[0][0], peak_frame, track[-1][0], len(track))]
        assert (event.x, event.y, event.area_px, event.peak_score) == (peak.x, peak.y, peak.area, peak.peak)
        assert (event.x0, event.y0) == (min(b.x0 for b in boxes), min(b.y0 for b in boxes))
        assert (event.x1, event.y1) == (max(b.x1 for b in boxes), max(b.y1 for b in boxes))
        assert event.mean_score == pytest.approx(np.average([b.mean for b in boxes], weights=[b.area for b in boxes]))


@given(st.integers(1, 6), st.booleans(), st.randoms(use_true_random=False))
def test_one_track_or_one_box_gets_what_all_assignments_give(others, is_track, random):
    worth = np.array([[random.choice([0.0, 0.5, 0.5, 1.25]) for _ in range(others)]])
    worth = worth if is_track else worth.T
    assert list(_pairs(worth)) == list(zip(*linear_sum_assignment(worth, maximize=True), strict=True))


@given(frames=scenes())
def test_every_box_belongs_to_exactly_one_event(frames):
    assert sum(e.n_frames for e in run(frames)) == sum(len(boxes) for boxes in frames.values())


@given(frames=st.sets(st.integers(0, 40), min_size=1), max_gap_frames=st.integers(0, 4))
def test_gaps_up_to_the_limit_are_bridged(frames, max_gap_frames):
    ordered = sorted(frames)
    breaks = [0, *(np.flatnonzero(np.diff(ordered) > max_gap_frames + 1) + 1).tolist(), len(ordered)]
    expected = [(ordered[a], ordered[b - 1], b - a) for a, b in pairwise(breaks)]
    pushed = {frame: [box(0, 0)] if frame in frames else [] for frame in range(42)}
    found = run(pushed, max_gap_frames=max_gap_frames)
    assert [(e.frame_start, e.frame_end, e.n_frames) for e in found] == expected
    assert found == run({f: [box(0, 0)] for f in frames}, max_gap_frames=max_gap_frames)  # unpushed frames are no boxes


def test_an_event_is_returned_when_it_can_no_longer_go_on():
    linker = EventLinker(max_gap_frames=1)
    assert linker.push(0, [box(0, 0)]) == []
    assert linker.push(1, []) == linker.push(2, []) == []
    [event] = linker.push(3, [])
    assert (event.frame_start, event.frame_end) == (0, 0)
    assert linker.finish() == []


def test_a_gap_in_time_ends_an_event_between_neighbouring_frames():
    linker = EventLinker(max_gap_frames=5, max_gap_s=60)
    linker.push(0, [box(0, 0)], time_s=0.0)
    assert linker.push(1, [box(0, 0)], time_s=60.0) == []
    [event] = linker.push(2, [box(0, 0)], time_s=121.0)
    assert event.frame_end == 1
    with pytest.raises(ValueError, match="needs a time"):
        linker.push(3, [])


@dataclass
class Paced:
    """Of a reel what linking asks for."""

    cadence_s: float
    is_series: bool = False

    @property
    def meta(self):
        return {"gap_threshold": 3.0}


@given(st.integers(0, 4), st.sampled_from([0.99, 1.01]), st.sampled_from([0.04, 12.0]))
def test_of_a_reel_what_lasts_longer_than_the_frames_bridged_is_not_bridged(gap_frames, part, cadence_s):
    """As long as the frames of a gap, and the step behind it, may last without a gap in the recording."""
    linker = EventLinker.of(Paced(cadence_s), load(None, {"eval.link_gap_frames": gap_frames}).eval)
    pause_s = part * (gap_frames + 1) * longest_step_s(cadence_s, 3.0)
    over = linker.push(0, [box(0, 0)], 0.0) + linker.push(1, [box(0, 0)], pause_s)
    assert len(over) == (part > 1)


@given(st.integers(0, 5), st.sampled_from([0.0, 4.0, 240.0]), st.sampled_from([2.0, 12.0, 900.0]), st.integers(1, 130))
def test_a_gap_in_seconds_is_bridged_at_any_cadence(frames, seconds, cadence_s, missing):
    settings = load(None, {"eval.link_gap_frames": frames, "eval.link_gap_s": seconds}).eval
    linker = EventLinker.of(Paced(cadence_s), settings)
    last = missing + 1
    over = linker.push(0, [box(0, 0)], 0.0) + linker.push(last, [box(0, 0)], last * cadence_s)
    assert (len(over) == 0) == (missing <= frames or missing * cadence_s <= seconds)


def test_distance_links_boxes_that_do_not_overlap():
    frames = {0: [box(0, 0)], 1: [box(6, 0)]}
    assert spans(run(frames, max_distance_px=6)) == [(0, 0, 1, 2)]
    assert len(run(frames, max_distance_px=5.9)) == 2


def test_overlap_beats_nearness():
    frames = {0: [box(0, 0, 20, 20)], 1: [box(12, 12, 2, 2, peak=0.9), box(21, 8, 2, 2, peak=0.8)]}
    first, second = run(frames, max_distance_px=50)
    assert (first.x1, first.n_frames, second.x0) == (20, 2, 21)


def test_a_split_goes_on_where_the_overlap_is_larger():
    frames = {0: [box(0, 0, 10, 4)], 1: [box(8, 0, 2, 4, peak=0.9), box(0, 0, 6, 4, peak=0.5)]}
    first, second = run(frames)
    assert (first.frame_start, first.n_frames) == (0, 2)
    assert (second.frame_start, second.x0) == (1, 8)


def test_a_merge_extends_the_stronger_and_the_weaker_may_come_back():
    weak, strong, both = box(0, 0, 10, 4, peak=1), box(12, 0, 4, 4, peak=5), box(0, 0, 16, 4, peak=3)
    first, second = run({0: [strong, weak], 1: [both], 2: [strong, weak]})
    assert (first.peak_score, first.n_frames, first.x0) == (5, 3, 0)
    assert (second.peak_score, second.n_frames, second.x1) == (1, 2, 10)


def test_of_two_strong_tracks_each_gets_one_of_two_merged_boxes():
    strong, stronger = box(10, 10, peak=3), box(14, 10, peak=5)
    wide, tall = box(0, 0, 30, 28, peak=1), box(0, 0, 28, 30, peak=0.5)
    events = run({0: [strong, stronger, wide, tall], 1: [wide, tall]})
    assert {e.peak_score: e.n_frames for e in events} == {3: 2, 5: 2, 1: 1, 0.5: 1}


def test_a_strong_event_that_fades_does_not_take_its_neighbours_box():
    strong, neighbour = box(0, 0, 10, 4, peak=5), box(8, 0, 10, 4, peak=1)
    first, second = run({0: [strong, neighbour], 1: [neighbour], 2: [neighbour]})
    assert (first.frame_end, second.frame_end) == (0, 2)


def test_one_high_box_makes_the_event_high():
    frames = {0: [box(0, 0)], 1: [box(0, 0, level="high")], 2: [box(0, 0)]}
    assert [e.level for e in run(frames)] == ["high"]
    assert [e.level for e in run({0: [box(0, 0)]})] == ["low"]


def test_min_frames_drops_blips():
    frames = {0: [box(0, 0), box(50, 50)], 1: [box(0, 0)]}
    assert spans(run(frames, min_frames=2)) == [(0, 0, 1, 2)]


def test_frames_must_increase_and_settings_must_make_sense():
    linker = EventLinker()
    linker.push(3, [])
    with pytest.raises(ValueError, match="frame 3 after frame 3"):
        linker.push(3, [])
    for impossible in ({"max_gap_frames": -1}, {"max_distance_px": -1}, {"min_frames": 0}, {"max_gap_s": 0}):
        with pytest.raises(ValueError, match="must be"):
            EventLinker(**impossible)


def test_memory_does_not_grow_with_the_number_of_frames():
    def growth(count):
        tracemalloc.start()
        linker = EventLinker()
        for frame in range(count):
            linker.push(frame, [box(0, 0)])  # one event that never ends
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return held

    growth(10)  # lazy imports and caches
    assert growth(4000) < growth(100) + 4096


@pytest.fixture
def events():
    frames = {f: [box(0, 0, peak=p, level="high")] for f, p in ((2, 1.0), (3, 4.0), (4, 2.0))}
    return run(frames | {9: [box(30, 30)]})


def test_table_with_both_clocks(events):
    utc = np.datetime64("2012-07-19T05:58:00.000") + np.arange(10) * np.timedelta64(12_340, "ms")
    table = events_table(reversed(events), np.arange(10) * 12.34, utc)
    assert tuple(table.columns) == COLUMNS
    assert table["event"].tolist() == [1, 2]
    first = table.iloc[0]
    assert (first.t_start, first.t_peak) == ("2012-07-19T05:58:24.680", "2012-07-19T05:58:37.020")
    assert (first.time_start_s, first.time_end_s) == pytest.approx((24.68, 49.36))
    assert (first.frame_start, first.frame_peak, first.frame_end, first.n_frames) == (2, 3, 4, 3)
    assert (first.x, first.y, first.area_px, first.peak_score, first.level) == (2.0, 2.0, 16, 4.0, "high")


def test_table_numbers_events_anew_when_some_were_dropped(events):
    assert events_table(events[1:])["event"].tolist() == [1]


def test_table_without_clocks_and_without_events(events):
    table = events_table(events)
    assert (table[["t_start", "t_peak", "t_end"]] == "").all(axis=None)
    assert table[["time_start_s", "time_peak_s", "time_end_s"]].isna().all(axis=None)
    some_unknown = events_table(events, None, ["2012-07-19T00:00:00"] * 5 + ["NaT"] * 5)
    assert some_unknown["t_end"].tolist() == ["2012-07-19T00:00:00.000", ""]
    empty = events_table([], np.arange(3.0), np.full(3, np.datetime64("2012-07-19", "ms")))
    assert (len(empty), tuple(empty.columns)) == (0, COLUMNS)


def test_json_is_strict_and_keeps_the_numbers(events):
    table = events_table(events, np.arange(10.0))
    extra = {"threshold": np.float32(0.5), "missing": math.nan, "shape": (1, np.int64(2)), "deep": {"inf": [math.inf]}}
    read = json.loads(events_json(table, extra), parse_constant=pytest.fail)
    assert {key: read[key] for key in extra} == {
        "threshold": 0.5,
        "missing": None,
        "shape": [1, 2],
        "deep": {"inf": [None]},
    }
    assert read["events"][0]["frame_peak"] == 3
    assert read["events"][0]["t_start"] is None
    assert [row["peak_score"] for row in read["events"]] == table["peak_score"].tolist()
    with pytest.raises(ValueError, match="'events'"):
        events_json(table, {"events": []})


def test_files_hold_the_table_and_leave_no_part(events, tmp_path):
    table = events_table(events, np.arange(10.0))
    write_events(tmp_path, table, {"model": "m"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["events.csv", "events.json"]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "events.csv", keep_default_na=False), table)
    assert json.loads((tmp_path / "events.json").read_text())["model"] == "m"


def test_a_failed_write_leaves_the_old_file(events, tmp_path):
    table = events_table(events)
    write_events(tmp_path, table, {"version": 1})
    with pytest.raises(TypeError):
        write_events(tmp_path, table, {"version": object()})
    assert json.loads((tmp_path / "events.json").read_text())["version"] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["events.csv", "events.json"]


def whole_frame(kind):
    return Box(0, 0, 40, 40, 19.5, 19.5, 3.0, 1.0, 1600, CAMERA, kind)


@settings(max_examples=200)
@given(
    frames=scenes(), seed=st.integers(0, 2**16), kinds=st.lists(st.sampled_from(["frozen", "missing data"]), max_size=9)
)
def test_frames_that_are_the_cameras_change_no_event_of_the_scene(frames, seed, kinds):
    """Lost frames put between those of a scene: its events are the same ones, later."""
    before = run(frames, max_gap_frames=1)
    places = np.random.default_rng(seed).integers(0, 20, len(kinds))
    later = {f: f + int((places < f).sum()) for f in range(40)}
    taken = {later[f] for f in range(40)}
    lost = sorted(set(range(max(taken))) - taken)
    spoilt = {later[f]: boxes for f, boxes in frames.items()}
    spoilt |= {f: [whole_frame(kind)] for f, kind in zip(lost, kinds, strict=False)}
    after = run(spoilt, max_gap_frames=1)
    scene = [e for e in after if e.level != CAMERA]
    assert [(e.frame_start, e.frame_end, e.x0, e.x1, e.peak_score) for e in scene] == [
        (later[e.frame_start], later[e.frame_end], e.x0, e.x1, e.peak_score) for e in before
    ]
    camera = [e for e in after if e.level == CAMERA]
    assert {r for e in camera for r in e.reasons} == set(kinds[: len(lost)])
    assert sum(e.n_frames for e in camera) == len(kinds)


def test_one_frame_of_the_cameras_is_an_event_of_its_kind():
    frames = {3: [whole_frame("frozen")], 4: [whole_frame("frozen")], 5: [whole_frame("scene cut"), box(1, 1)], 20: []}
    events = run(frames, min_frames=2)
    assert [(e.reasons, e.frame_start, e.frame_end, e.level) for e in events] == [
        (("frozen",), 3, 4, CAMERA),
        (("scene cut",), 5, 5, CAMERA),
    ]


def standing(tracks: list[tuple[int, Box]], _later: int) -> np.ndarray:
    """A Sun that stands still."""
    return np.zeros((len(tracks), 2))


signs = st.lists(st.sampled_from(["brighter", "darker"]), min_size=1, max_size=12)


@given(signs)
def test_on_the_sun_light_that_comes_and_light_that_goes_are_tracks_of_their_own(changes):
    """At one place, however often they take turns within a gap; elsewhere the signs of a box say nothing."""
    frames = {n: [replace(box(5, 5), change=change)] for n, change in enumerate(changes)}
    found = run(frames, max_gap_frames=12, drift=standing)
    assert sorted((e.change, e.n_frames) for e in found) == sorted((c, changes.count(c)) for c in set(changes))
    assert [e.n_frames for e in run(frames, max_gap_frames=12)] == [len(changes)]


@given(scenes())
def test_signs_that_are_not_told_change_nothing_on_the_sun(frames):
    assert run(frames, drift=standing) == run(frames)
