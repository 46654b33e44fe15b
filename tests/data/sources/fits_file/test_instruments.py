"""Headers of solar instruments are read as sunpy's maps of them read them; the table is that of docs/instruments.md."""

import logging
import re
import warnings
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
import sunpy.data.test
import sunpy.map
from astropy.io import fits
from sunpy.util import MetaDict

from config import PrepConfig
from data.sources.fits_file.facts import facts_of
from tests.support.paths import ROOT

DOCS = ROOT / "docs" / "instruments.md"
HEADERS = Path(sunpy.data.test.__file__).parent
EUI = "solo_L1_eui-fsi304-*"  # sunpy has no header of HRI and PHI, which are of the same spacecraft


@dataclass(frozen=True)
class Case:
    """One instrument: sunpy's header of it, cards replaced, and what is read from it."""

    name: str
    file: str
    reel: str
    unit: str  # once prepared
    cards: dict = field(default_factory=dict)
    no_sky: str = ""  # part of the reason

    def __hash__(self):
        return hash(self.name)  # cards are a dict


CASES = (
    Case("AIA", "aia_171_level1.fits", "aia_171", "DN/s"),
    Case("HMI continuum", "resampled_hmi.fits", "hmi_6173_continuum_intensity", "DN/s"),
    Case("HMI magnetogram", "resampled_hmi.fits", "hmi_6173_magnetogram", "G",
         {"CONTENT": "MAGNETOGRAM", "BUNIT": "Gauss"}),
    Case("HMI SHARP", "hmi_sharp_magnetogram.header", "hmi_6173_observable_11465_mx_cm_2", "Mx/cm2"),
    Case("MDI continuum", "mdi.fd_Ic.*", "mdi_6768_full_disk_intensity_continuum", ""),
    Case("MDI magnetogram", "mdi.fd_M_96m_*", "mdi_6768_full_disk_96m_magnetogram", "G"),
    Case("EIT", "EIT_header/efz20040301.000010_s.header", "eit_195_al_1", "ct/pix/s"),
    Case("EIT level 1", "EIT_header/SOHO_EIT_171_*", "eit_171_al_1", "DN/s"),
    Case("LASCO C2", "lasco_c2_*.header", "lasco_c2_orange_clear", "MSB"),
    Case("LASCO C3", "lasco_c3.header", "lasco_c3_clear", "DN/s"),
    Case("SUVI", "dr_suvi-l2-ci195_g16_*", "goes_16_suvi_195", "W/(sr m2)"),
    Case("EUVI A", "euvi_*.header", "stereo_a_secchi_euvi_171_s1", "DN/s"),
    Case("EUVI B", "euvi_*.header", "stereo_b_secchi_euvi_171_s1", "DN/s", {"OBSRVTRY": "STEREO_B"}),
    Case("COR1 A", "cor1_*.header", "stereo_a_secchi_cor1_pol_0", "DN/s"),
    Case("HI2 A", "hi_*.header", "stereo_a_secchi_hi2_image", "DN/s", no_sky="projection AZP"),
    Case("EUI FSI", EUI, "solar_orbiter_eui_fsi_304_intensity_magnesium_304_n4", "DN/s"),
    Case("EUI HRI", EUI, "solar_orbiter_eui_hri_euv_174_intensity_open", "DN/s",
         {"DETECTOR": "HRI_EUV", "TELESCOP": "SOLO/EUI/HRI_EUV", "WAVELNTH": 174, "FILTER": "open"}),
    Case("PHI", EUI, "solar_orbiter_phi_fdt_6173.341_blos", "G",
         {"INSTRUME": "PHI", "DETECTOR": "FDT", "TELESCOP": "SOLO/PHI/FDT", "WAVELNTH": 6173.341, "BTYPE": "BLOS",
          "BUNIT": "Gauss", "FILTER": "", "IMGTYPE": "", "ACCROWIT": 1}),
    Case("SWAP", "swap_lv1_*.header", "swap_174", "DN/pix/s"),
    Case("XRT", "HinodeXRT.header", "xrt_be_thin_open", "DN/s"),
    Case("IRIS SJI", "iris_l2_*_SJI_1400_*", "sji_1400", "DN/s"),
    Case("TRACE", "tsi*.header", "trace_171", "DN/s"),
    Case("GONG magnetogram", "gong_magnetogram.header", "gong_6768_le_magnetic", "G"),
    Case("GONG H-alpha", "gong_halpha.header", "gong_6562.808_bb_h_alpha", ""),
    Case("K-Cor", "*kcor_l2.header", "kcor_7350", "B/Bsun"),
    Case("PUNCH", "punch.header", "punch_wfi_nfi_mosaic_5300", "2.009e+07 W/(sr m2)", no_sky="projection ARC"),
    Case("RHESSI", "hsi_image_*.fits", "rhessi_12_25", ""),
    Case("SUIT", "SUT_T24_*", "suit_2796_nb03", "DN/s"),
    Case("SOT", "HinodeSOT.header", "hinode_sot_wb_ca_ii_h_line_fg_simple", "DN/s"),
    Case("HMI synoptic", "hmi_synoptic.header", "hmi_6173_carrington_synoptic_chart_of_br_field", "Mx/cm2",
         no_sky="CRLN-CEA"),
)  # fmt: skip
ASTROPY_KNOWS_NOT = {"MSB", "B/Bsun"}


def path_of(case: Case) -> Path:
    (path,) = HEADERS.glob(case.file)
    return path


@cache
def header_of(case: Case) -> fits.Header:
    path = path_of(case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        head = fits.Header.fromtextfile(path) if path.suffix == ".header" else fits.getheader(path)
    head.update(case.cards)
    return head


@cache
def read(case: Case) -> dict:
    head = header_of(case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return facts_of(head, (head["NAXIS2"], head["NAXIS1"]), PrepConfig())


@cache
def map_of(case: Case):
    head = header_of(case)
    log = logging.getLogger("sunpy")
    log.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if case.file.endswith(".fits") and not case.cards:
            return sunpy.map.Map(path_of(case))
        meta = MetaDict(head) | {"history": str(head.get("HISTORY", ""))}  # as sunpy's own reader has it
        if abs(head.get("SC_ROLL", 0)) > 90:  # which sunpy does not look at: its map of EIT would be upside down
            meta |= {"crota2": head["SC_ROLL"]}
        return sunpy.map.Map(np.ones((head["NAXIS2"], head["NAXIS1"]), np.float32), meta)


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request):
    return request.param


def test_it_is_accepted_into_a_reel_of_its_own(case):
    facts = read(case)
    assert (facts["reason"], facts["reel"]) == ("", case.reel)
    assert len({c.reel for c in CASES}) == len(CASES)


def test_its_unit_is_that_of_sunpy(case):
    facts = read(case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of units that are not of the FITS standard
        expected = map_of(case).unit
        ours = u.Unit(facts["unit"], parse_strict="silent")
    assert (f"{facts['unit']}/s" if facts["is_exposed"] else facts["unit"]) == case.unit
    if expected is not None:
        assert ours == expected
        assert facts["is_exposed"] == (expected in (u.DN, u.ct, u.ct / u.pix))
    elif facts["unit"] not in ASTROPY_KNOWS_NOT:
        assert facts["unit"] in ("DN", "")


def test_its_time_is_that_of_sunpy(case):
    solar_map = map_of(case)
    # The reference date of LASCO C3 lacks its clock, which is in a card of its own.
    expected = solar_map.date if case.name == "LASCO C3" else solar_map.reference_date
    assert read(case)["time_utc"] == expected.utc.isot


def test_its_exposure_is_that_of_sunpy(case):
    expected = map_of(case).exposure_time
    exptime_s = read(case)["exptime_s"]
    if expected is not None:
        assert exptime_s == pytest.approx(expected.to_value(u.s))
    else:
        assert np.isnan(exptime_s) or case.name == "TRACE"


def test_its_wavelength_is_that_of_sunpy(case):
    expected = map_of(case).wavelength
    if (
        expected is not None
        and u.Quantity(expected).unit.is_equivalent(u.AA)
        and np.all(u.Quantity(expected).value > 0)
    ):
        assert float(read(case)["channel"]) == pytest.approx(u.Quantity(expected).to_value(u.AA))


def test_its_place_is_that_of_sunpy(case):
    wcs, solar_map = read(case)["wcs"], map_of(case)
    if case.no_sky:
        assert wcs is None
        assert case.no_sky in read(case)["no_sky"]
        return
    height, width = solar_map.data.shape
    x, y = np.array([0, width - 1, 0, width - 1, width / 3]), np.array([0, 0, height - 1, height - 1, height / 4])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        world = solar_map.wcs.pixel_to_world_values(x, y)
        observer, rsun_arcsec = solar_map.observer_coordinate, solar_map.rsun_obs.to_value(u.arcsec)
    expected = [(np.asarray(v) + 180) % 360 * 3600 - 180 * 3600 for v in world]
    pixel_arcsec = wcs.scale_arcsec
    np.testing.assert_allclose(wcs.pixel_to_hpc(x, y), expected, atol=1e-3 * pixel_arcsec)
    assert wcs.rsun_arcsec == pytest.approx(rsun_arcsec, rel=1e-4)
    # sunpy takes AIA's HAE coordinates, see `from_header`.
    assert (wcs.hgln_deg - observer.lon.deg + 180) % 360 - 180 == pytest.approx(0, abs=0.02)
    assert wcs.hglt_deg == pytest.approx(observer.lat.deg, abs=0.01)
    metres = 1000 if case.name == "SUIT" else 1  # whose DSUN_OBS is in km, which sunpy takes as m
    assert wcs.dsun_m == pytest.approx(metres * observer.radius.to_value(u.m), rel=1e-6)


def test_the_page_names_the_reels_that_come_out():
    rows = [line.split("|") for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    examples = [name.rstrip(".") for row in rows for name in re.findall("`(.+?)`", row[2])]
    assert len(examples) > 15
    assert [name for name in examples if not any(case.reel.startswith(name) for case in CASES)] == []
