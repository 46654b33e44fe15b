"""The Sun turns under a fixed grid: backgrounds go with it, and what turns is not brighter or darker."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from config import EvalConfig
from data.disk.files import write_csv
from data.reel.reel import Reel
from inference.calibration.quiet.ranges import QuietRange
from inference.events.sky import Sky
from inference.methods.excess import Excess, ExcessConfig
from inference.methods.flux.turning import LEAST_PX, Turning
from tests.support.reels import make_reel
from tests.support.sun_events import quiet_sun, solar_reel

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
FRAMES, SIDE, CADENCE_S, PIXEL_ARCSEC = 90, 48, 24.0, 0.6
STILL = np.zeros(FRAMES)


def turning_sun(path, seed: int = 0, centre=(0.0, 0.0), pointing: np.ndarray = STILL) -> Reel:
    """Mottles of quiet_sun that solar rotation carries over the grid, with noise of 2 % a pixel.

    pointing: by how many px along x and y the camera shows each frame elsewhere, as its header tells.
    """
    still = solar_reel(path, quiet_sun(FRAMES, SIDE, seed), CADENCE_S, PIXEL_ARCSEC, centre)
    speed = exact_shift(Sky(still), still, FRAMES - 1) / (FRAMES - 1)
    random = np.random.default_rng(seed)
    scene = 200 * np.exp(2 * cv2.GaussianBlur(random.standard_normal((3 * SIDE, 3 * SIDE)), (0, 0), 3))
    rows, columns = np.indices((SIDE, SIDE), np.float32) + SIDE
    frames = np.stack(
        [
            cv2.remap(
                scene, columns - np.float32(t * speed[0] + p), rows - np.float32(t * speed[1] + p), cv2.INTER_CUBIC
            )
            for t, p in enumerate(pointing.tolist())
        ]
    )
    noisy = frames * (1 + 0.02 * random.standard_normal(frames.shape))
    return repointed(
        solar_reel(path.with_name(f"{path.name}_turning"), noisy, CADENCE_S, PIXEL_ARCSEC, centre), pointing
    )


def repointed(reel: Reel, pointing: np.ndarray) -> Reel:
    """The reel with headers that tell so many px along x and y more of each frame."""
    table = reel.candidates
    moved = {name: table[name] + pointing for name in ("wcs_crpix1", "wcs_crpix2")}
    write_csv(reel.path / "frames.csv", table.assign(**moved))
    return Reel(reel.path)


def exact_shift(sky: Sky, reel: Reel, later: int) -> np.ndarray:
    """By how much (x, y) the middle of the frame is carried from the first frame to a later one."""
    middle = np.array([(SIDE - 1) / 2])
    x, y = sky.carried(np.zeros(1, int), np.array([later]), middle, middle)
    return np.array([x - middle, y - middle])[:, 0]


def method_on(reel: Reel, begin: int = 0, end: int = FRAMES) -> Excess:
    method = Excess(ExcessConfig("excess"), {}, dict(zip(reel.channels, reel.stretches, strict=True)), 8)
    method.fit([QuietRange(reel, begin, end, "train")], seed=0)
    return method


@pytest.mark.parametrize("centre", [(0.0, 0.0), (600.0, -300.0)])
def test_places_are_carried_as_the_sky_says(tmp_path, centre):
    reel = solar_reel(tmp_path / "reel", quiet_sun(FRAMES, SIDE), CADENCE_S, PIXEL_ARCSEC, centre)
    turning = Turning.of(reel, 0, FRAMES)
    assert turning is not None
    ramp = np.indices((SIDE, SIDE), np.float32)[1]  # tells where a pixel is from
    back = turning.back(np.stack([ramp, ramp.T]), (FRAMES - 1) * CADENCE_S)
    middle = SIDE // 2
    x, y = exact_shift(Sky(reel), reel, FRAMES - 1)
    assert np.hypot(x, y) > 3
    np.testing.assert_allclose(back[:, middle, middle], [middle - x, middle - y], atol=0.05)


@pytest.mark.parametrize("jump", [-40.0, -0.5, 0.5, 3.0])
def test_a_jump_that_headers_tell_is_no_speed_but_a_drift_is(tmp_path, jump):
    reel = solar_reel(tmp_path / "reel", quiet_sun(FRAMES, SIDE), CADENCE_S, PIXEL_ARCSEC)
    drift, is_late = 0.05 * np.arange(FRAMES), np.arange(FRAMES) >= 30
    told = (Turning.of(repointed(reel, pointing), 0, FRAMES) for pointing in (0 * drift, drift, drift + jump * is_late))
    still, drifting, jumping = (turning.speed for turning in told if turning)
    np.testing.assert_allclose(drifting - still, 0.05 / CADENCE_S, atol=1e-6)
    np.testing.assert_allclose(jumping, drifting, atol=2e-5)


def test_of_a_jump_that_headers_tell_hardly_anything_is_seen(tmp_path):
    """Their noise is that of a camera that stands still, though so large a jump is not found without being told."""
    pointing = -4.0 * (np.arange(FRAMES) >= 45)
    still, jumping = (
        method_on(turning_sun(tmp_path / name, pointing=moved), 30, 60)
        for name, moved in (("still", 0 * pointing), ("jumping", pointing))
    )
    for one, other in zip(still.arrays["spread"][:3], jumping.arrays["spread"][:3], strict=True):
        assert np.median(other) < 1.25 * np.median(one)


def test_what_comes_into_view_is_unknown_and_what_hardly_moves_stays(tmp_path):
    reel = solar_reel(tmp_path / "reel", quiet_sun(FRAMES, SIDE), CADENCE_S, PIXEL_ARCSEC)
    turning = Turning.of(reel, 0, FRAMES)
    assert turning is not None
    frame = reel.physical(0, 1)[0].astype(np.float32)
    shift = exact_shift(Sky(reel), reel, FRAMES - 1)[0]  # to the west, which is on the right
    back = turning.back(frame, (FRAMES - 1) * CADENCE_S)[0]
    assert np.isnan(back[:, : int(shift)]).all()
    assert np.isfinite(back[5:-5, int(shift) + 1 :]).all()
    assert turning.back(frame, 0.9 * LEAST_PX / (shift / ((FRAMES - 1) * CADENCE_S))) is frame


def test_no_place_on_the_sun_no_turning(tmp_path):
    assert Turning.of(make_reel(tmp_path / "reel", np.ones((9, 1, 8, 8), np.float32)), 0, 9) is None


def test_a_turning_scene_is_no_excess(tmp_path):
    """With backgrounds that go with the Sun its places differ by little more than noise."""
    reel = turning_sun(tmp_path / "sun")
    method, blind = (
        method_on(reel),
        method_on(make_reel(tmp_path / "blind", reel.frames[:], CADENCE_S, stretch=reel.stretches)),
    )
    far = 2  # of the backgrounds: 8 to 24 frames back
    assert blind.arrays["spread"][far].min() > 1.5 * np.median(method.arrays["spread"][far])


def test_a_flare_on_a_turning_scene_is_found_where_it_is(tmp_path):
    reel = turning_sun(tmp_path / "sun")
    method = method_on(reel)
    flux = reel.physical(0, FRAMES)[:, 0]
    rows, columns = np.indices((SIDE, SIDE))
    flux[70:] += 80 * np.exp(-((rows - 20) ** 2 + (columns - 26) ** 2) / 8)
    flaring = solar_reel(tmp_path / "flaring", flux, CADENCE_S, PIXEL_ARCSEC)
    quiet, found = (np.stack([f.residual for f in method.frames(r, 40, 74, RAW)]) for r in (reel, flaring))
    assert found[30:].max() > 3 * quiet.max()
    assert np.unravel_index(found[31].argmax(), found[31].shape) == pytest.approx((20, 26), abs=1)
    np.testing.assert_array_equal(found[:30], quiet[:30])
