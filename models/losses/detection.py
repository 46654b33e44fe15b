"""The loss of a detector that was shown where the anomalies are, and the clean twin of every series.

Source: VETime, Yang et al. 2026 (arXiv 2602.16681): cross-entropy of points, reconstruction, contrast of anomalous
windows between the two views, balance of the router.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from data.series.robust import rescaled
from models.parts.fusion import CHOSEN

LARGEST_WEIGHT = 10.0
TEMPERATURE = 0.1


class Detected(NamedTuple):
    """What `VeTime` returns of windows (B, C, L, 1, 1), with N = L / 4 tokens. None: this net has no such part.

    logits (B, L) of the series, the highest of its present channels; channel_logits (B, C, L), -20 of absent ones;
    reconstruction and scaled (B, C, L), the clean series and the given one in scaled units, unknown samples of the
    latter interpolated; known (B, C, L) bool; center and spread (B, C, 1), for `rescaled`; temporal and visual
    (B, C, N, K), projections of the branches; routes (B, C, N, tasks, 3), the router's logits. Absent channels have 0
    in all of them, but spread 1.
    """

    logits: torch.Tensor
    channel_logits: torch.Tensor
    reconstruction: torch.Tensor
    scaled: torch.Tensor
    known: torch.Tensor
    center: torch.Tensor
    spread: torch.Tensor
    temporal: torch.Tensor | None = None
    visual: torch.Tensor | None = None
    routes: torch.Tensor | None = None


def detection_loss(
    output: Detected, labels: Tensor, contrast_weight: float = 0.1, balance_weight: float = 0.2
) -> Tensor:
    """Mean over windows of point cross-entropy + reconstruction + contrast + balance.

    labels: (B, L, 1 + C), the label of every sample in 0, 1, NaN unknown, and then the clean twin of every channel in
    units of the data, NaN where there is none. The contrast takes negatives from the other windows of the batch, and
    the router is balanced over all of it: there processes see their own.
    """
    positive, clean = labels[..., 0], labels[..., 1:].transpose(1, 2)
    loss = point_loss(output, positive) + reconstruction_loss(output, clean)
    # Without weight too: parameters that no loss reaches would stop a training on several processes.
    if output.temporal is not None:
        loss = loss + contrast_weight * contrast_loss(output, positive)
    if output.routes is not None:
        loss = loss + balance_weight * balance_loss(output)
    return loss


def own_targets(x: Tensor, labels: Tensor) -> Tensor:
    """Targets (B, L, 1 + C) of windows (B, C, L, 1, 1) of real series, from labels (B, L) in 0, 1, NaN unknown.

    Where a sample is not labelled anomalous, the series is its own clean twin.
    """
    values = x[..., 0, 0].transpose(1, 2)  # (B, L, C)
    return torch.cat([labels[..., None], values.masked_fill(labels[..., None] == 1, torch.nan)], 2)


def point_loss(output: Detected, positive: Tensor) -> Tensor:
    """Cross-entropy of the series' logits with labels (B, L) in 0, 1, NaN unknown, over samples that any channel knows.

    An anomalous sample weighs sqrt(normal / anomalous samples of its window), within 1 to 10: what lasts one sample
    counts, but less than what lasts longer.
    """
    known = (output.known.any(1) & positive.isfinite()).to(positive)
    positive = positive.nan_to_num()
    anomalous, normal = ((known * side).sum(1, keepdim=True) for side in (positive, 1 - positive))
    weight = (normal / anomalous.clamp(min=1)).sqrt().clamp(1, LARGEST_WEIGHT)
    losses = F.binary_cross_entropy_with_logits(output.logits, positive, reduction="none")
    return mean_of_windows(losses * (1 + (weight - 1) * positive), known)


def reconstruction_loss(output: Detected, clean: Tensor) -> Tensor:
    """Huber loss, in scaled units, against the clean twin (B, C, L), also where a present channel has a gap."""
    present = output.known.any(2, keepdim=True)
    counts = clean.isfinite() & present
    given = (torch.where(counts, clean, output.center), output.center, output.spread)
    target = torch.from_numpy(rescaled(*(v.detach().cpu().numpy() for v in given))).to(clean.device)
    losses = F.huber_loss(output.reconstruction, target, reduction="none")
    return mean_of_windows(losses.flatten(1), counts.flatten(1).to(losses))


def mean_of_windows(losses: Tensor, weight: Tensor) -> Tensor:
    """The mean over windows of the weighted mean of each, (B, any) both; a window without weight counts as 0."""
    return ((losses * weight).sum(1) / weight.sum(1).clamp(min=1)).mean()


def balance_loss(output: Detected) -> Tensor:
    """Mean probability times share of the tokens of every route, summed over routes and times their number.

    It is 1 where all routes are used alike and grows with the favour of one (Fedus et al. 2021, arXiv 2101.03961).
    Mean over the tasks, over the tokens of the batch.
    """
    assert output.routes is not None  # asked for of a net that has them
    routes = output.routes[output.known.any(2)].flatten(0, 1)  # (tokens, tasks, 3)
    probability, tokens = routes.softmax(-1).sum(0), max(len(routes), 1)
    chosen = torch.zeros_like(routes).scatter(-1, routes.topk(CHOSEN, -1).indices, 1 / CHOSEN).sum(0)
    return routes.shape[-1] * (probability * chosen).sum(-1).mean() / tokens**2


def contrast_loss(output: Detected, positive: Tensor) -> Tensor:
    """InfoNCE between the views of anomalous runs of tokens: mean over windows, of their runs in all channels.

    The anchor is the mean of one view over a run, its positive the mean of the other view over the same run. Negatives
    are the other view over the equally long stretches before and behind it, and over the same stretch of other series
    of the batch, wherever these are normal. 0 for windows without an anomaly.
    """
    assert output.temporal is not None  # asked for of a net that has both
    assert output.visual is not None
    present = output.known.any(2)  # (B, C)
    series = present.nonzero()[:, 0]
    anomalous = (positive > 0.5).unflatten(1, (output.temporal.shape[2], -1)).any(2)[series]  # (n, N)
    if not anomalous.any():
        return 0.0 * (output.temporal.sum() + output.visual.sum())
    row, first, end = runs(anomalous)
    views = [Stretches(view[present]) for view in (output.temporal, output.visual)]
    normal = Stretches(anomalous[..., None].float())
    both = [info_nce(anchor, other, normal, series, row, first, end) for anchor, other in (views, views[::-1])]
    losses = (both[0] + both[1]) / 2
    runs_of = series[row].bincount(minlength=len(positive)).clamp(min=1)
    return (losses / runs_of[series[row]]).sum() / len(positive)


class Stretches:
    """Means over stretches of tokens (n, N, K), from sums that are made once."""

    def __init__(self, tokens: Tensor):
        self.sums = F.pad(tokens.cumsum(1), (0, 0, 1, 0))

    def mean(self, row: Tensor, first: Tensor, end: Tensor) -> Tensor:
        """Indices that broadcast to any shape -> (shape, K)."""
        return (self.sums[row, end] - self.sums[row, first]) / (end - first)[..., None]


def runs(anomalous: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The runs of true values in (n, N): their rows, first tokens, and the tokens behind them, (M,) each."""
    edges = F.pad(anomalous.int(), (1, 1)).diff(dim=1)  # (n, N + 1)
    row, first = (edges == 1).nonzero(as_tuple=True)
    return row, first, (edges == -1).nonzero(as_tuple=True)[1]


def info_nce(
    anchor: Stretches, other: Stretches, anomalous: Stretches, series: Tensor, row: Tensor, first: Tensor, end: Tensor
) -> Tensor:
    """InfoNCE (M,) of the runs: their `anchor` against `other` over the same tokens and over normal ones."""
    n, N, length = len(series), anchor.sums.shape[1] - 1, end - first
    rows = torch.cat([row[:, None].expand(-1, 3), torch.arange(n, device=row.device).expand(len(row), -1)], 1)
    # The run itself, before it, behind it, and the same stretch of every row: (M, 3 + n).
    begins = torch.cat([torch.stack([first, first - length, end], 1), first[:, None].expand(-1, n)], 1)
    inside = (begins >= 0) & (begins + length[:, None] <= N)
    begins = torch.where(inside, begins, 0)
    counts = inside & (anomalous.mean(rows, begins, begins + length[:, None])[..., 0] == 0)
    counts[:, 3:] &= series != series[row][:, None]
    counts[:, 0] = True
    candidates = F.normalize(other.mean(rows, begins, begins + length[:, None]), dim=-1)  # (M, 3 + n, K)
    likeness = (candidates @ F.normalize(anchor.mean(row, first, end), dim=-1)[..., None])[..., 0] / TEMPERATURE
    return -likeness.masked_fill(~counts, -torch.inf).log_softmax(1)[:, 0]
