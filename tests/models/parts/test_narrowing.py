"""Channels that are left out go together: a net in which the others do nothing answers the same without them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import models
from models.parts.narrowing import MULTIPLE, Use, importance, narrowed, width_left
from models.video_model import VideoModel
from tests.support.trainings import fitting, model_config

STAGES = [
    {"width": 8, "depth": 2, "modulation": "dynamic"},
    {"width": 16, "stride": [2, 2, 2], "activation": "gated"},
    {"width": 16, "stride": [2, 1, 1]},
]
NETS = ("autoencoder", "variational", "memory", "masked", "prediction")


def wide_and_narrow(name: str) -> tuple[VideoModel, VideoModel, dict]:
    """A net, such a net with half of the channels, and the wide one's weights, none of which is zero."""
    torch.manual_seed(0)
    settings = model_config(**fitting(name, {"stages": STAGES, "latent_channels": 4}))
    wide = models.build(settings, 1, 8).eval()
    narrow = models.build(type(wide).narrower(settings, 0.5), 1, 8).eval()
    weights = {n: w + 0.1 * torch.randn_like(w) for n, w in wide.state_dict().items()}
    return wide, narrow, weights


def without_norms(net: nn.Module) -> nn.Module:
    """A norm is over all channels there are, those that do nothing among them."""
    for module in list(net.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.LayerNorm):
                setattr(module, name, nn.Identity())
    return net


@pytest.mark.parametrize("name", NETS)
def test_a_net_answers_the_same_without_channels_that_do_nothing(name):
    wide, narrow, weights = wide_and_narrow(name)
    groups = wide.channel_groups()
    for number, group in enumerate(groups):
        width = min(weights[use.name].shape[use.axis] for use in group)
        dead = torch.randperm(width, generator=torch.Generator().manual_seed(number))[: width // 2]
        for use in group:
            entries = weights[use.name].movedim(use.axis, 0)
            entries[(torch.arange(0, len(entries), width)[:, None] + dead).flatten()] = 0
    without_norms(wide).load_state_dict(weights)
    without_norms(narrow).load_state_dict(narrowed(weights, groups, narrow.state_dict()))
    x = torch.rand(2, 1, 8, 16, 16)
    with torch.no_grad():
        expected, found = wide(x), narrow(x)
    assert (expected - x).std() > 0.01
    # Sums of some hundred products in float32; zeros among them may change their order.
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("name", NETS)
def test_every_weight_of_the_trunk_is_narrower(name):
    wide, narrow, weights = wide_and_narrow(name)
    found = narrowed(weights, wide.channel_groups(), narrow.state_dict())
    used = {use.name for group in wide.channel_groups() for use in group}
    assert {n for n, w in found.items() if w.shape != weights[n].shape} == used
    assert sum(w.numel() for w in found.values()) < 0.5 * sum(w.numel() for w in weights.values())


def test_those_with_the_largest_weights_stay_in_their_order():
    weights = {"a.weight": torch.tensor([[1.0], [5.0], [2.0], [4.0]]), "b.weight": torch.zeros(1, 8)}
    weights["b.weight"][0, 4] = 10  # of a second half, for the first channel
    group = [Use("a.weight", 0), Use("b.weight", 1)]
    assert importance(weights, group, 4).tolist() == pytest.approx([101**0.5, 5.0, 2.0, 4.0])
    found = narrowed(weights, [group], {"a.weight": torch.zeros(2, 1), "b.weight": torch.zeros(1, 4)})
    assert found["a.weight"].tolist() == [[1.0], [5.0]]
    assert found["b.weight"].tolist() == [[0.0, 0.0, 10.0, 0.0]]


def test_a_net_of_another_form_is_refused():
    weights = {"a.weight": torch.ones(4, 1), "c.weight": torch.ones(2)}
    with pytest.raises(ValueError, match=r"other weights: c\.weight"):
        narrowed(weights, [[Use("a.weight", 0)]], {"a.weight": torch.ones(2, 1), "c.weight": torch.ones(3)})


@given(st.integers(1, 300), st.floats(0, 0.99))
def test_a_width_is_a_multiple_and_none_is_added(width, share):
    left = width_left(width, share)
    assert 1 <= left <= width
    assert left == width or left % MULTIPLE == 0
    assert abs(left - width * (1 - share)) <= MULTIPLE
    assert width_left(width, 0.0) <= width


@pytest.mark.parametrize("name", ["yan2020", "tvnet"])
def test_nets_without_such_a_trunk_say_so(name):
    settings = model_config(name)
    with pytest.raises(ValueError, match="no trunk whose channels can be pruned"):
        models.MODELS[name].narrower(settings, 0.5)
