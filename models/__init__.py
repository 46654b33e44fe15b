"""Nets only. `build` makes the model that a config names; adding one is one file here and one line in MODELS."""

from collections.abc import Callable
from typing import Any

from torch import nn

from models.autoencoder import ConvAutoencoder3D
from models.yan2020 import Yan2020

MODELS: dict[str, Callable[[Any, int], nn.Module]] = {
    "autoencoder": lambda s, channels: ConvAutoencoder3D(channels, s.patch, s.stages, s.latent_channels),
    "yan2020": lambda s, channels: Yan2020(channels),
}


def build(settings: Any, channels: int) -> nn.Module:
    """The model that `settings` (name, patch, stages, latent_channels) asks for, for frames of `channels` channels.

    Raises ValueError for an unknown name, listing the known ones.
    """
    if settings.name not in MODELS:
        raise ValueError(f"model.name {settings.name!r} is unknown; known are {', '.join(MODELS)}")
    return MODELS[settings.name](settings, channels)
