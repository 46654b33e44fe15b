"""Models of time series: a trunk over time, and one linear head a task.

A window of a series comes as frames of one pixel, (B, C, T, 1, 1), its channels the variables. Every task begins as
the simplest answer there is (the mean, the last value, a straight line), and the trunk adds to it.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from models.masked import block_turns, random_blocks
from models.parts.planar import planar
from models.settings.series import TrunkConfig
from models.video_model import Batch, Form, PixelModel, Trained, in_full_precision

SMALLEST_SPREAD = 1e-3  # of stretched values: a variable that stands still in a window is not blown up to noise


class Trunk(nn.Module):
    """What a model of series has between embedding and head: (B, width, T) -> (B, width, T), the widths its own."""

    width: int  # of what it gives

    def depth(self, T: int) -> int:
        """Time steps that its kernels see of T samples."""
        return T

    def portable(self) -> "Trunk":
        """What of it runs outside of PyTorch, where no shape may depend on a value."""
        return planar(self)


class SeriesModel(PixelModel):
    """What the tasks share: reversible instance norm, an embedding of the values, the trunk.

    trunk: (B, width, T) -> (B, trunk.width, T), or None for a model that is linear in the values.
    mix: the variables of a sample are embedded together; otherwise each goes through the model alone, all with the
    same weights. norm: every variable of a window is worked on in units of its own mean and spread there, which are
    put back in the end (Kim et al. 2022, reversible instance normalisation, without its learned scale).
    """

    hints = 0  # further input channels for every variable
    gives_values = True

    def __init__(self, channels: int, width: int, trunk: Trunk | None, mix: bool, norm: bool):
        super().__init__()
        self.channels, self.mix, self.norm = channels, mix, norm
        self.variables = channels if mix else 1
        self.trunk = trunk
        if trunk is not None:
            self.embed = nn.Conv1d(self.variables * (1 + self.hints), width, 1)
            if self.gives_values:
                self.head = nn.Conv1d(trunk.width, self.variables, 1)
                nn.init.zeros_(self.head.weight)
                assert self.head.bias is not None
                nn.init.zeros_(self.head.bias)

    multiple = (1, 1, 1)

    def min_temporal_depth(self, T: int) -> int:
        """The trunk sees at most this many time steps; its convolutions pad what is shorter."""
        return T if self.trunk is None else self.trunk.depth(T)

    def check(self, size: tuple[int, int, int]) -> None:
        if tuple(size[1:]) != (1, 1):
            raise ValueError(
                f"this model works on time series, these frames have {size[1]}x{size[2]} pixels; choose another "
                "model.name, for pictures e.g. autoencoder or flow (docs/choosing.md), or make light curves of them "
                "with prep.light_curves"
            )

    def portable(self) -> nn.Module:
        if not self.gives_values:
            raise ValueError("it tells classes apart and scores no frame")
        whole = super().portable()
        if self.trunk is not None:
            whole.trunk = self.trunk.portable()
        return whole

    def features(self, values: torch.Tensor) -> torch.Tensor:
        """Values (B, C, T), or (B, 2 C, T) with hints -> features (B or B * C, trunk.width, T)."""
        B, _, T = values.shape
        if not self.mix:
            values = values.view(B, 1 + self.hints, self.channels, T).transpose(1, 2)
            values = values.reshape(B * self.channels, 1 + self.hints, T)
        assert self.trunk is not None  # a linear model works on the values themselves
        return self.trunk(self.embed(values))

    def answer(self, features: torch.Tensor) -> torch.Tensor:
        """Features (B or B * C, trunk.width, T) -> values (B, C, T)."""
        return self.head(features).reshape(-1, self.channels, features.shape[-1])

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, T, 1, 1) -> latent (B, D, T, 1, 1): the features of every time step. ValueError without a trunk."""
        if self.trunk is None:
            raise ValueError("a model that is linear in its values has no latents; use eval.score standardised")
        values, _, _ = self.normalise(x[..., 0, 0])
        hint = torch.zeros_like(values) if self.hints else values[:, :0]
        features = self.features(torch.cat([values, hint], 1))
        return features.reshape(len(x), -1, features.shape[-1], 1, 1)

    def normalise(
        self, values: torch.Tensor, visible: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Values (B, C, T) in units of their own mean and spread, which come with them: (B, C, 1) each.

        visible: (B, C, T) bool, which values count; None: all of them.
        """
        if not self.norm:
            return values, torch.zeros_like(values[..., :1]), torch.ones_like(values[..., :1])
        weight = torch.ones_like(values) if visible is None else visible.to(values.dtype)
        count = weight.sum(2, keepdim=True).clamp(min=1)
        mean = (values * weight).sum(2, keepdim=True) / count
        variance = ((values - mean).square() * weight).sum(2, keepdim=True) / count
        spread = (variance + SMALLEST_SPREAD**2).sqrt()
        return (values - mean) / spread, mean, spread


class Reconstruct(SeriesModel):
    """Anomaly detection: the window from itself. Where it is unlike what was trained on, that goes wrong."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values, mean, spread = self.normalise(x[..., 0, 0])
        return (self.answer(self.features(values)) * spread + mean)[..., None, None]


class Forecast(SeriesModel):
    """The last `horizon` samples of a window from those before them, which come back as they are.

    A linear map in time, shared by all variables and begun as persistence, and what the trunk adds to it.
    """

    def __init__(self, *shared, length: int, horizon: int):
        super().__init__(*shared)
        self.past, self.horizon = length - horizon, horizon
        if self.past < 1:
            raise ValueError(
                f"model.predict_frames {horizon} leaves nothing to forecast from in windows of {length} samples; "
                "choose fewer, or a longer prep.clip_length"
            )
        self.line = nn.Linear(self.past, horizon)
        nn.init.zeros_(self.line.weight)
        nn.init.zeros_(self.line.bias)
        if self.trunk is not None:
            self.ahead = nn.Linear(self.past, horizon)

    def answers(self, T: int) -> slice:
        return slice(T - self.horizon, T)

    def forecast(self, past: torch.Tensor) -> torch.Tensor:
        """Past (B, C, past) -> the samples that follow, (B, C, horizon)."""
        values, mean, spread = self.normalise(past)
        last = values[..., -1:]
        ahead = last + self.line(values - last)
        if self.trunk is not None:
            ahead = ahead + self.answer(self.ahead(self.features(values)))
        return ahead * spread + mean

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """As of any series, but what is to be forecast stands still: latents lie at the samples that they are of."""
        past = x[:, :, : self.past]
        return super().encode(torch.cat([past, past[:, :, -1:].expand(-1, -1, self.horizon, -1, -1)], 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        past = x[:, :, : self.past]
        return torch.cat([past, self.forecast(past[..., 0, 0])[..., None, None].to(past.dtype)], 2)


class Impute(SeriesModel):
    """Hidden values from the others: a straight line between the nearest visible ones, and what the trunk adds.

    Training hides random blocks of each variable and counts the loss there; otherwise every value is hidden exactly
    once, so that a series without gaps gets a residual too.
    fraction: of the blocks, hidden at a time. block: samples of one variable that are hidden together.
    """

    hints = 1

    def __init__(self, *shared, fraction: float, block: int):
        super().__init__(*shared)
        self.fraction, self.block = fraction, (block, 1, 1)

    def check(self, size: tuple[int, int, int]) -> None:
        super().check(size)
        if self.block[0] >= size[0]:
            raise ValueError(
                f"model.mask_block begins with {self.block[0]} samples, which leaves nothing to fill a variable from "
                f"in windows of {size[0]} samples; choose fewer, or a longer prep.clip_length"
            )

    def fill(self, values: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Values (B, C, T) with those that are `hidden`, bool of a shape that fits, filled from the others."""
        hidden = hidden.expand(values.shape)
        line = interpolate(values, hidden)
        known, _, spread = self.normalise(line, ~hidden)
        added = self.answer(self.features(torch.cat([known, hidden.to(known.dtype)], 1)))
        return torch.where(hidden, line + added * spread, values)

    def trained(self, x: torch.Tensor) -> Trained:
        values = x[..., 0, 0]
        grid = (values.shape[2], values.shape[1], 1)
        hidden = random_blocks(grid, self.block, self.fraction).to(x.device)[0, :, :, :, 0].transpose(1, 2)
        filled = self.fill(values, hidden)
        return Trained(filled[..., None, None], weight=hidden[..., None, None].float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = x[..., 0, 0]
        grid = (values.shape[2], values.shape[1], 1)
        folds = round(1 / self.fraction)
        turn = block_turns(grid, self.block, folds).to(x.device)[0, :, :, :, 0].transpose(1, 2)  # (1, C, T)
        filled = values
        for fold in range(folds):
            filled = torch.where(turn == fold, self.fill(values, turn == fold), filled)
        return filled[..., None, None]


class Logits(NamedTuple):
    """What a model that classifies windows returns: one number a class, (B, classes)."""

    logits: torch.Tensor


class Classify(SeriesModel):
    """The class of a window: mean and maximum of the features over time, then one linear layer."""

    gives_values = False

    def __init__(self, *shared, classes: int):
        super().__init__(*shared)
        if classes < 2:
            raise ValueError(
                f"model.task classify needs reels of at least two classes, found {classes}; set prep.classes"
            )
        parts = 1 if self.mix else self.channels
        assert self.trunk is not None  # no linear model classifies
        self.logits = nn.Linear(2 * parts * self.trunk.width, classes)

    def forward(self, x: torch.Tensor) -> Logits:
        values, _, _ = self.normalise(x[..., 0, 0])
        features = self.features(values)
        pooled = torch.cat([features.mean(2), features.amax(2)], 1)
        return Logits(self.logits(pooled.reshape(len(x), -1)))

    def loss(self, batch: Batch) -> torch.Tensor:
        """Cross-entropy with the classes."""
        logits = self(batch.x).logits
        with in_full_precision(logits):
            return F.cross_entropy(logits.float(), batch.labels)

    def example(self, x: torch.Tensor) -> None:
        """It gives nothing back."""


def of_task(settings: TrunkConfig, form: Form, width: int, trunk: Trunk) -> SeriesModel:
    """The model for the task that the settings name, on a trunk that is given `width` channels."""
    shared = (form.channels, width, trunk, settings.mix_variables, settings.instance_norm)
    if settings.task == "forecast":
        return Forecast(*shared, length=form.length, horizon=settings.predict_frames)
    if settings.task == "impute":
        return Impute(*shared, fraction=settings.mask_fraction, block=settings.mask_block[0])
    if settings.task == "classify":
        return Classify(*shared, classes=form.classes)
    return Reconstruct(*shared)


def interpolate(values: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    """Values (B, C, T) with the `hidden` ones on a line between their visible neighbours; the nearest at the ends.

    A variable of which nothing is visible becomes 0.
    """
    T = values.shape[-1]
    at = torch.arange(T, device=values.device).expand(values.shape)
    before = torch.where(hidden, -1, at).cummax(-1).values
    after = torch.where(hidden, T, at).flip(-1).cummin(-1).values.flip(-1)
    before, after = torch.where(before < 0, after, before), torch.where(after >= T, before, after)
    nothing = before >= T
    before, after = (torch.where(nothing, 0, v).clamp(0, T - 1) for v in (before, after))
    share = (at - before) / (after - before).clamp(min=1)
    left, right = values.gather(-1, before), values.gather(-1, after)
    line = left + share.to(values.dtype) * (right - left)
    return torch.where(nothing, 0, torch.where(hidden, line, values))
