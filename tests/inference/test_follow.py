"""Following a growing file or a stream: offline's scores, events while it runs, drops that are told, and clean ends."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import main
from config import load
from data.live.live_reel import Form, LiveReel, OpenEnd, StretchEnded
from data.live.live_source import LiveSource, Picture, _Clock, name_of, told
from data.prepare_data import prep
from data.reel.reel import Reel
from inference.evaluate import detections
from inference.events.events import events_json
from inference.events.facts import CLOCK_COLUMNS, describe
from inference.events.instrument import camera_frames
from inference.fit import calibrate_run
from inference.follow import feeding, follow, live_frames, live_reel, training_reel
from inference.job import make_job
from inference.results.results import Results, short_identity
from inference.scorers.base import other_cadence, score_reel
from inference.scorers.load import load_scorer
from inference.scorers.windows import Window, windows_over
from tests.support.http_server import serving
from tests.support.reels import drifting_blobs
from tests.support.trainings import SMALL_MODEL
from training.checkpoint import path_of
from training.train import train

FPS, HEIGHT, WIDTH = 25, 24, 32
FLASH = range(60, 63)
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


def scenes(n: int, flash=()) -> np.ndarray:
    """Gray frames (n, HEIGHT, WIDTH) uint8 with a planted flash."""
    frames = 200 * np.clip(drifting_blobs(n, HEIGHT, WIDTH, speed=0.5, seed=1)[:, 0] * 0.6, 0, 1)
    frames[list(flash), 6:12, 18:24] += 90
    return np.clip(frames, 0, 255).astype(np.uint8)


def write(path: Path, frames: np.ndarray, kind: str = "", pause_s: float = 0.0, options=None) -> Path:
    """Encode frames into a file that grows, flushed packet by packet; without B-frames nothing is held back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = FRAGMENTED if path.suffix == ".mp4" and options is None else options or {}
    with av.open(str(path), "w", format=kind or None, options={"flush_packets": "1", **options}) as container:
        stream = container.add_stream("libx264", rate=FPS, options={"g": "10", "bf": "0", "tune": "zerolatency"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for i, frame in enumerate(frames):
            rgb = np.repeat(frame[..., None], 3, axis=2)
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            picture.pts, picture.time_base = i, Fraction(1, FPS)
            container.mux(stream.encode(picture))
            time.sleep(pause_s)
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with reels of a quiet video, a trained `run`, and a fitted method `run_difference`."""
    folder = tmp_path_factory.mktemp("follow")
    write(folder / "raw" / "quiet.mkv", scenes(160))
    prep(settings(folder))
    train(settings(folder))
    calibrate_run(folder / "run", settings(folder))
    method = ["--model-path", str(folder / "run_difference"), *ONE_STEP, "--set", "model.name=difference"]
    (folder / "c.yaml").write_text(json.dumps(plain(folder)))
    assert main.main(["-m", "train", "-c", str(folder / "c.yaml"), *method]) == 0
    return folder


ONE_STEP = ["--set", "model={}", "--set", "train={}"]  # in place of the settings of a net


def plain(folder: Path) -> dict:
    return {
        "data_raw": str(folder / "raw"),
        "data_clips": str(folder / "reels"),
        "model_path": str(folder / "run"),
        "workers": 0,
        "device": "cpu",
        "prep": {"resize": None, "clip_length": 8},
        "model": SMALL_MODEL,
        "train": {"epochs": 3, "batch_size": 4, "warmup_epochs": 1.0, "lr": 1e-2, "loss": "mse"},
        # As many as 160 quiet frames can promise.
        "eval": {"stride": 4, "false_alarms_per_day": 3000.0},
    }


def settings(folder: Path, **keys):
    raw = plain(folder)
    (folder / "base.yaml").write_text(json.dumps(raw))
    return load(folder / "base.yaml", {key.replace("__", "."): value for key, value in keys.items()})


class CountedSource(LiveSource):
    """Stops by itself once as many pictures came as are expected: a busy machine may rest where a stream would end."""

    expected = 10**9

    def pictures(self):
        for number, picture in enumerate(super().pictures(), 1):
            if number == self.expected:
                self.stop.set()
            yield picture


def live(work, address, run="run", **keys):
    """Scorer, LiveReel and LiveSource as `follow` makes them. Where nothing more is written, 0.4 s are enough."""
    config = settings(work, eval__follow=str(address), **{"eval__follow_timeout_s": 0.4, **keys})
    scorer, _ = load_scorer(work / run, "cpu")
    trained_on = training_reel(work / run)
    form = Form.of(trained_on, config)
    source = CountedSource(config.eval, config.prep, form.in_colour)
    return scorer, live_reel(source, scorer, form, 3.0, config.eval), source, config.eval


def scored_live(scorer, reel, source, eval_settings, pause_s=0.0, expected=CountedSource.expected) -> list:
    found, source.expected = [], expected
    with feeding(reel, source):
        for frame in live_frames(scorer, reel, eval_settings):
            found.append((reel.moment(frame.index)[0], frame))
            reel.release(frame.index + 1)
            time.sleep(pause_s)
    return found


def scored_offline(work, path: Path, folder: Path, run="run") -> list:
    config = settings(work, data_raw=str(path), data_clips=str(folder / "offline"))
    (made,) = prep(config)
    reel = Reel(made)
    scorer, _ = load_scorer(work / run, "cpu")
    return [(reel.times_s[f.index], f) for f in score_reel(scorer, reel, config.eval)]


def records(run: Path, name: str) -> list[dict]:
    return [json.loads(line) for line in (run / "follow" / name / "events.jsonl").read_text().splitlines()]


def assert_same(live_scores, offline_scores):
    assert len(live_scores) == len(offline_scores)
    for (time_a, a), (time_b, b) in zip(live_scores, offline_scores, strict=True):
        assert time_a == pytest.approx(time_b, abs=2e-3)
        np.testing.assert_array_equal(a.frame, b.frame)
        np.testing.assert_allclose(a.residual, b.residual, rtol=1e-4, atol=1e-5)
        assert a.common == pytest.approx(b.common, abs=1e-5)


PATIENT = {"eval__follow_timeout_s": 60.0}
NOTHING = b"\x47\x1f\xff\x10" + bytes(184)  # a null packet of MPEG-TS: the stream goes on


def until(condition, every_s=0.02, deadline_s=60.0, meanwhile=lambda: None):
    """Wait for a condition; fails when it never comes."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end
        meanwhile()
        time.sleep(every_s)


def end_with(writer: threading.Thread, source: LiveSource):
    """What has come to its end when all is written has ended: it need not be waited for."""
    writer.join()
    until(lambda: hasattr(source, "file"))
    source.file.timeout_s = 0.0


def has_opened(log: Path) -> bool:
    """Whether an event was told of. The last line may be in the making."""
    lines = log.read_text().split("\n")[:-1] if log.is_file() else []
    return any(json.loads(line)["type"] == "open" for line in lines)


# The scores are those of eval


def test_a_growing_file_has_the_scores_of_the_finished_one(work, tmp_path):
    frames = scenes(75, FLASH)
    offline = scored_offline(work, write(tmp_path / "whole.ts", frames), tmp_path)
    for name in ("a.ts", "a.mp4", "a.mkv", "a.avi"):
        path = tmp_path / name
        writer = threading.Thread(target=write, args=(path, frames), kwargs={"pause_s": 0.004})
        writer.start()
        until(lambda path=path: path.is_file() and path.stat().st_size > 0)
        scorer, reel, source, eval_settings = live(work, path, **PATIENT)
        ending = threading.Thread(target=end_with, args=(writer, source))
        ending.start()
        found = scored_live(scorer, reel, source, eval_settings)
        ending.join()
        assert_same(found, offline)


def test_a_finished_mp4_with_its_index_at_the_end_is_read_too(work, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (120, HEIGHT, WIDTH), dtype=np.uint8)
    path = write(tmp_path / "noise.mp4", noise, options={"movflags": "0"})  # larger than what FFmpeg looks at first
    assert len(scored_live(*live(work, path))) == 120


def test_a_plain_method_follows_too(work, tmp_path):
    path = write(tmp_path / "a.ts", scenes(75, FLASH))
    found = scored_live(*live(work, path, "run_difference"))
    assert_same(found, scored_offline(work, path, tmp_path, "run_difference"))


def test_a_gap_in_the_video_is_a_gap(work, tmp_path):
    path, frames = tmp_path / "gap.mkv", scenes(60)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"g": "10", "bf": "0"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for i, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(np.repeat(frame[..., None], 3, axis=2), format="rgb24")
            picture.pts, picture.time_base = i + 100 * (i >= 30) + 100 * (i >= 35), Fraction(1, FPS)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    found = scored_live(*live(work, path))
    assert len(found) == 55  # without a stretch of 5
    assert_same(found, scored_offline(work, path, tmp_path))


def test_the_cadence_is_measured_not_believed(work, tmp_path):
    """A camera that announces 25 frames/s and sends 5 has no gap between any two."""
    slow = [replace(shot(i), time_s=0.2 * i) for i in range(40)]
    scorer, reel, _, eval_settings = live(work, write(tmp_path / "a.ts", scenes(2)))
    reel.feed(slow)
    assert reel.cadence_s == pytest.approx(0.2)
    _, checkpoint = load_scorer(work / "run", "cpu")
    assert "trained on one every 0.04 s: what moves or changes looks 5 times as fast" in other_cadence(
        reel, checkpoint["data"], scorer
    )
    assert len(list(live_frames(scorer, reel, eval_settings))) == 40


def test_a_reel_of_an_older_version_is_told_by_the_runs_config(work):
    reel = training_reel(work / "run")
    assert reel.meta["pixels"]["mask"] == []
    del reel.meta["pixels"]
    masked = settings(work, prep__mask=[[0, 0, 4, 4]])
    assert Form.of(reel, masked).pixels.mask == ((0, 0, 4, 4),)
    reel.meta["unit"] = "DN/s"
    with pytest.raises(ValueError, match="holds no video"):
        Form.of(reel, masked)


class Grown:
    """The reel behind an OpenEnd of a stretch that ends at `end`."""

    def __init__(self, end):
        self.end, self.asked = end, 0

    def reached(self, frame):
        self.asked = max(self.asked, frame)
        return min(frame, self.end)


@pytest.mark.parametrize("begin", [0, 7])
@pytest.mark.parametrize("answers", [slice(0, 8), slice(7, 8), slice(5, 8), slice(3, 6)])
@pytest.mark.parametrize("stride", [1, 3, 4, 8])
def test_windows_come_as_they_would_of_a_finished_stretch(begin, answers, stride):
    for n in range(50):
        whole = list(windows_over(begin, begin + n, 8, stride, answers))
        assert list(windows_over(begin, OpenEnd(Grown(begin + n)), 8, stride, answers)) == whole


def test_windows_ask_for_no_frame_before_they_need_it():
    grown = Grown(10**6)
    windows = iter(windows_over(0, OpenEnd(grown), 8, 4, slice(0, 8)))
    for k in range(20):
        assert next(windows) == Window(4 * k)
        assert grown.asked == 4 * k + 8


# The ring of frames


def ring(work, delay_s=1.0, span=16) -> LiveReel:
    return LiveReel("r", Form.of(training_reel(work / "run"), settings(work)), 3.0, delay_s, span)


def shot(i: int, can_wait=False, is_gap=False) -> Picture:
    return Picture(np.full((HEIGHT, WIDTH), i % 256, np.uint8), i / FPS, 1 / FPS, is_gap, can_wait)


def test_a_full_ring_goes_on_with_the_newest_and_ends_the_stretch(work):
    reel = ring(work)  # 16 and 25 frames may wait
    for i in range(20):
        reel.push(shot(i))
    stretches = reel.each_stretch()
    begin, end = next(stretches)
    assert end.reached(begin + 12) == 12
    for i in range(20, 60):
        reel.push(shot(i))
    assert reel.counts["dropped"] == 41
    assert tuple(reel.drops[0]) == (41, 12 / FPS, 52 / FPS)
    assert end.reached(begin + 20) == 12  # what was asked for stays
    assert reel.read(4, 12)[0][:, 0, 0, 0] * 255 == pytest.approx(np.arange(4, 12))
    with pytest.raises(StretchEnded):
        reel.read(8, 16)
    begin, end = next(stretches)
    assert (begin, end.reached(begin + 7)) == (12, 19)
    assert reel.read(12, 19)[0][:, 0, 0, 0] * 255 == pytest.approx(np.arange(53, 60))
    assert reel.moment(12)[0] == pytest.approx(53 / FPS)


def test_memory_stays_bounded_and_a_reader_that_waits_is_woken(work):
    reel, found = ring(work), []

    def read():
        for begin, end in reel.each_stretch():
            i = begin
            while end.reached(i + 1) == i + 1:
                found.append(round(255 * float(reel.read(i, i + 1)[0].mean())))
                reel.release(i + 1)
                assert len(reel._frames) <= 64 + 16 + 25 + 1
                i += 1

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(1000):
        reel.push(shot(i, can_wait=True, is_gap=i % 300 == 0))
    reel.finish()
    reader.join(60)
    assert found == [i % 256 for i in range(1000)]
    assert reel.counts["dropped"] == 0


def test_a_picture_of_another_size_than_the_masked_one_is_left_out_with_the_reason(work):
    reel = ring(work)
    masked = load(None, {"prep.mask": [[0, 0, 8, 8]]}).prep
    reel.form = replace(reel.form, pixels=masked, source_shape=(2 * HEIGHT, WIDTH))
    reel.push(shot(0))
    assert reel.counts == {"damaged": 1}
    assert "prep.mask" in reel.last_problem
    reel.form = replace(reel.form, source_shape=(HEIGHT, WIDTH))
    reel.push(shot(200))
    next(reel.each_stretch())
    values, bits = reel.read(0, 1)
    assert bits[0, :8, :8].all()
    assert not bits[0, 8:].any()
    assert (values[0, 0, :8, :8] == 0).all()


def test_the_clock_runs_by_the_video_and_is_set_after_a_break():
    clock = _Clock()
    assert clock.time(5.0, 0.04, True) == (0.0, False)
    assert clock.time(5.04, 0.04, True) == (pytest.approx(0.04), False)
    assert clock.time(3.0, 0.04, False) == (pytest.approx(0.08), True)  # back: as if it went on
    clock.began -= 100
    clock.is_broken = True
    time_s, is_gap = clock.time(0.0, 0.04, True)
    assert is_gap
    assert 100 < time_s < 110
    assert clock.time(0.04, 0.04, True) == (pytest.approx(time_s + 0.04), False)


def test_no_password_is_told():
    address = "rtsp://ann:secret@camera.local:554/live/1?token=abc"
    for text in (told(address), name_of(address)):
        assert "secret" not in text
        assert "abc" not in text
    assert name_of(address) != name_of(address + "d")
    assert name_of("/videos/hall 3.ts") == "hall_3"


# eval --follow


def test_events_are_told_while_the_stream_runs_and_drops_are_none(work, tmp_path):
    body = write(tmp_path / "a.ts", scenes(220, FLASH)).read_bytes()
    opened_before_the_end, name = threading.Event(), []

    def slowly(handler, n):
        if n:
            handler.send_error(404)
            return
        handler.send_response(200)
        handler.end_headers()
        most = 188 * (len(body) * 3 // 4 // 188)
        handler.wfile.write(body[:most])
        log = work / "run" / "follow" / name[0] / "events.jsonl"
        until(lambda: has_opened(log), meanwhile=lambda: handler.wfile.write(NOTHING))
        opened_before_the_end.set()
        handler.wfile.write(body[most:])
        handler.close_connection = True

    with serving() as (address, answers):
        answers["/cam.ts"] = slowly
        url = f"{address}/cam.ts?key=secret"
        answers.actions["/cam.ts?key=secret"] = slowly
        name.append(name_of(url))
        options = {"analyzeduration": "100000", "probesize": "20000"}
        keys = {"timeout_s": 3.0, "options": options, "memory_s": 0.0}  # the thresholds are those of eval
        out = follow(settings(work, eval__follow=url, **{f"eval__follow_{key}": keys[key] for key in keys}))
    assert opened_before_the_end.is_set()
    found = records(work / "run", name[0])
    kinds = [r["type"] for r in found]
    assert (kinds[0], kinds[-1], "dropped" in kinds) == ("started", "ended", False)
    assert kinds.count("open") == kinds.count("closed") > 0
    closed = sorted((r for r in found if r["type"] == "closed"), key=lambda r: r["frame_start"])
    strongest = max(closed, key=lambda r: r["peak_score"])
    assert strongest["frame_peak"] in FLASH
    assert 15 <= strongest["x"] <= 26
    since = np.datetime64(strongest["t_peak"]) - np.datetime64(found[0]["start_utc"])
    assert since / np.timedelta64(1, "s") == pytest.approx(strongest["frame_peak"] / FPS, abs=0.01)
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["frames_read"], summary["frames_scored"], summary["frames_dropped"]) == (220, 220, 0)
    assert summary["reconnects"] >= 1
    assert "404" in summary["reason"]
    assert "secret" not in (out / "events.jsonl").read_text() + (out / "summary.json").read_text()
    offline = offline_events(work, tmp_path / "a.ts", tmp_path)
    assert len(closed) == len(offline)
    differ = ("event", "t_start", "t_peak", "t_end", "reel", "config")
    for live_event, event in zip(closed, offline, strict=True):
        assert set(live_event) - {"type", "at", "threshold_low", "threshold_high"} == set(event) - {*CLOCK_COLUMNS}
        assert live_event["threshold_high"] == pytest.approx(summary["threshold_high"])
        for key in set(event) - {*differ, *CLOCK_COLUMNS}:
            is_number = isinstance(event[key], float)
            assert live_event[key] == (pytest.approx(event[key], rel=1e-4) if is_number else event[key]), key


def test_broken_frames_of_a_stream_are_told_as_eval_tells_them(work, tmp_path):
    frames = scenes(140, FLASH)
    frames[61] = 0  # in the middle of the flash
    frames[100:104] = np.random.default_rng(0).integers(0, 256, (4, HEIGHT, WIDTH), dtype=np.uint8)
    path = write(tmp_path / "broken.mkv", frames)
    out = follow(settings(work, eval__follow=str(path), eval__follow_timeout_s=0.4))
    closed = [r for r in records(work / "run", out.name) if r["type"] == "closed"]
    camera = [(r["instrument"], r["frame_start"], r["frame_end"]) for r in closed if r["level"] == "camera"]
    assert camera == [("missing data", 61, 61), ("missing data", 100, 103)]
    assert json.loads((out / "summary.json").read_text())["events_instrument"] >= 2
    offline = offline_events(work, path, tmp_path)
    told = ("frame_start", "frame_peak", "frame_end", "n_frames", "level", "instrument")
    by_start = [sorted(tuple(str(r[key]) for key in told) for r in some) for some in (closed, offline)]
    assert by_start[0] == by_start[1]
    flash = max((r for r in closed if r["level"] != "camera"), key=lambda r: r["peak_score"])
    assert flash["frame_start"] <= 60
    assert flash["frame_end"] >= 62


def offline_events(work, path: Path, folder: Path) -> list[dict]:
    """The events of events.json, by eval's own parts and without its pictures."""
    config = settings(work, data_raw=str(path), data_clips=str(folder / "offline"))
    reel = Reel(prep(config)[0])
    scorer, _ = load_scorer(work / "run", "cpu")
    weights = hashlib.sha256(path_of(work / "run", "best").read_bytes()).hexdigest()
    job = make_job(reel, work / "run", scorer, weights, config.eval)
    results = Results(reel, job.settings)
    for found in detections(job):
        results.add(found.scored.index, found.score, found.boxes, found.scored.common)
    events, camera = results.events + results.linker.finish(), camera_frames(results.common)
    table = describe(events, reel, None, camera, job.high, short_identity(job.identity))
    return json.loads(events_json(table, {}))["events"]


def test_a_recording_behind_an_address_is_read_once(work, tmp_path):
    body = write(tmp_path / "a.mp4", scenes(40)).read_bytes()
    with serving() as (address, answers):

        def whole(handler, n):
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        answers["/a.mp4"] = whole
        found = scored_live(*live(work, f"{address}/a.mp4", eval__follow_timeout_s=5.0))
    assert len(found) == 40


def test_a_broken_stream_is_taken_up_again_as_after_a_gap(work, tmp_path):
    body = write(tmp_path / "a.ts", scenes(60)).read_bytes()
    with serving() as (address, answers):

        def twice(handler, n):
            if n > 1:
                handler.send_error(404)
                return
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(body)
            handler.close_connection = True

        answers["/a.ts"] = twice
        scorer, reel, source, eval_settings = live(work, f"{address}/a.ts", **PATIENT)
        found = scored_live(scorer, reel, source, eval_settings, expected=120)
    times = np.array([time_s for time_s, _ in found])
    assert len(found) == 120
    assert (np.diff(times) > 0).all()
    assert source.reconnects >= 1
    for (_, first), (_, again) in zip(found[:60], found[60:], strict=True):  # no window holds frames of both
        np.testing.assert_allclose(first.residual, again.residual, atol=1e-6)


def test_a_slow_scorer_drops_frames_in_whole_gaps(work, tmp_path):
    """Windows must not mix cadences: every stretch is of consecutive frames, and what is missing is told."""
    body = write(tmp_path / "a.ts", scenes(220)).read_bytes()
    with serving() as (address, answers):

        def steadily(handler, n):
            if n:
                handler.send_error(404)
                return
            handler.send_response(200)
            handler.end_headers()
            for i in range(0, len(body), 1880):
                handler.wfile.write(body[i : i + 1880])
                time.sleep(1.5 * 1880 / len(body))
            handler.close_connection = True

        answers["/a.ts"] = steadily
        scorer, reel, source, eval_settings = live(work, f"{address}/a.ts", eval__follow_delay_s=0.4, **PATIENT)
        found = scored_live(scorer, reel, source, eval_settings, pause_s=0.02, expected=220)
    seen = {round(time_s * FPS) for time_s, _ in found}
    lost = [f for d in reel.drops for f in range(round(d.from_s * FPS), round(d.to_s * FPS) + 1)]
    assert reel.counts["read"] == 220
    assert len(lost) == reel.counts["dropped"] == sum(d.frames for d in reel.drops) > 20
    assert not seen & set(lost)
    neither = sorted(set(range(220)) - seen - set(lost))
    for numbers, shortest, longest in ((sorted(seen), 8, 220), (neither, 1, 7)):  # too short a stretch has no score
        for run in np.split(np.array(numbers), np.flatnonzero(np.diff(numbers) > 1) + 1):
            assert shortest <= len(run) <= longest or not len(numbers)


def test_a_stalled_stream_ends_after_the_timeout(work, tmp_path):
    body = write(tmp_path / "a.ts", scenes(60)).read_bytes()
    with serving() as (address, answers):

        def stall(handler, n):
            if n:
                handler.send_error(503)
                return
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(body)
            handler.wfile.flush()
            answers.stop.wait(30)

        answers["/a.ts"] = stall
        begun = time.monotonic()
        out = follow(settings(work, eval__follow=f"{address}/a.ts", eval__follow_timeout_s=1.2))
    assert 1.0 < time.monotonic() - begun < 25  # the server would have held on for longer
    assert "no frame for 1.2 s" in json.loads((out / "summary.json").read_text())["reason"]


def test_ctrl_c_closes_what_is_open_and_writes_a_summary(work, tmp_path):
    path = write(tmp_path / "stay.mkv", scenes(80, range(66, 80)))
    log = work / "run" / "follow" / "stay" / "events.jsonl"

    def interrupt():
        until(lambda: has_opened(log))
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    out = follow(settings(work, eval__follow=str(path), eval__follow_timeout_s=60.0))
    found = records(work / "run", "stay")
    assert found[-1]["reason"] == json.loads((out / "summary.json").read_text())["reason"] == "interrupted"
    kinds = [r["type"] for r in found]
    assert kinds.count("open") == kinds.count("closed") > 0


def test_a_torn_last_line_stays_alone(work, tmp_path):
    path = write(tmp_path / "torn.mkv", scenes(30))
    log = work / "run" / "follow" / "torn" / "events.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text('{"type": "op')
    follow(settings(work, eval__follow=str(path), eval__follow_timeout_s=0.2, prep__start_utc="2026-01-01T12:00"))
    lines = log.read_text().splitlines()
    assert [json.loads(line)["type"] for line in lines[1:]] == ["started", "ended"]
    assert json.loads(lines[1])["start_utc"] == "2026-01-01T12:00:00.000"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("missing.ts", "is no file"),
        ("http://127.0.0.1:9/none", "no frame could be read from http://127.0.0.1:9/none"),
        ("growing.mp4", "fragmented MP4"),
    ],
)
def test_what_can_not_be_followed_is_said(work, tmp_path, monkeypatch, capsys, address, message):
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).integers(0, 255, (120, HEIGHT, WIDTH), dtype=np.uint8)
    whole = write(tmp_path / "whole.mp4", noise, options={"movflags": "0"}).read_bytes()
    (tmp_path / "growing.mp4").write_bytes(whole[: len(whole) // 2])  # its index would come at the end
    code = main.main(
        ["-m", "eval", "-c", str(work / "c.yaml"), "--follow", address, "--set", "eval.follow_timeout_s=0.5"]
    )
    assert code == 1
    assert message in capsys.readouterr().err


def test_a_method_that_needs_the_whole_recording_says_so(work, tmp_path, capsys):
    run = ["--model-path", str(tmp_path / "run"), "-c", str(work / "c.yaml")]
    assert main.main(["-m", "train", *run, *ONE_STEP, "--set", "model.name=mutual"]) == 0
    assert main.main(["-m", "eval", *run, "--follow", "x.ts"]) == 1
    assert "mutual compares the frames of a whole recording" in capsys.readouterr().err


PUBLISHER = """
import sys, time
from fractions import Fraction
import av, numpy as np
for attempt in range(500):
    try:
        out = av.open(sys.argv[1], "w", format="rtsp", options={"rtsp_transport": "tcp"})
        stream = out.add_stream("libx264", rate=25, options={"g": "10", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        out.start_encoding()
        break
    except OSError:
        time.sleep(0.1)
for i in range(60):
    frame = av.VideoFrame.from_ndarray(np.full((24, 32, 3), 4 * i, np.uint8), format="rgb24")
    frame.pts, frame.time_base = i, Fraction(1, 25)
    out.mux(stream.encode(frame))
    time.sleep(0.01)
out.mux(stream.encode(None))
out.close()
"""


def test_rtsp(work):
    """FFmpeg listens where a camera would serve; the publisher is a process of its own."""
    with serving() as (address, _):
        port = int(address.rpartition(":")[2])
    url = f"rtsp://127.0.0.1:{port}/live"  # a port that was free a moment ago
    options = {"rtsp_flags": "listen", "listen_timeout": "10", "analyzeduration": "100000"}
    publisher = subprocess.Popen([sys.executable, "-c", PUBLISHER, url])
    scorer, reel, source, eval_settings = live(work, url, eval__follow_options=options, **PATIENT)
    try:
        with feeding(reel, source):
            frames = live_frames(scorer, reel, eval_settings)
            values = [
                round(255 * float(next(frames).frame.mean())) for _ in range(20)
            ]  # the last of 60 wait for others
            publisher.kill()
            reel.stop()
    finally:
        publisher.kill()
        publisher.wait()
    np.testing.assert_allclose(np.diff(values), 4, atol=1)
