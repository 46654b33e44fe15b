"""Excess flux: backgrounds are of the past alone, a larger flare stands out more, a flash leaves no darkness."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from config import EvalConfig
from data.reel.stretch import Stretch
from inference.calibration.quiet.ranges import QuietRange
from inference.methods.excess import Excess, ExcessConfig
from inference.methods.flux.blurred import RIM
from inference.methods.flux.earlier import median_of_five
from inference.methods.flux.spreads import (
    LEAST_FRAMES,
    _deviation_of_known,
    _median_of_known,
    brightness_curve,
    gains,
    spread_of,
)
from tests.support.reels import make_reel

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
QUIET, NEW, SIDE = 60, 50, 24
ASINH = Stretch("asinh", 100.0, 2000.0)
LOOP = slice(8, 16), slice(8, 16)  # a bright place, ten times as bright as the rest


def flux(count: int, seed: int, turned_px: int = 0) -> np.ndarray:
    """Quiet flux (T, H, W) in DN/s with noise that goes with its root; the loop has moved by so many px."""
    mean = np.full((SIDE, SIDE), 100.0)
    mean[LOOP] = 1000.0
    mean = np.roll(mean, turned_px, axis=1)
    return mean + np.sqrt(mean) * np.random.default_rng(seed).standard_normal((count, SIDE, SIDE))


def with_spot(values: np.ndarray, at: slice, size: float, y: int = 11, x: int = 11) -> np.ndarray:
    spoilt = values.copy()
    spoilt[at, y - 1 : y + 2, x - 1 : x + 2] += size
    return spoilt


def reel_of(path, values: np.ndarray, masks: np.ndarray | None = None):
    return make_reel(path, ASINH.forward(values)[:, None].astype(np.float32), masks=masks, stretch=[ASINH])


def method_on(reel, **chosen) -> Excess:
    method = Excess(ExcessConfig("excess", **chosen), {}, dict(zip(reel.channels, reel.stretches, strict=True)), 8)
    method.fit([QuietRange(reel, 0, QUIET, "train")], seed=0)
    return method


def scores(method: Excess, reel, begin: int = 0, end: int | None = None) -> np.ndarray:
    return np.stack([f.residual for f in method.frames(reel, begin, len(reel) if end is None else end, RAW)])


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return method_on(reel_of(tmp_path_factory.mktemp("quiet") / "quiet", flux(QUIET, 1)))


def test_the_background_is_the_median_of_frames_before(tmp_path):
    values = flux(NEW, 2)
    reel = reel_of(tmp_path / "a", values)
    method = method_on(reel_of(tmp_path / "q", flux(QUIET, 1)), backgrounds=[[2, 4]], blur_px=0.0)
    method.open(reel, 0, NEW)
    found = [
        method._compared(method._flux(*of_one)) for of_one in zip(*method.context(reel, 0, NEW, 0, NEW), strict=True)
    ]
    background, excess = (np.stack(maps, axis=1) for maps in zip(*found, strict=True))
    stored = reel.physical(0, NEW)[:, 0]
    for t in (4, 5, 30, NEW - 1):
        expected = np.median(stored[[t - 4, t - 3, t - 2]], axis=0)
        np.testing.assert_allclose(background[0, t, 0], expected, rtol=1e-4)
        np.testing.assert_allclose(excess[0, t, 0], stored[t] - expected, atol=1e-3 * stored.max())


@given(arrays(np.float32, (5, 7), elements=st.floats(-1e6, 1e6, width=32) | st.just(np.nan)))
def test_a_median_of_five_is_that_of_the_known(values):
    known = np.isfinite(values).sum(axis=0)
    expected = [np.nanmedian(v) if n >= 3 else np.nan for v, n in zip(values.T, known, strict=True)]
    np.testing.assert_array_equal(median_of_five(values), np.array(expected, np.float32))


def test_what_comes_later_changes_no_score_of_before(fitted, tmp_path):
    values = flux(NEW, 3)
    plain, flaring = reel_of(tmp_path / "a", values), reel_of(tmp_path / "b", with_spot(values, slice(30, None), 5000))
    before, after = scores(fitted, plain), scores(fitted, flaring)
    np.testing.assert_array_equal(before[:30], after[:30])
    assert after[30].max() > 5 * before[30:].max()


def test_the_same_light_counts_the_same_on_a_bright_loop_and_shows_on_either(fitted, tmp_path):
    values = flux(NEW, 4)
    for y, x in ((11, 11), (4, 18)):
        found = scores(fitted, reel_of(tmp_path / f"{y}", with_spot(values, slice(30, 40), 600.0, y, x)))
        assert np.unravel_index(found[30].argmax(), found[30].shape) == pytest.approx((y, x), abs=1)


@given(st.floats(50, 2e4), st.floats(1.01, 50))
@settings(max_examples=10)
def test_a_larger_flare_never_scores_less(fitted, tmp_path_factory, size, factor):
    folder, values = tmp_path_factory.mktemp("flares"), flux(NEW, 5)
    small, large = (
        scores(fitted, reel_of(folder / f"{k}", with_spot(values, slice(30, 36), k)), 28, 36)
        for k in (size, factor * size)
    )
    assert (large[2:, 11, 11] >= small[2:, 11, 11] * (1 - 1e-4)).all()


def test_a_flash_leaves_no_darkness_behind(fitted, tmp_path):
    values = flux(NEW, 6)
    quiet = scores(fitted, reel_of(tmp_path / "a", values))
    flashed = scores(fitted, reel_of(tmp_path / "b", with_spot(values, slice(28, 30), 5000.0)))
    assert flashed[28].max() > 10 * quiet.max()
    assert flashed[32:].max() <= 1.5 * quiet.max()


def test_a_long_flare_that_ends_is_no_dimming(fitted, tmp_path):
    values = flux(NEW, 6)
    quiet = scores(fitted, reel_of(tmp_path / "a", values))
    flared = scores(fitted, reel_of(tmp_path / "b", with_spot(values, slice(15, 40), 5000.0)))
    assert flared[15].max() > 10 * quiet.max()
    assert flared[40:].max() <= 1.5 * quiet.max()


def test_a_dimming_is_seen_and_told(tmp_path):
    quiet = reel_of(tmp_path / "q", flux(QUIET, 1))
    dark = reel_of(tmp_path / "d", with_spot(flux(NEW, 7), slice(30, None), -600.0))
    by_sign = {signs: scores(method_on(quiet, signs=signs), dark)[30:34].max() for signs in ("both", "brightening")}
    assert by_sign["both"] > 3 * by_sign["brightening"]
    frames = list(method_on(quiet).frames(dark, 30, 34, RAW))
    assert frames[0].frame[0, 11, 11] < frames[0].reconstruction[0, 11, 11]


def wandering(count: int, seed: int) -> np.ndarray:
    """Quiet flux (T, H, W) whose places wander: half an hour changes them by far more than a frame does."""
    steps = np.random.default_rng(seed).standard_normal((count, SIDE, SIDE))
    return 2000 + 10 * np.cumsum(steps, axis=0)


def test_what_gets_dark_at_once_is_seen_as_what_gets_bright(tmp_path):
    """Though the slowest background, which tells what stays dark, is blind to it."""
    method = method_on(reel_of(tmp_path / "q", wandering(QUIET, 1)))
    values = wandering(NEW, 7)
    top = {}
    for size in (-300.0, 0.0, 300.0):
        found = scores(method, reel_of(tmp_path / f"{size}", with_spot(values, slice(44, None), size)))
        top[size] = found[44:46, 8:15, 8:15].max()
    assert min(top[300.0], top[-300.0]) > 2 * top[0.0]
    assert top[-300.0] > 0.7 * top[300.0]


def test_a_flare_hides_a_dimming_at_its_place_no_longer_than_the_backgrounds_in_use_reach(tmp_path):
    """Backgrounds that frames of a slow cadence are too far apart for count for nothing."""
    method = method_on(reel_of(tmp_path / "q", flux(QUIET, 1)), longest_s=48.0)  # of 12 s a frame: 4 frames back
    dimmed = with_spot(flux(NEW, 3), slice(30, 34), -600.0)
    alone = scores(method, reel_of(tmp_path / "a", dimmed))
    behind = scores(method, reel_of(tmp_path / "b", with_spot(dimmed, slice(10, 11), 5000.0)))
    assert alone[30, 11, 11] > 10
    assert behind[30, 11, 11] == pytest.approx(alone[30, 11, 11], rel=1e-3)


def test_beside_unknown_pixels_nothing_is_judged(fitted, tmp_path):
    values, masks = flux(NEW, 8), np.zeros((NEW, SIDE, SIDE), np.uint8)
    for t in range(NEW):
        masks[t, :, : 2 + t // 10] = 1  # an edge that moves in
    values[:, :, :7] += 3000 * (np.arange(7) == 6)
    values[40:, :, 5:7] += 5000.0
    found = scores(fitted, reel_of(tmp_path / "a", values, masks))
    reach = RIM.shape[1] // 2
    assert not found[40:, :, : 2 + 4 + reach].any()


def test_noise_goes_with_a_loop_that_the_sun_has_turned(fitted, tmp_path):
    there, turned = (scores(fitted, reel_of(tmp_path / f"{px}", flux(NEW, 10, px))).max() for px in (0, 7))
    assert turned < 1.2 * there
    fitted_by_place = Excess(fitted.settings, dict(fitted.arrays), fitted.scaling, 8)
    fitted_by_place.arrays["by_brightness"] = np.zeros_like(fitted.arrays["by_brightness"]) + np.array([[1.0], [0.0]])
    assert scores(fitted_by_place, reel_of(tmp_path / "place", flux(NEW, 10, 7))).max() > 1.5 * there


def test_what_is_brighter_never_has_a_smaller_spread():
    random = np.random.default_rng(1)
    background = random.uniform(1, 1000, (40, 20, 20))
    brightness, spread = brightness_curve(background, np.sqrt(background) * random.standard_normal(background.shape))
    assert (np.diff(spread) >= 0).all()
    middle = len(spread) // 2
    np.testing.assert_allclose(spread[middle], np.sqrt(brightness[middle]), rtol=0.15)  # of 800 values
    assert not brightness_curve(np.full((3, 4, 4), np.nan), np.zeros((3, 4, 4)))[1].any()


def test_the_first_frames_have_no_background_and_no_score(fitted, tmp_path):
    found = scores(fitted, reel_of(tmp_path / "a", with_spot(flux(NEW, 9), slice(0, 5), 1e5)))
    assert not found[0].any()


@pytest.mark.parametrize("backgrounds", [[[1, 4], [3, 9]], [[3, 9]], [[8, 24], [5, 6]]])
def test_blind_frames_are_those_at_the_beginning_of_a_stretch_without_any_score(tmp_path, backgrounds):
    method = method_on(reel_of(tmp_path / "q", flux(QUIET, 1)), backgrounds=backgrounds)
    has_score = scores(method, reel_of(tmp_path / "a", flux(NEW, 2))).any(axis=(1, 2))
    assert not has_score[: method.blind_frames].any()
    assert has_score[method.blind_frames :].all()


def test_quiet_places_have_at_least_the_typical_spread():
    maps = np.random.default_rng(0).standard_normal((200, 1, 30, 30))
    maps[..., :10] *= 0.01
    spread = spread_of(maps)
    assert spread.min() == pytest.approx(np.median(1.4826 * np.median(np.abs(maps), axis=0)), rel=0.02)
    assert np.isnan(spread_of(np.full((5, 1, 4, 4), np.nan))).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.floats(10, 1e3))
@settings(max_examples=25)
def test_a_place_that_flickers_rarely_is_as_wide_as_that_and_changes_no_other(seed, frames, size):
    maps = np.random.default_rng(seed).standard_normal((40, 1, 40, 40)).astype(np.float32)
    before = spread_of(maps)
    maps[:frames, :, 10:14, 10:14] = size  # fewer than half of the frames: no MAD knows of it
    after = spread_of(maps)
    reach = np.zeros_like(after, bool)
    reach[:, 3:21, 3:21] = True  # of both filters
    assert after[0, 11:13, 11:13].min() >= size * np.sqrt(frames / 40) * (1 - 1e-6)
    np.testing.assert_allclose(after[~reach], before[~reach], rtol=0.02)  # by the typical spread


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.9))
def test_the_deviation_of_a_place_is_that_of_the_frames_it_is_known_in(seed, share):
    random = np.random.default_rng(seed)
    maps = random.standard_normal((9, 1, 4, 5)).astype(np.float32)
    maps[random.random(maps.shape) < share] = np.nan
    found = _deviation_of_known(maps)
    for place in np.ndindex(maps.shape[1:]):
        known = [float(v) for v in maps[(slice(None), *place)] if np.isfinite(v)]
        assert found[place] == pytest.approx(np.sqrt(np.mean(np.square(known))) if known else np.nan, nan_ok=True)


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.9))
def test_the_spread_of_a_place_is_that_of_the_frames_it_is_known_in(seed, share):
    random = np.random.default_rng(seed)
    maps = np.abs(random.standard_normal((9, 1, 4, 5))).astype(np.float32)
    maps[random.random(maps.shape) < share] = np.nan
    maps[:2] = np.nan
    found = _median_of_known(maps)
    for place in np.ndindex(maps.shape[1:]):
        known = [v for v in maps[(slice(None), *place)] if np.isfinite(v)]
        expected = np.median(np.array(known, np.float32)) if known else np.nan
        np.testing.assert_array_equal(found[place], np.float32(expected))


def test_a_background_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match=r"\[4, 1\] ends before it begins"):
        ExcessConfig("excess", backgrounds=[[4, 1]])


def test_nothing_but_darkness_is_no_fault(tmp_path):
    reel = reel_of(tmp_path / "a", np.zeros((QUIET, SIDE, SIDE)))
    assert not scores(method_on(reel), reel).any()


def test_backgrounds_beyond_the_longest_time_are_left_out(tmp_path):
    reel = reel_of(tmp_path / "a", flux(QUIET, 1))
    for longest_s, used in ((1e9, [True, True]), (4 * reel.cadence_s, [True, False]), (1e-3, [True, False])):
        method = method_on(reel, backgrounds=[[1, 4], [8, 24]], longest_s=longest_s)
        method.open(reel, 0, QUIET)
        assert method.used == used


@pytest.mark.parametrize(("unit", "used"), [("DN/s", [True, False]), ("G", [True, True]), ("", [True, False])])
def test_magnetic_flux_that_emerges_in_hours_has_backgrounds_of_hours(tmp_path, unit, used):
    facts = {"unit": unit, "cadence_s": 720.0}
    reel = make_reel(tmp_path / "a", ASINH.forward(flux(QUIET, 1))[:, None], 720.0, stretch=[ASINH], meta=facts)
    method = method_on(reel, backgrounds=[[1, 4], [8, 24]])
    method.open(reel, 0, QUIET)
    assert method.used == used
    again = Excess(method.settings, method.arrays, method.scaling, 8)  # of what arrives and tells no unit
    again.open(make_reel(tmp_path / "b", ASINH.forward(flux(QUIET, 2))[:, None], 720.0, stretch=[ASINH]), 0, QUIET)
    assert again.used == used


class TestGains:
    def highest(self, tails, count: int = 4000):
        """In spreads (K, n): each frame is as high as told."""
        return np.repeat(np.array(tails)[:, None], count, axis=1)

    def test_a_background_over_which_nothing_flickers_is_heard(self):
        assert gains(self.highest([8.0, 2.0, 9.0])) == pytest.approx([1, 2, 1], rel=0.01)  # the root of 4, never less

    @given(st.floats(1.1, 10), st.integers(LEAST_FRAMES, 100), st.integers(1, 100))
    def test_few_frames_tell_little_of_a_tail(self, ratio, count, more):
        few, many = (gains(self.highest([ratio, 1.0], n))[1] for n in (count, count + more))
        assert 1 < few < many < np.sqrt(ratio)

    def test_too_few_frames_tell_no_tail(self):
        z = self.highest([8.0, 2.0], 40)
        z[1, LEAST_FRAMES - 1 :] = 0
        assert gains(z).tolist() == [1, 1]
        z[:, LEAST_FRAMES - 1 :] = 0
        assert gains(z).tolist() == [1, 1]

    def test_a_flare_among_the_quiet_frames_changes_nothing(self):
        z = self.highest([8.0, 2.0], 40)
        as_before = gains(z).tolist()
        z[0, 20:23] = 1000.0
        assert gains(z).tolist() == as_before


def test_each_part_is_judged_by_all_others(fitted):
    parts = [[k] for k in range(5)]
    assert fitted.beside(2, parts) == [0, 1, 3, 4]


@pytest.mark.parametrize("lacking", [["rule", "strange"], ["rule"]])
def test_a_run_of_an_older_version_is_refused(tmp_path, lacking):
    """Also one that has all arrays, and thresholds of scores by another rule."""
    method = method_on(reel := reel_of(tmp_path / "quiet", flux(QUIET, 1)))
    for name in lacking:
        del method.arrays[name]
    with pytest.raises(ValueError, match="older version"):
        method.open(reel, 0, QUIET)


@given(st.floats(1, 3600))
def test_what_is_known_of_quiet_suns_is_of_time_and_worth_some_frames(cadence_s):
    method = Excess(ExcessConfig("excess"), {"cadence_s": np.array(cadence_s)}, {}, 8)
    prior = method.tail_prior
    assert prior is not None
    assert prior.level(1, 86400.0) == pytest.approx(14, abs=0.5)  # spreads, once a day
    assert prior.level(10, 86400.0) == pytest.approx(6, abs=0.5)
    assert prior.span_s == pytest.approx(30 * cadence_s)
    assert prior.most_per_s == pytest.approx(10 / 86400)


def test_a_run_of_before_knows_nothing_beforehand(fitted):
    assert fitted.tail_prior is not None
    before = {name: kept for name, kept in fitted.arrays.items() if name != "cadence_s"}
    assert Excess(fitted.settings, before, fitted.scaling, 8).tail_prior is None


VELOCITIES = Stretch("linear", 1.0, 4000.0)


@pytest.mark.parametrize("unit", ["m/s", "km/s", "DN/s"])
def test_what_the_observers_motion_adds_to_a_dopplergram_is_no_change_of_the_sun(tmp_path, unit):
    """It goes round the Earth: all of the disc changes by hundreds of m/s within an hour."""
    values = with_spot(np.random.default_rng(5).normal(0, 20, (QUIET + NEW, SIDE, SIDE)), slice(QUIET + 20, None), 150)
    drift = 3000 * np.sin(np.arange(QUIET + NEW) / 60)[:, None, None]
    found = []
    for name, shown in (("still", values), ("moves", values + drift)):
        frames = VELOCITIES.forward(shown)[:, None].astype(np.float32)
        reel = make_reel(tmp_path / name, frames, stretch=[VELOCITIES], meta={"unit": unit})
        found.append(scores(method_on(reel), reel, QUIET))
    still, moves = (each[20:24].max(axis=0)[11, 11] for each in found)
    before = [each[8:19].max() for each in found]
    assert still > 2 * before[0]
    assert (moves > 2 * before[1]) == (unit != "DN/s")
    if unit != "DN/s":
        assert moves == pytest.approx(still, rel=0.15)


def test_the_picture_that_is_expected_of_a_dopplergram_moves_with_the_observer(tmp_path):
    values = np.random.default_rng(6).normal(0, 20, (QUIET + NEW, SIDE, SIDE))
    values += 3000 * np.sin(np.arange(QUIET + NEW) / 60)[:, None, None]
    frames = VELOCITIES.forward(values)[:, None].astype(np.float32)
    reel = make_reel(tmp_path / "moves", frames, stretch=[VELOCITIES], meta={"unit": "m/s"})
    for scored in method_on(reel).frames(reel, QUIET + 40, QUIET + NEW, RAW):
        expected = VELOCITIES.inverse(scored.reconstruction).mean()
        assert expected == pytest.approx(VELOCITIES.inverse(scored.frame).mean(), abs=40)


def coded(count: int, seed: int, rate: float, block: int = 4) -> np.ndarray:
    """Flux (T, H, W) of which each block is coded anew, some percent off, in so many of the frames, and repeats in the
    others: so H.264 of low quality shows a quiet Sun, of which 95 % of the pixels repeat for minutes."""
    random = np.random.default_rng(seed)
    shape = count, SIDE // block, SIDE // block
    times = np.where(random.random(shape) < rate, np.arange(count)[:, None, None], 0)
    off = np.take_along_axis(random.normal(0, 0.03, shape), np.maximum.accumulate(times), axis=0)
    return flux(1, 1).clip(20) * (1 + np.kron(off, np.ones((1, block, block))))


@pytest.mark.parametrize("rate", [0.005, 0.02, 0.1])
def test_a_coded_movie_is_judged_by_what_it_shows_anew(tmp_path, rate):
    """Most places had no spread at all: their next change scored millions, and so high was the threshold."""
    method = method_on(reel_of(tmp_path / "q", coded(QUIET, 21, rate)))
    new = coded(NEW, 22, rate)
    calm = scores(method, reel_of(tmp_path / "n", new)).max()
    flaring = scores(method, reel_of(tmp_path / "f", with_spot(new, slice(30, None), 400.0)))
    assert calm < 15
    assert flaring[30:33, 9:14, 9:14].max() > 1.3 * calm
