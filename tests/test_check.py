"""--check: what a mode would do and what is wrong, told without doing it, in the words of the modes themselves."""

import hashlib
import re
import socket

import numpy as np
import pytest

import main as program
from config import load
from inference.fit import fit
from tests.support.paths import ROOT
from tests.support.reels import drifting_blobs, make_reel
from tests.support.trainings import small_config
from training.train import train

SMALL = ["--set", "prep.clip_length=8", "--set", "prep.resize=null", "--workers", "0"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder):
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def check(capsys, *arguments):
    """Exit code and report of a check; nothing may be written."""
    before = contents(program.Path.cwd())
    code = program.main(["--check", "-c", str(ROOT / "config.yaml"), *arguments])
    assert contents(program.Path.cwd()) == before
    return code, capsys.readouterr().out


def table(path, rows):
    path.parent.mkdir(parents=True)
    t = np.arange(rows)
    path.write_text("time,flow\n" + "\n".join(f"{i},{np.sin(i / 5):.4f}" for i in t))


def images(folder, number):
    import cv2

    folder.mkdir(parents=True)
    for i, frame in enumerate(drifting_blobs(number, 16, 16)):
        cv2.imwrite(str(folder / f"{i:03d}.png"), (255 * np.clip(frame[0], 0, 1)).astype(np.uint8))


def test_prep_names_files_reels_and_room(place, capsys):
    table(place / "raw" / "tables" / "pump.csv", 80)
    images(place / "raw" / "cam", 20)
    code, told = check(capsys, "-m", "prep", "--data-raw", "raw", "--data-clips", "out", *SMALL)
    assert code == 0
    assert "image 20" in told
    assert "table 1" in told
    assert "cam: 20 frames of [channels, height, width] [1, 16, 16]" in told
    assert "pump: a series of 80 samples of 1 variable" in told
    assert "GB are needed in out" in told
    assert "nothing is wrong" in told


def test_prep_finds_reels_that_are_too_short_for_a_window(place, capsys):
    images(place / "raw" / "cam", 5)
    code, told = check(capsys, "-m", "prep", "--data-raw", "raw", "--data-clips", "out", *SMALL)
    assert code == 2
    assert "no window of prep.clip_length 8 frames fits into 5" in told


def test_prep_finds_reels_made_with_other_settings(place, capsys):
    images(place / "raw" / "cam", 20)
    base = ["-m", "prep", "--data-raw", "raw", "--data-clips", "out", *SMALL]
    assert program.main(base) == 0
    capsys.readouterr()
    assert check(capsys, *base)[0] == 0
    code, told = check(capsys, *base, "--set", "prep.resize=[8, 8]")
    assert code == 2
    assert "prepared from other frames or settings" in told


def test_prep_without_input_says_so(place, capsys):
    code, told = check(capsys, "-m", "prep", "--data-raw", "none", "--data-clips", "out")
    assert code == 2
    assert "wrong: none does not exist; name a file or folder to prepare with --data-raw" in told


def test_prep_of_light_curves_names_their_reels(place, capsys):
    make_reel(place / "raw" / "r", drifting_blobs(40, 16, 16))
    code, told = check(capsys, "-m", "prep", "--data-raw", "raw", "--set", "prep.light_curves={grid: [2, 2]}")
    assert code == 0
    assert "light curves would be cut from r: 40 frames" in told


def test_review_counts_windows_and_finds_wrong_ids_and_a_taken_port(place, capsys):
    make_reel(place / "reels" / "r", drifting_blobs(40, 16, 16))
    base = ["-m", "review", "--data-clips", "reels"]
    code, told = check(capsys, *base)
    assert code == 0
    assert "r: 40 frames of [channels, height, width] [1, 16, 16], one every" in told
    assert "left to train on" in told
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, told = check(capsys, *base, "--keep", "999", "--serve", "--port", port)
    assert code == 2
    assert re.search(r"no such window: r:999; there are r \(\d+ windows\), counted from 0", told)
    assert f"review.port {port}" in told
    assert told.endswith("wrong: 2\n")


def test_train_tells_windows_model_device_and_steps(place, capsys):
    make_reel(place / "reels" / "r", drifting_blobs(60, 16, 16))
    code, told = check(capsys, "-m", "train", "--data-clips", "reels", "-d", "cpu", "--model-path", "run")
    assert code == 0
    assert "run folder: run, free" in told
    assert "training and" in told
    assert "autoencoder, 396,952 parameters" in told
    assert "training: 1 step an epoch, 100 epochs, on cpu" in told
    code, told = check(capsys, "-m", "train", "--data-clips", "reels", "--set", "model.name=flow")
    assert code == 0
    assert "flow, fitted in one step" in told


def test_train_finds_several_faults_at_once(place, capsys):
    make_reel(place / "reels" / "r", drifting_blobs(60, 16, 16))
    config = small_config(place / "reels", place / "run")
    train(config)
    code, told = check(capsys, "-m", "train", "--data-clips", "none", "--model-path", "run")
    assert code == 2
    assert "run holds the checkpoints of another run" in told
    assert "no reel in none" in told


def test_train_tells_how_far_a_run_is_that_goes_on(place, capsys):
    make_reel(place / "reels" / "r", drifting_blobs(60, 16, 16))
    train(small_config(place / "reels", place / "run"))
    arguments = ["-m", "train", "--data-clips", "reels", "--model-path", "run", "--resume"]
    code = program.main(["--check", "-c", "run/config.yaml", *arguments])
    told = capsys.readouterr().out
    assert code == 0, told
    assert "run folder: run, to go on with" in told
    assert "goes on after" in told
    code, told = check(capsys, "-m", "train", "--data-clips", "reels", "--model-path", "other", "--resume")
    assert code == 2
    assert told == "wrong: other holds no checkpoint to resume from; start it without --resume\nwrong: 1\n"


def test_eval_tells_the_run_and_which_reel_does_not_fit(place, capsys):
    make_reel(place / "reels" / "r", drifting_blobs(60, 16, 16))
    config = small_config(place / "reels", place / "run")
    train(config)
    base = ["-m", "eval", "--model-path", "run", "-d", "cpu"]
    code, told = check(capsys, *base, "--data-clips", "reels")
    assert code == 0
    assert "run: run, autoencoder, trained on windows of" in told
    make_reel(place / "reels" / "wide", drifting_blobs(60, 16, 24))
    make_reel(place / "reels" / "short", drifting_blobs(3, 16, 16))
    make_reel(place / "reels" / "series", np.zeros((60, 1, 1, 1)))
    code, told = check(capsys, *base, "--data-clips", "reels")
    assert code == 2
    assert "reel wide has frames" in told
    assert "prep.resize [16, 16]" in told
    assert "short: no stretch without a gap holds" in told
    assert "reel series holds a series, and the model was trained on pictures" in told
    assert "and as many channels" not in told


@pytest.mark.parametrize("name", ["tvnet", "timesnet", "vetime", "kmeans"])
def test_a_model_of_series_is_not_for_pictures_and_models_for_them_are_named(place, capsys, name):
    make_reel(place / "reels" / "r", drifting_blobs(60, 16, 16))
    init = ["--set", "train.init=shipped"] if name == "vetime" else []
    code, told = check(capsys, "-m", "train", "--data-clips", "reels", "--set", f"model.name={name}", *init)
    assert code == 2
    assert "works on time series" in told
    assert "autoencoder or flow" in told or "choose one of difference, trailing_mean" in told
    assert "prep.resize" not in told


def test_eval_without_a_run_says_so_and_shipped_weights_are_not_unpacked(place, capsys):
    make_reel(place / "reels" / "series", np.zeros((60, 1, 1, 1)))
    code, told = check(capsys, "-m", "eval", "--data-clips", "reels")
    assert code == 2
    assert "no trained model in runs" in told
    code, told = check(capsys, "-m", "eval", "--data-clips", "reels", "--set", "model.name=vetime")
    assert "vetime.safetensors, vetime, trained on windows of 1024" in told
    code, told = check(capsys, "-m", "eval", "--set", "model.name=vetime", "--follow", "udp://127.0.0.1:9")
    assert code == 2
    assert "wrong: vetime works on recorded series and can't follow a stream" in told


@pytest.mark.parametrize("name", ["vetime", "kmeans"])
def test_a_check_refuses_the_reels_that_the_evaluation_refuses(place, capsys, name):
    """Of other channels than it was trained on, a model takes none, or any if it says so itself."""
    rng = np.random.default_rng(0)
    for variables in (1, 3):
        make_reel(place / f"of{variables}" / "r", rng.normal(size=(80, variables, 1, 1)))
    if name == "kmeans":
        fit(load(None, {"data_clips": "of1", "model_path": "run", "model.name": name, "device": "cpu"}))
    given = ["-m", "eval", "--data-clips", "of3", "--model-path", "run", "--set", f"model.name={name}"]
    code, told = check(capsys, *given)
    assert code == {"vetime": 0, "kmeans": 2}[name], told
    assert ("as many channels" in told) == (code == 2)
    assert bool(program.main(["-c", str(ROOT / "config.yaml"), *given])) == bool(code)


def test_a_file_in_the_way_is_wrong(place, capsys):
    images(place / "raw" / "cam", 20)
    (place / "out").write_text("x")
    code, told = check(capsys, "-m", "prep", "--data-raw", "raw", "--data-clips", "out/reels", *SMALL)
    assert code == 2
    assert "is a file, where a folder is wanted" in told


def test_a_fleet_is_checked_reel_by_reel(place, capsys):
    make_reel(place / "reels" / "cam", drifting_blobs(64), clip_length=8)
    make_reel(place / "reels" / "short", drifting_blobs(4), clip_length=8)
    words = ["--data-clips", "reels", "--model-path", "fleet", "-d", "cpu", "--set", "model.name=difference"]
    code, told = check(capsys, "-m", "train", *words, "--set", "train.each_reel=true")
    assert code == 2
    assert "fleet: fleet, a model for each of 2 reels" in told
    assert told.count("model: difference, fitted in one step") == 1
    assert told.endswith("wrong: 1\n")
    (place / "fleet" / "members").mkdir(parents=True)
    code, told = check(capsys, "-m", "train", *words, "--set", "train.each_reel=true")
    assert "holds another fleet; continue it with --resume" in told
    code, told = check(capsys, "-m", "eval", *words)
    assert (code, told.count("checkpoints/best.pt does not exist")) == (2, 2)
