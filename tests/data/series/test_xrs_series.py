"""GOES XRS: the files that sunpy carries, against what sunpy reads in them."""

import warnings
from pathlib import Path

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest
import sunpy.data.test

from inference.events.tables import events_table
from inference.results.signals import panels_of
from inference.results.timeline import timeline
from tests.support.reels import drifting_blobs, make_reel
from tests.support.telemetry import only, prepared

pytestmark = pytest.mark.pictures

SUNPY = Path(sunpy.data.test.rootdir)


def sunpy_series(name: str) -> pd.DataFrame:
    import sunpy.timeseries

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sunpy.timeseries.TimeSeries(str(SUNPY / name), source="XRS").to_dataframe()


@pytest.fixture(scope="module")
def goes(tmp_path_factory):
    """The reel of GOES-15 on 2011-06-07."""
    return only(prepared(SUNPY / "go1520110607.fits", tmp_path_factory.mktemp("goes"), clip_length=1024, stride=256))


def test_xrs_reel_holds_what_sunpy_reads(goes):
    truth = sunpy_series("go1520110607.fits")
    assert goes.channels == ["xrsa", "xrsb"]
    assert goes.meta["unit"] == "W/m^2"
    assert len(goes) == len(truth)
    np.testing.assert_allclose(goes.signals(), truth[["xrsa", "xrsb"]], rtol=1e-5)
    assert (goes.times_utc == truth.index.to_numpy().astype("datetime64[ms]")).all()


def test_the_flare_of_2011_06_07_is_the_maximum_and_an_m2_5(goes):
    flux = goes.signals()[:, 1]
    peak = goes.times_utc[flux.argmax()]
    assert np.datetime64("2011-06-07T06:16") < peak < np.datetime64("2011-06-07T06:59")
    assert flux.max() == pytest.approx(2.5e-5, rel=0.05)
    assert goes.frames[:, 1].argmax() == flux.argmax()


@pytest.mark.parametrize(
    "name",
    [
        "goes_13_leap_second.nc",
        "sci_gxrs-l2-irrad_g13_d20170901_truncated.nc",
        "sci_xrsf-l2-avg1m_g15_d20190102_truncated.nc",
        "sci_xrsf-l2-avg1m_g16_d20210101_truncated.nc",
        "sci_xrsf-l2-flx1s_g17_d20201016_truncated.nc",
    ],
)
def test_every_xrs_netcdf_of_sunpy_is_read_and_bad_samples_are_left_out(tmp_path, name):
    reel, truth = only(prepared(SUNPY / name, tmp_path / "out")), sunpy_series(name)
    good = reel.table["flags"].isna().to_numpy()
    rows = reel.table["source"].str.removeprefix("sample ").astype(int).to_numpy() - 1
    np.testing.assert_allclose(reel.signals()[good], truth[["xrsa", "xrsb"]].to_numpy()[rows[good]], rtol=1e-5)
    assert (reel.signals() > 0).all()
    filled = set(reel.table["flags"].dropna())
    assert filled == ({"interpolated: xrsa"} if (truth["xrsa"] <= 0).any() else set())


def test_a_fits_of_xrs_beside_images_becomes_a_series_of_its_own(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "go15.fits").write_bytes((SUNPY / "go1520110607.fits").read_bytes())
    (tmp_path / "raw" / "aia.fits").write_bytes((SUNPY / "aia_171_level1.fits").read_bytes())
    reels = prepared(tmp_path / "raw", tmp_path / "out", resize=[16, 16])
    assert set(reels) == {"go15", "aia_171"}
    assert len(reels["aia_171"].candidates) == 1


def test_xrs_is_drawn_under_a_reel_of_the_same_time(goes, tmp_path, capsys):
    during = make_reel(tmp_path / "sun", drifting_blobs(20, 8, 8), start_utc="2011-06-07T06:30:00")
    (panel,) = panels_of(during, str(goes.path))
    no_events = events_table([])
    timeline(tmp_path / "with.png", np.ones(20), 2, 3, no_events, during.times_utc, panels=[panel])
    timeline(tmp_path / "without.png", np.ones(20), 2, 3, no_events, during.times_utc)
    heights = [cv2.imread(str(tmp_path / name)).shape[0] for name in ("with.png", "without.png")]
    assert heights[0] > heights[1]
    assert set(panel.curves) == {"xrsa", "xrsb"}
    assert panel.times[0] >= during.times_utc[0]
    assert panel.times[-1] <= during.times_utc[-1]
    assert np.nanmax(panel.curves["xrsb"]) > 1e-5
    other = make_reel(tmp_path / "other", drifting_blobs(20, 8, 8))
    assert panels_of(other, str(goes.path)) == []
    assert "no samples at its time" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no reel of GOES XRS"):
        panels_of(during, str(other.path))


def test_netcdf_of_images_is_refused_as_such(tmp_path):
    """SUVI's level 1b: once it was an XRS file that could not be read."""
    with h5py.File(tmp_path / "OR_SUVI-L1b-Fe171_G16_s20122010730001.nc", "w") as file:
        file["RAD"], file["CMD_EXP"] = np.zeros((64, 96), np.int16), 1.0
    with pytest.raises(ValueError, match=r"netCDF with images \(RAD 64x96\), which are read from FITS"):
        prepared(tmp_path, tmp_path / "out")


def test_netcdf_of_another_instrument_is_none_of_xrs_whatever_its_variables_are_called(tmp_path):
    """The Sun's EUV beside what is told of XRS: once an XRS file that could not be read."""
    with h5py.File(tmp_path / "sci_euvs-l2-avg1m_g16_d20240510_v1-0-6.nc", "w") as file:
        time = file.create_dataset("time", data=60.0 * np.arange(64))
        time.attrs["units"] = "seconds since 2000-01-01 12:00:00"
        file["irr_256"], file["xrsb_background"] = np.sin(np.arange(64.0)), np.cos(np.arange(64.0))
    reel = only(prepared(tmp_path, tmp_path / "out"))
    assert reel.channels == ["irr_256", "xrsb_background"]
    assert reel.cadence_s == 60.0
