"""The variants of the autoencoder: each does what it says and hides what it hides."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.distributions import Normal, kl_divergence

import models
from models.embed import temporal_background, visible_background
from models.masked import block_turns, random_blocks
from models.memory import Memory
from tests.support.nets import CHANNELS_LAST, HAS_BF16, blob_windows, with_open_head
from tests.support.rounding import rounding
from tests.support.trainings import model_config
from tests.support.variants import VARIANTS, small, trained_output

pytestmark = pytest.mark.usefixtures("one_thread")

sizes = st.integers(1, 11)
blocks = st.tuples(*[st.integers(1, 5)] * 3)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class TestEveryVariant:
    @pytest.mark.parametrize("name", VARIANTS)
    @given(st.integers(1, 2), st.integers(1, 2), st.integers(3, 11), sizes, sizes)
    @settings(max_examples=10, deadline=None)
    def test_any_window_comes_back_in_its_own_shape(self, name, B, C, T, H, W):
        model, x = small(name, C), torch.rand(B, C, T, H, W)
        trained = trained_output(model, x, seed=0)
        weight = torch.ones(B, 1, T, H, W) * (1 if trained.weight is None else trained.weight)
        assert weight.shape == (B, 1, T, H, W)
        assert torch.as_tensor(trained.penalty).isfinite()
        for recon in (trained.reconstruction, model.eval()(x)):
            assert recon.shape == x.shape
            assert recon.isfinite().all()
        assert model.encode(x).shape == (B, 3, *(-(-n // m) for n, m in zip((T, H, W), model.multiple, strict=True)))

    @pytest.mark.parametrize("name", VARIANTS)
    def test_a_sample_depends_neither_on_its_batch_mates_nor_on_their_number(self, name):
        model, x = small(name), torch.rand(3, 1, 8, 12, 12)
        mates = torch.cat([x[:1], 100 * torch.rand(1, 1, 8, 12, 12)])
        for batch in (mates, x[:1]):
            expected, found = (trained_output(model, part, seed=1).reconstruction[:1] for part in (x, batch))
            torch.testing.assert_close(found, expected)
            torch.testing.assert_close(model.eval()(batch)[:1], model(x)[:1])

    @pytest.mark.parametrize("name", VARIANTS)
    def test_the_penalty_of_a_batch_is_the_mean_of_its_windows(self, name):
        model, x = small(name), torch.rand(3, 1, 8, 12, 12)
        alone = [torch.as_tensor(trained_output(model, window[None], seed=1).penalty) for window in x]
        together = torch.as_tensor(trained_output(model, x, seed=1).penalty)
        torch.testing.assert_close(together, torch.stack(alone).mean())

    @pytest.mark.parametrize("name", VARIANTS)
    def test_chance_enters_in_training_alone_and_only_by_the_seed(self, name):
        model, x = small(name), torch.rand(2, 1, 8, 12, 12)
        first, again, other = (trained_output(model, x, seed).reconstruction for seed in (1, 1, 2))
        assert torch.equal(first, again)
        assert torch.equal(first, other) == (name in ("memory", "prediction"))
        torch.manual_seed(1)
        expected = model.eval()(x)
        assert torch.equal(model(x), expected)

    @pytest.mark.parametrize("name", VARIANTS)
    def test_every_layer_stays_in_channels_last(self, name, two_threads):
        model = with_open_head(models.build(model_config(name), 1)).to(memory_format=CHANNELS_LAST)
        fallen_back, seen = [], []

        def look(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
            seen.append(module)
            if not output.is_contiguous(memory_format=CHANNELS_LAST):
                fallen_back.append(module)

        for module in model.modules():
            if isinstance(module, nn.Conv3d):
                module.register_forward_hook(look)
        x = torch.rand(2, 1, 8, 32, 48).contiguous(memory_format=CHANNELS_LAST)
        model(x)
        model.trained(x)
        assert seen
        assert not fallen_back

    @pytest.mark.skipif(not HAS_BF16, reason="this CPU can't run bfloat16 convolutions")
    @pytest.mark.parametrize("name", VARIANTS)
    def test_gradients_in_bfloat16_are_those_of_float32(self, name):
        model = with_open_head(models.build(model_config(name), 1)).to(memory_format=CHANNELS_LAST)
        x, gradients = blob_windows(2, 32, 32), []
        for bf16 in (False, True):
            model.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                recon, penalty, weight = trained_output(model, x, seed=0)
            error = (recon.float() - x).square() * (1 if weight is None else weight)
            (error.mean() + penalty).backward()
            gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert torch.cosine_similarity(*gradients, dim=0) > 0.98


class TestVariational:
    def test_the_penalty_is_the_divergence_from_a_standard_normal_per_value(self):
        model, x = small("variational", 2, kl_weight=0.5), torch.rand(3, 2, 8, 12, 12)
        nn.init.normal_(model.log_variance.weight)
        mean, log_variance = model.posterior(x - temporal_background(x))
        expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).detach()
        torch.testing.assert_close(model.divergence(x), expected.sum(1))
        per_value = expected.sum((1, 2, 3, 4)).mean() / x[0].numel()
        torch.testing.assert_close(trained_output(model, x, seed=0).penalty, 0.5 * per_value)

    def test_draws_have_the_mean_and_spread_of_the_posterior(self):
        model, x = small("variational"), torch.rand(1, 1, 4, 8, 8)
        nn.init.normal_(model.log_variance.bias)
        drawn: list[torch.Tensor] = []
        model.decoder.register_forward_pre_hook(lambda _, inputs: drawn.append(inputs[0]))
        with torch.no_grad():
            for seed in range(400):
                trained_output(model, x, seed)
            mean, log_variance = model.posterior(x - temporal_background(x))
        spread = (log_variance / 2).exp()
        assert ((torch.stack(drawn).mean(0) - mean) / spread).abs().max() < 5 / 400**0.5
        assert (torch.stack(drawn).std(0) / spread).log().abs().max() < 0.2

    def test_evaluation_decodes_the_mean(self):
        model, x = small("variational"), torch.rand(1, 1, 4, 8, 8)
        model.log_variance.bias.data.fill_(-1000.0)  # as good as no noise, and within what exp() can take
        torch.testing.assert_close(model.eval()(x), trained_output(model, x, 0).reconstruction, rtol=0, atol=0.02)


class TestMemory:
    @given(st.integers(2, 7), st.floats(0, 3), st.integers(0, 99))
    @settings(max_examples=30, deadline=None)
    def test_a_query_is_answered_by_the_slots_most_like_it(self, slots, shrink, seed):
        torch.manual_seed(seed)
        memory, query = Memory(slots, 3, shrink), torch.randn(3)
        answer, entropy = memory(query.view(1, 3, 1, 1, 1))
        stored, q = memory.slots.detach().double().numpy(), query.double().numpy()
        weights = np.empty(slots)
        for i, slot in enumerate(stored):
            weights[i] = np.exp(memory.sharpness.exp().item() * q @ slot / np.linalg.norm(q) / np.linalg.norm(slot))
        weights /= weights.sum()
        weights[weights <= min(shrink / slots, weights.max() / 2)] = 0
        weights /= weights.sum()
        np.testing.assert_allclose(answer.detach().flatten(), weights @ stored, rtol=1e-4, atol=1e-5)
        kept = weights[weights > 0]
        assert entropy.item() == pytest.approx(-(kept * np.log(kept)).sum(), rel=1e-4, abs=1e-5)

    def test_a_cutoff_above_all_weights_and_an_empty_query_leave_answers_and_gradients_sane(self):
        memory = Memory(5, 4, shrink=5.0)
        query = torch.zeros(2, 4, 1, 2, 2, requires_grad=True)
        answer, entropy = memory(query)
        (answer.sum() + entropy.sum()).backward()
        assert answer.isfinite().all()
        assert all(g.isfinite().all() for g in (query.grad, memory.slots.grad, memory.sharpness.grad))
        assert query.grad.abs().max() < 1e4

    def test_nothing_outside_of_what_the_slots_span_comes_back(self):
        memory = Memory(16, 4, shrink=1.0)
        answer, _ = memory(1000 * torch.randn(8, 4, 2, 3, 3))
        low, high = memory.slots.amin(0).view(4, 1, 1, 1), memory.slots.amax(0).view(4, 1, 1, 1)
        assert ((answer >= low - 1e-5) & (answer <= high + 1e-5)).all()


class TestMasks:
    @given(sizes, sizes, sizes, blocks, st.integers(2, 4))
    @settings(max_examples=50, deadline=None)
    def test_turns_are_those_of_whole_blocks_and_differ_from_the_next(self, T, H, W, block, folds):
        turns = block_turns((T, H, W), block, folds)
        expected = np.empty((T, H, W), int)
        for t, h, w in np.ndindex(T, H, W):
            expected[t, h, w] = (t // block[0] + h // block[1] + w // block[2]) % folds
        np.testing.assert_array_equal(turns[0, 0], expected)

    @given(sizes, sizes, sizes, blocks, st.floats(0.05, 0.5), st.integers(0, 99))
    @settings(max_examples=50, deadline=None)
    def test_whole_blocks_are_hidden_and_as_many_as_asked_for(self, T, H, W, block, fraction, seed):
        torch.manual_seed(seed)
        hidden = random_blocks((T, H, W), block, fraction)[0, 0].numpy()
        t, h, w = block
        cells = hidden[::t, ::h, ::w]
        np.testing.assert_array_equal(hidden, cells.repeat(t, 0).repeat(h, 1).repeat(w, 2)[:T, :H, :W])
        if cells.size > 1:
            assert abs(cells.sum() - fraction * cells.size) <= 1
            assert 0 < cells.sum() < cells.size

    def test_which_blocks_are_hidden_follows_from_the_seed(self):
        masks = []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            masks.append(random_blocks((8, 16, 16), (2, 4, 4), 0.25))
        assert torch.equal(masks[0], masks[1])
        assert not torch.equal(masks[0], masks[2])


class TestVisibleBackground:
    @given(st.integers(1, 30), st.integers(1, 4), st.floats(0, 0.9), st.integers(0, 99))
    @settings(max_examples=50, deadline=None)
    def test_is_the_lower_median_of_the_visible(self, T, step, part, seed):
        torch.manual_seed(seed)
        x, hidden = torch.rand(2, 2, T, 3, 3), torch.rand(1, 1, T, 3, 3) < part
        background = visible_background(x, hidden, step)
        for b, c, h, w in np.ndindex(2, 2, 3, 3):
            seen = ~hidden[0, 0, ::step, h, w]
            values = sorted(x[b, c, ::step, h, w][seen].tolist())
            everything = x[b, c, ::step][~hidden[0, 0, ::step]]
            found = background[b, c, 0, h, w].item()
            if values:
                assert found == values[(len(values) - 1) // 2]
            else:
                expected = everything.double().sum().item() / max(len(everything), 1)
                assert found == pytest.approx(expected, abs=rounding(len(everything)))

    def test_with_nothing_hidden_it_is_the_background(self):
        x = torch.rand(2, 2, 20, 4, 4)
        nothing = torch.zeros(1, 1, 20, 4, 4, dtype=torch.bool)
        assert torch.equal(visible_background(x, nothing, step=3), temporal_background(x))


class TestNothingHiddenLeaks:
    @given(st.integers(2, 20), st.integers(5, 12), blocks, st.integers(0, 99))
    @settings(max_examples=25, deadline=None)
    def test_masked_blocks_are_filled_the_same_whatever_they_hold(self, T, side, block, seed):
        torch.manual_seed(seed)
        model, x = small("masked", 2, mask_block=list(block)).eval(), torch.rand(2, 2, T, side, side)
        hidden = random_blocks(x.shape[2:], block, 0.4)
        filled = model.inpaint(x, hidden)
        for other in (torch.rand_like(x), torch.full_like(x, torch.nan)):
            changed = model.inpaint(torch.where(hidden, other, x), hidden)
            assert torch.equal(changed[hidden.expand_as(x)], filled[hidden.expand_as(x)])
        assert torch.equal(filled[~hidden.expand_as(x)], x[~hidden.expand_as(x)])

    @given(st.sampled_from([0.5, 0.3, 0.25]), st.sampled_from([2, 4, 8]), st.integers(0, 9))
    @settings(max_examples=20, deadline=None)
    def test_in_evaluation_no_pixel_decides_on_its_own_output(self, fraction, block_frames, seed):
        torch.manual_seed(seed)
        model = small("masked", mask_fraction=fraction, mask_block=[block_frames, 4, 4]).eval()
        x, folds = torch.rand(1, 1, 32, 12, 12), round(1 / fraction)
        turns, output = block_turns(x.shape[2:], (block_frames, 4, 4), folds), model(x)
        assert (output != x).float().mean() > 0.99
        for fold in range(folds):
            changed = model(torch.where(turns == fold, torch.rand_like(x), x))
            assert torch.equal(changed[turns == fold], output[turns == fold])
            assert (changed[turns != fold] != output[turns != fold]).float().mean() > 0.5

    def test_a_mask_that_repeats_in_time_leaves_every_place_a_background(self):
        model = small("masked", mask_fraction=0.5, mask_block=[2, 1, 1]).eval()
        nn.init.zeros_(model.head.project.weight)
        nn.init.zeros_(model.head.project.bias)
        still = torch.rand(1, 1, 1, 6, 6).expand(-1, -1, 32, -1, -1)
        assert torch.equal(model(still), still)

    @pytest.mark.parametrize("frames", [1, 3])
    def test_predicted_frames_do_not_depend_on_themselves_but_on_the_past(self, frames):
        model, x = small("prediction", predict_frames=frames), torch.rand(2, 1, 11, 9, 10)
        asked = model.answers(11)
        assert range(11)[asked] == range(11 - frames, 11)
        for training in (True, False):
            predicted = model.train(training)(x)
            for other in (torch.rand_like(x), torch.full_like(x, torch.nan)):
                changed = x.clone()
                changed[:, :, asked] = other[:, :, asked]
                assert torch.equal(model(changed)[:, :, asked], predicted[:, :, asked])
                assert torch.equal(model.encode(changed), model.encode(x))
            past = x.clone()
            past[:, :, asked.start - 1] += 0.1
            assert (model(past)[:, :, asked] != predicted[:, :, asked]).float().mean() > 0.9
            assert torch.equal(predicted[:, :, : asked.start], x[:, :, : asked.start])
