"""A disk that loses power: what a folder may hold afterwards, at every moment of what was done in it.

While it records, each operation on names and each fsync is noted with what the folder holds then. After a power failure
names may be as they are, or as the last fsync of their folder left them; the bytes of a file may be as they are, as its
last fsync left them, or half of the difference.
"""

import hashlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPERATIONS = ("replace", "rename", "unlink", "remove", "rmdir", "mkdir", "link", "truncate", "fsync")
HALF = "half"


@dataclass(frozen=True)
class State:
    """What may be left: files by their path, and what had been acknowledged by then."""

    files: tuple[tuple[str, bytes | None], ...]  # None: a folder
    acknowledged: Any
    after: str

    def write(self, folder: Path) -> None:
        """Make a folder of it."""
        folder.mkdir(parents=True)
        for name, content in self.files:
            if content is None:
                (folder / name).mkdir(parents=True, exist_ok=True)
            else:
                (folder / name).write_bytes(content)


class Disk:
    """Records what is done below a folder of few and small files."""

    def __init__(self, root: Path):
        self.root, self.acknowledged = root, None
        self.states: dict[str, State] = {}
        self._open: dict[int, int] = {}  # inode -> a descriptor, so that no inode is given again
        self._names: dict[int, dict[str, int]] = {}  # of a folder, as of its last fsync
        self._bytes: dict[int, bytes] = {}  # of a file, as of its last fsync
        self._lock = threading.RLock()

    @contextmanager
    def recording(self) -> Iterator["Disk"]:
        """What is in the folder when it begins is on the disk."""
        for inode in self._tree():
            self._note_sync(inode)
        originals = {name: getattr(os, name) for name in OPERATIONS}
        try:
            for name, original in originals.items():
                setattr(os, name, self._noting(name, original))
            yield self
        finally:
            for name, original in originals.items():
                setattr(os, name, original)
            for handle in self._open.values():
                os.close(handle)

    def acknowledge(self, what: Any) -> None:
        """From here on no power failure may lose it."""
        with self._lock:
            self.acknowledged = what
            self._note("acknowledged")

    def _noting(self, name: str, original: Callable) -> Callable:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                inode = os.fstat(arguments[0]).st_ino if name == "fsync" else 0
                done = original(*arguments, **named)
                if inode:
                    self._tree()
                    self._note_sync(inode)
                self._note(f"{name} {Path(str(arguments[0])).name}")
                return done

        return wrapped

    def _note_sync(self, inode: int) -> None:
        if (handle := self._open.get(inode)) is None:
            return  # elsewhere
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            self._names[inode] = _names_in(handle)
        else:
            self._bytes[inode] = _bytes_of(handle)

    def _note(self, after: str) -> None:
        self._tree()
        for durable_names in (False, True):
            for data in ("now", "synced", HALF):
                files = tuple(self._files(self._root_inode(), "", durable_names, data))
                key = hashlib.sha256(repr((files, self.acknowledged)).encode()).hexdigest()
                self.states.setdefault(key, State(files, self.acknowledged, after))

    def _root_inode(self) -> int:
        return self.root.stat().st_ino

    def _tree(self) -> list[int]:
        """The inodes of all that is there, each held open."""
        found = []
        for place, folders, names in os.walk(self.root):
            for path in (place, *(os.path.join(place, name) for name in (*folders, *names))):
                inode = os.lstat(path).st_ino
                if inode not in self._open:
                    self._open[inode] = os.open(path, os.O_RDONLY)
                found.append(inode)
        return found

    def _files(self, folder: int, prefix: str, durable: bool, data: str) -> Iterator[tuple[str, bytes | None]]:
        handle = self._open[folder]
        names = self._names.get(folder, {}) if durable else _names_in(handle)
        for name, inode in sorted(names.items()):
            if stat.S_ISDIR(os.fstat(self._open[inode]).st_mode):
                yield f"{prefix}{name}", None
                yield from self._files(inode, f"{prefix}{name}/", durable, data)
            else:
                yield f"{prefix}{name}", self._content(inode, data)

    def _content(self, inode: int, data: str) -> bytes:
        now, synced = _bytes_of(self._open[inode]), self._bytes.get(inode, b"")
        if data == HALF and now.startswith(synced):
            return now[: (len(synced) + len(now)) // 2]
        return now if data == "now" else synced


def _names_in(handle: int) -> dict[str, int]:
    with os.scandir(handle) as entries:
        return {entry.name: entry.inode() for entry in entries}


def _bytes_of(handle: int) -> bytes:
    return os.pread(handle, os.fstat(handle).st_size, 0)
