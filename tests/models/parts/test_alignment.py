"""Alignment of labels with time against every path there is, a slow recursion, and finite differences."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.parts.alignment import best_alignment, soft_cost

shapes = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(0, 5), st.integers(0, 2**32 - 1))


def problem(B: int, S: int, more: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Costs (B, S, S + more) and lengths."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(B, S, S + more, generator=random, dtype=torch.float64), torch.randint(
        1, S + 1, (B,), generator=random
    )


def paths(length: int, T: int) -> list[np.ndarray]:
    """Every alignment of `length` labels with T steps: which label each step has."""
    found = []
    for steps in combinations(range(1, T), length - 1):
        advances = np.zeros(T, int)
        advances[list(steps)] = 1
        found.append(np.cumsum(advances))
    return found


def costs_of_paths(cost: torch.Tensor, length: int) -> tuple[list[np.ndarray], np.ndarray]:
    T = cost.shape[1]
    every = paths(length, T)
    return every, np.array([cost.numpy()[path, np.arange(T)].sum() for path in every])


@given(shapes, st.floats(0.05, 2))
def test_soft_cost_is_the_soft_minimum_over_every_path(shape, gamma):
    cost, lengths = problem(*shape)
    found = soft_cost(cost, lengths, gamma)
    for b, length in enumerate(lengths.tolist()):
        _, totals = costs_of_paths(cost[b], length)
        expected = -gamma * torch.logsumexp(torch.from_numpy(-totals / gamma), 0)
        torch.testing.assert_close(found[b], expected)


@given(shapes, st.floats(0.05, 2))
def test_its_gradient_is_the_expected_alignment(shape, gamma):
    cost, lengths = problem(*shape)
    cost.requires_grad_()
    soft_cost(cost, lengths, gamma).sum().backward()
    for b, length in enumerate(lengths.tolist()):
        every, totals = costs_of_paths(cost[b].detach(), length)
        share = torch.softmax(torch.from_numpy(-totals / gamma), 0).numpy()
        expected = np.zeros(cost.shape[1:])
        for path, weight in zip(every, share, strict=True):
            expected[path, np.arange(cost.shape[2])] += weight
        np.testing.assert_allclose(cost.grad[b], expected, atol=1e-9)


def test_gradients_are_those_of_finite_differences():
    cost, lengths = problem(3, 4, 5, 0)
    cost.requires_grad_()
    assert torch.autograd.gradcheck(lambda c: soft_cost(c, lengths, 0.1), cost, atol=1e-6)


@given(shapes)
def test_best_alignment_is_the_cheapest_path(shape):
    cost, lengths = problem(*shape)
    found = best_alignment(cost, lengths)
    for b, length in enumerate(lengths.tolist()):
        every, totals = costs_of_paths(cost[b], length)
        np.testing.assert_array_equal(found[b], every[totals.argmin()])


def slow_soft_cost(cost: np.ndarray, length: int, gamma: float) -> float:
    """The recursion as it is written, one place after another."""
    S, T = cost.shape
    total = np.full((S, T), np.inf)
    for t in range(T):
        for i in range(length):
            if t == 0:
                total[i, t] = cost[i, t] if i == 0 else np.inf
                continue
            before = np.array([total[i, t - 1], total[i - 1, t - 1] if i else np.inf])
            low = before.min()
            soft = low - gamma * np.log(np.exp(-(before - low) / gamma).sum()) if np.isfinite(low) else np.inf
            total[i, t] = cost[i, t] + soft
    return total[length - 1, -1]


def test_long_windows_are_those_of_the_slow_recursion():
    cost, lengths = problem(4, 7, 293, 1)
    found = soft_cost(cost, lengths, 0.1)
    expected = [slow_soft_cost(c.numpy(), n, 0.1) for c, n in zip(cost, lengths.tolist(), strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_single_precision_and_cheap_or_dear_steps_stay_finite():
    cost = torch.tensor([0.0, 1e4]).repeat(250).expand(2, 3, 500).clone().requires_grad_()
    found = soft_cost(cost, torch.tensor([3, 1]), 0.1)
    found.sum().backward()
    torch.testing.assert_close(found, torch.full((2,), 250e4), rtol=1e-3, atol=0)
    assert cost.grad.isfinite().all()


def test_of_equal_paths_the_one_that_advances_first_is_taken():
    np.testing.assert_array_equal(best_alignment(torch.zeros(1, 2, 4), torch.tensor([2]))[0], [0, 1, 1, 1])


@pytest.mark.parametrize(("S", "T", "length"), [(3, 2, 3), (3, 5, 0), (3, 5, 4)])
def test_impossible_lengths_are_refused(S, T, length):
    for aligned in (lambda c, n: soft_cost(c, n, 0.1), best_alignment):
        with pytest.raises(ValueError, match=f"sequences of {length} to {length} labels"):
            aligned(torch.zeros(1, S, T), torch.tensor([length]))
