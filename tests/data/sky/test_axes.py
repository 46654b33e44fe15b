"""Places of headers that do not name their axes, hold no numbers for the observer, or are damaged in any card."""

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sky.wcs_header import place
from data.sources.fits_file.facts import facts_of

SHAPE, UTC = (96, 128), "2014-03-29T17:48:00.000"
SCALE = {"CDELT1": 12.0, "CDELT2": 12.0, "CROTA2": 20.0}
PIXEL = {"CRPIX1": 60.0, "CRPIX2": 50.0, "CRVAL1": 5.0, "CRVAL2": -7.0}
NAMES = {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CUNIT1": "arcsec", "CUNIT2": "arcsec"}
OBSERVER = {"HGLN_OBS": 0.0, "HGLT_OBS": 4.77, "DSUN_OBS": 1.52e11}
X, Y = np.array([3.0, 100.0, 3.0]), np.array([80.0, 80.0, 10.0])


def head(cards) -> fits.Header:
    return fits.Header({"DATE-OBS": UTC, "EXPTIME": 1.0} | cards)


def same_place(wcs, cards):
    """Whether a place is that of the cards as the standard has them."""
    whole, why, _ = place(head(cards | NAMES | OBSERVER), SHAPE, UTC)
    assert why == ""
    return np.allclose(wcs.pixel_to_hpc(X, Y), whole.pixel_to_hpc(X, Y), atol=1e-3)


@settings(max_examples=20)
@given(st.floats(-900, 900), st.floats(-900, 900), st.booleans())
def test_solarsofts_middle_of_the_field_names_the_axes(x, y, has_units):
    units = {"CUNIT1": "arcsec", "CUNIT2": "arcsec"} if has_units else {}
    wcs, why, flag = place(head(SCALE | OBSERVER | units | {"XCEN": x, "YCEN": y}), SHAPE, UTC)
    assert why == ""
    assert "by XCEN, YCEN" in flag
    assert same_place(wcs, SCALE | {"CRPIX1": 64.5, "CRPIX2": 48.5, "CRVAL1": x, "CRVAL2": y})


def test_a_reference_pixel_goes_before_the_middle_of_the_field():
    wcs, _, _ = place(head(SCALE | PIXEL | OBSERVER | {"XCEN": 500.0, "YCEN": 0.0}), SHAPE, UTC)
    assert same_place(wcs, SCALE | PIXEL)


@pytest.mark.parametrize("card", ["DSUN_OBS", "HGLT_OBS", "SOLAR_B0"])
def test_arcsec_are_the_suns_in_a_header_of_the_sun(card):
    value = OBSERVER.get(card, -6.7)
    units = {"CUNIT1": "ARCSEC", "CUNIT2": "arcsecs"}
    wcs, why, flag = place(head(SCALE | PIXEL | units | {card: value}), SHAPE, UTC)
    assert why == ""
    assert card in flag
    assert wcs.sun_centre_px == pytest.approx(place(head(SCALE | PIXEL | NAMES), SHAPE, UTC)[0].sun_centre_px)


@pytest.mark.parametrize(
    "cards",
    [
        SCALE | PIXEL | {"CUNIT1": "arcsec", "CUNIT2": "arcsec"},  # of the sky at night as well
        SCALE | PIXEL | OBSERVER,
        SCALE | PIXEL | OBSERVER | {"CUNIT1": "mm", "CUNIT2": "mm"},
        PIXEL | {"XCEN": 0.0, "YCEN": 0.0},
        SCALE | {"XCEN": "", "YCEN": ""},
    ],
    ids=str,
)
def test_what_tells_no_solar_axes_has_no_place(cards):
    wcs, why, flag = place(head(cards), SHAPE, UTC)
    assert (wcs, why, flag) == (None, "header has no CTYPE1", "")


@settings(max_examples=15)
@given(st.sets(st.sampled_from(sorted(OBSERVER)), min_size=1), st.sampled_from(["nan", "NaN", "", "N/A", True]))
def test_an_observer_that_is_no_number_is_not_told(names, value):
    cards = SCALE | PIXEL | NAMES | OBSERVER | dict.fromkeys(names, value)
    wcs, why, flag = place(head(cards), SHAPE, UTC)
    without, _, _ = place(head({k: v for k, v in cards.items() if k not in names}), SHAPE, UTC)
    assert why == ""
    assert all(name in flag for name in names)
    assert wcs == without


@pytest.mark.parametrize("angle", [0.0, 15.0, -7.25])
@pytest.mark.parametrize("station", [{"ORIGIN": "KANZELHOEHE"}, {"TELESCOP": "KHPI"}, {"INSTRUME": "other"}])
def test_kanzelhoehes_angle_turns_against_crota2(station, angle):
    cards = {"CENTER_X": 64.0, "CENTER_Y": 48.0, "SOLAR_R": 38.4, "ANGLE": angle} | station
    wcs, _, flag = place(head(cards), SHAPE, UTC)
    turn = -angle if "INSTRUME" not in station else 0.0
    assert wcs.crota2 == turn
    assert ("turned by ANGLE" in flag) == bool(turn)


DAMAGE = ["RSUN_OBS= nan", "INSTRUME= 'CAM1", "SOLAR_P0=                 -NaN / x", "OBSVTRY = what it is / no quotes"]


@pytest.mark.parametrize("line", [*DAMAGE, "FILENAME= 'OR_SUVI&'".ljust(80) + "CONTINUE'59.fits '"])
def test_a_damaged_card_takes_no_place_away(line):
    damaged = head(SCALE | PIXEL | NAMES | OBSERVER)
    damaged.append(fits.Card.fromstring(line.ljust(-(-len(line) // 80) * 80)), end=True)
    facts = facts_of(damaged, SHAPE, PrepConfig())
    assert (facts["reason"], facts["no_sky"]) == ("", "")
    assert same_place(facts["wcs"], SCALE | PIXEL)
