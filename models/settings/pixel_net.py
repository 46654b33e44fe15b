"""Settings of the nets that give their windows back, the autoencoder and its variants among them."""

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from config import NetConfig, NonNegative, PositiveInt, Stages

PIXEL_LOSSES = ("mse", "l1", "smooth_l1", "mse_ssim", "motion_mse")  # those of models/losses/reconstruction.py
MaskFraction = Annotated[float, Field(gt=0, le=0.5)]
MaskBlock = tuple[PositiveInt, PositiveInt, PositiveInt]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class PixelNetConfig(NetConfig):
    """Settings of a model that gives its windows back, and is trained by how far they are from those given."""

    uses: ClassVar[tuple[str, ...]] = (*NetConfig.uses, "loss")
    losses: ClassVar[tuple[str, ...]] = PIXEL_LOSSES


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class GridConfig(PixelNetConfig):
    """Settings of the autoencoder, and of every variant of it."""

    patch: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    stages: Stages | None = None
    latent_channels: PositiveInt = 8


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class MaskedConfig(GridConfig):
    """Settings of the autoencoder that rebuilds hidden blocks."""

    mask_fraction: MaskFraction = 0.25
    mask_block: MaskBlock = (2, 8, 8)


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class MemoryConfig(GridConfig):
    """Settings of the autoencoder whose codes are of remembered ones."""

    memory_slots: Annotated[int, Field(ge=2)] = 256
    memory_shrink: NonNegative = 1.0
    memory_entropy: NonNegative = 2e-4


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class PredictionConfig(GridConfig):
    """Settings of the net that foretells the last frames of a window."""

    predict_frames: PositiveInt = 1


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class VariationalConfig(GridConfig):
    """Settings of the variational autoencoder."""

    kl_weight: NonNegative = 1e-4
