"""Nets only. `build` makes the model that a config names; adding one is one file here and one line in MODELS."""

from typing import TYPE_CHECKING, Any

from config import ModelConfig, TrainConfig
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
# The settings of some of them, which are asked for before the net is, and without its libraries.
SETTINGS: Lazily[type[ModelConfig]] = Lazily(
    {
        "autoencoder": "models.settings.pixel_net.GridConfig",
        "variational": "models.settings.pixel_net.VariationalConfig",
        "memory": "models.settings.pixel_net.MemoryConfig",
        "masked": "models.settings.pixel_net.MaskedConfig",
        "prediction": "models.settings.pixel_net.PredictionConfig",
        "yan2020": "models.settings.pixel_net.PixelNetConfig",
        "tvnet": "models.settings.series.TVNetConfig",
        "timesnet": "models.settings.series.TimesNetConfig",
        "linear": "models.settings.series.LinearConfig",
        "dual": "models.settings.series.DualConfig",
        "wetas": "models.settings.labelled.WetasConfig",
        "vetime": "models.settings.labelled.VeTimeConfig",
    }
)


def settings_class(name: str) -> type[ModelConfig]:
    """The class of the settings of a net, which says by itself where no other does, or another was put in its place."""
    return SETTINGS[name] if name in SETTINGS and name not in MODELS.loaded else MODELS[name].Config


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
