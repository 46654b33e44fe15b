"""Convolutions behind blocks, computed within them: for what only computes, the same sums in fewer products.

A block adds a convolution in time to what it is given, and where a convolution of single places follows, both terms may
go through it apart: W (x + V y) = W x + (W V) y. W V is one convolution in time, with as many outputs as W has; W x is
computed before its places are repeated. So the stream is never made at the width that W takes.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeGuard

import torch
from torch import nn

from models.backbone3d import Block
from models.parts.planar import CourseConv, Net, PatchConv, PatchProduct


def fold(net: Net, chains: Iterable[Sequence[str]]) -> Net:
    """Fold what stands behind blocks into them, in a net of 2D convolutions (`planar`) itself; returns it.

    chains: names of modules, each of which is given what the one before it gives, and nothing else reads that.
    """
    for chain in chains:
        named = [(name, net.get_submodule(name)) for name in chain]
        for (_, block), (name, behind) in pairwise((n, m) for n, m in named if not isinstance(m, nn.Identity)):
            if isinstance(block, Block) and narrows(behind, width=len(block.time.weight)):
                fold_into(block, behind)
                net.set_submodule(name, nn.Identity())
    return net


def narrows(behind: nn.Module, width: int) -> TypeGuard[PatchConv | PatchProduct]:
    """Whether a module sums over single places of what has this width, and gives no more: then less is computed."""
    return isinstance(behind, PatchConv | PatchProduct) and behind.weight[0].numel() == width >= len(behind.weight)


def fold_into(block: Block, behind: PatchConv | PatchProduct) -> None:
    """Let a block give what a convolution of single places makes of what it gave."""
    time = block.time
    assert isinstance(time, CourseConv)  # see `fold`
    weight, bias, product = (p.detach().double() for p in (time.weight, time.get_parameter("bias"), behind.weight))
    product = product.flatten(1)
    time.weight = nn.Parameter(torch.einsum("oc,cikl->oikl", product, weight).to(time.weight))
    time.bias = nn.Parameter((product @ bias).to(time.weight))
    block.skip = behind
