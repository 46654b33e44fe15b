"""Frames in folders of zarr, by themselves and with their times; and those that are no frames or could run programs."""

import numpy as np
import pytest

from config import PrepConfig
from data import sources
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


def test_what_could_run_programs_or_holds_no_frames_is_told(tmp_path):
    numcodecs = pytest.importorskip("numcodecs")
    write(tmp_path / "a.zarr", 2, filters=[numcodecs.Pickle()], compressors=None)
    zarr.create_array(str(tmp_path / "b.zarr"), shape=(9,), dtype="f8")
    (tmp_path / "c.zarr").mkdir()
    (tmp_path / "c.zarr" / "zarr.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="3 of zarr, where arrays"):
        sources.discover(tmp_path)
