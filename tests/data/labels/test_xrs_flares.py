"""Flares in the X-ray flux: NOAA's own lists to the minute, and what is no flare."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sunpy.data.test import get_test_filepath
from sunpy.timeseries import TimeSeries

from data.labels.sun.catalog import flux_of_class
from data.labels.sun.xrs_flares import flares_in, flares_of_xrs
from data.reel.stretch import Stretch
from data.sky.goes import class_of
from tests.support.reels import drifting_blobs, make_reel

START = np.datetime64("2011-06-07T00:00:00.000")


def test_the_flare_of_a_day_is_that_of_noaas_list():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        day = TimeSeries(get_test_filepath("go1520110607.fits"), source="XRS").to_dataframe()
    flux = day["xrsb"].to_numpy(np.float64)
    (flare,) = flares_in(day.index.to_numpy(), np.where(flux > 0, flux, np.nan)).to_dict("records")
    # SWPC's event report of 2011-06-07: begin 0616, maximum 0641, end 0659, M2.5.
    assert [str(flare[name])[11:16] for name in ("start", "peak", "end")] == ["06:16", "06:41", "06:59"]
    assert flare["goes_class"] == "M2.5"
    assert flare["background_w_m2"] < 0.05 * flare["flux_w_m2"]


def minutes(values):
    """Times a minute apart, and the fluxes."""
    return START + np.arange(len(values)) * np.timedelta64(60_000, "ms"), np.array(values, float) * 1e-7


@pytest.mark.parametrize(
    ("values", "peaks"),
    [
        ([1, 1, 1, 2, 3, 4, 3, 2, 1, 1], [4]),
        ([1, 1.1, 1.2, 1.3, 1.2, 1], []),  # not to 1.4 times
        ([1, 2, 2, 3, 3, 2, 1], []),  # not steadily
        ([1, 2, 3, np.nan, 9, 5, 1], []),  # not known to be
        ([1, 2, 3, 4, np.nan, 6, 3, 1], [6]),
        ([1, 2, 3, 4, 2, 1, 2, 3, 4, 5, 1], [4, 5]),
        ([1, 2, 3, 4], [4]),
        ([0.01, 0.02, 0.03, 0.04, 0.01], []),  # below A1
        ([], []),
    ],
)
def test_what_is_a_flare(values, peaks):
    found = flares_in(*minutes(values))
    assert (found["flux_w_m2"] * 1e7).tolist() == pytest.approx(peaks)
    assert (found["start"] <= found["peak"]).all()
    assert (found["peak"] <= found["end"]).all()


@given(st.floats(1e-8, 1e-2))
def test_a_class_is_the_flux_to_a_tenth_and_never_more(flux):
    told = flux_of_class(class_of(flux))
    assert told <= flux * 1.00001
    assert flux - told <= 0.100001 * flux


def test_other_reels_are_refused(tmp_path):
    make_reel(tmp_path / "cam", drifting_blobs(4), clip_length=None)
    make_reel(tmp_path / "two", np.zeros((4, 3, 1, 1), np.float32), clip_length=None, channels=["xs", "xrsa", "xl"])
    for name in ("cam", "two"):
        with pytest.raises(ValueError, match=r"no reel of GOES XRS fluxes; .* columns called xrsa and xrsb"):
            flares_of_xrs(str(tmp_path / name))


@pytest.mark.parametrize(
    "columns",
    [
        *(("xrsa", "xrsb", "xrsa_quality", "xrsb_quality"), ("B_AVG", "A_AVG"), ("xl", "xs")),
        ("0.05-0.4nm satellite", "0.05-0.4nm flux", "0.1-0.8nm flux", "0.1-0.8nm observed_flux"),
        ("XRSA (W/m2)", "XRSB (W/m2)"),
    ],
)
def test_fluxes_of_a_table_are_known_by_their_columns(tmp_path, columns):
    """Whatever else it has, and in any order."""
    _, flux = minutes([1, 1, 1, 2, 3, 4, 3, 2, 1, 1])
    long = next(name for name in columns if name.lower()[:4] in ("xrsb", "b_av", "xl", "0.1-"))
    values = np.stack([flux if name == long else np.zeros(10) for name in columns], axis=1) / 1e-6
    scale = [Stretch("affine", 0.0, 1e-6)] * len(columns)
    given = {"channels": list(columns), "stretch": scale, "start_utc": str(START), "clip_length": None}
    make_reel(tmp_path / "goes", values[:, :, None, None].astype(np.float32), 60.0, **given)
    (flare,) = flares_of_xrs(str(tmp_path / "goes")).to_dict("records")
    assert flare["flux_w_m2"] == pytest.approx(4e-7)
    assert str(flare["peak"]) == "2011-06-07 00:05:00"
