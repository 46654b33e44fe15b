"""A narrower net from a trained one: of the channels that go together, those with the largest weights stay.

Source: filters by their norms, Li et al. 2017 (arXiv 1608.08710), here over all weights that write or read a channel.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.backbone3d import Block

MULTIPLE = 4  # of widths: integers are multiplied four at a time


class Use(NamedTuple):
    """A parameter, by its name, and the axis along which it has an entry for each channel of a group, or several."""

    name: str
    axis: int


Group = list[Use]  # all uses of the same channels


def width_left(width: int, share: float) -> int:
    """What is left of so many channels when a share of them goes, a multiple of MULTIPLE where there are that many."""
    return min(width, max(MULTIPLE, MULTIPLE * round(width * (1 - share) / MULTIPLE)))


def groups_of(modules: Iterable[tuple[str, nn.Module]]) -> tuple[list[Group], Group]:
    """The groups of channels of convolutions and blocks, by name, each of which works on what the one before gives.

    Those that the first one is given are left out; those that the last one gives are told apart from all others.
    """
    groups: list[Group] = []
    stream: Group = []
    for name, module in modules:
        if isinstance(module, Block):
            groups.append(block_uses(name, module, stream))
        elif isinstance(module, nn.Conv3d):
            groups.append([*stream, Use(f"{name}.weight", 1)])
            stream = [Use(f"{name}.weight", 0), Use(f"{name}.bias", 0)]
    return groups[1:], stream


def block_uses(name: str, block: Block, stream: Group) -> Group:
    """The uses of a block's inner channels; those of the stream that it adds to are put to it."""
    stream += [Use(f"{name}.space.weight", 1), Use(f"{name}.time.weight", 0), Use(f"{name}.time.bias", 0)]
    inner = [Use(f"{name}.space.weight", 0), Use(f"{name}.space.bias", 0), Use(f"{name}.time.weight", 1)]
    if block.modulation is not None:
        for conv in ("inter", "intra"):
            stream.append(Use(f"{name}.modulation.{conv}.weight", 1))
            inner += [Use(f"{name}.modulation.{conv}.weight", 0), Use(f"{name}.modulation.{conv}.bias", 0)]
    return inner


def narrowed(weights: dict[str, Tensor], groups: Sequence[Group], narrow: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a narrower net, whose own are `narrow`, from those of a wide one.

    Raises ValueError where more differs than the sizes of the groups.
    """
    found = dict(weights)
    for group in groups:
        sizes = {use: weights[use.name].shape[use.axis] for use in group}
        width = min(sizes.values())
        left = min(narrow[use.name].shape[use.axis] for use in group)
        chosen = torch.topk(importance(weights, group, width), left).indices.sort().values
        for use, size in sizes.items():
            entries = (torch.arange(0, size, width)[:, None] + chosen).flatten()  # of a gate: values, then gates
            found[use.name] = found[use.name].index_select(use.axis, entries)
    unlike = [name for name in narrow if name not in found or found[name].shape != narrow[name].shape]
    if unlike or len(found) != len(narrow):
        raise ValueError(f"the narrower net has other weights: {', '.join(unlike[:3]) or 'fewer'}")
    return found


def importance(weights: dict[str, Tensor], group: Group, width: int) -> Tensor:
    """The norm of all weights of each channel of a group, (width,)."""
    total = torch.zeros(width)
    for use in group:
        entries = weights[use.name].float().movedim(use.axis, 0)
        total += entries.square().reshape(-1, width, entries[0].numel()).sum((0, 2))  # of a gate: values and gates
    return total.sqrt()
