"""Short exposures are noisier: spreads of the excess know by how much, and nothing changes where all are alike."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import EvalConfig
from data.disk.files import write_csv
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from inference.calibration.quiet.ranges import QuietRange
from inference.methods.excess import Excess, ExcessConfig
from inference.methods.flux.earlier import frames_back
from inference.methods.flux.exposures import Exposures, exposures_of, sharp, usual_exposure
from tests.support.reels import make_reel

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
ASINH = Stretch("asinh", 100.0, 5000.0)
LONG_S, SHORT_S, PHOTONS_DN, READ_DN, SIDE, QUIET = 2.9, 0.3, 2.0, 2.0, 40, 60
MEAN = np.geomspace(10, 1000, SIDE) * np.ones((SIDE, 1))  # DN/s, from a dark side to a bright one


def seen(exptime_s: np.ndarray, seed: int) -> np.ndarray:
    """Flux (T, H, W) in DN/s of exposures (T,), with the noise of photons and of reading."""
    random, t = np.random.default_rng(seed), exptime_s[:, None, None]
    counts = random.poisson(MEAN * t * PHOTONS_DN) / PHOTONS_DN
    return (counts + READ_DN * random.standard_normal(counts.shape)) / t


def reel_of(path, values: np.ndarray, exptime_s: np.ndarray | None, unit: str = "DN/s") -> Reel:
    reel = make_reel(path, ASINH.forward(values)[:, None].astype(np.float32), stretch=[ASINH], meta={"unit": unit})
    if exptime_s is not None:
        write_csv(reel.path / "frames.csv", reel.candidates.assign(exptime_s=exptime_s))
    return Reel(reel.path)


def fitted_on(reel: Reel) -> Excess:
    method = Excess(ExcessConfig("excess"), {}, dict(zip(reel.channels, reel.stretches, strict=True)), 8)
    method.fit([QuietRange(reel, 0, len(reel), "train")], seed=0)
    return method


def scores(method: Excess, reel: Reel) -> np.ndarray:
    return np.stack([f.residual for f in method.frames(reel, 0, len(reel), RAW)])


def excesses(values: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Of some frames over the median of those 1 to 4 before."""
    before = np.stack([values[frames - back] for back in frames_back(*NEAREST)])
    return values[frames] - np.median(before, axis=0)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    exptime_s = np.full(QUIET, LONG_S)
    return fitted_on(reel_of(tmp_path_factory.mktemp("quiet") / "quiet", seen(exptime_s, 0), exptime_s))


NEAREST = 1, 4
ALTERNATING = np.where(np.arange(120) % 2, SHORT_S, LONG_S)


def test_the_noise_of_a_frame_is_what_two_frames_differ_by():
    before, after = np.random.default_rng(0).standard_normal((2, 1, 400, 400)) + np.linspace(0, 50, 400)
    assert np.std(sharp(before, after)) == pytest.approx(1, abs=4 / 400)


def test_noise_by_brightness_is_that_of_photons_and_of_reading(fitted):
    brightness, noise = fitted.arrays["noise"][0]
    for level in (20.0, 100.0, 500.0):
        expected = np.sqrt(level / (LONG_S * PHOTONS_DN) + (READ_DN / LONG_S) ** 2)
        assert np.interp(level, brightness, noise) == pytest.approx(expected, rel=0.15)


def test_what_short_exposures_add_is_what_they_differ_by_more(fitted):
    short = np.arange(41, 119, 2)
    known = Exposures.of(fitted.arrays, 96)
    for exptime_s in ALTERNATING[:42]:
        known.push(exptime_s)
    added = known.adds(MEAN[None], *NEAREST, blur_px=0.0)
    assert added is not None
    mixed, equal = (excesses(seen(exptime_s, 1), short) for exptime_s in (ALTERNATING, np.full(120, LONG_S)))
    more = np.var(mixed, axis=(0, 1)) - np.var(equal, axis=(0, 1))
    assert (added[0].mean(axis=0) / more)[5:-5] == pytest.approx(1, abs=0.35)
    assert np.mean(added[0].mean(axis=0) / more) == pytest.approx(1, abs=0.2)


def test_alternating_exposures_are_as_quiet_as_equal_ones(fitted, tmp_path):
    values = seen(ALTERNATING, 1)
    known = scores(fitted, reel_of(tmp_path / "known", values, ALTERNATING)).max(axis=(1, 2))
    untold = scores(fitted, reel_of(tmp_path / "untold", values, None)).max(axis=(1, 2))
    usual_s = np.full(120, LONG_S)
    equal = scores(fitted, reel_of(tmp_path / "equal", seen(usual_s, 3), usual_s)).max(axis=(1, 2))
    short = slice(3, None, 2)
    assert np.median(known[short]) < 1.5 * np.median(equal[short])
    assert 1.7 * np.median(known[short]) < np.median(untold[short])


def test_a_flare_stands_out_of_short_exposures_too(fitted, tmp_path):
    values = seen(ALTERNATING, 1)
    values[60:, 18:22, 8:12] += 3000.0
    found = scores(fitted, reel_of(tmp_path / "flare", values, ALTERNATING))
    assert found[60:66, 18:22, 8:12].max(axis=(1, 2)).min() > 2 * found[:60].max()


def test_exposures_that_are_alike_change_no_score(tmp_path):
    values, quiet = seen(np.full(30, LONG_S), 1), seen(np.full(QUIET, LONG_S), 0)
    told, untold = (
        scores(
            fitted_on(reel_of(tmp_path / f"quiet_{is_told}", quiet, np.full(QUIET, LONG_S) if is_told else None)),
            reel_of(tmp_path / f"new_{is_told}", values, np.full(30, LONG_S) if is_told else None),
        )
        for is_told in (True, False)
    )
    np.testing.assert_array_equal(told, untold)


def test_exposures_say_nothing_of_what_is_no_rate(tmp_path):
    exptime_s = np.array([1.0, 2.0, 0.0, np.nan])
    reels = [
        reel_of(tmp_path / unit.replace("/", "_"), seen(np.ones(4), 0), exptime_s, unit) for unit in ("DN/s", "level")
    ]
    np.testing.assert_array_equal(exposures_of(reels[0], 1, 4), [2.0, np.nan, np.nan])
    assert np.isnan(exposures_of(reels[1], 0, 4)).all()


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20))
def test_the_usual_exposure_has_the_mean_noise_of_photons(exptimes_s):
    usual_s = usual_exposure(np.array([*exptimes_s, np.nan]))
    assert 1 / usual_s == pytest.approx(np.mean(1 / np.array(exptimes_s)))
    assert np.isnan(usual_exposure(np.full(3, np.nan)))


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_a_shorter_exposure_never_adds_less(one_s, other_s):
    noise = np.array([[[0.0, 100.0, 1000.0], [1.0, 3.0, 9.0]]])

    def added(exptime_s: float) -> float:
        known = Exposures(1.0, noise, 4)
        for _ in range(5):
            known.push(1.0)
        known.push(exptime_s)
        found = known.adds(np.full((1, 2, 2), 400.0), 1, 4, 1.5)
        return 0.0 if found is None else float(found.mean())

    shorter, longer = sorted((one_s, other_s))
    assert added(shorter) >= added(longer)
    assert added(1.0) == 0.0
