"""Factorised 3D convolutions written as 2D ones: the same sums, for what runs 2D convolutions faster.

A (1, k, k) convolution is one of every frame by itself; a (k, 1, 1) one is one of every pixel's course in time; one
whose stride is its kernel takes the frames of a step as further channels. All of them keep the channels last in memory,
so that from one to the next nothing is copied. Their weights stay those of the 3D convolution, seen in another shape:
what is trained in one writing is saved, read and trained on in the other.
"""

import copy
from abc import ABC, abstractmethod
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import nn

from models.backbone3d import TimeConv3d

Net = TypeVar("Net", bound=nn.Module)
FEW_CHANNELS = 8  # pixels have fewer, and what a layer gives has more


class Planar(nn.Module, ABC):
    """A 3D convolution written as a 2D one, with its very parameters: `weight` (C', C, t, h, w) and `bias`."""

    def __init__(self, conv: nn.Conv3d):
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias

    @abstractmethod
    def flat(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight (C', C, t, h, w) as the 2D one takes it; a view where channels are last in memory."""

    @property
    def kernel(self) -> torch.Tensor:
        return self.flat(self.weight) if self.weight.ndim == 5 else self.weight

    def settle(self) -> None:
        """Keep the 2D weight alone, for what is trained no more: a bundle holds weights as they are computed with."""
        self.weight = nn.Parameter(self.kernel.detach())


class FrameConv(Planar):
    """A convolution whose kernel in time is its stride: (B, C, T, H, W) -> (B, C', T / t, H', W')."""

    def __init__(self, conv: nn.Conv3d):
        super().__init__(conv)
        self.t = conv.kernel_size[0]
        self.stride, self.padding = conv.stride[1:], conv.padding[1:]

    def flat(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.transpose(1, 2).flatten(1, 2)  # (C', t C, h, w)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, C, T, H, W = x.shape
        steps, frames = T // self.t, channels_last(x)
        if self.t > 1:
            frames = frames[:, : steps * self.t].reshape(B, steps, self.t, H, W, C).permute(0, 1, 3, 4, 2, 5)
        frames = frames.reshape(-1, H, W, self.t * C).permute(0, 3, 1, 2)  # (B T / t, t C, H, W)
        found = F.conv2d(frames, self.kernel, self.bias, self.stride, self.padding).permute(0, 2, 3, 1)
        return channels_second(found.reshape(B, steps, *found.shape[1:]))


class PatchConv(Planar):
    """Patches (1, h, w) of pixels, as a convolution of every frame: (B, C, T, H, W) -> (B, C', T, H / h, W / w).

    Of few channels this is faster than a product, for which the pixels of a patch are put side by side.
    """

    def __init__(self, conv: nn.Conv3d):
        super().__init__(conv)
        self.stride = conv.stride[1:]

    def flat(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.squeeze(2)  # (C', C, h, w)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, T = x.shape[0], x.shape[2]
        found = F.conv2d(x.transpose(1, 2).flatten(0, 1), self.kernel, self.bias, self.stride)
        found = found.permute(0, 2, 3, 1).contiguous()  # of one channel PyTorch can't tell where it stands
        return channels_second(found.reshape(B, T, *found.shape[1:]))


class PatchProduct(Planar):
    """A convolution whose kernel is its stride, as a product: (B, C, T, H, W) -> (B, C', T / t, H / h, W / w)."""

    def __init__(self, conv: nn.Conv3d):
        super().__init__(conv)
        self.patch = conv.kernel_size

    def flat(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.permute(0, 2, 3, 4, 1).flatten(1)  # (C', t h w C)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        t, h, w = self.patch
        B, C, T, H, W = x.shape
        T, H, W = T // t, H // h, W // w
        rows = channels_last(x)
        if self.patch != (1, 1, 1):
            patches = rows[:, : T * t, : H * h, : W * w].reshape(B, T, t, H, h, W, w, C)
            rows = patches.permute(0, 1, 3, 5, 2, 4, 6, 7)
        rows = rows.reshape(-1, t * h * w * C)
        return channels_second(F.linear(rows, self.kernel, self.bias).reshape(B, T, H, W, -1))


class CourseConv(Planar):
    """A (k, 1, 1) convolution that keeps the length, over the courses of all pixels: the shape stays."""

    def __init__(self, conv: TimeConv3d):
        super().__init__(conv)
        self.reach, self.dilation = conv.reach, conv.dilation[0]

    def flat(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.squeeze(4)  # (C, C, k, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, C, T, H, W = x.shape
        courses, (before, after) = channels_last(x).reshape(B, T, H * W, C).permute(0, 3, 1, 2), self.reach
        padding = min(self.reach)  # a causal one reaches back alone
        courses = F.pad(courses, (0, 0, before - padding, after - padding)) if before != after else courses
        found = F.conv2d(courses, self.kernel, self.bias, padding=(padding, 0), dilation=(self.dilation, 1))
        return channels_second(found.permute(0, 2, 3, 1).reshape(B, T, H, W, -1))


class Repeat(nn.Module):
    """Nearest upsampling by whole factors (t, h, w)."""

    def __init__(self, upsample: nn.Upsample):
        super().__init__()
        self.factors = factors_of(upsample)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, C, T, H, W = x.shape
        t, h, w = self.factors
        each = channels_last(x).reshape(B, T, 1, H, 1, W, 1, C).expand(B, T, t, H, h, W, w, C)
        return channels_second(each.reshape(B, T * t, H * h, W * w, C))


def channels_last(x: torch.Tensor) -> torch.Tensor:
    """(B, C, T, H, W) -> (B, T, H, W, C)."""
    return x.permute(0, 2, 3, 4, 1)


def channels_second(x: torch.Tensor) -> torch.Tensor:
    """(B, T, H, W, C) -> (B, C, T, H, W)."""
    return x.permute(0, 4, 1, 2, 3)


def is_of_frames(conv: nn.Conv3d) -> bool:
    """Whether a convolution takes the frames of a step at a time, each once."""
    plain = conv.groups == 1 and conv.dilation == (1, 1, 1) and conv.padding_mode == "zeros"
    return plain and conv.kernel_size[0] == conv.stride[0] and conv.padding[0] == 0


def is_of_patches(conv: nn.Conv3d) -> bool:
    """Whether a convolution of frames takes each pixel once."""
    return conv.kernel_size == conv.stride and conv.padding == (0, 0, 0)


def way_of(conv: nn.Conv3d) -> type[Planar]:
    """How a convolution of frames is written in 2D."""
    if not is_of_patches(conv):
        return FrameConv
    return PatchConv if conv.kernel_size[0] == 1 and conv.in_channels < FEW_CHANNELS else PatchProduct


def factors_of(upsample: nn.Upsample) -> list[int]:
    """The factors by which a module repeats values along (T, H, W); empty where it does something else."""
    factors = upsample.scale_factor
    if upsample.mode != "nearest" or not isinstance(factors, tuple) or any(f != int(f) for f in factors):
        return []
    return [int(f) for f in factors]


def planar(net: Net) -> Net:
    """A copy of a net in which every such convolution is written as a 2D one, to compute with; others stay."""
    flat = write_planar(copy.deepcopy(net))
    for module in flat.modules():
        if isinstance(module, Planar):
            module.settle()
    return flat


def write_planar(net: Net) -> Net:
    """Write such convolutions of a net itself as 2D ones, to train it; its parameters and their names stay."""
    for module in list(net.modules()):
        for name, child in module.named_children():
            if isinstance(child, TimeConv3d):
                setattr(module, name, CourseConv(child))
            elif isinstance(child, nn.Conv3d) and is_of_frames(child):
                setattr(module, name, way_of(child)(child))
            elif isinstance(child, nn.Upsample) and factors_of(child):
                setattr(module, name, Repeat(child))
    return net
