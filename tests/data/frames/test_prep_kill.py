"""prep killed by SIGKILL at any moment goes on where it was, and makes the same bytes as an undisturbed run."""

import contextlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from config import Config, PrepConfig
from data.frames import journal
from data.frames.journal import read_journal
from data.prepare_data import prep
from data.reel.reel import Reel
from tests.support.digests import digests
from tests.support.fits_files import broken_inside, counts, fits_bytes, header, write_frames
from tests.support.held import Held
from tests.support.streams import until
from tests.support.videos import write_video

pytestmark = [pytest.mark.pictures, pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and /proc")]
FRAMES = 40
SETTINGS = PrepConfig(clip_length=8, stride=4, resize=(16, 16))
YAML = "prep: {clip_length: 8, stride: 4, resize: [16, 16]}\n"


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Rice frames in which some are bad, and a video."""
    folder = tmp_path_factory.mktemp("raw")
    write_frames(folder, FRAMES, shape=(128, 128))
    for i in (7, 19, 33):
        path = folder / f"frame_{i:03d}.fits"
        path.write_bytes(broken_inside(path.read_bytes()))
    (folder / "dark.fits").write_bytes(fits_bytes(counts(0, (128, 128)), header(6, QUALITY=1 << 16)))
    write_video(folder / "clip.mp4", 48)
    return folder


@pytest.fixture(scope="module")
def undisturbed(raw, tmp_path_factory):
    """Digests of the reels that a run without any trouble makes."""
    out = tmp_path_factory.mktemp("undisturbed")
    prep(config(raw, out))
    return digests(out)


def config(raw, out):
    return Config(data_raw=str(raw), data_clips=str(out), workers=1, prep=SETTINGS)


def start(raw, out, function="Journal.add", workers=2):
    """prep, held after each call of a function."""
    module = "data.frames.journal" if function == "Journal.add" else "data.frames.assemble"
    (out.parent / "settings.yaml").write_text(YAML)
    words = ["-m", "prep", "-c", out.parent / "settings.yaml", "--data-raw", raw, "--data-clips", out]
    return Held(out.parent, f"{module}:{function}", *words, "--workers", workers)


def descendants(pid):
    """Ids of the processes that a process has started, directly or not."""
    parents = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
    found = [child for child, parent in parents.items() if parent == pid]
    return found + [deeper for child in found for deeper in descendants(child)]


def is_alive(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def held_at(held, path, count):
    """Go on until so many frames are noted."""
    held.wait()
    while lines(path) < count:
        held.go_on()
        held.wait()


def assert_ended(pids):
    until(lambda: not any(is_alive(pid) for pid in pids))


def lines(path):
    return path.read_bytes().count(b'{"row"') if path.is_file() else 0


def test_killed_three_times_the_reel_is_the_same_to_the_byte(raw, undisturbed, tmp_path):
    out = tmp_path / "out"
    path = out / ".aia_171.part" / "journal.jsonl"
    moments = {  # frames that are noted by then
        "decoding has begun": ("Journal.add", 1),
        "half is decoded": ("Journal.add", FRAMES // 2),
        "the reel is put together": ("scale_and_store", FRAMES),
    }
    decoded = 0
    for what, (function, count) in moments.items():
        held = start(raw, out, function)
        held_at(held, path, count)
        family = descendants(held.process.pid)
        held.kill()
        assert len(family) >= 2, what  # there were workers to be orphaned
        assert_ended(family)
        assert lines(path) >= decoded, f"{what}: earlier work was lost"
        decoded = lines(path)
        assert not (out / "aia_171").exists()
    assert (out / ".aia_171.final" / "masks.npy").is_file()
    assert decoded == FRAMES
    prep(config(raw, out))  # with one worker now, which must not matter either
    assert digests(out) == undisturbed


@pytest.mark.parametrize("torn", [b"", b'{"row": 3', b'{"row": 3, "channel": 0, "reason": ""'])
def test_a_torn_journal_line_is_decoded_again(tmp_path, torn):
    part = tmp_path / "part"
    part.mkdir()
    whole = b"".join(json.dumps({"row": i, "channel": 0, "reason": ""}).encode() + b"\n" for i in range(3))
    (part / "journal.jsonl").write_bytes(whole + torn)
    assert sorted(read_journal(part)) == [(0, 0), (1, 0), (2, 0)]
    assert (part / "journal.jsonl").read_bytes() == whole  # the next line starts on a line of its own
    assert read_journal(tmp_path) == {}


@pytest.mark.parametrize(("since", "kept"), [("this boot", 5), ("an earlier boot", 3)])
def test_after_a_power_failure_only_rows_are_trusted_whose_pixels_are_on_the_disk(tmp_path, monkeypatch, since, kept):
    monkeypatch.setattr(journal, "boot", lambda: since)
    for name in journal.PIXELS:
        np.save(tmp_path / name, np.zeros(3))
    with journal.Journal(tmp_path) as rows:
        rows.add([{"row": 0, "channel": 0}, {"row": 1, "channel": 0}])
        monkeypatch.setattr(journal, "SYNC_EVERY_S", -1.0)
        rows.add([{"row": 2, "channel": 0}])
        monkeypatch.setattr(journal, "SYNC_EVERY_S", 1e9)
        rows.add([{"row": 3, "channel": 0}, {"row": 4, "channel": 0}])
        shutil.copytree(tmp_path, tmp_path / "then")
    monkeypatch.setattr(journal, "boot", lambda: "this boot")
    expected = [(row, 0) for row in range(kept)]
    assert list(read_journal(tmp_path / "then")) == expected
    assert list(read_journal(tmp_path / "then")) == expected  # the rest is cut off
    assert len(read_journal(tmp_path)) == 5  # at its end all of it is on the disk


def test_where_runs_of_the_machine_are_not_told_apart_every_row_is_on_the_disk_at_once(tmp_path, monkeypatch):
    for name in journal.PIXELS:
        np.save(tmp_path / name, np.zeros(3))
    for system, marks in (("", 4), ("this boot", 2)):  # two of them when it begins and ends
        (tmp_path / journal.NAME).unlink(missing_ok=True)
        monkeypatch.setattr(journal, "boot", lambda system=system: system)
        with journal.Journal(tmp_path) as rows:
            for row in range(2):
                rows.add([{"row": row, "channel": 0}])
        assert (tmp_path / journal.NAME).read_text().count(journal.MARK) == marks


def test_pixels_that_the_disk_does_not_take_are_told_before_a_reel_is_made_of_them(tmp_path, monkeypatch):
    for name in journal.PIXELS:
        np.save(tmp_path / name, np.zeros(3))
    rows = journal.Journal(tmp_path).__enter__()
    rows.add([{"row": 0, "channel": 0}])

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.memmap, "flush", full)
    with pytest.raises(OSError, match="No space left"):
        rows.__exit__(None, None, None)
    assert rows.file.closed


def test_leftovers_of_a_run_killed_at_its_very_end_disappear(tmp_path):
    """After the reel took its name and before the folder in the making was removed."""
    write_frames(tmp_path / "in", 10)
    prep(config(tmp_path / "in", tmp_path / "out"))
    before = digests(tmp_path / "out")
    for name in (".aia_171.part", ".aia_171.final"):
        (tmp_path / "out" / name).mkdir()
        (tmp_path / "out" / name / "journal.jsonl").write_text("")
    prep(config(tmp_path / "in", tmp_path / "out"))
    assert digests(tmp_path / "out") == before
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [".lock", "aia_171"]


def test_a_folder_in_the_making_of_other_settings_is_begun_anew(tmp_path):
    write_frames(tmp_path / "in", 10)
    part = tmp_path / "out" / ".aia_171.part"
    part.mkdir(parents=True)
    (part / "identity").write_text("of other settings")
    np.save(part / "decoded.npy", np.full((10, 1, 16, 16), 7, np.float32))
    (part / "journal.jsonl").write_text("".join(f'{{"row": {i}, "channel": 0, "reason": "old"}}\n' for i in range(10)))
    (path,) = prep(config(tmp_path / "in", tmp_path / "out"))
    assert len(Reel(path)) == 10
    assert not part.exists()


def test_a_worker_that_dies_is_told_and_the_next_run_goes_on(raw, undisturbed, tmp_path):
    out = tmp_path / "out"
    path = out / ".aia_171.part" / "journal.jsonl"
    held = start(raw, out)
    held_at(held, path, 8)
    workers = [pid for pid in descendants(held.process.pid) if not descendants(pid) and is_worker(pid)]
    os.kill(workers[0], signal.SIGKILL)
    assert held.end() == 1
    message = held.errors.read_text()
    assert "a worker process died" in message
    assert "run the same command again" in message
    assert "Traceback" not in message
    prep(config(raw, out))
    assert digests(out) == undisturbed


def is_worker(pid):
    """Not the resource tracker, which has the memory of a bare interpreter."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) > 40_000
