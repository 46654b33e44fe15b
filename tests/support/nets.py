"""What the tests of several nets need."""

import torch
from torch import nn

from tests.support.reels import drifting_blobs

CHANNELS_LAST = torch.channels_last_3d
HAS_BF16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()


def with_open_head(model: nn.Module) -> nn.Module:
    """The model as it is after a first step: head and blocks begin at zero, which would hide most mistakes."""
    for parameter in model.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return model


def blob_windows(n: int, T: int = 16, side: int = 24, noise: float = 0.01) -> torch.Tensor:
    """n windows (n, 1, T, side, side) of one long sequence."""
    frames = drifting_blobs(n * T, side, side, speed=1.0, noise=noise)
    return torch.from_numpy(frames).view(n, T, 1, side, side).transpose(1, 2).contiguous(memory_format=CHANNELS_LAST)
