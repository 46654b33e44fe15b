"""The made-up Sun that turns: its limb shows nothing at once, and all that is planted is where it is told to be."""

import numpy as np
import pytest

from tests.benchmarks.parts import common  # noqa: F401  makes the benchmarks' modules known
from tests.benchmarks.parts.turning_sun import FLARE_WIDE_PX, Flare, Sun, flares, where, with_flares

SUN = Sun(frames=50, side=80, arcsec=30.8, cadence_s=3600.0)
WIDE = 2 * np.pi * FLARE_WIDE_PX**2  # px, of the light of a spot


def light_of(one: Flare, sun: Sun, frame: int) -> float:
    """All light that a flare of no fading brings into a frame."""
    at = one._replace(onset=frame)
    return float(with_flares(np.zeros((sun.frames, sun.side, sun.side)), [at], sun)[frame].sum())


@pytest.mark.parametrize("is_flat", [False, True])
def test_what_comes_over_the_limb_comes_within_hours(is_flat):
    sun, one = SUN._replace(is_flat=is_flat), Flare(-114.0, 10.0, 0, 1.0)
    seen = np.array([light_of(one, sun, frame) for frame in range(sun.frames)]) / WIDE
    assert seen[0] < 0.05
    assert seen[-1] > (0.02 if is_flat else 0.5)
    assert np.abs(np.diff(seen)).max() < 0.1


@pytest.mark.parametrize("is_flat", [False, True])
def test_light_lies_where_it_is_told_to_be(is_flat):
    sun = SUN._replace(is_flat=is_flat, side=160, arcsec=15.4)
    some = flares(0, sun, 10)[:8]
    assert len(some) == 8
    for one in some:
        frame = with_flares(np.zeros((sun.frames, sun.side, sun.side)), [one], sun)[one.onset]
        x, y, depth = where(one, one.onset, sun)
        at = np.array([(frame * np.arange(sun.side)[:, None]).sum(), (frame * np.arange(sun.side)).sum()]) / frame.sum()
        np.testing.assert_allclose(at, [y, x], atol=0.5)  # more of a ball is seen on the side of the limb
        assert depth > 0


def test_flares_at_the_edge_lie_there_on_both_sides():
    places = np.array([where(one, one.onset, SUN)[:2] for one in flares(1, SUN, 10, is_edge=True)])
    out = (places - (SUN.side - 1) / 2) * SUN.arcsec
    assert (np.hypot(*out.T) > 800).all()
    assert (out[:, 0] < 0).sum() == len(out) / 2
