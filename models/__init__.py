"""Nets only. `build` makes the model that a config names; adding one is one file here and one line in MODELS."""

from typing import Any

from config import TrainConfig
from models.autoencoder import ConvAutoencoder3D
from models.masked import MaskedAutoencoder3D
from models.memory import MemoryAutoencoder3D
from models.prediction import PredictiveAutoencoder3D
from models.series.linear import Linear
from models.series.timesnet import TimesNet
from models.series.tvnet import TVNet
from models.variational import VariationalAutoencoder3D
from models.vetime import VeTime
from models.video_model import Form, VideoModel
from models.wetas import Wetas
from models.yan2020 import Yan2020

MODELS: dict[str, type[VideoModel]] = {
    "autoencoder": ConvAutoencoder3D,
    "variational": VariationalAutoencoder3D,
    "memory": MemoryAutoencoder3D,
    "masked": MaskedAutoencoder3D,
    "prediction": PredictiveAutoencoder3D,
    "yan2020": Yan2020,
    "tvnet": TVNet,
    "timesnet": TimesNet,
    "linear": Linear,
    "wetas": Wetas,
    "vetime": VeTime,
}


def build(
    settings: Any, channels: int, length: int = 0, classes: int = 0, train: TrainConfig | None = None
) -> VideoModel:
    """The model that `settings` (the `model` section of a config) asks for, to be trained as `train` says.

    For windows of `length` frames of `channels` channels, of one of `classes` classes; models that don't depend on
    length or classes do without. Raises ValueError for an unknown name, listing the known ones, and for what can't be
    built.
    """
    if settings.name not in MODELS:
        raise ValueError(f"model.name {settings.name!r} is unknown; known are {', '.join(MODELS)}")
    model = MODELS[settings.name].from_settings(settings, Form(channels, length, classes))
    model.learning = train or TrainConfig()
    return model
