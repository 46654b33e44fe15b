"""The autoencoder that never sees what it gives: it fills hidden blocks of space-time from what surrounds them."""

from math import prod
from typing import Any, ClassVar

import torch

from config import ModelConfig
from models.autoencoder import ConvAutoencoder3D, grid
from models.embed import visible_background
from models.settings.pixel_net import MaskedConfig
from models.video_model import Form, Trained


class MaskedAutoencoder3D(ConvAutoencoder3D):
    """Training hides random blocks and counts the loss there; otherwise every pixel is hidden exactly once.

    That runs the encoder and decoder 1 / fraction times (rounded), with masks that complement each other. A hidden
    pixel reaches neither the background nor the input; a further input channel tells where is hidden.

    fraction: of the blocks, hidden at a time. block: frames, rows, columns.
    Source: after He et al. 2022 (arXiv 2111.06377), here with convolutions.
    """

    Config: ClassVar[type[ModelConfig]] = MaskedConfig

    @classmethod
    def from_settings(cls, settings: MaskedConfig, form: Form) -> "MaskedAutoencoder3D":
        return cls(*grid(settings, form), fraction=settings.mask_fraction, block=settings.mask_block)

    def __init__(self, *grid: Any, fraction: float, block: tuple[int, int, int]):
        super().__init__(*grid, hints=1)
        self.fraction, self.block = fraction, block

    def check(self, size: tuple[int, int, int]) -> None:
        if prod(_cells(size, self.block)) == 1:
            raise ValueError(
                f"model.mask_block {list(self.block)} hides whole windows of {list(size)} frames, rows and columns at "
                "once; choose a smaller one, so that something is left to fill it from"
            )

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, T, H, W) -> latent (B, latent_channels, T', H', W') of the window with nothing hidden."""
        return self._encode_visible(x, torch.zeros_like(x[:1, :1], dtype=torch.bool))[1]

    def inpaint(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """x with its `hidden` (1, 1, T, H, W) pixels filled from the others."""
        background, latent = self._encode_visible(x, hidden)
        return torch.where(hidden, self.compose(background, latent, x.shape), x)

    def _encode_visible(self, x: torch.Tensor, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        # At least a frame of every block, or a mask that repeats in time could hide a place in all that are looked at.
        step = min(self.block[0], -(-x.shape[2] // 9))
        background = visible_background(x, hidden, step)  # (B, C, 1, H, W)
        deviation = torch.where(hidden, 0.0, x - background)
        hint = hidden.to(x.dtype).expand(len(x), -1, -1, -1, -1)
        return background, self.bottleneck(self.features(torch.cat([deviation, hint], dim=1)))

    def trained(self, x: torch.Tensor) -> Trained:
        T, H, W = x.shape[2:]
        hidden = random_blocks((T, H, W), self.block, self.fraction).to(x.device)
        return Trained(self.inpaint(x, hidden), weight=hidden.float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        T, H, W = x.shape[2:]
        folds = round(1 / self.fraction)
        turn = block_turns((T, H, W), self.block, folds).to(x.device)
        filled = x
        for fold in range(folds):
            filled = torch.where(turn == fold, self.inpaint(x, turn == fold), filled)
        return filled


def random_blocks(size: tuple[int, int, int], block: tuple[int, int, int], fraction: float) -> torch.Tensor:
    """A random part of the blocks of a window (T, H, W), never none and never all: (1, 1, T, H, W) bool."""
    cells = _cells(size, block)
    hidden = torch.randperm(prod(cells)) < min(max(round(fraction * prod(cells)), 1), prod(cells) - 1)
    return _spread(hidden.view(cells), size, block)


def block_turns(size: tuple[int, int, int], block: tuple[int, int, int], folds: int) -> torch.Tensor:
    """Which of `folds` masks hides a pixel: (1, 1, T, H, W). Blocks side by side have different turns."""
    t, h, w = (torch.arange(n) for n in _cells(size, block))
    return _spread((t[:, None, None] + h[:, None] + w) % folds, size, block)


def _cells(size: tuple[int, int, int], block: tuple[int, int, int]) -> tuple[int, int, int]:
    t, h, w = (-(-n // b) for n, b in zip(size, block, strict=True))
    return t, h, w


def _spread(cells: torch.Tensor, size: tuple[int, int, int], block: tuple[int, int, int]) -> torch.Tensor:
    for axis, (n, b) in enumerate(zip(size, block, strict=True)):
        cells = cells.repeat_interleave(b, axis).narrow(axis, 0, n)
    return cells[None, None]
