"""What every model of windows has in common, and what one may tell a training beside its reconstruction."""

from typing import NamedTuple

import torch
from torch import nn


class Trained(NamedTuple):
    """What a model may return in training mode instead of a bare reconstruction (B, C, T, H, W).

    penalty: scalar added to the loss, a mean over the batch's windows like the loss itself. weight: where the loss
    counts, broadcastable to (B, 1, T, H, W); None: everywhere.

    What is random in it is drawn once for the whole batch, from torch's default CPU generator, which the training
    seeds for every step: so a step does not depend on how its batch is split over processes, or on the device.
    """

    reconstruction: torch.Tensor
    penalty: torch.Tensor | float = 0.0
    weight: torch.Tensor | None = None


class Logits(NamedTuple):
    """What a model that classifies windows returns: one number a class, (B, classes)."""

    logits: torch.Tensor


class VideoModel(nn.Module):
    """A model of windows of frames.

    forward(x (B, C, T, H, W)) -> reconstruction of the same shape; in training mode that or a `Trained`. A model that
    classifies returns `Logits`.
    encode(x) -> latent (B, D, T', H', W') of the window.
    multiple: sizes (T, H, W) that need no padding are multiples of this.
    min_temporal_depth(T) -> the smallest depth at which a kernel longer than one frame runs, for windows of T frames.
    marks_unknown: values that were not measured reach it as NaN; others get them interpolated, or 0.
    """

    marks_unknown = False

    def check(self, size: tuple[int, int, int]) -> None:
        """Raise ValueError, which names the setting to change, for windows (T, H, W) the model can't work on."""

    def answers(self, T: int) -> slice:
        """The frames, of a window of T, whose output is the model's own; it gives the others back as they came."""
        return slice(0, T)
