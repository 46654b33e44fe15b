"""The default model: a convolutional 3D autoencoder on the shared backbone, small enough for a CPU."""

from collections.abc import Sequence
from math import prod

import torch
from torch import nn

from models.backbone3d import Backbone3D, Block, ChannelNorm, Stage
from models.embed import PatchHead, VideoPatches, pad_to_multiple


class ConvAutoencoder3D(nn.Module):
    """Patches -> backbone -> 1x1x1 bottleneck -> mirrored stages -> patches, linear output.

    Input and output (B, C, T, H, W), any T, H, W: sizes that are no multiple of the strides are padded inside. The
    output is not squashed, because stretched values may exceed 1.
    """

    def __init__(
        self, channels: int, patch: tuple[int, int, int], stages: Sequence[Stage], latent_channels: int
    ) -> None:
        super().__init__()
        widths = [stages[0].width, *(stage.width for stage in stages)]
        self.strides = [tuple(patch), *(tuple(stage.stride) for stage in stages)]
        self.kernels = [stage.kernel[0] for stage in stages]
        self.embed = VideoPatches(channels, widths[0], tuple(patch))
        self.backbone = Backbone3D(widths[0], stages)
        self.bottleneck = nn.Sequential(ChannelNorm(widths[-1]), nn.Conv3d(widths[-1], latent_channels, 1))
        layers: list[nn.Module] = [nn.Conv3d(latent_channels, widths[-1], 1)]
        for stage, narrower in zip(reversed(stages), reversed(widths[:-1]), strict=True):
            layers += [Block(stage.width, tuple(stage.kernel), stage.dilation) for _ in range(stage.depth)]
            if tuple(stage.stride) != (1, 1, 1) or stage.width != narrower:
                # Nearest upsampling costs a fraction of a transposed convolution and leaves no checkerboard.
                layers += [nn.Conv3d(stage.width, narrower, 1), nn.Upsample(scale_factor=tuple(stage.stride))]
        self.decoder = nn.Sequential(*layers, ChannelNorm(widths[0]))
        self.head = PatchHead(widths[0], channels, tuple(patch))

    @property
    def multiple(self) -> tuple[int, int, int]:
        """Sizes (T, H, W) that need no padding are multiples of this."""
        return tuple(prod(stride[axis] for stride in self.strides) for axis in range(3))

    def min_temporal_depth(self, T: int) -> int:
        """The smallest temporal depth at which a kernel longer than one frame runs, for windows of T frames."""
        depth = -(-T // self.multiple[0]) * self.multiple[0] // self.strides[0][0]
        depths = []
        for stride, kernel in zip(self.strides[1:], self.kernels, strict=True):
            depth //= stride[0]
            depths += [depth] if kernel > 1 else []
        return min(depths, default=T)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, T, H, W) -> latent (B, latent_channels, T', H', W')."""
        return self.bottleneck(self.backbone(self.embed(pad_to_multiple(x, self.multiple))))

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """Latent -> (B, C, T, H, W) of the padded size."""
        return self.head(self.decoder(latent))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        T, H, W = x.shape[2:]
        return self.decode(self.encode(x))[:, :, :T, :H, :W]
