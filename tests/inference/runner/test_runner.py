"""The runner: a bundle's events without PyTorch, of a video and of a reel, the same as eval's."""

import json

import numpy as np
import pytest

from data.reel.reel import find_reels
from inference.runner.run import Runner
from tests.support.bundles import exported, flash_reel, run_without_torch, trained_on_video
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


def test_errors_are_one_line_and_a_status(work, tmp_path):
    done = run_without_torch(tmp_path, work / "new.ts")
    assert done.returncode == 1
    assert "is no bundle: it has no bundle.json" in done.stderr
    assert "Traceback" not in done.stderr
    done = run_without_torch(work / "run" / "export", tmp_path / "none.mp4")
    assert done.returncode == 1
    assert "none.mp4 is no file" in done.stderr


def test_no_frames_are_told(work):
    with pytest.raises(OSError, match="no frame of frames could be read"):
        list(Runner(work / "run" / "export", 1).of_frames(np.zeros((0, 24, 32), np.uint8), FPS))
