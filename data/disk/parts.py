"""Names for what is being written beside its place, unlike those of any other process, and what killed ones left.

`.NAME.HOST-PID-RANDOM.part` is in the making, `.NAME.HOST-PID-RANDOM.old` is a former folder on its way out.
"""

import hashlib
import os
import re
import secrets
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

MADE = re.compile(r"\.(?P<name>.+)\.(?P<host>[0-9a-f]{6})-(?P<pid>\d+)-[0-9a-f]{8}\.(?P<what>part|old)(\.\w+)?")
SYNC_THREADS = 16
FOREIGN_S = 86_400.0  # what another machine, or a container, has not touched for so long is left over
HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]


def beside(path: Path, what: str, suffix: str = "") -> Path:
    """A hidden name of this process's own in the folder of `path`, for what is "part" or "old"."""
    name = path.name.removesuffix(suffix) if suffix else path.name
    return path.with_name(f".{name}.{HOST}-{os.getpid()}-{secrets.token_hex(4)}.{what}{suffix}")


def remove_folder(path: Path) -> None:
    """Remove a folder that a task which was given up may still write into: it loses its name first, so that nothing new
    gets in while it is emptied. Nothing where it is missing.
    """
    gone = beside(path, "part")
    with suppress(FileNotFoundError):
        os.replace(path, gone)
    shutil.rmtree(gone, ignore_errors=True)


def tidy(folder: Path) -> None:
    """Clear what killed processes left in a folder: a former folder comes back where none took its place, halves go.

    Only names that `beside` makes are touched, and none whose process may still be alive. For the owner of the folder.
    """
    with suppress(FileNotFoundError):
        for entry in sorted(os.scandir(folder), key=lambda found: found.name):
            found = MADE.fullmatch(entry.name)
            if found and _is_left(found, Path(entry.path)):
                _clear(Path(entry.path), folder / found["name"], found["what"])


def _is_left(found: re.Match, path: Path) -> bool:
    if found["host"] == HOST and os.name == "posix":  # elsewhere to ask for a process would be to end it
        return not is_alive(int(found["pid"]))
    with suppress(FileNotFoundError):
        return time.time() - path.lstat().st_mtime > FOREIGN_S
    return False


def _clear(path: Path, place: Path, what: str) -> None:
    if what == "old" and not place.exists():
        os.replace(path, place)
    elif path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def is_alive(pid: int) -> bool:
    """Whether a process of this machine is running."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # another user's
    return True


def make_folder(path: Path, durable: bool = False) -> None:
    """Make a folder, with those above it, where it is missing; durable: a power failure later on leaves it."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing if durable else ():
        sync(folder.parent)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk before going on; nothing where the system can't."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_all(*folders: Path) -> None:
    """`sync` for folders, all files and folders in them."""
    found = [(Path(place), names) for folder in folders for place, _, names in os.walk(folder)]
    with ThreadPoolExecutor(SYNC_THREADS) as pool:  # a disk takes many at once in hardly longer than one
        list(pool.map(sync, [place / name for place, names in found for name in names]))
        list(pool.map(sync, [place for place, _ in found]))
