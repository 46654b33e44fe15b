"""Weakly supervised segmentation in time: a dilated trunk, a score for every frame, and their pool for the window.

Trained with one label a window; says when in the window. Source: WETAS, Lee et al. 2021 (arXiv 2108.06816). The trunk
is a configuration of the shared backbone, so it runs on series and, behind strides in space, on video.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple

import torch
from torch import nn

from models.alignment import best_alignment
from models.backbone3d import Backbone3D, ChannelNorm, Stage
from models.video_model import VideoModel

DILATIONS = (1, 2, 4, 8, 16, 32, 64)
WIDTH, KERNEL = 64, (3, 1, 1)


class Weak(NamedTuple):
    """What a model with weak labels returns, as logits: of every frame (B, T), and of the window (B,)."""

    dense: torch.Tensor
    window: torch.Tensor


class Wetas(VideoModel):
    """(B, C, T, H, W) -> `Weak`. The head is linear, so the score of a frame is the mean of those of its places.

    pooling: how the scores of frames become that of the window: mean, max, top (mean of the highest `top_fraction`), or
    attention (weights of frames are learned).
    """

    def __init__(self, channels: int, stages: Sequence[Stage], pooling: str, top_fraction: float):
        super().__init__()
        if any(stage.stride[0] != 1 for stage in stages):
            raise ValueError("model.stages has strides in time; wetas scores every frame: use strides in space only")
        self.multiple = tuple(prod(stage.stride[axis] for stage in stages) for axis in range(3))
        self.backbone = Backbone3D(channels, stages)
        self.norm = ChannelNorm(stages[-1].width)
        self.head = nn.Conv3d(stages[-1].width, 1, 1)
        self.attention = nn.Conv1d(stages[-1].width, 1, 1) if pooling == "attention" else None
        self.pooling, self.top_fraction = pooling, top_fraction

    def min_temporal_depth(self, T: int) -> int:
        """No stage shortens a window."""
        return T

    def forward(self, x: torch.Tensor) -> Weak:
        features = self.encode(x)
        dense = self.head(features).mean((1, 3, 4)).float()  # (B, T)
        return Weak(dense, self.pooled(dense, features))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, T, H, W) -> the features (B, D, T, H', W') of every frame."""
        return self.norm(self.backbone(x))

    def places(self, x: torch.Tensor) -> torch.Tensor:
        """Where in a frame its score comes from: logits (B, T, H', W') of the grid's places."""
        return self.head(self.encode(x))[:, 0]

    def pooled(self, dense: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Scores (B, T) -> (B,)."""
        if self.attention is not None:
            weight = self.attention(features.mean((3, 4)))[:, 0].float().softmax(1)
            return (weight * dense).sum(1)
        return POOLING[self.pooling](dense, self.top_fraction)


POOLING: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "mean": lambda dense, _: dense.mean(1),
    "max": lambda dense, _: dense.amax(1),
    "top": lambda dense, fraction: dense.topk(max(1, round(fraction * dense.shape[1])), 1).values.mean(1),
}


def default_stages() -> tuple[Stage, ...]:
    """Gated blocks that see 127 frames back and 127 ahead."""
    return tuple(Stage(WIDTH, dilation=d, kernel=KERNEL, activation="gated") for d in DILATIONS)


@torch.no_grad()
def pseudo_labels(
    dense: torch.Tensor, is_positive: torch.Tensor, segments: int, level: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The sequence of labels that a window's own scores suggest: places (B, S) in 0, 1, and how many count (B,).

    Each window is cut into `segments` equal parts; a part is anomalous where its highest score, scaled to 0..1 over the
    window, reaches `level`. Runs of equal parts are one label, and a sequence begins and ends with 0, so labels
    alternate: 0, 1, 0 or 0, 1, 0, 1, 0, up to (segments + 1) // 2 anomalies. A window that is not positive has one 0.
    """
    B, T = dense.shape
    low, high = dense.aminmax(dim=1, keepdim=True)
    scaled = (dense - low) / (high - low).clamp(min=1e-6)
    part = torch.arange(T, device=dense.device) * segments // T
    highest = torch.zeros(B, segments, device=dense.device).scatter_reduce(
        1, part.expand(B, T), scaled, "amax", include_self=False
    )
    is_odd = (highest >= level) & is_positive[:, None]
    begins = is_odd & ~torch.nn.functional.pad(is_odd, (1, 0))[:, :-1]
    lengths = 2 * begins.sum(1) + 1
    labels = (torch.arange(2 * ((segments + 1) // 2) + 1, device=dense.device) % 2).expand(B, -1)
    return labels, lengths


def label_costs(dense: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """What each label of a sequence (B, S) costs at each step: cross-entropy with the scores (B, T) -> (B, S, T)."""
    sign = 1 - 2 * labels[:, :, None].to(dense.dtype)
    return nn.functional.softplus(sign * dense[:, None])


def segmented(dense: torch.Tensor, is_positive: torch.Tensor, segments: int, level: float) -> torch.Tensor:
    """Which time steps (B, T) are anomalous: the cheapest alignment with each window's own pseudo-labels, bool."""
    labels, lengths = pseudo_labels(dense, is_positive, segments, level)
    path = best_alignment(label_costs(dense.detach(), labels), lengths)
    return labels.gather(1, path) == 1
