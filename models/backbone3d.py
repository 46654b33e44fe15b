"""The one trunk: residual factorised 3D blocks on a `(B, C, T, H, W)` grid.

Axis order everywhere: batch, channels, time, rows, columns. Modules keep `channels_last_3d` memory, in which a CPU runs
these convolutions several times faster than contiguous.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Stage:
    """One stage: `depth` blocks of `width` channels after a convolution that shrinks the grid by `stride` (t, h, w)."""

    width: int
    depth: int = 1
    stride: tuple[int, int, int] = (1, 1, 1)
    dilation: int = 1
    kernel: tuple[int, int, int] = (3, 3, 3)


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of every place: no statistics of other samples, places or processes.

    It has no scale and shift: the convolution behind it does both, and a CPU sums their bf16 gradients in bf16, which
    at 100,000 places is wrong by 87 %.
    """

    def __init__(self, width: int):
        super().__init__(width, elementwise_affine=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)


class TimeConv3d(nn.Conv3d):
    """A (k, 1, 1) convolution that keeps the length, with right bf16 gradients also where T is less than k.

    oneDNN's AVX512 bf16 weight gradient reads uninitialised memory when no output place holds the whole kernel, i.e.
    for 1 < T < k. On an input that is padded beforehand every place does.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2] >= self.kernel_size[0]:
            return super().forward(x)
        reach = self.padding[0]
        return F.conv3d(F.pad(x, (0, 0, 0, 0, reach, reach)), self.weight, self.bias, dilation=self.dilation)


class Block(nn.Module):
    """x + time(gelu(space(norm(x)))): (1, k, k) then (k, 1, 1), cheaper than one (k, k, k) (Tran et al. 2018)."""

    def __init__(self, width: int, kernel: tuple[int, int, int] = (3, 3, 3), dilation: int = 1):
        super().__init__()
        if any(size % 2 == 0 for size in kernel):
            raise ValueError(f"kernel {tuple(kernel)}: every size must be odd, so that a block keeps the grid's shape")
        t, h, w = kernel
        self.norm = ChannelNorm(width)
        self.space = nn.Conv3d(width, width, (1, h, w), padding=(0, h // 2, w // 2))
        self.time = TimeConv3d(width, width, (t, 1, 1), padding=(dilation * (t // 2), 0, 0), dilation=(dilation, 1, 1))
        # A block begins as the identity, so that depth does not slow the start of training.
        nn.init.zeros_(self.time.weight)
        nn.init.zeros_(self.time.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.time(F.gelu(self.space(self.norm(x))))


class Backbone3D(nn.Module):
    """Stages in order: (B, channels, T, H, W) -> (B, width of the last stage, T / st, H / sh, W / sw)."""

    def __init__(self, channels: int, stages: Sequence[Stage]):
        super().__init__()
        layers: list[nn.Module] = []
        for stage in stages:
            if tuple(stage.stride) != (1, 1, 1) or stage.width != channels:
                layers.append(nn.Conv3d(channels, stage.width, tuple(stage.stride), stride=tuple(stage.stride)))
            layers += [Block(stage.width, tuple(stage.kernel), stage.dilation) for _ in range(stage.depth)]
            channels = stage.width
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)
