"""What a place that looks like this usually does: a net from single frames to the expected value of a map."""

import torch
from torch import nn

from models.backbone3d import Backbone3D, Stage


class AppearanceNet(nn.Module):
    """Frame (B, 1, T, H, W) -> expected value and log of its spread, both (B, T, H / cell, W / cell) float32.

    Every kernel is one frame deep, so that it can't see motion, only what moves: a person, a road, a loop. A learnt
    tensor over the grid tells it where it looks. Sizes must be multiples of the cell.
    """

    def __init__(self, grid: tuple[int, int], cell: int, width: int = 40, depth: int = 5):
        super().__init__()
        self.stem = nn.Conv3d(1, width, (1, cell, cell), stride=(1, cell, cell))
        self.place = nn.Parameter(torch.zeros(1, width, 1, *grid))
        self.backbone = Backbone3D(width, [Stage(width, depth, kernel=(1, 3, 3))])
        self.head = nn.Conv3d(width, 2, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        out = self.head(self.backbone(self.stem(x) + self.place)).float()
        return out[:, 0], out[:, 1].clamp(-4, 2)


def laplace_loss(mean: torch.Tensor, log_spread: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Negative log likelihood of a Laplace distribution, where much happens weighted more: most of a frame is still."""
    weight = 0.05 + target
    return (weight * ((target - mean).abs() * torch.exp(-log_spread) + log_spread)).mean() / weight.mean()
