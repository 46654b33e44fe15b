"""Labels of frames that a window's own scores suggest, and the cheapest alignment with them: a segmentation in time.

Source: WETAS, Lee et al. 2021 (arXiv 2108.06816).
"""

import torch
from torch import nn

from models.parts.alignment import best_alignment


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
