"""Training as a whole: it learns, it is reproducible, and it keeps its promises about runs."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.utils.data import DataLoader

import config
from config import ConfigError, TrainConfig
from data.disk.files import replacing
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from tests.support.paths import ROOT
from tests.support.reels import drifting_blobs, make_reel, set_verdict
from tests.support.trainings import quick_config, small_config, small_reel, trainer_for, weights_of
from training import engine
from training.checkpoint import load
from training.distributed import Batches
from training.engine import adamw
from training.loader import loading, open_data
from training.places import path_of
from training.run import choose_folder, refuse_other_run
from training.train import train

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def run(clips, tmp_path_factory) -> Path:
    """A run of six epochs that starts from an untouched folder."""
    return train(small_config(clips, tmp_path_factory.mktemp("runs") / "run", train__epochs=6))


def test_new_weights_have_no_calibration_of_earlier_ones(clips, tmp_path):
    """A training that is resumed and then killed before it calibrates."""
    calibration = tmp_path / "run" / "calibration"
    (calibration / "quiet").mkdir(parents=True)
    for name in ("gray-0123abcd.npz", "weak.json"):
        (calibration / name).touch()
    trainer = trainer_for(clips, tmp_path / "run", train__epochs=1)
    trainer.begin(None)
    assert len(list(calibration.iterdir())) == 3  # while the weights are those that it was made for
    trainer.fit()
    assert [path.name for path in calibration.iterdir()] == ["quiet"]


class TestLearning:
    def test_the_warm_up_lasts_at_most_the_training(self, clips, tmp_path):
        trainer = trainer_for(clips, tmp_path, train__epochs=1, train__warmup_epochs=5.0)
        steps = len(trainer.batches)
        assert trainer.lr(0) == pytest.approx(trainer.config.train.lr / steps)
        assert trainer.lr(steps - 1) == trainer.config.train.lr

    @pytest.mark.parametrize("grad_clip", [1e-3, 1e6])
    def test_gradients_are_as_long_as_they_may_be_and_no_longer(self, clips, tmp_path, grad_clip):
        trainer = trainer_for(clips, tmp_path, train__grad_clip=grad_clip)
        trainer.begin(None)
        trainer.batches.start(0, first=0)
        trainer.train_step(trainer.on_device(*next(iter(trainer.train_loader))), *trainer.batches.shares(0))
        trainer.monitor.close()
        norm = nn.utils.get_total_norm([p.grad for p in trainer.model.parameters()]).item()
        told = trainer.state.grad_norm_sum  # as they were
        assert 1e-3 < told < 1e6
        assert norm == pytest.approx(min(told, grad_clip), rel=1e-6 / 1e-3)  # PyTorch adds 1e-6 to the norm

    @pytest.mark.parametrize("gradient", [1.0, 1e-10])
    def test_a_step_is_as_long_for_small_gradients_as_for_large_ones(self, gradient):
        """As Adam's steps are, down to the gradients of residuals of 1e-5, squared."""
        layer = nn.Linear(4, 3)
        before, optimizer = layer.weight.detach().clone(), adamw(layer, TrainConfig(weight_decay=0.0))
        layer.weight.grad = torch.full_like(layer.weight, gradient)
        optimizer.step()
        torch.testing.assert_close(before - layer.weight.detach(), torch.full((3, 4), 1e-3), rtol=1e-3, atol=0.0)

    def test_every_parameter_changes(self, clips, run):
        fresh = trainer_for(clips, run).model.state_dict()
        for name, trained in load(path_of(run, "last"))["model"].items():
            assert not torch.equal(trained, fresh[name]), name

    def test_the_loss_falls_and_the_trained_model_beats_an_untrained_one(self, clips, run):
        table = pd.read_csv(run / "metrics.csv")
        assert table["train_loss"].iloc[-1] < 0.8 * table["train_loss"].iloc[0]
        assert table["val_loss"].iloc[-1] < 0.8 * table["val_loss"].iloc[0]
        trainer = trainer_for(clips, run)
        untrained = trainer.validate()
        trainer.model.load_state_dict(load(path_of(run, "last"))["model"])
        assert trainer.validate() == pytest.approx(table["val_loss"].iloc[-1], rel=1e-4)
        assert trainer.validate() < 0.8 * untrained

    def test_best_has_the_lowest_validation_loss(self, run):
        table = pd.read_csv(run / "metrics.csv")
        assert load(path_of(run, "best"))["best_val_loss"] == table["val_loss"].min()
        assert load(path_of(run, "best"))["state"]["epoch"] == table["epoch"][table["val_loss"].idxmin()]

    def test_the_same_seed_gives_the_same_weights_and_another_seed_others(self, clips, tmp_path):
        seeds = {"a": 1, "b": 1, "c": 2}
        a, b, c = (weights_of(train(quick_config(clips, tmp_path / n, seed=s))) for n, s in seeds.items())
        assert torch.equal(a, b)
        assert not torch.equal(a, c)

    def test_loader_processes_read_the_same_batches(self, clips):
        data = open_data(quick_config(clips, None))
        batches = Batches(len(data.train), 4, 0, drop_last=True)
        alone = DataLoader(data.train, batch_sampler=batches)
        # As beside a GPU, less the pinned memory that only a GPU gives.
        beside_gpu = loading(2, torch.device("cuda")) | {"pin_memory": False}
        helped = DataLoader(data.train, batch_sampler=batches, **beside_gpu)
        for epoch, first in ((0, 2), (1, 0)):
            batches.start(epoch, first)
            pairs = list(zip(alone, helped, strict=True))
            assert len(pairs) == 7 - first
            assert all(torch.equal(a, b) for pair in pairs for a, b in zip(*pair, strict=True))
        assert loading(2, CPU)["num_workers"] == 0

    def test_the_learning_rate_rises_and_ends_at_eta_min(self, run):
        table = pd.read_csv(run / "metrics.csv")
        assert table["lr"].iloc[0] == 1e-2
        assert table["lr"].iloc[-1] == 1e-6
        assert table["lr"].is_monotonic_decreasing

    @pytest.mark.parametrize("loss", ["l1", "smooth_l1", "motion_mse"])
    def test_every_loss_trains(self, clips, tmp_path, loss):
        trainer = trainer_for(clips, tmp_path, train__loss=loss, train__epochs=4)
        before = trainer.validate()
        trainer.begin(None)
        trainer.fit()
        assert trainer.validate() < 0.97 * before

    def test_invalid_pixels_do_not_change_the_loss(self, tmp_path):
        frames, mask = drifting_blobs(60), np.zeros((24, 24), np.uint8)
        mask[5:12, 5:12] = INVALID
        make_reel(tmp_path / "clips" / "masked", frames, masks=mask)
        _, valid, _ = open_data(small_config(tmp_path / "clips", None)).train[0]
        assert valid.mean() == pytest.approx(1 - 49 / 576)
        assert np.isfinite(trainer_for(tmp_path / "clips", tmp_path / "run").validate())

    def test_several_reels_and_channels_train_together(self, tmp_path):
        for number in range(2):
            make_reel(tmp_path / "clips" / f"reel{number}", drifting_blobs(60, C=2, seed=number))
        run = train(quick_config(tmp_path / "clips", tmp_path / "run"))
        assert load(path_of(run, "best"))["data"]["frame_shape"] == [2, 24, 24]
        assert [reel["name"] for reel in json.loads((run / "run.json").read_text())["reels"]] == ["reel0", "reel1"]


class TestRunFolder:
    def test_holds_the_layout(self, run):
        assert sorted(p.name for p in run.iterdir()) == [
            "checkpoints", "config.yaml", "metrics.csv", "run.json", "tensorboard",
        ]  # fmt: skip
        assert sorted(p.name for p in (run / "checkpoints").iterdir()) == [
            "best.pt", "epoch_0002.pt", "epoch_0004.pt", "epoch_0006.pt", "last.pt",
        ]  # fmt: skip

    def test_config_yaml_is_the_config_used(self, clips, run):
        assert config.load(run / "config.yaml") == small_config(clips, run, train__epochs=6)

    def test_run_json_tells_what_was_trained_on_what(self, clips, run):
        facts = json.loads((run / "run.json").read_text())
        reel = open_data(small_config(clips, None)).reels[0]
        assert facts["seed"] == 0
        assert facts["reels"] == [
            {"name": "sun", "identity": reel.meta["identity"], "path": str((clips / "sun").resolve())}
        ]
        assert facts["windows"] == {"train": 28, "val": 8}
        assert facts["parameters"] == sum(v.numel() for v in load(path_of(run, "last"))["model"].values())
        assert facts["versions"]["torch"] == torch.__version__.partition("+")[0]
        git = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True)
        assert (facts["git_commit"] or "").removesuffix("-dirty") == git.stdout.strip()

    def test_metrics_csv_has_a_row_an_epoch(self, run):
        table = pd.read_csv(run / "metrics.csv")
        assert table.columns.tolist() == ["epoch", "step", "train_loss", "val_loss", "lr", "grad_norm", "frames_per_s"]
        assert table["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
        assert table["step"].tolist() == [7, 14, 21, 28, 35, 42]
        assert (table[["grad_norm", "frames_per_s"]] > 0).all(axis=None)

    def test_tensorboard_holds_curves_and_strips(self, run):
        events = EventAccumulator(str(run / "tensorboard")).Reload()
        table = pd.read_csv(run / "metrics.csv")
        for name in ("train_loss", "val_loss", "lr", "grad_norm", "frames_per_s"):
            assert [e.value for e in events.Scalars(f"epoch/{name}")] == pytest.approx(table[name].tolist())
        assert [e.step for e in events.Scalars("step/loss")] == list(range(42))
        (strip,) = events.Tags()["images"]
        assert events.Images(strip)[0].height == 3 * 24

    def test_a_fresh_run_gets_a_folder_with_model_and_time(self, clips, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        folder = choose_folder(quick_config(clips, None))
        assert folder.parent == Path("runs")
        assert pd.to_datetime(folder.name, format="autoencoder_%Y-%m-%d_%H-%M-%S") is not None

    def test_a_fresh_run_refuses_a_folder_with_checkpoints(self, clips, run):
        before = weights_of(run)
        with pytest.raises(FileExistsError, match=r"continue it with --resume, or choose another folder"):
            train(small_config(clips, run))
        assert torch.equal(weights_of(run), before)

    def test_windows_that_do_not_fill_a_batch_are_an_error(self, clips, tmp_path):
        with pytest.raises(ValueError, match=r"28 training windows don't fill one batch of 64"):
            train(quick_config(clips, tmp_path / "run", train__batch_size=64))

    def test_reels_of_different_shapes_are_an_error(self, tmp_path):
        for side in (24, 32):
            make_reel(tmp_path / "clips" / f"reel{side}", drifting_blobs(60, side, side))
        with pytest.raises(ValueError, match=r"reel24 \(1, 24, 24\), reel32 \(1, 32, 32\); use one prep.resize"):
            train(quick_config(tmp_path / "clips", tmp_path / "run"))


class TestResume:
    @pytest.fixture
    def copy(self, run, tmp_path) -> Path:
        return Path(shutil.copytree(run, tmp_path / "copy"))

    def resume(self, clips, copy, **settings):
        return train(small_config(clips, copy, **{"train__epochs": 6, "train__resume": True} | settings))

    @pytest.mark.parametrize(
        ("key", "value"),
        [("train.lr", 1e-4), ("train.epochs", 9), ("train.loss", "l1"), ("train.batch_size", 2), ("seed", 5),
         ("model.latent_channels", 2), ("train.early_stop_epochs", 3)],
    )  # fmt: skip
    def test_settings_that_change_the_training_are_refused_by_name(self, clips, copy, key, value):
        with pytest.raises(ConfigError, match=rf"other settings: {key} .* \(given {value!r}\); resume with the run's"):
            self.resume(clips, copy, **{key.replace(".", "__"): value})

    def test_every_differing_key_is_named(self, clips, copy):
        with pytest.raises(ConfigError, match=r"seed 0 \(given 1\), train.lr 0.01 \(given 0.1\)"):
            self.resume(clips, copy, seed=1, train__lr=0.1)

    @pytest.mark.parametrize("name", ["vetime", "variational", "prediction"])
    def test_another_model_is_refused_by_name_whatever_settings_it_has(self, clips, copy, name):
        with pytest.raises(ConfigError, match=rf"other settings: model.name 'autoencoder' \(given '{name}'\)"):
            self.resume(clips, copy, model__name=name)

    def test_other_places_and_habits_are_allowed(self, run, clips, copy, tmp_path):
        moved = shutil.copytree(clips, tmp_path / "moved")
        self.resume(moved, copy, workers=2, train__checkpoint_interval=5)
        assert torch.equal(weights_of(copy), weights_of(run))
        assert load(path_of(copy, "last"))["config"]["data_clips"] == str(moved)

    def test_other_windows_are_refused(self, clips, copy, tmp_path):
        other = tmp_path / "other"
        small_reel(other / "sun")
        set_verdict(Reel(other / "sun"), [3])
        with pytest.raises(ConfigError, match=r"trained on other data: windows differ"):
            self.resume(other, copy)

    def test_other_frames_are_refused(self, copy, tmp_path):
        small_reel(tmp_path / "other" / "sun", seed=1)
        with pytest.raises(ConfigError, match=r"trained on other data: reels differ"):
            self.resume(tmp_path / "other", copy)

    def test_nothing_to_resume_is_an_error(self, clips, tmp_path, monkeypatch):
        with pytest.raises(FileNotFoundError, match=r"holds no checkpoint to resume from; start it without --resume"):
            self.resume(clips, tmp_path / "empty")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(FileNotFoundError, match=r"no run to resume in runs"):
            self.resume(clips, None)

    def test_without_a_path_the_newest_run_goes_on(self, clips, run, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for number in (2, 1):
            shutil.copytree(run, f"runs/autoencoder_{number}", copy_function=shutil.copyfile)
        assert self.resume(clips, None) == Path("runs/autoencoder_1")


@pytest.mark.parametrize("size", [1.0, 1e-6, 1e-11])
def test_a_step_does_not_depend_on_the_size_of_gradients(size):
    """Those of a residual near 0 are tiny; AdamW's usual eps of 1e-8 would swallow them."""
    layer = nn.Linear(3, 2)
    before = layer.weight.detach().clone()
    optimizer = engine.adamw(layer, config.TrainConfig(lr=0.1, weight_decay=0.0))
    for parameter in layer.parameters():
        parameter.grad = torch.full_like(parameter, size)
    optimizer.step()
    torch.testing.assert_close(before - layer.weight.detach(), torch.full((2, 3), 0.1), rtol=0.01, atol=0.0)


def test_half_a_checkpoint_of_a_killed_run_is_no_other_run(tmp_path):
    """Killed while it wrote its first one; with --resume there would be nothing to go on from."""
    with replacing(path_of(tmp_path, "last")) as part:
        part.touch()
        refuse_other_run(tmp_path)
    path_of(tmp_path, "best").touch()
    with pytest.raises(FileExistsError, match="holds the checkpoints of another run"):
        refuse_other_run(tmp_path)


@pytest.mark.parametrize(("start", "told"), [("2012-07-18", False), ("2012-07-19", False), ("2012-07-20", True)])
def test_hours_that_all_lie_before_or_behind_the_frames_are_told(tmp_path, caplog, start, told):
    """Of a movie with the player's times no hour that was asked for was left out, and the flare trained."""
    make_reel(tmp_path / "reel", drifting_blobs(60), start_utc=f"{start}T06:00:00", cadence_s=3600.0)
    hours = (("2012-07-18T00:00:00", "2012-07-18T01:00:00"), ("2012-07-20T00:00:00", "2012-07-20T01:00:00"))
    open_data(small_config(tmp_path / "reel", tmp_path / "run", train__exclude_utc=hours))
    assert ("train.exclude_utc leaves nothing out" in caplog.text) is told
