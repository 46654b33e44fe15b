"""Folders of NumPy files with a picture each, and what is no such folder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data import sources
from data.sources.base import FrameError, RawFrame
from tests.support import frames


def write(folder, arrays, name="frame_{}.npy"):
    folder.mkdir(exist_ok=True)
    for number, array in enumerate(arrays):
        np.save(folder / name.format(number, chr(97 + number)), array)


@given(
    st.integers(3, 12), st.integers(16, 40), st.integers(16, 40), st.sampled_from(["u1", "<u2", ">i4", ">f4", "<f8"])
)
def test_each_file_is_a_frame(tmp_path_factory, count, height, width, dtype):
    folder = tmp_path_factory.mktemp("pictures")
    arrays = np.random.default_rng(count).integers(0, 250, (count, height, width)).astype(dtype)
    write(folder, arrays)
    candidates = frames.scan(folder, PrepConfig())
    assert [c.time_s for c in candidates] == list(range(count))
    assert {c.reel for c in candidates} == {folder.name}
    read = [raw for _, raw in frames.read(candidates) if isinstance(raw, RawFrame)]
    assert all(raw.pixels.dtype.isnative for raw in read)
    np.testing.assert_array_equal([raw.pixels for raw in read], arrays)


@pytest.mark.parametrize("colour", ["rgb", "gray"])
@pytest.mark.parametrize(
    ("shape", "picture"),
    [((20, 30, 3), (20, 30, 3)), ((20, 30, 4), (20, 30, 3)), ((20, 30, 1), (20, 30)), ((1, 20, 30), (20, 30))],
)
def test_a_file_may_hold_colours(tmp_path, shape, picture, colour):
    """Each was refused by itself, or was a reel of one frame."""
    arrays = np.random.default_rng(1).integers(0, 250, (4, *shape), np.uint8)
    write(tmp_path, arrays)
    candidates = frames.scan(tmp_path, PrepConfig(colour=colour))
    assert {c.reel for c in candidates} == {tmp_path.name}
    assert {c.shape for c in candidates} == {(20, 30)}
    read = np.array([raw.pixels for _, raw in frames.read(candidates) if isinstance(raw, RawFrame)])
    if len(picture) == 2:
        np.testing.assert_array_equal(read, arrays.reshape(4, *picture))
    elif colour == "rgb":
        np.testing.assert_array_equal(read, arrays[..., :3])
    else:
        np.testing.assert_allclose(read, arrays[..., :3] @ [0.299, 0.587, 0.114], atol=1)


def test_times_are_those_of_their_names_and_a_cut_one_is_a_row(tmp_path):
    write(tmp_path, np.ones((4, 20, 30)), "cam_20120719_07300{}.npy")
    whole = (tmp_path / "cam_20120719_073002.npy").read_bytes()
    (tmp_path / "cam_20120719_073002.npy").write_bytes(whole[:-40])
    candidates = frames.scan(tmp_path, PrepConfig())
    assert [c.time_utc[17:19] for c in candidates] == ["00", "01", "", "03"]
    assert not [raw for c, raw in frames.read(candidates[:2]) if isinstance(raw, FrameError)]
    assert "truncated" in candidates[2].reason


@pytest.mark.parametrize(
    ("arrays", "name"),
    [
        (np.ones((2, 20, 30)), "f{}.npy"),  # too few
        (np.ones((4, 200, 3)), "f{}.npy"),  # long and thin, as series are
        (np.ones((4, 30, 12)), "f{}.npy"),
        ([np.ones((20 + i, 30)) for i in range(4)], "f{}.npy"),  # of several lengths
        ([np.ones(30)] * 4, "f{}.npy"),
        (np.ones((4, 20, 30)), "{1}.npy"),  # names that do not follow each other
    ],
)
def test_series_stay_series(tmp_path, arrays, name):
    write(tmp_path / "in", arrays, name)
    found = sources.discover(tmp_path / "in")
    assert not found.frames
    assert len(found.series) == len(arrays)
