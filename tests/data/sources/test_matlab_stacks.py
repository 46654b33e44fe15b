"""Frames in files of MATLAB, of version 5 and 7.3, as it keeps them and as Python writes them."""

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from config import PrepConfig
from data import sources
from data.sources.base import RawFrame
from tests.support import frames

BY_MATLAB = b"MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 12:00:00 2024".ljust(116)


def write_5(path, arrays, is_by_matlab=True):
    savemat(path, arrays, do_compression=True)
    if is_by_matlab:
        path.write_bytes(BY_MATLAB + path.read_bytes()[116:])


def write_7_3(path, arrays):
    """Column by column, so that h5py finds every axis turned round."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            file[name] = np.atleast_2d(array).T
            file[name].attrs["MATLAB_class"] = np.bytes_("double")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(
    st.integers(2, 30),
    st.integers(16, 24),
    st.integers(16, 24),
    st.booleans(),
    st.sampled_from([write_5, write_7_3]),
    st.sampled_from([({"fps": 4.0}, 0.25), ({"dt": 3.0}, 3.0), ({"t": None}, 0.5), ({}, 1.0)]),
)
def test_frames_lie_along_the_last_axis(tmp_path, count, height, width, in_colour, write, told):
    shape = (count, height, width, 3) if in_colour else (count, height, width)
    movie = np.random.default_rng(count).integers(0, 250, shape).astype(np.uint8)
    beside = {name: 0.5 * np.arange(count) if value is None else value for name, value in told[0].items()}
    write(tmp_path / "a.mat", {"movie": np.moveaxis(movie, 0, -1), **beside})
    found = frames.scan(tmp_path, PrepConfig(colour="rgb" if in_colour else "gray"))
    assert [(c.time_s, c.shape, c.reason) for c in found] == [(i * told[1], (height, width), "") for i in range(count)]
    for candidate, raw in frames.read(found[::-1]):
        assert isinstance(raw, RawFrame)
        np.testing.assert_array_equal(raw.pixels, movie[candidate.position])


@pytest.mark.parametrize("beside", [{}, {"t": np.arange(20.0)}])
def test_frames_that_python_wrote_lie_along_the_first_axis(tmp_path, beside):
    movie = np.random.default_rng(1).integers(0, 250, (20, 18, 24)).astype(np.uint8)
    write_5(tmp_path / "a.mat", {"movie": movie, **beside}, is_by_matlab=bool(beside))
    found = frames.scan(tmp_path, PrepConfig())
    assert [c.shape for c in found] == [(18, 24)] * 20
    pixels = [raw.pixels for _, raw in frames.read(found[:1]) if isinstance(raw, RawFrame)]
    np.testing.assert_array_equal(pixels, movie[:1])


@pytest.mark.parametrize(
    "arrays", [{"x": np.arange(40.0), "fs": 5.0}, {"x": np.zeros((20, 20, 9)), "s": {"y": np.arange(40.0)}}]
)
def test_other_files_stay_series(tmp_path, arrays):
    write_5(tmp_path / "a.mat", arrays)
    assert not sources.discover(tmp_path).frames


def test_no_values_are_read_to_know_what_a_file_holds(tmp_path, monkeypatch):
    """It was read whole for each look at it."""
    write_5(tmp_path / "a.mat", {"movie": np.zeros((20, 24, 9), np.uint8), "fps": 2.0, "note": "on the roof"})
    read = []
    monkeypatch.setattr("scipy.io.loadmat", lambda *_, variable_names: read.extend(variable_names) or {"fps": 2.0})
    assert [c.time_s for c in frames.scan(tmp_path, PrepConfig())] == [0.5 * i for i in range(9)]
    assert {*read} == {"fps"}


def test_what_would_not_fit_is_refused(tmp_path):
    write_5(tmp_path / "a.mat", {"movie": np.zeros((100, 100, 120))})
    (candidate,) = frames.scan(tmp_path, PrepConfig(max_input_mb=9.0))
    assert candidate.reason.startswith("movie: it takes more than prep.max_input_mb 9 MB")
    assert len(frames.scan(tmp_path, PrepConfig(max_input_mb=10.0))) == 120


def test_complex_numbers_are_no_pixels(tmp_path):
    write_5(tmp_path / "a.mat", {"movie": np.zeros((20, 24, 9)) + 1j})
    for _, raw in frames.read(frames.scan(tmp_path, PrepConfig())):
        assert str(raw) == "not readable: movie holds complex128, which are no pixels"


def write_cells_5(path, arrays):
    for name, array in arrays.items():
        cells = np.empty((1, len(array)), object)
        for number, frame in enumerate(array):
            cells[0, number] = frame
        write_5(path, {name: cells})


def write_cells_7_3(path, arrays):
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            cells = file.create_dataset(name, (len(array), 1), h5py.ref_dtype)
            cells.attrs["MATLAB_class"] = np.bytes_("cell")
            for number, frame in enumerate(array):
                below = file.create_dataset(f"#refs#/{number}x", data=np.asarray(frame).T)
                below.attrs["MATLAB_class"] = np.bytes_("uint8")
                cells[number, 0] = below.ref


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(
    st.integers(3, 20),
    st.integers(16, 24),
    st.integers(16, 24),
    st.booleans(),
    st.sampled_from([write_cells_5, write_cells_7_3]),
)
def test_a_row_of_cells_with_a_frame_in_each(tmp_path, count, height, width, in_colour, write):
    """They were refused: none of the variables holds numbers."""
    shape = (count, height, width, 3) if in_colour else (count, height, width)
    movie = np.random.default_rng(count).integers(0, 250, shape).astype(np.uint8)
    write(tmp_path / "a.mat", {"frames": movie})
    found = frames.scan(tmp_path, PrepConfig(colour="rgb" if in_colour else "gray"))
    assert [(c.shape, c.reason) for c in found] == [((height, width), "")] * count
    for candidate, raw in frames.read(found[::-1]):
        assert isinstance(raw, RawFrame)
        np.testing.assert_array_equal(raw.pixels, movie[candidate.position])


@pytest.mark.parametrize("write", [write_cells_5, write_cells_7_3])
@pytest.mark.parametrize("name", ["volLabel", "gt", "trackmask", "frames"])
def test_cells_of_truth_or_of_several_sizes_are_no_frames(tmp_path, write, name):
    """Avenue's are masks for each frame of a video elsewhere."""
    write(tmp_path / "a.mat", {name: [np.ones((16, 16 + (name == "frames" and i)), np.uint8) for i in range(5)]})
    assert not sources.discover(tmp_path).frames
