"""The variants of the autoencoder, small."""

from pathlib import Path

import torch
from torch import nn

import config
import models
from models.video_model import Trained
from tests.support.nets import with_open_head
from tests.support.trainings import fitting, small_config

VARIANTS = ["variational", "memory", "masked", "prediction"]
SMALL = {
    "patch": [1, 2, 2],
    "stages": [{"width": 8}, {"width": 12, "stride": [2, 2, 2]}],
    "latent_channels": 3,
    "memory_slots": 6,
    "mask_block": [2, 4, 4],
    "predict_frames": 2,
}


def small(name: str, channels: int = 1, **changed) -> nn.Module:
    asked = config.load(None, {"model": fitting(name, SMALL) | changed}).model
    return with_open_head(models.build(asked, channels))


def run_config(clips: Path, run: Path, name: str, **changed) -> config.Config:
    """Of a short training; changed: settings of the model."""
    return small_config(clips, run, train__epochs=2, train__warmup_epochs=0.0, model=fitting(name, SMALL) | changed)


def trained_output(model: nn.Module, x: torch.Tensor, seed: int) -> Trained:
    torch.manual_seed(seed)
    return model.train().trained(x)
