"""A folder on a disk of a chosen size: a tmpfs that only this process and its children see, and which ends with them.

Where the system allows none (neither root nor user namespaces), the size of every single file is limited instead.
"""

import contextlib
import ctypes
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEW_MOUNTS, NEW_USER = 0x00020000, 0x10000000  # flags of unshare(2)
PRIVATE, REMOUNT, DETACH = (1 << 18) | (1 << 14), 32, 2  # of mount(2), with MS_REC, and umount2(2)
ROOMY = 2 * 2**30
FILES = 4  # a file has about such a part of all that a mode writes


class SmallDisk:
    """A tmpfs, roomy at first."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._mount(0, ROOMY)

    def _mount(self, flags: int, size: int) -> None:
        _call("mount", b"small", os.fsencode(self.folder), b"tmpfs", flags, f"size={size}".encode())

    @property
    def used(self) -> int:
        """Bytes that are taken."""
        found = os.statvfs(self.folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    @contextmanager
    def with_free(self, free: int) -> Iterator[None]:
        """So many bytes are free meanwhile."""
        self._mount(REMOUNT, max(self.used + free, 1))
        try:
            yield
        finally:
            self._mount(REMOUNT, ROOMY)

    def end(self) -> None:
        """Take it away, with all that is on it."""
        _call("umount2", os.fsencode(self.folder), DETACH)


class ShortFiles:
    """In place of a small disk: no file may be longer than a part of what is said to be free."""

    def __init__(self, folder: Path):
        self.folder = folder

    @property
    def used(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    @contextmanager
    def with_free(self, free: int) -> Iterator[None]:
        """As that of SmallDisk."""
        before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (free // FILES, most))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))

    def end(self) -> None:
        """Nothing is left of it."""


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk | ShortFiles]:
    """A small disk at an empty folder. This process leaves the mounts of others behind for ever."""
    try:
        _own_mounts()
        disk: SmallDisk | ShortFiles = SmallDisk(folder)
    except OSError as error:
        print(f"no small disk here ({error}): the length of files is limited instead", flush=True)
        disk = ShortFiles(folder)
    try:
        yield disk
    finally:
        disk.end()


def _own_mounts() -> None:
    user, group = os.getuid(), os.getgid()
    _call("unshare", NEW_MOUNTS if user == 0 else NEW_MOUNTS | NEW_USER)
    if user != 0:
        with contextlib.suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _call("mount", b"none", b"/", None, PRIVATE, None)


def _call(name: str, *arguments: bytes | int | None) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
