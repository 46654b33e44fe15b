"""From a window of frames to the backbone's grid, and back."""

import torch
import torch.nn.functional as F
from torch import nn


def pad_to_multiple(x: torch.Tensor, multiple: tuple[int, int, int]) -> torch.Tensor:
    """Repeat the last frame, row and column of (B, C, T, H, W) until every axis is a multiple."""
    t, h, w = (-size % m for size, m in zip(x.shape[2:], multiple, strict=True))
    return F.pad(x, (0, w, 0, h, 0, t), mode="replicate") if t or h or w else x


@torch.no_grad()
def temporal_background(x: torch.Tensor) -> torch.Tensor:
    """The median over time of a window, from at most 9 of its frames: (B, C, T, H, W) -> (B, C, 1, H, W).

    What stands still is free to a model that adds this to its output, and what lasts less than half the window does not
    show in it. Nine frames are enough for that, and a median over all of them would cost as much as the model.
    """
    step = -(-x.shape[2] // 9)
    return x[:, :, ::step].median(dim=2, keepdim=True).values


@torch.no_grad()
def visible_background(x: torch.Tensor, hidden: torch.Tensor, step: int) -> torch.Tensor:
    """The median over every `step`-th frame of the pixels that are not `hidden` (1, 1, T, H, W): -> (B, C, 1, H, W).

    A place that is hidden in all of these frames gets the mean of what is visible of its window and channel.
    """
    x, hidden = x[:, :, ::step], hidden[:, :, ::step]
    median = x.masked_fill(hidden, torch.nan).nanmedian(dim=2, keepdim=True).values
    visible = (~hidden).sum().clamp(min=1)
    mean = x.masked_fill(hidden, 0).sum((2, 3, 4), keepdim=True) / visible
    return torch.where(hidden.all(dim=2, keepdim=True), mean, median)


class VideoPatches(nn.Module):
    """Patches of (pt, ph, pw) pixels, each projected to `width` channels: (B, C, T, H, W) -> (B, width, T/pt, ...)."""

    def __init__(self, channels: int, width: int, patch: tuple[int, int, int]):
        super().__init__()
        self.project = nn.Conv3d(channels, width, patch, stride=patch)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.project(x)


class PatchHead(nn.Module):
    """The way back: every place of the grid gives the pixels of its patch, linearly."""

    def __init__(self, width: int, channels: int, patch: tuple[int, int, int]):
        super().__init__()
        self.channels, self.patch = channels, patch
        self.project = nn.Conv3d(width, channels * patch[0] * patch[1] * patch[2], 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.project(x).permute(0, 2, 3, 4, 1)  # (B, T, H, W, C * pt * ph * pw)
        B, T, H, W, _ = x.shape
        t, h, w = self.patch
        x = x.reshape(B, T, H, W, t, h, w, self.channels).permute(0, 1, 4, 2, 5, 3, 6, 7)
        frames = T * t, H * h, W * w
        if self.channels == 1:  # which stands first and last alike, so nothing need be moved
            return x.reshape(B, 1, *frames)
        return x.reshape(B, *frames, self.channels).permute(0, 4, 1, 2, 3)
