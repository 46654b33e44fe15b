"""Parts of the series models against their equations: the cube, modulation, periods, instance norm, interpolation."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

import config
from models.backbone3d import Block, ChannelNorm, Modulation, Stage
from models.series.series_model import SMALLEST_SPREAD, interpolate
from models.series.timesnet import GatheredBlock, PeriodBlock, TimesNetTrunk, strongest_periods
from models.series.tvnet import TVNetTrunk, from_cube, to_cube
from tests.support.nets import with_open_head
from tests.support.series_models import EVERY, C, T, opened, output_of, small, windows

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class TestCube:
    @given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), st.sampled_from([1, 2, 4, 6, 10]))
    @settings(max_examples=40)
    def test_rows_are_even_and_odd_samples_and_the_way_back_is_exact(self, B, channels, N, P):
        series = torch.rand(B, channels, N * P)
        cube = to_cube(series, P)
        rows = 1 if P == 1 else 2
        assert cube.shape == (B, channels, N, rows, P // rows)
        for b, c, n, row, column in np.ndindex(*cube.shape):
            assert cube[b, c, n, row, column] == series[b, c, n * P + rows * column + row]
        assert torch.equal(from_cube(cube), series)
        assert torch.equal(to_cube(from_cube(cube), P), cube)

    @pytest.mark.parametrize("mix", [True, False])
    @given(t=st.integers(0, T - 1), c=st.integers(0, C - 1), patch=st.sampled_from([1, 4, 8]))
    @settings(max_examples=20)
    def test_an_impulse_touches_only_its_place_in_its_patch_through_the_embedding(self, mix, t, c, patch):
        model = small("tvnet", "anomaly", patch=[patch, 1, 1], mix_variables=mix, instance_norm=False)
        cubes: list[torch.Tensor] = []
        model.trunk.backbone.register_forward_pre_hook(lambda _, inputs: cubes.append(inputs[0]))
        x = windows(2)
        impulse = x.clone()
        impulse[1, c, t] += 2
        model(x), model(impulse)
        rows = 1 if patch == 1 else 2
        expected = torch.zeros_like(cubes[0])
        sample = 1 if mix else C + c
        weight = model.embed.weight[:, c if mix else 0, 0]
        expected[sample, :, t // patch, t % patch % rows, t % patch // rows] = 2 * weight
        torch.testing.assert_close(cubes[1] - cubes[0], expected, rtol=0, atol=1e-5)

    @pytest.mark.parametrize("length", [1, 7, 8, 13])
    def test_a_length_that_is_no_multiple_ends_as_if_its_last_sample_went_on(self, length):
        trunk = with_open_head(TVNetTrunk(8, 8, [config.StageConfig(8, modulation="dynamic")]))
        series = torch.rand(2, 8, length)
        longer = torch.cat([series, series[..., -1:].expand(-1, -1, -length % 8)], -1)
        assert longer.shape[-1] % 8 == 0
        assert torch.equal(trunk(series), trunk(longer)[..., :length])


class TestModulation:
    def test_alpha_is_that_of_the_equations(self):
        modulation, x = with_open_head(Modulation(5)), torch.randn(2, 5, 4, 2, 3)
        alpha = modulation(x)[..., 0, 0].detach().numpy()
        weights = {name: p.detach().numpy() for name, p in modulation.named_parameters()}
        for b, frames in enumerate(x.numpy()):
            means = frames.mean((2, 3))  # (C, T)
            inter = weights["inter.weight"][:, :, 0] @ means.mean(1) + weights["inter.bias"]
            for t in range(4):
                local = weights["intra.weight"][:, :, 0] @ means[:, t] + weights["intra.bias"]
                local = (local - local.mean()) / np.sqrt(local.var() + 1e-5)
                expected = 1 + np.maximum(inter, 0) + np.maximum(local, 0)
                np.testing.assert_allclose(alpha[b, :, t], expected, rtol=1e-4)

    def test_a_block_convolves_every_time_step_with_weights_of_its_own(self):
        block, x = with_open_head(Block(Stage(4, modulation="dynamic"))), torch.randn(3, 4, 5, 2, 6)
        normed = block.norm(x)
        alpha = block.modulation(normed)
        assert alpha.std() > 0.1
        inner = torch.empty_like(x)
        for b in range(3):
            for t in range(5):
                scale = alpha[b, :, t, 0, 0]
                weight = scale[:, None, None, None] * block.space.weight[:, :, 0]
                inner[b, :, t] = F.conv2d(normed[b, :, t], weight, scale * block.space.bias, padding=1)
        torch.testing.assert_close(block(x), x + block.time(F.gelu(inner)), rtol=1e-4, atol=1e-5)

    def test_gradients_reach_its_convolutions(self):
        model = opened("tvnet", "anomaly")
        model(windows(4)).square().mean().backward()
        reached = {name: p.grad.abs().max() for name, p in model.named_parameters() if ".modulation." in name}
        assert len(reached) == 8
        assert min(reached.values()) > 0, reached


class TestInstanceNorm:
    @given(st.floats(0.1, 1e3), st.floats(-1e3, 1e3), st.integers(2, 40), st.integers(0, 99))
    @settings(max_examples=40)
    def test_is_reversible_and_gives_mean_0_and_spread_1(self, scale, offset, length, seed):
        torch.manual_seed(seed)
        values = (scale * torch.randn(2, C, length) + offset).double()
        normed, mean, spread = small("tvnet", "anomaly").normalise(values)
        torch.testing.assert_close(normed * spread + mean, values)
        expected = np.sqrt(values.numpy().var(2) + SMALLEST_SPREAD**2)
        np.testing.assert_allclose(spread[..., 0], expected, rtol=1e-6)
        np.testing.assert_allclose(mean[..., 0], values.numpy().mean(2), rtol=1e-6, atol=1e-9)

    @given(st.integers(0, 99), st.floats(0, 1))
    @settings(max_examples=30)
    def test_counts_only_what_is_visible(self, seed, share):
        torch.manual_seed(seed)
        values, visible = torch.randn(2, C, T).double(), torch.rand(2, C, T) < share
        _, mean, spread = small("tvnet", "impute").normalise(values, visible)
        for b, c in np.ndindex(2, C):
            seen = values[b, c][visible[b, c]].numpy()
            seen = seen if len(seen) else np.zeros(1)
            assert mean[b, c].item() == pytest.approx(seen.mean(), abs=1e-9)
            assert spread[b, c].item() == pytest.approx(np.sqrt(seen.var() + SMALLEST_SPREAD**2), abs=1e-9)

    @pytest.mark.parametrize(("name", "task"), EVERY)
    def test_other_units_give_the_same_in_other_units(self, name, task):
        model, x = opened(name, task).double().eval(), windows(4).double()
        scale, offset = (torch.tensor(v, dtype=torch.float64).view(1, C, 1, 1, 1) for v in ([2, 30, 0.5], [-4, 9, 0]))
        own, other = output_of(model, x), output_of(model, scale * x + offset)
        expected = own if task == "classify" else scale * own + offset
        torch.testing.assert_close(other, expected, rtol=1e-3, atol=1e-3)  # no more, because of SMALLEST_SPREAD
        without = opened(name, task, instance_norm=False).double().eval()
        wrong = output_of(without, x) if task == "classify" else scale * output_of(without, x) + offset
        if name != "linear":
            assert not torch.allclose(output_of(without, scale * x + offset), wrong, rtol=0.01, atol=0.01)

    @pytest.mark.parametrize("norm", [True, False])
    @pytest.mark.parametrize(("name", "task"), EVERY)
    def test_constant_variables_and_zeros_give_finite_output_and_gradients(self, name, task, norm):
        model = opened(name, task, instance_norm=norm)
        x = torch.cat([torch.zeros(1, C, T, 1, 1), windows(1)])
        x[1, 1] = 5.0
        x.requires_grad_()
        for training in (True, False):
            model.zero_grad()
            output = output_of(model.train(training), x)
            output.square().sum().backward()
            assert output.isfinite().all()
            assert x.grad.isfinite().all()
            assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


class TestInterpolation:
    @given(st.integers(1, 30), st.floats(0, 1), st.integers(0, 10_000))
    @settings(max_examples=150)
    def test_is_that_of_numpy(self, length, share, seed):
        random = np.random.default_rng(seed)
        values, hidden = random.normal(size=(2, 2, length)), random.random((2, 2, length)) < share
        found = interpolate(torch.from_numpy(values), torch.from_numpy(hidden)).numpy()
        for b, c in np.ndindex(2, 2):
            gone, at = hidden[b, c], np.arange(length)
            expected = np.zeros(length) if gone.all() else np.interp(at, at[~gone], values[b, c][~gone])
            np.testing.assert_allclose(found[b, c], expected, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize(
        ("gone", "expected"),
        [((), [5, 1, 2, 9]), ((0, 1), [2, 2, 2, 9]), ((3,), [5, 1, 2, 2]), ((1, 2), [5, 19 / 3, 23 / 3, 9])],
    )
    def test_goes_straight_from_neighbour_to_neighbour_and_holds_the_ends(self, gone, expected):
        hidden = torch.zeros(1, 1, 4, dtype=torch.bool)
        hidden[..., list(gone)] = True
        found = interpolate(torch.tensor([[[5.0, 1, 2, 9]]]).masked_fill(hidden, torch.nan), hidden)
        np.testing.assert_allclose(found[0, 0], expected, rtol=1e-6)


class TestTimesNet:
    def test_finds_the_periods_of_sines_of_every_sample(self):
        t, expected = torch.arange(96.0), [(4, 32), (12, 6), (48, 8), (24, 3)]
        rows = [torch.sin(2 * torch.pi * t / a) + 0.4 * torch.cos(2 * torch.pi * t / b) + 9 for a, b in expected]
        x = torch.stack([torch.stack([row, row.roll(5)]) for row in rows])  # (B, 2, 96)
        periods, amplitudes = strongest_periods(x, 2)
        assert periods.tolist() == [list(pair) for pair in expected]
        np.testing.assert_allclose(amplitudes, np.tile([48, 0.4 * 48], (4, 1)), rtol=1e-3)
        for b in range(4):
            assert torch.equal(strongest_periods(x[b : b + 1], 2)[0], periods[b : b + 1])

    @given(st.integers(4, 60), st.data())
    @settings(max_examples=30)
    def test_a_period_that_is_no_whole_number_is_rounded_up(self, length, data):
        cycles = data.draw(st.integers(1, (length - 1) // 2))
        x = torch.sin(2 * torch.pi * cycles * torch.arange(length) / length + 1).view(1, 1, length)
        assert strongest_periods(x, 1)[0].item() == math.ceil(length / cycles)

    def test_more_periods_than_there_are_frequencies_are_all_of_them(self):
        assert strongest_periods(torch.rand(2, 3, 6), 10)[0].sort(1).values.tolist() == [[2, 3, 6]] * 2
        assert strongest_periods(torch.rand(2, 3, 1), 10)[0].shape == (2, 0)

    def test_a_block_mixes_neighbours_in_time_and_in_phase(self):
        length = 14  # not a multiple of every period
        block, x = with_open_head(PeriodBlock(4, top=2)), torch.randn(3, 4, length)
        periods, amplitudes = strongest_periods(x, 2)
        assert len(periods.unique()) > 2
        expected = x.clone()
        for b in range(3):
            for period, weight in zip(periods[b].tolist(), amplitudes[b].softmax(0), strict=True):
                expected[b] += weight * folded_slowly(block.block, x[b], period)
        torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-5)

    @given(st.integers(2, 40), st.integers(1, 4), st.integers(0, 2**31))
    @settings(max_examples=30)
    def test_gathering_is_folding(self, length, top, seed):
        torch.manual_seed(seed)
        block, x = with_open_head(PeriodBlock(4, top)), torch.randn(3, 4, length)
        gathered = trunk_of(block).portable().blocks[0]
        assert isinstance(gathered, GatheredBlock)
        # Sums of 36 products of values of about 1 in float32, in another order.
        torch.testing.assert_close(gathered(x), block(x), rtol=1e-5, atol=1e-5)


def trunk_of(block: PeriodBlock) -> TimesNetTrunk:
    trunk = TimesNetTrunk(4, 1, block.top)
    trunk.blocks = torch.nn.Sequential(block)
    return trunk


def folded_slowly(block: Block, x: torch.Tensor, period: int) -> torch.Tensor:
    """What a block adds to one series (C, T): each sample looks one sample and one period back and ahead."""
    normed, length, added = ChannelNorm(x.shape[0])(x[None, ..., None, None])[0, ..., 0, 0], x.shape[1], []
    for t in range(length):
        inner = block.space.bias.clone()
        for cycles in (-1, 0, 1):
            for samples in (-1, 0, 1):
                other = t + cycles * period + samples
                if 0 <= other < length and 0 <= t % period + samples < period:
                    inner = inner + block.space.weight[:, :, 0, cycles + 1, samples + 1] @ normed[:, other]
        added.append(block.time.weight[:, :, 0, 0, 0] @ F.gelu(inner) + block.time.bias)
    return torch.stack(added, 1)
