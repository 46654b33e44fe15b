"""One writer a folder: who comes second, what a killed owner leaves, file systems without locks."""

import errno
import json
import os
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from data.disk import lock
from data.disk.lock import OWNER, FolderInUse, owned, owned_reel, owner_of
from data.disk.parts import HOST
from tests.support.holder import held_elsewhere


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_second_is_told_who_is_there_and_what_to_do(tmp_path):
    with held_elsewhere(tmp_path / "reels") as pid:
        owner = owner_of(tmp_path / "reels")
        with pytest.raises(FolderInUse) as refused, owned(tmp_path / "reels", "prep", "choose another --data-clips"):
            pass
    assert (owner.mode, owner.pid) == ("prep", pid)
    text = str(refused.value)
    assert f"{tmp_path}/reels is in use: prep, process {pid} on {owner.host}, since {owner.since_utc}" in text
    assert text.endswith("wait until that has ended, or choose another --data-clips")
    assert "\n" not in text


def test_a_killed_owner_has_lost_the_folder_and_its_leavings_go(tmp_path):
    (tmp_path / "cam").mkdir()
    with held_elsewhere(tmp_path) as pid:
        left = tmp_path / "cam" / f".frames.{HOST}-{pid}-0123abcd.part.csv"
        left.write_text("half")
    assert owner_of(tmp_path) is None
    with owned(tmp_path, "prep", ""):
        assert json.loads((tmp_path / ".lock.json").read_text())["pid"] == os.getpid()
        assert names(tmp_path / "cam") == []
    assert names(tmp_path) == [".lock", "cam"]


def test_an_owner_may_own_again_and_its_threads_wait_for_each_other(tmp_path):
    order = []

    def other():
        with owned(tmp_path, "b", "", wait_s=30):
            order.append("other")

    with owned(tmp_path, "a", ""):
        thread = threading.Thread(target=other)
        thread.start()
        with owned(tmp_path, "a", ""):
            order.append("inner")
        with pytest.raises(FolderInUse):
            run_in_thread(lambda: owned(tmp_path, "c", "").__enter__())
        order.append("outer")
    thread.join()
    assert order == ["inner", "outer", "other"]


def run_in_thread(work):
    raised = []

    def run():
        try:
            work()
        except FolderInUse as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def test_waiting_ends_when_the_owner_does(tmp_path):
    with held_elsewhere(tmp_path) as pid:
        threading.Timer(0.05, os.kill, (pid, 9)).start()
        with owned_reel(tmp_path, "review"):
            assert json.loads((tmp_path / OWNER).read_text())["pid"] == os.getpid() != pid


def test_a_folder_that_nothing_came_of_is_gone(tmp_path):
    with pytest.raises(ValueError, match="no input"), owned(tmp_path / "new", "prep", ""):
        raise ValueError("no input")
    assert names(tmp_path) == []
    with owned(tmp_path / "new", "prep", ""):
        (tmp_path / "new" / "a").touch()
    assert names(tmp_path / "new") == [".lock", "a"]


def test_looking_for_an_owner_writes_nothing(tmp_path):
    assert owner_of(tmp_path) is None
    assert owner_of(tmp_path / "nowhere") is None
    assert names(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_locks_gets_a_file_for_one(tmp_path, monkeypatch, caplog, code):
    def without(self, *arguments, **named):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(FileLock, "acquire", without)
    monkeypatch.setattr(lock, "_WARNED", [])
    with owned(tmp_path, "prep", ""):
        assert (tmp_path / ".lock.soft").exists()
    with held_elsewhere(tmp_path), pytest.raises(FolderInUse, match="is in use: prep"), owned(tmp_path, "prep", ""):
        pass
    with owned(tmp_path, "prep", ""):  # its owner was killed
        pass
    assert not (tmp_path / ".lock.soft").exists()
    assert caplog.text.count("has no locks") == 1


def test_a_folder_that_may_not_be_written_to_is_no_folder_in_use(tmp_path, monkeypatch):
    def denied(self, *arguments, **named):
        raise PermissionError(errno.EACCES, "Permission denied", str(Path(tmp_path) / ".lock"))

    monkeypatch.setattr(FileLock, "acquire", denied)
    with pytest.raises(PermissionError), owned(tmp_path, "prep", ""):
        pass
