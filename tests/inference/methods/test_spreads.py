"""Spreads of quiet excess: robust, and not those of a coded movie that repeats what hardly changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.calibration.noise import MAD_TO_STD
from inference.methods.flux.spreads import TINY, _median_of_known, brightness_curve, spread_of, typical_of

FRAMES, CHANNELS, SIDE = 60, 2, 24


def noise(seed: int, size: float = 3.0) -> np.ndarray:
    shape = FRAMES, CHANNELS, SIDE, SIDE
    return np.random.default_rng(seed).normal(0, size, shape).astype(np.float32)


def coded(maps: np.ndarray, every: int) -> np.ndarray:
    """The same with each place seen anew in one frame of so many, and 0 in all others."""
    phases = np.random.default_rng(1).integers(0, every, maps.shape[1:])
    return np.where((np.arange(len(maps))[:, None, None, None] + phases) % every == 0, maps, np.float32(0))


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 9), st.floats(0, 1))
def test_medians_of_what_is_known_are_numpys(seed, frames, unknown):
    random = np.random.default_rng(seed)
    maps = random.normal(size=(frames, 2, 4, 3)).astype(np.float32)
    maps[random.random(maps.shape) < unknown] = np.nan
    expected = [np.median(v[np.isfinite(v)]) if np.isfinite(v).any() else np.nan for v in maps.reshape(frames, -1).T]
    np.testing.assert_allclose(_median_of_known(maps.copy()).ravel(), expected, rtol=1e-6)


@pytest.mark.parametrize(("every", "size"), [(1, 3.0), (3, 0.1), (12, 1000.0), (30, 3.0)])
def test_a_movie_that_repeats_what_hardly_changes_has_the_spread_of_what_does(every, size):
    """At low quality H.264 left 95 % of a quiet movie's pixels as they were: its MAD was 0, and thresholds 200 000."""
    maps, brightness = coded(noise(2, size), every), np.abs(noise(3)) + 5
    np.testing.assert_allclose(typical_of(maps), size, rtol=0.4)
    found = spread_of(maps)
    assert np.all(found >= 0.6 * size)
    assert np.median(found) < 3 * size
    for c in range(CHANNELS):
        np.testing.assert_allclose(np.median(brightness_curve(brightness[:, c], maps[:, c])[1]), size, rtol=0.5)


@pytest.mark.parametrize("seed", [4, 5])
def test_values_that_were_not_coded_have_the_plain_mad(seed):
    maps = noise(seed)
    maps[:5] = np.nan
    plain = MAD_TO_STD * np.median(np.abs(maps[5:]), axis=0)
    np.testing.assert_allclose(typical_of(maps)[:, 0, 0], np.median(plain, axis=(1, 2)), rtol=1e-5)


def test_what_never_changes_has_the_smallest_spread_and_what_is_unknown_none():
    still = np.zeros((FRAMES, CHANNELS, SIDE, SIDE), np.float32)
    assert np.all(typical_of(still) == TINY)
    assert np.all(spread_of(still) == TINY)
    assert np.all(brightness_curve(still[:, 0] + 1, still[:, 0])[1] == 0)
    unknown = np.full_like(still, np.nan)
    assert np.isnan(typical_of(unknown)).all()
    assert np.isnan(spread_of(unknown)).all()
