"""prep in shards makes the bytes of one process, in whatever order they run, and says what is missing."""

import itertools
import json
import os
import shutil
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import main
from config import Config, ConfigError, PrepConfig, load
from data.disk.damage import Damaged
from data.disk.lock import FolderInUse
from data.frames import first_pass as module
from data.frames.first_pass import first_pass
from data.frames.sharing import shards
from data.frames.sharing.headers import SharedHeaders
from data.frames.sharing.shard import SHARDS, Shard
from data.frames.sharing.shards import LINES
from data.frames.workers.pool import make_executor
from data.prepare_data import prep
from data.sky.wcs import FrameWcs
from data.sources.base import Candidate
from tests.support.digests import digests
from tests.support.fits_files import broken_inside, write_frames, write_tar
from tests.support.holder import held_elsewhere
from tests.support.videos import write_video
from tests.support.warm import warm_main

pytestmark = pytest.mark.pictures

SETTINGS = PrepConfig(clip_length=4, stride=2, resize=(10, 14))


def config(raw, out, shard=None, **more):
    return Config(data_raw=str(raw), data_clips=str(out), workers=1, shard=shard, prep=SETTINGS, **more)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Frames, of which one is broken, a video that is decoded in one pass, an archive in an archive, and a series."""
    folder = tmp_path_factory.mktemp("raw")
    write_frames(folder / "frames", 21, shape=(24, 32))
    path = folder / "frames" / "frame_007.fits"
    path.write_bytes(broken_inside(path.read_bytes()))
    write_video(folder / "inner" / "clip.mp4", 30)
    write_video(folder / "other.mp4", 20)
    write_tar(folder / "more.tar", {"clip.mp4": (folder / "inner" / "clip.mp4").read_bytes()})
    rows = "".join(f"2012-07-19T00:{i:02d}:00,{i % 7},{i % 5}\n" for i in range(40))
    (folder / "pump.csv").write_text("time,flow,heat\n" + rows)
    return folder


@pytest.fixture(scope="module")
def alone(raw, tmp_path_factory):
    """What one process makes."""
    out = tmp_path_factory.mktemp("alone")
    assert len(prep(config(raw, out))) == 5
    return digests(out)


def make(raw, out, *told, **more):
    for shard in told:
        prep(config(raw, out, shard, **more))


def test_shards_in_any_order_make_the_same_bytes(raw, alone, tmp_path):
    make(raw, tmp_path / "out", "3/3", "1/3", "2/3")
    assert os.listdir(tmp_path / "out") == [SHARDS]
    assert len(prep(config(raw, tmp_path / "out", join=True))) == 5
    assert digests(tmp_path / "out") == alone


def test_a_shard_goes_on_where_it_was_killed_and_so_does_the_joining(raw, alone, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    make(raw, out, "1/2", "2/2")
    folder = Shard(1, 2).folder(out)
    lines = folder / "aia_171" / LINES
    kept, torn = lines.read_text().splitlines(keepends=True)[:2]
    lines.write_text(kept + torn[:-5])
    (folder / shards.DONE).unlink()
    capsys.readouterr()
    make(raw, out, "1/2")
    assert lines.read_text().startswith(kept)
    told = [json.loads(line) for line in lines.read_text().splitlines()]
    rows = [fact["row"] for block in told for fact in block["facts"]]
    assert len(rows) == len(set(rows))
    copied = itertools.count()

    def killed(part):
        copy = copier(part)
        return lambda *block: copy(*block) if next(copied) < 3 else pytest.fail("killed")

    copier = shards.copier
    with monkeypatch.context() as patched:
        patched.setattr(shards, "copier", killed)
        with pytest.raises(pytest.fail.Exception, match="killed"):
            prep(config(raw, out, join=True))
    prep(config(raw, out, join=True))
    assert digests(out) == alone


def test_shards_that_are_killed_and_given_again_make_the_same_bytes(tmp_path):
    """By SIGKILL, each as soon as it has told of a block; one that was faster has nothing left to do."""
    raw, out = tmp_path / "raw", tmp_path / "out"
    write_frames(raw, 40, shape=(128, 128))
    words = ["-m", "prep", "--data-raw", raw, "--data-clips", out, "--workers", "0", "--set", "prep.clip_length=4"]
    words += ["--set", "prep.stride=2", "--set", "prep.resize=[10, 14]"]
    for number in (2, 1):
        lines = Shard(number, 2).folder(out) / "aia_171" / LINES
        given = [str(word) for word in (*words, "--shard", f"{number}/2")]
        killed = warm_main().start(*given)
        while not killed.has_ended() and not (lines.is_file() and lines.stat().st_size):
            time.sleep(0.002)
        killed.kill()
        killed.wait()
        assert main.main(given) == 0
    prep(config(raw, out, join=True))
    prep(config(raw, tmp_path / "alone"))
    assert digests(out) == digests(tmp_path / "alone")


def test_a_damaged_list_of_blocks_is_told_with_the_way_out(raw, tmp_path):
    out = tmp_path / "out"
    prep(config(raw, out, "1/1"))
    (lines,) = (path for path in out.rglob(LINES) if "aia_171" in path.parts)
    lines.write_bytes(b"\0" * 9 + lines.read_bytes()[9:])
    with pytest.raises(Damaged, match=r"blocks.jsonl is damaged .*; remove .*1-of-1 and run its shard again"):
        prep(config(raw, out, join=True))


def test_missing_doubled_and_other_shards_are_named(raw, alone, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ValueError, match=r"no shards in .*; make some with -m prep --shard 1/N"):
        prep(config(raw, out, join=True))
    make(raw, out, "2/3")
    with pytest.raises(ValueError, match=r"2 of 3 shards in .* are missing or not complete: 1/3, 3/3; run"):
        prep(config(raw, out, join=True))
    make(raw, out, "1/2")
    with pytest.raises(ValueError, match=r"has shards of 2 and of 3: those of one number make the whole"):
        prep(config(raw, out, join=True))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_shard_that_is_being_made_is_refused(raw, tmp_path):
    folder = Shard(1, 1).folder(tmp_path / "out")
    with held_elsewhere(folder), pytest.raises(FolderInUse, match=r"choose another shard"):
        make(raw, tmp_path / "out", "1/1")


def test_frames_that_changed_since_are_not_joined_but_made_again(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    write_frames(raw, 9, shape=(24, 32))
    make(raw, out, "1/2", "2/2")
    path = raw / "frame_003.fits"
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 10**9))
    with pytest.raises(ValueError, match=r"shard 1/2 was made of other frames .*aia_171.*--shard 1/2 again"):
        prep(config(raw, out, join=True))
    make(raw, out, "1/2")
    with pytest.raises(ValueError, match=r"shard 2/2 was made of other frames"):
        prep(config(raw, out, join=True))
    make(raw, out, "2/2")
    prep(config(raw, out, join=True))
    prep(config(raw, tmp_path / "alone"))
    assert digests(out) == digests(tmp_path / "alone")


def test_headers_are_read_once_by_all_shards_and_again_where_a_file_is_another_one(raw, alone, tmp_path, monkeypatch):
    raw = shutil.copytree(raw, tmp_path / "raw")  # one of its files will be another one
    read = []

    def counted(items, *told):
        read.extend(item.path for item in items)
        return scan_chunk(items, *told)

    scan_chunk = module.scan_chunk
    monkeypatch.setattr(module, "scan_chunk", counted)
    monkeypatch.setattr(module, "INPUTS_PER_TASK", 4)
    out, own = tmp_path / "out", {*raw.rglob("*.fits"), *raw.rglob("*.mp4"), *raw.rglob("*.tar")}
    make(raw, out, "2/2", "1/2")
    prep(config(raw, out, join=True))
    assert digests(out) == alone
    assert sorted(path for path in read if path.is_relative_to(raw)) == sorted(own)
    make(raw, tmp_path / "more", "1/2")
    read.clear()
    changed = raw / "other.mp4"
    os.utime(changed, ns=(changed.stat().st_atime_ns, changed.stat().st_mtime_ns + 10**9))
    make(raw, tmp_path / "more", "2/2")
    assert changed in read
    assert len([path for path in read if path.is_relative_to(raw)]) <= module.INPUTS_PER_TASK


def test_shards_that_run_at_one_time_begin_at_different_headers():
    starts = [next(SharedHeaders(Path(), Fraction(i, 5)).in_turn(10)) for i in range(5)]
    assert starts == [0, 2, 4, 6, 8]


@given(of=st.integers(1, 12), count=st.integers(0, 30))
def test_every_shard_knows_all_headers(of, count):
    for i in range(of):
        assert sorted(SharedHeaders(Path(), Fraction(i, of)).in_turn(count)) == list(range(count))


EMPTY = Candidate(source="", path="", kind="", reel="")
NUMBERS = st.floats(allow_infinity=False) | st.just(float("nan"))
CANDIDATES = st.builds(
    Candidate,
    **{name: st.text(max_size=5) for name in ("source", "path", "kind", "reel", "member", "time_utc", "reason")},
    **dict.fromkeys(("time_s", "exptime_s", "saturation", "label", "level"), NUMBERS),
    shape=st.tuples(st.integers(0, 99), st.integers(0, 99)),
    is_alone=st.booleans(),
    pixel_aspect=st.floats(0.1, 10),
    wcs=st.none() | st.builds(FrameWcs, *[st.floats(-1e9, 1e9)] * 11),
    aside=st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=2).map(tuple),
)


@given(found=st.lists(CANDIDATES, max_size=3))
def test_headers_that_another_shard_has_read_are_the_same(tmp_path_factory, found):
    """But for what had no header that could be read: that may have been for a moment."""
    shared = SharedHeaders(tmp_path_factory.mktemp("headers"))
    found = [one if any(one.shape) else replace(one, reason="") for one in found]
    shared.keep([], Path("raw"), PrepConfig(), found)
    assert repr(shared.read([], Path("raw"), PrepConfig())) == repr(found)
    assert shared.read([], Path("other"), PrepConfig()) is None
    shared.keep([], Path("other"), PrepConfig(), [*found, replace(EMPTY, reason="not readable: OSError: stale handle")])
    assert shared.read([], Path("other"), PrepConfig()) is None
    shared.keep([], Path("other"), PrepConfig(), [replace(EMPTY, exptime_s=float("inf"))])
    assert shared.read([], Path("other"), PrepConfig()) is None


@pytest.fixture(scope="module")
def plans(raw, tmp_path_factory):
    with make_executor(1) as workers:
        return first_pass(workers, config(raw, "unused"), tmp_path_factory.mktemp("unpacked") / "here").plans


@given(of=st.integers(1, 12))
def test_every_frame_is_in_one_shard_and_they_are_as_large_as_each_other(plans, tmp_path_factory, of):
    place = tmp_path_factory.getbasetemp()
    shares = [list(shards._shares(plans, Shard(number, of), place)) for number in range(1, of + 1)]
    met = [(plan.name, *item[:2]) for share in shares for plan, tasks in share for task in tasks for item in task.items]
    assert sorted(met) == sorted(
        (plan.name, row, channel)
        for plan in plans
        for row in range(len(plan.rows))
        for channel in range(len(plan.channels))
    )
    counts = [sum(len(tasks) for _, tasks in share) for share in shares]
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match=r"shard"):
        load(None, {"shard": text})


def test_a_shard_is_not_joined_and_what_is_downloaded_is_no_shards():
    with pytest.raises(ConfigError, match=r"join puts all shards together: leave shard 1/2 out"):
        load(None, {"shard": "1/2", "join": True})
    with pytest.raises(ValueError, match=r"run prep without it for prep.light_curves, and once with prep.source vso"):
        prep(load(None, {"shard": "1/2", "prep.light_curves": {"grid": [2, 2]}, "data_clips": "unused"}))
