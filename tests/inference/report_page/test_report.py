"""The report page: what is embedded agrees with the tables, keeps extremes, stays small, and no name breaks it."""

import base64
import json
import re
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from data.reel.reel import Reel
from inference.calibration.tail import level_for
from inference.evaluate import evaluate
from inference.job import make_job
from inference.report_page.event_rows import event_rows, movie_positions, strongest
from inference.report_page.page import NAME, page, read_events
from inference.report_page.pictures import SMALLEST_CROP_PX, scored_between
from inference.report_page.plots import TIMELINE_POINTS, timeline
from inference.report_page.quality import calibration, unexplained
from inference.results.native import crop_of
from inference.results.timeline import NO_GAPS
from inference.scorers.load import load_scorer
from inference.scorers.nets.windowed import score_frames
from inference.scorers.nets.windows import covering_windows
from tests.conftest import FLASH, GAP_FROM

DATA = re.compile(r'<script id="data" type="application/json">(.*?)</script>', re.DOTALL)


def embedded(results) -> dict:
    (found,) = DATA.findall((results / NAME).read_text(encoding="utf-8"))
    return json.loads(found)


def job_of(results):
    run = results.parents[1]
    settings = config.load(results / "config.yaml")
    detector, _ = load_scorer(run, "cpu")
    return make_job(Reel(f"{settings.data_clips}/{results.name}"), run, detector, "w" * 64, settings.eval)


@pytest.fixture(scope="module")
def job(evaluated_movie):
    return job_of(evaluated_movie)


def test_the_page_is_one_file_that_asks_for_nothing_but_the_movie(evaluated_movie):
    text = (evaluated_movie / NAME).read_text(encoding="utf-8")
    assert not re.search(r"<link[^>]+href=\"(?!data:)|<script[^>]+src=|@import|url\(", text)
    assert text.count("<script") == text.count("</script>")
    assert embedded(evaluated_movie)["movie"] == {"src": "anomaly.mp4", "fps": 24}
    assert (evaluated_movie / "anomaly.mp4").is_file()


def test_what_is_embedded_agrees_with_the_tables(evaluated_movie):
    data, summary = embedded(evaluated_movie), json.loads((evaluated_movie / "summary.json").read_text())
    scores, events = (pd.read_csv(evaluated_movie / name) for name in ("scores.csv", "events.csv"))
    assert data["thresholds"] == {"low": summary["threshold_low"], "high": summary["threshold_high"]}
    known = [(t, s) for t, s in zip(data["timeline"]["t"], data["timeline"]["score"], strict=True) if s is not None]
    expected = scores[scores["max"].notna()]
    assert np.allclose([s for _, s in known], expected["max"], rtol=1e-4)
    utc = pd.to_datetime(expected["time_utc"]).to_numpy("datetime64[ms]").astype(np.int64) / 1000
    assert np.allclose([t for t, _ in known], utc, atol=1e-3)
    assert [e["event"] for e in data["events"]] == events["event"].tolist()
    assert [e["score"] for e in data["events"]] == pytest.approx(events["peak_score"].tolist(), rel=1e-4)
    assert data["total_events"] == len(events)


def test_flash_is_there_with_its_flare_its_label_and_its_pictures(evaluated_movie):
    data = embedded(evaluated_movie)
    top = max(data["events"], key=lambda e: e["score"])
    assert top["flares"] == ["M1.0"]
    assert {f["class"]: f["status"] for f in data["flares"]} == {"M1.0": "found", "C2.0": "missed"}
    ((begin, end),) = data["labels"]
    assert begin <= top["times"][1] <= end
    assert data["sheet"][0]["event"] in {e["event"] for e in data["events"]}
    pictures = next(s["pictures"] for s in data["sheet"] if s["event"] == top["event"])
    assert set(pictures) == {"whole", "frame", "reconstruction", "residual"}
    residual = decoded(pictures["residual"]).sum(axis=2)
    assert residual.max() > 3 * np.median(residual)
    # Row 4..9 of 24 lies in the lower half of a picture whose first row is at the bottom.
    whole = decoded(pictures["whole"])
    orange = np.argwhere((whole[..., 2] > 200) & (whole[..., 0] < 120))
    assert orange[:, 0].mean() > whole.shape[0] / 2


def decoded(address: str) -> np.ndarray:
    kind, data = address.split(",", 1)
    assert kind == "data:image/webp;base64"
    return cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)


def test_a_break_stands_in_the_gap_and_frames_without_score_are_not_in_the_movie(evaluated_movie):
    line = embedded(evaluated_movie)["timeline"]
    assert line["t"] == sorted(line["t"])
    assert len(line["t"]) == 155 + 1  # one point more, in the gap
    assert line["score"][GAP_FROM] is None
    assert line["shown"][:GAP_FROM] == list(range(GAP_FROM))
    assert line["shown"][GAP_FROM:] == [None] * 6


@given(st.lists(st.sampled_from([np.nan, 1.0]), min_size=1, max_size=40))
def test_movie_positions_count_the_frames_with_a_score(scores):
    positions, count = movie_positions(np.array(scores)), 0
    for score, position in zip(scores, positions, strict=True):
        if np.isfinite(score):
            assert position == count
            count += 1


def test_a_long_timeline_keeps_every_peak_and_stays_small():
    random = np.random.default_rng(0)
    scores = random.exponential(1.0, 500_000)
    peaks = random.choice(500_000, 50, replace=False)
    scores[peaks] = 50 + np.arange(50)
    line = timeline(12.0 * np.arange(500_000), scores, movie_positions(scores), NO_GAPS)
    assert len(line["t"]) <= TIMELINE_POINTS
    assert len(json.dumps(line)) < 3e6
    kept = dict(zip(line["shown"], line["score"], strict=True))
    assert sum(kept.get(int(p)) == scores[p] for p in peaks) >= 49  # two in one bucket leave one


def test_thirty_thousand_frames_and_thousands_of_events_stay_under_the_limit(evaluated_movie):
    events = read_events(evaluated_movie)
    many = events.iloc[np.zeros(30_000, int)].assign(event=np.arange(30_000), instrument="").reset_index(drop=True)
    clock, scores = 12.0 * np.arange(30_000), np.random.default_rng(0).exponential(1.0, 30_000)
    shown = movie_positions(scores)
    pictures = dict.fromkeys(range(300), "data:image/webp;base64," + "A" * 2000)
    rows = event_rows(many, clock, shown, {}, None, pictures)
    panels = [timeline(clock, scores, shown, NO_GAPS) for _ in range(8)]
    text = page("many", {"timeline": panels, "events": rows})
    assert len(text) < 15e6


def test_strongest_takes_the_scene_before_the_camera():
    events = pd.DataFrame({"peak_score": [1.0, 9.0, 5.0, 7.0], "instrument": ["", "cosmic ray", "", ""]})
    assert strongest(events, 3).index.tolist() == [3, 2, 0]
    assert strongest(events, 9).index.tolist() == [3, 2, 0, 1]


@pytest.mark.parametrize("index", [0, 3, 60, 121, 149])
def test_frames_scored_again_are_those_of_the_whole_stream(job, index):
    starts = covering_windows(job.reel, job.scorer.clip_length, job.settings.stride)
    expected = next(f for f in score_frames(job.scorer, job.reel, starts, job.settings) if f.index == index)
    (again,), _ = scored_between(job, index, index)
    np.testing.assert_allclose(again.reconstruction, expected.reconstruction, atol=1e-5)
    np.testing.assert_allclose(again.residual, expected.residual, rtol=1e-3, atol=1e-4)


@given(st.data())
def test_crops_lie_in_the_picture_and_hold_their_box(data):
    height, width = data.draw(st.integers(1, 300)), data.draw(st.integers(1, 300))
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    left, top, right, bottom = crop_of((x0, y0, x1, y1), (height, width), SMALLEST_CROP_PX)
    assert 0 <= left <= x0 < x1 <= right <= width
    assert 0 <= top <= y0 < y1 <= bottom <= height


def test_text_of_a_reel_can_not_end_its_element():
    hostile = "</script><img src=x onerror=alert(1)><!--"
    text = page("t", {"reel": hostile})
    (found,) = DATA.findall(text)
    assert json.loads(found) == {"reel": hostile}
    assert hostile not in text


def test_calibration_shows_the_rule_that_set_the_thresholds(job):
    shown = calibration(job)
    levels, events = job.calibration.levels, job.calibration.events
    assert sum(shown["counts"]) == len(levels) == shown["frames"]
    days = events.span_s / 86_400
    assert shown["counted"]["per_day"] == pytest.approx(events.totals[::-1] / days, rel=1e-4)
    assert (np.diff(shown["counted"]["level"]) > 0).all()
    rates, fitted = np.array(shown["fitted"]["per_day"]), np.array(shown["fitted"]["level"])
    assert (np.diff(fitted) >= -1e-3 * fitted.max()).all()
    assert level_for(events.levels, rates[-1] * days) == pytest.approx(fitted[-1], rel=1e-4)
    promises = job.calibration.promises(job.settings)
    assert shown["promised_per_day"] == [promise.used for promise in promises]
    low = np.interp(-np.log(promises[0].used), -np.log(rates), fitted)
    assert low == pytest.approx(job.low, rel=0.05)


def test_events_that_labels_explain_are_no_false_alarms(job, evaluated_movie):
    events = read_events(evaluated_movie)
    left, about = unexplained(job, events, {})
    assert "labels" in about
    hit = events[(events["frame_start"] <= FLASH[-1]) & (events["frame_end"] >= FLASH[0])]
    assert len(hit)
    assert not set(hit["event"]) & set(left["event"])


def test_a_series_shows_its_signals_and_its_reconstruction_in_their_units(evaluated_series):
    data, reel = embedded(evaluated_series), job_of(evaluated_series).reel
    assert (data["movie"], data["reel"]["is_series"], data["reel"]["is_utc"]) == (None, True, False)
    assert [list(p["curves"]) for p in data["panels"]] == [["flow"], ["heat"], ["noise"]]
    signals = reel.signals()
    assert np.allclose(data["panels"][1]["curves"]["heat"], signals[:, 1], rtol=1e-4, atol=1e-4)
    top = max(data["events"], key=lambda e: e["score"])
    assert top["frames"][1] in range(300, 303)
    curves = next(s for s in data["sheet"] if s["event"] == top["event"])
    values, model = (np.array(curves["curves"]["heat"][name], float) for name in ("values", "model"))
    frames = np.round(np.array(curves["t"]) / 60).astype(int)
    assert np.allclose(values, signals[frames, 1], rtol=1e-3, atol=1e-2)
    assert np.abs(values - model).max() > 10  # the spike of 40 that the model does not follow
    assert not (evaluated_series / "anomaly.mp4").exists()


def test_a_reel_without_events_has_a_report_too(evaluated_series, tmp_path):
    shutil.copytree(evaluated_series.parents[1], tmp_path / "run")
    settings = config.load(evaluated_series / "config.yaml")
    never = replace(settings.eval, threshold_low=1e6, threshold_high=1e6)
    (out,) = evaluate(replace(settings, model_path=str(tmp_path / "run"), eval=never))
    data = embedded(out)
    assert (data["total_events"], data["events"], data["sheet"]) == (0, [], [])
    assert data["tiles"][0]["value"] == "0"
