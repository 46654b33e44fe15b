"""Products of sliding windows: those of windows that are made, to the rounding of double precision."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.methods.series import sliding
from inference.methods.series.base import windows_of
from inference.methods.series.sliding import sliding_products, sliding_squares


def products(samples: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    length = vectors.shape[1] // samples.shape[1]
    found = np.full((len(samples) - length + 1, len(vectors)), np.nan)
    for windows, some, part in sliding_products(samples, vectors):
        assert np.isnan(found[windows, some]).all()
        found[windows, some] = part
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 40),
    st.integers(0, 700),
    st.integers(1, 4),
    st.integers(1, 6),
    st.sampled_from([1.0, 1e8]),
    st.sampled_from([1, 2**8, 2**20]),
)
def test_products_are_those_of_every_window(seed, length, more, channels, count, height, most):
    """Rounding is of the norms of what is multiplied, of a whole block at most: an FFT adds log2 of its size to it."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=(length + more, channels)).astype(np.float32)
    samples[rng.integers(len(samples))] *= height
    vectors = rng.normal(size=(count, length * channels))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sliding, "MOST_VALUES", most)
        found = products(samples, vectors)
    windows = windows_of(samples.astype(np.float64), length).reshape(more + 1, -1)
    size = max(4 * length, 256)
    norms = np.linalg.norm(samples) * np.linalg.norm(vectors, axis=1)
    bound = np.finfo(np.float64).eps * (8 * np.log2(2 * size) + length * channels) * norms
    assert (np.abs(found - windows @ vectors.T) <= bound).all()


@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(0, 50), st.integers(1, 3))
def test_squares_are_those_of_every_window(seed, length, more, channels):
    samples = np.random.default_rng(seed).normal(size=(length + more, channels)).astype(np.float32)
    windows = windows_of(samples.astype(np.float64), length)
    np.testing.assert_allclose(sliding_squares(samples, length), np.square(windows).sum(axis=(1, 2)), rtol=1e-12)
