"""The wide published layout, 256-128-64, for GPUs and for comparison."""

import torch
from torch import nn

from models.embed import pad_to_multiple
from models.video_model import PixelModel


def _down(a: int, b: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(a, b, 4, 2, 1), nn.BatchNorm3d(b), nn.Tanh())


def _up(a: int, b: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose3d(a, b, 4, 2, 1), nn.BatchNorm3d(b), nn.Tanh())


class Yan2020(PixelModel):
    """3D fully convolutional autoencoder after Yan et al. 2020 (JVCIR 67, 102747), as re-implemented by others.

    Every convolution k4 s2 p1 in time, rows and columns with batch norm and tanh, then a k3 head with sigmoid.
    5.5 M parameters and 126 GMAC for one 32x112x112 window: seconds a window on a CPU. (B, C, T, H, W) -> the same.
    """

    multiple = (8, 8, 8)

    def __init__(self, channels: int):
        super().__init__()
        self.encoder = nn.Sequential(_down(channels, 256), _down(256, 128), _down(128, 64))
        self.decoder = nn.Sequential(_up(64, 64), _up(64, 128), _up(128, 256))
        self.head = nn.Sequential(nn.Conv3d(256, channels, 3, padding=1), nn.Sigmoid())

    def min_temporal_depth(self, T: int) -> int:
        """The smallest temporal depth a convolution runs at, for windows of T frames."""
        return -(-T // 8)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, T, H, W) -> latent (B, 64, T / 8, H / 8, W / 8) of the padded window."""
        return self.encoder(pad_to_multiple(x, self.multiple))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        T, H, W = x.shape[2:]
        return self.head(self.decoder(self.encode(x)))[:, :, :T, :H, :W]
