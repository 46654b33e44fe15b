"""What every model of windows has in common: how it is built from its settings, and the loss it learns by."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from config import ModelConfig, NetConfig, TrainConfig
from models.losses.reconstruction import LOSSES, loss_name
from models.parts.narrowing import Group
from models.parts.planar import planar
from models.settings.pixel_net import PixelNetConfig


class Form(NamedTuple):
    """What a model must fit: channels (or variables) of a frame, frames of a window, classes of windows."""

    channels: int
    length: int = 0
    classes: int = 0


class Batch(NamedTuple):
    """Windows to learn from: frames x (B, C, T, H, W), valid pixels (B, 1 or C, T, H, W), and labels.

    labels: as the model's settings ask for (`learns_from`): indices of classes (B,), -1 unknown; labels of windows
    (B,), of samples (B, T), or of samples and their clean twins (B, T, 1 + C).
    """

    x: Tensor
    valid: Tensor
    labels: Tensor


class VideoModel(nn.Module, ABC):
    """A model of windows of frames. It owns its settings (`Config`), and the loss that it learns by.

    forward(x (B, C, T, H, W)) -> what it answers: a reconstruction of the same shape, or an output of its own.
    encode(x) -> latent (B, D, T', H', W') of the window.
    multiple: sizes (T, H, W) that need no padding are multiples of this.
    min_temporal_depth(T) -> the smallest depth at which a kernel longer than one frame runs, for windows of T frames.
    marks_unknown: values that were not measured reach it as NaN; others get them interpolated, or 0.
    learning: the settings of the training, for its loss.

    What is random in a loss is drawn once for the whole batch, from torch's default CPU generator, which the training
    seeds for every step: so a step does not depend on how its batch is split over processes, or on the device.
    """

    Config: ClassVar[type[ModelConfig]] = NetConfig
    marks_unknown = False
    multiple: Any = (1, 1, 1)
    learning = TrainConfig()

    @classmethod
    def from_settings(cls, settings: Any, form: Form) -> "VideoModel":
        """The model that its settings, an object of `Config`, ask for. Raises ValueError for what can't be built."""
        return cls(form.channels)

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """What training makes small, a scalar: a mean over the windows of the batch.

        In training mode with the noise and the penalties that are part of learning; in eval mode, for validation,
        without. Where the training runs in a shorter precision, this does too: see `in_full_precision`.
        """

    def example(self, x: Tensor) -> tuple[Tensor, Tensor] | None:
        """Of windows (B, C, T, H, W) the first and its reconstruction, (C, T, H, W) both; None where there is none."""
        return None

    def min_temporal_depth(self, T: int) -> int:
        """As above. A model without such kernels, or that keeps the length, need not say more."""
        return T

    def check(self, size: tuple[int, int, int]) -> None:
        """Raise ValueError, which names the setting to change, for windows (T, H, W) the model can't work on."""

    def in_2d(self) -> nn.Module:
        """A copy that only computes, by 2D convolutions: the same sums, in less time on a CPU in single precision."""
        return planar(self)

    def portable(self) -> nn.Module:
        """What of it runs outside of PyTorch: windows (B, C, T, H, W) -> their reconstruction, of the same shape.

        Raises ValueError, which says why, for a model that can't.
        """
        raise ValueError("it gives no windows back, and only what does so is exported")

    @classmethod
    def narrower(cls, settings: Any, share: float) -> Any:
        """Settings of such a net without this share of its channels. Raises ValueError for one that can't be so."""
        raise ValueError("it has no trunk whose channels can be pruned; the autoencoder and its variants have one")

    def channel_groups(self) -> list[Group]:
        """The channels that `narrower` leaves fewer of, by their uses."""
        return []

    def answers(self, T: int) -> slice:
        """The frames, of a window of T, whose output is the model's own; it gives the others back as they came."""
        return slice(0, T)


class Trained(NamedTuple):
    """What a model that gives windows back learns from: its reconstruction (B, C, T, H, W), and what goes with it.

    penalty: scalar added to the loss, a mean over the batch's windows like the loss itself. weight: where the loss
    counts, broadcastable to (B, 1, T, H, W); None: everywhere.
    """

    reconstruction: Tensor
    penalty: Tensor | float = 0.0
    weight: Tensor | None = None


class PixelModel(VideoModel):
    """A model whose forward gives the window back: it learns by how far that is from the window (train.loss)."""

    Config: ClassVar[type[ModelConfig]] = PixelNetConfig

    def trained(self, x: Tensor) -> Trained:
        """The answer to windows (B, C, T, H, W) that training learns from; that of `forward` where it is the same."""
        return Trained(self(x))

    def loss(self, batch: Batch) -> Tensor:
        """train.loss over the frames that the model answers for, and in training its penalty."""
        x, valid, _ = batch
        reconstruction, penalty, weight = self.trained(x) if self.training else Trained(self(x))
        if weight is not None:
            valid = valid * weight
        frames = self.answers(x.shape[2])
        measure = LOSSES[loss_name(self.learning.loss, x.shape[3:])]
        with in_full_precision(x):
            return measure(*(v[:, :, frames] for v in (reconstruction, x, valid))) + penalty

    def portable(self) -> nn.Module:
        return self.in_2d()

    def example(self, x: Tensor) -> tuple[Tensor, Tensor] | None:
        return x[0], self(x)[0]


def in_full_precision(x: Tensor) -> AbstractContextManager:
    """Single precision for what is inside, also where a training lets the net run in a shorter one."""
    return torch.autocast(x.device.type, enabled=False)
