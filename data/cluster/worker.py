"""The part of a cluster that runs in its workers. Nothing of Dask is imported here."""

import contextlib
import platform
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import astropy
import av
import cv2
import numpy as np

from data.memory import keep_memory
from data.messages import show
from data.version import program_version

_TURN = threading.Lock()  # workers with several threads: decoders have state of their own, so one task at a time


@dataclass(frozen=True)
class Facts:
    """What a machine has: versions that decide results, and which of the asked places it does not see."""

    versions: dict[str, str]
    unseen: tuple[str, ...]


def facts_of(places: Sequence[str]) -> Facts:
    """The facts of the process that this runs in."""
    versions = {"this program": program_version(), "python": platform.python_version()}
    versions |= {module.__name__: module.__version__ for module in (np, astropy, cv2, av)}
    return Facts(versions, tuple(place for place in places if not Path(place).exists()))


def on_worker(log_level: str, folder: str, fn: Callable, /, *args: Any, **kwargs: Any) -> Any:
    """Run a task as a worker process of one machine would: in the folder that the command was given in."""
    with _TURN, contextlib.chdir(folder) if Path(folder).is_dir() else contextlib.nullcontext():
        show(log_level)
        cv2.setNumThreads(1)
        keep_memory()
        return fn(*args, **kwargs)


def apply(call: Callable[[], Any]) -> Any:
    """What it gives."""
    return call()


def must_see(paths: Sequence[str | Path]) -> None:
    """Raise FileNotFoundError for a file that is not seen here, for which its frames would else be rejected."""
    for path in paths:
        if not Path(path).exists():
            raise FileNotFoundError(f"{path} is not seen on {platform.node()}, a worker; it was when prep began")
