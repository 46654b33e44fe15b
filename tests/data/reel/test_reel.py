"""The store and its intensity scaling: what is written can be read back, and mapped back to physical units."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data.reel.mask_bits import INVALID
from data.reel.reel import Reel, find_reels, inside
from data.reel.stretch import Stretch, fit_asinh, restretch
from tests.support.reels import make_reel

stretches = st.builds(
    Stretch, st.sampled_from(["asinh", "linear"]), st.floats(0.01, 1e4), st.floats(0.1, 1e6)
)  # physical scales of any instrument


@given(stretches, hnp.arrays(np.float64, 20, elements=st.floats(-1e5, 1e7)))
def test_stretch_is_invertible(stretch, x):
    np.testing.assert_allclose(stretch.inverse(stretch.forward(x)), x, rtol=1e-6, atol=1e-6 * stretch.x0)


@given(stretches)
def test_stretch_is_monotonic_and_maps_vmax_to_one(stretch):
    assert stretch.forward(np.float64(stretch.vmax)) == pytest.approx(1)
    assert stretch.forward(np.float64(0)) == 0
    x = np.linspace(-10 * stretch.vmax, 10 * stretch.vmax, 101)
    assert np.all(np.diff(stretch.forward(x)) > 0)


@given(stretches, stretches)
def test_restretch_goes_through_physical_units(old, new):
    x = np.linspace(-1, 2 * old.vmax, 24).reshape(2, 1, 3, 4)
    y = restretch(old.forward(x), [old], [new])
    np.testing.assert_allclose(y, new.forward(x), rtol=1e-5, atol=1e-7)
    assert restretch(y, [new], [new]) is y


@pytest.mark.parametrize(("x0", "vmax"), [(0, 1), (1, 0), (-1, 1), (np.nan, 1), (1, np.inf)])
def test_impossible_scalings_are_refused(x0, vmax):
    with pytest.raises(ValueError, match="positive and finite"):
        Stretch("asinh", x0, vmax)


def test_fit_takes_median_and_a_high_quantile_of_positive_values():
    values = np.concatenate([np.arange(1, 1001), np.full(5000, -3.0)]).astype(np.float32)
    stretch = fit_asinh(values)
    assert stretch.x0 == pytest.approx(500.5)
    assert stretch.vmax == pytest.approx(999, abs=1)
    constant = fit_asinh(np.full(10, 7.0))
    assert constant.vmax > constant.x0 == 7.0
    for nothing in (np.zeros(5), np.full(5, -1.0), np.empty(0)):
        with pytest.raises(ValueError, match=r"prep\.stretch"):
            fit_asinh(nothing)


def test_reel_reads_back_what_was_stored(tmp_path):
    rng = np.random.default_rng(0)
    masks = np.zeros((10, 4, 5), np.uint8)
    masks[3, 1, 2] = INVALID
    scaling = [Stretch("asinh", 10.0, 1000.0), Stretch("linear", 1.0, 255.0)]
    physical = rng.uniform(0, 900, (10, 2, 4, 5)).astype(np.float32)
    stored = np.stack([s.forward(physical[:, c]) for c, s in enumerate(scaling)], axis=1)
    labels = [float(i == 4) for i in range(10)]
    facts = {"channels": ["171", "gray"], "labels": labels, "rejected": [(30.0, "dark")]}
    reel = make_reel(tmp_path, stored, stretch=scaling, masks=masks, **facts)
    assert (len(reel), reel.shape, list(reel.channels)) == (10, (10, 2, 4, 5), ["171", "gray"])
    expected = physical[3].copy()
    expected[:, 1, 2] = np.nan
    np.testing.assert_allclose(reel.physical(3, 4)[0], expected, rtol=1e-4)
    np.testing.assert_array_equal(reel.times_s, 12.0 * np.arange(10))
    assert reel.times_utc[1] == np.datetime64("2012-07-19T00:00:12")
    assert reel.labels.tolist() == labels
    assert len(reel.candidates) == 11
    frames, bits = reel.read(2, 5)
    np.testing.assert_array_equal(frames, reel.frames[2:5])
    np.testing.assert_array_equal(bits, masks[2:5])


def test_reel_travels_to_other_processes_without_its_arrays(tmp_path):
    reel = make_reel(tmp_path, np.zeros((500, 1, 8, 8), np.float32))
    assert reel.frames.shape == (500, 1, 8, 8)
    packed = pickle.dumps(reel)
    assert len(packed) < 4000
    np.testing.assert_array_equal(pickle.loads(packed).frames, reel.frames)


def test_inside_takes_closed_intervals_of_either_spelling():
    times = np.array(["2012-07-19T04:00:00", "2012-07-19T08:00:00", "2012-07-19T12:00:00.001"], "datetime64[ms]")
    assert inside(times, (("2012-07-19 04:00", "2012-07-19T12:00"),)).tolist() == [True, True, False]
    assert not inside(times, ()).any()


def test_excluding_times_of_a_reel_without_any_is_an_error(tmp_path):
    reel = make_reel(tmp_path, np.zeros((5, 1, 2, 2), np.float32), start_utc=None, clip_length=None)
    assert reel.times_utc is None
    assert not reel.inside(()).any()
    with pytest.raises(ValueError, match=r"prep\.start_utc"):
        reel.inside((("2012-07-19", "2012-07-20"),))


def test_find_reels(tmp_path):
    for name in ("b", "a", ".a.final"):
        make_reel(tmp_path / name, np.zeros((5, 1, 2, 2), np.float32), clip_length=None)
    (tmp_path / "other").mkdir()
    assert [r.path.name for r in find_reels(tmp_path)] == ["a", "b"]
    assert [r.path.name for r in find_reels(tmp_path / "b")] == ["b"]
    with pytest.raises(FileNotFoundError, match="-m prep"):
        find_reels(tmp_path / "other")
    with pytest.raises(FileNotFoundError, match="-m prep"):
        Reel(tmp_path / "other")
