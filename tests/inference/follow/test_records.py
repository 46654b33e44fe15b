"""events.jsonl in parts: whatever is killed when, what was written is there, in order, and nothing lies elsewhere."""

import errno
import json
import os
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.disk.lock import owned
from inference.follow import records as follow_log
from inference.follow.records import JsonLines, numbered, part_of, parts


class KilledError(BaseException):
    """In place of a SIGKILL: nothing is buffered, so that nothing that is done afterwards could save anything."""


def written(path: Path) -> list[int]:
    """The numbers of the records that are there; of what a kill left of a line, none."""
    found = []
    for line in (line for part in parts(path) for line in part.read_text().splitlines()):
        with suppress(ValueError):
            found.append(json.loads(line)["n"])
    return found


@given(st.lists(st.integers(0, 300), max_size=40), st.integers(1, 400), st.integers(0, 9), st.integers(1, 9))
def test_parts_hold_the_latest_records_in_order(tmp_path_factory, lengths, most_bytes, kept, starts):
    folder = tmp_path_factory.mktemp("log")
    path = folder / "events.jsonl"
    for number, length in enumerate(lengths):
        if number % starts == 0:
            log = JsonLines(path, most_bytes, kept)
        log.write("x", {"n": number, "text": "x" * length})
        if number % starts == starts - 1:
            log.close()
    if lengths:
        log.close()
    found = written(path)
    assert found == list(range(len(lengths) - len(found), len(lengths)))
    assert len(found) >= min(len(lengths), kept + 1)  # each part has one at least
    assert len(parts(path)) <= kept + 1
    for part in parts(path):
        assert part.stat().st_size <= most_bytes or len(part.read_text().splitlines()) == 1
    shutil.rmtree(folder)


STEPS = [(os, "replace"), (Path, "unlink"), (Path, "open")]


def killed_at(step: int, path: Path, monkeypatch) -> bool:
    """Write ten records of two a part, killed before or after a step that the disk sees; False without so many."""
    steps = count()

    def stepping(original):
        def done(*arguments, **named):
            if next(steps) == step:
                raise KilledError
            result = original(*arguments, **named)
            if next(steps) == step:
                if hasattr(result, "close"):
                    result.close()  # as the system does
                raise KilledError
            return result

        return done

    with monkeypatch.context() as changed:
        log = JsonLines(path, 160, kept=2)
        for owner, name in STEPS:
            changed.setattr(owner, name, stepping(getattr(owner, name)))
        try:
            for number in range(10):
                log.write("x", {"n": number})
        except KilledError:
            return True
        finally:
            log.stream.close()  # as the system does
    return False


def test_a_kill_at_every_step_loses_nothing(tmp_path, monkeypatch):
    for step in count():
        path = tmp_path / str(step) / "events.jsonl"
        was_killed = killed_at(step, path, monkeypatch)
        found = written(path)
        assert found == list(range(found[0], found[-1] + 1))
        assert found[0] == 0 or len(found) >= 4
        log = JsonLines(path, 160, kept=2)
        log.write("x", {"n": found[-1] + 1})
        log.close()
        assert written(path)[-2:] == [found[-1], found[-1] + 1]
        if not was_killed:
            break
    assert step > 10


def test_half_a_line_of_a_kill_stays_alone(tmp_path):
    log = JsonLines(tmp_path / "events.jsonl")
    for number in (0, 1):
        log.write("x", {"n": number})
    log.close()
    whole = log.path.read_bytes()
    for length in range(len(whole) // 2, len(whole)):
        log.path.write_bytes(whole[:length])
        log = JsonLines(log.path)
        log.write("x", {"n": 2})
        log.close()
        assert written(log.path) in ([0, 2], [0, 1, 2])  # all but the line's end was there


def test_what_a_disk_takes_a_part_of_is_written_whole_or_an_error(tmp_path):
    log, taken = JsonLines(tmp_path / "events.jsonl"), []

    class Stream:
        closed = False

        def write(self, line):
            taken.append(bytes(line[:7]))
            return len(taken[-1])

    log.close()
    log.stream = Stream()
    log.write("x", {"n": 1})
    assert json.loads(b"".join(taken))["n"] == 1


def test_nothing_is_written_through_a_link(tmp_path):
    (tmp_path / "cam").mkdir()
    for name in ("events.jsonl", ".lock.json", "events.1.jsonl"):
        (tmp_path / f"mine_{name}").write_text("mine\n")
        (tmp_path / "cam" / name).symlink_to(tmp_path / f"mine_{name}")
    with pytest.raises(OSError, match="is a link, which events would be written through"):
        JsonLines(tmp_path / "cam" / "events.jsonl")
    (tmp_path / "cam" / "events.jsonl").unlink()
    with owned(tmp_path / "cam", "test", "wait"):
        log = JsonLines(tmp_path / "cam" / "events.jsonl", 1, kept=1)
        for number in range(3):
            log.write("x", {"n": number})
        log.close()
    assert [(tmp_path / f"mine_{name}").read_text() for name in (".lock.json", "events.1.jsonl")] == ["mine\n"] * 2
    assert list(numbered(log.path)) == [3]
    assert part_of(log.path, 3).is_file()


class ShortOfRoom:
    """A file on a disk that may be full: then it takes `taken` bytes more, and says so."""

    def __init__(self, stream, taken):
        self.stream, self.taken, self.left, self.is_full = stream, taken, taken, False

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def write(self, line):
        if not self.is_full:
            self.left = self.taken
            return self.stream.write(line)
        if not self.left:
            raise OSError(errno.ENOSPC, "No space left on device")
        part, self.left = line[: self.left], self.left - len(line[: self.left])
        return self.stream.write(part)


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 200))
def test_on_a_full_disk_records_wait_and_are_written_in_order(tmp_path_factory, room, taken):
    log = JsonLines(tmp_path_factory.mktemp("log") / "events.jsonl")
    log.stream = disk = ShortOfRoom(log.stream, taken)
    for number, has_room in enumerate(room):
        disk.is_full = not has_room
        log.write("x", {"n": number})
        if has_room:
            assert written(log.path) == list(range(number + 1))
    disk.is_full = False
    log.close()
    assert written(log.path) == list(range(len(room)))


def test_beyond_what_memory_holds_the_oldest_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(follow_log, "MOST_WAITING", 3)
    log = JsonLines(tmp_path / "events.jsonl")
    log.stream = disk = ShortOfRoom(log.stream, 0)
    disk.is_full = True
    for number in range(5):
        log.write("x", {"n": number})
    disk.is_full = False
    log.write("x", {"n": 5})
    log.close()
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert [line["n"] for line in lines[:-1]] == [0, 2, 3, 4, 5]  # 0 was begun
    assert (lines[-1]["type"], lines[-1]["records"]) == ("records_lost", 1)


def test_still_full_at_the_end_is_an_error(tmp_path):
    log = JsonLines(tmp_path / "events.jsonl")
    log.stream = disk = ShortOfRoom(log.stream, 0)
    disk.is_full = True
    log.write("x", {"n": 0})
    with pytest.raises(OSError, match="No space left"):
        log.close()
