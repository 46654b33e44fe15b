"""Frames of another exposure in movies that tell none: their light is put right, and what they do not show unknown."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inference.calibration.quiet.ranges import QuietRange
from inference.methods.excess import Excess, ExcessConfig
from inference.methods.flux.frame_noise import NOISY, is_noisy, noisier
from inference.methods.flux.light import LEAST_STEP, Step, step_between
from inference.methods.flux.spreads import brightness_curve
from tests.inference.methods.test_excess import RAW
from tests.support.sun_events import solar_reel

SIDE, FLARE = 64, slice(30, 34)


def scene(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(4, 0.7, (1, SIDE, SIDE)).astype(np.float32)


@given(st.floats(0.05, 20), st.floats(0, 30), st.integers(0, 99), st.sampled_from([0, 40, 300]))
def test_a_step_of_all_places_is_undone_whatever_lights_up_in_some(share, black, seed, flare):
    """Black: what a movie shows so, which is taken off after the exposure has done its part."""
    before, rest = scene(seed), np.ones((SIDE, SIDE), bool)
    after = np.maximum((before + np.float32(black)) * np.float32(share) - np.float32(black), 0)
    after[:, FLARE, FLARE] += flare * share * 1000
    after[:, :3], rest[FLARE, FLARE] = np.nan, False
    step = step_between(before, after)
    change = np.nanmedian(np.abs(after - before))
    if step == Step():
        is_mostly_black = np.nanmedian(after) < 0.4 * np.median(before)
        assert is_mostly_black or change < 2 * LEAST_STEP * np.median(before)
        return
    again = step.undone(after)
    shown = np.isfinite(again) & rest
    np.testing.assert_allclose(again[shown], before[shown], rtol=0.05, atol=0.06 * np.median(before))
    np.testing.assert_allclose(step.done(again)[shown], after[shown], rtol=1e-3, atol=1e-3 * np.median(before))


@given(st.floats(0.3, 3), st.integers(0, 99))
def test_what_some_places_do_or_noise_is_no_step(share, seed):
    before = scene(seed)
    half = before.copy()
    half[:, : SIDE // 2] *= np.float32(share)
    assert step_between(before, half) == Step()
    assert step_between(before, scene(seed + 100)) == Step()
    assert step_between(np.full_like(before, np.nan), before) == Step()


def test_short_frames_in_turn_hide_no_flare_and_make_none(tmp_path):
    """Movies tell no exposure: every second frame was a darkening of all places, and the ones between brightenings."""
    random, true = np.random.default_rng(4), scene(1)[0]
    frames = random.poisson(np.tile(true, (90, 1, 1)) * 4).astype(np.float64) / 4 + 1
    short = np.arange(60, 90, 2)
    frames[short] = random.poisson(np.tile(true, (len(short), 1, 1)) * 1.2) / 4 + 0.3
    flare = frames.copy()
    flare[75:, FLARE, FLARE] += np.where(np.isin(np.arange(75, 90), short), 0.3, 1)[:, None, None] * 900
    quiet, new = (
        solar_reel(tmp_path / name, f, 12.0, 1.0, unit="level") for name, f in (("quiet", frames), ("new", flare))
    )
    method = Excess(ExcessConfig("excess"), {}, dict(zip(quiet.channels, quiet.stretches, strict=True)), 8)
    method.fit([QuietRange(quiet, 0, 60, "train")], seed=0)
    highest = [scored.residual.max() for scored in method.frames(new, 0, 90, RAW)]
    before, after = max(highest[60:75]), min(highest[75:])
    assert before < 1.5 * max(highest[10:60])
    assert after > 3 * before


@given(st.floats(0.2, 8), st.integers(0, 99))
def test_a_frame_is_as_much_noisier_as_its_places_say_and_a_flare_makes_no_place_so(times, seed):
    random = np.random.default_rng(seed)
    background = random.lognormal(3, 0.8, (64, 64)).astype(np.float32)
    noise = random.normal(0, np.sqrt(background)).astype(np.float32)
    usual = brightness_curve(background[None], noise[None])
    wider = noisier(usual, background, times * noise)
    assert (wider >= 1).all()
    np.testing.assert_allclose(wider, max(times, 1), rtol=0.05)
    flare = times * noise + np.where(background > np.quantile(background, 0.97), 1e5, 0).astype(np.float32)
    np.testing.assert_allclose(noisier(usual, background, flare), max(times, 1), rtol=0.1)
    assert (noisier(usual, background, np.full_like(noise, np.nan)) == 1).all()
    usual_there = np.interp(background, *usual)[None].astype(np.float32)
    # By 256 places: of a hundred seeds they tell 0.79 to 1.18 times the spread.
    assert is_noisy(flare[None], usual_there) == (times > NOISY) or NOISY / 1.25 < times < NOISY * 1.35


def test_short_frames_whose_light_was_put_right_are_known_by_their_noise(tmp_path):
    """As in movies of counts that were divided by exposures, which these don't tell: noise was brightenings."""
    random, true = np.random.default_rng(4), scene(1)[0]
    frames = random.poisson(np.tile(true, (90, 1, 1)) * 4).astype(np.float64) / 4 + 1
    short = np.arange(60, 90, 2)
    frames[short] = random.poisson(np.tile(true, (len(short), 1, 1)) * 0.1) / 0.1 + 1
    reel = solar_reel(tmp_path / "sun", frames, 12.0, 1.0, unit="level")
    method = Excess(ExcessConfig("excess"), {}, dict(zip(reel.channels, reel.stretches, strict=True)), 8)
    method.fit([QuietRange(reel, 0, 60, "train")], seed=0)
    highest = [scored.residual.max() for scored in method.frames(reel, 0, 90, RAW)]
    assert max(highest[60:]) < 1.5 * max(highest[10:60])
