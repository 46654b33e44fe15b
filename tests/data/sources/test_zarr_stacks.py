"""Frames in folders of zarr, by themselves and with their times; and those that are no frames or could run programs."""

import shutil
import zipfile

import numpy as np
import pytest

from config import Config, PrepConfig
from data import sources
from data.prepare_data import prep
from data.reel.reel import Reel
from data.sources.archive_file.inner import is_inner, unpack
from data.sources.base import RawFrame
from tests.support import frames

zarr = pytest.importorskip("zarr")
FRAMES = np.random.default_rng(5).integers(0, 60_000, (5, 24, 32), np.uint16)


def write(folder, version, **settings):
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = {"shape": FRAMES.shape, "dtype": "u2", "chunks": (2, 24, 32), "zarr_format": version}
    array = zarr.create_array(str(folder), **made | settings)
    array[:] = FRAMES
    return array


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("place", ["", "run/a.zarr"])
def test_an_array_is_a_reel(tmp_path, version, place):
    write(tmp_path / "in" / place, version)
    candidates = frames.scan(tmp_path / "in", PrepConfig())
    assert {c.reel for c in candidates} == {place.removesuffix(".zarr") or "in"}
    assert [c.time_s for c in candidates] == [0, 1, 2, 3, 4]
    assert len({c.place for c in candidates}) == len({c.source for c in candidates}) == 5
    for candidate, raw in frames.read(candidates):
        assert isinstance(raw, RawFrame), raw
        np.testing.assert_array_equal(raw.pixels, FRAMES[candidate.position])


def test_times_and_packing_are_those_that_stand_beside_it(tmp_path):
    """As xarray writes them in version 2: what an array was not filled with is none of its values."""
    group = zarr.open_group(str(tmp_path / "in" / "a.zarr"), mode="w", zarr_format=2)
    for name, values in {"tas": FRAMES.astype("i4"), "time": np.arange(5.0)}.items():
        array = group.create_array(name, shape=values.shape, dtype=values.dtype, fill_value=-9)
        array[:] = values
        array.attrs["_ARRAY_DIMENSIONS"] = ["time", "y", "x"][: values.ndim]
    group["tas"][:, 3, 4] = -9
    group["tas"].attrs.update({"scale_factor": 0.5, "add_offset": 1.0})
    group["time"].attrs["units"] = "hours since 2014-01-01"
    candidates = frames.scan(tmp_path / "in", PrepConfig())
    assert [c.time_utc for c in candidates] == [f"2014-01-01T{i:02d}:00:00.000" for i in range(5)]
    for candidate, raw in frames.read(candidates):
        assert isinstance(raw, RawFrame), raw
        expected = FRAMES[candidate.position] * 0.5 + 1
        expected[3, 4] = np.nan
        np.testing.assert_allclose(raw.pixels, expected)


def test_the_zero_that_zarr_fills_arrays_with_is_a_value(tmp_path):
    """Without a fill of its own an array has 0: the first frame was rejected for the time 0, and black was masked."""
    group = zarr.open_group(str(tmp_path / "in" / "a.zarr"), mode="w", zarr_format=2)
    for name, values in {"tas": np.maximum(FRAMES, 9) - 9, "time": np.arange(5)}.items():
        group.create_array(name, data=values).attrs["_ARRAY_DIMENSIONS"] = ["time", "y", "x"][: values.ndim]
    group["time"].attrs["units"] = "minutes since 2014-01-01"
    candidates = frames.scan(tmp_path / "in", PrepConfig())
    assert [c.time_utc for c in candidates] == [f"2014-01-01T00:0{i}:00.000" for i in range(5)]
    for candidate, raw in frames.read(candidates):
        assert isinstance(raw, RawFrame), raw
        np.testing.assert_array_equal(raw.pixels, np.maximum(FRAMES, 9)[candidate.position] - 9)


def test_what_could_run_programs_or_holds_no_frames_is_told(tmp_path):
    numcodecs = pytest.importorskip("numcodecs")
    write(tmp_path / "a.zarr", 2, filters=[numcodecs.Pickle()], compressors=None)
    zarr.create_array(str(tmp_path / "b.zarr"), shape=(9,), dtype="f8")
    (tmp_path / "c.zarr").mkdir()
    (tmp_path / "c.zarr" / "zarr.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="3 of zarr, where arrays"):
        sources.discover(tmp_path)


def write_ome(folder, version, axes, frames_in, unit="second"):
    """A pyramid of two levels and labels; axes: a letter each."""
    group = zarr.open_group(str(folder), mode="w", zarr_format=2 if version == "0.4" else 3)
    for name, values in {"0": frames_in, "1": frames_in[..., ::2, ::2], "labels/cells": frames_in // 9}.items():
        array = group.create_array(name, shape=values.shape, dtype=values.dtype)
        array[:] = values
    told = [{"name": axis} | ({"unit": unit} if axis == "t" else {}) for axis in axes]
    scale = [{"type": "scale", "scale": [0.5 if axis == "t" else 2.0 for axis in axes]}]
    levels = [{"path": path, "coordinateTransformations": scale} for path in ("0", "1")]
    pyramid = {"multiscales": [{"axes": told, "datasets": levels}]}
    group.attrs.update(pyramid if version == "0.4" else {"ome": pyramid | {"version": version}})


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(("axes", "added"), [("tyx", ()), ("tczyx", (1, 2)), ("ctyx", (0,)), ("tzyx", (1,))])
def test_of_a_pyramid_the_whole_pictures_are_frames(tmp_path, version, axes, added):
    """Each level was a reel, and five axes were none; the step of time was passed over."""
    write_ome(tmp_path / "a.zarr", version, axes, np.expand_dims(FRAMES, added))
    candidates = frames.scan(tmp_path, PrepConfig())
    assert {c.reel for c in candidates} == {"a"}
    assert [c.time_s for c in candidates] == [0, 0.5, 1, 1.5, 2]
    for candidate, raw in frames.read(candidates):
        assert isinstance(raw, RawFrame), raw
        np.testing.assert_array_equal(raw.pixels, FRAMES[candidate.position])


@pytest.mark.parametrize("axes", ["zyx", "cyx"])
def test_layers_of_a_pyramid_are_no_times(tmp_path, axes):
    write_ome(tmp_path / "a.zarr", "0.4", axes, FRAMES)
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert f"its first axis is called layer {axes[0]}" in candidate.reason


@pytest.mark.parametrize("axis", ["z", "c"])
def test_several_layers_of_a_pyramid_are_no_colours(tmp_path, axis):
    write_ome(tmp_path / "a.zarr", "0.5", f"t{axis}yx", np.stack([FRAMES] * 3, 1))
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert f"3 frames for each time, along layer {axis}" in candidate.reason


def test_a_pyramid_of_many_channels_and_depths_is_told(tmp_path):
    write_ome(tmp_path / "a.zarr", "0.5", "tczyx", np.zeros((2, 2, 3, 24, 32), "u1"))
    with pytest.raises(FileNotFoundError, match="OME-Zarr of one channel and depth"):
        sources.discover(tmp_path)


@pytest.mark.parametrize("pack", ["zip", "gztar"])
@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("is_whole", [True, False])
def test_zarr_in_archives_is_read_as_if_unpacked(tmp_path, pack, version, is_whole):
    """Also as zarr's ZipStore has it: the array is the archive. They were refused."""
    write(tmp_path / "packed" / ("" if is_whole else "run/a.zarr"), version, chunks=(1, 12, 32))
    (tmp_path / "in").mkdir()
    shutil.make_archive(str(tmp_path / "in" / "b.zarr"), pack, tmp_path / "packed")
    config = PrepConfig(clip_length=2, stride=1, resize=None, aspect="stretch")
    (path,) = prep(Config(str(tmp_path / "in"), str(tmp_path / "out"), workers=0, prep=config))
    reel = Reel(path)
    assert len(reel) == len(FRAMES)
    order = np.argsort(FRAMES[:, 3, 4])
    assert (np.diff(reel.read(0, 5)[0][order, 0, 3, 4]) > 0).all()


def test_zarr_that_is_not_read_in_an_archive_is_a_row_for_each(tmp_path):
    numcodecs = pytest.importorskip("numcodecs")
    write(tmp_path / "packed" / "a.zarr", 2, filters=[numcodecs.Pickle()], compressors=None)
    write(tmp_path / "packed" / "b.zarr", 2, filters=[numcodecs.Pickle()], compressors=None)
    (tmp_path / "in").mkdir()
    shutil.make_archive(str(tmp_path / "in" / "c"), "zip", tmp_path / "packed")
    with pytest.raises(ValueError, match=r"none of the 2 frames .* unpacked, and of no kind that is read"):
        prep(Config(str(tmp_path / "in"), str(tmp_path / "out"), workers=0))


def test_names_in_zarr_lead_out_of_no_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name in ("x/.zarray", "x/../../0.0", "x/.../0 0", "x/0.0", "/x/.zarray", "y/0.0"):
            file.writestr(name, "{}")
    (item,) = sources.discover(tmp_path / "a.zip").frames
    candidates = sources.scan(item, tmp_path, PrepConfig())
    (tmp_path / "out").mkdir()
    assert unpack([c for c in candidates if is_inner(c)], sources.archives(), tmp_path / "out", PrepConfig()) == []
    written = {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
    assert "a.zip/x/.zarray" in written
    assert not list(tmp_path.glob("*/0.0")) + list(tmp_path.glob("0.0"))


def test_arrays_in_groups_are_found_by_their_path(tmp_path, caplog):
    """A replay buffer, as robots learn from: it ended in a KeyError."""
    folder = tmp_path / "in/replay.zarr"
    group = zarr.open_group(str(folder), mode="w", zarr_format=2)
    group.create_array("data/img", data=FRAMES)
    group.create_array("data/action", data=np.ones((5, 2), np.float32))
    group.create_array("meta/episode_ends", data=np.array([2, 5]))
    candidates = frames.scan(tmp_path / "in", PrepConfig())
    assert "2 episodes joined end to end" in caplog.text
    for candidate, raw in frames.read(candidates):
        assert isinstance(raw, RawFrame), raw
        np.testing.assert_array_equal(raw.pixels, FRAMES[candidate.position])


@pytest.mark.parametrize(("card", "other"), [("T_OBS", "DATE__OBS"), ("DATE-OBS", "DATE-END"), ("times", "names")])
def test_times_may_be_a_list_among_the_attributes(tmp_path, card, other):
    """As SDOML keeps the cards of FITS headers: they were taken as a second apart, without a date."""
    array = write(tmp_path / "in" / "a.zarr", 2)
    array.attrs[other] = ["2013-01-01T00:00:00"] * len(FRAMES)
    array.attrs[card] = [f"2010-09-01T00:{6 * i:02d}:12.340Z" for i in range(len(FRAMES))]
    array.attrs["WAVELNTH"] = [171.0] * len(FRAMES)
    times = [c.time_utc for c in frames.scan(tmp_path / "in", PrepConfig())]
    assert times == [f"2010-09-01T00:{6 * i:02d}:12.340" for i in range(len(FRAMES))]
