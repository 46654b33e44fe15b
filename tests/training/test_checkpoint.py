"""Checkpoints: what they hold, that they load safely, and what is said about bad ones."""

import random
import resource
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from config import TrainConfig
from data.reel.stretch import Stretch
from data.reel.views.window_dataset import read_window
from tests.support.trainings import small_config, small_reel
from training.checkpoint import FORMAT, CheckpointError, TrainState, load, load_model, save
from training.loader import open_data
from training.places import path_of
from training.run import METRICS, epochs_left, write_metrics
from training.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    small_reel(folder / "clips" / "sun")
    return train(small_config(folder / "clips", folder / "run"))


def plain_types(value) -> set[type]:
    if isinstance(value, dict):
        return set().union(*(plain_types(v) for pair in value.items() for v in pair))
    if isinstance(value, list | tuple):
        return set().union(*map(plain_types, value))
    return {type(value)}


@pytest.mark.parametrize("which", ["last", "best", "epoch_0002"])
def test_holds_only_tensors_and_plain_python(run, which):
    checkpoint = torch.load(path_of(run, which), weights_only=True)
    assert plain_types(dict(checkpoint)) <= {torch.Tensor, str, int, float, bool, type(None), set}


def test_holds_what_resuming_and_inference_need(run):
    checkpoint = load(path_of(run, "last"))
    reel = open_data(small_config(run.parent / "clips", None)).reels[0]
    assert checkpoint["data"]["scaling"] == {"intensity": Stretch("linear", 1.0, 1.0).as_dict()}
    assert checkpoint["data"]["channels"] == ["intensity"]
    assert checkpoint["data"]["clip_length"] == 8
    assert checkpoint["data"]["frame_shape"] == [1, 24, 24]
    assert checkpoint["data"]["reels"] == [{"name": "sun", "identity": reel.meta["identity"]}]
    assert checkpoint["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert checkpoint["config"]["train"]["lr"] == 1e-2
    assert checkpoint["state"]["epoch"] == 3
    assert checkpoint["optimizer"]["state"]


def test_a_run_from_before_models_had_settings_of_their_own_is_read(run, tmp_path):
    """Its config holds those of all models, and what was set there did nothing."""
    saved = torch.load(path_of(run, "best"), weights_only=True)
    bag = {"kl_weight": 5.0, "members": 7, "mask_block": [2, 8, 8], "target": "speed", "router": False}
    saved["config"]["model"] |= bag
    saved["config"]["train"] |= {"contrast_weight": 0.7, "init": None}
    save(path_of(tmp_path, "best"), saved)
    model, checkpoint = load_model(tmp_path)
    assert checkpoint["config"]["model"] == load(path_of(run, "best"))["config"]["model"]
    for name, weights in load_model(run)[0].state_dict().items():
        assert torch.equal(model.state_dict()[name], weights)


def test_a_loaded_model_is_the_trained_one(run):
    model, checkpoint = load_model(run, "cpu", "last")
    assert not model.training
    for name, weights in model.state_dict().items():
        assert torch.equal(weights, checkpoint["model"][name])
    data = open_data(small_config(run.parent / "clips", None))
    x, valid = read_window(data.reels[0], 0, 8, data.scaling)
    with torch.no_grad():
        recon = model(x[None])
    error = ((recon[0] - x) * valid).square().mean()
    assert recon.shape == x[None].shape
    assert error < 0.1 * x.square().mean()


def test_best_is_the_epoch_of_the_lowest_validation_loss(run):
    history = load(path_of(run, "last"))["state"]["history"]
    best = min(history, key=lambda row: row["val_loss"])
    checkpoint = load(path_of(run, "best"))
    assert checkpoint["state"]["epoch"] == best["epoch"]
    assert checkpoint["best_val_loss"] == best["val_loss"]


def test_a_missing_file_names_the_way_out(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"best.pt does not exist; train a model with"):
        load_model(tmp_path)


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_file_is_called_damaged(run, tmp_path, keep):
    whole = path_of(run, "last").read_bytes()
    path = tmp_path / "last.pt"
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(CheckpointError, match=r"last.pt is damaged or no checkpoint"):
        load(path)


def test_no_flipped_bit_passes(run, tmp_path):
    path, rng = tmp_path / "best.pt", random.Random(0)
    content = path_of(run, "best").read_bytes()
    for _ in range(200):
        found = bytearray(content)
        found[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(found)
        with pytest.raises(CheckpointError, match=r"best\.pt is damaged"):
            load(path)


def test_a_checkpoint_from_before_there_were_digests_is_read_without_a_word(run, tmp_path, caplog):
    saved = torch.load(path_of(run, "best"), weights_only=True)
    torch.save(saved, tmp_path / "old.pt")
    assert load(tmp_path / "old.pt")["data"] == saved["data"]
    assert caplog.text == ""


@pytest.mark.parametrize("lacking", ["config", "model", "data"])
def test_a_checkpoint_that_lacks_a_part_is_damaged(run, tmp_path, lacking):
    saved = torch.load(path_of(run, "best"), weights_only=True)
    torch.save({key: value for key, value in saved.items() if key != lacking}, tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match=f"old.pt is damaged .*{lacking}"):
        load(tmp_path / "old.pt")


OTHERS = {"text": b"epoch: 3\n", "bytes": bytes(random.Random(0).randbytes(5000)), "zip": b"PK\x03\x04" + bytes(100)}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_something_else_is_called_no_checkpoint(tmp_path, content):
    path = tmp_path / "best.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"best.pt is damaged or no checkpoint"):
        load(path)


@pytest.mark.parametrize("foreign", [{"state_dict": {}}, [1, 2], {"format": "reelwatch checkpoint 0"}])
def test_a_file_of_another_program_or_version_is_refused(tmp_path, foreign):
    torch.save(foreign, tmp_path / "best.pt")
    with pytest.raises(CheckpointError, match=f"not a '{FORMAT}'"):
        load(tmp_path / "best.pt")


class Trap:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_file_with_code_in_it_is_refused_and_not_run(tmp_path):
    torch.save({"format": FORMAT, "model": Trap(tmp_path / "ran")}, tmp_path / "best.pt")
    with pytest.raises(CheckpointError):
        load(tmp_path / "best.pt")
    assert not (tmp_path / "ran").exists()


class Unsavable:
    def __reduce__(self):
        raise RuntimeError("not to be saved")


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path):
    save(tmp_path / "last.pt", {"epoch": 1})
    with pytest.raises(RuntimeError, match="not to be saved"):
        save(tmp_path / "last.pt", {"epoch": Unsavable()})
    assert load(tmp_path / "last.pt")["epoch"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]


def test_epochs_since_best_counts_from_the_first_lowest():
    state = TrainState()
    since_best = []
    for val_loss in (3.0, 2.0, 2.0, 2.5, 1.0, 1.5):
        state.count_step(loss_sum=4.0, windows=2, grad_norm=1.0)
        state.finish_epoch(val_loss, lr=0.1, frames_per_s=1.0)
        since_best.append(state.epochs_since_best)
    assert since_best == [0, 0, 1, 2, 0, 1]
    assert state.best_val_loss == 1.0
    assert (state.epoch, state.step, state.step_in_epoch) == (6, 6, 0)
    assert [row["train_loss"] for row in state.history] == [2.0] * 6


def test_a_skipped_step_does_not_spoil_the_mean_gradient_norm():
    state = TrainState()
    for norm in (3.0, float("inf")):
        state.count_step(loss_sum=1.0, windows=1, grad_norm=norm)
    assert state.finish_epoch(1.0, 0.1, 1.0)["grad_norm"] == 1.5


def test_a_full_disk_is_told_as_such_and_the_last_checkpoint_stays(tmp_path):
    path = tmp_path / "last.pt"
    save(path, {"model": {"weight": torch.zeros(3)}})
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save(path, {"model": {"weight": torch.zeros(3000)}})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]
    assert path.read_bytes() == before


@given(st.lists(st.floats(0, 1), max_size=12), st.integers(0, 4), st.integers(1, 12))
def test_a_run_knows_how_many_epochs_its_training_lacks(losses, patience, epochs):
    """None where it ended by itself, as the trainer counts it."""
    state = TrainState(history=[{"val_loss": loss} for loss in losses])
    settings = replace(TrainConfig(), epochs=epochs, early_stop_epochs=patience)
    with tempfile.TemporaryDirectory() as folder:
        assert epochs_left(Path(folder), settings) == 0
        write_metrics(Path(folder), [dict.fromkeys(METRICS, 1.0) | {"val_loss": loss} for loss in losses])
        found = epochs_left(Path(folder), settings)
    is_early = 0 < patience <= state.epochs_since_best
    assert found == (0 if is_early else max(0, epochs - len(losses)))
