"""Stacks of frames in NumPy files: which axis is time, orders of bytes, colours, and what is none."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data import sources
from data.sources.base import TableError
from data.sources.times.utc import shift_utc
from tests.support import frames

sides = st.integers(10, 24)  # no strips, which may be frames whose time is the last axis


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 30), sides, sides, st.sampled_from(["u1", "<u2", ">u2", "<i4", ">f4", "<f8"]), st.booleans())
def test_frames_are_those_of_the_array(tmp_path, count, height, width, dtype, is_fortran):
    stack = np.random.default_rng(count).integers(0, 250, (count, height, width)).astype(dtype)
    np.save(tmp_path / "a.npy", np.asfortranarray(stack) if is_fortran else stack)
    candidates = frames.scan(tmp_path, PrepConfig(start_utc="2012-07-19T07:30:01", sample_interval_sec=2.0))
    assert candidates[-1].time_utc == shift_utc("2012-07-19T07:30:01", 2.0 * (count - 1))
    found = frames.read(candidates)
    assert len(found) == count
    for candidate, raw in found:
        assert raw.pixels.dtype.isnative
        np.testing.assert_array_equal(raw.pixels, stack[candidate.position])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(4, 30), sides, sides, st.booleans())
def test_a_batch_of_one_is_its_frames(tmp_path, count, height, width, in_colour):
    shape = (count, height, width, 3) if in_colour else (count, height, width)
    stack = np.random.default_rng(count).integers(0, 250, shape).astype(np.uint8)
    np.save(tmp_path / "a.npy", stack[None])
    candidates = frames.scan(tmp_path, PrepConfig(colour="rgb"))
    found = frames.read(candidates)
    assert len(found) == count
    for candidate, raw in found:
        np.testing.assert_array_equal(raw.pixels, stack[candidate.position])


@pytest.mark.parametrize("colour", ["rgb", "gray"])
def test_colours_are_in_the_last_of_four_axes(tmp_path, colour):
    stack = np.random.default_rng(1).integers(0, 256, (3, 16, 24, 3)).astype(np.uint8)
    np.save(tmp_path / "a.npy", stack)
    candidates = frames.scan(tmp_path, PrepConfig(colour=colour))
    assert [c.position for c in candidates] == [0, 1, 2]
    for candidate, raw in frames.read(candidates):
        own = stack[candidate.position]
        expected = own if colour == "rgb" else np.round(own @ [0.299, 0.587, 0.114])
        assert raw.pixels.dtype == np.uint8
        np.testing.assert_allclose(raw.pixels, expected, atol=0 if colour == "rgb" else 1)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((48, 64, 12)), "time seems to be the last axis of 48x64x12"),
        (np.zeros((48, 64, 20)), "time may be the first axis of 48x64x20 or the last"),
        (np.zeros((100, 120, 30)), "time may be the first axis"),  # was 100 frames of 120x30, silently
        (np.zeros((48, 64, 3), np.uint8), "may be one picture in colour"),
        (np.zeros((5, 16, 16), complex), "which are no pixels"),
    ],
)
def test_what_is_no_stack_says_why(tmp_path, array, reason):
    np.save(tmp_path / "a.npy", array)
    assert [reason in c.reason for c in frames.scan(tmp_path, PrepConfig())] == [True]


def test_strips_are_frames_where_a_fourth_axis_says_so(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((48, 64, 20, 1)))
    assert {(c.shape, c.reason) for c in frames.scan(tmp_path, PrepConfig())} == {((64, 20), "")}


def test_a_truncated_file_and_objects_are_reasons(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((5, 16, 16)))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-100])
    assert [c.reason for c in frames.scan(tmp_path, PrepConfig())] == ["file is truncated"]
    np.save(tmp_path / "a.npy", np.array([np.zeros(3), None], object), allow_pickle=True)
    assert [item.source.name for item in sources.discover(tmp_path).series] == ["array"]


@pytest.mark.parametrize("shape", [(40,), (40, 3), (40, 8, 2, 2), (1000, 128, 9), (0, 16, 16), (3, 4, 5)])
def test_series_stay_series(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.zeros(shape))
    assert [item.source.name for item in sources.discover(tmp_path).series] == ["array"]


@pytest.mark.parametrize("names", ["txyp", ("t", "x", "y", "pol"), ("timestamps", "xs", "ys", "polarity")])
def test_events_of_an_event_camera_are_no_series(tmp_path, names):
    """Each pixel that changed was a sample, and its polarity the label."""
    columns = [np.arange(50), np.arange(50) % 9, np.arange(50) % 7, np.arange(50) % 2]
    np.save(tmp_path / "a.npy", np.array([*zip(*columns, strict=True)], [(name, "u4") for name in names]))
    np.savez(tmp_path / "b.npz", **dict(zip(names, columns, strict=True)))
    for item in sources.discover(tmp_path).series:
        with pytest.raises(TableError, match="50 events of an event camera"):
            item.source.read_series(item.path, PrepConfig())


@pytest.mark.parametrize("pressure", [np.linspace(0, 1, 50), np.arange(50)])
def test_places_and_pressures_are_a_series(tmp_path, pressure):
    np.savez(tmp_path / "a.npz", t=np.arange(50), x=np.arange(50), y=np.arange(50), p=pressure)
    (item,) = sources.discover(tmp_path).series
    assert len(item.source.read_series(item.path, PrepConfig())) == 1
