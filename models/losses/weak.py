"""Losses for one label a window. Each is a function of a model's scores, the labels (B,) in 0, 1, and the settings.

    weak_bce        cross-entropy of the window's score
    wetas           the same, and a hinge that prefers alignments with the window's own pseudo-labels
    mil             ranking of the best scores of positive above those of negative windows (multiple instances)
    soft_peaks      weak_bce, and soft labels around the peaks of positive windows

Every loss is a mean over windows, but for `mil`, which is one over pairs of windows: there processes see their own.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from config import WeakConfig
from models.parts.alignment import soft_cost
from models.parts.pseudo_labels import label_costs, pseudo_labels

MIL_TOP = 1 / 16  # of a window's frames, whose mean score stands for its best one
MIL_SMOOTH, MIL_SPARSE = 8e-5, 8e-5  # as published, for sums over 32 segments
MIL_SEGMENTS = 32


class Weak(NamedTuple):
    """What a model with weak labels returns, as logits: of every frame (B, T), and of the window (B,)."""

    dense: torch.Tensor
    window: torch.Tensor


def weak_bce(output: Weak, labels: Tensor, settings: WeakConfig) -> Tensor:
    """Cross-entropy of the windows' scores."""
    return F.binary_cross_entropy_with_logits(output.window, labels)


def wetas(output: Weak, labels: Tensor, settings: WeakConfig) -> Tensor:
    """weak_bce plus relu(margin + cost of the right pseudo-labels - cost of the wrong ones) (Lee et al. 2021).

    Right are those of the window's label, wrong those of the opposite one; costs are soft alignments, per frame. The
    labels come from the scores as they are and carry no gradient.
    """
    right, wrong = (alignment_cost(output.dense, positive, settings) for positive in (labels > 0.5, labels <= 0.5))
    return weak_bce(output, labels, settings) + F.relu(settings.margin + right - wrong).mean()


def alignment_cost(dense: Tensor, is_positive: Tensor, settings: WeakConfig) -> Tensor:
    """Soft cost (B,) per frame of aligning scores (B, T) with their pseudo-labels for the given window labels."""
    sequence, lengths = pseudo_labels(dense, is_positive, settings.segments, settings.level)
    return soft_cost(label_costs(dense, sequence), lengths, settings.gamma) / dense.shape[1]


def mil(output: Weak, labels: Tensor, settings: WeakConfig) -> Tensor:
    """Multiple-instance ranking (Sultani et al. 2018, arXiv 1801.04264), on frames in place of segments.

    Hinge between the best scores of every positive and every negative window of the batch, plus smoothness and sparsity
    of the positive ones. 0 where a batch has no positive or no negative window.
    """
    scores, positive = output.dense.sigmoid(), labels > 0.5
    best = scores.topk(max(1, round(MIL_TOP * scores.shape[1])), 1).values.mean(1)
    ranking = F.relu(1 - best[positive][:, None] + best[~positive][None])
    chosen = F.adaptive_avg_pool1d(scores[positive][:, None], MIL_SEGMENTS)[:, 0]
    smooth, sparse = chosen.diff(dim=1).square().sum(1), chosen.sum(1)
    total = ranking.sum() / max(ranking.numel(), 1)
    return total + (MIL_SMOOTH * smooth + MIL_SPARSE * sparse).sum() / max(len(chosen), 1)


def soft_peaks(output: Weak, labels: Tensor, settings: WeakConfig) -> Tensor:
    """weak_bce plus frame-wise cross-entropy with soft labels: Gaussians around the peaks of positive windows.

    A peak is a frame whose score, scaled to 0..1 over the window, is the highest within two widths and reaches `level`.
    Frames of negative windows are labelled 0. After the idea of GS-MoE (D'Amicantonio et al. 2025, arXiv 2508.06318).
    """
    target = peaks(output.dense, settings) * (labels > 0.5)[:, None]
    return weak_bce(output, labels, settings) + F.binary_cross_entropy_with_logits(output.dense, target)


@torch.no_grad()
def peaks(dense: Tensor, settings: WeakConfig) -> Tensor:
    """Soft labels (B, T) in 0..1 around the peaks of scores (B, T), as wide as an anomaly may be: T / (2 segments)."""
    T = dense.shape[1]
    width = max(1.0, T / (2 * settings.segments))
    low, high = dense.aminmax(dim=1, keepdim=True)
    scaled = (dense - low) / (high - low).clamp(min=1e-6)
    reach = round(2 * width)
    around = F.max_pool1d(scaled[:, None], 2 * reach + 1, stride=1, padding=reach)[:, 0]
    is_peak = (scaled == around) & (scaled >= settings.level)
    steps = torch.arange(T, device=dense.device)
    bumps = torch.exp(-0.5 * ((steps[:, None] - steps[None]) / width) ** 2)  # (T, T)
    return (is_peak[:, :, None] * bumps[None]).amax(1)


WEAK_LOSSES: dict[str, Callable[[Weak, Tensor, WeakConfig], Tensor]] = {
    "weak_bce": weak_bce,
    "wetas": wetas,
    "mil": mil,
    "soft_peaks": soft_peaks,
}
