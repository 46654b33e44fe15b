"""Small models of series, as built and as they are after a first step."""

import torch
from torch import nn

import config
import models
from models.series.series_model import Logits
from tests.support.nets import with_open_head
from tests.support.trainings import fitting

T, C = 24, 3
TASKS = ("anomaly", "forecast", "impute", "classify")
BOTH = ("tvnet", "timesnet")
EVERY = [*[(name, task) for name in BOTH for task in TASKS], ("linear", "forecast")]


def stage_of(name: str, width: int = 8) -> dict:
    """Two blocks; those of timesnet have no modulation."""
    return {"width": width, "depth": 2, "modulation": "none" if name == "timesnet" else "dynamic"}


def small(name: str, task: str, *, channels: int = C, length: int = T, **changed) -> nn.Module:
    stages = [stage_of(name)]
    chosen = {"task": task, "stages": stages, "predict_frames": 6, "mask_block": [2, 1, 1]} | changed
    return models.build(config.load(None, {"model": fitting(name, chosen)}).model, channels, length, classes=3)


def opened(name: str, task: str, **changed) -> nn.Module:
    """A small model as it is after a first step: what begins at zero would hide most mistakes."""
    return with_open_head(small(name, task, **changed))


def windows(n: int, length: int = T, channels: int = C) -> torch.Tensor:
    return torch.rand(n, channels, length, 1, 1)


def output_of(model: nn.Module, x: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """What the model gives, with the chance of `seed` where it has any."""
    torch.manual_seed(seed)
    output = model.trained(x).reconstruction if model.training else model(x)
    return output.logits if isinstance(output, Logits) else output
