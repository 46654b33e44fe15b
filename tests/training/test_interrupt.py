"""A training that is asked to stop: it goes on later as if it never had, and stops early by itself."""

import threading

import pandas as pd
import pytest
import torch
from torch import nn

import models
from models.video_model import PixelModel
from tests.support.trainings import quick_config, trainer_for, weights_of
from training.checkpoint import load
from training.engine import Trainer
from training.places import path_of
from training.train import train

pytestmark = pytest.mark.usefixtures("one_thread")


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
