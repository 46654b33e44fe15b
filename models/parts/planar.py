"""Factorised 3D convolutions written as 2D ones: the same sums, for what runs 2D convolutions faster.

A (1, k, k) convolution is one of every frame by itself; a (k, 1, 1) one is one of every pixel's course in time; one
whose stride is its kernel takes the frames of a step as further channels.
"""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from models.backbone3d import TimeConv3d


class FrameConv(nn.Module):
    """A convolution whose kernel in time is its stride: (B, C, T, H, W) -> (B, C', T / t, H', W')."""

    def __init__(self, conv: nn.Conv3d):
        super().__init__()
        self.t = conv.kernel_size[0]
        self.stride, self.padding = conv.stride[1:], conv.padding[1:]
        self.weight = nn.Parameter(conv.weight.transpose(1, 2).flatten(1, 2))  # (C', t C, h, w)
        self.bias = conv.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, C, T, H, W = x.shape
        steps = T // self.t
        frames = x[:, :, : steps * self.t].transpose(1, 2).reshape(-1, self.t * C, H, W)  # (B T / t, t C, H, W)
        found = F.conv2d(frames, self.weight, self.bias, self.stride, self.padding)
        return found.reshape(B, steps, *found.shape[1:]).transpose(1, 2)


class CourseConv(nn.Module):
    """A (k, 1, 1) convolution that keeps the length, over the courses of all pixels: the shape stays."""

    def __init__(self, conv: TimeConv3d):
        super().__init__()
        self.reach, self.dilation = conv.reach, conv.dilation[0]
        self.weight = nn.Parameter(conv.weight[..., 0])  # (C, C, k, 1)
        self.bias = conv.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        courses = F.pad(x.flatten(3), (0, 0, *self.reach))  # (B, C, T + reach, H W)
        return F.conv2d(courses, self.weight, self.bias, dilation=(self.dilation, 1)).reshape(x.shape)


def is_of_frames(conv: nn.Conv3d) -> bool:
    """Whether a convolution takes the frames of a step at a time, each once."""
    plain = conv.groups == 1 and conv.dilation == (1, 1, 1) and conv.padding_mode == "zeros"
    return plain and conv.kernel_size[0] == conv.stride[0] and conv.padding[0] == 0


def planar(net: nn.Module) -> nn.Module:
    """A copy of a net in which every such convolution is written as a 2D one; others stay as they are."""
    flat = copy.deepcopy(net)
    for module in list(flat.modules()):
        for name, child in module.named_children():
            if isinstance(child, TimeConv3d):
                setattr(module, name, CourseConv(child))
            elif isinstance(child, nn.Conv3d) and is_of_frames(child):
                setattr(module, name, FrameConv(child))
    return flat
