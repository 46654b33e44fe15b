"""Damaged files of every kind end in rows or a line, and stop no other file."""

import contextlib
import io
import warnings

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import netcdf_file, savemat

from config import PrepConfig
from data import sources
from data.sources.base import FrameError, RawFrame
from tests.support.videos import picture

STACK = np.random.default_rng(2).integers(0, 200, (4, 16, 20), np.uint8)


def npy():
    np.save(stream := io.BytesIO(), STACK)
    return stream.getvalue()


def npz():
    np.savez(stream := io.BytesIO(), frames=STACK, fps=2.0)
    return stream.getvalue()


def hdf5():
    with h5py.File(stream := io.BytesIO(), "w") as file:
        file["group/frames"] = STACK
        file["group/time"] = np.arange(4.0)
    return stream.getvalue()


def classic():
    stream = io.BytesIO()
    file = netcdf_file(stream, "w")
    for name, size in zip("tyx", STACK.shape, strict=True):
        file.createDimension(name, size)
    file.createVariable("frames", "i1", ("t", "y", "x"))[:] = STACK
    file.flush()
    return stream.getvalue()


def matlab():
    savemat(stream := io.BytesIO(), {"frames": np.moveaxis(STACK, 0, -1), "fps": 5})
    return stream.getvalue()


def tiff():
    first, *others = map(Image.fromarray, STACK)
    first.save(stream := io.BytesIO(), "TIFF", save_all=True, append_images=others, compression="tiff_lzw")
    return stream.getvalue()


KINDS = {"a.npy": npy(), "a.npz": npz(), "a.h5": hdf5(), "a.nc": classic(), "a.mat": matlab(), "a.tif": tiff()}
damages = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=200)), max_size=3)


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damages, st.floats(0.05, 1))
def test_what_is_damaged_stops_no_other(tmp_path, name, damaged, kept):
    """Broken groups of HDF5, and a header of NumPy that ended in a string, ended prep."""
    payload = bytearray(KINDS[name])
    for place, written in damaged:
        begin = int(place * len(payload))
        payload[begin : begin + len(written)] = written
    (tmp_path / name).write_bytes(payload[: int(kept * len(payload))])
    Image.fromarray(picture(5)).save(tmp_path / "whole.png")
    with warnings.catch_warnings(action="ignore"):  # of what was read none the less
        found = sources.discover(tmp_path)
        candidates = [c for item in found.frames for c in sources.scan(item, tmp_path, PrepConfig())]
        for item in found.series:
            with contextlib.suppress(Exception):  # prep makes a line of it
                item.source.read_series(item.path, PrepConfig())
    assert "whole.png" in {c.source for c in candidates if not c.reason}
    for kind in {c.kind for c in candidates}:
        asked = [c for c in candidates if c.kind == kind and not c.reason]
        if asked:
            answers = dict(sources.read(sources.frame_source(kind), asked))
            assert answers.keys() == set(range(len(asked)))
            assert all(isinstance(answer, RawFrame | FrameError) for answer in answers.values())


class Raising(sources.ImageSource):
    name = "raising"
    suffixes = (".odd",)

    def scan_all(self, files, root, prep, among=()):
        if any(path.stem == "bad" for path in files):
            raise IndexError("no such thing")
        return [sources.Candidate(**self.whereabouts(path, root, path)) for path in files]


def test_a_file_that_no_reader_foresaw_is_a_row(tmp_path, monkeypatch):
    monkeypatch.setitem(sources.SOURCES, "raising", Raising())
    for name in ("a.odd", "bad.odd", "c.odd"):
        (tmp_path / name).write_bytes(b"x")
    (item,) = sources.discover(tmp_path).frames
    found = {c.source: c.reason for c in sources.scan(item, tmp_path, PrepConfig())}
    assert found == {"a.odd": "", "bad.odd": "not readable: IndexError: no such thing", "c.odd": ""}


def test_a_header_of_numpy_that_never_ends_is_no_reason_to_stop(tmp_path):
    (tmp_path / "a.npy").write_bytes(npy().replace(b"}", b" ", 1))
    Image.fromarray(picture(5)).save(tmp_path / "whole.png")
    assert [item.source.name for item in sources.discover(tmp_path).frames] == ["image"]
