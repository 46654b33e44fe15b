"""Pictures of weather radars in ODIM's HDF5: times, values, what was not looked at, several quantities."""

import h5py
import numpy as np
import pytest

from config import PrepConfig
from data import sources
from data.sources.base import RawFrame
from tests.support import frames

STORED = np.random.default_rng(5).integers(0, 256, (4, 20, 24), np.uint8)


def write(path, stored, minute: int, kinds=("DBZH",), elevations=(0.5,)):
    with h5py.File(path, "w") as file:
        file.attrs["Conventions"] = np.bytes_("ODIM_H5/V2_3")
        file.create_group("what").attrs.update(date=np.bytes_("20240305"), time=np.bytes_(f"10{minute:02d}00"))
        for i, elevation in enumerate(elevations, 1):
            file.create_group(f"dataset{i}/where").attrs["elangle"] = elevation
            for k, kind in enumerate(kinds, 1):
                file[f"dataset{i}/data{k}/data"] = stored
                about = {"quantity": np.bytes_(kind), "gain": 0.5, "offset": -32.0, "nodata": 255.0, "undetect": 0.0}
                file.create_group(f"dataset{i}/data{k}/what").attrs.update(about)


def test_a_file_is_a_frame(tmp_path):
    """They were series of their columns."""
    for i, stored in enumerate(STORED):
        write(tmp_path / f"T_PAGZ60_{i}.h5", stored, 5 * i)
    candidates = frames.scan(tmp_path, PrepConfig())
    assert [c.time_utc for c in candidates] == [f"2024-03-05T10:{5 * i:02d}:00.000" for i in range(4)]
    for (_, raw), stored in zip(frames.read(candidates), STORED, strict=True):
        assert isinstance(raw, RawFrame)
        np.testing.assert_array_equal(np.isnan(raw.pixels), stored == 255)
        np.testing.assert_allclose(raw.pixels[stored < 255], stored[stored < 255] / 2.0 - 32)


def test_each_quantity_and_elevation_is_a_reel(tmp_path):
    for i, stored in enumerate(STORED):
        write(tmp_path / f"scan_{i}.h5", stored, 5 * i, ("DBZH", "VRAD"), (0.5, 1.5))
    reels = {c.reel for c in frames.scan(tmp_path, PrepConfig())}
    assert {reel.removeprefix(tmp_path.name) for reel in reels} == {"_DBZH_0.5", "_DBZH_1.5", "_VRAD_0.5", "_VRAD_1.5"}


@pytest.mark.parametrize("name", ["what", "dataset1"])
def test_what_lacks_a_part_is_no_picture(tmp_path, name):
    write(tmp_path / "a.h5", STORED[0], 0)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file[name]
    assert not sources.SOURCES["radar"].takes(tmp_path / "a.h5")
