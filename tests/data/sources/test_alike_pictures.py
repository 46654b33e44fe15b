"""Files with the same pictures each, dated by their names alone; and files of arrays that are something else."""

import h5py
import numpy as np
import pytest

from config import PrepConfig
from data.sources.all_kinds import source_of
from data.sources.base import RawFrame
from tests.support import frames

PIXELS = np.random.default_rng(3).random((4, 2, 24, 32), np.float32)
NAMES = [f"AIA20131125_{6 + i:02d}24" for i in range(4)]


def write(folder, suffix, name, **arrays):
    folder.mkdir(exist_ok=True)
    if suffix == "npz":
        np.savez_compressed(folder / f"{name}.npz", **arrays)
        return
    with h5py.File(folder / f"{name}.{suffix}", "w") as file:
        for key, array in arrays.items():
            file[key] = array


@pytest.mark.parametrize("suffix", ["npz", "nc", "h5"])
def test_each_array_is_a_reel_with_the_times_of_the_names(tmp_path, suffix):
    """They were series of as many columns as all their pictures have, or refused."""
    for name, (euv, field) in zip(NAMES, PIXELS, strict=True):
        write(tmp_path, suffix, name, aia171=euv, bz=field)
    candidates = frames.scan(tmp_path, PrepConfig())
    assert sorted({c.reel for c in candidates}) == [f"{tmp_path.name}_{kind}" for kind in ("aia171", "bz")]
    times = [f"2013-11-25T{6 + i:02d}:24:00.000" for i in range(4)]
    assert sorted(c.time_utc for c in candidates) == sorted(2 * times)
    for candidate, raw in frames.read(candidates):
        assert isinstance(raw, RawFrame), raw
        expected = PIXELS[times.index(candidate.time_utc), int(candidate.reel.endswith("bz"))]
        np.testing.assert_array_equal(raw.pixels, expected)


def test_one_picture_a_file_is_one_reel(tmp_path):
    """As SDOML's, whose pictures are of half precision."""
    for name, (euv, _) in zip(NAMES, PIXELS.astype(np.float16), strict=True):
        write(tmp_path, "npz", name, x=euv)
    assert {c.reel for c in frames.scan(tmp_path, PrepConfig())} == {tmp_path.name}


OTHERS = {
    "a file alone": (NAMES[:1], {}),
    "too few": (NAMES[:2], {}),
    "names without times": (["a", "b", "c"], {}),
    "long and thin": (NAMES, {"x": np.zeros((200, 20))}),
    "times beside": (NAMES, {"time": np.arange(24.0)}),
    "what is no picture beside": (NAMES, {"table": np.zeros((5, 3))}),
    "a stack of pictures beside": (NAMES, {"frames": np.zeros((5, 24, 32))}),
}


@pytest.mark.parametrize("suffix", ["npz", "nc", "h5"])
def test_days_of_samples_of_sensors_are_no_pictures(tmp_path, suffix):
    """A quarter of an hour's samples of forty sensors, each at its own level, a file a day."""
    random = np.random.default_rng(0)
    level = 50 * random.normal(size=40)
    for name in NAMES:
        write(tmp_path, suffix, name, data=level + np.cumsum(random.normal(size=(96, 40)), axis=0))
    source = source_of(tmp_path / f"{NAMES[0]}.{suffix}", [])
    assert source
    assert source.name != "alike_picture"


@pytest.mark.parametrize("suffix", ["npz", "nc", "h5"])
@pytest.mark.parametrize("others", OTHERS)
def test_other_files_stay_what_they_were(tmp_path, suffix, others):
    names, arrays = OTHERS[others]
    for name in names:
        write(tmp_path, suffix, name, **{"x": PIXELS[0, 0], **arrays})
    source = source_of(tmp_path / f"{names[0]}.{suffix}", [])
    assert source
    assert source.name != "alike_picture"


def test_one_that_is_damaged_costs_itself(tmp_path):
    for name, (euv, _) in zip(NAMES, PIXELS, strict=True):
        write(tmp_path, "npz", name, x=euv)
    found = frames.scan(tmp_path, PrepConfig())
    path = tmp_path / f"{NAMES[-1]}.npz"
    path.write_bytes(path.read_bytes()[:500])
    read = dict(frames.read(found))
    assert [isinstance(raw, RawFrame) for raw in read.values()].count(False) == 1
