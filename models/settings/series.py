"""Settings of the nets of series."""

from typing import ClassVar, Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from config import DataKind, PositiveInt, Stages, TrainConfig
from models.settings.pixel_net import MaskBlock, MaskFraction, PixelNetConfig

JudgedBy = Literal["spectrum", "time", "product", "samples"]  # errors that say how unusual a window is, or a sample


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class SeriesConfig(PixelNetConfig):
    """Settings of every model of series."""

    instance_norm: bool = True
    predict_frames: PositiveInt = 1


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TrunkConfig(SeriesConfig):
    """Settings of every model of series with a trunk, which can do every task."""

    stages: Stages | None = None
    mix_variables: bool = True
    mask_fraction: MaskFraction = 0.25
    mask_block: MaskBlock = (2, 8, 8)
    judged_by: JudgedBy = "spectrum"

    tasks: ClassVar[tuple[str, ...]] = ("anomaly", "forecast", "impute", "classify")
    of_task: ClassVar[dict[str, str]] = {
        "predict_frames": "forecast", "mask_fraction": "impute", "mask_block": "impute", "judged_by": "anomaly"
    }  # fmt: skip

    def learns_from(self, train: TrainConfig) -> DataKind:
        return "classes" if self.task == "classify" else "frames"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class LinearConfig(SeriesConfig):
    """Settings of the linear forecast, a baseline."""

    task: Literal["forecast"] = "forecast"

    tasks: ClassVar[tuple[str, ...]] = ("forecast",)


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TVNetConfig(TrunkConfig):
    """Settings of `tvnet`."""

    patch: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TimesNetConfig(TrunkConfig):
    """Settings of `timesnet`."""

    top_periods: PositiveInt = 3


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class DualConfig(PixelNetConfig):
    """Settings of `dual`, which rebuilds hidden patches in time and spectrum."""

    stages: Stages | None = None
    judged_by: JudgedBy = "spectrum"
