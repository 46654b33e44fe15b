"""A net that learnt from window labels leaves PyTorch, with the rule that makes segments of its scores."""

import json
import shutil

import numpy as np
import pytest

import main
from data.reel.reel import find_reels
from inference.runner.bundle import Bundle
from inference.runner.run import Runner
from tests.support.bundles import exported, run_without_torch
from tests.support.reels import make_reel

pytestmark = pytest.mark.usefixtures("one_thread")
LENGTH = 32
PLACE = ("frame_start", "frame_peak", "frame_end", "level")
STAGES = [{"width": 8, "dilation": d, "kernel": [3, 1, 1], "activation": "gated"} for d in (1, 2)]


def bumps(folder, seed: int, n: int = 480) -> None:
    """Noise, and now and then a rise of 12 samples, which is labelled."""
    random, truth = np.random.default_rng(seed), np.zeros(n)
    for start in range(30, n - 60, 120):
        begin = start + random.integers(0, 40)
        truth[begin : begin + 12] = 1
    values = 0.3 + random.normal(0, 0.03, (n, 2)) + 0.4 * truth[:, None]
    shown = {"labels": truth, "cadence_s": 60.0, "channels": ["a", "b"], "clip_length": LENGTH, "stride": 8}
    make_reel(folder, values[:, :, None, None].astype(np.float32), **shown)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a run, its settings, its bundle, and new reels that eval has looked at."""
    folder = tmp_path_factory.mktemp("weak")
    for seed, name in enumerate(("a", "held")):
        bumps(folder / "reels" / name, seed)
    bumps(folder / "new" / "unseen", 7)
    settings = {
        "data_clips": str(folder / "reels"), "model_path": str(folder / "run"), "device": "cpu", "workers": 0,
        "model": {"name": "wetas", "stages": STAGES},
        "train": {"loss": "weak_bce", "epochs": 6, "warmup_epochs": 0.0, "batch_size": 8, "lr": 1e-2,
                  "val_reels": ["held"], "weak": {"labels": "labels", "segments": 8}},
        "eval": {"stride": 8},
    }  # fmt: skip
    (folder / "settings.yaml").write_text(json.dumps(settings))
    for words in (["train"], ["eval", "--data-clips", str(folder / "new")]):
        assert main.main(["-m", words[0], "-c", str(folder / "settings.yaml"), *words[1:]]) == 0
    exported(folder / "run", folder / "settings.yaml")
    return folder


def test_its_certificate_holds_on_validation_windows(work):
    found = json.loads((work / "run" / "export" / "certificate.json").read_text())
    assert found["holds"]
    # Probabilities within 0 to 1, of sums of some hundred products in float32, in units of a threshold of 0.5.
    assert found["score_difference"] < 1e-4
    assert found["on"]["quiet"]["events"][0] == found["on"]["quiet"]["events"][1] > 0


def test_without_pytorch_it_finds_the_events_of_eval(work):
    done = run_without_torch(work / "run" / "export", work / "new", "--threads", "1")
    assert done.returncode == 0, done.stderr
    ours = [json.loads(line) for line in done.stdout.splitlines()]
    theirs = json.loads((work / "run" / "eval" / "unseen" / "events.json").read_text())["events"]
    places = ("frame_start", "frame_peak", "frame_end", "level")
    assert [[event[name] for name in places] for event in ours] == [
        [event[name] for name in places] for event in theirs
    ]
    assert ours


def test_in_integers_it_is_refused_before_any_work(work, capsys):
    given = ["-m", "export", "-c", str(work / "settings.yaml"), "--precision", "int8", "--check"]
    assert main.main(given) == 2
    assert "has a net that is exported in float32 alone; choose fp32" in capsys.readouterr().out


def test_without_its_reels_there_is_nothing_to_certify_it_by(work, tmp_path, capsys):
    copied = shutil.copytree(work / "run", tmp_path / "run")
    (work / "reels").rename(tmp_path / "elsewhere")
    try:
        given = ["-m", "export", "-c", str(work / "settings.yaml"), "--model-path", str(copied), "--check"]
        assert main.main(given) == 2
        assert "export needs the reels of the training" in capsys.readouterr().out
        assert main.main([*given, "--data-clips", str(tmp_path / "elsewhere")]) == 0
    finally:
        (tmp_path / "elsewhere").rename(work / "reels")


def test_a_bundle_of_it_needs_no_quiet_frames(work):
    bundle = Bundle.open(work / "run" / "export")
    assert not [name for name in bundle.about["files"] if name.startswith(("calibration", "camera"))]
    (reel,) = find_reels(work / "new")
    assert Runner(bundle.path, 1).job(reel, bundle.settings).low == 0.5
