"""The nets: shapes for any window, memory format, independence of batch mates, low precision, and that they learn."""

import os
import subprocess
import sys
from copy import deepcopy
from dataclasses import asdict
from math import prod
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import models
from models.autoencoder import ConvAutoencoder3D
from models.backbone3d import Backbone3D, Block, ChannelNorm, Stage, TimeConv3d
from models.embed import PatchHead, VideoPatches, pad_to_multiple, temporal_background
from models.series.series_model import SeriesModel
from models.yan2020 import Yan2020
from tests.support.nets import CHANNELS_LAST, HAS_BF16, blob_windows, with_open_head
from tests.support.paths import ROOT
from tests.support.trainings import model_config

FOR_SERIES = [name for name, model in models.MODELS.items() if issubclass(model, SeriesModel)]

sizes = st.integers(1, 11)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def default_model(channels: int = 1) -> nn.Module:
    return models.build(model_config(), channels)


def small_model(channels: int = 1, stages: tuple[Stage, ...] = (Stage(8), Stage(12, stride=(2, 2, 2)))) -> nn.Module:
    return with_open_head(ConvAutoencoder3D(channels, (1, 2, 2), stages, 3))


class TestPadding:
    @given(sizes, sizes, sizes, st.tuples(*[st.integers(1, 5)] * 3))
    @settings(max_examples=30, deadline=None)
    def test_repeats_the_edge_up_to_the_next_multiple(self, T, H, W, multiple):
        x = torch.rand(2, 1, T, H, W)
        padded = pad_to_multiple(x, multiple)
        grown = [(0, -size % m) for size, m in zip((T, H, W), multiple, strict=True)]
        np.testing.assert_array_equal(padded, np.pad(x.numpy(), [(0, 0), (0, 0), *grown], mode="edge"))


class TestPatches:
    def test_a_patch_is_projected_as_one_vector(self):
        embed = VideoPatches(2, 5, (2, 3, 4))
        x = torch.rand(1, 2, 4, 6, 8)
        y = embed(x)
        assert y.shape == (1, 5, 2, 2, 2)
        patch = x[0, :, 2:4, 0:3, 4:8].reshape(-1)
        weight = embed.project.weight.reshape(5, -1)
        torch.testing.assert_close(y[0, :, 1, 0, 1], weight @ patch + embed.project.bias)

    def test_the_head_is_a_transposed_convolution_without_overlap(self):
        t, h, w, channels, width = 2, 3, 4, 2, 5
        head = PatchHead(width, channels, (t, h, w))
        x = torch.rand(2, width, 3, 2, 2)
        weight = head.project.weight.reshape(t, h, w, channels, width).permute(4, 3, 0, 1, 2)
        bias = head.project.bias.reshape(t, h, w, channels).permute(3, 0, 1, 2).repeat(1, 3, 2, 2)
        torch.testing.assert_close(head(x), F.conv_transpose3d(x, weight, stride=(t, h, w)) + bias)


class TestBackground:
    @given(st.integers(1, 70))
    @settings(max_examples=30, deadline=None)
    def test_is_the_lower_median_of_at_most_nine_evenly_spaced_frames(self, T):
        x = torch.rand(2, 1, T, 3, 3)
        step = next(s for s in range(1, T + 1) if len(range(0, T, s)) <= 9)
        expected = np.quantile(x[:, :, ::step].numpy(), 0.5, axis=2, keepdims=True, method="lower")
        np.testing.assert_array_equal(temporal_background(x), expected)

    def test_does_not_show_what_lasts_less_than_half_the_window(self):
        x = torch.full((1, 1, 32, 4, 4), 0.5)
        x[:, :, 10:22] = 3.0
        assert (temporal_background(x) == 0.5).all()


class TestBlocks:
    def test_the_norm_looks_at_one_place_only(self):
        norm = ChannelNorm(6)
        x = torch.rand(2, 6, 3, 4, 5)
        place = x[1, :, 2, 0, 3]
        expected = (place - place.mean()) / (place.var(correction=0) + norm.eps).sqrt()
        torch.testing.assert_close(norm(x)[1, :, 2, 0, 3], expected)

    @pytest.mark.parametrize("kernel", [(3, 3, 3), (5, 1, 1), (1, 3, 5)])
    def test_a_block_begins_as_the_identity(self, kernel):
        x = torch.rand(1, 4, 7, 5, 6)
        assert torch.equal(Block(Stage(4, kernel=kernel, dilation=2))(x), x)

    def test_an_even_kernel_is_refused(self):
        for kernel, causal in (((2, 3, 3), False), ((2, 2, 3), True)):
            with pytest.raises(ValueError, match=r"sizes must be odd, .* causal stage may be even"):
                Backbone3D(4, [Stage(4, kernel=kernel, causal=causal)])

    def test_dilation_sets_how_far_a_block_sees_in_time(self):
        block = with_open_head(Block(Stage(4, kernel=(3, 1, 1), dilation=4)))
        x = torch.rand(1, 4, 17, 1, 1)
        changed = x.clone()
        changed[:, :, 8] += torch.rand(4)[:, None, None]
        differs = (block(changed) - block(x)).abs().amax((0, 1, 3, 4)) > 0
        assert differs.nonzero().flatten().tolist() == [4, 8, 12]

    @pytest.mark.parametrize("activation", ["gelu", "gated"])
    @pytest.mark.parametrize("k", [2, 3, 4])
    def test_a_causal_stage_sees_nothing_that_comes_later_and_everything_within_its_reach(self, k, activation):
        stages = [Stage(4, 1, dilation=2**i, kernel=(k, 1, 1), activation=activation, causal=True) for i in range(3)]
        trunk, x = with_open_head(Backbone3D(4, stages)), torch.rand(1, 4, 40, 1, 1)
        changed = x.clone()
        changed[:, :, 9] += torch.rand(4)[:, None, None]
        differs = (trunk(changed) - trunk(x)).abs().amax((0, 1, 3, 4)) > 0
        assert differs.nonzero().flatten().tolist() == list(range(9, 9 + 7 * (k - 1) + 1))

    def test_a_gated_block_is_the_formula(self):
        block, x = with_open_head(Block(Stage(4, kernel=(3, 1, 1), activation="gated"))), torch.randn(2, 4, 6, 1, 1)
        inner = block.space(block.norm(x))
        torch.testing.assert_close(block(x), x + block.time(inner[:, :4].tanh() * inner[:, 4:].sigmoid()))

    @given(st.integers(1, 9), st.sampled_from([3, 5, 7]), st.integers(1, 3), st.booleans(), st.integers(1, 2))
    @settings(max_examples=30, deadline=None)
    def test_the_time_convolution_is_a_plain_one_at_any_length(self, T, k, dilation, causal, H):
        conv, reach = TimeConv3d(3, k, dilation, causal), dilation * (k - 1)
        x = torch.rand(2, 3, T, H, H)
        both_sides = F.conv3d(x, conv.weight, conv.bias, padding=(reach, 0, 0), dilation=(dilation, 1, 1))
        first = 0 if causal else reach // 2
        torch.testing.assert_close(conv(x), both_sides[:, :, first : first + T])

    @given(
        st.tuples(*[st.integers(1, 3)] * 3), st.booleans(), st.sampled_from(["gelu", "gated"]),
        st.sampled_from(["none", "dynamic"]), st.integers(1, 3),
    )  # fmt: skip
    @settings(max_examples=20, deadline=None)
    def test_a_block_that_repeats_is_an_upsampling_and_the_block(self, factors, causal, activation, modulation, T):
        stage = Stage(4, dilation=2, causal=causal, activation=activation, modulation=modulation)
        plain = with_open_head(Block(stage)).double()
        repeating, x = deepcopy(plain), torch.randn(2, 4, T, 3, 2, dtype=torch.double)
        repeating.repeating(*factors)
        torch.testing.assert_close(repeating(x), plain(nn.Upsample(scale_factor=factors)(x)))
        assert repeating.state_dict().keys() == plain.state_dict().keys()

    def test_stages_set_width_and_grid(self):
        trunk = Backbone3D(3, [Stage(8, 2), Stage(8, 1, (2, 1, 1)), Stage(16, 1, (1, 2, 3))])
        assert sum(isinstance(m, Block) for m in trunk.modules()) == 4
        assert trunk(torch.rand(2, 3, 8, 4, 6)).shape == (2, 16, 4, 2, 2)


class TestAutoencoder:
    @given(st.integers(1, 2), st.integers(1, 2), sizes, sizes, sizes)
    @settings(max_examples=20, deadline=None)
    def test_any_window_comes_back_in_its_own_shape(self, B, C, T, H, W):
        x = torch.rand(B, C, T, H, W)
        recon = small_model(C)(x)
        assert recon.shape == x.shape
        assert recon.isfinite().all()

    def test_padding_inside_is_padding_outside(self):
        model, x = small_model(), torch.rand(2, 1, 7, 9, 10)
        deviation = pad_to_multiple(x - temporal_background(x), model.multiple)
        latent = model.bottleneck(model.backbone(model.embed(deviation)))
        torch.testing.assert_close(model.encode(x), latent)
        expected = temporal_background(x) + model.decode(latent)[:, :, :7, :9, :10]
        torch.testing.assert_close(model(x), expected)

    def test_an_untrained_model_gives_the_background(self):
        x = torch.rand(2, 1, 8, 16, 16)
        assert torch.equal(default_model()(x), temporal_background(x).expand_as(x))

    def test_the_default_is_small_and_has_a_bottleneck(self):
        model, x = default_model(), torch.rand(1, 1, 32, 112, 112)
        assert 1e5 <= sum(p.numel() for p in model.parameters()) <= 1e6
        with torch.inference_mode():
            passed_on = model.encode(x).numel() + temporal_background(x).numel()
        assert 8 * passed_on <= x.numel()

    def test_the_output_may_exceed_the_range_of_a_sigmoid(self):
        model, x = default_model(), torch.full((1, 1, 8, 16, 16), 1.7)
        torch.testing.assert_close(model(x), x)

    @given(
        st.integers(1, 40),
        st.integers(1, 2),
        st.lists(st.tuples(st.integers(1, 4), st.sampled_from([1, 3, 5])), min_size=1, max_size=3),
    )
    @settings(max_examples=25, deadline=None)
    def test_min_temporal_depth_is_what_the_kernels_meet(self, T, patch_frames, layout):
        stages = [Stage(2, stride=(stride, 1, 1), kernel=(k, 1, 1)) for stride, k in layout]
        model = ConvAutoencoder3D(1, (patch_frames, 1, 1), stages, 1)
        met: list[int] = []
        for module in model.modules():
            if isinstance(module, TimeConv3d) and module.kernel_size[0] > 1:
                module.register_forward_pre_hook(lambda _, inputs: met.append(inputs[0].shape[2]))
        model(torch.rand(1, 1, T, 2, 2))
        if met:
            assert model.min_temporal_depth(T) == min(met)

    def test_the_default_is_deep_enough_in_time_at_32_frames(self):
        assert default_model().min_temporal_depth(32) >= 4


class TestYan2020:
    def test_has_the_published_number_of_parameters(self):
        assert sum(p.numel() for p in Yan2020(1).parameters()) == 5_531_009

    @pytest.mark.parametrize("shape", [(1, 8, 16, 16), (2, 5, 13, 9)])
    def test_gives_the_shape_of_its_input_between_0_and_1(self, shape):
        x = torch.rand(1, *shape)
        with torch.inference_mode():
            recon = Yan2020(shape[0]).eval()(x)
        assert recon.shape == x.shape
        assert 0 < recon.min() <= recon.max() < 1

    def test_min_temporal_depth_is_that_of_the_latent(self):
        model = Yan2020(1).eval()
        with torch.inference_mode():
            latent = model.encode(torch.rand(1, 1, 17, 8, 8))
        assert model.min_temporal_depth(17) == latent.shape[2] == 3
        assert model.min_temporal_depth(32) == 4


class TestBuild:
    @pytest.mark.parametrize("name", [name for name in models.MODELS if name not in (*FOR_SERIES, "vetime")])
    def test_every_model_of_frames_is_built(self, name):
        model = models.build(model_config(name), 2).eval()
        with torch.inference_mode():
            latent = model.encode(torch.rand(1, 2, 8, 8, 8))
        assert latent.shape[2:] == tuple(8 // m for m in model.multiple)
        assert list(range(8)[model.answers(8)]) == ([7] if name == "prediction" else list(range(8)))

    def test_settings_need_only_the_attributes(self):
        stages = [SimpleNamespace(**asdict(Stage(4, stride=(2, 2, 2))))]
        asked = SimpleNamespace(name="autoencoder", patch=[1, 2, 2], stages=stages, latent_channels=2)
        assert models.build(asked, 1)(torch.rand(1, 1, 4, 8, 8)).shape == (1, 1, 4, 8, 8)

    def test_an_unknown_name_lists_the_known_ones(self):
        with pytest.raises(ValueError, match=r"'yan2021' is unknown; known are autoencoder, .*prediction, yan2020"):
            models.build(SimpleNamespace(name="yan2021"), 1)


class TestBatches:
    @pytest.mark.parametrize("training", [True, False])
    def test_a_sample_does_not_depend_on_its_batch_mates(self, training):
        model = small_model().train(training)
        x = torch.rand(3, 1, 8, 12, 12)
        mates = torch.cat([x[:1], 100 * torch.rand(2, 1, 8, 12, 12)])
        torch.testing.assert_close(model(x)[:1], model(mates)[:1])
        torch.testing.assert_close(model(x)[:1], model(x[:1]))


class TestMemoryFormat:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_every_layer_stays_in_channels_last(self, dtype, two_threads):
        model = with_open_head(default_model()).to(memory_format=CHANNELS_LAST)
        fallen_back, seen = [], []

        def look(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
            seen.append(type(module))
            if not output.is_contiguous(memory_format=CHANNELS_LAST):
                fallen_back.append(module)

        for module in model.modules():
            module.register_forward_hook(look)
        x = torch.rand(2, 1, 8, 32, 48).contiguous(memory_format=CHANNELS_LAST)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            model(x)
        assert {nn.Conv3d, TimeConv3d, ChannelNorm, Block, nn.Upsample} <= set(seen)
        assert not fallen_back

    def test_contiguous_and_channels_last_give_the_same(self):
        model, x = small_model(2), torch.rand(2, 2, 8, 12, 12)
        expected = model(x)
        last = model.to(memory_format=CHANNELS_LAST)(x.contiguous(memory_format=CHANNELS_LAST))
        torch.testing.assert_close(last, expected, rtol=1e-4, atol=1e-5)


def gradients_of(model: nn.Module, x: torch.Tensor, bf16: bool) -> dict[str, torch.Tensor]:
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        recon = model(x)
    F.mse_loss(recon.float(), x).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


# Depth 2 under a kernel of 3: where a plain Conv3d gives garbage on CPUs with AVX512_BF16 and without AMX.
SHORT_WINDOW = """
import torch
from models.backbone3d import TimeConv3d

def error(k, T):
    conv = TimeConv3d(48, k).to(memory_format=torch.channels_last_3d)
    x = torch.randn(4, 48, T, 8, 8).contiguous(memory_format=torch.channels_last_3d)
    upstream, gradients = torch.randn(4, 48, T, 8, 8), []
    for bf16 in (False, True):
        conv.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            y = conv(x)
        y.backward(upstream.to(y.dtype))
        gradients.append(conv.weight.grad.clone())
    return float((gradients[1] - gradients[0]).norm() / gradients[0].norm())

torch.manual_seed(0)
for k, T in ((3, 2), (5, 2), (5, 4), (7, 6)):
    for _ in range(5):
        assert error(k, T) < 0.02, (k, T)
"""


@pytest.mark.skipif(not HAS_BF16, reason="this CPU can't run bfloat16 convolutions")
class TestLowPrecision:
    @pytest.mark.parametrize("T", [32, 8])
    def test_gradients_in_bfloat16_are_those_of_float32(self, T):
        model = with_open_head(default_model()).to(memory_format=CHANNELS_LAST)
        x = blob_windows(2, T, 64)
        expected = gradients_of(model, x, bf16=False)
        largest = max(g.norm() for g in expected.values())
        for _ in range(3):  # what is read from uninitialised memory changes from try to try
            for name, gradient in gradients_of(model, x, bf16=True).items():
                assert gradient.isfinite().all(), name
                assert (gradient - expected[name]).norm() < 0.1 * expected[name].norm() + 1e-3 * largest, name

    def test_short_windows_are_right_on_the_kernels_that_read_past_their_input(self):
        forced = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", SHORT_WINDOW]
        done = subprocess.run(command, cwd=ROOT, env=forced, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def trained() -> tuple[nn.Module, nn.Module, torch.Tensor]:
    """A small model before and after 120 steps on drifting blobs, and windows of them it was not trained on."""
    torch.manual_seed(0)
    windows = blob_windows(24)
    untrained = ConvAutoencoder3D(1, (1, 4, 4), (Stage(16), Stage(32, stride=(2, 2, 2))), 8)
    model = deepcopy(untrained)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for step in range(120):
        x = windows[(4 * step) % 20 : (4 * step) % 20 + 4]
        loss = F.mse_loss(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return untrained, model, windows[20:]


class TestLearning:
    def test_every_parameter_changes(self, trained):
        untrained, model, _ = trained
        for (name, before), after in zip(untrained.named_parameters(), model.parameters(), strict=True):
            assert not torch.equal(before, after), name

    def test_the_residual_falls_well_below_the_natural_variation(self, trained):
        untrained, model, x = trained
        with torch.inference_mode():
            variation, residual = F.mse_loss(untrained(x), x), F.mse_loss(model(x), x)
        assert residual < 0.3 * variation
        assert residual > 0

    def test_planted_flashes_stand_out_more_than_before_training(self, trained):
        untrained, model, x = trained
        y, z = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
        flash = torch.exp(-((y - 12) ** 2 + (z - 12) ** 2) / 4)
        planted = x.clone()
        planted[:, :, 7] += 0.5 * flash
        contrasts = []
        for net in (untrained, model):
            with torch.inference_mode():
                residual = (net(planted) - planted).abs()
            assert residual.std() > 0
            contrasts.append(residual[:, :, 7, flash > 0.5].mean() / residual[:, :, 7, flash < 0.01].quantile(0.99))
        assert contrasts[1] > 1.2 * contrasts[0]


def test_strides_multiply_along_the_axes():
    model = ConvAutoencoder3D(1, (2, 4, 4), (Stage(4, stride=(1, 2, 2)), Stage(4, stride=(3, 1, 2))), 2)
    assert model.multiple == (6, 8, 16)
    x = torch.rand(1, 1, 6, 8, 16)
    assert model.encode(x).shape == (1, 2, 1, 1, 1)
    assert prod(model.encode(x).shape) == 2
