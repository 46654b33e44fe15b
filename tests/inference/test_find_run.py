"""Which run is meant: a folder of several is refused with their names."""

import pytest

from config import load
from inference.evaluate import evaluate
from inference.fit import fit
from inference.job import SHOWN, find_run
from tests.support.reels import drifting_blobs, make_reel
from tests.support.trainings import small_config
from training import checkpoint


def made(folder, *names):
    for name in names:
        (folder / name / "checkpoints").mkdir(parents=True)
        (folder / name / "checkpoints" / "best.pt").touch()
    return folder


@pytest.mark.parametrize("below", ["", "members/"])
def test_a_folder_of_runs_is_none_and_names_them(tmp_path, below):
    names = [f"{below}pump{i}" for i in range(SHOWN + 2)]
    several = made(tmp_path / "fleet", *names)
    with pytest.raises(FileNotFoundError, match=r"is no run, and has 7 runs in it; name one: .*pump0, .* and 2 more"):
        find_run(load(None, {"model_path": str(several)}))
    one = several / names[0]
    assert find_run(load(None, {"model_path": str(one)})) == one


def test_a_run_with_others_in_it_is_one(tmp_path):
    run = made(tmp_path, "run", "run/older") / "run"
    assert find_run(load(None, {"model_path": str(run)})) == run


def test_a_folder_without_any_lacks_its_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"best\.pt"):
        find_run(load(None, {"model_path": str(tmp_path)}))


def test_eval_reads_the_weights_of_a_run_once(tmp_path, monkeypatch):
    make_reel(tmp_path / "reels" / "scene", drifting_blobs(80))
    config = small_config(tmp_path / "reels", tmp_path / "run", model__name="robust_z", eval__movie=False)
    fit(config)
    read, load_one = [], checkpoint.load
    monkeypatch.setattr(checkpoint, "load", lambda path, *device: read.append(path) or load_one(path, *device))
    evaluate(config)
    assert read == [tmp_path / "run" / "checkpoints" / "best.pt"]
