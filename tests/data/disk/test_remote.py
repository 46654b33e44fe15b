"""Reels whose arrays lie at an address: the same values, and whatever does not come from there is told."""

import pickle
import shutil

import numpy as np
import pytest

from data.disk import stores
from data.disk.damage import Damaged
from data.disk.files import write_meta
from data.reel.reel import Reel
from tests.support.range_server import serving
from tests.support.reels import drifting_blobs, make_reel

pytest.importorskip("zarr")
pytest.importorskip("aiohttp")
remote = pytest.importorskip("data.disk.remote")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A reel in zarr, in shards of two frames and a bit."""
    folder = tmp_path_factory.mktemp("bucket")
    made = make_reel(folder / "cam", drifting_blobs(20, 12, 12, noise=0.1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "SHARD_BYTES", 1500)
        for name in ("frames", "masks"):
            stores.STORES["zarr"].keep(made.path, name)
    meta = {key: value for key, value in made.meta.items() if key != "files"}
    write_meta(made.path, meta | {"store": "zarr"})
    return folder


@pytest.fixture
def linked(stored, tmp_path):
    """The same without its arrays, beside a server that has them: the reel's folder and the server."""
    shutil.copytree(stored, tmp_path / "bucket")
    shutil.copytree(stored / "cam", tmp_path / "cam", ignore=shutil.ignore_patterns("*.zarr"))
    with serving(tmp_path / "bucket") as server:
        (tmp_path / "cam" / "address.txt").write_text(f"{server.address}/cam/\n")
        yield tmp_path / "cam", server


def test_what_is_read_from_an_address_is_what_is_there(stored, linked):
    here, there = Reel(stored / "cam"), pickle.loads(pickle.dumps(Reel(linked[0])))
    for begin, end in ((0, 20), (3, 4), (5, 17)):
        for ours, theirs in zip(there.read(begin, end), here.read(begin, end), strict=True):
            assert np.array_equal(ours, theirs)
    there.check_all()
    assert len(linked[1].asked) > len(here)


def test_a_server_that_fails_for_a_moment_is_asked_again(linked, stored, monkeypatch):
    monkeypatch.setattr(remote, "WAIT_S", 0.0)
    folder, server = linked
    reel = Reel(folder)
    reel.stored  # noqa: B018  opened
    server.refuses = [True]
    assert np.array_equal(reel.read_stored(0, 4), Reel(stored / "cam").read_stored(0, 4))
    assert server.refuses == []
    server.refuses = [True] * 100
    with pytest.raises(OSError, match=r"http://127.0.0.1:\d+/cam/frames.zarr/c/.* can't be read .*run it again"):
        reel.read_stored(0, 4)


def test_a_shard_that_is_lost_or_damaged_there_is_no_black_frame(linked):
    folder, _ = linked
    shards = sorted(p for p in (folder.parent / "bucket" / "cam" / "frames.zarr" / "c").rglob("*") if p.is_file())
    damaged = bytearray(shards[0].read_bytes())
    damaged[20] ^= 255
    shards[0].write_bytes(damaged)
    shards[-1].unlink()
    for begin in (0, 19):
        with pytest.raises(Damaged, match=r"cam is damaged .*; see that http://.*/cam holds the reel whole"):
            Reel(folder).read_stored(begin, begin + 1)


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("/mnt/bucket", Damaged, "'/mnt/bucket' is no address"),
        (
            "nowhere9://bucket/cam",
            ValueError,
            r"nowhere9://bucket/cam/frames.zarr can't be opened \(Prot",
        ),
        ("ADDRESS/other", FileNotFoundError, "no array in zarr is there"),
    ],
)
def test_an_address_that_is_none_is_told(linked, text, error, told):
    folder, server = linked
    (folder / "address.txt").write_text(text.replace("ADDRESS", server.address))
    with pytest.raises(error, match=told):
        Reel(folder).read_stored(0, 1)


def test_arrays_in_npy_are_not_read_from_an_address(tmp_path):
    made = make_reel(tmp_path / "cam", drifting_blobs(20, 12, 12))
    (made.path / "address.txt").write_text("https://example.org/cam")
    with pytest.raises(ValueError, match=r"only reels of prep\.store zarr can lie"):
        Reel(made.path).read_stored(0, 1)
