"""VETime: point scores of a series from two views of it, the series itself and its image folded by the period.

Trained once, on synthetic series with labels, and then used as it is. Source: VETime, Yang et al. 2026 (arXiv
2602.16681). Both branches are configurations of the shared backbone; every channel goes through the same weights.
"""

from collections.abc import Callable
from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import nn

from config import ModelConfig
from data.series.folding import ABSENT, TOKEN, Rows, images, rows_of, tokens_of
from models.backbone3d import Backbone3D, Stage
from models.losses.detection import Detected, detection_loss, own_targets
from models.parts.fusion import DETECTION, RECONSTRUCTION, TASKS, Fusion
from models.settings.labelled import VeTimeConfig
from models.video_model import Batch, Form, VideoModel, in_full_precision

DILATIONS = (1, 2, 4, 8, 16, 32, 64)  # tokens: together they see 508 samples either way
CYCLE_DILATIONS = (1, 2, 4)
PHASE_KERNEL = 5
CONTRAST_WIDTH = 32
BRANCHES = ("both", "temporal", "visual")
RARE_LOGIT = -3.0  # where training starts: about 5 % of the samples are anomalous


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
        mean = partial(mean_of_mates, series=rows.series, B=len(x))
        reconstruction, logits = self.answers(rows, tokens, mean)

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
        found, known = rows_of(x[..., 0, 0].detach().float().cpu().numpy(), self.context)
        return Rows(*(torch.from_numpy(array).to(x.device) for array in found)), torch.from_numpy(known).to(x.device)

    def tokens(self, rows: Rows) -> Tokens:
        """The views of rows, and their mixes."""
        temporal = None if self.temporal is None else self.over_time(rows)
        visual = None if self.visual is None else self.over_phase(rows)
        return self.mixed(temporal, visual, rows.known)

    def mixed(self, temporal: torch.Tensor | None, visual: torch.Tensor | None, known: torch.Tensor) -> Tokens:
        """The mixes of views (n, N, D) of rows, of which samples are known (n, L). Without one branch, of the other."""
        if self.fusion is None:
            only = visual if temporal is None else temporal
            return Tokens(self.norm(only)[:, :, None].expand(-1, -1, len(TASKS), -1))
        assert self.project is not None  # it comes with the fusion
        mixes, routes = self.fusion(temporal, visual, known.unflatten(1, (-1, TOKEN)).any(2))
        return Tokens(self.norm(mixes), self.project[0](temporal), self.project[1](visual), routes)

    def over_time(self, rows: Rows) -> torch.Tensor:
        """The temporal branch: tokens (n, N, D)."""
        assert self.temporal is not None
        x = torch.stack([rows.signal, rows.known.to(rows.signal)], 1)[..., None, None]  # (n, 2, L, 1, 1)
        return self.temporal(x.contiguous(memory_format=torch.channels_last_3d))[..., 0, 0].transpose(1, 2)

    def over_phase(self, rows: Rows) -> torch.Tensor:
        """The visual branch on every row's image, put back on the time axis: tokens (n, N, D)."""
        L, device = rows.signal.shape[1], rows.signal.device
        parts, groups = [rows.signal.new_empty(0, L // TOKEN, self.channels.in_features)], [np.empty(0, np.int64)]
        for group, width, image in images(*(v.detach().cpu().numpy() for v in (rows.signal, rows.known, rows.periods))):
            parts.append(tokens_of(self.places(torch.from_numpy(image).to(device)), width, L))
            groups.append(group)
        return torch.cat(parts)[torch.from_numpy(np.concatenate(groups).argsort()).to(device)]

    def places(self, image: torch.Tensor) -> torch.Tensor:
        """Images (k, 4, R, P) -> D / 4 features of each of their samples, (k, D / 4, R, P).

        A place of the branch's grid holds them for each of its four columns.
        """
        assert self.visual is not None
        assert self.columns is not None
        cells = image[:, :, :, None].contiguous(memory_format=torch.channels_last_3d)
        places = self.columns(self.visual(cells))[:, :, :, 0]  # (k, D, R, P / 4)
        return places.unflatten(1, (-1, TOKEN)).permute(0, 1, 3, 4, 2).flatten(3)

    def answers(
        self, rows: Rows, tokens: Tokens, mean: Callable[[torch.Tensor], torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Reconstruction and logits (n, L) each. mean: of tokens (n, N, D), for every row over those of its series.

        Detection sees its own tokens, those of the other channels of the series, and where the reconstruction fails.
        """
        reconstruction = self.reconstruct(tokens.mixes[:, :, RECONSTRUCTION]).flatten(1)
        error = (rows.signal - reconstruction.detach()) * rows.known
        seen = tokens.mixes[:, :, DETECTION]
        seen = seen + self.channels(mean(seen))
        patches = torch.cat([error, rows.known.to(error)], 1).unflatten(1, (2, -1, TOKEN)).transpose(1, 2).flatten(2)
        return reconstruction, self.detect(torch.cat([seen, patches], 2)).flatten(1)


def head(channels: int, width: int) -> nn.Sequential:
    """What is known of a token -> a number for each of its samples."""
    return nn.Sequential(nn.Linear(channels, 2 * width), nn.GELU(), nn.Linear(2 * width, TOKEN))


def series_mean(tokens: torch.Tensor, series: torch.Tensor, B: int) -> torch.Tensor:
    """Tokens (n, N, D) of rows, each of a series (n,) -> their means (B, N, D); 0 for a series without rows."""
    sums = tokens.new_zeros(B, *tokens.shape[1:]).index_add(0, series, tokens)
    return sums / series.bincount(minlength=B).clamp(min=1)[:, None, None]


def mean_of_mates(tokens: torch.Tensor, series: torch.Tensor, B: int) -> torch.Tensor:
    """Tokens (n, N, D) of rows -> for every row the mean over all rows of its series, (n, N, D)."""
    return series_mean(tokens, series, B)[series]


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
