"""The one trunk: residual factorised 3D blocks on a `(B, C, T, H, W)` grid.

Axis order everywhere: batch, channels, time, rows, columns. Modules keep `channels_last_3d` memory, in which a CPU runs
these convolutions several times faster than contiguous.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from config import StageConfig as Stage


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
    """A (k, 1, 1) convolution that keeps the length; a causal one sees no later time step. Its k may be even then.

    A short input is padded beforehand: oneDNN's AVX512 bf16 weight gradient reads uninitialised memory when no output
    place holds the whole kernel, i.e. for 1 < T < k.
    """

    def __init__(self, width: int, k: int, dilation: int = 1, causal: bool = False):
        reach = dilation * (k - 1)
        self.reach = (reach, 0) if causal else (reach // 2, reach // 2)
        padding = 0 if causal else (reach // 2, 0, 0)
        super().__init__(width, width, (k, 1, 1), padding=padding, dilation=(dilation, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.dilation[0] > 1 or x.shape[3:] == (1, 1):
            return self.as_product(x)
        if x.shape[2] >= self.kernel_size[0] and self.reach[0] == self.reach[1]:
            return super().forward(x)
        return F.conv3d(F.pad(x, (0, 0, 0, 0, *self.reach)), self.weight, self.bias, dilation=self.dilation)

    def as_product(self, x: torch.Tensor) -> torch.Tensor:
        """The same as one matrix product over shifted copies.

        oneDNN's gradient of a dilated convolution takes many times as long (`tests/benchmarks/weak.py` prints it).
        """
        T, k, dilation = x.shape[2], self.kernel_size[0], self.dilation[0]
        padded = F.pad(x, (0, 0, 0, 0, *self.reach)).permute(0, 2, 3, 4, 1)  # (B, T + reach, H, W, C)
        steps = torch.cat([padded[:, j * dilation : j * dilation + T] for j in range(k)], -1)  # (B, T, H, W, k C)
        weight = self.weight[..., 0, 0].transpose(1, 2).flatten(1)  # (C, k C)
        return F.linear(steps, weight, self.bias).permute(0, 4, 1, 2, 3)


class Modulation(nn.Module):
    """A scale for every channel and time step, from the clip itself: (B, C, T, H, W) -> alpha (B, C, T, 1, 1).

    alpha = 1 + relu(conv(v_inter)) + relu(norm(conv(v_intra))), v_intra the mean over the plane of a time step and
    v_inter the mean of these over time. A convolution with weights alpha * W gives what the same convolution with W
    gives, times alpha: so this costs next to nothing, and no sample's weights meet another sample.
    Source: TVNet (Li et al. 2025, arXiv 2503.07674), equations 3 to 7, but with a norm over channels, not over batch.
    """

    def __init__(self, width: int):
        super().__init__()
        self.inter = nn.Conv1d(width, width, 1)
        self.intra = nn.Conv1d(width, width, 1)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        for conv in (self.inter, self.intra):
            # Close to alpha = 1, but not at it: behind a ReLU no gradient would ever come back from there.
            nn.init.normal_(conv.weight, std=0.02)
            nn.init.zeros_(conv.get_parameter("bias"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        intra = x.mean((3, 4))  # (B, C, T)
        inter = intra.mean(2, keepdim=True)  # (B, C, 1)
        local = self.norm(self.intra(intra).transpose(1, 2)).transpose(1, 2)
        return (1 + F.relu(self.inter(inter)) + F.relu(local))[..., None, None]


class Gate(nn.Module):
    """tanh(a) * sigmoid(b) of the two halves of 2 C channels: (B, 2 C, T, H, W) -> (B, C, T, H, W)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values, gates = x.chunk(2, 1)
        return values.tanh() * gates.sigmoid()


class Block(nn.Module):
    """x + time(gelu(space(norm(x)))): (1, k, k) then (k, 1, 1), cheaper than one (k, k, k) (Tran et al. 2018).

    With `dynamic` modulation: x + time(gelu(alpha * space(norm(x)))). The depth and stride of `stage` are not its own.

    A block may take over the nearest upsampling before it (`repeating`). Repeats of a place have the same norm and
    those of a frame the same inside, so each is computed once and repeated where the next step tells them apart.
    """

    def __init__(self, stage: Stage):
        super().__init__()
        t, h, w = stage.kernel
        if h % 2 == 0 or w % 2 == 0 or (t % 2 == 0 and not stage.causal):
            raise ValueError(
                f"kernel {tuple(stage.kernel)}: sizes must be odd, so that a block keeps the grid's shape; only the "
                "first one of a causal stage may be even"
            )
        width, is_gated = stage.width, stage.activation == "gated"
        self.norm = ChannelNorm(width)
        self.modulation = Modulation(width) if stage.modulation == "dynamic" else None
        self.space = nn.Conv3d(width, (1 + is_gated) * width, (1, h, w), padding=(0, h // 2, w // 2))
        self.activation = Gate() if is_gated else nn.GELU()
        self.time = TimeConv3d(width, t, stage.dilation, stage.causal)
        self.whole: nn.Module = nn.Identity()  # these repeat: places and frames, places alone, frames alone
        self.places: nn.Module = nn.Identity()
        self.frames: nn.Module = nn.Identity()
        self.skip: nn.Module = nn.Identity()  # what is done to the input before it is added, see `models.parts.folded`
        # A block begins as the identity, so that depth does not slow the start of training.
        nn.init.zeros_(self.time.weight)
        nn.init.zeros_(self.time.get_parameter("bias"))

    def repeating(self, t: int, h: int, w: int) -> None:
        """Upsample the input by these factors, as nn.Upsample before the block would."""
        factors = (t, h, w), (1, h, w), (t, 1, 1)
        self.whole, self.places, self.frames = (
            nn.Identity() if each == (1, 1, 1) else nn.Upsample(scale_factor=each) for each in factors
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed = self.places(self.norm(x))
        inner = self.space(normed)
        if self.modulation is not None:
            alpha = self.modulation(normed)
            inner = (torch.cat([alpha, alpha], 1) if isinstance(self.activation, Gate) else alpha) * inner
        return self.whole(self.skip(x)) + self.time(self.frames(self.activation(inner)))


def blocks(stage: Stage) -> list[Block]:
    """The blocks of a stage."""
    return [Block(stage) for _ in range(stage.depth)]


class Backbone3D(nn.Module):
    """Stages in order: (B, channels, T, H, W) -> (B, width of the last stage, T / st, H / sh, W / sw)."""

    def __init__(self, channels: int, stages: Sequence[Stage]):
        super().__init__()
        layers: list[nn.Module] = []
        for stage in stages:
            if tuple(stage.stride) != (1, 1, 1) or stage.width != channels:
                layers.append(nn.Conv3d(channels, stage.width, stage.stride, stride=stage.stride))
            layers += blocks(stage)
            channels = stage.width
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)
