"""TimesNet: a series folded by its strongest periods, so that rows are cycles and columns are phase.

Source: Wu et al. 2023 (arXiv 2210.02186); here every sample has its own periods, and its blocks are the backbone's.
"""

import copy
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import nn

from config import ModelConfig
from models.backbone3d import Block, Stage
from models.series.series_model import SeriesModel, Trunk, of_task
from models.settings.series import TimesNetConfig
from models.video_model import Form

WIDTH, DEPTH = 64, 2
KERNEL = 3  # cycles, and samples of one


class PeriodBlock(nn.Module):
    """x plus the mean over its `top` periods, weighted by their amplitudes, of a 2D block on the folded series."""

    def __init__(self, width: int, top: int):
        super().__init__()
        self.top = top
        self.block = Block(Stage(width, kernel=(1, KERNEL, KERNEL)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        periods, amplitudes = strongest_periods(x, self.top)  # (B, top) each
        weights = amplitudes.softmax(1).to(x.dtype)
        out = x
        for k in range(periods.shape[1]):
            out = out + weights[:, k, None, None] * self.folded(x, periods[:, k])
        return out

    def folded(self, x: torch.Tensor, periods: torch.Tensor) -> torch.Tensor:
        """What the block adds to series (B, C, T) that are each folded by their own period (B,)."""
        added = torch.zeros_like(x)
        for period in periods.unique().tolist():
            chosen = (periods == period).nonzero()[:, 0]
            added = added.index_copy(0, chosen, self.with_period(x[chosen], period).to(added.dtype))
        return added

    def with_period(self, x: torch.Tensor, period: int) -> torch.Tensor:
        B, C, T = x.shape
        grid = F.pad(x, (0, -T % period)).reshape(B, C, 1, -1, period)  # rows are cycles
        grid = grid.contiguous(memory_format=torch.channels_last_3d)
        return (self.block(grid) - grid).reshape(B, C, -1)[..., :T]


class GatheredBlock(PeriodBlock):
    """The same block where no shape may depend on a value, as in an exported graph: it gathers instead of folding.

    In a fold by P the neighbours of sample s are s - P, s, s + P and those one before and behind them, but for those
    in another column's place: of the first column none is before, of the last one none is behind. What fills the last
    row is 0 behind the norm, as is what a convolution pads with.
    """

    def __init__(self, folding: PeriodBlock):
        super().__init__(folding.block.space.in_channels, folding.top)
        self.load_state_dict(folding.state_dict())

    def folded(self, x: torch.Tensor, periods: torch.Tensor) -> torch.Tensor:
        B, C, T = x.shape
        normed = F.pad(F.layer_norm(x.transpose(1, 2), (C,)), (0, 0, 0, 1))  # (B, T + 1, C), zeros behind
        at = neighbours(T, periods)[..., None].expand(B, T * KERNEL**2, C)
        seen = normed.gather(1, at).view(B, T, KERNEL**2 * C)
        space, time = self.block.space, self.block.time
        inner = F.linear(seen, space.weight[:, :, 0].permute(0, 2, 3, 1).flatten(1), space.bias)
        return F.linear(self.block.activation(inner), time.weight[..., 0, 0, 0], time.bias).transpose(1, 2)


def neighbours(T: int, periods: torch.Tensor) -> torch.Tensor:
    """The places of a 3 x 3 kernel around every sample of series folded by periods (B,), row by row: (B, 9 T); T for
    those outside of the fold."""
    samples, period = torch.arange(T, device=periods.device)[:, None, None], periods[:, None, None, None]
    step = torch.arange(KERNEL, device=periods.device) - KERNEL // 2
    column = samples % period + step  # (B, T, 1, 3)
    at = samples + step[:, None] * period + step  # (B, T, 3, 3)
    inside = (column >= 0) & (column < period) & (at >= 0) & (at < T)
    return torch.where(inside, at, T).flatten(1)


class TimesNetTrunk(Trunk):
    """(B, C, T) -> the same shape through `depth` period blocks."""

    def __init__(self, width: int, depth: int, top: int):
        super().__init__()
        self.width = width
        self.blocks = nn.Sequential(*[PeriodBlock(width, top) for _ in range(depth)])

    def portable(self) -> "TimesNetTrunk":
        """With blocks that gather: folds by every window's own periods have shapes of their own."""
        gathered = copy.deepcopy(self)
        gathered.blocks = nn.Sequential(*[GatheredBlock(cast(PeriodBlock, block)) for block in self.blocks])
        return gathered

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        return self.blocks(series)


@torch.no_grad()
def strongest_periods(x: torch.Tensor, top: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The `top` periods of every series (B, C, T) in samples, and their amplitudes, both (B, top).

    From the Fourier amplitudes averaged over channels; the constant part does not count.
    """
    T = x.shape[-1]
    amplitude = torch.fft.rfft(x.float(), dim=-1).abs().mean(1)[:, 1:]  # (B, T // 2)
    found = amplitude.topk(min(top, amplitude.shape[1]), dim=1)
    return (T + found.indices) // (found.indices + 1), found.values  # rounded up


class TimesNet(SeriesModel):
    """A model of series on the trunk above, for every task."""

    Config: ClassVar[type[ModelConfig]] = TimesNetConfig

    @classmethod
    def from_settings(cls, settings: TimesNetConfig, form: Form) -> SeriesModel:
        stage, *more = settings.stages or (Stage(WIDTH, DEPTH),)
        if more or stage.modulation != "none" or tuple(stage.stride) != (1, 1, 1):
            raise ValueError(
                "timesnet takes one of model.stages, with width and depth alone: it folds windows by itself"
            )
        return of_task(settings, form, stage.width, TimesNetTrunk(stage.width, stage.depth, settings.top_periods))
