"""What pixels measure: counts need an exposure, all else is taken as it is."""

import warnings

import astropy.units as u
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.fits_file.facts import facts_of
from data.sources.fits_file.units import named, unit_of
from tests.support.fits_files import header

COUNTS = ("DN", "dn", "ct", "counts", "adu", "ADU", "electron", "photon")
RATES = ("/s", " / s", "/sec", " s-1", " s^-1", "/second", " per second")


@given(st.sampled_from(COUNTS), st.sampled_from(("", "/pix", " / pixel")), st.sampled_from(("", *RATES)))
def test_counts_and_their_rates_are_told_apart(counts, pixel, rate):
    plain, unit = named(counts + pixel), named(counts + pixel + rate)
    assert plain.is_counts
    assert unit.is_counts == (not rate)
    assert unit.name == (plain.per_second() if rate else plain.name)
    assert u.Unit(plain.name) in (
        scale * (u.pix**-1 if pixel else 1) for scale in (u.DN, u.ct, u.adu, u.electron, u.ph)
    )


@pytest.mark.parametrize(
    "text", ["Gauss", "G", "mT", "W m-2 sr-1", "W/m2/sr", "m/s", "K", "MSB", "B/Bsun", "Mx/cm^2", "1"]
)
def test_what_is_no_count_is_its_own_unit(text):
    assert not named(text).is_counts


@given(st.text(max_size=20))
def test_any_text_is_a_unit(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert named(text).name is not None


def test_units_that_are_not_said():
    assert unit_of({}) is None
    assert unit_of({"PIXLUNIT": "DN"}) == named("DN")  # AIA's
    assert unit_of({"INSTRUME": "XRT"}) == named("DN")
    assert unit_of({"INSTRUME": "XRT", "HISTORY": "XRT_RENORMALIZE: v1"}) == named("DN/s")
    assert unit_of({"BUNIT": "Corrected DN"}) == named("DN")  # IRIS'
    assert unit_of({"BUNIT": "counts / pixel"}).name == "ct/pix"  # EIT's


def facts(**cards):
    return facts_of(header(**cards), (24, 32), PrepConfig())


@pytest.mark.parametrize("bunit", ["Gauss", "DN/s", "W m-2 sr-1", "Arbitrary intensity units"])
def test_no_exposure_is_needed_where_the_unit_says_so(bunit):
    found = facts(BUNIT=bunit, EXPTIME=None)
    assert (found["reason"], found["is_exposed"]) == ("", False)
    assert f"no EXPTIME, and none needed: BUNIT {bunit}" in found["flags"]
    assert facts(BUNIT=bunit, EXPTIME=0.0)["reason"] == ""  # it is not looked at
    assert "EXPTIME" not in facts(BUNIT=bunit)["flags"]


@pytest.mark.parametrize("bunit", [None, "DN", "ct"])
def test_counts_without_an_exposure_name_the_setting_that_takes_them(bunit):
    assert "prep.normalise_exposure false" in facts(BUNIT=bunit, EXPTIME=None)["reason"]


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"EXPTIME": "2.5"}, 2.5),
        ({"EXPTIME": "2.5D0"}, 2.5),
        ({"EXPTIME": None, "XPOSURE": 1.5}, 1.5),
        ({"XPOSURE": 1.5}, 1.5),  # of the pixels, where EXPTIME is that of the shutter
        ({"EXPTIME": 2500.0, "TIMEUNIT": "ms"}, 2.5),
    ],
)
def test_exposures_as_they_are_written(cards, expected):
    assert facts(**cards)["exptime_s"] == pytest.approx(expected)


@pytest.mark.parametrize("card", ["MEAS_EXP", "CMD_EXPT"])
def test_exposures_of_suit_are_in_ms(card):
    found = facts(**{"INSTRUME": "SUIT", "TELESCOP": "SUIT", "EXPTIME": None, "BUNIT": "DN", card: 1400.0})
    assert found["exptime_s"] == pytest.approx(1.4)
    assert found["reason"] == ""


UNTOLD = {"EXPTIME": None, "BUNIT": None}


def test_pixels_of_which_neither_unit_nor_exposure_was_ever_told_are_taken_as_they_are():
    found = facts(**UNTOLD | {"INSTRUME": "SPECKLE", "TELESCOP": "KIS"})
    assert (found["reason"], found["is_exposed"]) == ("", False)
    assert "taken as it is" in found["flags"]


@pytest.mark.parametrize(
    "cards",
    [
        {"INSTRUME": "AIA_2"},  # whose exposure was lost
        {"INSTRUME": "SPECKLE", "EXPTIME": "long"},
        {"INSTRUME": "SPECKLE", "BUNIT": "DN"},
    ],
    ids=str,
)
def test_an_exposure_that_was_lost_is_asked_for(cards):
    assert "header has no EXPTIME" in facts(**UNTOLD | cards)["reason"]


@pytest.mark.parametrize("cards", [{"IMAGETYP": "Dark Frame"}, {"OBSTYPE": "flat"}, {"PICTTYPE": 2}], ids=str)
def test_what_shows_the_camera_alone_is_no_frame(cards):
    """A folder of darks was a reel, on which models were trained with the others."""
    assert "shows the camera alone" in facts(**{"INSTRUME": "CCD", "TELESCOP": "HOME"} | cards)["reason"]
    assert facts(**{"INSTRUME": "CCD", "TELESCOP": "HOME", "IMAGETYP": "Light Frame"})["reason"] == ""


@pytest.mark.parametrize("told", ["FG shuttered V/I", "FG MG4 V/I", "FG shutterless V/I with 0.2s intervals"])
def test_a_share_of_polarisation_is_no_light(told):
    """SOT's magnetograms were counts that were divided by their exposure, and emerging flux a brightening."""
    facts = facts_of(header(INSTRUME="SOT/NB", OBS_TYPE=told, BUNIT=None), (8, 8), PrepConfig())
    assert (facts["unit"], facts["is_exposed"]) == ("V/I", False)
    plain = facts_of(header(INSTRUME="SOT/NB", OBS_TYPE="FG (simple)", BUNIT=None), (8, 8), PrepConfig())
    assert (plain["unit"], plain["is_exposed"]) == ("DN", True)
