"""Whatever network, disk or process do: alarms are delivered at least once, in order, or told as lost."""

import errno
import json
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.disk.damage import Damaged
from inference.alarms import outbox as module
from inference.alarms.destinations import Refused
from inference.alarms.outbox import Outbox
from tests.support.streams import until


class Receiver:
    """Takes alarms as a script of answers says: None takes it, an exception is raised; afterwards all are taken."""

    told = "receiver"

    def __init__(self, answers=()):
        self.answers, self.got, self.tried = list(answers), [], 0

    def send(self, alarm):
        self.tried += 1
        if answer := self.answers.pop(0) if self.answers else None:
            raise answer
        self.got.append(alarm["n"])


class Told:
    def __init__(self):
        self.records = []

    def __call__(self, kind, facts):
        assert kind == "alarm_lost"
        self.records.append(facts)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.001)
    monkeypatch.setattr(module, "CLOSING_S", 60.0)  # a busy machine may need more than a user would wait


def ended(box, patience_s=0.01):
    """Close as a process does at its end: no thread of it goes on beside the next one that opens the folder."""
    box.close(patience_s)
    until(lambda: not box._thread.is_alive())


def alarm(n, size=0):
    return {"id": f"s-{n}-open", "event": n, "n": n, "picture": "x" * size}


FAULTS = st.lists(st.sampled_from([None, OSError("no network"), RuntimeError("a library's own")]), max_size=12)


@given(answers=FAULTS, counts=st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_all_arrive_in_order_over_broken_networks_and_restarts(tmp_path_factory, answers, counts):
    folder, receiver, sent, told = tmp_path_factory.mktemp("box"), Receiver(answers), 0, Told()
    for count in counts:
        box = Outbox(folder, receiver, 10**6, told)
        for _ in range(count):
            box.put(alarm(sent))
            sent += 1
        ended(box, 0.02)
    box = Outbox(folder, receiver, 10**6, told)
    until(lambda: box.waiting == 0)
    box.close()
    assert sorted(set(receiver.got)) == list(range(sent))
    assert not told.records
    firsts = list(dict.fromkeys(receiver.got))
    assert firsts == sorted(firsts)
    assert not list(folder.glob("*"))


def test_one_that_is_refused_is_told_and_the_next_one_goes(tmp_path):
    receiver, told = Receiver([Refused("too odd")]), Told()
    box = Outbox(tmp_path, receiver, 10**6, told)
    box.put(alarm(1))
    box.put(alarm(2))
    box.close()
    assert receiver.got == [2]
    assert told.records == [{"to": "receiver", "reason": "too odd", "id": "s-1-open", "event": 1}]
    assert (box.waiting, box.delivered, box.lost) == (0, 1, 1)


class Silent(Receiver):
    """Never takes one until it may."""

    def __init__(self):
        super().__init__()
        self.may, self.refused = threading.Event(), 0

    def send(self, alarm):
        if not self.may.is_set():
            self.refused += 1
            raise OSError("not yet")
        super().send(alarm)

    def take(self):
        """From now on, but for what was in the making: that may have been given up meanwhile."""
        before = self.refused
        until(lambda: self.refused > before + 1)
        self.may.set()


def test_beyond_the_limit_the_oldest_are_given_up_and_told(tmp_path):
    receiver, told = Silent(), Told()
    box = Outbox(tmp_path, receiver, 3500, told)
    for n in range(6):
        box.put(alarm(n, 1000))
    assert [facts["event"] for facts in told.records] == [0, 1, 2]
    assert sum(path.stat().st_size for path in tmp_path.glob("*.json")) <= 3500
    receiver.take()
    until(lambda: box.waiting == 0)
    box.close()
    assert receiver.got == [3, 4, 5]


def test_a_full_disk_keeps_them_in_memory_and_later_on_the_disk(tmp_path, monkeypatch):
    receiver, told, full = Silent(), Told(), threading.Event()
    write = module.write_text

    def short(path, text, durable):
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, text, durable)

    monkeypatch.setattr(module, "write_text", short)
    box = Outbox(tmp_path, receiver, 10**6, told)
    box.put(alarm(0))
    full.set()
    box.put(alarm(1))
    assert "No space left" in box.problem or "not yet" in box.problem
    full.clear()
    box.put(alarm(2))
    assert box.waiting == 3
    ended(box)  # nobody takes them
    assert [json.loads(path.read_text())["n"] for path in sorted(tmp_path.glob("*.json"))] == [0, 1, 2]
    receiver.may.set()
    box = Outbox(tmp_path, receiver, 10**6, told)
    until(lambda: box.waiting == 0)
    box.close()
    assert receiver.got == [0, 1, 2]


class Busy(Outbox):
    """Whose thread tells of the network, whatever was told before, as it may at any moment."""

    problem = property(lambda self: "no network", lambda self, told: None)


def test_in_memory_they_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_IN_MEMORY", 3)

    def no_room(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(module, "write_text", no_room)
        told = Told()
        box = Busy(tmp_path, Silent(), 10**6, told)
        for n in range(5):
            box.put(alarm(n))
        assert [facts["event"] for facts in told.records] == [0, 1]
        with pytest.raises(OSError, match=r"3 alarms to receiver lost: .*No space left"):
            box.close(0.01)
        until(lambda: not box._thread.is_alive())


def test_a_damaged_one_is_told_and_the_next_one_goes(tmp_path):
    receiver, told = Silent(), Told()
    box = Outbox(tmp_path, receiver, 10**6, told)
    for n in range(2):
        box.put(alarm(n))
    ended(box)
    first = min(tmp_path.glob("*.json"))
    first.write_bytes(first.read_bytes()[:9])
    receiver.may.set()
    box = Outbox(tmp_path, receiver, 10**6, told)
    until(lambda: box.waiting == 0)
    box.close()
    assert receiver.got == [1]
    assert "is damaged" in told.records[0]["reason"]


@pytest.mark.parametrize(("place", "name", "fault"), [(module, "read_json", Damaged), (Receiver, "send", Refused)])
def test_one_that_is_met_when_who_is_told_has_gone_is_told_by_the_next_one(tmp_path, monkeypatch, place, name, fault):
    """The thread may still be at work on an alarm when its outbox is closed."""
    held, may, told = threading.Event(), threading.Event(), Told()

    def fail(*_):
        held.set()
        may.wait()
        raise fault("it is odd")

    monkeypatch.setattr(place, name, fail)
    box = Outbox(tmp_path, Receiver(), 10**6, told)
    box.put(alarm(0))
    assert held.wait(60)
    box.close(0.01)
    may.set()
    until(lambda: not box._thread.is_alive())
    assert not told.records
    box = Outbox(tmp_path, Receiver(), 10**6, told)
    until(lambda: box.waiting == 0)
    box.close()
    assert [facts["reason"] for facts in told.records] == ["it is odd"]


def test_one_that_is_given_up_while_it_is_read_is_told_once(tmp_path, monkeypatch):
    held, may, told = threading.Event(), threading.Event(), Told()
    receiver, read = Receiver(), module.read_json

    def slow(path, way_out):
        if way_out:  # the delivering thread
            held.set()
            may.wait()
        return read(path, way_out)

    monkeypatch.setattr(module, "read_json", slow)
    box = Outbox(tmp_path, receiver, 1500, told)
    box.put(alarm(0, 1000))
    assert held.wait(60)
    box.put(alarm(1, 1000))
    may.set()
    until(lambda: box.waiting == 0)
    box.close()
    assert ([facts["event"] for facts in told.records], receiver.got, box.lost) == ([0], [1], 1)


class KilledError(BaseException):
    """In place of a SIGKILL."""


def test_a_kill_at_every_step_of_a_put_loses_none_that_was_put(tmp_path, monkeypatch):
    for step in range(6):
        folder, steps, receiver = tmp_path / str(step), iter(range(100)), Silent()
        box = Outbox(folder, receiver, 10**6, Told())
        box.put(alarm(0))
        with monkeypatch.context() as patched:
            for name in ("replace", "fsync"):
                original = getattr(os, name)

                def stepping(*arguments, original=original, steps=steps, step=step):
                    if next(steps) == step:
                        raise KilledError
                    return original(*arguments)

                patched.setattr(os, name, stepping)
            with suppress(KilledError):
                box.put(alarm(1))
        ended(box)
        receiver.may.set()
        again = Outbox(folder, receiver, 10**6, Told())
        until(lambda again=again: again.waiting == 0)
        again.close()
        assert receiver.got in ([0], [0, 1])


def test_what_is_no_alarm_in_the_folder_stays(tmp_path):
    (tmp_path / "mine.json").write_text("{}")
    box = Outbox(tmp_path, Receiver(), 10**6, Told())
    box.put(alarm(0))
    box.close()
    assert [path.name for path in Path(tmp_path).iterdir()] == ["mine.json"]
