"""Axes that are not quite at right angles: pixels lie where astropy sees them, within what is told."""

import math
import re

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from data.sky.wcs_header import place
from data.sky.wcs_skew import LARGEST_SKEW_ARCSEC, nearest_turned
from data.sources.fits_file.identity import identity_of
from tests.support.fits_files import header

TIME, SHAPE = "2022-02-25T19:58:59.000", (300, 400)


def skewed(
    turn_deg: float, scale: float, ratio: float, shear: float, kind: str, reference: float = 50.0
) -> fits.Header:
    """A header with a matrix that turns, scales by axis, and leans the second axis by `shear`."""
    sin, cos = math.sin(math.radians(turn_deg)), math.cos(math.radians(turn_deg))
    matrix = scale * np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, shear], [0, ratio]])
    cards = {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CUNIT1": "arcsec", "CUNIT2": "arcsec"}
    cards |= {"CRPIX1": reference, "CRPIX2": -reference, "CRVAL1": -43.1, "CRVAL2": 390.2, "CROTA2": None}
    cards |= {"HGLN_OBS": 0.0, "HGLT_OBS": -7.2, "DSUN_OBS": 1.48e11, "RSUN_OBS": None, "CDELT1": 0.5, "CDELT2": 0.25}
    steps = (0.5, 0.25) if kind == "PC" else (1.0, 1.0)
    if kind == "CD":
        cards |= {"CDELT1": None, "CDELT2": None}
    cards |= {f"{kind}{i + 1}_{j + 1}": float(matrix[i, j] / steps[i]) for i in (0, 1) for j in (0, 1)}
    return header(**cards)


@given(
    st.floats(-180, 180),
    st.sampled_from([0.01, 0.6]),
    st.sampled_from([1.0, -1.0, 1.02, -0.9]),
    st.floats(-0.004, 0.004),
    st.sampled_from(["PC", "CD"]),
    st.sampled_from([50.0, 4255.9]),
)
def test_places_are_those_of_astropy_within_what_is_flagged(turn_deg, scale, ratio, shear, kind, reference):
    head = skewed(turn_deg, scale, ratio, shear, kind, reference)
    wcs, reason, flag = place(head, SHAPE, TIME)
    assert (reason, wcs is None) == ("", False)
    told = re.search(r"within ([\d.e-]+) arcsec", flag)
    assert bool(told) or abs(shear) < 1e-4
    within = float(told[1]) if told else 0.01
    assert within <= LARGEST_SKEW_ARCSEC
    x, y = (np.array(v, float) for v in ([0, 399, 0, 399, 199.5], [0, 0, 299, 299, 149.5]))
    projection = fits.Header(
        [(name, head[name]) for name in head if re.match("C(TYPE|UNIT|RPIX|RVAL|DELT)|PC|CD", name)]
    )
    truth = WCS(projection).pixel_to_world_values(x, y)
    tx, ty = ((np.asarray(v) + 180) % 360 * 3600 - 180 * 3600 for v in truth)
    found = wcs.pixel_to_hpc(x, y)
    off = np.hypot(found[0] - tx, found[1] - ty)
    assert off.max() <= 1.1 * within + 1e-3
    assert off[-1] < 2e-3  # the middle stays


def test_a_lean_that_moves_corners_by_arcsecs_has_no_place():
    wcs, reason, _ = place(skewed(10, 0.6, 1.0, 0.05, "PC"), SHAPE, TIME)
    assert (wcs, reason) == (None, "skewed axes")


@given(st.floats(-math.pi, math.pi), st.floats(0.1, 3), st.floats(-3, 3).filter(lambda r: abs(r) > 0.1))
def test_what_is_only_turned_and_scaled_is_its_own_nearest(turn, first, second):
    matrix = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) @ np.diag([first, second])
    nearest, told = nearest_turned(matrix)
    np.testing.assert_allclose(nearest, matrix, atol=1e-9)
    if abs(first - abs(second)) > 0.01:
        assert math.remainder(told - turn, 2 * math.pi) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("unit", "channel"), [("nm", "4504"), ("Angstrom", "450.4"), ("", "450.4")])
def test_a_wavelength_is_in_the_unit_of_the_axis_that_tells_it(unit, channel):
    axis = {"CTYPE3": "AWAV", "CUNIT3": unit, "CRVAL3": 450.4, "WAVEUNIT": None}
    assert identity_of(header(INSTRUME="VBI", TELESCOP="DKIST", WAVELNTH=450.4, **axis)).channel == channel
