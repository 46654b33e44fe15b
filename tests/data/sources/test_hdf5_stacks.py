"""Frames in HDF5 and netCDF 4 files: which arrays are frames, what their numbers mean, and when they were taken."""

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data import sources
from data.sources.base import RawFrame
from data.sources.times.utc import iso_ms
from tests.support import frames

SECONDS = [f"2012-07-19T07:30:0{i}.000" for i in range(4)]
UNIX_S = 1342683000
STACK = np.random.default_rng(3).integers(1, 200, (4, 16, 24), np.uint8)


def written(path, arrays: dict, attributes: dict | None = None, axis: str = ""):
    """An HDF5 file; attributes: by name of array; axis: of the array that scales the first axis of `frames`."""
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
        for name, told in (attributes or {}).items():
            file[name].attrs.update(told)
        if axis:
            file[axis].make_scale(axis)
            file["frames"].dims[0].attach_scale(file[axis])
    return path


def read_all(folder, count, prep=None):
    """Candidates with their frames, so many."""
    found = list(frames.read(frames.scan(folder, prep or PrepConfig())))
    assert len(found) == count
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    st.integers(2, 5),
    st.integers(16, 24),
    st.integers(16, 24),
    st.sampled_from(["u1", "<u2", ">u2", "<i4", ">f4", "<f8"]),
    st.sampled_from(["a.h5", "a.hdf5", "a.nc", "b.unknown"]),
)
def test_frames_are_those_of_the_array(tmp_path, count, height, width, dtype, name):
    for old in tmp_path.iterdir():
        old.unlink()
    stack = np.random.default_rng(count).integers(0, 250, (count, height, width)).astype(dtype)
    written(tmp_path / name, {"group/frames": stack, "x": np.arange(width), "lat": np.zeros((height, width))})
    candidates = frames.scan(tmp_path, PrepConfig(frames_per_second=2.0))
    assert [c.time_s for c in candidates] == [i / 2 for i in range(count)]
    for candidate, raw in frames.read(candidates):
        assert isinstance(raw, RawFrame)
        assert raw.pixels.dtype.isnative
        np.testing.assert_array_equal(raw.pixels, stack[candidate.position])


@pytest.mark.parametrize("colour", ["rgb", "gray"])
def test_colours_are_in_the_last_of_four_axes(tmp_path, colour):
    written(tmp_path / "a.h5", {"frames": np.stack([STACK] * 3, axis=-1)})
    for candidate, raw in read_all(tmp_path, len(STACK), PrepConfig(colour=colour)):
        own = STACK[candidate.position]
        assert isinstance(raw, RawFrame)
        np.testing.assert_array_equal(raw.pixels, own if colour == "gray" else np.stack([own] * 3, axis=-1))


@pytest.mark.parametrize(
    ("name", "values", "unit", "is_axis"),
    [
        ("timestamps", UNIX_S + np.arange(4.0), "", False),
        ("timestamp", (UNIX_S + np.arange(4)) * 10**9, "", False),
        ("time", np.array([text.encode() for text in SECONDS]), "", False),
        ("time", np.arange(4) / 60, "minutes since 2012-07-19 07:30:00", False),
        ("n", np.arange(4, dtype=np.int64), "seconds since 2012-07-19T07:30:00Z", True),
    ],
)
def test_times_are_those_of_the_file(tmp_path, name, values, unit, is_axis):
    arrays = {"frames": STACK, name: values, "exposure": np.ones(4)}
    written(tmp_path / "a.nc", arrays, {name: {"units": unit}} if unit else None, name if is_axis else "")
    assert [c.time_utc for c in frames.scan(tmp_path, PrepConfig())] == SECONDS
    (tmp_path / "a.csv").write_text("time\n" + "".join(f"2020-01-01T00:00:0{i}\n" for i in range(4)))
    assert frames.scan(tmp_path, PrepConfig())[3].time_utc == "2020-01-01T00:00:03.000"  # people's own word


PLACES = {  # where the time of a picture stands in a file with a group for each
    "attribute of the group": lambda group, told: group.attrs.__setitem__("time", told),
    "attribute of the array": lambda group, told: group["data"].attrs.__setitem__("DATE-OBS", told),
    "beside it": lambda group, told: group.__setitem__("timestamp", told),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("is_text", [True, False])
def test_a_group_for_each_picture_is_a_stack_with_its_times(tmp_path, place, is_text):
    numbers, unix_s = [0, 2, 10, 11], [UNIX_S + i for i in range(4)]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(24)
        for turn in (0, 3, 1, 2):
            group = file.create_group(f"scan/image_{numbers[turn]}")
            group["data"], group["gain"] = STACK[turn], 1.5
            PLACES[place](group, (SECONDS if is_text else unix_s)[turn])
    found = frames.scan(tmp_path, PrepConfig())
    expected = SECONDS if is_text else [iso_ms(np.datetime64(time, "s")) for time in unix_s]
    assert [c.time_utc for c in found] == expected
    for candidate, raw in frames.read(found):
        assert isinstance(raw, RawFrame)
        np.testing.assert_array_equal(raw.pixels, STACK[candidate.position])


@pytest.mark.parametrize(
    ("name", "dtype", "is_stack"),
    [("frame_{}", "f4", True), ("trial_{}", "u2", True), ("trial_{}", "f4", False), ("bitmap{}", "f8", True)],
)
def test_an_array_for_each_picture_is_told_by_its_name_or_type(tmp_path, name, dtype, is_stack):
    written(tmp_path / "a.h5", {name.format(n): page.astype(dtype) for n, page in enumerate(STACK)})
    assert bool(sources.discover(tmp_path).frames) == is_stack


@pytest.mark.parametrize(("unit", "calendar"), [("days since 2000-01-01", "360_day"), ("months since 2000-01-01", "")])
def test_units_of_time_that_are_not_understood_are_no_seconds(tmp_path, unit, calendar):
    written(tmp_path / "a.nc", {"frames": STACK, "time": np.arange(4)}, {"time": {"units": unit, "calendar": calendar}})
    (only,) = frames.scan(tmp_path, PrepConfig())
    assert f"its time counts {unit!r}" in only.reason


@given(st.sampled_from(["_FillValue", "missing_value"]), st.floats(0.01, 10), st.floats(-50, 50), st.booleans())
def test_numbers_are_what_their_attributes_make_them(tmp_path_factory, fill, scale, offset, is_scaled):
    stack = STACK.astype(np.int16)
    stack[:, 2:5, 3] = -7
    attributes = {fill: np.int16(-7)} | ({"scale_factor": scale, "add_offset": offset} if is_scaled else {})
    path = written(tmp_path_factory.mktemp("nc") / "a.nc", {"frames": stack}, {"frames": attributes})
    for candidate, raw in read_all(path.parent, len(stack)):
        assert isinstance(raw, RawFrame)
        expected = stack[candidate.position].astype(float)
        expected = np.where(expected == -7, np.nan, expected * scale + offset if is_scaled else expected)
        np.testing.assert_allclose(raw.pixels, expected, rtol=1e-5, atol=1e-4)


@given(st.sampled_from(["u1", "<u2", ">u2", "<u4"]), st.booleans(), st.integers(0, 5))
def test_numbers_without_a_sign_in_a_type_that_has_one(tmp_path_factory, dtype, is_filled, seed):
    """Classic netCDF has signed numbers alone: ABI's and radars' files tell what is meant by an attribute."""
    most = np.iinfo(dtype).max
    meant = np.random.default_rng(seed).integers(0, most, (3, 16, 24)).astype(dtype)
    meant[:, 1, 2:4] = most
    stored = meant.view(dtype.replace("u", "i"))
    told = {"_Unsigned": "true"} | ({"_FillValue": stored.dtype.type(-1)} if is_filled else {})
    path = written(tmp_path_factory.mktemp("nc") / "a.nc", {"frames": stored}, {"frames": told})
    for candidate, raw in read_all(path.parent, len(stored)):
        own = meant[candidate.position]
        expected = np.where(own == most, np.float32("nan"), own.astype(np.float32)) if is_filled else own
        assert isinstance(raw, RawFrame)
        np.testing.assert_array_equal(raw.pixels, expected)


@given(st.booleans(), st.booleans(), st.sampled_from(["u1", "<i2", "<f4"]))
def test_what_is_not_valid_was_not_measured(tmp_path_factory, in_one, is_unpacked, dtype):
    scale = 1.0 if dtype == "<f4" else 0.5
    ends = np.array([5.0, 75.0]) if is_unpacked and scale != 1 else np.array([10, 150]).astype(dtype)
    told = {"valid_range": ends} if in_one else {"valid_min": ends[0], "valid_max": ends[1]}
    told |= {"scale_factor": scale} if scale != 1 else {}
    stack = STACK.astype(dtype)
    path = written(tmp_path_factory.mktemp("nc") / "a.nc", {"frames": stack}, {"frames": told})
    for candidate, raw in read_all(path.parent, len(stack)):
        own = STACK[candidate.position].astype(np.float32)
        assert isinstance(raw, RawFrame)
        np.testing.assert_array_equal(raw.pixels, np.where((own < 10) | (own > 150), np.nan, own * scale))


@given(st.sampled_from(["u1", "<u2", "<i2"]), st.sampled_from([-9999.0, 1e20, 99999.0, 7.0]))
def test_a_fill_that_the_type_cannot_hold_takes_nothing(tmp_path_factory, dtype, fill):
    whole = np.iinfo(dtype)
    stack = np.linspace(whole.min, whole.max, 3 * 256 * 256).astype(dtype).reshape(3, 256, 256)
    told = {"missing_value": fill, "valid_range": np.array([whole.min, whole.max], dtype)}
    path = written(tmp_path_factory.mktemp("nc") / "a.nc", {"frames": stack}, {"frames": told})
    for candidate, raw in read_all(path.parent, len(stack)):
        own = stack[candidate.position].astype(np.float32)
        assert isinstance(raw, RawFrame)
        np.testing.assert_array_equal(raw.pixels, np.where(own == fill, np.nan, own))


def test_each_array_of_frames_is_a_reel_but_for_what_is_about_another(tmp_path, caplog):
    written(tmp_path / "a.h5", {"cam/left": STACK, "cam/right": STACK, "cam/mask": STACK, "DQF": STACK})
    assert sorted({c.reel for c in frames.scan(tmp_path, PrepConfig())}) == ["a_cam_left", "a_cam_right"]


@pytest.mark.parametrize(
    "arrays",
    [
        {"frames": STACK, "x": np.zeros((100, 5))},  # a series, with windows cut out of it
        {"frames": np.zeros((100, 12, 12))},
        {"x": np.zeros((100, 5)), "time": np.arange(100)},
        {"windows": np.zeros((50, 128, 9))},
    ],
)
def test_files_of_series_stay_such(tmp_path, arrays):
    written(tmp_path / "a.h5", arrays)
    assert [item.source.name for item in sources.discover(tmp_path).series] == ["hdf5"]


def test_time_along_the_last_axis_is_told_where_the_file_says_so(tmp_path):
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["frames"], file["t"] = np.moveaxis(np.resize(STACK, (5, 16, 24)), 0, 2), np.arange(5)
        file["t"].attrs["units"] = "days since 2000-01-01"
        file["t"].make_scale("t")
        file["frames"].dims[2].attach_scale(file["t"])
    (only,) = frames.scan(tmp_path, PrepConfig())
    assert "time seems to be the last axis of 16x24x5" in only.reason


def test_a_damaged_chunk_costs_its_own_frames(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("frames", data=STACK, chunks=(1, 16, 24), fletcher32=True)
        place = data.id.get_chunk_info(2).byte_offset
    content = bytearray((tmp_path / "a.h5").read_bytes())
    content[place] ^= 1
    (tmp_path / "a.h5").write_bytes(content)
    read = frames.read(frames.scan(tmp_path, PrepConfig()))
    assert [isinstance(raw, RawFrame) for _, raw in read] == [True, True, False, True]


def with_axes(path, axes, shape):
    """An HDF5 file of an array whose axes are called so, as netCDF has them: each by an array of that name."""
    with h5py.File(path, "w") as file:
        array = file.create_dataset("frames", data=np.zeros(shape, np.uint8))
        for number, axis in enumerate(axes):
            scale = file.create_dataset(axis, data=np.arange(shape[number]))
            scale.make_scale(axis)
            array.dims[number].attach_scale(scale)


@pytest.mark.parametrize("axis", ["z", "lev", "Depth", "pressure_level", "isobaricInhPa", "band", "lat", "zspace"])
def test_an_axis_that_counts_no_times_is_no_time(tmp_path, axis):
    """The levels of a model, and the slices of a volume, were frames 1 s apart, silently."""
    with_axes(tmp_path / "a.nc", (axis, "y", "x"), (5, 16, 20))
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert candidate.reason.startswith(f"frames: its first axis is called {axis}, and counts no times; save")
    assert not any(c.reason for c in read_candidates(tmp_path, 5, PrepConfig(frames_per_second=2.0)))


def read_candidates(folder, count, prep):
    found = frames.scan(folder, prep)
    assert len(found) == count
    return found


@pytest.mark.parametrize(("axes", "shape"), [(("t", "z", "y", "x"), (5, 3, 16, 20)), (("time", "lev"), (5, 3, 16, 20))])
def test_levels_are_no_colours(tmp_path, axes, shape):
    with_axes(tmp_path / "a.nc", axes, shape)
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert f"3 frames for each time, along {axes[1]}" in candidate.reason


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        (("time", "y", "x", "band"), (5, 16, 20, 3)), (("time", "band", "y", "x"), (5, 3, 16, 20)),
        (("frame", "y", "x"), (5, 16, 20)), (("time", "lev", "y", "x"), (5, 1, 16, 20)),
    ],
)  # fmt: skip
def test_axes_of_frames_are_called_many_ways(tmp_path, axes, shape):
    with_axes(tmp_path / "a.nc", axes, shape)
    assert not any(c.reason for c in read_candidates(tmp_path, 5, PrepConfig()))


def test_an_array_for_each_frame_has_no_axis_of_time(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in range(4):
            file[f"image_{number}"] = np.zeros((16, 20), np.uint8)
            file[f"image_{number}"].dims[0].label = "y"
    assert not any(c.reason for c in read_candidates(tmp_path, 4, PrepConfig()))


@pytest.mark.parametrize("channels", [2, 7, 14])
def test_what_a_robot_did_beside_its_frames_leaves_them_frames(tmp_path, channels):
    """As ALOHA and robomimic write episodes: the actions were read as a series, and the pictures left out."""
    actions = np.random.default_rng(1).random((4, channels))
    beside = {"action": actions, "data/demo_0/actions": actions}
    written(tmp_path / "a.h5", {"observations/images/top": STACK, **beside})
    found = read_all(tmp_path, 4)
    assert [candidate.reel for candidate, _ in found] == ["a"] * 4
    for (_, raw), pixels in zip(found, STACK, strict=True):
        assert isinstance(raw, RawFrame)
        np.testing.assert_array_equal(raw.pixels, pixels)


@pytest.mark.parametrize("shape", [(4, 60), (9, 2), (4, 5, 2)])
def test_more_than_a_little_beside_frames_is_a_series(tmp_path, shape):
    written(tmp_path / "a.h5", {"frames": STACK, "signals": np.ones(shape)})
    assert [item.source.name for item in sources.discover(tmp_path).series] == ["hdf5"]


@pytest.mark.parametrize("name", ["image_raw_ts", "image_raw_timestamps", "image_raw_t", "image_raw_times"])
def test_times_are_called_as_the_frames_that_they_are_of(tmp_path, name):
    """MVSEC: they were passed over, and frames taken as 1 s apart."""
    arrays = {"left/image_raw": STACK, f"left/{name}": UNIX_S + np.arange(4.0), "left/image_raw_inds": np.arange(4)}
    written(tmp_path / "a.hdf5", arrays)
    assert [c.time_utc for c in frames.scan(tmp_path, PrepConfig())] == SECONDS


@pytest.mark.parametrize(
    ("arrays", "attributes"),
    [
        ({"acquisition/video/starting_time": 0.0}, {"acquisition/video/starting_time": {"rate": 20.0}}),  # NWB
        ({"entry/detector/frame_time": 0.05}, {}),  # NeXus
        ({"entry/detector/frame_time": 50.0}, {"entry/detector/frame_time": {"units": "ms"}}),
        ({"entry/camera/fps": 20}, {}),
        ({"a/frame_time": 0.05, "b/frame_time": 0.05}, {}),
    ],
)
def test_the_step_of_frames_is_told_far_from_them(tmp_path, arrays, attributes):
    written(tmp_path / "a.h5", {"acquisition/video/data": STACK, **arrays}, attributes)
    assert [c.time_s for c in frames.scan(tmp_path, PrepConfig())] == pytest.approx([0, 0.05, 0.1, 0.15])


@pytest.mark.parametrize("unlike", [{"a/frame_time": 0.05, "b/frame_time": 0.1}, {"a/frame_time": "0.05"}])
def test_steps_that_differ_tell_nothing(tmp_path, unlike):
    written(tmp_path / "a.h5", {"data": STACK, **unlike})
    assert [c.time_s for c in frames.scan(tmp_path, PrepConfig())] == [0, 1, 2, 3]


def test_times_in_letters_and_the_places_of_all_pixels_are_about_frames(tmp_path):
    """WRF: all frames had one time, and the latitudes of their pixels were frames, too."""
    letters = np.array([list(f"2012-07-19_07:30:0{i}") for i in range(4)], "S1")
    places = {"XLAT": STACK / 10, "XLONG": STACK / 7}
    units = {"XLAT": {"units": "degree_north"}, "XLONG": {"units": "degree_east"}}
    path = written(tmp_path / "wrfout.nc", {"frames": STACK, "Times": letters, "Time": np.zeros(4), **places}, units)
    with h5py.File(path, "a") as file:
        file["Time"].make_scale("This is a netCDF dimension but not a netCDF variable.         4")
        file["frames"].dims[0].attach_scale(file["Time"])
    found = frames.scan(tmp_path, PrepConfig())
    assert [(c.reel, c.time_utc) for c in found] == [("wrfout", time) for time in SECONDS]


@pytest.mark.parametrize(("ends", "is_told"), [([2, 4], True), ([4], False), ([1, 3], False)])
def test_episodes_that_were_joined_are_told(tmp_path, caplog, ends, is_told):
    written(tmp_path / "replay.h5", {"data/img": STACK, "meta/episode_ends": np.array(ends)})
    frames.scan(tmp_path, PrepConfig())
    assert ("2 episodes joined end to end" in caplog.text) == is_told


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
@pytest.mark.parametrize(
    ("name", "exposures", "is_told"),
    [
        ("exptime", [2.9, 0.3, 2.9, 0.3], True),
        ("exposure_time_s", [1, 2, 1, 2], True),
        ("aia131_exposure", [1.0, 1.0, np.nan, 0.5], True),
        ("exptime", [2.9, np.nan, 2.9, 2.9], False),
        ("exponent", [1.0, 2.0, 3.0, 4.0], False),
    ],
)
def test_exposures_that_change_beside_frames_are_told(tmp_path, caplog, suffix, name, exposures, is_told):
    """An automatic exposure's, of frames that were put into one file: light that jumps was the Sun's."""
    arrays = {"aia131": STACK, name: np.resize(exposures, len(STACK))}
    if suffix == ".npz":
        np.savez(tmp_path / "cube.npz", **arrays)
    else:
        written(tmp_path / "cube.h5", arrays)
    assert len(frames.scan(tmp_path, PrepConfig())) == len(STACK)
    assert (f"{name} changes from frame to frame" in caplog.text) == is_told


def test_most_of_a_file_is_not_left_out_without_a_word(tmp_path, caplog):
    """Velox: a series was made of what a microscope noted, and its frames were a word among the names of columns."""
    written(tmp_path / "a.emd.h5", {"Data": np.zeros((64, 48, 20), "u2"), "Metadata": np.ones((30, 20), "u1")})
    (found,) = sources.discover(tmp_path).series
    found.source.read_series(found.path, PrepConfig())
    assert "most of it is left out, and the rest read as a series: {'Data': (64, 48, 20)}" in caplog.text
