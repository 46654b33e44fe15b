"""A straight line in time from the past of every variable to its future: what any other forecast must beat."""

from typing import ClassVar

from config import ModelConfig
from models.series.series_model import Forecast, SeriesModel
from models.settings.series import LinearConfig
from models.video_model import Form


class Linear(SeriesModel):
    """A forecast without a trunk."""

    Config: ClassVar[type[ModelConfig]] = LinearConfig

    @classmethod
    def from_settings(cls, settings: LinearConfig, form: Form) -> SeriesModel:
        without_trunk = (form.channels, 1, None, True, settings.instance_norm)
        return Forecast(*without_trunk, length=form.length, horizon=settings.predict_frames)
