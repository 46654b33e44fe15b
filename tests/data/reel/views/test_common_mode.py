"""Medians of bins of any size are those that sorting tells, and the common mode is the one that is written plainly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.reel.views import common_mode as fast
from data.reel.views.common_mode import BRIGHTNESS_BINS, LEAST_SCATTER, LONG_ROW, _row_median, common_mode


@pytest.mark.parametrize("n", [2, 3, 8, LONG_ROW - 1, LONG_ROW, LONG_ROW + 1, 3 * LONG_ROW])
@pytest.mark.parametrize("levels", [3, 10**6])
def test_medians_of_rows_are_those_of_sorted_ones(n, levels):
    """To the bit, with many equal values and with hardly any, however rows are ranked."""
    rows = np.random.default_rng(n).integers(-levels, levels, (32, n)).astype(np.float32) / np.float32(7)
    ranked = np.sort(rows, axis=1)
    expected = (ranked[:, (n - 1) // 2] + ranked[:, n // 2]) / 2
    found = _row_median(rows)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def plain_common_mode(difference, brightness, valid, most=np.inf, quantum=0.0):
    """The same by picking pixels and medians of bins, step by step."""
    levels = np.clip(np.rint(brightness * 256), -512, 768).astype(int)
    values, known = difference[valid], levels[valid]
    size = len(values) // BRIGHTNESS_BINS
    if size < 8:
        return np.zeros_like(difference), np.ones_like(difference)
    mixed = fast._mixing(len(values))
    order = sorted(mixed.tolist(), key=lambda pixel: known[pixel])  # stable
    bins = [order[k * size : (k + 1) * size] for k in range(BRIGHTNESS_BINS)]
    centres = [known[pixels[size // 2]] for pixels in bins]
    medians = np.array([np.median(values[pixels]) for pixels in bins])
    apart = [np.abs(values[pixels] - median) for pixels, median in zip(bins, medians, strict=True)]
    scatter = np.array([1.4826 * np.median(pixels) for pixels in apart])
    scatter = np.minimum(np.maximum(scatter, max(np.median(scatter) / 4, quantum, LEAST_SCATTER)), most)
    medians = np.clip(medians, -most, most)
    return tuple(np.interp(levels, centres, found) for found in (medians, np.hypot(scatter, medians)))


@given(
    shape=st.tuples(st.integers(3, 40), st.integers(3, 40)),
    seed=st.integers(0, 2**16),
    share=st.sampled_from([0.0, 0.3, 0.97, 1.0]),
    most=st.sampled_from([0.01, np.inf]),
    quantum=st.sampled_from([0.0, 1 / 255]),
    levels=st.sampled_from([3, 200, 10**6]),
)
def test_common_mode_is_the_one_that_is_written_plainly(shape, seed, share, most, quantum, levels):
    """Wherever pixels are valid, all of them or some, with many of one brightness and with hardly any."""
    rng = np.random.default_rng(seed)
    brightness = (rng.integers(-levels // 4, levels, shape) / levels).astype(np.float32)
    difference = rng.normal(0, 0.02, shape).astype(np.float32)
    valid = rng.random(shape) < share
    before = difference.copy()
    found = common_mode(difference, brightness, valid, most, quantum)
    for values, expected in zip(found, plain_common_mode(difference, brightness, valid, most, quantum), strict=True):
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(difference, before)
