"""One process at a time writes into a folder; whoever comes second is told who is there.

`.lock` in the folder is locked while it is owned, and `.lock.json` says by whom. The lock is the operating system's,
which takes it back when its owner ends in whatever way. File systems without locks get one that is a file with host
and process, and a dead process of the same host has lost it.
"""

import errno
import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from data.disk.files import write_json
from data.disk.parts import make_folder, tidy
from data.messages import logger

log = logger(__name__)

LOCK_FILES = LOCK, SOFT, OWNER = ".lock", ".lock.soft", ".lock.json"
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
REEL_WAIT_S = 60.0  # for a verdict that another process is saving; it takes milliseconds


class FolderInUse(OSError):
    """Another process writes into the folder."""


@dataclass(frozen=True)
class Owner:
    """Who writes into a folder."""

    mode: str
    pid: int
    host: str
    since_utc: str

    def __str__(self) -> str:
        return f"{self.mode}, process {self.pid} on {self.host}, since {self.since_utc}"


@dataclass
class _Held:
    """A folder's lock in this process: one thread at a time, which may take it again."""

    turn: threading.RLock = field(default_factory=threading.RLock)
    depth: int = 0


_HELD: dict[Path, _Held] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_HELD.clear)  # what the parent owns is not the child's


@contextmanager
def owned(folder: str | Path, mode: str, way_out: str, wait_s: float = 0.0) -> Iterator[None]:
    """Own a folder, which is made where it is missing; what killed processes left in it is cleared first.

    May be nested. wait_s: to wait for another owner at most. Raises FolderInUse, which says who that is and what to do:
    wait, or the `way_out`.
    """
    folder = Path(folder).resolve()
    held = _HELD.setdefault(folder, _Held())
    if not held.turn.acquire(timeout=max(wait_s, 0.0)):
        raise _in_use(folder, way_out)
    try:
        if held.depth:
            yield
            return
        with _locked(folder, mode, way_out, wait_s):
            held.depth += 1
            try:
                yield
            finally:
                held.depth -= 1
    finally:
        held.turn.release()


@contextmanager
def owned_reel(folder: Path, mode: str) -> Iterator[None]:
    """Own a reel for the moment that saving verdicts takes. Raises FolderInUse where that moment does not end."""
    with owned(folder, mode, "review another reel", REEL_WAIT_S):
        yield


def owner_of(folder: str | Path) -> Owner | None:
    """Who owns a folder now; None where nobody does, or this process. Writes nothing."""
    folder = Path(folder).resolve()
    if (held := _HELD.get(folder)) and held.depth:
        return None
    if not any((folder / name).exists() for name in (LOCK, SOFT)):
        return None
    try:
        _acquired(folder, 0.0).release()
    except Timeout:
        return _told(folder)
    except OSError:  # e.g. not ours to write to, which is told where it is looked for
        return None
    return None


def last_owner(folder: str | Path) -> Owner | None:
    """Who is said to own a folder, this process too; whoever was killed is until another comes. None of nobody."""
    with suppress(OSError, ValueError, TypeError):
        return Owner(**json.loads((Path(folder) / OWNER).read_text(encoding="utf-8")))
    return None


@contextmanager
def _locked(folder: Path, mode: str, way_out: str, wait_s: float) -> Iterator[None]:
    is_new = not folder.exists()
    make_folder(folder, durable=True)
    try:
        lock = _acquired(folder, wait_s)
    except Timeout:
        raise _in_use(folder, way_out) from None
    try:
        owner = Owner(mode, os.getpid(), socket.gethostname(), datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"))
        write_json(folder / OWNER, asdict(owner))
        for place in (folder, *(entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink())):
            tidy(place)
        yield
    finally:
        with suppress(OSError):
            (folder / OWNER).unlink(missing_ok=True)
            if is_new and set(os.listdir(folder)) <= {LOCK, SOFT}:  # nothing came of it
                shutil.rmtree(folder)
        lock.release()


def _acquired(folder: Path, wait_s: float) -> BaseFileLock:
    lock: BaseFileLock = FileLock(folder / LOCK, fallback_to_soft=False)
    try:
        lock.acquire(timeout=wait_s, poll_interval=0.01)
    except OSError as error:
        if isinstance(error, Timeout) or error.errno not in NO_LOCKS:
            raise
        _warn_once(folder)
        lock = SoftFileLock(folder / SOFT)
        lock.acquire(timeout=wait_s, poll_interval=0.01)
    return lock


_WARNED: list[Path] = []


def _warn_once(folder: Path) -> None:
    if not _WARNED:
        log.warning(
            f"the file system of {folder} has no locks: {SOFT} there keeps other processes out instead. One that was "
            "killed on another machine has to be removed by hand"
        )
        _WARNED.append(folder)


def _told(folder: Path) -> Owner:
    return last_owner(folder) or Owner("another process", 0, "this or another machine", "just now")


def _in_use(folder: Path, way_out: str) -> FolderInUse:
    return FolderInUse(f"{folder} is in use: {_told(folder)}; wait until that has ended, or {way_out}")
