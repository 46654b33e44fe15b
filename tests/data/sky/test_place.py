"""Places on the sky of headers that plain arithmetic does not read: as sunpy has them, or a line that says why not."""

import warnings
from dataclasses import astuple

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.frames.plan import plan_reels
from data.sky.wcs_header import from_header, place
from data.sources.base import Candidate
from tests.support.fits_files import SKY, header, utc
from tests.support.paths import SHARED
from tests.support.solar_frames import sunpy_map

OBSERVER = {"HGLN_OBS": 0.0, "HGLT_OBS": 4.77, "DSUN_OBS": 1.52e11}
SHAPE = (24, 32)
OTHER = {"INSTRUME": "CAM", "TELESCOP": "KSO"}


def placed(**cards):
    return place(header(**SKY | OTHER | OBSERVER | cards), SHAPE, utc(0))


def as_sunpy(wcs, **cards):
    solar_map = sunpy_map(np.zeros(SHAPE), header(**SKY | OTHER | OBSERVER | cards))
    x, y = np.array([0, 31, 0, 31]), np.array([0, 0, 23, 23])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an observer that is not told
        lon, lat = solar_map.wcs.pixel_to_world_values(x, y)
    expected = ((lon + 180) % 360 - 180) * 3600, lat * 3600
    return np.hypot(*(np.array(wcs.pixel_to_hpc(x, y)) - expected)).max()


@pytest.mark.parametrize("projection", ["ARC", "SIN", "ZEA", "STG"])
def test_small_fields_of_other_projections_are_tangent_planes(projection):
    cards = {"CTYPE1": f"HPLN-{projection}", "CTYPE2": f"HPLT-{projection}", "CDELT1": 40.0, "CDELT2": 40.0}
    wcs, why, _ = placed(**cards)
    assert why == ""
    # 20 pixels of 40 arcsec: r^3 / 3 is 0.02 arcsec
    assert as_sunpy(wcs, **cards) < 0.05


def test_an_observer_that_is_not_told_is_on_earth_and_flagged():
    cards = dict.fromkeys(OBSERVER)
    wcs, why, flag = placed(**cards)
    assert (why, flag) == ("", "observer taken as Earth, for the header has none")
    assert wcs.hgln_deg == pytest.approx(0, abs=0.01)
    assert wcs.dsun_m == pytest.approx(1.52e11, rel=0.01)
    assert as_sunpy(wcs, **cards) < 1e-3


@pytest.mark.parametrize(
    ("cards", "reason"),
    [
        ({"CTYPE1": None, "CTYPE2": None, "CUNIT1": None}, "header has no CTYPE1"),
        ({"CTYPE1": "HPLN-AZP", "CTYPE2": "HPLT-AZP", "PV2_1": 0.5}, "projection AZP"),
        ({"CTYPE1": "HPLN-ARC", "CTYPE2": "HPLT-ARC", "CDELT1": 900.0, "CDELT2": 900.0}, "projection ARC"),
        ({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}, ""),
        ({"CTYPE1": "CRLN-CAR", "CTYPE2": "CRLT-CAR", "CUNIT1": "deg", "CUNIT2": "deg"}, "not helioprojective"),
        ({"CTYPE1": "CRLN-CEA", "CTYPE2": "CRLT-CEA", "CUNIT2": "Sine Latitude"}, "a map of longitudes and latitudes"),
        ({"CRPIX1": None}, "header has no CRPIX1"),
        ({"CROTA2": None, "PC1_1": 1.0, "PC1_2": 0.3}, "skewed axes"),
        ({"DSUN_OBS": 0.0}, ""),
    ],
    ids=str,
)
def test_what_has_no_place_says_why(cards, reason):
    wcs, why, _ = placed(**cards)
    assert wcs is None
    assert why
    assert reason in why
    assert "\n" not in why


VALUES = st.sampled_from([None, "", "a text", True, 0.0, -1.0, 1e300, float("nan"), float("inf"), 10**30])
CARDS = ("CTYPE1", "CTYPE2", "CUNIT1", "CDELT1", "CRPIX2", "CRVAL1", "CROTA2", "PC1_1", "CD1_1", "DSUN_OBS", "RSUN")


@given(st.dictionaries(st.sampled_from(CARDS), VALUES, max_size=3))
def test_no_card_stops_a_scan(cards):
    head = {**dict(header(**SKY | OTHER | OBSERVER)), **{k: v for k, v in cards.items() if v is not None}}
    wcs, why, _ = place(head, SHAPE, utc(0))
    assert (wcs is None) == bool(why)
    assert wcs is None or np.isfinite(wcs.sun_centre_px).all()


def test_plain_headers_are_read_without_sunpy(monkeypatch):
    monkeypatch.setattr("data.sky.wcs_header.read_by_sunpy", lambda *_: pytest.fail("asked sunpy"))
    head = header(**SKY | OBSERVER)
    assert place(head, SHAPE, utc(0)) == (from_header(head, utc(0)), "", "")


def test_one_line_says_why_frames_have_no_place(capfd):
    facts = {"shape": (8, 8), "is_counts": True, "no_sky": "header has no CTYPE1", "exptime_s": 1.0}
    plan_reels([Candidate(f"{i}", "x", "fits", "kso", time_utc=utc(i), **facts) for i in range(3)], PrepConfig())
    told = capfd.readouterr().err
    assert told.count("no place on the sky") == 1
    assert "kso: 3 frames have no place on the sky; 3 x header has no CTYPE1" in told


def test_frames_of_another_unit_are_rejected_with_a_reason_that_names_bunit():
    facts = {"shape": (8, 8), "is_counts": True, "exptime_s": 1.0}
    units = [{"unit": "DN"}, {"unit": "DN/s", "is_exposed": False}, {"unit": "DN"}, {"unit": "G", "is_exposed": False}]
    found = [Candidate(f"{i}", "x", "fits", "kso", time_utc=utc(i), **facts | u) for i, u in enumerate(units)]
    (plan,) = plan_reels(found, PrepConfig())
    assert len(plan.rows) == 3  # DN becomes DN/s
    assert [frame.reason for frame in plan.rejected] == [
        "unit G (BUNIT), where most of its reel have DN/s; prepare a folder of these alone"
    ]


ASKING = {  # instruments whose maps in sunpy ask for cards that have no part in where a frame lies
    "EIT without SOLAR_R": {"INSTRUME": "EIT", "TELESCOP": "SOHO", "CTYPE1": "Solar-X", "CTYPE2": "Solar-Y"},
    "EIT, level 1": {"INSTRUME": None, "TELESCOP": "Extreme-ultraviolet Imaging Telescope (EIT)", "LEVEL": "L1"},
    "AIA without WAVEUNIT": {"INSTRUME": "AIA_3", "TELESCOP": "SDO/AIA", "WAVELNTH": 171, "WAVEUNIT": None},
}


@pytest.mark.parametrize("cards", ASKING.values(), ids=ASKING)
@pytest.mark.parametrize("observer", [{}, dict.fromkeys(OBSERVER)], ids=["told", "not told"])
def test_a_place_needs_no_card_that_is_not_of_it(cards, observer):
    usual, _, _ = placed(RSUN_OBS=None, **observer)
    wcs, why, flag = placed(RSUN_OBS=None, **cards | observer)
    assert why == ""
    assert astuple(wcs) == pytest.approx(astuple(usual), rel=1e-6)  # sunpy has its own table of the Earth's places
    assert not observer or "observer taken as Earth" in flag


@pytest.mark.parametrize("roll_deg", [0.0, 25.0, -170.0])
def test_solar_orbiter_is_placed_by_its_orbit_and_roll_without_a_matrix(roll_deg):
    """As with one; its maps in sunpy raise a TypeError on headers without."""
    cards = dict.fromkeys(OBSERVER) | {"RSUN_OBS": None, "OBSRVTRY": "Solar Orbiter", "INSTRUME": "EUI"}
    cards |= {"HCIX_OBS": 3e10, "HCIY_OBS": -5e10, "HCIZ_OBS": 1e9, "CROTA2": None}
    found, why, _ = placed(**cards, CROTA=roll_deg)
    assert found is not None
    cos, sin = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
    expected, *_ = placed(**cards, PC1_1=cos, PC1_2=-sin, PC2_1=sin, PC2_2=cos)
    assert why == ""
    assert expected is not None
    assert expected.crota2 == pytest.approx(roll_deg)
    assert astuple(found) == pytest.approx(astuple(expected))
    assert as_sunpy(found, **cards, PC1_1=cos, PC1_2=-sin, PC2_1=sin, PC2_2=cos) < 0.01


def test_solar_orbiter_without_its_orbit_is_not_taken_to_be_on_earth():
    wcs, why, _ = placed(OBSRVTRY="Solar Orbiter", INSTRUME="EUI", HGLN_OBS=None, DSUN_OBS=6e10, CROTA2=None)
    assert wcs is None
    assert why == "header does not tell where its observer is, 60000000000.0 m from the Sun"


@pytest.mark.parametrize("elsewhere", [{"DSUN_OBS": 1.2e11}, {"HAEX_OBS": 1.0}, {"HGLN_OBS": 80.0}], ids=str)
def test_who_is_not_near_earth_is_not_taken_to_be_there(elsewhere):
    wcs, why, _ = placed(**ASKING["EIT without SOLAR_R"] | {"RSUN_OBS": None} | dict.fromkeys(OBSERVER) | elsewhere)
    assert wcs is None
    assert "solar_r" in why


@pytest.mark.parametrize("roll_deg", [180.0, -90.0, 12.5])
@pytest.mark.parametrize("card", ["CROTA1", "CROTA"])
def test_a_roll_in_a_card_of_another_axis_is_that_of_crota2(card, roll_deg):
    expected, *_ = placed(CROTA2=roll_deg)
    assert placed(CROTA2=None, **{card: roll_deg}) == (expected, "", f"roll by {card}, for the header has no CROTA2")
    assert placed(CROTA2=roll_deg, **{card: 1.0}) == (expected, "", "")


def test_a_scale_that_is_not_told_is_no_place():
    """sunpy takes an arcsec for it."""
    assert placed(CDELT1=None, CDELT2=None)[:2] == (None, "header has no CDELT1, CDELT2")
    assert placed(CDELT2=None)[:2] == (None, "header has no CDELT2")


def test_what_eit_saw_upside_down_turns_with_the_sun():
    """Between two of its files of one day the Sun turns: their places, by SC_ROLL, must move westward."""
    folder = SHARED / "data/solar/eit_2004-03-01"
    if not folder.is_dir():
        pytest.skip("the EIT files of shared/data are not here")
    first, last = (folder / f"efz20040301.{clock}_s.fits" for clock in ("000010", "120010"))
    images = []
    for path in (first, last):
        pixels, head = fits.getdata(path), fits.getheader(path)
        wcs, _, flag = place(head, pixels.shape, utc(0))
        assert "roll by SC_ROLL" in flag
        images.append((np.asarray(pixels, float), wcs))
    disc = np.s_[50:78, 44:84]
    likeness = {}
    for dx in range(-8, 9):
        moved = np.roll(images[1][0], -dx, axis=1)[disc]
        likeness[dx] = np.corrcoef(moved.ravel(), images[0][0][disc].ravel())[0, 1]
    dx = max(likeness, key=likeness.__getitem__)
    assert abs(dx) >= 4  # of 21 arcsec, in twelve hours
    west, _ = images[0][1].pixel_to_hpc(np.array([64.0 + dx]), np.array([64.0]))
    east, _ = images[0][1].pixel_to_hpc(np.array([64.0]), np.array([64.0]))
    assert west > east


@pytest.mark.parametrize("unit", ["ARCSEC", "arcsecs", "arc sec", "Arcsecond", "arcseconds", "asec", '"'])
@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_axes_and_units_may_be_spelt_in_any_way(unit, case):
    cards = {"CTYPE1": case("HPLN-TAN"), "CTYPE2": case("HPLT-TAN"), "CUNIT1": unit, "CUNIT2": unit}
    assert placed(**cards) == placed()


@given(st.floats(-180, 180), st.sampled_from(["PC", "CD"]))
def test_matrices_of_before_fits_3_turn_as_todays_do(turn, kind):
    step = 0.6 if kind == "CD" else 1.0
    c, s = step * np.cos(np.radians(turn)), step * np.sin(np.radians(turn))
    cells = {(1, 1): c, (1, 2): -s, (2, 1): s, (2, 2): c}
    old, new = ({form.format(kind, *ij): float(v) for ij, v in cells.items()} for form in ("{}00{}00{}", "{}{}_{}"))
    assert placed(CROTA2=None, **old) == placed(CROTA2=None, **new)


@given(st.floats(0.05, 1.5), st.sampled_from([("AU", 1.0), ("km", 1.495978707e8)]))
def test_a_distance_may_be_in_astronomical_units_or_kilometres(distance_au, unit):
    name, per_au = unit
    if name == "km" and not 1e6 < distance_au * per_au < 6.957e8:
        return
    expected, *_ = placed(DSUN_OBS=distance_au * 1.495978707e11, RSUN_OBS=None)
    wcs, why, flag = placed(DSUN_OBS=distance_au * per_au, RSUN_OBS=None)
    assert (why, flag[-3:].strip()) == ("", name)
    assert wcs.dsun_m == pytest.approx(expected.dsun_m)
    assert wcs.rsun_arcsec == pytest.approx(expected.rsun_arcsec)


@pytest.mark.parametrize("cards", [{"RSUN_OBS": 375.0}, {"RSUN_OBS": None, "SOLAR_R": 375.0, "DSUN_OBS": None}])
def test_a_radius_in_pixels_is_none_in_arcsec(cards):
    wcs, why, flag = placed(**cards)
    assert why == ""
    assert wcs.rsun_arcsec == pytest.approx(944, abs=1)
    assert "solar radius 375 arcsec does not fit its distance: taken as 94" in flag


def test_a_radius_that_no_observer_is_told_for_stays():
    """Of a spacecraft nearer to the Sun, whose header tells no more than what it saw."""
    wcs, _, flag = placed(RSUN_OBS=1913.0, **dict.fromkeys(OBSERVER))
    assert wcs.rsun_arcsec == 1913
    assert flag.endswith("the observer is not where it was taken to be")


@pytest.mark.parametrize(
    "cards",
    [
        {"CTYPE1": "SOLARX", "CTYPE2": "SOLARY"},  # MDI
        {"CTYPE1": "SOLAR-WEST", "CTYPE2": "SOLAR-NORTH", "CUNIT1": None, "CUNIT2": None},  # Nobeyama
    ],
)
def test_axes_as_instruments_name_them(cards):
    assert placed(**cards) == placed(**{f"CTYPE{i}": name for i, name in enumerate(["SOLAR-X", "SOLAR-Y"], 1)})
    assert placed(**cards)[0] is not None


def test_a_coronagraph_of_few_pixels_has_a_place():
    """LASCO C3, which sees 8 degrees around the Sun, at 128 px."""
    wcs, _, _ = placed(CDELT1=448.0, CDELT2=448.0)
    assert wcs.cdelt1 == 448
