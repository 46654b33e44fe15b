"""The zero-shot detector: what it may see, what must not meet, what is built, and that it learns."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from torch import nn

from data.series.robust import rescaled
from models.backbone3d import Block
from models.losses.detection import Detected, detection_loss
from models.parts.fusion import CrossAttention, Router, sinusoids, top_weights
from models.vetime import ABSENT, CONTRAST_WIDTH, VeTime, series_mean
from tests.support.nets import with_open_head

WIDTH, L = 16, 96
VARIANTS = [("both", True), ("both", False), ("temporal", True), ("visual", True)]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def small(branches: str = "both", router: bool = True, context: int | None = None) -> VeTime:
    """A small model as it is after a first step: what begins at zero would hide most mistakes."""
    return with_open_head(VeTime(WIDTH, branches, router, context)).eval()


def waves(n: int, channels: int = 2, length: int = L, seed: int = 0) -> torch.Tensor:
    """Windows (n, channels, length, 1, 1) of noisy waves of different periods."""
    random = np.random.default_rng(seed)
    period = random.uniform(6, 28, (n, channels, 1))
    x = np.sin(2 * np.pi * (np.arange(length) / period + random.random((n, channels, 1))))
    return torch.from_numpy(x + 0.1 * random.standard_normal(x.shape)).float()[..., None, None]


def labels_of(x: torch.Tensor, share: float = 0.05) -> torch.Tensor:
    """Labels at random and the windows themselves as the clean twin."""
    return torch.cat([(torch.rand(len(x), x.shape[2], 1) < share).float(), x[..., 0, 0].transpose(1, 2)], 2)


def spoilt() -> torch.Tensor:
    """Windows with a gap, a constant channel, an absent one, a spike, and one with nothing at all."""
    x = waves(5)
    x[0, 0, 20:50] = torch.nan
    x[1, 1] = 7.0
    x[2, 0] = torch.nan
    x[3, 1, 40] = 1e6
    x[4] = torch.nan
    return x


def assert_same(a: Detected, b: Detected, **tolerance: float) -> None:
    for name, one, other in zip(Detected._fields, a, b, strict=True):
        if one is not None:
            torch.testing.assert_close(one, other, **tolerance, msg=lambda text, name=name: f"{name}: {text}")


class TestOutput:
    @pytest.mark.parametrize(("branches", "router"), VARIANTS)
    @pytest.mark.parametrize("length", [4, 52, L])
    def test_shapes(self, branches, router, length):
        output = small(branches, router)(waves(3, 2, length))
        N, both = length // 4, branches == "both"
        for name in ("channel_logits", "reconstruction", "scaled", "known"):
            assert getattr(output, name).shape == (3, 2, length)
        assert (output.logits.shape, output.center.shape, output.spread.shape) == ((3, length), (3, 2, 1), (3, 2, 1))
        for view in (output.temporal, output.visual):
            assert view.shape == (3, 2, N, CONTRAST_WIDTH) if both else view is None
        assert output.routes.shape == (3, 2, N, 2, 3) if both and router else output.routes is None

    @pytest.mark.parametrize(("branches", "router"), VARIANTS)
    def test_features_are_of_every_token(self, branches, router):
        model, x = small(branches, router), waves(3)
        features = model.encode(x)
        assert features.shape == (3, WIDTH, L // 4, 1, 1)
        assert features.std((0, 2)).min() > 0

    def test_the_series_is_its_highest_channel(self):
        output = small()(waves(3, 3))
        assert torch.equal(output.logits, output.channel_logits.amax(1))

    def test_scaled_is_what_center_and_spread_say(self):
        x = waves(2) * 5 + 100
        output = small()(x)
        scaled = rescaled(x[..., 0, 0].numpy(), output.center.numpy(), output.spread.numpy())
        np.testing.assert_array_equal(output.scaled.numpy(), scaled)

    @given(st.floats(0.01, 1e4), st.floats(-1e3, 1e3))
    @settings(max_examples=10)
    def test_units_do_not_matter(self, factor, offset):
        model, x = small(), waves(2)
        there, here = model(factor * (x + offset / 100)).logits, model(x).logits
        torch.testing.assert_close(there, here, atol=5e-3, rtol=5e-3)

    def test_sizes_are_checked(self):
        model = VeTime(WIDTH)
        model.check((64, 1, 1))
        with pytest.raises(ValueError, match="these frames have 2x3 pixels"):
            model.check((64, 2, 3))
        with pytest.raises(ValueError, match=r"multiple of 4 for prep\.clip_length, not 66"):
            model.check((66, 1, 1))
        with pytest.raises(ValueError, match="known are both, temporal, visual"):
            VeTime(WIDTH, "neither")
        with pytest.raises(ValueError, match="width 30: must be a multiple of 4"):
            VeTime(30)


class TestNothingMeets:
    @pytest.mark.parametrize(("branches", "router"), VARIANTS)
    def test_batch_mates_do_not_change_a_series(self, branches, router):
        model, x = small(branches, router), spoilt()
        together = model(x)
        for b in range(len(x)):
            mine = Detected(*(v if v is None else v[b : b + 1] for v in together))
            assert_same(model(x[b : b + 1]), mine, atol=1e-4, rtol=1e-4)

    def test_the_order_of_channels_does_not_matter(self):
        model, x = small(), waves(3, 3)
        torch.testing.assert_close(model(x).logits, model(x.flip(1)).logits, atol=1e-4, rtol=1e-4)

    def test_an_absent_channel_is_as_if_it_were_not_there(self):
        model, x = small(), waves(2, 3)
        x[:, 1] = torch.nan
        with_it, without = model(x), model(x[:, [0, 2]])
        torch.testing.assert_close(with_it.logits, without.logits, atol=1e-4, rtol=1e-4)
        assert (with_it.channel_logits[:, 1] == ABSENT).all()
        assert not with_it.known[:, 1].any()
        assert (with_it.reconstruction[:, 1] == 0).all()

    def test_channels_of_a_series_do_meet(self):
        """Otherwise no correlation that breaks could ever be seen."""
        model, x = small(), waves(1)
        changed = x.clone()
        changed[:, 1] = changed[:, 1].flip(1)
        before, after = model(x), model(changed)
        assert (after.channel_logits[:, 0] - before.channel_logits[:, 0]).abs().max() > 1e-3
        assert torch.equal(after.reconstruction[:, 0], before.reconstruction[:, 0])

    def test_mean_over_the_rows_of_a_series(self):
        tokens = torch.randn(3, 5, 2)
        mean = series_mean(tokens, torch.tensor([0, 2, 2]), 3)
        torch.testing.assert_close(mean, torch.stack([tokens[0], torch.zeros(5, 2), tokens[1:].mean(0)]))

    @given(st.integers(16, L - 4), st.integers(0, 100))
    @settings(max_examples=10)
    def test_the_context_excludes_the_future(self, context, seed):
        model, x = small(context=context), waves(2, seed=seed)
        changed = x.clone()
        changed[:, :, context:] = 1e3 * torch.randn_like(changed[:, :, context:])
        changed[0, 0, context:] = torch.nan
        (rows, _), (others, _) = model.rows(x), model.rows(changed)
        for name in ("center", "spread", "periods"):
            assert torch.equal(getattr(rows, name), getattr(others, name)), name
        assert torch.equal(rows.signal[:, :context], others.signal[:, :context])

    def test_what_the_context_knows_nothing_of_is_absent(self):
        x = waves(1)
        x[:, 1, :40] = torch.nan
        assert not small(context=40)(x).known[:, 1].any()
        assert small(context=44)(x).known[:, 1, 40:].all()

    def test_the_middle_sees_all_of_1024_samples(self):
        model, x = small("temporal"), waves(1, 1, 1024)
        signal = model.rows(x)[0].signal.requires_grad_()
        rows = model.rows(x)[0]._replace(signal=signal)
        model.over_time(rows)[0, 128].sum().backward()
        seen = signal.grad[0].nonzero().flatten()
        assert (seen[0], seen[-1]) == (512 - 508, 512 + 511)


class TestSpoilt:
    @pytest.mark.parametrize(("branches", "router"), VARIANTS)
    def test_output_and_gradients_are_finite(self, branches, router):
        model, x = small(branches, router).train(), spoilt()
        output = model(x)
        detection_loss(output, labels_of(x)).backward()
        assert all(v.isfinite().all() for v in output if v is not None)
        assert all(p.grad.isfinite().all() for p in model.parameters())
        assert (output.logits[4] == ABSENT).all()
        assert torch.equal(output.known, x[..., 0, 0].isfinite())

    def test_nothing_at_all(self):
        model, x = small(), torch.full((2, 1, L, 1, 1), torch.nan)
        output = model(x)
        assert (output.logits == ABSENT).all()
        assert torch.equal(model.encode(x), torch.zeros(2, WIDTH, L // 4, 1, 1))
        detection_loss(output, torch.zeros(2, L, 2)).backward()

    def test_what_is_unknown_counts_only_as_unknown(self):
        """Infinity and NaN are the same, and no value is behind either."""
        model, x = small(), spoilt()
        assert_same(model(x), model(torch.where(x.isnan(), torch.inf, x)))


class TestFusion:
    def test_attention_is_that_of_the_textbook(self):
        layer, asking, asked = CrossAttention(8), torch.randn(2, 6, 8), torch.randn(2, 6, 8)
        nn.init.eye_(layer.out.weight)
        visible = torch.rand(2, 6) > 0.3
        positions = sinusoids(6, 8, asking.device)
        q = layer.ask(layer.norms[0](asking) + positions)
        k, v = layer.answer(layer.norms[1](asked) + positions).chunk(2, -1)
        found = torch.empty(2, 6, 8)
        for b in range(2):
            for h in range(4):
                part = slice(2 * h, 2 * h + 2)
                weight = (q[b, :, part] @ k[b, :, part].T / 2**0.5)[:, visible[b]].softmax(1)
                found[b, :, part] = weight @ v[b, visible[b], part]
        torch.testing.assert_close(layer(asking, asked, visible), asking + found)

    @given(st.integers(0, 1000))
    def test_the_router_uses_the_two_largest(self, seed):
        logits = torch.randn(4, 7, 2, 3, generator=torch.Generator().manual_seed(seed))
        weights = top_weights(logits)
        assert ((weights > 0).sum(-1) == 2).all()
        torch.testing.assert_close(weights.sum(-1), torch.ones(4, 7, 2))
        assert torch.equal(weights.argmin(-1), logits.argmin(-1))
        largest, second = logits.sort(-1).values[..., 2], logits.sort(-1).values[..., 1]
        torch.testing.assert_close(weights.amax(-1), (largest - second).sigmoid())

    def test_each_task_has_a_mix_of_its_own(self):
        router, candidates = Router(WIDTH), torch.randn(2, 5, 3, WIDTH)
        nn.init.normal_(router.logits.weight)
        nn.init.normal_(router.tasks)
        mixes, logits = router(torch.randn(2, 5, 2 * WIDTH), candidates)
        expected = torch.einsum("nptk,npkd->nptd", top_weights(logits), candidates)
        torch.testing.assert_close(mixes, expected)
        assert not torch.allclose(mixes[:, :, 0], mixes[:, :, 1])


class TestBranches:
    def test_ablations_build_fewer_parameters(self):
        sizes = {v: sum(p.numel() for p in VeTime(64, *v).parameters()) for v in VARIANTS}
        print(sizes)
        assert sizes["both", True] > sizes["both", False] > max(sizes["temporal", True], sizes["visual", True])
        assert sizes["both", True] <= 1_300_000

    @pytest.mark.parametrize(("branches", "router"), VARIANTS)
    def test_every_parameter_has_a_gradient(self, branches, router):
        model, x = small(branches, router).train(), waves(4)
        x[2:] = x[2:].cumsum(2)  # aperiodic
        detection_loss(model(x), labels_of(x, 0.1)).backward()
        without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
        assert without == []

    def test_the_visual_branch_gives_every_sample_its_own_features_back(self):
        """A change of one sample comes back at its token first of all, at any period and for aperiodic rows."""
        model = small("visual")
        for block in (layer for layer in model.visual.layers if isinstance(layer, Block)):
            nn.init.zeros_(block.time.weight)  # the identity: no neighbour is seen
        rows, _ = model.rows(waves(12, 1))
        assert len(rows.periods.unique()) > 5
        rows = rows._replace(periods=torch.where(torch.arange(12) < 2, 0, rows.periods))
        tokens = model.over_phase(rows._replace(signal=torch.zeros_like(rows.signal)))
        for t in (0, 41, L - 1):
            mask = rows.known.clone()
            mask[:, t] = False  # the mask alone has no trend
            changed = model.over_phase(rows._replace(signal=torch.zeros_like(rows.signal), known=mask))
            differs = (changed - tokens).abs().amax(2) > 1e-6
            assert differs[:, t // 4].all()
            assert differs.sum(1).max() <= 2  # a place's four columns lie in two tokens at most

    def test_depth_is_told(self):
        assert (VeTime(WIDTH).min_temporal_depth(64), VeTime(WIDTH, "temporal").min_temporal_depth(64)) == (3, 16)


def spiky(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy waves with two planted spikes each, no higher than the waves, and their labels and clean twins."""
    random = np.random.default_rng(seed)
    clean = waves(n, 1, L, seed)[:, 0, :, 0, 0].numpy()
    x, labels = clean.copy(), np.zeros((n, L), np.float32)
    for row in range(n):
        at = random.choice(np.arange(4, L - 4), 2, replace=False)
        x[row, at] += 1.2 * np.where(x[row, at] > 0, -1, 1)
        labels[row, at] = 1
    return torch.from_numpy(x)[:, None, :, None, None], torch.from_numpy(np.stack([labels, clean], 2))


class TestLearning:
    def test_spikes_are_found_after_a_few_dozen_steps(self):
        model = VeTime(WIDTH)
        untrained = deepcopy(model)
        x, labels = spiky(256, seed=0)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, eps=1e-14)
        for chosen in torch.randint(0, len(x), (60, 16)):
            optimizer.zero_grad()
            detection_loss(model(x[chosen]), labels[chosen]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        x, labels = spiky(64, seed=1)
        with torch.no_grad():
            before, after = (
                roc_auc_score(labels[..., 0].ravel(), net.eval()(x).logits.ravel()) for net in (untrained, model)
            )
        print(f"AUC of samples: untrained {before:.3f}, trained {after:.3f}")
        assert after > max(before, 0.5) + 0.2
        for (name, old), new in zip(untrained.named_parameters(), model.parameters(), strict=True):
            assert not torch.equal(old, new), name
