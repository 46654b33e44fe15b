"""Where the pixels of a reel lie on the Sun: against sunpy on the original files, and by stars at known places."""

import shutil
import warnings
from dataclasses import astuple, replace

import astropy.units as u
import cv2
import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from sunpy.coordinates import get_earth
from sunpy.coordinates.sun import L0, angular_radius
from sunpy.map import Map, coordinate_is_on_solar_disk

from config import Config, PrepConfig, SkyConfig
from data.frames.grid.placement import Placed
from data.frames.grid.to_grid import calibrate
from data.frames.plan import plan_reels
from data.prepare_data import prep
from data.reel.mask_bits import INVALID, OFF_LIMB
from data.reel.reel import Reel
from data.sky.limb import off_limb
from data.sky.wcs import WCS_COLUMNS, FrameWcs, as_columns, from_row
from data.sky.wcs_header import from_header, place
from data.sources.base import Candidate, RawFrame
from tests.support.fits_files import SKY, counts, fits_bytes, header, utc, write_frames
from tests.support.paths import SHARED
from tests.support.solar_frames import block_means, sunpy_frame, sunpy_map

CUTOUTS = SHARED / "data/solar/2012-07-19/fits"
OBSERVER = SKY | {"HGLN_OBS": 0.0, "HGLT_OBS": 4.77, "DSUN_OBS": 1.52e11}
SUN = FrameWcs(64.5, 60.5, 19.2, 19.2, 0.0, 0.0, 0.0, 960.0, 0.0, 5.0, 1.5e11)


def full_header(**cards):
    return header(**OBSERVER | cards)


def read(head):
    return from_header(head, utc(0))


def hpc(solar_map, x, y):
    sky = solar_map.pixel_to_world(x * u.pix, y * u.pix)
    return sky.Tx.to_value(u.arcsec), sky.Ty.to_value(u.arcsec)


def prepared(tmp_path, **settings):
    """The only reel of tmp_path/raw."""
    paths = prep(Config(data_raw=str(tmp_path / "raw"), data_clips=str(tmp_path / "out"), workers=0,
                        prep=PrepConfig(clip_length=2, **settings)))  # fmt: skip
    return Reel(paths[0])


# Headers


@pytest.mark.parametrize(
    "cards",
    [
        {},
        {"CROTA2": 30.0, "CDELT2": -0.5},
        {"CRPIX1": -1329.5, "CRPIX2": 672.1, "CROTA2": -0.13},
        {"CRVAL1": 800.0, "CRVAL2": -350.0, "CROTA2": 1.0},
        {"CROTA2": None, "PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8},
        {"CROTA2": None, "PC1_1": -1.0, "PC2_2": -1.0},
        {"CROTA2": None, "CD1_1": -0.4, "CD1_2": 0.3, "CD2_1": 0.3, "CD2_2": 0.4, "CDELT1": None, "CDELT2": None},
        {"CUNIT1": "deg", "CUNIT2": "deg", "CDELT1": 1e-4, "CDELT2": 1e-4, "CRVAL1": 0.2, "CRVAL2": -0.1},
    ],
)
def test_headers_are_read_as_sunpy_reads_them(cards):
    head = full_header(**cards)
    solar_map = sunpy_map(counts(), head)
    x, y = np.array([0, 31, 0, 31, 5.3]), np.array([0, 0, 23, 23, 17.1])
    wcs = read(head)
    expected = hpc(solar_map, x, y)
    np.testing.assert_allclose(wcs.pixel_to_hpc(x, y), expected, atol=1e-6)
    np.testing.assert_allclose(wcs.hpc_to_pixel(*expected), [x, y], atol=1e-6)
    assert wcs.rsun_arcsec == pytest.approx(solar_map.rsun_obs.to_value(u.arcsec))


def turned(form, angle_deg, steps):
    """Cards that turn a frame by an angle in one of the ways that FITS has; steps: CDELT, which may be below 0."""
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    turn = np.array([[cos, -sin], [sin, cos]])
    cards = {"CROTA2": None, "CDELT1": steps[0], "CDELT2": steps[1]}
    if form == "CROTA2":
        return cards | {"CROTA2": angle_deg}
    matrix = turn @ np.diag(steps) if form == "CD" else np.diag(1 / steps) @ turn @ np.diag(steps)
    cards |= {f"{form[:2]}{i + 1}_{j + 1}": float(matrix[i, j]) for i in range(2) for j in range(2)}
    if form == "CD":
        return cards | {"CDELT1": None, "CDELT2": None}
    return cards | ({"CROTA2": 12.0} if form == "PC and CROTA2" else {})  # of both the matrix counts


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["CROTA2", "PC", "CD", "PC and CROTA2"]),
    st.floats(-180, 180),
    st.tuples(*[st.sampled_from([-1.0, 1.0])] * 2),
    st.sampled_from([1.0, 1.5]),
    st.tuples(*[st.floats(-900, 900)] * 2),
)
def test_every_flip_and_roll_is_that_of_sunpy(form, angle_deg, signs, ratio, centre):
    cards = turned(form, angle_deg, 2.4 * np.array([signs[0], signs[1] * ratio]))
    head = full_header(CRPIX1=20.0, CRPIX2=11.0, CRVAL1=centre[0], CRVAL2=centre[1], **cards)
    wcs, why, _ = place(head, (30, 40), utc(0))
    assert wcs is not None, why
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        solar_map = Map(np.zeros((30, 40)), head)
    x, y = np.array([0, 39, 0, 39, 17]), np.array([0, 0, 29, 29, 8])
    np.testing.assert_allclose(wcs.pixel_to_hpc(x, y), hpc(solar_map, x, y), atol=0.01)


@pytest.mark.parametrize("name", ["CROTA2", "CDELT1", "CRPIX2", "CRVAL1", "RSUN_OBS", "DSUN_OBS", "HGLN_OBS"])
def test_numbers_written_as_text_count(name):
    """A roll in quotes was silently none."""
    head = full_header(CROTA2=30.0, CRVAL1=12.5)
    expected, head[name] = read(head), f" {head[name]!r} "
    assert read(head) == expected is not None


def test_the_observer_is_that_of_sunpy():
    pixels, head = sunpy_frame()
    wcs, observer = read(head), sunpy_map(pixels, head).observer_coordinate
    assert wcs.hgln_deg == pytest.approx(observer.lon.deg, abs=0.02)  # sunpy takes HAE coordinates
    assert wcs.hglt_deg == pytest.approx(observer.lat.deg, abs=0.01)
    assert wcs.dsun_m == pytest.approx(observer.radius.to_value(u.m), rel=1e-6)


def test_carrington_coordinates_do_as_well():
    """HMI gives no others."""
    cards = {"INSTRUME": "HMI_FRONT2", "CRLN_OBS": 353.42041, "CRLT_OBS": 4.77016401, "DSUN_OBS": 1.52e11}
    wcs = read(header(**SKY | cards))
    assert wcs.hgln_deg == pytest.approx(0, abs=0.02)
    assert wcs.hglt_deg == 4.77016401


@pytest.mark.parametrize("time_utc", ["2012-07-19T07:30:00.000", "2014-01-03T07:00:00.000", "2024-10-01T23:59:59.900"])
def test_carrington_longitude_of_earth_is_that_of_sunpy(time_utc):
    wcs = from_header(header(**SKY, CRLN_OBS=100.0, CRLT_OBS=5.0, DSUN_OBS=1.5e11), time_utc)
    assert (wcs.hgln_deg - (100.0 - L0(time_utc).deg) + 180) % 360 - 180 == pytest.approx(0, abs=1e-3)


def test_the_radius_follows_from_the_distance():
    assert read(full_header(RSUN_OBS=None)).rsun_arcsec == pytest.approx(944.05, abs=0.05)


@pytest.mark.parametrize(
    "cards",
    [
        {"CTYPE1": "RA---TAN"},
        {"CTYPE2": "HPLT-CAR"},
        {"CUNIT1": "furlong"},
        {"CUNIT1": None},
        {"CUNIT2": "deg"},
        {"CROTA2": 1e300},
        {"CDELT1": 0.0},
        {"DSUN_OBS": 0.0},
        {"CROTA2": None, "PC1_1": 1.0, "PC1_2": 0.3},
        *[{name: None} for name in ("CRPIX1", "CRVAL2", "CDELT2", "HGLN_OBS", "HGLT_OBS", "DSUN_OBS")],
        *[{name: "a text"} for name in ("CRPIX2", "DSUN_OBS", "HGLT_OBS")],
    ],
    ids=str,
)
def test_incomplete_and_impossible_headers_give_none(cards):
    assert read(full_header()) is not None
    assert read(full_header(**cards)) is None


# Grids


@pytest.mark.parametrize("crota2", [0.0, 25.0])
def test_resized_keeps_the_place_of_every_cell(crota2):
    """The centre of a cell is the mean of the centres of its pixels."""
    wcs = replace(SUN, crota2=crota2)
    small = wcs.resized((120, 128), (24, 64))
    x, y = np.meshgrid(np.arange(128), np.arange(120))
    places = np.stack(wcs.pixel_to_hpc(x, y)).reshape(2, 24, 5, 64, 2).mean(axis=(2, 4))
    found = np.stack(small.pixel_to_hpc(*np.meshgrid(np.arange(64), np.arange(24))))
    np.testing.assert_allclose(found, places, atol=1e-3)


@pytest.mark.parametrize("crval", [(0.0, 0.0), (900.0, -300.0)])
def test_the_suns_centre_in_pixels(crval):
    wcs = replace(SUN, crval1=crval[0], crval2=crval[1], crota2=40.0)
    np.testing.assert_allclose(wcs.sun_centre_px, wcs.hpc_to_pixel(0, 0), atol=1e-6)


def test_columns_survive_a_table(tmp_path):
    pd.DataFrame([as_columns(SUN), as_columns(None)]).to_csv(tmp_path / "t.csv")
    table = pd.read_csv(tmp_path / "t.csv")
    assert [from_row(row) for _, row in table.iterrows()] == [SUN, None]
    assert from_row(pd.Series({"time_s": 0.0})) is None


# The limb


@pytest.mark.parametrize(
    "cards",
    [
        {"CRPIX1": 256.5, "CRPIX2": 256.5},
        {"CRPIX1": 230.0, "CRPIX2": 270.0, "CROTA2": 30.0, "CDELT2": 4.6},
        {"CRPIX1": 1.0, "CRPIX2": 500.0, "CRVAL1": -500.0, "CRVAL2": 300.0},
    ],
)
def test_limb_mask_is_that_of_sunpy(cards):
    head = full_header(**{"CDELT1": 4.8, "CDELT2": 4.8} | cards)
    solar_map = sunpy_map(np.zeros((512, 512)), head)
    y, x = np.indices((512, 512))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        on_disk = coordinate_is_on_solar_disk(solar_map.pixel_to_world(x * u.pix, y * u.pix))
    found = off_limb(read(head), (512, 512))
    assert 0.1 < found.mean() < 0.9
    assert (found == on_disk).mean() < 0.005


def frame_of(wcs, prep_config, pixels=None):
    pixels = np.full((120, 128), 100, np.int16) if pixels is None else pixels
    candidate = Candidate("a.fits", "a.fits", "fits", "aia_171", exptime_s=1.0, wcs=wcs, is_counts=True)
    return calibrate(RawFrame(pixels, None, ""), Placed.of(candidate), (120, 128), (60, 64), prep_config)


def test_off_limb_is_marked_and_masked_only_when_asked_for():
    expected = off_limb(SUN.resized((120, 128), (60, 64)), (60, 64))
    kept, masked = (frame_of(SUN, PrepConfig(off_limb=how, min_coverage=1.0)) for how in ("keep", "mask"))
    for frame in (kept, masked):
        np.testing.assert_array_equal((frame.bits & OFF_LIMB) > 0, expected)
        assert frame.coverage == 1.0  # what the user masks is not missing
    assert not (kept.bits & INVALID).any()
    np.testing.assert_array_equal((masked.bits & INVALID) > 0, expected)
    assert not masked.values[expected].any()
    assert not frame_of(None, PrepConfig(off_limb="mask")).bits.any()


# Reels


def test_reels_without_a_wcs_have_no_such_columns(tmp_path):
    write_frames(tmp_path / "raw", 3)
    reel = prepared(tmp_path, resize=(12, 16))
    assert not set(WCS_COLUMNS) & set(reel.table.columns)
    assert not any("limb" in step or "registered" in step for step in reel.meta["calibration"])


@pytest.mark.skipif(not CUTOUTS.is_dir(), reason=f"{CUTOUTS} is not there")
@pytest.mark.parametrize("register", ["off", "auto"])
def test_cutouts_keep_their_place_on_the_sky(tmp_path, register):
    """Through frames.csv, for each frame, against sunpy on the file: 171 A changes its CRPIX and size by a pixel."""
    (tmp_path / "raw").mkdir()
    paths = sorted(CUTOUTS.glob("*.171.*"))[1:6] + sorted(CUTOUTS.glob("*.171.*"))[-1:]
    for path in paths:
        shutil.copy(path, tmp_path / "raw")
    reel = prepared(tmp_path, resize=(125, 93), register=register)
    fine_x, fine_y = np.meshgrid(*((np.arange(4 * n) + 0.5) / 4 - 0.5 for n in (93, 125)))
    for path, (index, row) in zip(paths, reel.table.iterrows(), strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            solar_map = Map(path)
        places = from_row(row).pixel_to_hpc(fine_x, fine_y)
        at = solar_map.world_to_pixel(SkyCoord(*places * u.arcsec, frame=solar_map.coordinate_frame))
        if register == "off":
            fy, fx = (n / m for n, m in zip(reel.meta["source_shape"], (125, 93), strict=True))
            np.testing.assert_allclose(at.x.value, (fine_x + 0.5) * fx - 0.5, atol=0.1)
            np.testing.assert_allclose(at.y.value, (fine_y + 0.5) * fy - 0.5, atol=0.1)
        positions = np.float32(at.x.value), np.float32(at.y.value)
        there = cv2.remap(solar_map.data.astype(np.float32), *positions, cv2.INTER_LINEAR)
        expected = np.arcsinh(block_means(there, 4) / solar_map.exposure_time.to_value(u.s) / 100)[2:-2, 2:-2]
        found = np.arcsinh(reel.physical(index, index + 1)[0][0].astype(float) / 100)[2:-2, 2:-2]
        assert np.hypot(*shift_px(found, expected)) < 0.02
        assert np.sqrt(np.mean((found - expected) ** 2)) < 0.02 * expected.std()
    if register == "auto":
        assert reel.table[["wcs_crpix1", "wcs_crpix2"]].drop_duplicates().shape[0] == 1
        assert (reel.table["wcs_crota2"] == 0).all()


def shift_px(found, expected):
    """By how much one picture has to be moved to be most like the other, to first order."""
    slopes = np.stack([slope.ravel() for slope in np.gradient(expected)], axis=1)
    return np.linalg.lstsq(slopes, (expected - found).ravel(), rcond=None)[0]


STAR = (-400.0, 700.0)  # arcsec: in the north-east


def starry(head, shape=(128, 128)):
    """A frame with a star, put there by sunpy; a faint Sun that no symmetry maps onto itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        solar_map = Map(np.zeros(shape), head)
        at = solar_map.world_to_pixel(SkyCoord(*STAR * u.arcsec, frame=solar_map.coordinate_frame))
    y, x = np.indices(shape)
    return (500 + 20000 * np.exp(-((x - at.x.value) ** 2 + (y - at.y.value) ** 2) / 8)).astype(np.int32)


@pytest.mark.parametrize("register", ["off", "auto"])
@pytest.mark.parametrize("resize", [(64, 64), (43, 61), (128, 128)])
def test_a_star_is_found_by_frames_csv(tmp_path, register, resize):
    """Every frame with a pointing, roll and scale of its own."""
    cards = [
        {"CRPIX1": 64.5, "CRPIX2": 64.5},
        {"CRPIX1": 61.3, "CRPIX2": 68.9, "CROTA2": 20.0},
        {"CRPIX1": 66.0, "CRPIX2": 64.0, "CROTA2": 180.0, "CDELT1": 19.4, "CDELT2": 19.4},
        {"CRPIX1": 64.5, "CRPIX2": 66.0, "CDELT2": -19.2},
        {"CRPIX1": 63.0, "CRPIX2": 64.0, "CDELT1": -19.2, "CROTA2": -110.0},
    ]
    (tmp_path / "raw").mkdir()
    for i, facts in enumerate(cards):
        head = full_header(seconds=12.0 * i, BLANK=None, **{"CDELT1": 19.2, "CDELT2": 19.2} | facts)
        (tmp_path / "raw" / f"{i}.fits").write_bytes(fits_bytes(starry(head), head, "primary"))
    reel = prepared(tmp_path, resize=resize, register=register)
    places = []
    for index, row in reel.table.iterrows():
        values = np.nan_to_num(reel.physical(index, index + 1)[0][0])
        weight = np.clip(values - 0.55 * 500, 0, None) * (values > 0.02 * values.max())
        y, x = np.indices(values.shape)
        place = (x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()
        np.testing.assert_allclose(place, from_row(row).hpc_to_pixel(*STAR), atol=0.1)
        places.append(place)
    assert (np.ptp(places, axis=0).max() < 0.1) == (register == "auto")


def test_registered_reels_are_resumed_and_pickled_as_others(tmp_path):
    """The WCS is part of the identity: another pointing is another reel."""
    facts = {"shape": (8, 8), "wcs": SUN, "is_counts": True}
    frames = [Candidate(f"{i}", "x", "fits", "aia_171", time_utc=utc(i), **facts) for i in range(3)]
    (plan,), (same,) = (plan_reels(frames, PrepConfig()) for _ in range(2))
    (other,) = plan_reels([replace(f, wcs=replace(SUN, crota2=5.0)) for f in frames], PrepConfig())
    assert plan.identity(PrepConfig()) == same.identity(PrepConfig()) != other.identity(PrepConfig())


def test_registered_reels_do_not_depend_on_the_workers(tmp_path):
    for i in range(6):
        write_frames(tmp_path / "raw" / str(i), 1, CROTA2=3.0 * i, T_OBS=utc(12 * i), **OBSERVER)
    settings = PrepConfig(clip_length=2, resize=(12, 16), min_coverage=0.1)
    for workers in (0, 2):
        prep(
            Config(
                data_raw=str(tmp_path / "raw"), data_clips=str(tmp_path / f"{workers}"), workers=workers, prep=settings
            )
        )
    for name in ("frames.npy", "masks.npy", "frames.csv", "reel.json"):
        assert (tmp_path / "0/aia_171" / name).read_bytes() == (tmp_path / "2/aia_171" / name).read_bytes()


def test_stacked_channels_share_the_wcs_of_the_first(tmp_path):
    for wavelength, crota2 in ((171, 0.5), (193, -0.5)):
        write_frames(tmp_path / "raw" / str(wavelength), 3, wavelength=wavelength, CROTA2=crota2, **OBSERVER)
    reel = prepared(tmp_path, channels="stack", resize=(12, 16), min_coverage=0.1)
    assert reel.channels == ["171", "193"]
    assert [from_row(row).crota2 for _, row in reel.table.iterrows()] == [0.0] * 3


# Pictures


def write_pictures(folder, seconds):
    folder.mkdir(parents=True)
    for s in seconds:
        name = utc(s)[:19].replace(":", "")
        cv2.imwrite(str(folder / f"{name}.png"), np.full((100, 120), 90, np.uint8))


def test_pictures_get_their_sky_from_the_config(tmp_path):
    """Row 0 is on top, so up is towards row 0; the Sun is as large as Earth sees it at that time."""
    write_pictures(tmp_path / "raw", (0, 3600 * 24 * 100))
    reel = prepared(tmp_path, resize=(50, 60), sky=SkyConfig(24.0, (70.0, 40.0)), gap_threshold=1e9)
    for time, (_, row) in zip(reel.times_utc, reel.table.iterrows(), strict=True):
        wcs, earth = from_row(row), get_earth(time)
        np.testing.assert_allclose(wcs.hpc_to_pixel(0, 0), [70.5 / 2 - 0.5, 40.5 / 2 - 0.5], atol=1e-6)
        np.testing.assert_allclose(wcs.hpc_to_pixel(480, 0), [80.5 / 2 + 5 - 0.5, 40.5 / 2 - 0.5], atol=1e-3)
        np.testing.assert_allclose(wcs.hpc_to_pixel(0, 480), [70.5 / 2 - 0.5, 20.5 / 2 - 0.5], atol=1e-3)
        assert wcs.rsun_arcsec == pytest.approx(angular_radius(time).to_value(u.arcsec), abs=0.01)
        assert (wcs.hgln_deg, wcs.hglt_deg) == (0.0, pytest.approx(earth.lat.deg))
        assert wcs.dsun_m == pytest.approx(earth.radius.to_value(u.m))
        np.testing.assert_array_equal((reel.masks[0] & OFF_LIMB) > 0, off_limb(from_row(reel.table.iloc[0]), (50, 60)))
    assert reel.table["wcs_rsun_arcsec"].nunique() == 2


def test_fits_without_a_place_take_the_sky_of_the_config_from_their_lower_edge():
    facts = {"shape": (40, 50), "is_counts": True, "exptime_s": 1.0, "no_sky": "header has no CTYPE1"}
    own = FrameWcs(3.0, 4.0, 20.0, 20.0, 0.0, 0.0, 0.0, 960.0, 0.0, 0.0, 1.5e11)
    frames = [Candidate(f"{i}", "x", "fits", "bbso", time_utc=utc(i), **facts) for i in range(2)]
    frames.append(replace(frames[0], source="own", time_utc=utc(2), wcs=own, no_sky=""))
    settings = PrepConfig(sky=SkyConfig(48.0, (24.0, 19.0)), register="off")
    (plan,) = plan_reels(frames, settings)
    placed = [row[0].wcs for row in plan.rows]
    for wcs in placed[:2]:
        np.testing.assert_allclose(wcs.hpc_to_pixel(480, 480), [34.0, 29.0], atol=1e-3)
        assert wcs.rsun_arcsec == pytest.approx(angular_radius(utc(0)).to_value(u.arcsec), abs=0.01)
    assert placed[2] == own


def test_a_sky_without_times_is_an_error():
    frames = [Candidate(f"a.png#{i}", "a.png", "image", "a", time_s=float(i), shape=(8, 8)) for i in range(2)]
    with pytest.raises(ValueError, match=r"prep\.sky needs UTC times, and frames of a have none; set prep\.start_utc"):
        plan_reels(frames, PrepConfig(sky=SkyConfig(2.4, (4.0, 4.0))))


def test_a_damaged_card_costs_the_wcs_and_not_the_frame(tmp_path):
    (tmp_path / "raw").mkdir()
    for i in range(2):
        payload = fits_bytes(counts(i), full_header(seconds=12.0 * i), "primary")
        assert payload.count(b"CRVAL1  =                  0.0") == 1
        damaged = payload.replace(b"CRVAL1  =                  0.0", b"CRVAL1  =               0. 0.x")
        (tmp_path / "raw" / f"{i}.fits").write_bytes(damaged if i else payload)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        reel = prepared(tmp_path, resize=(12, 16))
    assert [from_row(row) is None for _, row in reel.table.iterrows()] == [False, True]


def test_fields_of_the_wcs_are_plain_floats():
    assert {type(value) for value in astuple(read(full_header(CRPIX1=12, CRVAL1=0)))} == {float}
