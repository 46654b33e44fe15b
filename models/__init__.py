"""Nets only. `build` makes the model that a config names; adding one is one file here and one line in MODELS."""

from typing import TYPE_CHECKING, Any

from config import TrainConfig
from config.lazily import Lazily

if TYPE_CHECKING:
    from models.video_model import VideoModel

MODELS: Lazily[type["VideoModel"]] = Lazily(
    {
        "autoencoder": "models.autoencoder.ConvAutoencoder3D",
        "variational": "models.variational.VariationalAutoencoder3D",
        "memory": "models.memory.MemoryAutoencoder3D",
        "masked": "models.masked.MaskedAutoencoder3D",
        "prediction": "models.prediction.PredictiveAutoencoder3D",
        "yan2020": "models.yan2020.Yan2020",
        "tvnet": "models.series.tvnet.TVNet",
        "timesnet": "models.series.timesnet.TimesNet",
        "linear": "models.series.linear.Linear",
        "dual": "models.series.dual.Dual",
        "wetas": "models.wetas.Wetas",
        "vetime": "models.vetime.VeTime",
    }
)


def build(
    settings: Any, channels: int, length: int = 0, classes: int = 0, train: TrainConfig | None = None
) -> "VideoModel":
    """The model that `settings` (the `model` section of a config) asks for, to be trained as `train` says.

    For windows of `length` frames of `channels` channels, of one of `classes` classes; models that don't depend on
    length or classes do without. Raises ValueError for an unknown name, listing the known ones, and for what can't be
    built.
    """
    from models.video_model import Form  # brings torch

    if settings.name not in MODELS:
        raise ValueError(f"model.name {settings.name!r} is unknown; known are {', '.join(MODELS)}")
    model = MODELS[settings.name].from_settings(settings, Form(channels, length, classes))
    model.learning = train or TrainConfig()
    return model
