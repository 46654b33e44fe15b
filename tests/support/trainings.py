"""Small trainings for tests: a reel that can be learnt and a config that learns it in about a second."""

from pathlib import Path
from typing import Any

import torch

import config
from config import Config, registry
from tests.support.reels import drifting_blobs, make_reel
from training.checkpoint import load
from training.distributed import Processes
from training.engine import Trainer
from training.interrupt import Interrupt
from training.loader import open_data
from training.places import path_of

SMALL_MODEL = {"stages": [{"width": 8}, {"width": 8, "stride": [2, 2, 2]}], "latent_channels": 4}


def small_reel(folder: Path, T: int = 160, seed: int = 0) -> Path:
    """Write a reel of T frames of 24x24 pixels in windows of 8, and return its path."""
    make_reel(folder, drifting_blobs(T, 24, 24, speed=1.0, seed=seed), clip_length=8)
    return folder


def fitting(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """A `model` section of this name, with those of the settings that the model has for its task."""
    known = registry.config_classes()[name]
    own = {"task", *registry.settings_of(known)}
    own -= {key for key, task in known.of_task.items() if settings.get("task", "anomaly") != task}
    return {"name": name} | {key: value for key, value in settings.items() if key in own}


def model_config(name: str = "autoencoder", **settings) -> config.ModelConfig:
    """The settings of a model, as a config holds them."""
    return registry.model_settings({"name": name, **settings})


def small_config(clips: Path, run: Path | None, **settings) -> Config:
    """A config for `small_reel`; settings are dotted keys with the dots as double underscores.

    What is small about it is left out where the model does not use it.
    """
    name = settings.get("model__name", settings.get("model", {}).get("name", "autoencoder"))
    chosen = {
        "data_clips": str(clips),
        "model_path": str(run) if run else None,
        "workers": 0,
        "device": "cpu",
        "model": fitting(name, SMALL_MODEL),
        "train.epochs": 3,
        "train.batch_size": 4,
        "train.warmup_epochs": 1.0,
        "train.lr": 1e-2,
        "train.loss": "mse",
        "train.checkpoint_interval": 2,
    }
    uses = registry.config_classes()[name].uses
    chosen = {key: value for key, value in chosen.items() if not key.startswith("train.") or key[6:] in uses}
    return config.load(None, chosen | {key.replace("__", "."): value for key, value in settings.items()})


def quick_config(clips: Path, run: Path | None, **settings) -> Config:
    """Of one epoch without a warm-up."""
    quick = {"train__epochs": 1, "train__warmup_epochs": 0.0}
    return small_config(clips, run, **quick | settings)


def weights_of(run: Path) -> torch.Tensor:
    """All weights of the last checkpoint, one after the other."""
    return torch.cat([v.flatten().float() for v in load(path_of(run, "last"))["model"].values()])


def trainer_for(clips: Path, run: Path, **settings) -> Trainer:
    """The trainer of `quick_config`, before its first step."""
    chosen = quick_config(clips, run, **settings)
    return Trainer(chosen, open_data(chosen), Processes(0, 1, torch.device("cpu")), run, Interrupt())
