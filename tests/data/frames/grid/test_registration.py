"""Registration: against aiapy's, and where it decides to put which frame."""

import contextlib
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.frames.grid.placement import Placed
from data.frames.grid.registration import affine, register_rows
from data.frames.grid.resample import area_mean
from data.frames.grid.to_grid import calibrate, steps
from data.reel.mask_bits import INVALID, SATURATED
from data.sky.wcs import FrameWcs
from data.sky.wcs_header import from_header
from data.sources.base import Candidate, FrameError, RawFrame
from tests.support.fits_files import header
from tests.support.solar_frames import (
    TIME_UTC,
    block_means,
    rms_over_std,
    rolled_frame,
    sunpy_frame,
    sunpy_map,
    to_target,
)

LARGEST_RMS = 0.005  # of the standard deviation inside the disc


@pytest.mark.parametrize(
    ("frame", "factor"),
    [
        pytest.param(sunpy_frame, 8, id="sunpy"),
        pytest.param(sunpy_frame, 4, id="sunpy, small cells"),
        pytest.param(lambda: rolled_frame(2048), 16, id="rolled, moved as blocks of 2"),
        pytest.param(lambda: rolled_frame(2048), 32, id="rolled, moved as blocks of 4"),
        pytest.param(lambda: rolled_frame(2048), 8, id="rolled"),
        pytest.param(lambda: rolled_frame(1024), 2, id="rolled, smallest cells"),
    ],
)
@pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning")
def test_registration_equals_that_of_aiapy(frame, factor):
    register = pytest.importorskip("aiapy.calibrate").register
    pixels, header = frame()
    registered = register(sunpy_map(pixels, header))
    target, to_source = to_target(registered, header, pixels.shape)
    grid = tuple(n // factor for n in pixels.shape)
    ours, _ = area_mean(pixels, None, grid, to_source)
    assert rms_over_std(ours, registered.data, target, factor) <= LARGEST_RMS
    if frame is not sunpy_frame:  # without registration it is another picture
        assert rms_over_std(block_means(pixels, factor), registered.data, target, factor) > 20 * LARGEST_RMS


SUN = FrameWcs(64.5, 64.5, 19.2, 19.2, 0.0, 0.0, 0.0, 960.0, 0.0, 5.0, 1.5e11)
turned = st.builds(
    lambda x, y, scale, turn, flip: replace(SUN, crpix1=x, crpix2=y, cdelt1=scale, cdelt2=flip * scale, crota2=turn),
    *(st.floats(-500, 500), st.floats(-500, 500), st.floats(0.5, 3), st.floats(-180, 180), st.sampled_from([1, -1])),
)


@settings(max_examples=50, deadline=None)
@given(turned, turned)
def test_affine_goes_through_the_sky(target, source):
    x, y = np.meshgrid(np.linspace(0, 199, 4), np.linspace(0, 99, 3))
    expected = source.hpc_to_pixel(*target.pixel_to_hpc(x, y))
    found = np.tensordot(affine(target, source, (100, 200)), np.stack([x, y, np.ones_like(x)]), 1)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_affine_between_planes_tangent_elsewhere():
    """The bound that its docstring states, on a full AIA frame whose reference point lies at the limb."""
    source = FrameWcs(100.0, 2000.0, 0.6, 0.6, -950.0, 300.0, 0.4, 960.0, 0.0, 5.0, 1.5e11)
    target = replace(SUN, crpix1=2048.5, crpix2=2048.5, cdelt1=0.6, cdelt2=0.6)
    x, y = np.meshgrid(np.linspace(0, 4095, 9), np.linspace(0, 4095, 9))
    expected = source.hpc_to_pixel(*target.pixel_to_hpc(x, y))
    found = np.tensordot(affine(target, source, (4096, 4096)), np.stack([x, y, np.ones_like(x)]), 1)
    np.testing.assert_allclose(found, expected, atol=0.1)


# Which frame goes where


def candidate(wcs, level=1.0, **facts):
    facts = {"exptime_s": 1.0, "shape": (128, 128)} | facts
    facts |= {"level": level, "wcs": wcs, "is_counts": True, "saturation": 16383.0}
    return Placed.of(Candidate("a.fits", "a.fits", "fits", "aia_171", "171", **facts))


def register(sources, shape=(128, 128), level=1.0, **prep):
    rows = tuple((candidate(wcs, level),) for wcs in sources)
    return [row[0] for row in register_rows(rows, shape, PrepConfig(**prep))]


def test_full_discs_are_centred_at_the_median_scale():
    sources = [replace(SUN, crpix1=64.5 + i, cdelt1=s, cdelt2=s, crota2=i / 3) for i, s in enumerate((19, 19.3, 19.2))]
    for frame in register(sources):
        assert frame.target == replace(SUN, cdelt1=19.2, cdelt2=19.2)
        assert frame.sky == frame.target
    assert [c.wcs for c in register(sources)] == sources


def test_every_sun_gets_the_size_asked_for():
    sources = [replace(SUN, rsun_arcsec=r) for r in (944.0, 960.0, 976.0)]
    radii_px = [c.target.rsun_arcsec / c.target.cdelt1 for c in register(sources, rsun_arcsec=976.0) if c.target]
    np.testing.assert_allclose(radii_px, 976.0 / 19.2)
    assert len(radii_px) == 2  # the third has that size already
    assert [c.target for c in register(sources)] == [None] * 3


def cutouts(crpix1, **changes):
    return [replace(SUN, crpix1=x, crpix2=400.0, cdelt1=0.6, cdelt2=0.6, **changes) for x in crpix1]


def test_a_jump_of_the_pointing_is_undone():
    frames = register(cutouts([-1329.5, -1329.5, -1330.5, -1330.5, -1329.5]))
    places = [c.sky.crpix1 for c in frames]
    assert places == pytest.approx([-1329.5] * 5, abs=0.05)
    assert [bool(c.target) for c in frames] == [False, False, True, True, False]
    np.testing.assert_allclose(frames[2].to_source, [1, 0, -1, 0, 1, 0], atol=1e-3)


def test_cutouts_that_follow_their_target_keep_following():
    crpix1 = [-1300.0 - 4 * i for i in range(40)]
    frames = register(cutouts(crpix1, crota2=1.0))
    middle = np.array([c.sky.pixel_to_hpc(63.5, 63.5) for c in frames])
    expected = np.array([wcs.pixel_to_hpc(63.5, 63.5) for wcs in cutouts(crpix1, crota2=1.0)])
    np.testing.assert_allclose(middle, expected, atol=1e-3)
    assert all(c.sky.crota2 == 0 for c in frames)


def test_single_frames_have_no_say_in_the_pointing():
    lost = cutouts([-1329.5] * 11 + [-400.0], crota2=1.0)
    assert len({(c.sky.crpix1, c.sky.crpix2) for c in register(lost)}) == 1
    rows = *((candidate(wcs),) for wcs in cutouts([-1329.5] * 2)), (candidate(SUN, shape=(64, 64)),) * 3
    assert [row[0].target for row in register_rows(rows, (128, 128), PrepConfig())] == [None] * 3


def test_channels_of_a_stack_share_their_grid():
    others = replace(SUN, crpix1=66.0, crota2=0.5), replace(SUN, cdelt1=19.3, cdelt2=19.3)
    (row,) = register_rows((tuple(candidate(wcs) for wcs in (SUN, *others)),), (128, 128), PrepConfig())
    assert row[0].target is None
    assert row[1].target == row[2].target == SUN


@pytest.mark.parametrize(
    ("level", "setting", "moves"),
    [(1.0, "auto", True), (math.nan, "auto", True), (1.5, "auto", False), (2.0, "auto", False), (1.0, "off", False)],
)
def test_who_is_registered(level, setting, moves):
    (frame,) = register([replace(SUN, crota2=2.0)], level=level, register=setting)
    assert bool(frame.to_source) == bool(frame.target) == moves
    assert frame.sky.crota2 == (0.0 if moves else 2.0)


def test_frames_without_a_wcs_stay_among_others():
    rows = (candidate(None),), (candidate(replace(SUN, crota2=2.0)),)
    (without,), (with_wcs,) = register_rows(rows, (128, 128), PrepConfig())
    assert without == rows[0][0]
    assert with_wcs.target == SUN


@pytest.mark.parametrize(("crota2", "moves"), [(0.005, False), (0.05, True)])
def test_a_frame_in_place_is_not_interpolated(crota2, moves):
    """0.02 pixels at a corner of 128 pixels are a roll of 0.013 deg."""
    assert bool(register([replace(SUN, crota2=crota2)])[0].to_source) == moves


@settings(max_examples=100, deadline=None)
@given(
    st.tuples(
        *(st.floats(-most, most) for most in (2e6, 2e6)),
        *(st.floats(0.002, 300) for _ in range(2)),
        *(st.floats(-most, most) for most in (2e5, 2e5, 400.0)),
    )
)
def test_no_header_stops_prep(values):
    """A frame whose header is nonsense, though within bounds, is used or rejected."""
    names = ("CRPIX1", "CRPIX2", "CDELT1", "CDELT2", "CRVAL1", "CRVAL2", "CROTA2")
    observer = {"HGLN_OBS": 0.0, "HGLT_OBS": 5.0, "DSUN_OBS": 1.5e11}
    sources = SUN, SUN, from_header(header(**dict(zip(names, values, strict=True)) | observer), TIME_UTC)
    pixels = np.full((128, 128), 100, np.int16)
    for (frame,) in register_rows(tuple((candidate(wcs),) for wcs in sources), (128, 128), PrepConfig()):
        with contextlib.suppress(FrameError):
            small = calibrate(RawFrame(pixels, None, ""), frame, (128, 128), (16, 16), PrepConfig())
            assert np.isfinite(small.values).all()


def test_a_frame_behind_the_observer_stays_as_it_is():
    behind = FrameWcs(0.0, 0.0, 200.0, 200.0, 9e4, 9e4, 0.0, 960.0, 0.0, 5.0, 1.5e11)  # 4096 pixels are 228 deg
    rows = tuple((candidate(behind, shape=(4096, 4096)),) for _ in range(3))
    assert register_rows(rows, (4096, 4096), PrepConfig()) == rows


# What calibrate makes of it


def warped(pixels, source, grid, prep=None, **facts):
    prep = PrepConfig(**{"normalise_exposure": False} | (prep or {}))
    ((frame,),) = register_rows(((candidate(source, **facts),),), pixels.shape, prep)
    return calibrate(RawFrame(pixels, -32768, ""), frame, pixels.shape, grid, prep), frame


def star(source, tx, ty, shape=(128, 128), height=1000.0):
    """A small bright blob at a place on the sky, and a sky of 100."""
    x0, y0 = source.hpc_to_pixel(tx, ty)
    y, x = np.indices(shape)
    return (100 + height * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 8)).astype(np.float32)


def centroid(values):
    y, x = np.indices(values.shape)
    weight = np.clip(values - 110, 0, None)
    return (x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()


@pytest.mark.parametrize("grid", [(128, 128), (64, 64), (32, 43)])
@pytest.mark.parametrize("crota2", [-0.4, 30.0, 180.0])
def test_a_star_is_found_where_the_wcs_says(grid, crota2):
    source = replace(SUN, crpix1=66.8, crpix2=61.1, crota2=crota2)
    small, frame = warped(star(source, 300.0, 500.0), source, grid)
    expected = frame.sky.resized((128, 128), grid).hpc_to_pixel(300.0, 500.0)
    np.testing.assert_allclose(centroid(np.where(small.bits & INVALID, 0, small.values)), expected, atol=0.1)


def test_what_comes_from_outside_is_invalid_and_missing():
    pixels = np.full((128, 128), 100, np.int16)
    small, _ = warped(pixels, replace(SUN, crpix1=64.5 + 16), (32, 32))
    invalid = (small.bits & INVALID) > 0
    expected = np.zeros((32, 32), bool)
    expected[:, 28:] = True
    np.testing.assert_array_equal(invalid, expected)
    np.testing.assert_allclose(small.values[~invalid], 100, rtol=1e-5)
    assert small.coverage == pytest.approx(1 - 16 / 128, abs=1e-3)
    with pytest.raises(FrameError, match=r"coverage 0\.88 is below"):
        warped(pixels, replace(SUN, crpix1=64.5 + 16), (32, 32), {"min_coverage": 0.9})


@pytest.mark.parametrize("with_holes", [False, True])
@pytest.mark.parametrize("crota2", [0.3, -75.0])
def test_strips_equal_one_warp(crota2, with_holes):
    """Large frames are moved strip by strip, and from the source's rows under each only."""
    rng = np.random.default_rng(0)
    pixels, valid = rng.integers(100, 900, (512, 256), dtype=np.int16), rng.random((512, 256)) < 0.8
    source = replace(SUN, crpix1=130.3, crpix2=240.0, crota2=crota2)
    matrix = affine(replace(SUN, crpix1=128.5, crpix2=256.5), source, pixels.shape)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    total, weight = (
        block_means(cv2.warpAffine(np.float32(values), matrix, (256, 512), flags=flags), 8)
        for values in (pixels * (valid if with_holes else 1), valid if with_holes else np.ones(valid.shape))
    )
    mean, fraction = area_mean(pixels, valid if with_holes else None, (64, 32), matrix)
    np.testing.assert_allclose(fraction, weight, atol=1e-5 if with_holes else 0.06)
    inside = weight > (0.1 if with_holes else 0.999)
    assert 0.3 < inside.mean() < 1
    np.testing.assert_allclose(mean[inside], total[inside] / weight[inside], rtol=1e-4 if with_holes else 2e-3)


@pytest.mark.parametrize("with_holes", [False, True])
@pytest.mark.parametrize("crota2", [0.3, -75.0])
def test_large_cells_are_moved_as_blocks(crota2, with_holes):
    """Of cells of 16 pixels, blocks of 2: as a frame of half the size would be, its holes too."""
    rng = np.random.default_rng(0)
    pixels, valid = rng.integers(100, 900, (512, 256), dtype=np.int16), rng.random((512, 256)) < 0.8
    valid = valid if with_holes else np.ones(valid.shape, bool)
    whole, half = (replace(SUN, crpix1=n / 2 + 0.5, crpix2=n + 0.5) for n in (256, 128))
    half = replace(half, cdelt1=2 * half.cdelt1, cdelt2=2 * half.cdelt2)
    turned = replace(whole, crpix1=130.3, crpix2=240.0, crota2=crota2)
    turned_half = replace(half, crpix1=(130.3 - 0.5) / 2 + 0.5, crpix2=(240.0 - 0.5) / 2 + 0.5, crota2=crota2)
    flags, matrix = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, affine(half, turned_half, (256, 128))
    total, weight = (
        block_means(cv2.warpAffine(np.float32(block_means(values, 2)), matrix, (128, 256), flags=flags), 8)
        for values in (np.where(valid, pixels, 0), valid)
    )
    to_source = affine(whole, turned, pixels.shape)
    mean, fraction = area_mean(pixels, valid if with_holes else None, (32, 16), to_source)
    np.testing.assert_allclose(fraction, weight, atol=1e-5)
    inside = weight > 0.1
    np.testing.assert_allclose(mean[inside], total[inside] / weight[inside], rtol=1e-4)


@pytest.mark.parametrize("grid", [(128, 128), (64, 64), (16, 16)])
def test_missing_pixels_do_not_dim_their_neighbours(grid):
    pixels = np.full((128, 128), 100, np.int16)
    pixels[np.random.default_rng(0).random(pixels.shape) < 0.2] = -32768
    pixels[40:72, 40:72] = -32768
    small, _ = warped(pixels, replace(SUN, crpix1=66.2, crota2=3.0), grid)
    invalid = (small.bits & INVALID) > 0
    np.testing.assert_allclose(small.values[~invalid], 100, rtol=1e-4)
    assert invalid[int(0.43 * grid[0]), int(0.43 * grid[1])]
    assert not small.values[invalid].any()


@pytest.mark.parametrize("grid", [(128, 128), (16, 16)])
def test_saturation_moves_along(grid):
    pixels = np.full((128, 128), 100, np.int16)
    source = replace(SUN, crota2=90.0)
    pixels[30, 100] = 16383
    small, frame = warped(pixels, source, grid)
    x, y = frame.sky.resized((128, 128), grid).hpc_to_pixel(*source.pixel_to_hpc(100, 30))
    rows, columns = np.nonzero(small.bits & SATURATED)
    np.testing.assert_allclose([columns.mean(), rows.mean()], [x, y], atol=0.5)
    assert len(rows) <= 4


def test_masked_rectangles_are_those_of_the_camera():
    pixels = np.full((128, 128), 100, np.int16)
    small, _ = warped(pixels, replace(SUN, crota2=180.0), (16, 16), {"mask": ((0, 0, 16, 24),)})
    expected = np.zeros((16, 16), bool)
    expected[13:, 14:] = True
    np.testing.assert_array_equal((small.bits & INVALID) > 0, expected)
    assert small.coverage == pytest.approx(1.0, abs=1e-3)


def test_steps_name_the_registration():
    (frame,) = register([replace(SUN, crota2=1.0)])
    assert "registered: roll 0, common scale, common pointing" in steps(PrepConfig(), [frame])
    drifting = register(cutouts([-1300.0 - 4 * i for i in range(40)], crota2=1.0))
    assert "registered: roll 0, common scale, each its own pointing" in steps(PrepConfig(), drifting)
    assert not any("registered" in step for step in steps(PrepConfig(register="off"), [candidate(SUN)]))
