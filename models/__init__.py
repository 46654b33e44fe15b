"""Nets only. `build` makes the model that a config names; adding one is one file here and one line in MODELS."""

from collections.abc import Callable
from typing import Any

from models.autoencoder import ConvAutoencoder3D
from models.masked import MaskedAutoencoder3D
from models.memory import MemoryAutoencoder3D
from models.prediction import PredictiveAutoencoder3D
from models.variational import VariationalAutoencoder3D
from models.video_model import VideoModel
from models.yan2020 import Yan2020


def _grid(s: Any, channels: int) -> tuple:
    return channels, s.patch, s.stages, s.latent_channels


MODELS: dict[str, Callable[[Any, int], VideoModel]] = {
    "autoencoder": lambda s, channels: ConvAutoencoder3D(*_grid(s, channels)),
    "variational": lambda s, channels: VariationalAutoencoder3D(*_grid(s, channels), kl_weight=s.kl_weight),
    "memory": lambda s, channels: MemoryAutoencoder3D(
        *_grid(s, channels), slots=s.memory_slots, shrink=s.memory_shrink, entropy_weight=s.memory_entropy
    ),
    "masked": lambda s, channels: MaskedAutoencoder3D(
        *_grid(s, channels), fraction=s.mask_fraction, block=s.mask_block
    ),
    "prediction": lambda s, channels: PredictiveAutoencoder3D(*_grid(s, channels), frames=s.predict_frames),
    "yan2020": lambda s, channels: Yan2020(channels),
}


def build(settings: Any, channels: int) -> VideoModel:
    """The model that `settings` (the `model` section of a config) asks for, for frames of `channels` channels.

    Raises ValueError for an unknown name, listing the known ones.
    """
    if settings.name not in MODELS:
        raise ValueError(f"model.name {settings.name!r} is unknown; known are {', '.join(MODELS)}")
    return MODELS[settings.name](settings, channels)
