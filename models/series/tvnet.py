"""TVNet: a series as patches, each a plane of its even and odd samples, on the shared 3D backbone.

Source: TVNet, Li et al. 2025 (arXiv 2503.07674).
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F

from config import ModelConfig
from models.backbone3d import Backbone3D, Stage
from models.series.series_model import SeriesModel, Trunk, of_task
from models.settings.series import TVNetConfig
from models.video_model import Form

PATCH = 8


def to_cube(series: torch.Tensor, patch: int) -> torch.Tensor:
    """(B, C, L) -> (B, C, N, 2, P / 2): N patches of P samples, the even and the odd samples of each as its two rows.

    L must be a multiple of P, and P even. With P = 1 a patch is one sample: (B, C, L, 1, 1).
    """
    if patch == 1:
        return series[..., None, None]
    B, C, L = series.shape
    return series.reshape(B, C, L // patch, patch // 2, 2).transpose(3, 4)


def from_cube(cube: torch.Tensor) -> torch.Tensor:
    """The inverse of `to_cube`: (B, C, N, 2, P / 2) -> (B, C, L)."""
    B, C = cube.shape[:2]
    return cube.transpose(3, 4).reshape(B, C, -1)


class TVNetTrunk(Trunk):
    """(B, C, L) -> (B, width of the last stage, L) by way of the cube; a last patch is filled with its last sample."""

    def __init__(self, channels: int, patch: int, stages: Sequence[Stage]):
        super().__init__()
        if patch != 1 and patch % 2:
            raise ValueError(f"model.patch begins with {patch} samples; tvnet needs an even number, or 1")
        if any(tuple(stage.stride) != (1, 1, 1) for stage in stages):
            raise ValueError("model.stages has strides, tvnet keeps every sample: use stages without stride")
        self.patch, self.width = patch, stages[-1].width
        self.backbone = Backbone3D(channels, stages)

    def depth(self, T: int) -> int:
        """Time steps of the backbone's grid for T samples."""
        return -(-T // self.patch)

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        T = series.shape[-1]
        padded = F.pad(series, (0, -T % self.patch), mode="replicate")
        cube = to_cube(padded, self.patch).contiguous(memory_format=torch.channels_last_3d)
        return from_cube(self.backbone(cube))[..., :T]


def default_stages(channels: int, patch: int) -> tuple[Stage, ...]:
    """Three blocks as wide as the paper's rule says, with dynamic modulation."""
    width = min(max(2 * (channels.bit_length() - 1), 32), 128)
    kernel = (3, 3, 3) if patch > 1 else (3, 1, 1)
    return (Stage(width, 3, kernel=kernel, modulation="dynamic"),)


class TVNet(SeriesModel):
    """A model of series on the trunk above, for every task."""

    Config: ClassVar[type[ModelConfig]] = TVNetConfig

    @classmethod
    def from_settings(cls, settings: TVNetConfig, form: Form) -> SeriesModel:
        patch = settings.patch[0] if settings.patch else PATCH
        stages = settings.stages or default_stages(form.channels if settings.mix_variables else 1, patch)
        return of_task(settings, form, stages[0].width, TVNetTrunk(stages[0].width, patch, stages))
