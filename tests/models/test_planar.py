"""3D convolutions written as 2D ones give the same sums, whatever their sizes, and leave the net itself as it is."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import models
from models.backbone3d import TimeConv3d
from models.parts.planar import CourseConv, FrameConv, PatchProduct, Repeat, factors_of, planar
from tests.support.trainings import fitting, model_config
from tests.support.variants import SMALL

EPS = torch.finfo(torch.float32).eps
SIZES = st.integers(1, 3)


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


@given(SIZES, SIZES, SIZES, st.integers(1, 2), st.integers(0, 3))
def test_a_convolution_of_patches_is_a_product(t, h, w, batch, more):
    torch.manual_seed(0)
    conv = nn.Conv3d(2, 3, (t, h, w), (t, h, w))
    x = torch.randn(batch, 2, 3 + more, 5, 7)
    assert_same_sums(PatchProduct(conv)(x), conv, x)


@given(st.sampled_from([3, 5]), st.integers(1, 3), st.booleans(), st.integers(1, 9))
def test_a_convolution_in_time_is_one_of_courses(k, dilation, causal, T):
    torch.manual_seed(0)
    conv = TimeConv3d(4, k, dilation, causal)
    x = torch.randn(2, 4, T, 3, 2)
    with torch.no_grad():
        found, expected = CourseConv(conv)(x), conv(x)
    assert found.shape == expected.shape
    assert torch.all((found - expected).abs() <= 2 * (4 * k + 1) * EPS * (1 + 4 * k * x.abs().max()))


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
