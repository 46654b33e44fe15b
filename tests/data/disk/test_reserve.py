"""Room for an array is taken when it is made: a full disk is an error that leaves nothing."""

import errno
import os

import numpy as np
import pytest

from data.disk.reserve import reserved_array

SHAPE = (64, 128, 128)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system reserves no room")
def test_the_room_is_taken_at_once(tmp_path):
    array = reserved_array(tmp_path / "a.npy", np.float32, SHAPE)
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= array.nbytes
    array[3] = 7
    array.flush()
    again = np.load(tmp_path / "a.npy", allow_pickle=False)
    assert (again.shape, again.dtype, again[3].min(), again[4].max()) == (SHAPE, np.float32, 7, 0)


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match=r"No space left on device: .*a\.npy needs 0\.00419 GB") as caught:
        reserved_array(tmp_path / "a.npy", np.float32, SHAPE)
    assert caught.value.errno == errno.ENOSPC
    assert not any(tmp_path.iterdir())


def test_a_file_system_that_reserves_nothing_is_written_as_it_comes(tmp_path, monkeypatch):
    def unable(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", unable, raising=False)
    reserved_array(tmp_path / "a.npy", np.uint8, SHAPE)[:] = 1
    assert np.load(tmp_path / "a.npy", allow_pickle=False).min() == 1
