"""Weakly supervised segmentation in time: a dilated trunk, a score for every frame, and their pool for the window.

Trained with one label a window; says when in the window. Source: WETAS, Lee et al. 2021 (arXiv 2108.06816). The trunk
is a configuration of the shared backbone, so it runs on series and, behind strides in space, on video.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple, cast

import torch
from torch import nn

from models.backbone3d import Backbone3D, ChannelNorm, Stage
from models.parts.alignment import best_alignment
from models.video_model import VideoModel

DILATIONS = (1, 2, 4, 8, 16, 32, 64)
WIDTH, KERNEL = 64, (3, 1, 1)


class Weak(NamedTuple):
    """What a model with weak labels returns, as logits: of every frame (B, T), and of the window (B,)."""

    dense: torch.Tensor
    window: torch.Tensor


class Wetas(VideoModel):
    """(B, C, T, H, W) -> `Weak`.

    pooling: how the scores of places become that of their frame, and those of frames that of the window: mean, max, top
    (mean of the highest `top_fraction`), or attention (mean over places; the weights of frames are learned).
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
        places = self.head(features)[:, 0].flatten(2).float()  # (B, T, H' W')
        dense = places.mean(2) if self.attention is not None else self.over(places)
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
        return self.over(dense)

    def over(self, scores: torch.Tensor) -> torch.Tensor:
        """Scores (..., N) -> (...)."""
        return POOLING[self.pooling](scores, self.top_fraction)


class WetasEnsemble(VideoModel):
    """Several nets that begin differently and answer with the mean of their logits; each learns by itself.

    In training mode the answers of all members come one after another as a batch of members * B.
    """

    def __init__(self, members: Sequence[Wetas]):
        super().__init__()
        self.members = cast(Sequence[Wetas], nn.ModuleList(members))  # torch only knows that they are modules
        self.multiple = members[0].multiple

    def min_temporal_depth(self, T: int) -> int:
        return self.members[0].min_temporal_depth(T)

    def forward(self, x: torch.Tensor) -> Weak:
        found = [member(x) for member in self.members]
        joined = torch.cat if self.training else mean
        return Weak(*(joined(parts) for parts in zip(*found, strict=True)))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, T, H, W) -> the features (B, members * D, T, H', W') of all members."""
        return torch.cat([member.encode(x) for member in self.members], 1)

    def places(self, x: torch.Tensor) -> torch.Tensor:
        """As of one net, the mean over the members."""
        return mean([member.places(x) for member in self.members])


def mean(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.stack(list(parts)).mean(0)


POOLING: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "mean": lambda scores, _: scores.mean(-1),
    "max": lambda scores, _: scores.amax(-1),
    "top": lambda scores, fraction: scores.topk(max(1, round(fraction * scores.shape[-1])), -1).values.mean(-1),
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
