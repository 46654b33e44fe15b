"""The plain views of single samples and steps: what is a spike or a step in one series is usual in another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.evidence.plain_views import LARGEST, plain_logits

N = 3000


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=N)


@given(st.integers(0, 100), st.integers(5, N - 5), st.floats(10, 1e6), st.sampled_from([-1, 1]))
def test_ten_sigma_and_more_stand_out_of_noise_and_the_more_the_higher(seed, at, size, sign):
    values = noise(seed)
    found = []
    for height in (size, 2 * size):
        spiked = values.copy()
        spiked[at] += sign * height
        found.append(plain_logits(spiked[:, None])[:, 0])
        assert found[-1].argmax() == at
        assert found[-1][at] > 0
        assert np.delete(found[-1], at).max() < 0
    assert found[0][at] <= found[1][at] <= LARGEST


@given(
    st.integers(0, 100), st.integers(100, 9800), st.floats(10, 1e6), st.sampled_from([-1, 1]), st.integers(200, 9800)
)
@settings(max_examples=10)
def test_a_lasting_step_and_a_block_stand_out_at_their_onset(seed, at, size, sign, length):
    values = np.random.default_rng(seed).normal(size=10_000)
    found = []
    for height in (size, 2 * size):
        stepped = values.copy()
        stepped[at : at + length] += sign * height
        found.append(plain_logits(stepped[:, None])[:, 0])
        assert found[-1][max(0, at - 20) : at + 24].max() > 1
    assert found[0][at - 20 : at + 24].max() <= found[1][at - 20 : at + 24].max()
    quiet = np.ones(10_000, bool)
    quiet[max(0, at - 20) : at + 24] = False
    quiet[max(0, at + length - 20) : at + length + 24] = False
    assert found[0][quiet].max() < 1


@pytest.mark.parametrize("name", ["noise", "beats", "staircase", "constant", "wave"])
def test_what_comes_back_is_none(name):
    t = np.arange(N)
    usual = {"noise": noise(), "beats": 30.0 * (t % 50 == 7) + noise(), "staircase": np.floor(t / 300),
             "constant": np.full(N, 7.0), "wave": np.sin(t / 9)}  # fmt: skip
    assert plain_logits(usual[name][:, None]).max() < 0


@given(st.floats(-6, 6), st.floats(-1e3, 1e3))
def test_the_unit_does_not_matter(power, offset):
    values = noise()
    values[70] += 15
    found = plain_logits((10**power * (values + offset))[:, None])
    np.testing.assert_allclose(found, plain_logits(values[:, None]), atol=1e-6)


def test_variables_are_looked_at_each_and_the_series_is_its_highest():
    values = np.stack([noise(0), noise(1), np.full(N, np.nan)], 1)
    values[100, 1] += 50
    values[200:300, 0] = np.nan
    found = plain_logits(values)
    assert found.shape == (N, 4)
    np.testing.assert_array_equal(found[:, 0], found[:, 1:].max(1))
    assert found[100, 2] == LARGEST > found[100, 1]
    assert (found[200:300, 1] == -np.inf).all()
    assert (found[:, 3] == -np.inf).all()


def test_the_future_of_a_context_changes_nothing_that_is_more_than_two_samples_before_it():
    values, later = noise(), noise()
    later[1500:] *= 1e3
    np.testing.assert_array_equal(*(plain_logits(v[:, None], 1000)[:1498] for v in (values, later)))
