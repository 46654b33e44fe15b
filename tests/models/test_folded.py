"""Convolutions folded into the blocks before them give the same sums, by fewer products."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from config import StageConfig
from models.autoencoder import upsampled_inside
from models.backbone3d import Block
from models.parts.folded import fold
from models.parts.planar import planar
from tests.support.variants import small

STAGES = st.builds(
    StageConfig,
    width=st.sampled_from([6, 9]),  # of few channels it is written otherwise
    kernel=st.sampled_from([(1, 3, 3), (3, 1, 3), (5, 3, 1)]),
    dilation=st.integers(1, 2),
    causal=st.booleans(),
    activation=st.sampled_from(["gelu", "gated"]),
    modulation=st.sampled_from(["none", "dynamic"]),
)


def stirred(net: Any) -> Any:
    """A net whose blocks do something, which they begin without."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in net.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return net.eval()


def products_of(net: nn.Module, x: torch.Tensor) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(x)
    return counter.get_total_flops()


@settings(max_examples=40)
@given(STAGES, st.tuples(*[st.integers(1, 2)] * 3), st.integers(1, 6), st.booleans())
def test_what_stands_behind_a_block_may_be_computed_within(stage, repeats, width, further):
    layers = [nn.Upsample(scale_factor=repeats), Block(stage), nn.Conv3d(stage.width, width, 1)]
    net = stirred(nn.Sequential(*upsampled_inside(layers), *([nn.Identity(), nn.Conv3d(width, 2, 1)] * further)))
    flat, x = planar(net).double(), torch.randn(2, stage.width, 5, 4, 3, dtype=torch.float64)
    with torch.no_grad():
        expected = flat(x)
        found = fold(flat, [[name for name, _ in flat.named_children()]])(x)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert isinstance(flat.get_submodule("2"), nn.Identity)
    assert not further or not isinstance(flat.get_submodule("4"), nn.Identity)


@pytest.mark.parametrize("name", ["autoencoder", "variational", "memory", "masked", "prediction"])
def test_a_net_that_only_computes_is_folded_and_answers_the_same(name):
    net, x = stirred(small(name)), torch.rand(2, 1, 8, 13, 14)
    flat, folded = planar(net), net.in_2d()
    with torch.no_grad():
        torch.testing.assert_close(folded(x), flat(x), rtol=0, atol=1e-5)
    assert products_of(folded, x) < 0.95 * products_of(flat, x)
    several = name == "variational"  # its latent has a mean and a variance, which read the same
    assert isinstance(folded.get_submodule("bottleneck"), nn.Identity) is not several


@pytest.mark.parametrize("behind", [nn.Conv3d(6, 5, (1, 2, 2), stride=(1, 2, 2)), nn.Conv3d(6, 7, 1)])
def test_what_takes_several_places_or_gives_more_is_left_behind_the_block(behind):
    net = stirred(nn.Sequential(Block(StageConfig(6)), behind))
    flat, x = planar(net), torch.randn(1, 6, 4, 4, 4)
    with torch.no_grad():
        assert torch.equal(fold(flat, [["0", "1"]])(x), planar(net)(x))
    assert isinstance(flat.get_submodule("0.skip"), nn.Identity)
