"""A source, a net and a method from outside the package, as CONTRIBUTING.md shows them: each one file and one line."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import config
import main
from config import ConfigError
from data.reel.reel import Reel
from data.sources import SOURCES
from inference.methods import METHODS
from models import MODELS
from tests.support.pages import python_blocks
from tests.support.paths import ROOT
from tests.support.reels import drifting_blobs

pytestmark = pytest.mark.usefixtures("one_thread")

QUIET, WATCHED, SIZE = 160, 80, 20
FLASH = range(50, 53)  # of the watched frames; shorter than half a window
LINES = {
    "toy_source": "sources.register(ToySource())",
    "toy_net": 'MODELS["toy"] = ToyNet',
    "toy_method": 'METHODS["toy_method"] = ToyMethod',
}
SETTINGS_OF_SCRIPT = ["--set", "model.name=toy", "--set", "model.hidden=16"]
CHOSEN = {
    "toy": {"model": {"name": "toy", "hidden": 6, "softness": 0.02}, "train": {"epochs": 6, "lr": 1e-2}},
    "toy_method": {"model": {"name": "toy_method", "frames": 40}},
}


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """A folder with the three files of the page, which are imported; afterwards nobody knows them."""
    folder = tmp_path_factory.mktemp("code")
    for block in python_blocks(ROOT / "CONTRIBUTING.md"):
        name = block.split("\n", 1)[0].removeprefix("# ")
        (folder / name).write_text(block)
    before = [(registry, dict(registry)) for registry in (SOURCES, MODELS, METHODS)]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        for name in LINES:
            importlib.import_module(name)
        yield folder
    for registry, known in before:
        registry.clear()
        registry.update(known)
    for name in LINES:
        del sys.modules[name]


@pytest.fixture(scope="module")
def work(toys, tmp_path_factory):
    """A folder with two reels, made by worker processes from files in the toy's format; one has a flash."""
    folder = tmp_path_factory.mktemp("work")
    frames = (255 * 0.6 * drifting_blobs(QUIET + WATCHED, SIZE, SIZE, speed=0.0)[:, 0]).clip(0, 255)
    frames[[QUIET + i for i in FLASH], 4:9, 11:16] += 80
    frames = frames.clip(0, 255).astype(np.uint8)
    write_toy(folder / "raw" / "quiet.toy", frames[:QUIET])
    write_toy(folder / "raw" / "watched.toy", frames[QUIET:])
    settings = {"clip_length": 8, "stride": 2, "resize": None}
    (folder / "prep.yaml").write_text(yaml.safe_dump({"workers": 2, "prep": settings}))
    run("prep", folder / "prep.yaml", "--data-raw", folder / "raw", "--data-clips", folder / "reels")
    np.testing.assert_allclose(Reel(folder / "reels" / "watched").physical(0, WATCHED)[:, 0], frames[QUIET:], atol=0.5)
    return folder


@pytest.fixture(scope="module", params=CHOSEN)
def evaluated(request, work):
    """The name of what was trained, its run, and its results on the reel with the flash."""
    name = request.param
    path, model_path = work / f"{name}.yaml", work / name
    given = CHOSEN[name] | {"workers": 0, "device": "cpu", "eval": {"stride": 4, "false_alarms_per_hour": 20.0}}
    path.write_text(yaml.safe_dump(given))
    run("train", path, "--data-clips", work / "reels" / "quiet", "--model-path", model_path)
    run("eval", path, "--data-clips", work / "reels" / "watched", "--model-path", model_path)
    return name, model_path, model_path / "eval" / "watched"


def write_toy(path: Path, frames: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"TOY %d %d\n" % frames.shape[1:] + frames.tobytes())


def run(mode: str, settings: Path, *arguments: object) -> None:
    assert main.main(["-m", mode, "-c", *map(str, (settings, *arguments))]) == 0, mode


def test_each_is_one_file_with_one_line(toys):
    assert {path.stem for path in toys.glob("*.py")} == {*LINES, "mine"}
    for name, line in LINES.items():
        assert (toys / f"{name}.py").read_text().splitlines()[-1] == line
    assert " ".join(SETTINGS_OF_SCRIPT) in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_a_flash_is_what_stands_out_most(evaluated):
    _, _, results = evaluated
    scores = pd.read_csv(results / "scores.csv")
    assert scores["frame"].tolist() == list(range(WATCHED))
    top = scores.loc[scores["max"].idxmax()]
    assert top["frame"] in (*FLASH, FLASH[-1] + 1)  # of what is expected from the frame before also the end of a flash
    assert top["max"] > 3 * scores["max"].median()
    events = pd.read_csv(results / "events.csv")
    strongest = events.loc[events["peak_score"].idxmax()]
    assert strongest["level"] == "high"
    assert set(range(strongest["frame_start"], strongest["frame_end"] + 1)) & set(FLASH)
    assert (strongest["x"], strongest["y"]) == pytest.approx((13, 6), abs=1)


def test_there_is_a_report(evaluated):
    _, _, results = evaluated
    assert "watched" in (results / "report.html").read_text(encoding="utf-8")


def test_the_run_names_the_toy_with_its_settings(evaluated):
    name, model_path, _ = evaluated
    kept = yaml.safe_load((model_path / "config.yaml").read_text())
    assert kept["model"] == CHOSEN[name]["model"] | {"task": "anomaly"}


@pytest.mark.parametrize("evaluated", ["toy"], indirect=True)
def test_the_net_learns_by_its_own_loss(evaluated):
    _, model_path, _ = evaluated
    losses = pd.read_csv(model_path / "metrics.csv")[["train_loss", "val_loss"]]
    assert (losses.iloc[-1] < 0.5 * losses.iloc[0]).all()


def test_a_script_of_ones_own_runs_the_program_with_the_toy(toys, work):
    paths = {"PYTHONPATH": f"{ROOT}"}  # which stands for lying beside main.py
    options = ["--data-clips", work / "reels" / "quiet", "--model-path", work / "new", *SETTINGS_OF_SCRIPT, "--check"]
    done = subprocess.run([sys.executable, toys / "mine.py", "-m", "train", *options], cwd=work, env=os.environ | paths,
                          capture_output=True, text=True)  # fmt: skip
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "nothing is wrong: train can run"), done.stderr


@pytest.mark.parametrize(
    ("name", "key", "value", "said"),
    [
        ("toy", "softness", 0.0, "model.softness 0.0: Input should be greater than 0"),
        ("toy", "frames", 3, "model.frames 3: is a setting of toy_method; toy has hidden, softness"),
        ("toy_method", "hiden", 3, "unknown key model.hiden"),
    ],
)
def test_their_settings_are_as_strict_as_any(toys, name, key, value, said):
    with pytest.raises(ConfigError) as caught:
        config.load(None, {"model.name": name, f"model.{key}": value})
    assert said in str(caught.value)
