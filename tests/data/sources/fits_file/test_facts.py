"""What is made of QUALITY and saturation is the instrument's own; where nothing is known of it, it is flagged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.fits_file.facts import facts_of
from tests.support.fits_files import header

OWN = {"INSTRUME": "CAM", "TELESCOP": "KSO"}


def facts(prep=None, **cards):
    return facts_of(header(**cards), (24, 32), PrepConfig(**prep or {}))


FORMS = {"number": int, "text": str, "hex": hex, "JSOC": "0x{:08X}".format, "signed": lambda bits: bits - 2**32}


@pytest.mark.parametrize("form", [*FORMS, "table"])
@given(bits=st.integers(0, 2**32 - 1))
def test_quality_is_read_in_any_form(form, bits):
    if form == "table":  # without a letter or a zero in front they are as good as decimal
        bits &= 0x0FFFFFFF
    assert facts(QUALITY=FORMS.get(form, "{:08X}".format)(bits))["quality"] == bits


@given(st.text(st.characters(codec="ascii"), max_size=12) | st.integers() | st.floats())
def test_any_quality_is_read_flagged_or_refused(value):
    cards = {"QUALITY": value, "EXPTIME": 1.0, "DATE-OBS": "2012-07-19T07:30:01"}
    aia, own = (facts_of(cards | own, (2, 2), PrepConfig()) for own in ({"INSTRUME": "AIA_1"}, OWN))
    assert "quality" in aia or "is no number" in aia["reason"]
    assert own["reason"] in ("", "QUALITY bit 31")


def test_bits_of_other_instruments_are_flagged_and_reject_only_when_asked_to():
    assert facts(QUALITY=1 << 17)["reason"] == "QUALITY bit 17"
    other = facts(QUALITY=1 << 17 | 1 << 9, **OWN)
    assert (other["reason"], other["flags"]) == ("", "QUALITY bit 9; QUALITY bit 17")
    assert facts({"quality_reject": (17,)}, QUALITY=1 << 17, **OWN)["reason"] == "QUALITY bit 17"
    assert facts(QUALITY=1 << 31, **OWN)["reason"] == "QUALITY bit 31"  # JSOC: there is no image
    assert facts(QUALITY=1 << 6)["flags"] == ""  # of AIA it says nothing about the image


@pytest.mark.parametrize(("value", "flag"), [("ok", ""), ("poor", "QUALITY 'poor', whose meaning is not known")])
def test_words_are_flagged_where_bits_mean_nothing(value, flag):
    found = facts(QUALITY=value, **OWN)
    assert (found["reason"], found["flags"]) == ("", flag)
    assert facts(QUALITY=value)["reason"] == f"QUALITY {value!r} is no number"  # AIA's are numbers


@pytest.mark.parametrize(
    ("cards", "level"),
    [({}, 16383.0), ({"INSTRUME": "SECCHI", "DSATVAL": 15000}, 15000.0), ({"SAT_THR": 12000.0, **OWN}, 12000.0)],
)
def test_saturation_is_told_by_the_instrument_or_its_header(cards, level):
    assert facts(**cards)["saturation"] == level


def test_nothing_is_saturated_where_nothing_is_known():
    assert np.isnan(facts(**OWN)["saturation"])


def test_frames_without_a_place_on_the_sky_say_why():
    assert facts()["no_sky"] == "header has no CTYPE1"
    assert facts(CTYPE1="RA---TAN", CTYPE2="DEC--TAN")["no_sky"]


@pytest.mark.parametrize(
    ("card", "seconds"),
    [
        ((2000.0, "[ms] exposure"), 2.0),
        ((2.0, "exposure time (s)"), 2.0),
        ((2.0, "min. of all"), 2.0),
        ((5, "(min)"), 300.0),
    ],
)
@pytest.mark.parametrize("keyword", ["EXPTIME", "EXPOSURE"])
def test_an_exposure_is_in_the_unit_that_its_comment_tells(keyword, card, seconds):
    head = header(EXPTIME=None)
    head[keyword] = card
    assert facts_of(head, (24, 32), PrepConfig())["exptime_s"] == seconds
    head["TIMEUNIT"] = "s"
    assert facts_of(head, (24, 32), PrepConfig())["exptime_s"] == card[0]
