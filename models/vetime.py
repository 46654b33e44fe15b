"""VETime: point scores of a series from two views of it, the series itself and its image folded by the period.

Trained once, on synthetic series with labels, and then used as it is. Source: VETime, Yang et al. 2026 (arXiv
2602.16681). Both branches are configurations of the shared backbone; every channel goes through the same weights.
"""

from typing import ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import nn

from config import DataKind, ModelConfig, NetConfig, TrainConfig
from models.backbone3d import Backbone3D, Stage
from models.losses.detection import Detected, detection_loss, own_targets
from models.parts.folding import fold, periods_of, rescaled, robust_scale, strip_of, unfold
from models.parts.fusion import DETECTION, RECONSTRUCTION, TASKS, Fusion
from models.series.series_model import interpolate
from models.video_model import Batch, Form, VideoModel, in_full_precision

TOKEN = 4  # samples
DILATIONS = (1, 2, 4, 8, 16, 32, 64)  # tokens: together they see 508 samples either way
CYCLE_DILATIONS = (1, 2, 4)
PHASE_KERNEL = 5
CONTRAST_WIDTH = 32
ABSENT = -20.0  # the logit of a channel that is not there
BRANCHES = ("both", "temporal", "visual")
RARE_LOGIT = -3.0  # where training starts: about 5 % of the samples are anomalous


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class VeTimeConfig(NetConfig):
    branches: Literal["both", "temporal", "visual"] = "both"
    router: bool = True
    context: Literal["whole", "past"] = "whole"

    uses: ClassVar[tuple[str, ...]] = (*NetConfig.uses, "synthetic", "init", "contrast_weight", "balance_weight")
    comes_trained: ClassVar[bool] = True

    def learns_from(self, train: TrainConfig) -> DataKind:
        """Synthetic series; weights that know these already go on with the user's."""
        return "sample_labels" if train.init else "synthetic"


class Rows(NamedTuple):
    """The channels that are there: scaled signals without gaps and what of them is known, (n, L); periods (n,) in
    samples; center and spread (n, 1); and of which series of the batch, and channel of it, each is, (n,).
    """

    signal: torch.Tensor
    known: torch.Tensor
    periods: torch.Tensor
    center: torch.Tensor
    spread: torch.Tensor
    series: torch.Tensor
    channel: torch.Tensor


class Tokens(NamedTuple):
    """What becomes of rows: what each task sees (n, N, tasks, D); the rest as in `Detected`, (n, N, ...)."""

    mixes: torch.Tensor
    temporal: torch.Tensor | None = None
    visual: torch.Tensor | None = None
    routes: torch.Tensor | None = None


class VeTime(VideoModel):
    """Windows (B, C, L, 1, 1) of any number of channels, NaN where a sample is unknown -> `Detected`.

    branches: both, temporal or visual. router: mix features for each task, or give both tasks the joint ones.
    context: only the first samples of a window decide scaling and period, so that neither knows the future; None: all.
    A channel of which the context knows nothing is absent.
    """

    Config: ClassVar[type[ModelConfig]] = VeTimeConfig
    multiple = (TOKEN, 1, 1)
    marks_unknown = True

    @classmethod
    def from_settings(cls, settings: VeTimeConfig, form: Form) -> "VeTime":
        context = form.length // 2 if settings.context == "past" else None
        return cls(branches=settings.branches, router=settings.router, context=context)

    def __init__(self, width: int = 64, branches: str = "both", router: bool = True, context: int | None = None):
        super().__init__()
        if branches not in BRANCHES:
            raise ValueError(f"model.branches {branches!r} is unknown; known are {', '.join(BRANCHES)}")
        if width % TOKEN:
            raise ValueError(f"width {width}: must be a multiple of {TOKEN}, one part for each sample of a token")
        self.context = context
        self.temporal = Backbone3D(2, temporal_stages(width)) if branches != "visual" else None
        self.visual = Backbone3D(4, visual_stages(width)) if branches != "temporal" else None
        self.columns = nn.Conv3d(width, width, 1) if self.visual else None
        self.fusion = Fusion(width, router) if branches == "both" else None
        self.project = nn.ModuleList(nn.Linear(width, CONTRAST_WIDTH) for _ in range(2)) if self.fusion else None
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.channels = nn.Linear(width, width)
        self.reconstruct = head(width, width)
        self.detect = head(width + 2 * TOKEN, width)
        nn.init.constant_(self.detect[-1].get_parameter("bias"), RARE_LOGIT)

    def check(self, size: tuple[int, int, int]) -> None:
        if tuple(size[1:]) != (1, 1):
            raise ValueError(
                f"vetime works on time series, these frames have {size[1]}x{size[2]} pixels; choose another "
                "model.name, for pictures e.g. autoencoder or flow (docs/choosing.md), or make light curves of them "
                "with prep.light_curves"
            )
        if size[0] % TOKEN:
            raise ValueError(
                f"vetime works on tokens of {TOKEN} samples; choose a multiple of {TOKEN} for prep.clip_length, "
                f"not {size[0]}"
            )

    def min_temporal_depth(self, T: int) -> int:
        """The tokens of the temporal branch, or the cycles of the visual one, which are at least three."""
        return T // TOKEN if self.visual is None else min(3, T // TOKEN)

    def forward(self, x: torch.Tensor) -> Detected:
        rows, known = self.rows(x)
        tokens = self.tokens(rows)
        reconstruction, logits = self.answers(rows, tokens, len(x))

        def back(of_rows: torch.Tensor, fill: float = 0.0) -> torch.Tensor:
            """(n, ...) -> (B, C, ...), `fill` where a channel is absent."""
            full = of_rows.new_full((*known.shape[:2], *of_rows.shape[1:]), fill)
            return full.index_put((rows.series, rows.channel), of_rows)

        channel_logits = back(logits, ABSENT)
        views = tokens.temporal, tokens.visual, tokens.routes
        temporal, visual, routes = (v if v is None else back(v) for v in views)
        return Detected(
            channel_logits.amax(1), channel_logits, back(reconstruction), back(rows.signal), known, back(rows.center),
            back(rows.spread, 1.0), temporal, visual, routes,
        )  # fmt: skip

    def loss(self, batch: Batch) -> torch.Tensor:
        """`detection_loss` with the labels of synthetic series, or those that real ones have."""
        x, _, labels = batch
        output = self(x)
        with in_full_precision(x):
            targets = labels if labels.ndim == 3 else own_targets(x, labels)
            return detection_loss(output, targets, self.learning.contrast_weight, self.learning.balance_weight)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, L, 1, 1) -> what detection sees, the mean over the present channels: (B, D, L / 4, 1, 1)."""
        rows, _ = self.rows(x)
        seen = series_mean(self.tokens(rows).mixes[:, :, DETECTION], rows.series, len(x))  # (B, N, D)
        return seen.transpose(1, 2)[..., None, None]

    def rows(self, x: torch.Tensor) -> tuple[Rows, torch.Tensor]:
        """The present channels of windows (B, C, L, 1, 1), and which samples of them are known, (B, C, L)."""
        values = x[..., 0, 0].float()
        known = values.isfinite()
        present = known[..., : self.context].any(2)  # (B, C)
        values, of_rows = values[present], known[present]
        center, spread = robust_scale(values, self.context)
        signal = rescaled(torch.where(of_rows, values, center), center, spread)
        periods = periods_of(signal, of_rows, self.context)
        series, channel = present.nonzero(as_tuple=True)
        rows = Rows(interpolate(signal, ~of_rows), of_rows, periods, center, spread, series, channel)
        return rows, known & present[..., None]

    def tokens(self, rows: Rows) -> Tokens:
        """The views of rows, and their mixes."""
        temporal = None if self.temporal is None else self.over_time(rows)
        visual = None if self.visual is None else self.over_phase(rows)
        if self.fusion is None:
            only = temporal if visual is None else visual
            return Tokens(self.norm(only)[:, :, None].expand(-1, -1, len(TASKS), -1))
        assert self.project is not None  # it comes with the fusion
        mixes, routes = self.fusion(temporal, visual, rows.known.unflatten(1, (-1, TOKEN)).any(2))
        return Tokens(self.norm(mixes), self.project[0](temporal), self.project[1](visual), routes)

    def over_time(self, rows: Rows) -> torch.Tensor:
        """The temporal branch: tokens (n, N, D)."""
        assert self.temporal is not None
        x = torch.stack([rows.signal, rows.known.to(rows.signal)], 1)[..., None, None]  # (n, 2, L, 1, 1)
        return self.temporal(x.contiguous(memory_format=torch.channels_last_3d))[..., 0, 0].transpose(1, 2)

    def over_phase(self, rows: Rows) -> torch.Tensor:
        """The visual branch on every row's image, put back on the time axis: tokens (n, N, D).

        An aperiodic row of L samples is folded at sqrt(L). A place of the branch's grid holds D / 4 features for each
        of its four columns: so every sample gets its own back, wherever a token's four lie in their cycles.
        """
        L = rows.signal.shape[1]
        strips = strip_of(rows.signal, rows.known, rows.periods)
        widths = torch.where(rows.periods > 0, rows.periods, round(L**0.5))
        groups = [(widths == width).nonzero()[:, 0] for width in widths.unique()]
        parts = [self.folded(strips[group], int(widths[group[0]])) for group in groups]
        order = torch.cat([*groups, widths[:0]]).argsort()
        return torch.cat([*parts, strips.new_empty(0, L // TOKEN, self.channels.in_features)])[order]

    def folded(self, strips: torch.Tensor, period: int) -> torch.Tensor:
        """Strips (k, 4, L) through the visual branch, folded by one period: tokens (k, N, D)."""
        assert self.visual is not None
        assert self.columns is not None
        image = fold(strips, period)  # (k, 4, R, P)
        image = F.pad(image, (0, -period % TOKEN))[:, :, :, None]
        places = self.columns(self.visual(image.contiguous(memory_format=torch.channels_last_3d)))[:, :, :, 0]
        columns = places.unflatten(1, (-1, TOKEN)).permute(0, 1, 3, 4, 2).flatten(3)  # (k, D / 4, R, P and more)
        samples = unfold(columns[..., :period], strips.shape[2])  # (k, D / 4, L)
        return samples.unflatten(2, (-1, TOKEN)).permute(0, 2, 1, 3).flatten(2)

    def answers(self, rows: Rows, tokens: Tokens, B: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Reconstruction and logits (n, L) each.

        Detection sees its own tokens, those of the other channels of the series, and where the reconstruction fails.
        """
        reconstruction = self.reconstruct(tokens.mixes[:, :, RECONSTRUCTION]).flatten(1)
        error = (rows.signal - reconstruction.detach()) * rows.known
        seen = tokens.mixes[:, :, DETECTION]
        seen = seen + self.channels(series_mean(seen, rows.series, B))[rows.series]
        patches = torch.cat([error, rows.known.to(error)], 1).unflatten(1, (2, -1, TOKEN)).transpose(1, 2).flatten(2)
        return reconstruction, self.detect(torch.cat([seen, patches], 2)).flatten(1)


def head(channels: int, width: int) -> nn.Sequential:
    """What is known of a token -> a number for each of its samples."""
    return nn.Sequential(nn.Linear(channels, 2 * width), nn.GELU(), nn.Linear(2 * width, TOKEN))


def series_mean(tokens: torch.Tensor, series: torch.Tensor, B: int) -> torch.Tensor:
    """Tokens (n, N, D) of rows, each of a series (n,) -> their means (B, N, D); 0 for a series without rows."""
    sums = tokens.new_zeros(B, *tokens.shape[1:]).index_add(0, series, tokens)
    return sums / series.bincount(minlength=B).clamp(min=1)[:, None, None]


def temporal_stages(width: int) -> list[Stage]:
    """Tokens, then gated blocks that see the whole of a window of 1,024 samples from its middle."""
    strides = [(TOKEN, 1, 1)] + [(1, 1, 1)] * (len(DILATIONS) - 1)
    return [
        Stage(width, stride=stride, dilation=d, kernel=(3, 1, 1), activation="gated")
        for stride, d in zip(strides, DILATIONS, strict=True)
    ]


def visual_stages(width: int) -> list[Stage]:
    """Tokens of four columns, then blocks that see seven cycles back and ahead, and 28 samples of phase either way."""
    strides = [(1, 1, TOKEN)] + [(1, 1, 1)] * (len(CYCLE_DILATIONS) - 1)
    return [
        Stage(width, stride=stride, dilation=d, kernel=(3, 1, PHASE_KERNEL))
        for stride, d in zip(strides, CYCLE_DILATIONS, strict=True)
    ]
