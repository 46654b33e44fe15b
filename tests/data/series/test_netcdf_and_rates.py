"""netCDF of any origin, and single numbers beside arrays that tell how fast they were sampled."""

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data import sources
from data.series.prepare_series import rounded
from data.sources.base import Series, SeriesSource, TableError

ROWS = 40
VALUES = np.round(20 + 3 * np.sin(np.arange(ROWS) / 5), 2)
FILL = -32767


def read(path, **settings) -> list[Series]:
    source = sources.source_of(path, [])
    assert isinstance(source, SeriesSource)
    return source.read_series(path, PrepConfig(**settings))


def write_classic(path, units: str, calendar: str) -> None:
    with scipy.io.netcdf_file(str(path), "w") as file:
        file.createDimension("time", ROWS)
        time, a = file.createVariable("time", "d", ("time",)), file.createVariable("a", "h", ("time",))
        time[:], time.units, time.calendar = np.arange(ROWS), units, calendar
        a[:] = np.where(np.arange(ROWS) == 4, FILL, np.round(100 * VALUES - 1000))
        a._FillValue, a.scale_factor, a.add_offset = np.int16(FILL), 0.01, 10.0


def write_4(path, units: str, calendar: str) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["time"], file["a"] = np.arange(ROWS, dtype=float), np.round(100 * VALUES - 1000).astype("i2")
        file["a"][4] = FILL
        file["time"].attrs.update({"units": units, "calendar": calendar})
        file["a"].attrs.update({"_FillValue": np.int16(FILL), "scale_factor": 0.01, "add_offset": 10.0})
        file["nv"] = np.zeros(ROWS)
        file["nv"].attrs["NAME"] = np.bytes_("This is a netCDF dimension but not a netCDF variable.        40")


@pytest.mark.parametrize("write", [write_classic, write_4])
def test_netcdf_of_any_origin(tmp_path, write):
    """Every .nc was taken for GOES XRS, and refused as none."""
    write(tmp_path / "x.nc", "hours since 1900-01-01 00:00:0.0", "gregorian")
    (series,) = read(tmp_path / "x.nc")
    assert series.channels == ("a",)
    assert series.times_utc is not None
    assert [str(time)[:16] for time in series.times_utc[:2]] == ["1900-01-01T00:00", "1900-01-01T01:00"]
    expected = np.where(np.arange(ROWS) == 4, np.nan, VALUES)
    np.testing.assert_allclose(series.values[:, 0], expected, atol=1e-9)


@pytest.mark.parametrize("write", [write_classic, write_4])
@pytest.mark.parametrize(("unit", "step_s"), [("days", 86_400.0), ("hour", 3_600.0), ("ms", 0.001), ("seconds", 1.0)])
def test_units_of_times_since_no_moment_count(tmp_path, write, unit, step_s):
    """Days were seconds."""
    write(tmp_path / "x.nc", unit, "")
    (series,) = read(tmp_path / "x.nc")
    assert series.times_utc is None
    assert np.allclose(series.times_s, step_s * np.arange(ROWS))


@pytest.mark.parametrize("write", [write_classic, write_4])
@pytest.mark.parametrize(
    ("units", "calendar"),
    [("days since 2024-01-01", "noleap"), ("days since 2024-01-01", "360_day"), ("months since 2000-01-01", "")],
)
def test_times_of_other_calendars_are_refused(tmp_path, write, units, calendar):
    """They were seconds."""
    write(tmp_path / "x.nc", units, calendar)
    with pytest.raises(TableError, match=rf"its time counts '{units}'.*not known as UTC"):
        read(tmp_path / "x.nc")


@pytest.mark.parametrize("size", [4, 10, 100, 300])
def test_netcdf_that_is_cut_is_refused(tmp_path, size):
    write_classic(tmp_path / "whole.nc", "hours since 1900-01-01", "")
    (tmp_path / "x.nc").write_bytes((tmp_path / "whole.nc").read_bytes()[:size])
    with pytest.raises(TableError, match="not readable as netCDF"):
        read(tmp_path / "x.nc")


NAMES = [("fs", -1), ("sampling_rate", -1), ("SampleRate", -1), ("sr", -1), ("sfreq", -1), ("dt", 1), ("Xspacing", 1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rates")


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(NAMES), st.floats(1e-3, 1e5), st.sampled_from(["npz", "mat", "struct", "h5", "attribute"]))
def test_rates_beside_arrays_are_followed(folder, named, number, kind):
    """Samples were 1 s apart, whatever stood beside them."""
    (name, power), path = (
        named,
        folder / f"x.{'mat' if kind in ('mat', 'struct') else 'npz' if kind == 'npz' else 'h5'}",
    )
    if kind == "npz":
        np.savez(path, x=VALUES, **{name: number})
    elif kind == "mat":
        scipy.io.savemat(path, {"x": VALUES[:, None], name: number, "load": 270.0})
    elif kind == "struct":
        scipy.io.savemat(path, {"bearing": {"x": VALUES, name: number, "load": 270.0, "rpm": 25.0}})
    else:
        import h5py

        with h5py.File(path, "w") as file:
            data = file.create_dataset("g/x", data=VALUES)
            if kind == "attribute":
                data.attrs[name] = number
            else:
                file[f"g/{name}"] = number
    (series,) = read(path)
    assert series.channels == ("x",)
    np.testing.assert_allclose(series.times_s, np.arange(ROWS) * number**power, rtol=1e-9)
    assert read(path, sample_interval_sec=7.0)[0].times_s[1] == 7.0


def test_times_are_before_rates(tmp_path):
    np.savez(tmp_path / "x.npz", x=VALUES, time=2.0 * np.arange(ROWS), fs=100.0)
    assert read(tmp_path / "x.npz")[0].times_s[1] == 2.0
    np.savez(tmp_path / "x.npz", x=VALUES, fs=-1.0, rate=5.0)
    assert read(tmp_path / "x.npz")[0].times_s[1] == 1.0


@given(st.floats(-7, 7))
def test_the_cadence_of_however_fast_a_series_is_its_own(power):
    cadence_s = 10**power
    assert rounded(cadence_s) == pytest.approx(cadence_s, rel=1e-4)
    assert rounded(0.1 + 1e-9) == 0.1


def test_pictures_in_the_classic_format_say_the_way_out(tmp_path):
    with scipy.io.netcdf_file(str(tmp_path / "a.nc"), "w") as file:
        for name, size in (("time", 12), ("y", 12), ("x", 20)):
            file.createDimension(name, size)
        file.createVariable("time", "f8", ("time",))[:] = np.arange(12)
        file.createVariable("t2m", "f4", ("time", "y", "x"))[:] = 1
    with pytest.raises(TableError, match="t2m may be pictures, which are read with sides of 16 px"):
        read(tmp_path / "a.nc")
