"""Pictures in netCDF files, one a file with its time; and files of that kind that are something else."""

import h5py
import numpy as np
import pytest

from config import PrepConfig
from data.sources.base import RawFrame
from data.sources.stacks.netcdf_pictures import NetcdfPictureSource
from tests.support import frames

STORED = np.random.default_rng(2).integers(0, 2000, (4, 24, 32), np.int16)
SECONDS = "seconds since 2000-01-01 12:00:00"


def write(path, pixels, minutes=0.0, **beside):
    """As GOES' ABI has it: counts with a scale, what their quality is, and the middle of the scan."""
    with h5py.File(path, "w") as file:
        file["Rad"], file["DQF"], file["t"] = pixels, np.zeros(pixels.shape[-2:], np.uint8), 60.0 * minutes
        file["Rad"].attrs.update({"scale_factor": np.float32(0.5), "add_offset": np.float32(-3)})
        file["Rad"].attrs["_FillValue"] = np.int16(-1)
        file["t"].attrs["units"] = SECONDS
        file["x"], file["y"] = np.arange(32.0), np.arange(24.0)
        for name, array in beside.items():
            file[name] = array


@pytest.mark.parametrize("shape", [(24, 32), (1, 24, 32)])
def test_each_file_is_a_frame_of_its_product_with_the_time_that_it_tells(tmp_path, shape):
    """They were refused; with a first axis of 1 each was a reel of one frame."""
    for band in (2, 13):
        for i, pixels in enumerate(STORED):
            stamp = f"s2014001{i:07d}_c2014001{9 - i:07d}"  # which is not the middle
            lost = np.where(np.eye(24, 32, dtype=bool), np.int16(-1), pixels).reshape(shape)
            write(tmp_path / f"OR_ABI-C{band:02d}_G16_{stamp}.nc", lost, 10 * i, time_bounds=np.array([0.0, 1.0]))
    candidates = frames.scan(tmp_path, PrepConfig())
    reels = {f"{tmp_path.name}_OR_ABI-C{band:02d}_G16" for band in (2, 13)}
    assert {c.reel for c in candidates} == reels
    times = sorted({c.time_utc for c in candidates})
    assert times == [f"2000-01-01T12:{10 * i:02d}:00.000" for i in range(4)]
    for candidate, raw in frames.read(candidates):
        assert isinstance(raw, RawFrame), raw
        expected = STORED[times.index(candidate.time_utc)] * np.float32(0.5) - 3
        expected[np.eye(24, 32, dtype=bool)] = np.nan
        np.testing.assert_allclose(raw.pixels, expected)


def test_a_time_may_stand_among_the_attributes(tmp_path):
    for i, pixels in enumerate(STORED):
        with h5py.File(tmp_path / f"a{i}.nc", "w") as file:
            file["sst"] = pixels.astype(np.float32)
            file.attrs["time_coverage_start"] = f"2014-01-0{i + 1}T06:00:00Z"
    assert [c.time_utc for c in frames.scan(tmp_path, PrepConfig())] == [
        f"2014-01-0{i + 1}T06:00:00.000" for i in range(4)
    ]


@pytest.mark.parametrize(
    "beside",
    [
        {"time": np.arange(24.0)},  # a matrix of times and stations
        {"Ref": STORED[0]},  # two pictures
        {"all": STORED},
        {"CRPIX1": 12.0, "CDELT1": 2.4},  # of a FITS header: SUVI
    ],
)
def test_other_files_are_none(tmp_path, beside):
    write(tmp_path / "a.nc", STORED[0], **beside)
    assert not NetcdfPictureSource().takes(tmp_path / "a.nc")
    write(tmp_path / "a.nc", STORED[0])
    assert NetcdfPictureSource().takes(tmp_path / "a.nc")
    (tmp_path / "a.nc").write_bytes((tmp_path / "a.nc").read_bytes()[:900])
    assert not NetcdfPictureSource().takes(tmp_path / "a.nc")
