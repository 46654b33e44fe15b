"""What several modules need alike and takes seconds: made by the first process of a session that asks for it."""

import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

SHARED: list[Path] = []  # the folder of the session; conftest.py names it


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """The folder of this name, for reading only. make: fills an empty folder; others wait for it meanwhile."""
    folder = SHARED[-1] / name
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            part = folder.with_name(f"{name}.part")
            shutil.rmtree(part, ignore_errors=True)  # of one that failed
            part.mkdir()
            make(part)
            part.rename(folder)
    return folder
