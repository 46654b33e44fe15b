"""The loss of the detector: every part by hand, the contrast against slow loops, gradients that stay finite."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from data.series.robust import rescaled
from models.losses.detection import (
    LARGEST_WEIGHT,
    TEMPERATURE,
    Detected,
    balance_loss,
    contrast_loss,
    detection_loss,
    own_targets,
    point_loss,
    reconstruction_loss,
    runs,
)
from models.vetime import TOKEN

B, C, N, K = 3, 2, 10, 5
L = N * TOKEN


def output(seed: int = 0, absent: bool = True, **changed) -> Detected:
    """What a model might return, with gradients; one channel absent, one gap."""
    random = torch.Generator().manual_seed(seed)

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random).requires_grad_()

    known = torch.ones(B, C, L, dtype=torch.bool)
    known[0, :, 4:9] = False
    known[1, 1] = not absent
    parts = {"known": known, "center": torch.full((B, C, 1), 2.0), "spread": torch.full((B, C, 1), 3.0)}
    shapes = {"logits": (L,), "channel_logits": (C, L), "reconstruction": (C, L), "scaled": (C, L)}
    views = {"temporal": (C, N, K), "visual": (C, N, K), "routes": (C, N, 2, 3)}
    return Detected(**parts | {name: some(B, *shape) for name, shape in (shapes | views).items()})._replace(**changed)


def labels_of(positive: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Labels (B, L) beside a clean twin."""
    clean = torch.randn(*positive.shape, C, generator=torch.Generator().manual_seed(seed))
    return torch.cat([positive[..., None], clean], 2)


def anomalies(*stretches: tuple[int, int, int]) -> torch.Tensor:
    """Labels (B, L) that are 1 within (window, first sample, last)."""
    positive = torch.zeros(B, L)
    for window, first, last in stretches:
        positive[window, first : last + 1] = 1
    return positive


def contrast_by_hand(output: Detected, positive: torch.Tensor) -> torch.Tensor:
    """`contrast_loss` window by window, run by run, negative by negative."""
    total = torch.tensor(0.0)
    is_odd = positive.reshape(B, N, TOKEN).amax(2) > 0
    there = output.known.any(2)
    for b in range(B):
        losses = []
        for c in (c for c in range(C) if there[b, c]):
            odd = [False, *is_odd[b].tolist(), False]
            begins = [t for t in range(N) if odd[t + 1] and not odd[t]]
            ends = [t + 1 for t in range(N) if odd[t + 1] and not odd[t + 2]]
            for s, e in zip(begins, ends, strict=True):
                for mine, other in ((output.temporal, output.visual), (output.visual, output.temporal)):
                    negatives = []
                    for s2, e2 in ((s - (e - s), s), (e, e + (e - s))):
                        if s2 >= 0 and e2 <= N and not is_odd[b, s2:e2].any():
                            negatives.append(other[b, c, s2:e2].mean(0))
                    for b2 in (b2 for b2 in range(B) if b2 != b and not is_odd[b2, s:e].any()):
                        negatives += [other[b2, c2, s:e].mean(0) for c2 in range(C) if there[b2, c2]]
                    anchor = mine[b, c, s:e].mean(0)
                    likeness = [F.cosine_similarity(anchor, v, 0) for v in (other[b, c, s:e].mean(0), *negatives)]
                    losses.append(-(torch.stack(likeness) / TEMPERATURE).log_softmax(0)[0])
        if losses:
            total = total + torch.stack(losses).mean() / B
    return total


class TestContrast:
    @given(st.integers(0, 1000), st.floats(0, 0.4), st.booleans())
    def test_like_the_oracle(self, seed, share, absent):
        positive = (torch.rand(B, L, generator=torch.Generator().manual_seed(seed)) < share / TOKEN).float()
        found = output(seed, absent)
        torch.testing.assert_close(contrast_loss(found, positive), contrast_by_hand(found, positive))

    def test_views_that_agree_on_what_is_odd_cost_less(self):
        positive = anomalies((0, 12, 19), (2, 0, 3))
        shared = torch.randn(B, C, N, K)
        apart = output(temporal=shared, visual=torch.randn(B, C, N, K))
        alike = output(temporal=shared, visual=shared)
        assert contrast_loss(alike, positive) < contrast_loss(apart, positive)

    def test_nothing_odd_or_nothing_to_compare_with_costs_nothing(self):
        assert contrast_loss(output(), anomalies()) == 0
        everywhere = contrast_loss(output(), torch.ones(B, L))
        assert everywhere == 0

    def test_windows_without_an_anomaly_count_as_zero(self):
        one = output()
        first = contrast_loss(one, anomalies((0, 12, 19)))
        both = contrast_loss(one, anomalies((0, 12, 19), (2, 30, 33)))
        torch.testing.assert_close(both - first, contrast_by_hand(one, anomalies((2, 30, 33))))

    @given(st.lists(st.booleans(), min_size=1, max_size=30))
    def test_runs(self, values):
        row, first, end = runs(torch.tensor([values, values]))
        again = torch.zeros(2, len(values), dtype=torch.bool)
        for r, s, e in zip(row.tolist(), first.tolist(), end.tolist(), strict=True):
            assert not again[r, max(0, s - 1) : e].any()  # runs do not touch
            again[r, s:e] = True
        assert again.tolist() == [values, values]


class TestPoints:
    def test_by_hand(self):
        one = output()
        positive = anomalies((0, 6, 6), (1, 0, 19))
        known = one.known.any(1)
        expected = 0.0
        for b in range(B):
            odd = int((positive[b] * known[b]).sum())
            weight = min(max(math.sqrt((known[b].sum().item() - odd) / max(odd, 1)), 1), LARGEST_WEIGHT)
            per_sample = F.binary_cross_entropy_with_logits(one.logits[b], positive[b], reduction="none")
            per_sample = torch.where(positive[b] > 0, weight * per_sample, per_sample)
            expected += per_sample[known[b]].mean() / B
        torch.testing.assert_close(point_loss(one, positive), expected)

    def test_gaps_do_not_count(self):
        one = output()
        changed = one.logits.detach().clone()
        changed[0, 4:9] = 1e3
        labels = anomalies((0, 5, 7))
        assert point_loss(one, labels) == point_loss(one._replace(logits=changed), labels)
        assert point_loss(one._replace(logits=changed + 0.1), labels) != point_loss(one, labels)

    def test_the_batch_is_the_mean_of_its_windows(self):
        one, labels = output(), labels_of(anomalies((0, 6, 6), (1, 0, 19)))
        whole = detection_loss(one, labels, contrast_weight=0, balance_weight=0)
        parts = [detection_loss(Detected(*(v[b : b + 1] for v in one)), labels[b : b + 1], 0, 0) for b in range(B)]
        torch.testing.assert_close(whole, torch.stack(parts).mean())


class TestReconstruction:
    def test_by_hand_and_in_gaps_too(self):
        one, clean = output(), torch.randn(B, C, L)
        clean[2, 0, :7] = torch.nan
        expected = 0.0
        for b in range(B):
            errors = []
            for c in (c for c in range(C) if (b, c) != (1, 1)):
                target = 4 * torch.asinh((clean[b, c] - 2) / 12)
                error = (one.reconstruction[b, c] - target).abs()
                errors.append(torch.where(error < 1, error**2 / 2, error - 0.5)[clean[b, c].isfinite()])
            expected += torch.cat(errors).mean() / B
        torch.testing.assert_close(reconstruction_loss(one, clean), expected)

    def test_the_clean_twin_itself_costs_nothing(self):
        clean = torch.randn(B, C, L)
        twin = torch.from_numpy(rescaled(clean.numpy(), np.float32(2), np.float32(3)))
        assert reconstruction_loss(output(reconstruction=twin), clean) == 0


class TestBalance:
    def test_is_one_when_routes_are_used_alike_and_more_when_not(self):
        alike = torch.zeros(B, C, N, 2, 3)
        alike[..., 0] = 1e-4 * torch.randn(B, C, N, 2)
        alike[..., 1] = 1e-4 * torch.randn(B, C, N, 2)
        assert balance_loss(output(routes=alike)).item() == pytest.approx(1, abs=1e-3)
        favour = alike.clone()
        favour[..., 2] = 5
        assert balance_loss(output(routes=favour)).item() == pytest.approx(1.5, abs=0.05)  # one of two that are chosen

    def test_descent_evens_the_routes(self):
        routes = torch.randn(B, C, N, 2, 3) * 0.1 + torch.tensor([1.0, 0.0, 0.0])
        shift = torch.zeros(3, requires_grad=True)
        for _ in range(100):
            (gradient,) = torch.autograd.grad(balance_loss(output(routes=routes + shift)), shift)
            shift = (shift - 0.5 * gradient).detach().requires_grad_()
        assert balance_loss(output(routes=routes + shift)) < balance_loss(output(routes=routes)) - 0.05

    def test_absent_channels_have_no_vote(self):
        routes = torch.randn(B, C, N, 2, 3)
        changed = routes.clone()
        changed[1, 1] = torch.tensor([50.0, 0.0, 0.0])
        assert balance_loss(output(routes=routes)) == balance_loss(output(routes=changed))


class TestWhole:
    @pytest.mark.parametrize("positive", [anomalies(), anomalies((0, 6, 6), (1, 0, 19)), torch.ones(B, L)])
    def test_gradients_are_finite_and_reach_every_part(self, positive):
        one = output()
        labels = labels_of(positive)
        labels[1, :, 2] = torch.nan  # the twin of the absent channel
        loss = detection_loss(one, labels)
        loss.backward()
        assert loss.isfinite()
        for name in ("logits", "reconstruction", "temporal", "visual", "routes"):
            assert getattr(one, name).grad.isfinite().all(), name
        for name in ("logits", "reconstruction", "routes"):
            assert getattr(one, name).grad.abs().sum() > 0, name
        assert (one.temporal.grad.abs().sum() > 0) == (0 < positive.sum() < B * L)

    def test_a_net_of_one_branch_has_neither_contrast_nor_balance(self):
        one, labels = output(), labels_of(anomalies((0, 6, 6)))
        lone = one._replace(temporal=None, visual=None, routes=None)
        assert detection_loss(lone, labels) == detection_loss(one, labels, contrast_weight=0, balance_weight=0)
        assert detection_loss(one, labels) > detection_loss(lone, labels)

    def test_samples_without_a_label_or_a_twin_count_nowhere(self):
        one, labels = output(), labels_of(anomalies((0, 6, 6), (1, 0, 19)))
        unknown = labels.clone()
        unknown[:, 20:] = torch.nan
        cut = one._replace(known=one.known & (torch.arange(L) < 20), logits=one.logits.detach())
        assert point_loss(one, unknown[..., 0]) == point_loss(cut, labels[..., 0])
        loss = detection_loss(one, unknown)
        loss.backward()
        assert loss.isfinite()
        assert (one.logits.grad[:, 20:] == 0).all()
        assert (one.reconstruction.grad[..., 20:] == 0).all()
        assert one.logits.grad.isfinite().all()

    def test_an_unknown_label_does_not_hide_an_anomaly_from_the_contrast(self):
        one, positive = output(), anomalies((0, 12, 19))
        unknown = positive.clone()
        unknown[0, 13] = torch.nan
        assert contrast_loss(one, unknown) == contrast_loss(one, positive)

    def test_targets_of_series_without_a_twin(self):
        x, positive = torch.randn(B, C, L, 1, 1), anomalies((0, 6, 6))
        x[1, 1] = torch.nan
        positive[2] = torch.nan
        targets = own_targets(x, positive)
        torch.testing.assert_close(targets[..., 0], positive, equal_nan=True)
        clean = targets[..., 1:].transpose(1, 2)
        assert clean[0, :, 6].isnan().all()
        clean[0, :, 6] = x[0, :, 6, 0, 0]
        torch.testing.assert_close(clean, x[..., 0, 0], equal_nan=True)

    def test_nothing_known_at_all_costs_nothing(self):
        nothing = output(known=torch.zeros(B, C, L, dtype=torch.bool))
        assert detection_loss(nothing, labels_of(anomalies((0, 6, 6)))) == 0
