"""Splicing: anomalous stretches pasted into normal windows, which gives labels of frames where only windows had one.

The model itself says which stretch of a positive window is anomalous, so it learns from its own answers, but in
surroundings that are known to be normal. After the idea of synthesised videos in LaGoVAD (arXiv 2503.13160).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from config import WeakConfig
from models.losses.weak import Weak
from models.parts.pseudo_labels import segmented

BORDER = 1 / 50  # of a window's frames, over which a pasted stretch fades in and out


class Spliced(NamedTuple):
    """A batch in which some negative windows hold a pasted stretch: frames, labels (B,), and those of frames.

    frame_labels: (B, T) in 0, 1; only where `is_known` (B,): of windows that were negative before.
    """

    x: Tensor
    labels: Tensor
    frame_labels: Tensor
    is_known: Tensor


@torch.no_grad()
def splice(judge: Callable[[Tensor], Weak], x: Tensor, labels: Tensor, settings: WeakConfig) -> Spliced:
    """Paste into a share `settings.splice` of the negative windows (B, C, T, H, W) what the model finds in others.

    A stretch lands at a random place, with soft borders. Only positive windows that the model (`judge`) takes for such
    give one. Draws from torch's default CPU generator.
    """
    positive, frame_labels = labels > 0.5, torch.zeros(x.shape[0], x.shape[2], device=x.device)
    hosts = (~positive).nonzero()[:, 0]
    hosts = hosts[(torch.rand(len(hosts)) < settings.splice).to(hosts.device)]
    donors, inside = found_in(judge, x[positive], settings) if positive.any() else (x[:0], frame_labels[:0] > 0)
    torch.clear_autocast_cache()  # older torch would take its short weights, made without gradients, for the loss too
    if not len(donors) or not len(hosts):
        return Spliced(x, labels, frame_labels, ~positive)
    chosen = torch.randint(len(donors), (len(hosts),)).to(x.device)
    donors, inside = moved(donors[chosen], inside[chosen])
    weight = faded(inside)[:, None, :, None, None]
    x, labels = x.clone(), labels.clone()
    x[hosts] = (1 - weight) * x[hosts] + weight * donors
    labels[hosts], frame_labels[hosts] = 1.0, inside.float()
    return Spliced(x, labels, frame_labels, ~positive)


def found_in(judge: Callable[[Tensor], Weak], x: Tensor, settings: WeakConfig) -> tuple[Tensor, Tensor]:
    """Those of the positive windows (B, C, T, H, W) that the model takes for such, and what it finds (D, T), bool."""
    output = Weak(*(each.unflatten(0, (-1, len(x))).mean(0) for each in judge(x)))  # of an ensemble's members the mean
    inside = segmented(output.dense, output.window > 0, settings.segments, settings.level)
    found = inside.any(1)
    return x[found], inside[found]


def moved(x: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """Windows (B, C, T, H, W) and what is inside (B, T), each moved in time so that all of it stays in the window."""
    B, T = inside.shape
    steps = torch.arange(T, device=x.device)
    first = torch.where(inside, steps, T).amin(1)
    last = torch.where(inside, steps, -1).amax(1)
    start = (torch.rand(B).to(x.device) * (T - (last - first))).long()  # of the moved stretch: 0 .. T - its length
    source = (steps[None] - (start - first)[:, None]) % T  # (B, T)
    index = source[:, None, :, None, None].expand_as(x)
    return x.gather(2, index), inside.gather(1, source)


def faded(inside: Tensor) -> Tensor:
    """Weights (B, T) of stretches: 1 inside, falling to 0 over BORDER of the window beside them."""
    reach = max(1, round(BORDER * inside.shape[1]))
    wide = F.max_pool1d(inside[:, None].float(), 2 * reach + 1, stride=1, padding=reach)
    return F.avg_pool1d(F.pad(wide, (reach, reach), mode="replicate"), 2 * reach + 1, stride=1)[:, 0]


def frame_loss(dense: Tensor, spliced: Spliced) -> Tensor:
    """Cross-entropy of frames (B, T), or (members * B, T), where their labels are known, a mean over all windows.

    Windows of which they are not known count as 0.
    """
    dense = dense.unflatten(0, (-1, len(spliced.frame_labels)))  # (members, B, T)
    labels = spliced.frame_labels.expand_as(dense)
    each = F.binary_cross_entropy_with_logits(dense, labels, reduction="none").mean(2)
    return (each * spliced.is_known).mean()
