"""Places of frames whose header has no whole WCS: a disc in pixels, axes without a unit, axes named by their unit."""

import math

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from sunpy.coordinates.sun import B0, angular_radius

from config import PrepConfig
from data.sky.wcs_disc import NO_WCS
from data.sky.wcs_header import place
from data.sources.fits_file.facts import facts_of

SHAPE, UTC = (96, 128), "2014-03-29T17:48:00.000"
WCS = {"CRPIX1": 60.0, "CRPIX2": 50.0, "CRVAL1": 5.0, "CRVAL2": -7.0, "CDELT1": 25.0, "CDELT2": 25.0}
HPL = {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN"}
OBSERVER = {"HGLN_OBS": 0.0, "HGLT_OBS": 4.77, "DSUN_OBS": 1.52e11}
ARCSEC = {"CUNIT1": "arcsec", "CUNIT2": "arcsec"}


def head(comments=(), **cards) -> fits.Header:
    made = fits.Header({"DATE-OBS": UTC} | cards)
    for name, comment in dict(comments).items():
        made.comments[name] = comment
    return made


def disc(x, y, radius_px, **cards):
    return place(head(CENTER_X=x, CENTER_Y=y, SOLAR_R=radius_px, **cards), SHAPE, UTC)


@given(x=st.floats(20, 110), y=st.floats(20, 80), radius_px=st.floats(10, 300), angle=st.floats(0, 2 * math.pi))
def test_the_limb_of_a_disc_in_pixels_lies_where_the_sun_ends(x, y, radius_px, angle):
    wcs, why, flag = disc(x, y, radius_px)
    assert why == ""
    assert "north taken as up" in flag
    limb = np.array([x - 1 + radius_px * math.cos(angle)]), np.array([y - 1 + radius_px * math.sin(angle)])
    tx, ty = wcs.pixel_to_hpc(*limb)
    expected = angular_radius(UTC).to_value("arcsec")
    assert np.hypot(tx[0], ty[0]) == pytest.approx(expected, rel=1e-3)
    assert (tx[0], ty[0]) == pytest.approx((expected * math.cos(angle), expected * math.sin(angle)), abs=2)
    assert wcs.hglt_deg == pytest.approx(B0(UTC).deg, abs=0.01)


@pytest.mark.parametrize(
    ("cards", "reason"),
    [
        ({"SOLAR_R": None}, NO_WCS),
        ({"SOLAR_R": "38.4"}, NO_WCS),
        ({"SOLAR_R": True}, NO_WCS),
        ({"SOLAR_R": 1.5}, "none of this frame"),
        ({"SOLAR_R": 1e7}, "none of this frame"),
        ({"CENTER_X": -500.0}, "none of this frame"),
        ({"CDELT1": 1.0, "CUNIT1": "arcsec"}, "is not the Sun's radius"),
    ],
    ids=str,
)
def test_what_is_no_disc_of_the_frame_gives_no_place_and_says_why(cards, reason):
    given_cards = {"CENTER_X": 64.0, "CENTER_Y": 48.0, "SOLAR_R": 38.4} | cards
    wcs, why, flag = place(head(**given_cards), SHAPE, UTC)
    assert wcs is None
    assert reason in why
    assert flag == ""


def test_the_scale_of_a_disc_may_be_told_beside_it():
    wcs, why, _ = disc(64.0, 48.0, 38.4, CDELT1=25.0, CUNIT1="arcsec")
    assert why == ""
    assert wcs.cdelt1 == pytest.approx(25.0, rel=0.03)


@pytest.mark.parametrize(
    ("cards", "comments", "scale", "flag"),
    [
        (HPL, {"CDELT1": "[arcsec/pix]"}, 25.0, "taken as arcsec"),
        (HPL | {"CDELT1": 0.007, "CDELT2": 0.007}, {"CDELT1": "degrees per pixel"}, 25.2, "taken as deg"),
        (HPL, {}, 25.0, "taken as arcsec"),
        ({"CTYPE1": "SOLAR_X", "CTYPE2": "SOLAR_Y"}, {}, 25.0, ""),
        ({"CTYPE1": "ARCSEC", "CTYPE2": "ARCSEC"}, {}, 25.0, ""),  # GOES' SXI, level 1
    ],
    ids=str,
)
def test_axes_without_a_unit(cards, comments, scale, flag):
    wcs, why, told = place(head(comments, **WCS | OBSERVER | cards), SHAPE, UTC)
    assert why == ""
    assert flag in told
    assert wcs.scale_arcsec == pytest.approx(scale)
    plain, _, _ = place(head(**WCS | OBSERVER | HPL | ARCSEC | {"CDELT1": scale, "CDELT2": scale}), SHAPE, UTC)
    if scale == WCS["CDELT1"]:
        assert np.allclose(
            wcs.pixel_to_hpc(np.array([3.0]), np.array([80.0])), plain.pixel_to_hpc(np.array([3.0]), np.array([80.0]))
        )


@settings(max_examples=40)
@given(st.sampled_from([128, 512, 2048, 4096]), st.floats(25, 3600), st.sampled_from([1.0, 1 / 3600]))
def test_a_unit_that_no_header_tells_is_the_one_in_which_a_frame_shows_the_sun(side, field_arcsec, unit):
    """Fields of the disc and parts of it: in the other unit they would be as wide as the sky, or nothing."""
    scale = field_arcsec / side
    axes = HPL | {f"CDELT{axis}": scale * unit for axis in (1, 2)} | {"CRPIX1": side / 2, "CRPIX2": side / 2}
    wcs, why, _ = place(head(**WCS | OBSERVER | axes), (side, side), UTC)
    assert why == ""
    assert wcs is None or wcs.scale_arcsec == pytest.approx(scale)


def test_a_small_scale_without_a_unit_is_no_place():
    wcs, why, _ = place(head(**WCS | OBSERVER | HPL | {"CDELT1": 0.02, "CDELT2": 0.02}), SHAPE, UTC)
    assert wcs is None
    assert why


def test_a_frame_of_a_spectroheliograph_has_its_place_and_its_flag():
    cards = {"CENTER_X": 64.0, "CENTER_Y": 48.0, "SOLAR_R": 38.4, "EXPTIME": 0.01, "INSTRUME": "Sol'Ex"}
    facts = facts_of(head(**cards), SHAPE, PrepConfig())
    assert facts["reason"] == ""
    assert facts["no_sky"] == ""
    assert "CENTER_X" in facts["flags"]
    assert facts["wcs"].sun_centre_px == pytest.approx((63.0, 47.0))
