"""Times in cards that the standard does not know: by their names and their values together."""

from datetime import date

import pytest
from astropy.io import fits
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import FrameError
from data.sources.fits_file.facts import facts_of
from data.sources.fits_file.times.cards import time_of
from data.sources.fits_file.times.time_texts import to_utc

DAY, CLOCK = "2012-07-19", "07:30:01.250"
TIME = f"{DAY}T{CLOCK}"
CLOCKS = ["OBS-TIME", "TIME-BEG", "TIMESTRT", "UT-START", "UTC-BEG", "STRTTIME", "START_TIME", "TIME-STA", "ACQTIME"]
DATES = ["DATE-STA", "DATE_STA", "DATE-STR", "OBS-DATE", "OBSDATE", "DATEOBS", "UTDATE", "UTC-DATE", "STARTDATE"]
NO_CLOCKS = ["RA", "DEC", "OBJCTRA", "LST", "ST", "TIME-END", "UTSTOP", "LT-START", "MOONRISE", "EXPTIME", "TIMEDEL"]


@given(st.sampled_from(CLOCKS), st.sampled_from(["DATE-OBS", "DATE-BEG", *DATES]), st.permutations(NO_CLOCKS))
def test_a_clock_beside_a_date_is_its_clock(clock, date, others):
    header = dict.fromkeys(others, "19:11:12") | {date: DAY, clock: CLOCK}
    moment = time_of(header)
    assert moment.utc == TIME
    assert moment.has_clock


@given(st.sampled_from(NO_CLOCKS))
def test_what_is_no_clock_of_the_exposures_begin_leaves_the_date_without_one(card):
    assert not time_of({"DATE-OBS": DAY, card: CLOCK}).has_clock


def test_the_begin_counts_before_the_middle_and_known_cards_before_both():
    cards = {"TIME-MID": "08:00:00", "TIME-BEG": CLOCK}
    assert time_of({"DATE-OBS": DAY, **cards}).utc == TIME
    assert time_of({"DATE-OBS": DAY, "TIME-OBS": "06:00:00", **cards}).utc == f"{DAY}T06:00:00.000"


@given(st.sampled_from(DATES), st.sampled_from([" ", "T"]))
def test_dates_with_their_clocks(card, between):
    assert time_of({"DATE": "2020-01-01T00:00:01", card: f"{DAY}{between}{CLOCK}"}).utc == TIME


@pytest.mark.parametrize("card", ["DATE", "DATE-CRE", "DATE-MAP", "DATE-HDR", "DATE-PRC", "DATE_FIL", "UTC-END"])
def test_when_a_file_was_made_is_no_time_of_its_frame_but_told(card):
    with pytest.raises(FrameError, match=f"neither T_OBS nor DATE-OBS.*; {card} may hold times"):
        time_of({card: TIME})
    named = facts_of(fits.Header([(card, TIME), ("EXPTIME", 1.0)]), (8, 8), PrepConfig(), named_utc=lambda: TIME)
    assert named["time_utc"] == TIME  # the name of its file still tells it


@given(st.sampled_from(["BJD", "BJD_TDB", "HJD", "HJD_UTC"]), st.floats(2.442e6, 2.461e6))
def test_barycentric_days_are_the_last_resort_and_flagged(card, day):
    moment = time_of({card: day})
    expected = Time(day, format="jd", scale="utc" if "UTC" in card else "tdb").utc
    assert abs((Time(moment.utc) - expected).sec) < 0.01
    assert f"its only time is {card}" in moment.flag
    assert time_of({card: day, "DATE-OBS": TIME}).utc == TIME


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.sampled_from(["", "T", "_"]))
def test_days_of_a_year_without_signs_between_are_no_months(day, between):
    assert to_utc(f"{day:%Y%j}{between}073001") == f"{day}T07:30:01.000"


def test_gongs_clock_is_gps_only_in_a_card_of_its_own():
    gong = {"TELESCOP": "NSO-GONG", "IMTYPE": "MAGNETIC", "DTYPE": "x"}
    assert time_of({**gong, "DATE-OBS": DAY, "TIME-OBS": "07:30:17"}).utc == f"{DAY}T07:30:01.000"
    assert time_of({**gong, "DATE-OBS": TIME}).utc == TIME
