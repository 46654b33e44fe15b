"""The runner: a bundle's events without PyTorch, of a video and of a reel, the same as eval's."""

import json
import shutil
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from data.reel.reel import Reel, find_reels
from inference.runner.__main__ import main
from inference.runner.run import Frames, Runner
from tests.support.bundles import exported, flash_reel, run_without_torch, start_without_torch, trained_on_video
from tests.support.reels import make_reel
from tests.support.streams import FLASH, FPS, followed, records, scenes, settings

pytestmark = pytest.mark.usefixtures("one_thread")
PLACE = ("frame_start", "frame_peak", "frame_end", "x0", "y0", "x1", "y1", "level")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a run, its bundle, and a video with a flash."""
    folder = tmp_path_factory.mktemp("runner")
    trained_on_video(folder)
    exported(folder / "run", folder / "base.yaml")
    flash_reel(folder)
    return folder


def flashes(told: list[dict]) -> list[dict]:
    return [r for r in told if r["type"] == "closed" and r["frame_start"] <= FLASH[0] + 1 <= r["frame_end"]]


def test_without_pytorch_a_video_has_the_events_that_follow_tells(work):
    done = run_without_torch(work / "run" / "export", work / "new.ts", "--threads", "1")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    followed(settings(work, eval__follow=str(work / "new.ts"), eval__follow_timeout_s=0.4))
    theirs = records(work / "run", "new")
    (ours,), (expected,) = flashes(told), flashes(theirs)
    assert {name: ours[name] for name in PLACE[:3]} == {name: expected[name] for name in PLACE[:3]}
    assert set(ours) >= set(expected) - {"at"}
    # eval may compute in bfloat16, with 8 bits
    assert ours["peak_score"] == pytest.approx(expected["peak_score"], rel=0.05)


def test_without_pytorch_a_reel_has_the_events_that_python_finds(work):
    done = run_without_torch(work / "run" / "export", work / "new", "--threads", "1")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    (reel,) = find_reels(work / "new")
    assert told == [
        {"type": "event", "stream": reel.name, **e} for e in Runner(work / "run" / "export", 1).of_reel(reel)
    ]
    assert told


def test_frames_of_python_are_a_stream_too(work):
    frames = scenes(120, FLASH)
    (flash,) = flashes(list(Runner(work / "run" / "export", 1).of_frames(frames, FPS)))
    assert flash["time_peak_s"] == pytest.approx(flash["frame_peak"] / FPS)
    assert flash["x0"] <= 19
    assert flash["x1"] >= 23


def test_frames_of_another_form_are_refused(work):
    (reel,) = find_reels(work / "new")
    runner = Runner(work / "run" / "export", 1)
    runner.bundle.about["frame_shape"] = [1, 48, 48]
    with pytest.raises(ValueError, match=r"prep.resize \[48, 48\]"):
        runner.of_reel(reel)


def test_errors_are_one_line_and_a_status(work, tmp_path, capsys):
    done = start_without_torch(tmp_path, work / "new.ts")
    assert done.returncode == 1
    assert "is no bundle: it has no bundle.json" in done.stderr
    assert "Traceback" not in done.stderr
    assert main([str(work / "run" / "export"), str(tmp_path / "none.mp4")]) == 1
    told = capsys.readouterr().err
    assert "none.mp4 is no file" in told
    assert "--follow" not in told  # which the runner does not have
    assert "Traceback" not in told


def test_with_a_closed_standard_output_nothing_is_scored_in_silence(work, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    assert main([str(work / "run" / "export"), str(work / "new.ts")]) == 1
    assert "standard output is closed" in capsys.readouterr().err


def test_a_reel_that_is_too_short_is_told_and_leaves_the_others(work, tmp_path, caplog, capsys):
    make_reel(tmp_path / "short", np.zeros((6, 1, 24, 32)), 1 / FPS, start_utc=None, clip_length=None)
    bundle = str(work / "run" / "export")
    assert main([bundle, str(tmp_path), "--threads", "1"]) == 1
    assert f"no reel in {tmp_path} is long enough for windows of 8 frames" in caplog.text
    with pytest.raises(ValueError, match="short: no stretch without a gap holds the 8 frames of a window"):
        Runner(bundle, 1).of_reel(Reel(tmp_path / "short"))
    (reel,) = find_reels(work / "new")
    shutil.copytree(reel.path, tmp_path / "whole")
    caplog.clear()
    assert main([bundle, str(tmp_path), "--threads", "1"]) == 0
    assert "short: no stretch without a gap holds the 8 frames of a window; left out" in caplog.text
    assert {json.loads(line)["stream"] for line in capsys.readouterr().out.splitlines()} == {"new"}


def test_an_input_that_fails_leaves_the_others_to_be_scored(work, tmp_path, caplog, capsys):
    assert main([str(work / "run" / "export"), str(tmp_path / "none.mp4"), str(work / "new"), "--threads", "1"]) == 1
    assert "none.mp4 is no file" in caplog.text
    assert len(capsys.readouterr().out.splitlines()) > 0


def test_a_reel_that_does_not_fit_is_told_before_the_first_is_scored(work, tmp_path, caplog, capsys):
    (reel,) = find_reels(work / "new")
    shutil.copytree(reel.path, tmp_path / "a_fits")
    make_reel(tmp_path / "series", np.zeros((60, 1, 1, 1)), 1 / FPS, start_utc=None)
    assert main([str(work / "run" / "export"), str(tmp_path), "--threads", "1"]) == 1
    assert "reel series holds a series, and the model was trained on pictures" in caplog.text
    assert "none of its variables" not in caplog.text
    assert capsys.readouterr().out == ""


def test_frames_at_another_rate_are_told(work, caplog):
    list(Runner(work / "run" / "export", 1).of_frames(scenes(20), FPS / 5))
    assert "frames has a frame every 0.2 s, and the model was trained on one every 0.04 s" in caplog.text


def test_frames_that_cannot_be_used_are_told(work, caplog):
    runner = Runner(work / "run" / "export", 1)
    pixels = replace(runner.bundle.form.pixels, crop={"x": 0, "y": 0, "width": 32, "height": 24})
    runner.bundle = replace(runner.bundle, form=replace(runner.bundle.form, pixels=pixels, source_shape=(24, 32)))
    with pytest.raises(OSError, match=r"no frame of frames could be read: picture of 48x64 px, and .* for 24x32 px"):
        list(runner.of_frames(np.zeros((20, 48, 64), np.uint8), FPS))
    frames = [np.zeros((24, 32), np.uint8)] * 12 + [np.zeros((48, 64), np.uint8)] * 3
    list(runner.of_frames(frames, FPS))
    assert "frames: 3 frames could not be used; of the last one: picture of 48x64 px" in caplog.text


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (lambda f: np.repeat(f[..., None], 3, 3), r"an array \(24, 32, 3\) of uint8"),
        (lambda f: f / 255, r"an array \(24, 32\) of float64"),
        (lambda f: f[0], r"an array \(32,\) of uint8"),
        (lambda f: f.tolist(), "list"),
    ],
)
def test_frames_that_are_no_levels_of_grey_are_refused(work, made, found):
    with pytest.raises(ValueError, match=rf"frame 0 is {found}; this bundle takes arrays \(H, W\) of uint8"):
        list(Runner(work / "run" / "export", 1).of_frames(made(scenes(12)), FPS))


@pytest.mark.parametrize("rate", [0.0, -25.0, float("nan"), float("inf")])
def test_a_rate_is_positive(work, rate):
    with pytest.raises(ValueError, match="is no rate; give a positive number"):
        Runner(work / "run" / "export", 1).of_frames(scenes(12), rate)


def test_colour_is_wanted_by_a_bundle_of_colour():
    colour = Frames([], FPS, in_colour=True)
    colour.check(0, np.zeros((24, 32, 3), np.uint8))
    for shape in ((24, 32), (24, 32, 4), (24, 32, 1)):
        with pytest.raises(ValueError, match=r"arrays \(H, W, 3\), red first, of uint8"):
            colour.check(0, np.zeros(shape, np.uint8))


def test_a_stream_that_is_too_short_is_told(work, caplog):
    assert list(Runner(work / "run" / "export", 1).of_frames(scenes(7), FPS)) == []
    assert "frames: no stretch without a gap holds the 8 frames of a window" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("table.csv", b"time,a\n0,1\n1,2\n", "table.csv is no video, .* python main.py -m prep --data-raw INPUT"),
        ("one.png", cv2.imencode(".png", np.zeros((24, 32), np.uint8))[1].tobytes(), "one.png is no video"),
        ("broken.mp4", b"no video\n" * 40, "no frame of broken could be read: .*broken.mp4 is no video"),
        ("broken.mp4", b"", "no frame of broken could be read: .*broken.mp4 is no video"),
    ],
)
def test_what_is_no_video_is_refused_with_its_reason(work, tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((ValueError, OSError), match=told):
        list(Runner(work / "run" / "export", 1).of_video(str(tmp_path / name), 0.1))


def test_no_frames_are_told(work):
    with pytest.raises(OSError, match="no frame of frames could be read"):
        list(Runner(work / "run" / "export", 1).of_frames(np.zeros((0, 24, 32), np.uint8), FPS))
