"""Reels in zarr: the values of those in .npy, in fewer bytes, and no loss unseen."""

import importlib.util
import json
import shutil
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import load
from data.disk import stores
from data.disk.damage import Damaged
from data.frames import assemble
from data.prepare_data import prep
from data.reel.reel import Reel, find_reels
from data.reel.views.excerpt import write_excerpt
from tests.support.fits_files import write_frames
from tests.support.videos import write_video

needs_zarr = pytest.mark.skipif(importlib.util.find_spec("zarr") is None, reason="zarr is not installed")
ALIKE = ("masks", "missing", "times_s")


def prepared(folder, store, **more):
    chosen = {"data_raw": str(folder / "raw"), "data_clips": str(folder / store), "workers": 1, "prep.store": store}
    chosen |= {"prep.clip_length": 4, "prep.resize": [10, 14], "prep.precision": "auto", "prep.off_limb": "mask"}
    prep(load(None, chosen | more))
    return find_reels(folder / store)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Frames of the Sun, a video and a series with holes, in each store; shards are small."""
    folder = tmp_path_factory.mktemp("stores")
    write_frames(folder / "raw" / "sun", 9, shape=(24, 32))
    write_video(folder / "raw" / "clip.mp4", 12)
    rows = [f"2024-01-01T00:{i:02}:00,{i % 7 if i != 5 else ''}" for i in range(40)]
    (folder / "raw" / "pump.csv").write_text("time,flow\n" + "\n".join(rows) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "SHARD_BYTES", 2000)
        return {store: prepared(folder, store) for store in ("npy", "zarr")}


@needs_zarr
def test_frames_masks_times_and_identity_are_those_of_npy(both):
    assert [reel.name for reel in both["zarr"]] == [reel.name for reel in both["npy"]] != []
    assert {reel.stored.dtype.name for reel in both["zarr"]} >= {"uint8", "float32"}
    for plain, chunked in zip(both["npy"], both["zarr"], strict=True):
        assert np.asarray(chunked.stored).tobytes() == np.asarray(plain.stored).tobytes()
        for name in ALIKE:
            assert np.array_equal(getattr(chunked, name), getattr(plain, name))
        assert chunked.meta["identity"] == plain.meta["identity"]
        assert not (chunked.path / "frames.npy").exists()
        assert (chunked.path / "windows.csv").read_bytes() == (plain.path / "windows.csv").read_bytes()


@needs_zarr
@given(data=st.data())
def test_any_range_reads_alike(both, data):
    plain, chunked = data.draw(st.sampled_from(list(zip(both["npy"], both["zarr"], strict=True))))
    start = data.draw(st.integers(0, len(plain) - 1))
    stop = data.draw(st.integers(start + 1, len(plain)))
    for ours, theirs in zip(chunked.read(start, stop), plain.read(start, stop), strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == theirs.tobytes()
    assert np.array_equal(chunked.frames[start], plain.frames[start])
    assert np.array_equal(chunked.masks[start:stop], plain.masks[start:stop])


@needs_zarr
def test_an_excerpt_of_it_is_a_reel_in_npy(both, tmp_path):
    reel = both["zarr"][0]
    write_excerpt(reel, [(1, 3)], tmp_path / "part")
    assert np.array_equal(Reel(tmp_path / "part").frames[:], reel.frames[1:3])


@needs_zarr
def test_a_lost_or_flipped_shard_is_told_with_and_without_digests(both, tmp_path):
    reel = next(reel for reel in both["zarr"] if reel.shape[2:] != (1, 1) and len(list(reel.path.rglob("0/0/0"))) > 1)
    for i, (hurt, is_known) in enumerate((h, k) for h in ("lost", "flipped") for k in (True, False)):
        copy = tmp_path / str(i) / reel.path.name
        shutil.copytree(reel.path, copy)
        shard = copy / "frames.zarr" / "c" / "1" / "0" / "0" / "0"
        content = bytearray(shard.read_bytes())
        content[10] ^= 1
        shard.write_bytes(content) if hurt == "flipped" else shard.unlink()
        meta = json.loads((copy / "reel.json").read_text())
        kept = meta if is_known else {name: fact for name, fact in meta.items() if name not in ("files", "sha256")}
        (copy / "reel.json").write_text(json.dumps(kept))
        with pytest.raises((Damaged, FileNotFoundError), match=r"frames\.zarr|checksum"):
            Reel(copy).read(0, len(reel))


@needs_zarr
def test_what_was_killed_on_the_way_into_the_store_is_made_again(tmp_path, monkeypatch):
    write_frames(tmp_path / "raw", 5, shape=(24, 32))
    with monkeypatch.context() as patch:
        patch.setattr(assemble, "write_meta", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepared(tmp_path, "zarr")
    assert not list((tmp_path / "zarr").glob("*/reel.json"))
    (again,) = prepared(tmp_path, "zarr")
    (plain,) = prepared(tmp_path, "npy")
    assert np.asarray(again.stored).tobytes() == np.asarray(plain.stored).tobytes()


def test_without_the_package_it_is_told_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    write_frames(tmp_path / "raw", 1, shape=(24, 32))
    with pytest.raises(ValueError, match=r"needs the package zarr; pip install .*, or use store: npy"):
        prepared(tmp_path, "zarr")
    assert not list((tmp_path / "zarr").glob(".*.part"))
