"""3D convolutions written as 2D ones give the same sums, whatever their sizes, and leave the net itself as it is."""

import copy
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import models
from config import TrainConfig
from models.backbone3d import TimeConv3d
from models.parts.planar import (
    CourseConv,
    FrameConv,
    PatchConv,
    PatchProduct,
    Repeat,
    factors_of,
    planar,
    way_of,
    write_planar,
)
from models.video_model import Batch
from tests.support.trainings import fitting, model_config
from tests.support.variants import SMALL, small
from training.engine import adamw

EPS = torch.finfo(torch.float32).eps
SIZES = st.integers(1, 3)


def gradients_of(conv: nn.Module, x: torch.Tensor, wanted: torch.Tensor) -> list[torch.Tensor]:
    """Of sum(wanted * conv(x)): by the input, the weight and the bias."""
    x = x.detach().requires_grad_()
    return list(torch.autograd.grad(conv(x), [x, *conv.parameters()], wanted))


def assert_same_gradients(flat: nn.Module, conv: nn.Conv3d, x: torch.Tensor) -> None:
    """As `assert_same_sums`: each entry is a sum of products of values and gradients, whose sizes are that of sizes."""
    wanted = torch.randn(conv(x).shape)
    of_sizes = copy.deepcopy(conv)
    for parameter in of_sizes.parameters():
        parameter.data.abs_()
    places = wanted[:, 0].numel()
    terms = [conv.weight[:, 0].numel(), places, places]
    found, expected = gradients_of(flat, x, wanted), gradients_of(conv, x, wanted)
    for n, one, other, sizes in zip(terms, found, expected, gradients_of(of_sizes, x.abs(), wanted.abs()), strict=True):
        assert one.shape == other.shape
        assert torch.all((one - other).abs() <= 2 * n * EPS * sizes)


def assert_same_sums(found: torch.Tensor, conv: nn.Conv3d, x: torch.Tensor) -> None:
    """Each sum of n products in any order is within n eps of the exact one, of the sum of the sizes."""
    with torch.no_grad():
        expected, sizes = conv(x), nn.functional.conv3d(
            x.abs(), conv.weight.abs(), None if conv.bias is None else conv.bias.abs(), conv.stride, conv.padding
        )  # fmt: skip
        terms = conv.weight[0].numel() + 1
        assert found.shape == expected.shape
        assert torch.all((found - expected).abs() <= 2 * terms * EPS * sizes)


@given(SIZES, st.sampled_from([1, 3]), st.booleans(), st.integers(1, 2), st.integers(0, 5))
def test_a_convolution_of_frames_is_one_of_pictures(t, k, strided, batch, more):
    torch.manual_seed(0)
    stride = (t, k, k) if strided else (t, 1, 1)
    conv = nn.Conv3d(2, 3, (t, k, k), stride, padding=(0, 0 if strided else k // 2, 0 if strided else k // 2))
    x = torch.randn(batch, 2, 3 + more, 6, 7)
    assert_same_sums(FrameConv(conv)(x), conv, x)
    assert_same_gradients(FrameConv(conv), conv, x)


@given(SIZES, SIZES, SIZES, st.integers(1, 2), st.integers(0, 3))
def test_a_convolution_of_patches_is_a_product(t, h, w, batch, more):
    torch.manual_seed(0)
    conv = nn.Conv3d(2, 3, (t, h, w), (t, h, w))
    x = torch.randn(batch, 2, 3 + more, 5, 7)
    assert_same_sums(PatchProduct(conv)(x), conv, x)
    assert_same_gradients(PatchProduct(conv), conv, x)


@given(st.integers(1, 3), SIZES, SIZES, st.integers(1, 2), st.integers(1, 3))
def test_patches_of_pixels_are_a_convolution_of_frames(channels, h, w, batch, T):
    torch.manual_seed(0)
    conv = nn.Conv3d(channels, 3, (1, h, w), (1, h, w))
    assert way_of(conv) is PatchConv
    x = torch.randn(batch, channels, T, 5, 7)
    assert_same_sums(PatchConv(conv)(x), conv, x)
    assert_same_gradients(PatchConv(conv), conv, x)


@given(st.sampled_from([3, 5]), st.integers(1, 3), st.booleans(), st.integers(1, 9))
def test_a_convolution_in_time_is_one_of_courses(k, dilation, causal, T):
    torch.manual_seed(0)
    conv = TimeConv3d(4, k, dilation, causal)
    x = torch.randn(2, 4, T, 3, 2)
    with torch.no_grad():
        found, expected = CourseConv(conv)(x), conv(x)
    assert found.shape == expected.shape
    assert torch.all((found - expected).abs() <= 2 * (4 * k + 1) * EPS * (1 + 4 * k * x.abs().max()))
    assert_same_gradients(CourseConv(conv), conv, x)


@given(SIZES, SIZES, SIZES)
def test_nearest_upsampling_is_repeating(t, h, w):
    upsample, x = nn.Upsample(scale_factor=(t, h, w)), torch.randn(2, 3, 2, 4, 5)
    assert torch.equal(Repeat(upsample)(x), upsample(x))


def test_other_upsampling_is_left_alone():
    assert factors_of(nn.Upsample(scale_factor=(1, 1.5, 2))) == []
    assert factors_of(nn.Upsample(scale_factor=(1, 2, 2), mode="trilinear")) == []
    assert factors_of(nn.Upsample(size=(2, 4, 4))) == []


@pytest.mark.parametrize("name", ["autoencoder", "prediction"])
def test_a_net_has_no_3d_convolution_left_and_answers_the_same(name):
    torch.manual_seed(0)
    net = models.build(model_config(**fitting(name, SMALL)), 1, 8).eval()
    with torch.no_grad():
        for weight in net.parameters():
            weight += 0.02 * torch.randn_like(weight)
    flat, x = planar(net), torch.rand(2, 1, 8, 13, 14)
    assert not any(isinstance(module, nn.Conv3d | nn.Upsample) for module in flat.modules())
    assert any(isinstance(module, nn.Conv3d) for module in net.modules())
    with torch.no_grad():
        torch.testing.assert_close(flat(x), net(x), rtol=0, atol=1e-5)


def a_step(net: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Loss, gradients and weights of a training's step."""
    torch.manual_seed(0)
    optimizer = adamw(net, TrainConfig())
    loss = net.train().loss(Batch(x, torch.ones_like(x), torch.zeros(len(x))))
    loss.backward()
    optimizer.step()
    assert net.state_dict().keys() == dict(net.named_parameters()).keys()
    return loss.detach(), {n: p.grad for n, p in net.named_parameters()}, net.state_dict()


@pytest.fixture
def in_double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("name", ["autoencoder", "variational", "masked", "prediction"])  # memory is single in itself
def test_a_step_of_training_is_the_same_in_both_writings(name):
    """In double precision: what single precision adds is the rounding of sums, tested for each convolution above."""
    torch.manual_seed(0)
    net = small(name).to(memory_format=torch.channels_last_3d)
    flat, x = write_planar(copy.deepcopy(net)), torch.rand(2, 1, 8, 13, 14)
    assert not any(isinstance(module, nn.Conv3d) for module in flat.modules())
    assert [(n, p.shape) for n, p in flat.named_parameters()] == [(n, p.shape) for n, p in net.named_parameters()]
    for found, expected in zip(a_step(flat, x), a_step(net, x), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)


def test_what_only_computes_holds_the_2d_weights_alone():
    net = small("autoencoder")
    flat = planar(write_planar(copy.deepcopy(net)))
    assert all(p.ndim <= 4 for p in flat.parameters())
    x = torch.rand(1, 1, 8, 12, 12)
    with torch.no_grad():
        assert torch.equal(flat(x), planar(net)(x))
