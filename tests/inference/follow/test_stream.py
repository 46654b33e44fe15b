"""Following a growing file or a stream: offline's scores, events while it runs, drops that are told, and clean ends."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

import main
from data.live.live_reel import Form
from data.live.live_source import name_of
from data.prepare_data import prep
from inference.events.facts import CLOCK_COLUMNS
from inference.fit import calibrate_run
from inference.follow.judging import feeding, live_frames
from inference.follow.records import parts
from inference.follow.stream import training_reel
from inference.scorers.base import other_cadence
from inference.scorers.load import load_scorer
from tests.support.http_server import serving
from tests.support.streams import (
    FLASH,
    FPS,
    HEIGHT,
    NOTHING,
    ONE_STEP,
    PATIENT,
    WIDTH,
    assert_same,
    end_with,
    followed,
    has_opened,
    live,
    offline_events,
    plain,
    records,
    scenes,
    scored_live,
    scored_offline,
    settings,
    shot,
    until,
    write,
)
from tests.support.warm import warm_main
from training.train import train


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with reels of a quiet video, a trained `run`, and fitted methods, `run_difference` and `run_objects`."""
    folder = tmp_path_factory.mktemp("follow")
    write(folder / "raw" / "quiet.mkv", scenes(160))
    prep(settings(folder))
    train(settings(folder))
    calibrate_run(folder / "run", settings(folder))
    (folder / "c.yaml").write_text(json.dumps(plain(folder)))
    for name in ("difference", "objects"):
        method = ["--model-path", str(folder / f"run_{name}"), *ONE_STEP, "--set", f"model.name={name}"]
        assert main.main(["-m", "train", "-c", str(folder / "c.yaml"), *method]) == 0
    return folder


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


@pytest.mark.parametrize("name", ["difference", "objects"])
def test_a_plain_method_follows_too(work, tmp_path, name):
    path = write(tmp_path / "a.ts", scenes(75, FLASH))
    found = scored_live(*live(work, path, f"run_{name}"))
    assert_same(found, scored_offline(work, path, tmp_path, f"run_{name}"))


@pytest.mark.parametrize(("run", "parts"), [("run", ["standardised", "objects"]), ("run_objects", ["objects", "flow"])])
def test_a_mix_follows_as_its_parts_do(work, tmp_path, run, parts):
    path = write(tmp_path / "a.ts", scenes(75, FLASH))
    mix = {"eval__score": "mix", "eval__mix": parts}
    found = scored_live(*live(work, path, run, **mix))
    assert_same(found, scored_offline(work, path, tmp_path, run, **mix))


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
        out = followed(settings(work, eval__follow=url, **{f"eval__follow_{key}": keys[key] for key in keys}))
    assert opened_before_the_end.is_set()
    found = records(work / "run", name[0])
    kinds = [r["type"] for r in found]
    assert (kinds[0], kinds[-1], "dropped" in kinds) == ("started", "ended", False)
    assert kinds.count("open") == kinds.count("closed") > 0
    opened = [r for r in found if r["type"] == "open"]
    assert all(r["source_x0"] <= r["source_x"] < r["source_x1"] for r in opened)
    closed = sorted((r for r in found if r["type"] == "closed"), key=lambda r: r["frame_start"])
    strongest = max(closed, key=lambda r: r["peak_score"])
    assert strongest["frame_peak"] in FLASH
    assert 15 <= strongest["x"] <= 26
    since = np.datetime64(strongest["t_peak"]) - np.datetime64(found[0]["start_utc"])
    assert since / np.timedelta64(1, "s") == pytest.approx(strongest["frame_peak"] / FPS, abs=0.01)
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["frames_read"], summary["frames_scored"], summary["frames_dropped"]) == (220, 220, 0)
    assert summary["reconnects"] == 0  # it was tried, and nothing came
    assert re.search(r"no frame for 3 s, tried again \d+ times? .*404", summary["reason"])
    assert "secret" not in (out / "events.jsonl").read_text() + (out / "summary.json").read_text()
    assert [event["threshold_high"] for event in closed] == pytest.approx([summary["threshold_high"]] * len(closed))
    check_they_are_those_of_eval(closed, offline_events(work, tmp_path / "a.ts", tmp_path))


def check_they_are_those_of_eval(closed, offline):
    """Events that are closed, but for numbers and clocks, in the order of their starts."""
    differ = ("event", "t_start", "t_peak", "t_end", "reel", "config")
    for live_event, event in zip(closed, offline, strict=True):
        assert set(live_event) - {"type", "at", "stream", "threshold_low", "threshold_high"} == set(event) - {
            *CLOCK_COLUMNS
        }
        for key in set(event) - {*differ, *CLOCK_COLUMNS}:
            is_number = isinstance(event[key], float)
            assert live_event[key] == (pytest.approx(event[key], rel=1e-4) if is_number else event[key]), key


def test_broken_frames_of_a_stream_are_told_as_eval_tells_them(work, tmp_path):
    frames = scenes(140, FLASH)
    frames[61] = 0  # in the middle of the flash
    frames[100:104] = np.random.default_rng(0).integers(0, 256, (4, HEIGHT, WIDTH), dtype=np.uint8)
    path = write(tmp_path / "broken.mkv", frames)
    out = followed(settings(work, eval__follow=str(path), eval__follow_timeout_s=0.4))
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


def send_all(handler, body):
    """All of a film at once, and then nothing more."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = True


def test_a_broken_stream_is_taken_up_again_as_after_a_gap(work, tmp_path):
    body = write(tmp_path / "a.ts", scenes(60)).read_bytes()
    with serving() as (address, answers):

        def twice(handler, n):
            if n > 1:
                handler.send_error(404)
                return
            send_all(handler, body)

        answers["/a.ts"] = twice
        scorer, reel, source, eval_settings = live(work, f"{address}/a.ts", **PATIENT)
        found = scored_live(scorer, reel, source, eval_settings, expected=120)
    times = np.array([time_s for time_s, _ in found])
    assert len(found) == 120
    assert (np.diff(times) > 0).all()
    assert source.reconnects == 1
    for (_, first), (_, again) in zip(found[:60], found[60:], strict=True):  # no window holds frames of both
        np.testing.assert_allclose(first.residual, again.residual, atol=1e-6)


def test_what_came_before_a_break_is_judged_while_the_stream_is_away(work, tmp_path):
    """Else an alarm would come once the camera is back, which who cut its cable need not wait for."""
    body, judged, told_in_time = write(tmp_path / "a.ts", scenes(60)).read_bytes(), threading.Event(), []
    with serving() as (address, answers):

        def once(handler, n):
            if n:
                told_in_time.append(judged.wait(5))
                source.timeout_s = 0.0
                handler.send_error(404)
                return
            send_all(handler, body)

        answers["/a.ts"] = once
        scorer, reel, source, eval_settings = live(work, f"{address}/a.ts", **PATIENT)
        with feeding(reel, source):
            for number, _ in enumerate(live_frames(scorer, reel, eval_settings), 1):
                if number == 60:
                    judged.set()
    assert told_in_time == [True]


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
        found = scored_live(scorer, reel, source, eval_settings, expected=220, behind=3)
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
    body, let_go = write(tmp_path / "a.ts", scenes(60)).read_bytes(), threading.Event()
    with serving() as (address, answers):

        def stall(handler, n):
            if n:
                handler.send_error(503)
                return
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(body)
            handler.wfile.flush()
            answers.stop.wait(250)
            let_go.set()

        answers["/a.ts"] = stall
        begun = time.monotonic()
        out = followed(settings(work, eval__follow=f"{address}/a.ts", eval__follow_timeout_s=1.2))
        assert time.monotonic() - begun > 1.0
        assert not let_go.is_set()
    assert "no frame for 1.2 s" in json.loads((out / "summary.json").read_text())["reason"]


def test_ctrl_c_closes_what_is_open_and_writes_a_summary(work, tmp_path):
    """In a process of its own: whatever becomes of the signal, it can't end the one that tests."""
    path = write(tmp_path / "stay.mkv", scenes(80, range(66, 80)))
    log = work / "run" / "follow" / "stay" / "events.jsonl"
    words = ["-m", "eval", "-c", str(work / "c.yaml"), "--follow", str(path), "--set", "eval.follow_timeout_s=60"]
    process = warm_main().start(*words)
    until(lambda: has_opened(log) or process.has_ended())
    process.send_signal(signal.SIGINT)
    said = process.communicate()
    found = records(work / "run", "stay")
    summary = json.loads((log.parent / "summary.json").read_text())
    assert found[-1]["reason"] == summary["reason"] == "interrupted", said
    kinds = [r["type"] for r in found]
    assert kinds.count("open") == kinds.count("closed") > 0


def test_a_torn_last_line_stays_alone_and_what_is_full_begins_anew(work, tmp_path):
    path = write(tmp_path / "torn.mkv", scenes(30))
    log = work / "run" / "follow" / "torn" / "events.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text('{"type": "op')
    keys = {"eval__follow_timeout_s": 0.2, "prep__start_utc": "2026-01-01T12:00", "eval__follow_log_mb": 1e-5}
    followed(settings(work, eval__follow=str(path), **keys))
    assert log.with_name("events.1.jsonl").read_text() == '{"type": "op\n'
    started, ended = (json.loads(part.read_text()) for part in parts(log)[1:])
    assert (started["type"], ended["type"]) == ("started", "ended")
    assert started["start_utc"] == "2026-01-01T12:00:00.000"
    assert log.is_file()


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


@pytest.mark.parametrize("address", ["x.ts", "."])
@pytest.mark.parametrize(("score", "part"), [("mix", "mahalanobis"), ("knn", "knn")])
def test_a_score_of_whole_recordings_is_refused_before_parts_of_it_are_fitted(
    work, tmp_path, monkeypatch, capsys, address, score, part
):
    monkeypatch.chdir(tmp_path)
    command = ["-m", "eval", "-c", str(work / "c.yaml"), "--follow", address, "--set", f"eval.score={score}"]
    assert main.main(command) == 2
    assert f"--follow can't score by {part}, which compares latents" in capsys.readouterr().err
    assert not list((work / "run").rglob("mix-mahalanobis*"))


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
    options = {"rtsp_flags": "listen", "listen_timeout": "120", "analyzeduration": "100000"}
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
