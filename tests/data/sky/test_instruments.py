"""Instruments by the names of reels, and their colour tables."""

import math

import numpy as np
import pytest

from data.sky.instruments import GRAY, colours_of, instrument_of


@pytest.mark.parametrize(
    ("name", "title", "table"),
    [
        ("aia_193", "SDO/AIA 193 Å", "sdoaia193"),
        ("goes_16_suvi_195", "GOES/SUVI 195 Å", "goes-rsuvi195"),
        ("eit_171_al_1", "SOHO/EIT 171 Å", "sohoeit171"),
        ("stereo_a_secchi_euvi_171_s1", "STEREO/SECCHI 171 Å", "euvi171"),
        ("lasco_c2_orange_clear", "SOHO/LASCO", "soholasco2"),
        ("hmi_6173_continuum_intensity", "SDO/HMI 6173 Å", GRAY),
        ("gong_6562.808_bb_h_alpha", "GONG 6562.81 Å", GRAY),
        ("stereo_a_secchi_cor2_pol_1001", "STEREO/SECCHI/COR2", "stereocor2"),
        ("goes_13_sxi_p_thn_b", "GOES/SXI", "sohoeit195"),
        ("solar_orbiter_metis_vld_6100", "Solar Orbiter/Metis 6100 Å", GRAY),
        ("cube_aia131", "SDO/AIA 131 Å", "sdoaia131"),
        ("aia0094", "SDO/AIA 94 Å", "sdoaia94"),
        ("aia1", "", GRAY),
        ("pump_17", "", GRAY),
    ],
)
def test_an_instrument_by_the_name_of_its_reel(name, title, table):
    found = instrument_of(name, {})
    assert (found.title, found.colormap) == (title, table)
    assert math.isnan(instrument_of("pump_17", {}).wavelength)


def test_a_movie_is_shown_in_the_colours_that_were_undone():
    assert instrument_of("flare", {"pixels": {"colormap": "sdoaia131"}}).colormap == "sdoaia131"


def test_colour_tables_are_the_instruments_own_and_unknown_ones_gray():
    assert np.allclose(colours_of("sdoaia4711"), np.repeat(np.arange(256.0), 3).reshape(-1, 3))
    blue = colours_of("sdoaia131")[128]
    assert blue[2] > blue[0]
