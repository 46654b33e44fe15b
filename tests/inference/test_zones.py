"""Zones: where events are looked for, what they are called by, and that an ignored place decides no threshold."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import main
from config import ConfigError, load
from config.sections.eval import Zone
from data.disk.damage import Damaged
from inference.export.export import write_calibrations
from inference.export.exported import Exported
from inference.export.precision import PRECISIONS
from inference.follow.stream import training_reel
from inference.runner.bundle import Bundle
from inference.scorers.load import load_scorer
from inference.scorers.on_quiet import QuietScorer
from inference.zones import named_zones, outlines, own_places, watched_places
from tests.support.no_pictures import without_pictures
from tests.support.streams import FPS, HEIGHT, WIDTH, followed, plain, write

FRAMES = 160
DOOR = {"name": "door", "polygon": [[1, 1], [14, 1], [14, 14], [1, 14]], "kind": "named"}
LAMP = {"name": "lamp", "polygon": [[18, 12], [33, 12], [33, 25], [18, 25]], "kind": "ignore"}


def seen(height=20, width=30, to_source=None, source=(20, 30)) -> Any:
    return SimpleNamespace(
        is_series=False, shape=(9, 1, height, width), to_source=to_source, meta={"source_shape": source}
    )


CORNERS = st.lists(st.tuples(st.integers(-5, 34), st.integers(-5, 24)), min_size=3, max_size=7, unique=True)


@given(CORNERS, st.sampled_from([1.0, 2.0, 3.5]), st.sampled_from(["only", "ignore"]))
def test_places_are_those_of_another_implementation(corners, scale, kind):
    """OpenCV's own test of points, but for those on an edge."""
    maps = np.array([[[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]]])
    outline = np.array(cv2.convexHull(np.array(corners, np.float32))[:, 0] * scale, np.float32)
    y, x = np.indices((20, 30))
    points = np.stack([x.ravel(), y.ravel(), np.ones(600)])
    away = np.array([cv2.pointPolygonTest(outline, p, True) for p in (maps[0] @ points).T.tolist()]).reshape(20, 30)
    if cv2.contourArea(outline) < 1 or not (away > 0.01 if kind == "only" else away < -0.01).any():
        return
    zone = Zone("z", tuple(map(tuple, outline.tolist())), kind)
    watched = watched_places([zone], seen(to_source=maps))
    assert watched is not None
    sure = np.abs(away) > 1e-3 * scale
    assert (watched == ((away > 0) == (kind == "only")))[sure].all()
    place = pd.DataFrame({"source_x": (maps[0] @ points)[0], "source_y": (maps[0] @ points)[1]})
    named = np.array(named_zones([zone], place)).reshape(20, 30) == "z"
    assert (named == (away > 0))[sure].all()


def test_an_outline_lies_on_the_polygon():
    maps = np.array([[[2.0, 0, 0.5], [0, 2.0, 0.5]]])
    zone = Zone("z", ((4.0, 4.0), (40.0, 4.0), (40.0, 30.0)))
    points = outlines([zone], seen(to_source=maps))
    in_source = points @ maps[0][:, :2].T + maps[0][:, 2]
    contour = np.array(zone.polygon, np.float32)
    assert max(abs(cv2.pointPolygonTest(contour, p, True)) for p in in_source.tolist()) < 1e-3
    assert len(points) > 40


def scene(flashes=()):
    """Frames of a still room with a lamp at the lower right that flares up now and then; flashes: (frame, x, y)."""
    random = np.random.default_rng(3)
    frames = np.linspace(60, 120, WIDTH) + random.normal(0, 2, (FRAMES, HEIGHT, WIDTH))
    bump = np.outer(*[np.hanning(9)[1:-1]] * 2)
    for first in range(17, FRAMES, 13):
        frames[first : first + 2, 15:22, 22:29] += 120 * bump
    for first, x, y in flashes:
        frames[first : first + 4, y : y + 7, x : x + 7] += 60 * bump
    return np.clip(frames, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zones")
    write(folder / "raw" / "quiet.mkv", scene())
    write(folder / "new" / "gate.mkv", scene([(54, 4, 4), (134, 20, 3)]))
    told = plain(folder) | {"model": {"name": "difference"}, "train": {}, "eval": {}}
    told["eval"] = {"false_alarms_per_hour": 2000.0, "common_mode": False}
    (folder / "c.yaml").write_text(json.dumps(told))
    for mode in ("prep", "train"):
        assert main.main(["-m", mode, "-c", str(folder / "c.yaml")]) == 0
    new = ["--data-raw", str(folder / "new"), "--data-clips", str(folder / "watched")]
    assert main.main(["-m", "prep", "-c", str(folder / "c.yaml"), *new]) == 0
    return folder


def found_in(work, zones):
    """Events of the new film."""
    args = ["-m", "eval", "-c", str(work / "c.yaml"), "--data-clips", str(work / "watched")]
    with without_pictures():
        assert main.main([*args, "--set", f"eval.zones={json.dumps(zones)}"]) == 0
    return pd.read_csv(work / "run" / "eval" / "gate" / "events.csv", keep_default_na=False)


def summary_of(work):
    return json.loads((work / "run" / "eval" / "gate" / "summary.json").read_text())


def levels_of(work, zones):
    """The levels (N,) of the quiet frames."""
    settings = load(work / "c.yaml", {"eval.zones": zones}).eval
    scorer, _ = load_scorer(work / "run", "cpu", settings)
    return scorer.calibration(work / "run", training_reel(work / "run"), settings).levels


def test_what_is_ignored_gives_no_event_and_decides_no_threshold(work):
    everywhere, told_everywhere = found_in(work, []), summary_of(work)
    events, told = found_in(work, [DOOR, LAMP]), summary_of(work)
    at_door, watched_h = int((events.zone[events.instrument == ""] == "door").sum()), FRAMES / FPS / 3600
    assert at_door > 0
    assert told["zones"] == {"door": {"events": at_door, "events_per_hour": pytest.approx(at_door / watched_h)}}
    assert "zones" not in told_everywhere
    assert not ((events.source_x > 20) & (events.source_y > 14)).any()
    flashes = [(row.frame_start, row.zone) for row in events.itertuples() if row.frame_start in (54, 134)]
    assert flashes == [(54, "door"), (134, "")]
    assert "zone" not in everywhere
    all_levels, levels = (levels_of(work, zones) for zones in ([], [DOOR, LAMP]))
    assert (levels <= all_levels).all()
    flares = np.arange(len(levels))[all_levels > 1.5 * levels]
    assert len(flares) >= 3  # of the lamp


def test_only_what_is_watched_gives_events(work):
    events = found_in(work, [DOOR | {"kind": "only"}])
    seen = events[events.instrument == ""]
    assert set(seen.zone) == {"door"}
    assert (seen.frame_start == 54).any()


def threshold_in(told, name):
    return told["promises_per_day"]["zones"][name]["threshold"]


def test_a_zone_has_a_rate_of_its_own(work):
    """The lamp flares up in quiet frames, too: allowed to once an hour it is hidden, and decides no other threshold."""
    usual = found_in(work, [LAMP]), summary_of(work)
    seldom = LAMP | {"kind": "named", "false_alarms_per_hour": 100.0}
    events, told = found_in(work, [DOOR, seldom]), summary_of(work)
    often = found_in(work, [DOOR, seldom | {"false_alarms_per_hour": 4000.0}]), summary_of(work)
    asked = [of["promises_per_day"]["zones"]["lamp"]["asked"] for of in (told, often[1])]
    assert asked == pytest.approx([2400, 96000])
    assert threshold_in(often[1], "lamp") < threshold_in(told, "lamp")
    assert told["threshold_low"] == pytest.approx(usual[1]["threshold_low"]) == often[1]["threshold_low"]
    beside, beside_often, alone = (f[f.zone != "lamp"] for f in (events, often[0], usual[0]))
    assert beside.frame_start.tolist() == beside_often.frame_start.tolist() == alone.frame_start.tolist()
    assert (often[0].zone == "lamp").sum() > (events.zone == "lamp").sum()
    assert told["zones"]["lamp"]["events"] == (events[events.instrument == ""].zone == "lamp").sum()


def test_what_quiet_data_do_not_support_in_a_zone_is_told(work, capsys):
    found_in(work, [DOOR | {"false_alarms_per_hour": 1.0}])
    assert "zone door: " in (told := capsys.readouterr().err)
    assert "the settings ask for 1 false alarm an hour" in told


@pytest.mark.parametrize("times_as_fast", [1.0, 0.5, 8.0])
def test_scores_of_a_zone_pass_the_common_threshold_where_they_pass_its_own(work, times_as_fast):
    """At a reel's own cadence: a faster one has more frames an hour, and so other thresholds."""
    zones = [DOOR, LAMP | {"kind": "named", "false_alarms_per_hour": 100.0}]
    settings = load(work / "c.yaml", {"eval.zones": zones}).eval
    scorer, _ = load_scorer(work / "run", "cpu", settings)
    reel = training_reel(work / "run")
    as_fast: Any = SimpleNamespace(channels=reel.channels, cadence_s=reel.cadence_s / times_as_fast)
    made = scorer.calibration(work / "run", as_fast, settings)
    inside = own_places(settings.zones, reel)[0]
    residual = np.random.default_rng(0).uniform(0, 30, inside.shape).astype(np.float32)
    plain = replace(made, watched=None).score(residual, settings)
    low, (own,) = made.thresholds(settings)[0], made.zone_promises(settings)
    above = np.where(inside, plain > own.threshold, plain > low)
    border = np.abs(plain / np.where(inside, own.threshold, low) - 1) < 1e-5
    assert 0 < above[inside].sum() < inside.sum()
    assert ((made.score(residual, settings) > low) == above)[~border].all()


def test_a_bundle_judges_a_zone_as_its_run_does_at_any_cadence(work, tmp_path):
    asked = load(work / "c.yaml", {"eval.zones": [DOOR, LAMP | {"kind": "named", "false_alarms_per_hour": 100.0}]})
    run, of_run = Exported(work / "run", asked), training_reel(work / "run")
    found = PRECISIONS["fp32"].thresholds_of["run"](tmp_path, run.scorer, run, of_run.channels)
    write_calibrations(tmp_path, 0, run, found, of_run.channels)
    bundle = Bundle(tmp_path, {"calibrations": [of_run.channels]}, asked.eval, None, None)
    copy: Any = SimpleNamespace(calibrated=bundle.calibration)
    for times_as_fast in (1.0, 8.0):
        reel: Any = SimpleNamespace(channels=of_run.channels, cadence_s=of_run.cadence_s / times_as_fast)
        theirs = run.scorer.calibration(run.run, reel, asked.eval)
        ours = QuietScorer.calibration(copy, run.run, reel, asked.eval)
        np.testing.assert_array_equal(ours.watched, theirs.watched)
        assert ours.thresholds(asked.eval) == theirs.thresholds(asked.eval)
    (tmp_path / "watched-0-0.npy").unlink()  # as in one of before, that has the weights of one cadence
    with pytest.raises(Damaged, match="export it again"):
        bundle.calibration(of_run.channels)


def test_a_rate_that_can_not_be_is_refused(work, capsys):
    with pytest.raises(ConfigError, match="lamp is ignored, so it has no false_alarms_per_hour"):
        load(None, {"eval.zones": [LAMP | {"false_alarms_per_hour": 1.0}]})
    own = DOOR | {"false_alarms_per_hour": 1.0}
    with pytest.raises(ConfigError, match="false_alarms_per_hour of door is for auto thresholds"):
        load(None, {"eval.zones": [own], "eval.threshold_low": 1.0, "eval.threshold_high": 2.0})
    args = ["-m", "eval", "-c", str(work / "c.yaml"), "--data-clips", str(work / "watched")]
    covered = [own | {"name": "first"}, own]
    assert main.main([*args, "--set", f"eval.zones={json.dumps(covered)}"]) == 1
    assert "no pixel of door is left" in capsys.readouterr().err


@pytest.mark.parametrize(
    "zones", [[DOOR | {"kind": "only"}], [DOOR, LAMP | {"kind": "named", "false_alarms_per_hour": 4000.0}]]
)
def test_a_stream_is_watched_alike(work, zones):
    offline = found_in(work, zones)
    film = shutil.copy(work / "new" / "gate.mkv", work / f"gate_of_{len(zones)}.mkv")
    told = {"eval.follow": str(film), "eval.follow_timeout_s": 0.4, "eval.zones": zones}
    folder = followed(load(work / "c.yaml", told | {"eval.follow_memory_s": 0.0}))
    lines = map(json.loads, (folder / "events.jsonl").read_text().splitlines())
    closed = sorted((line["frame_start"], line["zone"] or "") for line in lines if line["type"] == "closed")
    assert closed == sorted(zip(offline.frame_start, offline.zone, strict=True))


def test_the_movie_shows_them(work):
    args = ["-m", "eval", "-c", str(work / "c.yaml"), "--data-clips", str(work / "watched")]
    pictures = []
    for zones in ([], [LAMP | {"kind": "named"}]):
        assert main.main([*args, "--set", f"eval.zones={json.dumps(zones)}"]) == 0
        with av.open(str(work / "run" / "eval" / "gate" / "anomaly.mp4")) as movie:
            pictures.append(next(movie.decode(video=0)).to_ndarray(format="gray").astype(int))
    changed = np.abs(pictures[0] - pictures[1]) > 40
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert 30 < changed.sum() < 0.1 * changed.size
    assert len(rows) > 20
    assert len(columns) > 20


def test_no_pixel_left_and_names_twice_are_refused(work, capsys):
    far = {"name": "far", "polygon": [[900, 900], [950, 900], [950, 950]], "kind": "only"}
    args = ["-m", "eval", "-c", str(work / "c.yaml"), "--data-clips", str(work / "watched")]
    assert main.main([*args, "--set", f"eval.zones={json.dumps([far])}"]) == 1
    assert "there are 32 x 24" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="door is there twice"):
        load(None, {"eval.zones": [DOOR, DOOR]})
    with pytest.raises(ConfigError, match="encloses at least a pixel"):
        load(None, {"eval.zones": [DOOR | {"polygon": [[1, 1], [2, 2], [3, 3]]}]})
