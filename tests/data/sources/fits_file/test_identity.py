"""Names of reels: two kinds of frames never share one, and one kind has one."""

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from data.sources.fits_file.identity import identity_of

AIA = {"TELESCOP": "SDO/AIA", "INSTRUME": "AIA_3"}
HMI = {"TELESCOP": "SDO/HMI", "INSTRUME": "HMI_FRONT2", "WAVELNTH": 6173.0}
EUVI = {"TELESCOP": "STEREO", "OBSRVTRY": "STEREO_A", "INSTRUME": "SECCHI", "DETECTOR": "EUVI", "WAVELNTH": 195}
EUI = {"TELESCOP": "SOLO/EUI/FSI", "OBSRVTRY": "Solar Orbiter", "INSTRUME": "EUI", "DETECTOR": "FSI", "WAVELNTH": 174}
SUVI = {"TELESCOP": "GOES-16", "INSTRUME": "GOES-R Series Solar Ultraviolet Imager", "WAVELNTH": 195}
LASCO = {"TELESCOP": "SOHO", "INSTRUME": "LASCO", "DETECTOR": "C2", "FILTER": "Orange", "POLAR": "Clear"}
COR = {"OBSRVTRY": "STEREO_A", "INSTRUME": "SECCHI", "DETECTOR": "COR2", "WAVELNTH": 0, "POLAR": 0.0}
OWN = {"TELESCOP": "KSO", "INSTRUME": "CAM", "FILTER": "H-alpha", "WAVELNTH": 656.3, "WAVEUNIT": "nm"}


@pytest.mark.parametrize(
    ("cards", "other"),
    [
        (AIA | {"WAVELNTH": 171}, {"WAVELNTH": "304"}),
        (HMI | {"CONTENT": "MAGNETOGRAM"}, {"CONTENT": "CONTINUUM INTENSITY"}),
        (HMI | {"BUNIT": "Gauss"}, {"BUNIT": "DN/s"}),
        (HMI | {"CONTENT": "HMI observable", "HARPNUM": 7115}, {"HARPNUM": 7117}),
        (EUVI, {"OBSRVTRY": "STEREO_B"}),
        (EUVI, {"DETECTOR": "COR1"}),
        (EUI, {"DETECTOR": "HRI_EUV", "TELESCOP": "SOLO/EUI/HRI_EUV"}),
        (EUI, {"INSTRUME": "PHI", "TELESCOP": "SOLO/PHI/FDT"}),
        (SUVI, {"TELESCOP": "GOES-18"}),
        (SUVI | {"TELESCOP": "GOES-R", "FILENAME": "OR_SUVI-L1b_g16_s2019"}, {"FILENAME": "OR_SUVI-L1b_g18_s2019"}),
        (LASCO, {"DETECTOR": "C3"}),
        (LASCO, {"FILTER": "Blue"}),
        (LASCO, {"POLAR": "+60 Deg"}),
        (LASCO | {"POLAR": "+60 Deg"}, {"POLAR": "-60 Deg"}),
        (COR, {"POLAR": 120.0}),
        (COR | {"POLAR": -60.0}, {"POLAR": 60.0}),
        (COR | {"POLAR": -60.0}, {"POLAR": -1.0}),
        (COR, {"POLAR": 1001.0}),
        ({"INSTRUME": "XRT", "EC_FW1_": "Al_poly", "EC_FW2_": "Open"}, {"EC_FW1_": "Open", "EC_FW2_": "Ti_poly"}),
        ({"TELESCOP": "NSO-GONG", "IMTYPE": "H-ALPHA", "SITE": "BB"}, {"SITE": "LE"}),
        (OWN, {"TELESCOP": "BBSO"}),
        ({"INSTRUME": "CAM", "WAVELNTH": "171 A"}, {"WAVELNTH": "304 A"}),
        ({"INSTRUME": "CAM", "WAVELNTH": "H-alpha"}, {"WAVELNTH": "Ca II K"}),
        ({"INSTRUME": "CAM", "WAVELENG": 171}, {"WAVELENG": 304}),
        (OWN, {"INSTRUME": "CAM2"}),
        (OWN, {"FILTER": "Ca II K"}),
        (OWN, {"WAVELNTH": 393.4}),
        (OWN | {"FILTER": "Ha-0.5"}, {"FILTER": "Ha+0.5"}),
        (OWN | {"FILTER": "Halpha -0.4A"}, {"FILTER": "Halpha +0.4A"}),
        (OWN, {"BAND": 2}),
        (OWN | {"STOKES": "I"}, {"STOKES": "V"}),
        ({"INSTRUME": "CAM", "FILTNAM": "g"}, {"FILTNAM": "r"}),
        ({"INSTRUME": "CAM", "LAMBDA": 6563}, {"LAMBDA": 3934}),
        ({"INSTRUME": "HAWKI", "ESO INS FILT1 NAME": "J"}, {"ESO INS FILT1 NAME": "Ks"}),
        ({"INSTRUME": "gpc1", "FPA.FILTERID": "g.00000"}, {"FPA.FILTERID": "r.00000"}),
        ({"INSTRUME": "VBI", "LINEWAV": 430.5}, {"LINEWAV": 656.28}),
        ({"PNAME": "SUIT", "WAVELNTH": 2796, "FTR_NAME": "NB03"}, {"FTR_NAME": "BB02"}),
        ({"TELESCOP": "HINODE", "INSTRUME": "SOT/NB", "WAVE": "TF Na I 5896", "WAVEOFF": 140}, {"WAVEOFF": -140}),
        ({"TELESCOP": "HINODE", "INSTRUME": "SOT/NB", "OBS_TYPE": "FG MG4 V/I"}, {"OBS_TYPE": "FG (simple)"}),
        ({"TELESCOP": "HINODE", "INSTRUME": "SOT/WB", "WAVE": "Ca II H line"}, {"WAVE": "G band 4305"}),
        ({"TELESCOP": "YOHKOH", "INSTRUME": "SXT", "FILTER": "Al.1"}, {"FILTER": "AlMg"}),
        ({"TELESCOP": "Nancay", "FREQ": 150.9}, {"FREQ": 327.0}),
        ({"TELESCOP": "radioheliograph", "OBS-FREQ": "17GHz", "POLARIZ": "rcp+lcp"}, {"OBS-FREQ": "34GHz"}),
        ({"TELESCOP": "radioheliograph", "OBS-FREQ": "17GHz", "POLARIZ": "rcp+lcp"}, {"POLARIZ": "rcp-lcp"}),
        ({"TELESCOP": "LOFAR", "CTYPE3": "FREQ", "CRVAL3": 3e7}, {"CRVAL3": 8e7}),
        ({"TELESCOP": "ALMA", "CTYPE4": "STOKES", "CRVAL4": 1.0}, {"CRVAL4": 4.0}),
    ],
    ids=str,
)
def test_two_kinds_have_two_reels(cards, other):
    assert identity_of(cards).reel != identity_of(cards | other).reel


ANGSTROM_TO = {"angstrom": 1, "Angstrom": 1, "nm": 0.1, "um": 1e-4, "m": 1e-10, -10: 1, -9: 0.1, "-9": 0.1, None: 1}


@given(st.sampled_from((94, 131, 171, 304, 1600, 6173, 10830)), st.sampled_from(list(ANGSTROM_TO)), st.booleans())
def test_one_wavelength_is_one_reel_in_any_unit_and_as_text(angstrom, unit, as_text):
    value = angstrom * ANGSTROM_TO[unit]
    cards = AIA | {"WAVELNTH": repr(value) if as_text else value, "WAVEUNIT": unit}
    assert identity_of(cards) == identity_of(AIA | {"WAVELNTH": angstrom})
    assert identity_of(cards).channel == str(angstrom)


def test_a_unit_in_a_comment_counts():
    header = fits.Header([("INSTRUME", "own"), ("WAVELNTH", 735, "[nm] center wavelength of bandpass")])
    assert identity_of(header).channel == "7350"


@pytest.mark.parametrize("told", ["171 A", "17.1 nm", "171 Angstrom", "171.0"])
def test_a_unit_in_a_text_counts(told):
    assert identity_of({"INSTRUME": "CAM", "WAVELNTH": told}) == identity_of({"INSTRUME": "CAM", "WAVELNTH": 171})


SIGNS = st.sampled_from(("{:+g} Deg", "{:+.1f}", "line {:+.2f} A", "Ha{:+.1f}", "{:+d}"))


@given(SIGNS, st.integers(1, 90), st.sampled_from(("FILTER", "POLAR", "WAVE", "CONTENT")))
def test_the_sign_of_a_number_tells_kinds_apart(form, number, card):
    """Polarisers at -60 and +60 degrees, and the wings of a line, were frames of one reel in turns."""
    low, high = (identity_of(OWN | {card: form.format(sign * number)}).reel for sign in (-1, 1))
    assert low != high


def test_a_polariser_that_is_not_there_is_none():
    assert {identity_of(COR | {"POLAR": told}).reel for told in (-1.0, -999.0)} == {"stereo_a_secchi_cor2_image"}


def test_names_that_are_known_stay():
    assert identity_of(AIA | {"WAVELNTH": 171}).reel == "aia_171"
    assert identity_of(AIA | {"WAVELNTH": 171, "FILTER": "thin", "CONTENT": "x", "DETECTOR": "y"}).reel == "aia_171"
    assert identity_of(AIA).reel == "aia_image"
    assert identity_of({}).reel == "fits_image"


@given(
    st.dictionaries(st.sampled_from(sorted({*EUVI, *OWN, "CONTENT", "BUNIT"})), st.text() | st.integers() | st.floats())
)
def test_any_cards_give_a_name(cards):
    name = identity_of(cards).reel
    assert name
    assert not set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789_.+-")


@pytest.mark.parametrize(
    ("cards", "word"),
    [
        ({"IMAGETYP": "Dark Frame"}, "dark"),
        ({"IMAGETYP": "FLAT"}, "flat"),
        ({"IMG_TYPE": "DARK"}, "dark"),
        ({"OBSTYPE": "zero"}, "zero"),
        ({"FRAME": "Bias"}, "bias"),
        ({"IMAGETYP": "Light Frame"}, ""),
        ({"IMGTYPE": "dark image"}, "dark"),
        ({"EC_IMTY_": "dark"}, "dark"),
        ({"SEB_PROG": "LED"}, "led"),
        ({"LP_NUM": "Cal Lamp"}, "lamp"),
        ({"PICTTYPE": 3}, "dark"),
        ({"PICTTYPE": 4}, "flat"),
        ({"PICTTYPE": 1}, ""),
        ({"SEB_PROG": "NORMAL", "LP_NUM": "Normal", "EC_IMTY_": "normal", "IMGTYPE": "solar image"}, ""),
        ({"IMG_TYPE": "LIGHT"}, ""),
        ({"IMAGETYP": "Flattened spectrum"}, ""),
    ],
)
@pytest.mark.parametrize(
    "camera",
    [
        {"INSTRUME": "CCD"},
        {"TELESCOP": "HOME", "WAVELNTH": 6563},
        {"INSTRUME": "AIA_3", "WAVELNTH": 171},
        {"INSTRUME": "XRT", "EC_FW1_": "Open", "EC_FW2_": "Ti_poly"},
        {"INSTRUME": "LASCO", "DETECTOR": "C2", "FILTER": "Orange"},
    ],
    ids=str,
)
def test_frames_of_the_camera_itself_are_never_among_those_of_the_sky(camera, cards, word):
    """Darks and flats that lie in the same folder, as observers leave them."""
    plain, typed = identity_of(camera).reel, identity_of(camera | cards).reel
    assert (typed != plain) == bool(word)
    assert word in typed


def test_a_damaged_card_tells_nothing_of_the_reel():
    damaged = fits.Header.fromstring("FREQ    = 150.9.1 NaN x".ljust(80) + "TELESCOP= 'Nancay  '".ljust(80))
    assert identity_of(damaged).reel == "nancay_image"
