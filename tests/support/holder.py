"""Another process that owns a folder, until it is told to end or is killed."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.disk.lock import owned


@contextmanager
def held_elsewhere(folder: Path, mode: str = "prep") -> Iterator[int]:
    """The process that owns the folder meanwhile; it is killed at the end."""
    ready, told = os.pipe()
    child = os.fork()
    if not child:
        try:
            with owned(folder, mode, "choose another"):
                os.write(told, b".")
                signal.pause()
        finally:
            os._exit(1)
    try:
        assert os.read(ready, 1) == b"."
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(told)
