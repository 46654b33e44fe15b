"""Series in HDF5 files: arrays of a group, tables of records; what pandas wrote is refused."""

from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest

from config import PrepConfig
from data import sources
from data.sources.arrays.hdf5_arrays import Hdf5Source
from data.sources.base import TableError

PREP = PrepConfig()
TIMES = np.datetime64("2020-01-01T00:00:00", "ms") + np.arange(40) * np.timedelta64(60_000, "ms")


def read(path, prep=PREP):
    return {series.name: series for series in Hdf5Source().read_series(path, prep)}


def test_the_arrays_of_each_group_are_a_series(tmp_path):
    values = np.random.default_rng(0).normal(size=(40, 2))
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["pump/time"] = np.array(TIMES.astype(str), "S23")
        file["pump/flow"] = values
        file["pump/label"] = np.arange(40) % 2
        file["fan/speed"] = values[:, 0].astype(">f4")
        file["fan/word"] = "one text"
        file["fan/linked"] = h5py.SoftLink("/pump/flow")
        file["fan/elsewhere"] = h5py.ExternalLink("other.h5", "/x")
    found = read(tmp_path / "s.h5")
    assert set(found) == {"s_pump", "s_fan"}
    pump, fan = found["s_pump"], found["s_fan"]
    assert (pump.channels, fan.channels) == (("flow_0", "flow_1"), ("speed",))
    np.testing.assert_array_equal(pump.values, values)
    np.testing.assert_array_equal(pump.times_utc, TIMES)
    np.testing.assert_array_equal(pump.labels, np.arange(40) % 2)
    assert fan.times_utc is None


def test_a_table_of_records_is_a_series(tmp_path):
    records = np.zeros(40, [("time", "i8"), ("a", "f8"), ("name", "S4")])
    records["time"], records["a"] = TIMES.astype(np.int64), np.arange(40)
    with h5py.File(tmp_path / "s.dat5", "w") as file:
        file["table"] = records
    assert Hdf5Source().recognises(tmp_path / "s.dat5")
    (series,) = read(tmp_path / "s.dat5").values()
    np.testing.assert_array_equal(series.times_utc, TIMES)
    np.testing.assert_array_equal(series.values[:, 0], np.arange(40))


def test_what_pandas_wrote_is_refused_for_the_pickles_in_it(tmp_path, monkeypatch):
    def opened(*_, **__):
        raise AssertionError("a reader that runs pickles was called")

    monkeypatch.setattr(pd, "read_hdf", opened)
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_group("df").attrs["pandas_type"] = b"frame"
        file["df/block0_values"] = np.zeros((40, 2))
    with pytest.raises(TableError, match=r"df was written by pandas, with pickles.*write it as Parquet or CSV"):
        read(tmp_path / "s.h5")


def test_what_can_not_be_read_has_a_reason(tmp_path):
    (tmp_path / "torn.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(40))
    with h5py.File(tmp_path / "film.h5", "w") as file:
        file["frames"] = np.zeros((4, 8, 8))
    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        file.create_dataset("x", (10**9, 4), "f8", chunks=(1000, 4))
    for name, reason in [("torn", "not readable as HDF5"), ("film", "has the shape"), ("bomb", "prep.max_input_mb")]:
        with pytest.raises(TableError, match=reason):
            read(tmp_path / f"{name}.h5", replace(PREP, max_input_mb=10.0))


def test_other_files_are_not_opened_by_it(tmp_path):
    np.arange(40.0).tofile(tmp_path / "secret.bin")
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("x", (40,), "f8", external=[(str(tmp_path / "secret.bin"), 0, 320)])
        file["y"] = np.arange(40.0)
    (series,) = read(tmp_path / "in.h5").values()
    assert series.channels == ("y",)
    assert [item.path.name for item in sources.discover(tmp_path).series] == ["in.h5"]


def test_attributes_of_cf_count(tmp_path):
    """Times count from the moment in their unit; fills are missing; packed values are unpacked."""
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["time"] = np.arange(60) / 24
        file["time"].attrs["units"] = "days since 2012-07-19 07:30:00"
        packed = (100 + np.arange(60)).astype("i2")
        packed[7] = -1
        file["temp"] = packed
        file["temp"].attrs.update({"_FillValue": np.int16(-1), "scale_factor": 0.01, "add_offset": 273.15})
    (series,) = read(tmp_path / "t.h5").values()
    expected = np.datetime64("2012-07-19T07:30:00") + np.arange(60) * np.timedelta64(1, "h")
    np.testing.assert_array_equal(series.times_utc, expected)
    np.testing.assert_allclose(series.values[:2, 0], [274.15, 274.16])
    assert np.flatnonzero(np.isnan(series.values)).tolist() == [7]


def test_matlab_writes_samples_along_the_second_axis_behind_a_block_of_its_own(tmp_path):
    t, x = np.arange(40) * 0.5, np.random.default_rng(1).normal(size=(40, 3))
    with h5py.File(tmp_path / "m.mat", "w", userblock_size=512) as file:
        file["t"], file["x"] = t[None], x.T
        file["#refs#/a"] = np.arange(40)
    path = tmp_path / "m.mat"
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
    assert sources.source_of(path, []) is sources.SOURCES["hdf5"]
    (series,) = read(path).values()
    assert series.channels == ("x_0", "x_1", "x_2")
    np.testing.assert_array_equal(series.times_s, t)
    np.testing.assert_array_equal(series.values, x)


def test_samples_along_the_first_axis_stay_there(tmp_path):
    x = np.random.default_rng(1).normal(size=(40, 3))
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["t"], file["x"], file["of_each"] = np.arange(40) * 0.5, x, np.arange(3.0)
    (series,) = read(tmp_path / "m.h5").values()
    np.testing.assert_array_equal(series.values, x)
