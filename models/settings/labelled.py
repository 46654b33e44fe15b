"""Settings of the nets that learn from labels: of windows, or of the samples of synthetic series."""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from config import DataKind, NetConfig, PositiveInt, Stages, TrainConfig

WEAK_LOSSES = ("weak_bce", "wetas", "mil", "soft_peaks")  # those of models/losses/weak.py


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class WetasConfig(NetConfig):
    """Settings of `wetas`, which learns from labels of whole windows."""

    stages: Stages | None = None
    pooling: Literal["mean", "max", "top", "attention"] = "mean"
    top_fraction: Annotated[float, Field(gt=0, le=1)] = 0.1
    members: PositiveInt = 1

    uses: ClassVar[tuple[str, ...]] = (*NetConfig.uses, "loss", "weak")
    losses: ClassVar[tuple[str, ...]] = WEAK_LOSSES

    def learns_from(self, train: TrainConfig) -> DataKind:
        return "window_labels"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class VeTimeConfig(NetConfig):
    """Settings of `vetime`, which learns from series that are made, and comes trained."""

    branches: Literal["both", "temporal", "visual"] = "both"
    router: bool = True
    context: Literal["whole", "past"] = "whole"

    uses: ClassVar[tuple[str, ...]] = (*NetConfig.uses, "synthetic", "init", "contrast_weight", "balance_weight")
    comes_trained: ClassVar[bool] = True

    def learns_from(self, train: TrainConfig) -> DataKind:
        """Synthetic series; weights that know these already go on with the user's."""
        return "sample_labels" if train.init else "synthetic"
