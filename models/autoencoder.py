"""The default model: a convolutional 3D autoencoder on the shared backbone, small enough for a CPU."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import prod
from typing import Any, ClassVar

import torch
from torch import nn

from config import ModelConfig
from models.backbone3d import Backbone3D, Block, Stage, blocks
from models.embed import PatchHead, VideoPatches, pad_to_multiple, temporal_background
from models.parts.folded import fold
from models.parts.narrowing import Group, Use, groups_of, width_left
from models.settings.pixel_net import GridConfig
from models.video_model import Form, PixelModel

PATCH = (1, 4, 4)
STAGES = (Stage(32), Stage(64, 1, (2, 2, 2)), Stage(96, 1, (4, 1, 1)))


def grid(settings: GridConfig, form: Form) -> tuple[int, tuple[int, int, int], Sequence[Any], int]:
    """What the autoencoder and every variant of it are built from."""
    return form.channels, settings.patch or PATCH, settings.stages or STAGES, settings.latent_channels


def upsampled_inside(layers: Sequence[nn.Module]) -> list[nn.Module]:
    """The layers with each upsampling before a block left to the block, which has less to compute then.

    The place of the upsampling stays, because parameters are known by the numbers of their layers.
    """
    found = list(layers)
    for i, (layer, block) in enumerate(pairwise(layers)):
        if isinstance(layer, nn.Upsample) and isinstance(block, Block):
            assert isinstance(layer.scale_factor, tuple)  # or it was given one factor, or a size
            block.repeating(*map(int, layer.scale_factor))
            found[i] = nn.Identity()
    return found


class ConvAutoencoder3D(PixelModel):
    """Deviation from the background -> patches -> backbone -> 1x1x1 bottleneck -> mirrored stages -> patches.

    The window's background, its median over time, is taken off the input and added to the output, so that all of the
    latent is left for what moves and changes. The path through the strides is linear; blocks add to it.

    Input and output (B, C, T, H, W), any T, H, W: sizes that are no multiple of the strides are padded inside. The
    output is not squashed, because stretched values may exceed 1.

    `hints` are further input channels, of a variant that tells the net more than the deviation.
    """

    Config: ClassVar[type[ModelConfig]] = GridConfig
    bottlenecks: ClassVar[tuple[str, ...]] = ("bottleneck",)  # what reads the last stage

    @classmethod
    def from_settings(cls, settings: GridConfig, form: Form) -> "ConvAutoencoder3D":
        return cls(*grid(settings, form))

    @classmethod
    def narrower(cls, settings: GridConfig, share: float) -> GridConfig:
        stages = settings.stages or STAGES
        return replace(settings, stages=tuple(replace(s, width=width_left(s.width, share)) for s in stages))

    def channel_groups(self) -> list[Group]:
        """Those of the stages' streams, encoder and decoder apart, and those inside of each block."""
        down, up = ([(name, self.get_submodule(name)) for name in chain] for chain in self.chains())
        encoder, last = groups_of(down)
        last += [Use(f"{name}.weight", 1) for name in self.bottlenecks]
        return [*encoder, last, *groups_of(up)[0]]

    def __init__(
        self, channels: int, patch: tuple[int, int, int], stages: Sequence[Stage], latent_channels: int, hints: int = 0
    ) -> None:
        super().__init__()
        widths = [stages[0].width, *(stage.width for stage in stages)]
        self.strides = [tuple(patch), *(tuple(stage.stride) for stage in stages)]
        self.kernels = [stage.kernel[0] for stage in stages]
        self.embed = VideoPatches(channels + hints, widths[0], patch)
        self.backbone = Backbone3D(widths[0], stages)
        self.bottleneck = nn.Conv3d(widths[-1], latent_channels, 1)
        layers: list[nn.Module] = [nn.Conv3d(latent_channels, widths[-1], 1)]
        for stage, narrower in zip(reversed(stages), reversed(widths[:-1]), strict=True):
            layers += blocks(stage)
            if tuple(stage.stride) != (1, 1, 1) or stage.width != narrower:
                # Nearest upsampling costs a fraction of a transposed convolution and leaves no checkerboard.
                layers += [nn.Conv3d(stage.width, narrower, 1), nn.Upsample(scale_factor=tuple(stage.stride))]
        self.decoder = nn.Sequential(*upsampled_inside(layers))
        self.head = PatchHead(widths[0], channels, patch)
        self._start_linear()

    def _start_linear(self) -> None:
        """Begin as the background alone, behind an orthogonal path on which no direction is lost or blown up."""
        in_blocks = {id(m) for block in self.modules() if isinstance(block, Block) for m in block.modules()}
        for module in self.modules():
            if isinstance(module, nn.Conv3d) and id(module) not in in_blocks:
                nn.init.orthogonal_(module.weight)
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        nn.init.zeros_(self.head.project.weight)

    @property
    def multiple(self) -> tuple[int, int, int]:
        """Sizes (T, H, W) that need no padding are multiples of this."""
        t, h, w = (prod(stride[axis] for stride in self.strides) for axis in range(3))
        return t, h, w

    def chains(self) -> tuple[list[str], list[str]]:
        """The names of modules that are given what the one before gives: to the last stage, and back to the pixels."""
        down = [f"backbone.layers.{n}" for n, _ in self.backbone.layers.named_children()]
        up = [f"decoder.{n}" for n, _ in self.decoder.named_children()]
        return ["embed.project", *down], [*up, "head.project"]

    def in_2d(self) -> nn.Module:
        down, up = self.chains()
        reading = self.bottlenecks if len(self.bottlenecks) == 1 else ()  # several read the last stage as it is
        return fold(super().in_2d(), [[*down, *reading], up])

    def min_temporal_depth(self, T: int) -> int:
        """The smallest temporal depth at which a kernel longer than one frame runs, for windows of T frames."""
        depth = -(-T // self.multiple[0]) * self.multiple[0] // self.strides[0][0]
        depths = []
        for stride, kernel in zip(self.strides[1:], self.kernels, strict=True):
            depth //= stride[0]
            depths += [depth] if kernel > 1 else []
        return min(depths, default=T)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, T, H, W) -> latent (B, latent_channels, T', H', W') of the deviation from the background."""
        return self.bottleneck(self.features(x - temporal_background(x)))

    def features(self, deviation: torch.Tensor) -> torch.Tensor:
        """Deviation (B, C + hints, T, H, W) -> what the bottleneck sees of it, (B, width of the last stage, ...)."""
        return self.backbone(self.embed(pad_to_multiple(deviation, self.multiple)))

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """Latent -> deviation (B, C, T, H, W) of the padded size."""
        return self.head(self.decoder(latent))

    def compose(self, base: torch.Tensor, latent: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        """The frame (B, C, 1, H, W) that deviations are added to, plus the decoded latent, cut to (..., T, H, W)."""
        T, H, W = shape[-3:]
        return base + self.decode(latent)[:, :, :T, :H, :W]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        background = temporal_background(x)  # (B, C, 1, H, W)
        return self.compose(background, self.bottleneck(self.features(x - background)), x.shape)
