"""Pictures in netCDF files, one a file with its time; and files of that kind that are something else."""

import h5py
import numpy as np
import pytest
import scipy.io

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


def test_of_several_pictures_in_a_file_each_is_a_frame_of_its_own_reel(tmp_path):
    """As ABI's MCMIP has bands: they were refused, or with a first axis of 1 a reel of one frame for each file."""
    for i, pixels in enumerate(STORED):
        write(tmp_path / f"OR_MCMIP_s2014001{i:07d}.nc", pixels[None], 10 * i, Ref=pixels + np.int16(1))
    candidates = frames.scan(tmp_path, PrepConfig())
    assert {c.reel for c in candidates} == {f"{tmp_path.name}_OR_MCMIP_{name}" for name in ("Rad", "Ref")}
    for candidate, raw in frames.read(candidates):
        assert isinstance(raw, RawFrame), raw
        stored = STORED[int(candidate.time_utc[14:16]) // 10]
        expected = stored + 1 if candidate.member == "Ref" else stored * np.float32(0.5) - 3
        np.testing.assert_allclose(raw.pixels, expected)


def classic(path, times, pixels):
    """A file of netCDF's classic format with one array (T, H, W) of packed numbers."""
    with scipy.io.netcdf_file(str(path), "w") as file:
        for name, size in (("time", None), ("y", 24), ("x", 32)):
            file.createDimension(name, size)
        time = file.createVariable("time", "f8", ("time",))
        time[:], time.units = times, "hours since 2014-01-01"
        array = file.createVariable("sst", "i2", ("time", "y", "x"))
        array[:] = pixels
        array.scale_factor, array.add_offset, array._FillValue = 0.5, 10.0, np.int16(-1)


@pytest.mark.parametrize("is_stack", [False, True])
def test_the_classic_formats_are_read_as_netcdf_4_is(tmp_path, is_stack):
    """They were refused."""
    lost = STORED.copy()
    lost[:, 3, 4] = -1
    for i, pixels in enumerate([lost] if is_stack else lost[:, None]):
        classic(tmp_path / f"sst_2014010{i}.nc", range(4) if is_stack else [i], pixels)
    candidates = frames.scan(tmp_path, PrepConfig())
    assert {c.reel for c in candidates} == {"sst_20140100" if is_stack else f"{tmp_path.name}_sst"}
    assert [c.time_utc for c in candidates] == [f"2014-01-01T{i:02d}:00:00.000" for i in range(4)]
    for candidate, raw in frames.read(candidates):
        assert isinstance(raw, RawFrame), raw
        expected = STORED[int(candidate.time_utc[11:13])] * np.float32(0.5) + 10
        expected[3, 4] = np.nan
        np.testing.assert_allclose(raw.pixels, expected)


def test_suvi_goes_by_its_cards_as_its_fits_files_do(tmp_path):
    """GOES' files of the Sun were told to be read from FITS."""
    cards = {"CRPIX1": 16.5, "CRPIX2": 12.5, "CDELT1": 80.0, "CDELT2": 80.0, "CRVAL1": 0.0, "CRVAL2": 0.0}
    cards |= {"EXPTIME": 1.0, "WAVELNTH": 171.0, "DATE-BKE": -999.0}
    texts = {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CUNIT1": "arcsec", "CUNIT2": "arcsec", "TIMESYS": "UTC"}
    texts["WAVEUNIT"] = "Angstrom"
    for i, pixels in enumerate(STORED):
        path = tmp_path / f"OR_SUVI-L1b-Fe171_G16_s2014001{i:07d}.nc"
        numbers = {name: np.float64(number) for name, number in cards.items()} | {"DATE-OBS": 240.0 * i}
        letters = {name: np.array([*text], "S1") for name, text in texts.items()}
        write(path, pixels, **numbers, **letters)
        with h5py.File(path, "a") as file:
            file["Rad"].attrs["units"] = np.bytes_("W m-2 sr-1")
            instrument = "GOES-R Series Solar Ultraviolet Imager"
            file.attrs.update({"platform_ID": np.bytes_("G16"), "instrument_type": np.bytes_(instrument)})
    candidates = frames.scan(tmp_path, PrepConfig())
    assert {(c.reel, c.channel, c.unit, c.reason) for c in candidates} == {("goes_16_suvi_171", "171", "W/(sr m2)", "")}
    assert [c.time_utc for c in candidates] == [f"2000-01-01T12:{4 * i:02d}:00.000" for i in range(4)]
    assert all(c.is_counts and c.wcs for c in candidates), candidates[0].no_sky
    for candidate, raw in frames.read(candidates):
        assert isinstance(raw, RawFrame), raw
        np.testing.assert_allclose(raw.pixels, STORED[int(candidate.time_utc[14:16]) // 4] * np.float32(0.5) - 3)


@pytest.mark.parametrize(
    "beside",
    [
        {"time": np.arange(24.0)},  # a matrix of times and stations
        {"all": STORED},
    ],
)
def test_other_files_are_none(tmp_path, beside):
    write(tmp_path / "a.nc", STORED[0], **beside)
    assert not NetcdfPictureSource().takes(tmp_path / "a.nc")
    write(tmp_path / "a.nc", STORED[0])
    assert NetcdfPictureSource().takes(tmp_path / "a.nc")
    (tmp_path / "a.nc").write_bytes((tmp_path / "a.nc").read_bytes()[:900])
    assert not NetcdfPictureSource().takes(tmp_path / "a.nc")
