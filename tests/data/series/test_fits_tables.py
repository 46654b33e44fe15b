"""Light curves in tables of FITS files: times by the header's reference and scale, and what is a variable."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import sunpy.data.test
from astropy.io import fits
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from data.sources import discover
from data.sources.base import FrameError
from data.sources.fits_file.layout import MOST_FIELDS, fields_of, layout_of
from data.sources.fits_file.times.table_times import utc_of
from data.sources.fits_table import holds_series
from tests.support.telemetry import only, prepared

SUNPY = Path(sunpy.data.test.rootdir)
N = 60


def write(path, columns, table=None, primary=None, behind=()):
    hdu = fits.BinTableHDU.from_columns([fits.Column(*args, **facts) for args, facts in columns], name="RATE")
    hdu.header.update(table or {})
    first = fits.PrimaryHDU()
    first.header.update(primary or {})
    fits.HDUList([first, hdu, *behind]).writeto(path)
    return path


def column(name, form, array, **facts):
    return (name, form), {"array": array, **facts}


@given(
    st.sampled_from(["tt", "tdb", "tai", "utc"]),
    st.integers(47000, 60000),
    st.floats(0, 0.999),
    st.floats(-100, 100),
    st.sampled_from([("s", 1.0), ("d", 86400.0), ("ms", 1e-3), ("cs", 1e-2), ("min", 60.0)]),
    st.booleans(),
)
def test_times_since_a_reference_are_those_of_astropy(scale, whole, rest, zero, unit, is_split):
    numbers = np.array([0.0, 1.0, 1234.5, np.nan, 86399.0]) / (86400 if unit[0] == "d" else 1)
    header = {"MJDREFI": whole, "MJDREFF": rest} if is_split else {"MJDREF": whole + rest}
    header |= {"TIMESYS": scale.upper(), "TIMEZERO": zero, "TIMEUNIT": "s"}
    utc, _, _ = utc_of(numbers, "TIME", unit[0], header)
    known = np.isfinite(numbers)
    later = (numbers[known] * unit[1] + zero) / 86400
    truth = Time(np.full(4, float(whole)), rest + later, format="mjd", scale=scale).utc.to_value("datetime64")
    assert utc is not None
    assert np.isnat(utc[3])
    assert (np.abs(utc[known] - truth) <= np.timedelta64(20, "us")).all()


def test_a_unit_of_times_that_is_none_is_told():
    """And STIX' hundredths of a second are no seconds: its day of light curves was a hundred days."""
    start, counts = {"DATE-OBS": "2020-05-06T00:00:00"}, np.array([0.0, 400.0])
    for unit, seconds, doubt in (
        ("cs", 4, ""),
        ("", 400, ""),
        ("frob", 400, "; 'frob' is no unit of time: counted as"),
    ):
        utc, _, how = utc_of(counts, "time", unit, start)
        assert utc is not None
        assert utc[1] - utc[0] == np.timedelta64(seconds, "s")
        assert doubt in how
        assert ("no unit" in how) == bool(doubt)


@pytest.mark.parametrize(
    ("name", "unit", "header", "first"),
    [
        ("TIME", "BJD - 2457000, days", {"TIMESYS": "TDB"}, "2020-05-30T11:58:50.815"),
        ("TIME", "d", {"BJDREFI": 2457000, "BJDREFF": 0.0, "TIMESYS": "TDB"}, "2020-05-30T11:58:50.815"),
        ("JD", "", {}, "2000-01-01T12:00:00.000"),
        ("MJD", "d", {}, "2000-01-01T12:00:00.000"),
        ("TIME", "s", {"DATE-OBS": "2012-07-19T07:30:00"}, "2012-07-19T07:30:05.000"),
        ("TIME", "s", {"DATE-OBS": "2012-07-19", "TIME-OBS": "07:30:00"}, "2012-07-19T07:30:05.000"),
        ("TIME", "s", {"DATEREF": "2012-07-19T07:30:00"}, "2012-07-19T07:30:05.000"),
    ],
)
def test_a_time_counts_from_what_its_unit_name_or_header_tells(name, unit, header, first):
    number = {"JD": 2451545.0, "MJD": 51544.5}.get(name, 2000.0 if "d" in unit else 5.0)
    utc, _, _ = utc_of(np.array([number]), name, unit, header)
    assert utc is not None
    assert str(utc[0].astype("datetime64[ms]")) == first


def test_a_light_curve_of_tess_has_its_fluxes_at_their_times(tmp_path):
    """Rows without a time, fluxes of NaN, flags, and an image of the aperture behind the table."""
    time, flux = 2000 + np.arange(N) / 720, np.linspace(1000, 1010, N)
    time[10:12], flux[20] = np.nan, np.nan
    columns = [column("TIME", "D", time, unit="BJD - 2457000, days"), column("TIMECORR", "E", np.zeros(N))]
    columns += [column("CADENCENO", "J", np.arange(N)), column("SAP_FLUX", "E", flux, unit="e-/s")]
    columns += [column("SAP_FLUX_ERR", "E", np.ones(N)), column("QUALITY", "J", np.eye(1, N, 30, dtype=int)[0])]
    aperture = fits.ImageHDU(np.zeros((5, 5), "i4"), name="APERTURE")
    write(tmp_path / "tess_lc.fits", columns, {"TIMESYS": "TDB"}, {"TELESCOP": "TESS"}, [aperture])
    reel = only(prepared(tmp_path / "tess_lc.fits", tmp_path / "clips"))
    assert reel.channels == ["SAP_FLUX"]
    assert reel.cadence_s == pytest.approx(120)
    np.testing.assert_allclose(reel.signals()[:, 0], flux[np.isfinite(time) & np.isfinite(flux)], rtol=1e-6)
    reasons = reel.candidates["reason"].value_counts()
    assert reasons["time is missing or not readable"] == 2
    assert reasons["no value"] == 1
    assert "1 rows have some" in reel.meta["columns"]["QUALITY"]


def test_cells_of_several_numbers_are_variables_and_those_of_tnull_missing(tmp_path):
    counts, scaled = np.arange(3 * N).reshape(N, 3), np.arange(N)
    columns = [column("TIME", "D", np.arange(N) * 0.25, unit="s"), column("COUNTS", "3J", counts)]
    columns += [column("ADC", "I", np.where(scaled == 7, -99, scaled), null=-99, unit="V")]
    reference = {"MJDREFI": 51910, "MJDREFF": 7.428703703703703e-4, "TIMESYS": "TT"}
    reel = only(prepared(write(tmp_path / "gbm.lc", columns, reference), tmp_path / "clips", min_coverage=0))
    assert reel.channels == ["COUNTS[0]", "COUNTS[1]", "COUNTS[2]", "ADC"]
    assert reel.times_utc is not None
    assert str(reel.times_utc[0]) == "2001-01-01T00:00:00.000"
    np.testing.assert_allclose(reel.signals()[:, :3], counts, atol=1e-3)
    np.testing.assert_allclose(np.delete(reel.signals()[:, 3], 7), np.delete(scaled, 7), atol=1e-3)
    assert reel.missing[7].any()
    assert not reel.missing[8].any()


def test_several_tables_of_a_file_are_series_each(tmp_path):
    columns = [column("MJD", "D", 60000 + np.arange(N) / 86400), column("CTR", "D", np.arange(N))]
    second = fits.BinTableHDU.from_columns([fits.Column(*a, **f) for a, f in columns], name="HARD")
    reels = prepared(write(tmp_path / "hel.lc", columns, behind=[second]), tmp_path / "clips")
    assert sorted(reels) == ["hel_HARD", "hel_RATE"]


@pytest.mark.parametrize("name", ["lyra_20150101-000000_lev3_std_truncated.fits.gz", "gbm.fits"])
def test_times_and_values_are_those_of_sunpy(name, tmp_path):
    import sunpy.timeseries

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        truth = sunpy.timeseries.TimeSeries(str(SUNPY / name)).to_dataframe()
    reel = only(prepared(SUNPY / name, tmp_path / "clips", clip_length=4, stride=2))
    apart = np.abs(reel.times_utc - truth.index.to_numpy().astype("datetime64[ms]"))
    assert (apart <= np.timedelta64(1, "ms")).all()
    if name.startswith("lyra"):
        np.testing.assert_allclose(reel.signals(), truth, rtol=1e-5)


def test_seconds_of_a_day_with_year_and_day_are_times(tmp_path):
    name = "eve_l1_esp_2011046_00_truncated.fits"
    reel = only(prepared(SUNPY / name, tmp_path / "clips", clip_length=2, stride=1))
    assert reel.times_utc is not None
    assert str(reel.times_utc[0])[:10] == "2011-02-15"


@pytest.mark.parametrize("name", ["aia_171_level1.fits", "hsi_image_20101016_191218.fits", "resampled_hmi.fits"])
def test_files_of_images_stay_frames(name):
    assert discover(SUNPY / name).frames


@given(st.sampled_from(["TFIELDS", "TTYPE1", "TDIM2", "TFORM2", "NAXIS2"]),
       st.sampled_from([2**62, -1, 10**9, 1.5, "x", "(4,5)", True, ""]))  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_damage_in_a_table_s_header_is_one_of_few_columns_and_no_error(tmp_path_factory, card, value):
    columns = [fits.Column("TIME", "D", array=np.arange(3.0)), fits.Column("FLUX", "E", array=np.ones(3))]
    hdu = fits.BinTableHDU.from_columns(columns)
    header, path = fits.Header(hdu.header, copy=True), tmp_path_factory.mktemp("damaged") / "a.fits"
    header[card] = value
    blocks = fits.PrimaryHDU().header.tostring() + header.tostring()
    path.write_bytes(blocks.encode("ascii") + bytes(2880))
    assert len(fields_of(header)) <= MOST_FIELDS  # of which each is looked for in the header
    assert isinstance(holds_series(path), bool)
    with path.open("rb") as stream, pytest.raises(FrameError):  # there is no image, or the damage is told
        layout_of(stream)
