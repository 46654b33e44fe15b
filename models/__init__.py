"""Nets only. `build` makes the model that a config names; adding one is one file here and one line in MODELS."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models.autoencoder import ConvAutoencoder3D
from models.backbone3d import Stage
from models.masked import MaskedAutoencoder3D
from models.memory import MemoryAutoencoder3D
from models.prediction import PredictiveAutoencoder3D
from models.series.series_model import Classify, Forecast, Impute, Reconstruct, SeriesModel
from models.series.timesnet import TimesNetTrunk
from models.series.tvnet import TVNetTrunk, default_stages
from models.variational import VariationalAutoencoder3D
from models.vetime import VeTime
from models.video_model import VideoModel
from models.wetas import Wetas, WetasEnsemble
from models.wetas import default_stages as wetas_stages
from models.yan2020 import Yan2020

VIDEO_PATCH = (1, 4, 4)
VIDEO_STAGES = (Stage(32), Stage(64, 1, (2, 2, 2)), Stage(96, 1, (4, 1, 1)))
SERIES_PATCH = 8
TIMESNET_WIDTH, TIMESNET_DEPTH = 64, 2


@dataclass(frozen=True)
class Form:
    """What a model must fit: channels (or variables) of a frame, frames of a window, classes of windows."""

    channels: int
    length: int = 0
    classes: int = 0


def _grid(s: Any, form: Form) -> tuple:
    return form.channels, s.patch or VIDEO_PATCH, s.stages or VIDEO_STAGES, s.latent_channels


def _of_task(s: Any, form: Form, width: int, trunk: Any) -> SeriesModel:
    """The model of a series for the task that the settings name."""
    shared = (form.channels, width, trunk, s.mix_variables, s.instance_norm)
    if s.task == "forecast":
        return Forecast(*shared, length=form.length, horizon=s.predict_frames)
    if s.task == "impute":
        return Impute(*shared, fraction=s.mask_fraction, block=s.mask_block[0])
    if s.task == "classify":
        return Classify(*shared, classes=form.classes)
    return Reconstruct(*shared)


def _tvnet(s: Any, form: Form) -> SeriesModel:
    patch = s.patch[0] if s.patch else SERIES_PATCH
    stages = s.stages or default_stages(form.channels if s.mix_variables else 1, patch)
    return _of_task(s, form, stages[0].width, TVNetTrunk(stages[0].width, patch, stages))


def _timesnet(s: Any, form: Form) -> SeriesModel:
    if s.stages and (len(s.stages) > 1 or s.stages[0].modulation != "none" or tuple(s.stages[0].stride) != (1, 1, 1)):
        raise ValueError("timesnet takes one of model.stages, with width and depth alone: it folds windows by itself")
    width, depth = (s.stages[0].width, s.stages[0].depth) if s.stages else (TIMESNET_WIDTH, TIMESNET_DEPTH)
    return _of_task(s, form, width, TimesNetTrunk(width, depth, s.top_periods))


def _linear(s: Any, form: Form) -> SeriesModel:
    if s.task != "forecast":
        raise ValueError(f"model.name linear only forecasts, model.task is {s.task}; choose forecast, or tvnet")
    return _of_task(s, form, 1, None)


def _wetas(s: Any, form: Form) -> Wetas | WetasEnsemble:
    made = [Wetas(form.channels, s.stages or wetas_stages(), s.pooling, s.top_fraction) for _ in range(s.members)]
    return made[0] if s.members == 1 else WetasEnsemble(made)


def _vetime(s: Any, form: Form) -> VeTime:
    return VeTime(branches=s.branches, router=s.router, context=form.length // 2 if s.context == "past" else None)


MODELS: dict[str, Callable[[Any, Form], VideoModel]] = {
    "autoencoder": lambda s, form: ConvAutoencoder3D(*_grid(s, form)),
    "variational": lambda s, form: VariationalAutoencoder3D(*_grid(s, form), kl_weight=s.kl_weight),
    "memory": lambda s, form: MemoryAutoencoder3D(
        *_grid(s, form), slots=s.memory_slots, shrink=s.memory_shrink, entropy_weight=s.memory_entropy
    ),
    "masked": lambda s, form: MaskedAutoencoder3D(*_grid(s, form), fraction=s.mask_fraction, block=s.mask_block),
    "prediction": lambda s, form: PredictiveAutoencoder3D(*_grid(s, form), frames=s.predict_frames),
    "yan2020": lambda s, form: Yan2020(form.channels),
    "tvnet": _tvnet,
    "timesnet": _timesnet,
    "linear": _linear,
    "wetas": _wetas,
    "vetime": _vetime,
}


def build(settings: Any, channels: int, length: int = 0, classes: int = 0) -> VideoModel:
    """The model that `settings` (the `model` section of a config) asks for.

    For windows of `length` frames of `channels` channels, of one of `classes` classes; models that don't depend on
    length or classes do without. Raises ValueError for an unknown name, listing the known ones.
    """
    if settings.name not in MODELS:
        raise ValueError(f"model.name {settings.name!r} is unknown; known are {', '.join(MODELS)}")
    return MODELS[settings.name](settings, Form(channels, length, classes))
