"""Files of some kilobytes that hold megabytes (for gigabytes) are refused with the setting's name, and not unpacked."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import tracemalloc
import zipfile
from fractions import Fraction

import av
import h5netcdf
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from astropy.io import fits
from PIL import Image

from config import PrepConfig
from data import sources
from data.sources import tar
from data.sources.base import FrameError, TableError
from data.sources.picture_file import pictures
from tests.support import frames
from tests.support.fits_files import fits_bytes, header

PREP = PrepConfig(max_input_mb=2.0)
MANY = 1_000_000
PEAK_BYTES = 20e6  # xz has a dictionary of 8 MB
PACKED = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda payload: pa.compress(payload, "zstd", asbytes=True),
    "lz4": lambda payload: pa.compress(payload, "lz4", asbytes=True),
}


def a_fits():
    return fits_bytes(np.zeros((2000, 2000), np.int16), header(), "primary")


def write_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, payload in members.items():
            archive.writestr(name, payload)


def write_tar(path, pack):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo("b.fits")
        info.size = len(a_fits())
        archive.addfile(info, io.BytesIO(a_fits()))
    path.write_bytes(pack(stream.getvalue()))


def write_rice(path):
    hdu = fits.CompImageHDU(np.zeros((2000, 2000), np.int16), header(), compression_type="RICE_1")
    hdu.writeto(path)


def write_picture(path):
    Image.new("L", (2000, 2000)).save(path)


def write_video(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 1600, 1600, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((1600, 1600), np.uint8), format="gray")
        frame.pts, frame.time_base = 0, Fraction(1, 5)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


FRAMES = {
    **{f"b.fits.{name}": lambda path, pack=pack: path.write_bytes(pack(a_fits())) for name, pack in PACKED.items()},
    "b.fits.zip": lambda path: write_zip(path, {"b.fits": a_fits()}),
    "b.fits": write_rice,
    "b.zip": lambda path: write_zip(path, {"a/b.fits": a_fits()}),
    **{f"b.tar.{name}": lambda path, pack=pack: write_tar(path, pack) for name, pack in PACKED.items()},
    **dict.fromkeys(["b.png", "b.tif", "b.jp2", "b.gif", "b.webp"], write_picture),
    "b.mp4": write_video,
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames(tmp_path, name):
    FRAMES[name](tmp_path / name)
    tracemalloc.start()
    (candidate,) = frames.scan(tmp_path, PREP)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert candidate.reason.startswith("it takes more than prep.max_input_mb 2 MB once unpacked; raise that where")
    assert peak < PEAK_BYTES


def write_joined(path, pack, payloads):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for number, payload in enumerate(payloads):
            info = tarfile.TarInfo(f"{number}.fits")
            info.size = len(payload)
            archive.addfile(info, io.BytesIO(payload))
    path.write_bytes(pack(stream.getvalue()))


def test_what_is_unpacked_to_hundreds_of_times_its_size_is_not_gone_through(tmp_path, monkeypatch):
    monkeypatch.setattr(tar, "LEAST_BYTES", 1_000_000)
    good = fits_bytes(np.random.default_rng(0).integers(0, 99, (8, 8)).astype(np.int16), header())
    noise = fits_bytes(np.random.default_rng(0).integers(0, 2**15, (100, 100)).astype(np.int16), header())
    write_joined(tmp_path / "b.tar.gz", gzip.compress, [good, good, bytes(9_000_000), good])
    first, second, large, rest = frames.scan(tmp_path, PREP)
    assert (first.reason, second.reason) == ("", "")
    assert large.reason.startswith("it takes more than prep.max_input_mb")
    assert "it unpacks to more than 200 times its size; if it is sound, unpack it yourself" in rest.reason
    assert [raw.pixels.shape for _, raw in frames.read([first, second])] == [(8, 8), (8, 8)]
    write_joined(tmp_path / "b.tar.gz", gzip.compress, [good, bytes(3_000_000), noise])
    assert "unpack it yourself" not in " ".join(c.reason for c in frames.scan(tmp_path, PREP))


def write_workbook(path, far):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["time", "x"])
    if far:  # one cell at the end of a column and one at the end of a row: a rectangle of millions
        book.active.cell(3, 3000).value = book.active.cell(2000, 1).value = 1.0
    for i in range(0 if far else 10_000):
        book.active.append([i, 0, 0])
    book.save(path)


def write_hdf5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (MANY,), "f8", chunks=(1000,))


def write_netcdf(path):
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"time": MANY}
        file.create_variable("xrsa", ("time",), float, compression="gzip", chunks=(100_000,))


def numbers(rows=MANY):
    return pd.DataFrame({"time": np.zeros(rows), "x": np.zeros(rows)})


def texts():
    return pd.DataFrame({"time": np.arange(400.0), "x": "x" * 10_000})


TABLES = {
    **{
        f"b.{kind}.{name}": lambda path, pack=pack, line=line: path.write_bytes(pack(40_000 * line))
        for name, pack in PACKED.items()
        for kind, line in (("csv", b"2012-07-19T07:30:01,1\n"), ("jsonl", json.dumps({"time": 1, "x": 2}).encode()))
    },
    "b.npz": lambda path: np.savez_compressed(path, x=np.zeros(MANY)),
    "b.parquet": lambda path: numbers().to_parquet(path),
    "texts.parquet": lambda path: texts().to_parquet(path),
    "lists.parquet": lambda path: pd.DataFrame({"time": [0.0], "x": [np.zeros(MANY)]}).to_parquet(path),
    "b.feather": lambda path: numbers(20_000).to_feather(path, compression="zstd"),
    "texts.feather": lambda path: texts().to_feather(path, compression="zstd"),
    "b.orc": lambda path: numbers(20_000).to_orc(path),
    "texts.orc": lambda path: texts().to_orc(path),
    "b.h5": write_hdf5,
    "b.nc": write_netcdf,
    "b.xlsx": lambda path: write_workbook(path, False),
    "far.xlsx": lambda path: write_workbook(path, True),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables(tmp_path, name):
    TABLES[name](tmp_path / name)
    (item,) = sources.discover(tmp_path).series
    tracemalloc.start()
    with pytest.raises(TableError, match=r"prep\.max_input_mb 2"):
        item.source.read_series(item.path, PREP)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < PEAK_BYTES


def test_pictures_beyond_what_is_read_at_all_say_what_to_do(tmp_path, monkeypatch):
    """However much memory is allowed; the limit of Pillow's and ours."""
    write_picture(tmp_path / "b.png")
    for place, limit in ((Image, "MAX_IMAGE_PIXELS"), (pictures, "MAX_PIXELS")):
        with monkeypatch.context() as changed:
            changed.setattr(place, limit, 1_000_000)
            (candidate,) = frames.scan(tmp_path, PrepConfig())
        assert "make it smaller, or cut it into parts" in candidate.reason


def test_a_frame_within_the_limit_is_read(tmp_path):
    write_picture(tmp_path / "b.png")
    (candidate,) = frames.scan(tmp_path, PrepConfig(max_input_mb=16.0))
    ((_, raw),) = frames.read([candidate])
    assert candidate.reason == ""
    assert not isinstance(raw, FrameError)
