"""What a strange place does is learnt from the frames of the reel that is judged, from those before alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.disk.files import write_csv
from data.reel.reel import Reel
from inference.calibration.quiet.ranges import QuietRange
from inference.methods.excess import Excess, ExcessConfig
from inference.methods.flux.carried import Moment
from inference.methods.flux.past import AGAIN_S, PRIOR, Past
from tests.inference.methods.test_carried import CADENCE_S, FRAMES, PIXEL_ARCSEC, RAW, SIDE, WHOLE, flickering, where
from tests.support.sun_events import solar_reel

SHAPE = (2, 1, SIDE, SIDE)
STRANGE, REACH = np.array([4.0, 2.0], np.float32), [2, 6]
MIDDLE = SIDE // 2, SIDE // 2


def after(ratios: np.ndarray, cadence_s: float = 1.0) -> Past:
    """A past of frames in which all places have these ratios (n, K)."""
    past = Past(STRANGE, REACH)
    for n, ratio in enumerate(ratios):
        past.add(np.broadcast_to(ratio[:, None, None, None], SHAPE).astype(np.float32), Moment(WHOLE, n * cadence_s), n)
    return past


def wider(past: Past, frames: int, cadence_s: float = 1.0) -> np.ndarray:
    return past.wider(Moment(WHOLE, frames * cadence_s), SHAPE)[:, 0, *MIDDLE]


def test_of_what_has_no_past_nothing_is_known():
    np.testing.assert_array_equal(Past(STRANGE, REACH).wider(Moment(WHOLE, 0.0), SHAPE)[:, 0, 3, 3], STRANGE)


@given(st.integers(0, 40), st.floats(0, 9))
def test_what_goes_on_is_no_past_yet(count, size):
    """For as long as a background reaches; and what was before counts with its frames."""
    past = after(np.full((count, 2), size))
    found = wider(past, count)
    for k, reach in enumerate(REACH):
        known = max(count // reach - 1, 0) * reach
        prior = PRIOR * reach
        expected = np.sqrt((prior * STRANGE[k] ** 2 + known * size**2) / (prior + known))
        assert found[k] == pytest.approx(expected, rel=1e-5)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_frames_to_come_change_nothing(seed, count):
    ratios = np.random.default_rng(seed).normal(size=(2 * count, 2)) * 3
    past, found = Past(STRANGE, REACH), []
    for n in range(2 * count):
        found.append(wider(past, n))
        if n < count or seed % 2:
            past.add(np.broadcast_to(ratios[n, :, None, None, None], SHAPE).astype(np.float32), Moment(WHOLE, n), n)
    np.testing.assert_array_equal(found[:count], [wider(after(ratios[:n]), n) for n in range(count)])


def test_what_is_long_over_counts_less():
    """A calm half day behind a restless one: half of the restless one is forgotten, and half again."""
    cadence_s, half = AGAIN_S / 24, 24
    restless, calm = np.full((half, 2), 3.0), np.zeros((2 * half, 2))
    short, long = after(np.concatenate([restless, calm]), cadence_s), after(np.concatenate([restless, calm, calm]))
    assert (wider(short, 3 * half, cadence_s) < STRANGE).all()
    assert short._frames.max() < long._frames.max() + half


def test_what_is_not_in_view_stays_strange():
    past = after(np.zeros((20, 2)))
    aside = WHOLE.copy()
    aside[0] += 10  # what it saw lies 10 px farther right
    found = past.wider(Moment(aside, 20.0), SHAPE)
    np.testing.assert_array_equal(found[:, 0, :, :7], np.broadcast_to(STRANGE[:, None, None], (2, SIDE, 7)))
    assert (found[:, 0, :, 15:] < STRANGE[:, None, None]).all()


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Excess:
    """On one place of the Sun that flickers, so that other places may."""
    folder = tmp_path_factory.mktemp("quiet")
    at = np.repeat([[30.0, 20.0]], 40, axis=0)
    quiet = solar_reel(folder / "quiet", flickering(40, at, 150.0), CADENCE_S, PIXEL_ARCSEC)
    method = Excess(
        ExcessConfig("excess", backgrounds=((1, 4), (3, 9))),
        {},
        dict(zip(quiet.channels, quiet.stretches, strict=True)),
        8,
    )
    method.fit([QuietRange(quiet, 0, 40, "train")], seed=0)
    return method


def weeks_later(folder, flux: np.ndarray, cadence_s: float = CADENCE_S) -> Reel:
    reel = solar_reel(folder, flux, cadence_s, PIXEL_ARCSEC)
    times = reel.times_utc
    assert times is not None  # solar_reel gives them
    write_csv(reel.path / "frames.csv", reel.candidates.assign(time_utc=(times + np.timedelta64(60, "D")).astype(str)))
    return Reel(reel.path)


def test_a_flare_of_another_day_counts_more_the_longer_its_place_was_calm(tmp_path, trained):
    random = np.random.default_rng(1)
    quiet = 100 * (1 + 0.02 * random.standard_normal((FRAMES, SIDE, SIDE)))
    flared = quiet.copy()
    flared[[8, 80], 40:44, 30:34] += 100.0
    maps = np.stack([f.residual for f in trained.frames(weeks_later(tmp_path / "day", flared), 0, FRAMES, RAW)])
    assert trained.arrays["strange"][0] > 1.5
    assert maps[80].max() > 1.3 * maps[8].max()


def test_a_place_of_another_day_that_flickers_is_less_and_less_news(tmp_path, trained):
    at = where(weeks_later(tmp_path / "still", np.full((FRAMES, SIDE, SIDE), 100.0)), np.arange(FRAMES))
    reel = weeks_later(tmp_path / "flickers", flickering(FRAMES, at, 600.0, seed=2))
    maps = np.stack([f.residual for f in trained.frames(reel, 0, FRAMES, RAW)])
    assert maps[60:].max() < 0.75 * maps[4:16].max()


def test_what_a_coded_movie_repeats_makes_no_sharp_eye_of_a_strange_place(tmp_path, trained):
    """However long nothing of it was coded anew, what a key frame changes is as much news."""
    old, new = 100 * (1 + 0.02 * np.random.default_rng(1).standard_normal((2, 1, SIDE, SIDE)))
    at_key = []
    for calm in (6, 80):
        flux = np.concatenate([old.repeat(calm, axis=0), new])
        reel = weeks_later(tmp_path / f"movie{calm}", flux, cadence_s=2.0)
        maps = [f.residual for f in trained.frames(reel, 0, len(flux), RAW)]
        at_key.append(maps[-1])
    assert at_key[0].max() > 0
    np.testing.assert_allclose(at_key[1], at_key[0], rtol=0.02, atol=0.01)


def test_a_reel_is_judged_alike_however_often_and_behind_whatever(tmp_path, trained):
    """And in two parts as in one, where the second begins with what the method looks back at."""
    count = trained.looks_back + 8
    at = np.repeat([[30.0, 24.0]], count, axis=0)
    reel = weeks_later(tmp_path / "reel", flickering(count, at, 150.0, seed=3))
    first, again = (np.stack([f.residual for f in trained.frames(reel, 0, count, RAW)]) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    list(trained.frames(weeks_later(tmp_path / "other", flickering(count, at, 400.0, seed=4)), 0, count, RAW))
    begun = [f.residual for f in trained.frames(reel, 0, count - 1, RAW)]
    rest = trained.frames(reel, count - 1 - trained.looks_back, count, RAW)
    last = [f.residual for f in rest if f.index == count - 1]
    np.testing.assert_array_equal(first[:-1], begun)
    np.testing.assert_allclose(first[-1], last[0], rtol=1e-5, atol=1e-5)
