"""The series models: nothing hidden leaks, no sample meets another, and no variable another's place."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import config
import models
from inference.tasks.forecast import last_value
from models.backbone3d import Modulation
from models.masked import block_turns
from models.series.series_model import interpolate
from tests.support.nets import with_open_head
from tests.support.series_models import BOTH, EVERY, C, T, opened, output_of, small, stage_of, windows
from tests.support.trainings import model_config

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


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
