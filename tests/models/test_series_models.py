"""The series models: no axis is scrambled, nothing hidden leaks, no sample meets another, and every task is learnt."""

import math
from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import config
import models
from inference.tasks.forecast import last_value
from models.backbone3d import Block, ChannelNorm, Modulation, Stage
from models.masked import block_turns
from models.series.series_model import SMALLEST_SPREAD, Logits, interpolate
from models.series.timesnet import PeriodBlock, strongest_periods
from models.series.tvnet import TVNetTrunk, from_cube, to_cube
from tests.models.test_models import with_open_head
from tests.support.trainings import fitting, model_config

T, C = 24, 3
TASKS = ("anomaly", "forecast", "impute", "classify")
BOTH = ("tvnet", "timesnet")
EVERY = [*[(name, task) for name in BOTH for task in TASKS], ("linear", "forecast")]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def stage_of(name: str, width: int = 8) -> dict:
    """Two blocks; those of timesnet have no modulation."""
    return {"width": width, "depth": 2, "modulation": "none" if name == "timesnet" else "dynamic"}


def small(name: str, task: str, *, channels: int = C, length: int = T, **changed) -> nn.Module:
    stages = [stage_of(name)]
    chosen = {"task": task, "stages": stages, "predict_frames": 6, "mask_block": [2, 1, 1]} | changed
    return models.build(config.load(None, {"model": fitting(name, chosen)}).model, channels, length, classes=3)


def opened(name: str, task: str, **changed) -> nn.Module:
    """A small model as it is after a first step: what begins at zero would hide most mistakes."""
    return with_open_head(small(name, task, **changed))


def windows(n: int, length: int = T, channels: int = C) -> torch.Tensor:
    return torch.rand(n, channels, length, 1, 1)


def output_of(model: nn.Module, x: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """What the model gives, with the chance of `seed` where it has any."""
    torch.manual_seed(seed)
    output = model.trained(x).reconstruction if model.training else model(x)
    return output.logits if isinstance(output, Logits) else output


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


class TestBatches:
    @pytest.mark.parametrize("training", [True, False])
    @pytest.mark.parametrize(("name", "task"), EVERY)
    def test_a_sample_does_not_depend_on_its_batch_mates(self, name, task, training):
        model, x = opened(name, task).train(training), windows(1)
        alone = output_of(model, x)
        for count in (8, 32):
            mates = torch.cat([x, 10 * torch.randn(count - 1, C, T, 1, 1)])
            torch.testing.assert_close(output_of(model, mates)[:1], alone, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("training", [True, False])
    def test_nor_does_a_clip_of_a_video_with_dynamic_modulation(self, training):
        first = stage_of("autoencoder")
        chosen = {"stages": [first, first | {"stride": [2, 2, 2]}], "patch": [1, 2, 2]}
        model = with_open_head(models.build(config.load(None, {"model": chosen}).model, 1)).train(training)
        assert sum(isinstance(module, Modulation) for module in model.modules()) > 4
        clips = torch.rand(32, 1, 4, 8, 8)
        for count in (8, 32):
            mates = torch.cat([clips[:1], 100 * clips[1:count]])
            torch.testing.assert_close(model(mates)[:1], model(clips[:1]), rtol=1e-4, atol=1e-5)


def fill_or_run(model: nn.Module, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    """Values (B, C, T), or logits; an imputing model is told which values are hidden."""
    if hasattr(model, "fill"):
        return model.fill(x[..., 0, 0], hidden)
    output = output_of(model, x)
    return output if output.ndim == 2 else output[..., 0, 0]


class TestVariables:
    ORDER = (2, 0, 1)

    @pytest.mark.parametrize("task", ["anomaly", "forecast", "impute"])
    @pytest.mark.parametrize("name", BOTH)
    def test_permuted_with_their_weights_they_permute_the_output_and_nothing_else(self, name, task):
        model, order = opened(name, task), list(self.ORDER)
        permuted = deepcopy(model)
        inputs = [part * C + c for part in range(model.embed.in_channels // C) for c in order]
        permuted.embed.weight.data = model.embed.weight.data[:, inputs]
        for parameter, own in zip(permuted.head.parameters(), model.head.parameters(), strict=True):
            parameter.data = own.data[order]
        x, hidden = windows(4), torch.rand(4, C, T) < 0.3
        expected = fill_or_run(model, x, hidden)[:, order]
        found = fill_or_run(permuted, x[:, order], hidden[:, order])
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(fill_or_run(model, x[:, order], hidden[:, order]), expected, atol=1e-2)

    @pytest.mark.parametrize("name", BOTH)
    def test_logits_do_not_depend_on_the_order_of_variables_and_their_weights(self, name):
        model, order = opened(name, "classify"), list(self.ORDER)
        permuted, x = deepcopy(model), windows(4)
        permuted.embed.weight.data = model.embed.weight.data[:, order]
        torch.testing.assert_close(output_of(permuted, x[:, order]), output_of(model, x), rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize(("name", "task"), [pair for pair in EVERY if pair[1] != "classify"])
    def test_alone_each_gives_the_same_wherever_it_stands(self, name, task):
        model, order = opened(name, task, mix_variables=False), list(self.ORDER)
        x, hidden = windows(4), torch.rand(4, C, T) < 0.3
        expected = fill_or_run(model, x, hidden)
        found = fill_or_run(model, x[:, order], hidden[:, order])
        torch.testing.assert_close(found, expected[:, order], rtol=0, atol=1e-6)
        other = x.clone()
        other[:, 1:] = 7 * torch.rand(4, C - 1, T, 1, 1)
        torch.testing.assert_close(fill_or_run(model, other, hidden)[:, 0], expected[:, 0], rtol=0, atol=1e-6)


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


class TestImpute:
    @pytest.mark.parametrize("mix", [True, False])
    @pytest.mark.parametrize("name", BOTH)
    @given(st.floats(0, 1), st.integers(0, 99))
    @settings(max_examples=10)
    def test_what_is_filled_does_not_depend_on_what_it_held(self, name, mix, share, seed):
        model, values = opened(name, "impute", mix_variables=mix), windows(2)[..., 0, 0]
        torch.manual_seed(seed)
        hidden = torch.rand(2, C, T) < share
        filled = model.fill(values, hidden)
        assert torch.equal(filled[~hidden], values[~hidden])
        for other in (torch.randn_like(values), torch.full_like(values, torch.nan)):
            assert torch.equal(model.fill(torch.where(hidden, other, values), hidden), filled)

    @pytest.mark.parametrize("name", BOTH)
    def test_training_counts_only_what_it_hid_and_what_was_hidden_does_not_matter(self, name):
        model, x = opened(name, "impute", mask_fraction=0.25), windows(2)
        torch.manual_seed(3)
        filled, _, weight = model.trained(x)
        hidden = (weight > 0).expand_as(x)
        assert hidden.float().mean() == 0.25
        assert torch.equal(hidden[0, :, 0::2], hidden[0, :, 1::2])  # blocks of two samples
        assert torch.equal(filled[~hidden], x[~hidden])
        other = torch.where(hidden, torch.randn_like(x), x)
        torch.manual_seed(3)
        changed = model.trained(other).reconstruction
        assert torch.equal(changed[hidden], filled[hidden])
        torch.manual_seed(4)
        assert not torch.equal(model.trained(x).weight, weight)

    @pytest.mark.parametrize("fraction", [0.125, 0.25, 0.5])
    @pytest.mark.parametrize("name", BOTH)
    def test_in_evaluation_no_value_decides_on_its_own_output(self, name, fraction):
        model, x = opened(name, "impute", mask_fraction=fraction).eval(), windows(2)
        folds = round(1 / fraction)
        turns = block_turns((T, C, 1), (2, 1, 1), folds)[0, 0, ..., 0].T[None, ..., None, None].expand_as(x)
        output = model(x)
        assert (output != x).all()
        for fold in range(folds):
            changed = model(torch.where(turns == fold, torch.randn_like(x), x))
            assert torch.equal(changed[turns == fold], output[turns == fold])
            assert (changed[turns != fold] != output[turns != fold]).float().mean() > 0.5

    def test_the_trunk_sees_lines_in_units_of_what_is_visible_and_where_it_is_hidden(self):
        model, values, hidden = opened("tvnet", "impute"), windows(2)[..., 0, 0], torch.rand(2, C, T) < 0.4
        seen: list[torch.Tensor] = []
        model.embed.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        model.fill(values, hidden)
        known, hint = seen[0].split(C, 1)
        assert torch.equal(hint, hidden.float())
        for b, c in np.ndindex(2, C):
            visible = values[b, c][~hidden[b, c]]
            expected = (interpolate(values, hidden)[b, c] - visible.mean()) / visible.std(correction=0)
            torch.testing.assert_close(known[b, c], expected, rtol=1e-3, atol=1e-3)

    def test_untrained_it_draws_straight_lines(self):
        values, hidden = windows(2)[..., 0, 0], torch.rand(2, C, T) < 0.4
        torch.testing.assert_close(small("tvnet", "impute").fill(values, hidden), interpolate(values, hidden))


class TestForecast:
    @pytest.mark.parametrize("training", [True, False])
    @pytest.mark.parametrize("name", [*BOTH, "linear"])
    def test_what_is_forecast_does_not_depend_on_itself_but_on_the_past(self, name, training):
        model, x = opened(name, "forecast").train(training), windows(2)
        ahead = model.answers(T)
        assert range(T)[ahead] == range(T - 6, T)
        output = model(x)
        assert torch.equal(output[:, :, : T - 6], x[:, :, : T - 6])
        for other in (torch.randn_like(x), torch.full_like(x, torch.nan)):
            changed = x.clone()
            changed[:, :, ahead] = other[:, :, ahead]
            assert torch.equal(model(changed), output)
            if name != "linear":
                assert torch.equal(model.encode(changed), model.encode(x))
        past = x.clone()
        past[:, :, T - 7] += 0.1
        assert (model(past)[:, :, ahead] != output[:, :, ahead]).all()

    @pytest.mark.parametrize("name", [*BOTH, "linear"])
    def test_untrained_it_repeats_the_last_value(self, name):
        x = windows(2)
        expected = last_value(x[..., 0, 0].transpose(1, 2).numpy()[:, : T - 6], 6, period=1)
        found = small(name, "forecast")(x)[:, :, T - 6 :, 0, 0].transpose(1, 2).detach()
        np.testing.assert_allclose(found, expected, atol=1e-6)

    def test_the_linear_part_is_one_matrix_over_time_for_all_variables(self):
        model, x = opened("linear", "forecast", instance_norm=False), windows(2)
        for b, c in np.ndindex(2, C):
            past = x[b, c, : T - 6, 0, 0]
            expected = past[-1] + model.line.weight @ (past - past[-1]) + model.line.bias
            torch.testing.assert_close(model(x)[b, c, T - 6 :, 0, 0], expected)


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


class TestShapes:
    @pytest.mark.parametrize("mix", [True, False])
    @pytest.mark.parametrize(("name", "task"), EVERY)
    def test_latents_have_a_place_for_every_sample(self, name, task, mix):
        model = small(name, task, mix_variables=mix)
        if name == "linear":
            with pytest.raises(ValueError, match=r"linear in its values has no latents; .* eval.score standardised"):
                model.encode(windows(2))
        else:
            assert model.encode(windows(2)).shape == (2, 8 if mix else 8 * C, T, 1, 1)

    @pytest.mark.parametrize("mix", [True, False])
    @pytest.mark.parametrize("name", BOTH)
    def test_logits_are_one_for_each_class(self, name, mix):
        assert small(name, "classify", mix_variables=mix)(windows(5)).logits.shape == (5, 3)

    @pytest.mark.parametrize("name", BOTH)
    @given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 40))
    @settings(max_examples=15)
    def test_any_window_comes_back_in_its_own_shape(self, name, B, channels, length):
        x = windows(B, length, channels)
        output = opened(name, "anomaly", channels=channels)(x)
        assert output.shape == x.shape
        assert output.isfinite().all()

    def test_the_default_trunk_is_as_wide_as_the_rule_of_the_paper(self):
        for channels, width in ((1, 32), (38, 32), (2**20, 40)):
            model = models.build(model_config("tvnet"), channels)
            assert model.trunk.width == width == min(max(2 * int(np.log2(channels)), 32), 128)
            assert sum(isinstance(module, Modulation) for module in model.modules()) == 3


class TestErrors:
    @pytest.mark.parametrize(
        ("name", "task", "changed", "said"),
        [
            ("tvnet", "anomaly", {"patch": [3, 1, 1]}, r"model.patch begins with 3 .* an even number, or 1"),
            ("tvnet", "anomaly", {"stages": [{"width": 8, "stride": [2, 1, 1]}]}, r"model.stages .* without stride"),
            ("tvnet", "forecast", {"predict_frames": T}, r"model.predict_frames 24 .* of 24 .* prep.clip_length"),
            ("linear", "anomaly", {}, r"task .anomaly.: linear only does forecast; this is for .*tvnet, timesnet"),
        ],
    )
    def test_an_impossible_setting_is_named_with_the_way_out(self, name, task, changed, said):
        with pytest.raises(ValueError, match=said):
            small(name, task, **changed)

    def test_one_class_is_too_few(self):
        asked = config.load(None, {"model": {"name": "tvnet", "task": "classify"}}).model
        with pytest.raises(ValueError, match=r"model.task classify needs .* two classes, found 1; set prep.classes"):
            models.build(asked, C, T, classes=1)

    @pytest.mark.parametrize("name", [*BOTH, "linear"])
    def test_frames_of_more_pixels_are_refused(self, name):
        small(name, "forecast").check((T, 1, 1))
        with pytest.raises(ValueError, match=r"have 24x1 pixels; choose another model.name, .* prep.light_curves"):
            small(name, "forecast").check((T, 24, 1))

    def test_a_block_that_hides_all_of_a_variable_is_refused(self):
        small("tvnet", "impute", mask_block=[T - 1, 1, 1]).check((T, 1, 1))
        with pytest.raises(ValueError, match=r"model.mask_block begins with 24 .* windows of 24 samples; choose fewer"):
            small("tvnet", "impute", mask_block=[T, 1, 1]).check((T, 1, 1))

    def test_a_task_is_not_for_models_of_frames(self):
        with pytest.raises(config.ConfigError, match=r"masked only does anomaly; this is for tvnet, timesnet$"):
            config.load(None, {"model": {"name": "masked", "task": "impute"}})
