"""Training as a whole: it learns, it is reproducible, it keeps its promises about runs, precision and failures."""

import json
import shutil
import subprocess
import threading
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.utils.data import DataLoader

import config
import models
from config import ConfigError, TrainConfig
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from models.losses.reconstruction import mse
from models.video_model import PixelModel
from tests.support.paths import ROOT
from tests.support.reels import drifting_blobs, make_reel, set_verdict
from tests.support.trainings import model_config, small_config, small_reel
from training import engine
from training.checkpoint import load, path_of
from training.device import autocast, autocast_dtype, pick_device
from training.distributed import Batches, Processes
from training.engine import Trainer, TrainingError, adamw
from training.interrupt import Interrupt
from training.loader import loading, open_data
from training.monitor import Monitor, image_strip, tensorboard_server
from training.run import choose_folder
from training.train import train

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    small_reel(folder / "sun")
    return folder


@pytest.fixture(scope="module")
def run(clips, tmp_path_factory) -> Path:
    """A run of six epochs that starts from an untouched folder."""
    return train(small_config(clips, tmp_path_factory.mktemp("runs") / "run", train__epochs=6))


def quick_config(clips, run, **settings):
    quick = {"train__epochs": 1, "train__warmup_epochs": 0.0}
    return small_config(clips, run, **quick | settings)


def weights_of(run: Path) -> torch.Tensor:
    return torch.cat([v.flatten().float() for v in load(path_of(run, "last"))["model"].values()])


def trainer_for(clips: Path, run: Path, **settings) -> Trainer:
    chosen = quick_config(clips, run, **settings)
    return Trainer(chosen, open_data(chosen), Processes(0, 1, CPU), run, Interrupt())


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


class TestEarlyStop:
    def test_stops_after_epochs_without_a_better_model_and_stays_stopped(self, clips, tmp_path):
        # At this rate the loss can't keep falling for forty epochs.
        settings = {"train__epochs": 40, "train__early_stop_epochs": 2, "train__lr": 0.5}
        run = train(quick_config(clips, tmp_path / "run", **settings))
        table = pd.read_csv(run / "metrics.csv")
        assert len(table) < 40
        assert table["val_loss"].idxmin() == len(table) - 3
        before = weights_of(run)
        train(quick_config(clips, run, train__resume=True, **settings))
        assert torch.equal(weights_of(run), before)


class Noisy(PixelModel):
    """A model that draws random numbers in every step."""

    def __init__(self, channels: int):
        super().__init__()
        self.mix = nn.Conv3d(channels, channels, 3, padding=1)
        self.drop = nn.Dropout(0.5)

    def min_temporal_depth(self, T: int) -> int:
        return T

    def forward(self, x):
        return self.mix(self.drop(x))


class TestInterrupt:
    def test_a_stop_inside_an_epoch_resumes_to_the_same_weights_also_with_dropout(self, clips, tmp_path, monkeypatch):
        monkeypatch.setattr(models, "build", lambda settings, channels, *_, **__: Noisy(channels))
        settings = {"train__epochs": 2}
        whole = train(quick_config(clips, tmp_path / "whole", **settings))
        trainer = trainer_for(clips, tmp_path / "stopped", **settings)
        trainer.begin(None)
        ask_at_step(trainer, 3)
        with pytest.raises(KeyboardInterrupt, match=r"stopped after step 3; go on with --resume --model-path"):
            trainer.fit()
        torch.rand(5)  # whatever the generator did meanwhile
        train(quick_config(clips, tmp_path / "stopped", train__resume=True, **settings))
        assert torch.equal(weights_of(whole), weights_of(tmp_path / "stopped"))

    def test_a_stop_while_validating_trains_no_step_again(self, clips, tmp_path):
        trainer = trainer_for(clips, tmp_path / "run")
        trainer.begin(None)
        trainer.train_epoch()
        trained = next(trainer.model.parameters()).detach().clone()
        trainer.interrupt.requested = True
        with pytest.raises(KeyboardInterrupt):
            trainer.validate()
        run = train(quick_config(clips, tmp_path / "run", train__resume=True))
        after = load(path_of(run, "last"))
        assert after["state"]["step"] == 7
        assert torch.equal(next(iter(after["model"].values())), trained)

    def test_a_training_outside_the_main_thread_works(self, clips, tmp_path):
        done = []
        thread = threading.Thread(target=lambda: done.append(train(quick_config(clips, tmp_path / "run"))))
        thread.start()
        thread.join()
        assert done == [tmp_path / "run"]


def ask_at_step(trainer: Trainer, step: int) -> None:
    """Ask the trainer to stop in its step number `step`, as a signal would."""
    train_step = trainer.train_step

    def asking(*arguments):
        trainer.interrupt.requested = trainer.state.step == step - 1
        return train_step(*arguments)

    trainer.train_step = asking


class TestFailures:
    def test_a_non_finite_frame_stops_the_training_and_leaves_the_last_good_state(self, tmp_path):
        frames = drifting_blobs(120)
        frames[40, 0, 3, 3] = np.inf
        make_reel(tmp_path / "clips" / "bad", frames)
        message = r"step \d+ \(epoch 1\): loss (inf|nan).*non-finite gradient: \w+.*last good state is .*last.pt"
        with pytest.raises(TrainingError, match=message):
            train(quick_config(tmp_path / "clips", tmp_path / "run"))
        assert weights_of(tmp_path / "run").isfinite().all()

    @pytest.mark.parametrize("other", [(8, 12), (12, 8)])
    def test_reels_of_two_sizes_are_refused_by_name(self, tmp_path, other):
        make_reel(tmp_path / "clips" / "a", drifting_blobs(60, 8, 8))
        make_reel(tmp_path / "clips" / "b", drifting_blobs(60, *other))
        with pytest.raises(
            ValueError, match=r"can't share a batch: a \(1, 8, 8\), b \(1, \d+, \d+\); use one prep.resize"
        ):
            open_data(quick_config(tmp_path / "clips", None))

    def test_a_camera_with_its_cap_on_teaches_nothing(self, tmp_path, caplog):
        make_reel(tmp_path / "clips" / "dark", np.zeros((60, 1, 8, 8)))
        with pytest.raises(ValueError, match=r"nothing varies in dark: .*nothing to learn"):
            open_data(quick_config(tmp_path / "clips", None))
        make_reel(tmp_path / "clips" / "open", drifting_blobs(60, 8, 8))
        open_data(quick_config(tmp_path / "clips", None))
        assert "nothing varies in dark" in caplog.text

    def test_the_first_bad_gradient_is_named(self, clips, tmp_path):
        trainer = trainer_for(clips, tmp_path)
        names = [name for name, _ in trainer.model.named_parameters()]
        parameters = dict(trainer.model.named_parameters())
        parameters[names[2]].register_hook(lambda gradient: gradient * float("nan"))
        trainer.begin(None)
        before = weights_of(tmp_path)
        with pytest.raises(TrainingError, match=rf"step 0 .*first parameter with a non-finite gradient: {names[2]};"):
            trainer.fit()
        assert torch.equal(torch.cat([v.flatten() for v in trainer.model.state_dict().values()]), before)

    def test_a_non_finite_validation_loss_stops_the_training(self, tmp_path):
        frames = drifting_blobs(120)
        frames[-1, 0, 3, 3] = np.inf
        make_reel(tmp_path / "clips" / "bad", frames)
        with pytest.raises(TrainingError, match=r"epoch 1: the validation loss is (inf|nan)"):
            train(quick_config(tmp_path / "clips", tmp_path / "run"))
        assert not path_of(tmp_path / "run", "best").exists()


class TestPrecision:
    def test_bfloat16_needs_a_deep_enough_grid_and_a_cpu_that_has_it(self):
        assert autocast_dtype("auto", CPU, 3) == torch.float32
        assert autocast_dtype("off", CPU, 32) == torch.float32
        fast = torch.cpu._is_avx512_bf16_supported()
        assert autocast_dtype("auto", CPU, 4) == (torch.bfloat16 if fast else torch.float32)

    @pytest.mark.skipif(not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="no bfloat16 convolutions here")
    @pytest.mark.parametrize(("name", "side"), [("autoencoder", 32), ("yan2020", 16)])
    def test_gradients_in_bfloat16_are_those_of_float32(self, name, side):
        torch.manual_seed(0)
        model = models.build(model_config(name), 1).to(memory_format=torch.channels_last_3d)
        assert model.min_temporal_depth(32) >= 4
        for parameter in model.parameters():
            # Layers that begin as zeros would hide the gradients of those before them.
            parameter.data += 0.05 * torch.randn_like(parameter)
        x = torch.from_numpy(drifting_blobs(64, side, side)).view(2, 1, 32, side, side)
        gradients = []
        for dtype in (torch.float32, torch.bfloat16):
            model.zero_grad()
            with autocast(CPU, dtype):
                recon = model(x.contiguous(memory_format=torch.channels_last_3d))
            mse(recon, x, torch.ones_like(x)).backward()
            gradients.append({n: p.grad.flatten().clone() for n, p in model.named_parameters()})
        largest = max(gradient.norm() for gradient in gradients[0].values())
        for parameter, expected in gradients[0].items():
            # A bias before batch norm has no gradient, only rounding errors.
            if expected.norm() > 1e-4 * largest:
                found = gradients[1][parameter]
                assert torch.cosine_similarity(expected, found, dim=0) > 0.99, parameter
                assert found.norm() == pytest.approx(expected.norm().item(), rel=0.05), parameter

    def test_a_float16_step_that_overflows_is_skipped_and_a_later_one_counts(self, clips, tmp_path):
        trainer = trainer_for(clips, tmp_path)
        trainer.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, backoff_factor=2.0**-63)
        trainer.begin(None)
        start = weights_of(tmp_path)
        x, valid, classes = next(iter(trainer.train_loader))
        trainer.train_step((x * 1e6, valid, classes), 4, 4)
        assert torch.equal(torch.cat([v.flatten() for v in trainer.model.state_dict().values()]), start)
        assert trainer.scaler.get_scale() < 2.0**127
        trainer.train_step((x, valid, classes), 4, 4)
        assert not torch.equal(torch.cat([v.flatten() for v in trainer.model.state_dict().values()]), start)

    def test_model_and_batches_are_channels_last(self, clips, tmp_path):
        trainer = trainer_for(clips, tmp_path, model__latent_channels=4)
        weights = [p for p in trainer.model.parameters() if p.ndim == 5]
        assert all(p.is_contiguous(memory_format=torch.channels_last_3d) for p in weights)
        x, *_ = trainer.on_device(torch.rand(2, 3, 4, 5, 6), torch.ones(2, 1, 4, 5, 6), torch.zeros(2))
        assert x.is_contiguous(memory_format=torch.channels_last_3d)

    def test_devices_are_chosen_by_name_and_missing_ones_refused(self):
        assert pick_device("cpu") == CPU
        assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
        there_are = torch.cuda.device_count()
        message = f"device cuda:{there_are}: this machine has {there_are} CUDA devices; choose -d auto"
        with pytest.raises(ValueError, match=message):
            pick_device(f"cuda:{there_are}")


class TestMonitor:
    def test_a_strip_shows_input_reconstruction_and_residual(self):
        x = torch.rand(2, 20, 10, 12)
        recon = torch.rand(2, 20, 10, 12)
        strip = image_strip(x, recon)
        assert strip.shape == (2 * 3 * 10, 8 * 12)
        assert torch.equal(strip[:10, :12], x[0, 0])
        assert torch.equal(strip[10:20, -12:], recon[0, -1])
        assert torch.equal(strip[50:, :12], (4 * (x - recon).abs()[1, 0]).clamp(0, 1))

    def test_a_strip_of_large_frames_is_shrunk_and_one_of_single_pixels_kept(self):
        assert image_strip(torch.rand(1, 3, 512, 256), torch.rand(1, 3, 512, 256)).shape == (3 * 128, 3 * 64)
        assert image_strip(torch.rand(4, 9, 1, 1), torch.rand(4, 9, 1, 1)).shape == (12, 8)

    @pytest.mark.parametrize(
        ("size", "tag"),
        [((1, 1), "input (grey)"), ((1, 6), "input, rec"), ((6, 1), "input, rec"), ((6, 6), "input, rec")],
    )
    def test_a_series_is_shown_as_curves_and_a_picture_beside_its_reconstruction(self, tmp_path, size, tag):
        monitor = Monitor(tmp_path, 0, is_main=True)
        row = {
            "epoch": 1,
            "step": 3,
            "train_loss": 1.0,
            "val_loss": 1.0,
            "lr": 0.1,
            "grad_norm": 1.0,
            "frames_per_s": 9.0,
        }
        monitor.epoch(row, 1, (torch.rand(2, 9, *size), torch.rand(2, 9, *size)))
        monitor.close()
        events = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"images": 0}).Reload()
        assert [name[: len(tag)] for name in events.Tags()["images"]] == [tag]

    def test_tensorboard_is_served_while_it_lasts_and_stops(self, run, capsys):
        with tensorboard_server(run) as address:
            assert f"TensorBoard: {address}" in capsys.readouterr().err
            assert "127.0.0.1" in address
            with urllib.request.urlopen(address, timeout=10) as page:
                assert page.status == 200
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(address, timeout=10)
        (run / "tensorboard.log").unlink()

    def test_a_checkpoint_is_due_after_some_minutes(self, clips, tmp_path, monkeypatch):
        trainer = trainer_for(clips, tmp_path)
        trainer.begin(None)
        trainer.train_step(next(iter(trainer.train_loader)), 4, 4)
        trainer.save_when_due()
        assert load(path_of(tmp_path, "last"))["state"]["step"] == 0
        monkeypatch.setattr(engine, "SAVE_EVERY_S", 0.0)
        trainer.save_when_due()
        assert load(path_of(tmp_path, "last"))["state"]["step"] == 1


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
