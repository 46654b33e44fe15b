"""Medians of bins of any size are those that sorting tells."""

import numpy as np
import pytest

from data.reel.common_mode import LONG_ROW, _row_median


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
