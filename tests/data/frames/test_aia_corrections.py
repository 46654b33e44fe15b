"""Degradation and master pointing, against what aiapy does to a map."""

import sys
import warnings
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from astropy.time import Time, TimeDelta

from config import PrepConfig
from data.frames.aia_corrections import correct_rows
from data.frames.grid.placement import Placed
from data.frames.grid.to_grid import calibrate, steps
from data.frames.plan import plan_reels
from data.sources.base import Candidate, RawFrame
from tests.support.comparing import alike
from tests.support.solar_frames import sunpy_frame, sunpy_map, wcs_of

pytest.importorskip("aiapy")

TABLES_OF_AIAPY = ("aiapy.calibrate.util", "aiapy.calibrate.utils")  # before 0.12 and since
TIMES = ("2010-09-30T06:51:48.344", "2012-07-19T07:30:00.000", "2016-02-01T00:00:00.000")


def frame(time_utc=TIMES[0], channel="171", reel="aia_171", **facts):
    facts = {"time_utc": time_utc, "is_counts": True} | facts
    return Candidate(f"{channel}.fits", f"{channel}.fits", "fits", reel, channel, **facts)


def response_table():
    from aiapy.tests.data import get_test_filepath

    return get_test_filepath("aia_V8_20171210_050627_response_table.txt")


def degradation(channel, time_utc):
    from aiapy.calibrate import degradation

    is_new = find_spec("aiapy.calibrate.utils") is not None  # from aiapy 0.12 on
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = import_module(TABLES_OF_AIAPY[is_new]).get_correction_table(response_table())
        version = {"calibration_version": 8} if is_new else {}
        return degradation(channel * u.angstrom, Time(time_utc), correction_table=table, **version).value[0]


def corrected(*frames, **prep):
    return [row[0] for row in correct_rows(tuple((Placed.of(f),) for f in frames), PrepConfig(**prep))]


def test_degradation_is_that_of_aiapy():
    frames = [frame(time, str(channel), f"aia_{channel}") for channel in (304, 171) for time in TIMES]
    found = [c.degradation for c in corrected(*frames, degradation_table=str(response_table()))]
    expected = [degradation(int(c.channel), c.time_utc) for c in frames]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert found[2] < 0.5 * found[0]  # 304 A has lost most of it by 2016


def test_other_instruments_are_left_alone():
    others = frame(channel="6173", reel="hmi_6173"), frame(channel="image", reel="aia_image")
    assert alike(corrected(*others, degradation_table=str(response_table())), [Placed.of(other) for other in others])


def test_degradation_is_divided_out_and_recorded():
    pixels = np.full((8, 8), 100, np.int16)
    aged = replace(Placed.of(frame(exptime_s=2.0, shape=(8, 8))), degradation=0.25)
    assert np.all(calibrate(RawFrame(pixels, None, ""), aged, (8, 8), (4, 4), PrepConfig()).values == 200)
    assert "divided by the degradation of the instrument" in steps(PrepConfig(), [aged])


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "is not readable: FileNotFoundError"), ("a,b\n1,2\n", "is not readable"), ("", "is not readable")],
)
@pytest.mark.parametrize("key", ["degradation_table", "pointing_table"])
def test_a_useless_table_is_a_clear_error(tmp_path, key, content, message):
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=f"prep.{key} .*table.csv {message}"):
        corrected(frame(), **{key: str(path)})


def test_without_aiapy_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiapy", None)
    with pytest.raises(ValueError, match=r"prep\.degradation_table x\.txt needs aiapy.*pip install aiapy"):
        plan_reels([frame(shape=(8, 8))], PrepConfig(degradation_table="x.txt"))
    assert alike(corrected(frame()), [Placed.of(frame())])


def test_an_aiapy_that_does_not_import_is_not_called_missing(monkeypatch):
    for name in TABLES_OF_AIAPY:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=r"is not readable: ModuleNotFoundError: import of aiapy\.calibrate\.util"):
        corrected(frame(), degradation_table=str(response_table()))


def test_a_time_without_an_epoch_is_an_error():
    with pytest.raises(ValueError, match=r"prep\.degradation_table, 171 A: No valid calibration epoch"):
        corrected(frame("2001-01-01T00:00:00.000"), degradation_table=str(response_table()))


# Pointing


def pointing_table(path):
    """Eight entries of three hours in the form of aiapy's table; the second has no values."""
    start = Time("2010-09-29 21:00:00") + TimeDelta(3 * u.hour) * np.arange(1, 9)
    table = QTable({"T_START": start, "T_STOP": start + 3 * u.hour})
    steps = np.arange(8.0)
    steps[1] = np.nan
    table["A_171_X0"], table["A_171_Y0"] = (2050 + steps) * u.pix, (2040 - steps) * u.pix
    table["A_171_IMSCALE"], table["A_171_INSTROT"] = (0.6 + steps / 1e4) * u.arcsec / u.pix, steps / 50 * u.deg
    table.write(path, format="ascii.ecsv")
    return table


def full_frame(time_utc):
    _, header = sunpy_frame()
    header.update({"SAT_ROT": 0.01, "NAXIS1": 4096, "NAXIS2": 4096, "CRPIX1": 2048.5, "CRPIX2": 2048.5, "CDELT1": 0.6})
    header.update({"X0_MP": 2047.5, "Y0_MP": 2047.5})  # which CRPIX is from; aiapy 0.12 moves it by their change
    header.update({"CDELT2": 0.6, "T_OBS": time_utc, "DATE-OBS": time_utc})
    return header, frame(time_utc, shape=(4096, 4096), wcs=wcs_of(header), sat_rot_deg=0.01)


def test_pointing_is_that_of_aiapy(tmp_path):
    from aiapy.calibrate import update_pointing

    path = tmp_path / "pointing.ecsv"
    table = pointing_table(path)
    header, candidate = full_frame("2010-09-30T13:00:00.000")
    (pointed,) = corrected(candidate, pointing_table=str(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = update_pointing(sunpy_map(np.zeros((4096, 4096), np.float32), header), pointing_table=table).meta
    for name in ("crpix1", "crpix2", "cdelt1", "cdelt2", "crota2"):
        assert getattr(pointed.wcs, name) == pytest.approx(expected[name], rel=1e-12)
    assert pointed.wcs.crpix1 != candidate.wcs.crpix1
    assert not pointed.flags


def test_missing_entries_keep_the_pointing_of_the_header(tmp_path):
    pointing_table(tmp_path / "p.ecsv")
    _, candidate = full_frame("2010-09-30T03:30:00.000")
    (kept,) = corrected(candidate, pointing_table=str(tmp_path / "p.ecsv"))
    assert kept.wcs == candidate.wcs
    assert kept.flags == "header's pointing kept: the pointing table has none here"


def test_times_outside_the_pointing_table_are_an_error(tmp_path):
    pointing_table(tmp_path / "p.ecsv")
    with pytest.raises(ValueError, match=r"prep\.pointing_table has no entry for 171\.fits of 2016"):
        corrected(full_frame(TIMES[2])[1], pointing_table=str(tmp_path / "p.ecsv"))
    with pytest.raises(ValueError, match=r"prep\.pointing_table has no entry for 94\.fits"):
        corrected(
            replace(full_frame("2010-09-30T13:00:00.000")[1], source="94.fits", channel="94", reel="aia_94"),
            pointing_table=str(tmp_path / "p.ecsv"),
        )
