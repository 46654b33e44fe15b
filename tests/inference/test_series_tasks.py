"""Trainings for the tasks of series: refused with the way out, stopped and resumed, and loaded from older runs."""

import shutil
from pathlib import Path

import pytest
import torch

import config
from tests.support.series_tasks import LENGTH, program, truth, worked, write_settings, write_table
from tests.support.trainings import small_config, small_reel
from training import checkpoint
from training.checkpoint import load_model
from training.distributed import Processes
from training.engine import Trainer
from training.interrupt import Interrupt
from training.loader import open_data
from training.places import path_of
from training.train import train

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [
        ({"patch": [3, 1, 1]}, 1, "model.patch begins with 3 samples; tvnet needs an even number"),
        ({"stages": [{"width": 8, "stride": [2, 1, 1]}]}, 1, "use stages without stride"),
        ({"task": "forecast", "predict_frames": LENGTH}, 1, "or a longer prep.clip_length"),
        ({"task": "impute", "mask_block": [LENGTH, 1, 1]}, 1, "choose fewer, or a longer prep.clip_length"),
        ({"name": "linear", "task": "anomaly"}, 2, "linear only does forecast; this is for "),
        ({"task": "classify"}, 2, "no class is known of pump; see prep.classes"),
        ({"name": "masked", "task": "impute"}, 2, "masked only does anomaly; this is for tvnet, timesnet"),
    ],
)
def test_what_can_not_be_trained_is_refused_with_the_way_out(table, tmp_path, capsys, model, code, said):
    (tmp_path / "reels").symlink_to(table / "reels")
    write_settings(tmp_path, model)
    assert program(tmp_path, "train") == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_one_class_or_too_few_reels_of_it_are_refused_with_the_way_out(tmp_path, capsys):
    for number in range(2):
        write_table(tmp_path / "raw" / "only" / f"{number}.csv", truth(80))
    write_settings(tmp_path, {"task": "classify"}, {"classes": "folder", "stride": 8}, val_fraction=0.5)
    assert program(tmp_path, "prep") == 0
    assert program(tmp_path, "train") == 1
    assert "needs reels of at least two classes, found 1; set prep.classes" in capsys.readouterr().err
    assert program(tmp_path, "train", "--set", "train.val_fraction=0.3") == 1
    said = capsys.readouterr().err
    assert "0 validation windows" in said
    assert "give classes at least 4 reels, or choose a larger train.val_fraction" in said


@pytest.mark.parametrize("name", ["tvnet", "timesnet", "linear"])
def test_frames_of_a_video_are_refused_with_the_way_out(tmp_path, capsys, name):
    small_reel(tmp_path / "reels" / "sun", T=60)
    write_settings(tmp_path, {"name": name, "task": "forecast", "predict_frames": 2, "stages": None})
    assert program(tmp_path, "train") == 1
    assert "have 24x24 pixels; choose another model.name" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["anomaly", "impute"])
def test_a_stopped_training_resumes_to_the_same_weights_bit_for_bit(table, tmp_path, task):
    runs = {}
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "reels").symlink_to(table / "reels")
        write_settings(tmp_path / name, {"task": task}, epochs=2)
        runs[name] = config.load(tmp_path / name / "settings.yaml")
    assert program(tmp_path / "whole", "train") == 0
    stopped, team = runs["stopped"], Processes(0, 1, torch.device("cpu"))
    trainer = Trainer(stopped, open_data(stopped), team, Path(stopped.model_path), Interrupt())
    trainer.begin(None)
    trainer.save_when_due = lambda: trainer.stop_if(trainer.state.step == 3)
    with pytest.raises(KeyboardInterrupt, match="stopped after step 3"):
        trainer.fit()
    torch.rand(5)  # whatever the generator did meanwhile
    assert program(tmp_path / "stopped", "train", "--resume") == 0
    expected, found = (checkpoint.load(path_of(tmp_path / name / "run", "last")) for name in runs)
    assert expected["state"]["step"] == found["state"]["step"] > 6
    for key, tensor in expected["model"].items():
        assert torch.equal(found["model"][key], tensor), key


def without_new_keys(path: Path) -> None:
    """Make a checkpoint one of the time before there were series models."""
    saved = checkpoint.load(path)
    del saved["config"]["model"]["task"]
    for stage in saved["config"]["model"]["stages"]:
        del stage["modulation"]
    del saved["config"]["eval"]["combine"], saved["data"]["classes"], saved["format"]
    checkpoint.save(path, saved)


def test_a_checkpoint_from_before_there_were_tasks_is_loaded_and_resumed(tmp_path):
    small_reel(tmp_path / "reels" / "sun", T=90)
    asked = small_config(tmp_path / "reels", tmp_path / "run", train__epochs=2)
    run = train(asked)
    expected = load_model(run)[0].state_dict()
    for which in ("best", "last"):
        without_new_keys(path_of(run, which))
    found = load_model(run)[0].state_dict()
    assert all(torch.equal(found[key], tensor) for key, tensor in expected.items())
    (tmp_path / "settings.yaml").write_text(config.dump(asked))
    assert program(tmp_path, "train", "--resume") == 0
    assert program(tmp_path, "eval") == 0
    assert (run / "eval" / "sun" / "summary.json").is_file()


def test_a_training_that_was_interrupted_is_evaluated(table, tmp_path, capsys):
    """A kill leaves checkpoints, and none of what is made at the end of a training."""
    write_settings(tmp_path, {"task": "forecast"}, epochs=2)
    shutil.copytree(table / "reels", tmp_path / "reels")
    worked(tmp_path, "train", "eval")
    events = (tmp_path / "run" / "eval" / "pump" / "scores.csv").read_bytes()
    shutil.rmtree(tmp_path / "run" / "calibration")
    capsys.readouterr()
    worked(tmp_path, "eval")
    assert "was interrupted; its best model so far is used" in capsys.readouterr().err
    metrics = tmp_path / "run" / "metrics.csv"
    metrics.write_text("\n".join(metrics.read_text().splitlines()[:2]) + "\n")
    worked(tmp_path, "eval")
    assert "lacks 1 of its 2 epochs; its best model so far is used (--resume" in capsys.readouterr().err
    assert (tmp_path / "run" / "eval" / "pump" / "scores.csv").read_bytes() == events


def test_a_training_without_an_epoch_says_how_it_goes_on(table, tmp_path, capsys):
    write_settings(tmp_path, {"task": "forecast"}, epochs=1)
    shutil.copytree(table / "reels", tmp_path / "reels")
    worked(tmp_path, "train")
    (tmp_path / "run" / "checkpoints" / "best.pt").unlink()
    assert program(tmp_path, "eval") != 0
    assert "--resume" in capsys.readouterr().err


def test_what_was_not_calibrated_and_has_lost_its_data_says_so(table, tmp_path, capsys):
    write_settings(tmp_path, {"task": "forecast"}, epochs=1)
    shutil.copytree(table / "reels", tmp_path / "reels")
    worked(tmp_path, "train")
    shutil.rmtree(tmp_path / "run" / "calibration")
    (tmp_path / "reels").rename(tmp_path / "moved")
    assert program(tmp_path, "eval", "--data-clips", str(tmp_path / "moved")) != 0
    assert "are not there; finish it with --resume" in capsys.readouterr().err
