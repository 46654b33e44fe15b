"""Clouds before the solar disc and lost blocks are told from what the Sun does, by quiet frames and by nothing else."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.camera.blocks import LEAST_PX, MARGIN_PX, filled_blocks
from inference.camera.bounds import ALL_PASS, most_lost, smallest_block
from inference.camera.light import Transmission, disc_parts, light_of, of_known
from inference.camera.watch import CLOUDS
from inference.camera.watched import WatchedStretch
from inference.units import is_signed
from tests.support.clouds import PIXEL_ARCSEC, disc, transmission
from tests.support.sun_events import dimming, solar_reel, spot

FRAMES, CADENCE_S = 80, 6.0
QUIET = disc(FRAMES, 1)


def losses(reel):
    parts, seen = disc_parts(reel), Transmission()
    frames = reel.read(0, len(reel))[0]
    known = np.ones(frames.shape[2:], bool)
    return np.array([seen.lost(light_of(frame, known, reel.stretches, parts)) for frame in frames])


@pytest.fixture(scope="module")
def most(tmp_path_factory):
    return most_lost(losses(solar_reel(tmp_path_factory.mktemp("q") / "q", disc(FRAMES), CADENCE_S, PIXEL_ARCSEC))[1:])


@pytest.mark.parametrize(("depth", "wide"), [(0.15, 0.4), (0.5, 0.3), (0.5, 1.0), (0.95, 0.5)])
def test_clouds_are_the_atmospheres_and_end_with_their_frames(tmp_path, most, depth, wide):
    flux = QUIET * transmission(FRAMES, 30, 50, depth, wide, seed=3)
    watched = WatchedStretch(
        solar_reel(tmp_path / "c", flux, CADENCE_S, PIXEL_ARCSEC), 0, replace(ALL_PASS, lost_light=most), {}
    )
    watched.read(0, FRAMES)
    assert set(watched.kinds.values()) == {CLOUDS}
    assert 40 in watched.kinds
    assert min(watched.kinds) > 25
    assert max(watched.kinds) < 55


@pytest.mark.parametrize(
    "flux",
    [
        QUIET,
        spot(QUIET, 50, 45, 1, CADENCE_S, None, strength=30.0),
        dimming(QUIET, 50, 45, 1, CADENCE_S, None, loss=0.9, wide=8.0),
    ],
    ids=["quiet", "flare", "dimming"],
)
def test_nothing_on_the_sun_is_a_cloud(tmp_path, most, flux):
    assert losses(solar_reel(tmp_path / "s", flux, CADENCE_S, PIXEL_ARCSEC)).max() < most


@pytest.mark.parametrize(("cadence_s", "pixel_arcsec"), [(CADENCE_S, 2.4), (900.0, PIXEL_ARCSEC)])
def test_neither_a_cut_out_nor_a_sun_that_turns_between_frames_has_clouds(tmp_path, cadence_s, pixel_arcsec):
    assert not disc_parts(solar_reel(tmp_path / "c", QUIET, cadence_s, pixel_arcsec)).any()


@pytest.mark.parametrize(
    ("unit", "is_light"), [("DN/s", True), ("B/Bsun", True), ("G", False), ("Mx/cm2", False), ("m/s", False)]
)
def test_no_cloud_passes_before_a_field_or_velocities_whose_mean_may_be_nothing(tmp_path, unit, is_light):
    assert disc_parts(solar_reel(tmp_path / "c", QUIET, CADENCE_S, PIXEL_ARCSEC, unit=unit)).any() == is_light


def test_a_lasting_change_of_exposure_becomes_usual(tmp_path, most):
    flux = np.concatenate([QUIET[:10], 0.7 * QUIET[10:]])
    lost = losses(solar_reel(tmp_path / "e", flux, CADENCE_S, PIXEL_ARCSEC)) > most
    assert lost[10:60].all()
    assert not lost[:10].any()
    assert not lost[72:].any()


@pytest.mark.parametrize("value", [0.0, 0.3])
@pytest.mark.parametrize("place", [(slice(20, 40), slice(10, 34)), (slice(50, 57), slice(0, 96))])
def test_a_block_of_one_value_is_lost_and_little_around_it(place, value):
    picture = np.random.default_rng(0).uniform(0.2, 0.6, (96, 96)).astype(np.float32)
    filled, known = picture.copy(), np.ones((96, 96), bool)
    filled[place] = value
    lost, _ = filled_blocks(filled, picture, known)
    assert lost[place].all()
    height, width = (s.stop - s.start + 2 * MARGIN_PX for s in place)
    assert lost.sum() <= height * width
    assert not filled_blocks(filled, filled, known)[0].any()  # it is no news any more


def test_what_saturates_or_is_round_is_no_block():
    picture = np.random.default_rng(0).uniform(0.2, 0.6, (96, 96)).astype(np.float32)
    rows, columns = np.indices(picture.shape)
    known = np.ones(picture.shape, bool)
    hole = np.where(np.hypot(rows - 40, columns - 40) < 12, 0.0, picture).astype(np.float32)
    assert not filled_blocks(hole, picture, known)[0].any()
    bright = picture.copy()
    bright[30:40, 30:40] = 1.0
    assert not filled_blocks(bright, picture, known)[0].any()


@pytest.mark.parametrize("sigma", [0.003, 0.01, 0.02])
@pytest.mark.parametrize("floor", [0.0, -1.0])
def test_noise_of_a_dark_sky_has_no_blocks(sigma, floor):
    """Also where half of it is cut off at the floor, and at the border, where a pixel has few neighbours."""
    random = np.random.default_rng(0)
    frames = random.normal(0.002, sigma, (200, 96, 96)).astype(np.float32).clip(floor)
    frames[:, 40:60, 40:60] += random.uniform(0, 0.5, (200, 20, 20)).astype(np.float32)
    known = np.ones(frames.shape[1:], bool)
    assert max(filled_blocks(now, before, known)[1] for before, now in pairwise(frames)) == 0


def test_flat_places_that_quiet_frames_have_too_are_no_blocks():
    assert smallest_block(np.array([0] * 40 + [120] * 20)) == 240
    assert smallest_block(np.array([0] * 59 + [4000])) == LEAST_PX  # one that is lost hides no others


@given(st.integers(0, 1000), st.integers(1, 9), st.sampled_from([0.0, 0.2]), st.floats(0, 1))
def test_a_quantile_of_what_is_known_is_numpys(seed, frames, lacking, share):
    random = np.random.default_rng(seed)
    values = np.float32(random.normal(size=(frames, 5)))
    values[1:][random.random((frames - 1, 5)) < lacking] = np.nan
    np.testing.assert_array_equal(of_known(values, share), np.nanquantile(values, share, axis=0))


@pytest.mark.parametrize(
    ("unit", "signed"), [("V/I", True), ("G", True), ("Mx/cm2", True), ("DN/s", False), ("", False)]
)
def test_what_has_two_signs_is_no_light_of_the_disc(tmp_path, unit, signed):
    reel = solar_reel(tmp_path, np.ones((4, 32, 32), np.float32), 60.0, 80.0, unit=unit)
    assert is_signed(reel) is signed
    assert disc_parts(reel).any() is np.bool_(not signed)
