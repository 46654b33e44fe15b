"""Weakly supervised segmentation in time: a dilated trunk, a score for every frame, and their pool for the window.

Trained with one label a window; says when in the window. Source: WETAS, Lee et al. 2021 (arXiv 2108.06816). The trunk
is a configuration of the shared backbone, so it runs on series and, behind strides in space, on video.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from math import prod
from typing import ClassVar, cast

import torch
from torch import nn

from config import ModelConfig
from models.backbone3d import Backbone3D, ChannelNorm, Stage
from models.losses.splicing import frame_loss, splice
from models.losses.weak import WEAK_LOSSES, Weak
from models.parts.planar import planar
from models.settings.labelled import WetasConfig
from models.video_model import Batch, Form, VideoModel, in_full_precision

DILATIONS = (1, 2, 4, 8, 16, 32, 64)
WIDTH, KERNEL = 64, (3, 1, 1)


class WeakModel(VideoModel):
    """A model that answers with `Weak` and learns from one label a window."""

    @abstractmethod
    def places(self, x: torch.Tensor) -> torch.Tensor:
        """Where in a frame its score comes from: logits (B, T, H', W') of the grid's places."""

    def loss(self, batch: Batch) -> torch.Tensor:
        """train.loss of the windows' labels; in training some windows are spliced before (train.weak.splice)."""
        x, _, labels = batch
        if not (self.training and self.learning.weak.splice):
            return self.window_loss(self(x), labels)
        spliced = splice(self, x, labels, self.learning.weak)
        output = self(spliced.x)
        with in_full_precision(x):
            return self.window_loss(output, spliced.labels) + frame_loss(output.dense, spliced)

    def portable(self) -> nn.Module:
        return AllLogits(planar(self))

    def window_loss(self, output: Weak, labels: torch.Tensor) -> torch.Tensor:
        """The loss of window labels (B,); of an ensemble's answers (members * B) the mean over its members."""
        loss, settings = WEAK_LOSSES[self.learning.loss], self.learning.weak
        of_members = zip(output.dense.split(len(labels)), output.window.split(len(labels)), strict=True)
        with in_full_precision(labels):
            return torch.stack([loss(Weak(*member), labels, settings) for member in of_members]).mean()


class AllLogits(nn.Module):
    """What a net says of windows (B,), of their frames (B, T), and of the places of these (B, T, H', W')."""

    def __init__(self, net: WeakModel):
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        output = self.net(x)
        return output.window, output.dense, self.net.places(x)


class Wetas(WeakModel):
    """(B, C, T, H, W) -> `Weak`.

    pooling: how the scores of places become that of their frame, and those of frames that of the window: mean, max, top
    (mean of the highest `top_fraction`), or attention (mean over places; the weights of frames are learned).
    """

    Config: ClassVar[type[ModelConfig]] = WetasConfig

    @classmethod
    def from_settings(cls, settings: WetasConfig, form: Form) -> WeakModel:
        """One net, or an ensemble of `members`."""
        stages = settings.stages or default_stages()
        members = [cls(form.channels, stages, settings.pooling, settings.top_fraction) for _ in range(settings.members)]
        return members[0] if len(members) == 1 else WetasEnsemble(members)

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


class WetasEnsemble(WeakModel):
    """Several nets that begin differently and answer with the mean of their logits; each learns by itself.

    In training mode the answers of all members come one after another as a batch of members * B.
    """

    @classmethod
    def from_settings(cls, settings: WetasConfig, form: Form) -> WeakModel:
        return Wetas.from_settings(settings, form)

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
    """The mean of tensors of one shape."""
    return torch.stack(list(parts)).mean(0)


POOLING: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "mean": lambda scores, _: scores.mean(-1),
    "max": lambda scores, _: scores.amax(-1),
    "top": lambda scores, fraction: scores.topk(max(1, round(fraction * scores.shape[-1])), -1).values.mean(-1),
}


def default_stages() -> tuple[Stage, ...]:
    """Gated blocks that see 127 frames back and 127 ahead."""
    return tuple(Stage(WIDTH, dilation=d, kernel=KERNEL, activation="gated") for d in DILATIONS)
