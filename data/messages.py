"""What the program says while it works: messages by `logging`, and how far it has come.

Every module says what it has to say to `logger(__name__)`, below the one root `reelwatch`. What a command is run for
(paths of results, events as they come) is printed to stdout; all else goes to stderr. Without `show`, as in a notebook,
only warnings are seen.
"""

import errno
import io
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

ROOT = "reelwatch"
LEVELS = ("debug", "info", "warning", "error")
LINE_EVERY_S = 10.0  # of progress, where the output is no terminal
LINE = "{desc}: {n_fmt}/{total_fmt} {unit}, {rate_fmt}, {remaining} left{postfix}"

WAYS_OUT = {
    errno.EACCES: "choose a place you may write to and files you may read (--data-raw, --data-clips, --model-path)",
    errno.EPERM: "choose a place you may write to and files you may read (--data-raw, --data-clips, --model-path)",
    errno.ENOTDIR: "a file is where a folder is wanted; choose another --data-clips or --model-path",
    errno.EISDIR: "a folder is where a file is wanted; move it away",
    errno.EEXIST: "a file is where a folder is wanted; choose another --data-clips or --model-path",
    errno.EROFS: "choose a place you may write to (--data-clips, --model-path)",
    errno.ENOSPC: "make room on the disk, or choose another place (--data-clips, --model-path), and run it again",
    errno.EFBIG: "a file may not be so large there; choose another place (--data-clips, --model-path), or ulimit -f",
    errno.EDQUOT: "make room on the disk, or choose another place (--data-clips, --model-path), and run it again",
}
WAYS_OUT |= dict.fromkeys((errno.EMFILE, errno.ENFILE), "allow more open files (ulimit -n), or use fewer --workers")
LESS_MEMORY = "lower train.batch_size or eval.batch_size, prep.resize or prep.clip_length, or choose -d cpu"
NO_MEMORY = ("MemoryError", "OutOfMemoryError", "_ArrayMemoryError")  # of Python, torch and NumPy


def logger(module: str) -> logging.Logger:
    """The logger of a module, by its `__name__`."""
    return logging.getLogger(f"{ROOT}.{module}")


log = logger(__name__)


class _Lines(logging.Handler):
    """Plain lines on stderr, above a progress bar if one is drawn there."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            mark = "warning: " if record.levelno == logging.WARNING else ""
            tqdm.write(mark + self.format(record), file=sys.stderr)
        except Exception:
            self.handleError(record)


_LINES = _Lines()


def show(level: str) -> None:
    """Let messages from `level` on, one of LEVELS, be seen on stderr.

    Of several processes that train together all but the first say errors only, or every line would come many times.
    """
    root = logging.getLogger(ROOT)
    root.setLevel(logging.ERROR if os.environ.get("RANK", "0") != "0" else level.upper())
    root.addHandler(_LINES)


class _Into(logging.Handler):
    """Texts of messages into a list."""

    def __init__(self, found: list[str]):
        super().__init__(logging.WARNING)
        self.found = found

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record))


@contextmanager
def gathered() -> Iterator[list[str]]:
    """The warnings of one of many parts of a work, to be told with it; nothing of it is shown meanwhile."""
    root, found = logging.getLogger(ROOT), list[str]()
    level, handlers = root.level, root.handlers[:]
    root.handlers[:] = [_Into(found)]
    root.setLevel(logging.WARNING)
    try:
        yield found
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def shown() -> str:
    """The level that messages are shown from, so that a worker process can show the same."""
    return logging.getLevelName(logging.getLogger(ROOT).getEffectiveLevel()).lower()


class _PlainProgress(tqdm):
    """tqdm's counts as messages, each a line of its own."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Say how far it is; neither at the very beginning, nor (an empty `msg`) to wipe a bar."""
        if msg is None and self.n > self.initial:
            log.info(str(self))


def progress(steps: Iterable | None = None, **settings: Any) -> tqdm:
    """A progress bar, to be used like tqdm's and with its settings: around what is gone through, or by `update`.

    Where stderr is no terminal: a line every LINE_EVERY_S at most, and one at the end (not with leave=False).
    """
    if sys.stderr.isatty():
        settings.setdefault("disable", not log.isEnabledFor(logging.INFO))
        return tqdm(steps, **settings)
    lines = {"file": io.StringIO(), "mininterval": LINE_EVERY_S, "miniters": 1, "bar_format": LINE}
    return _PlainProgress(steps, **lines | settings)


def amount(number: float, noun: str, form: str = "") -> str:
    """A number as `form` writes it, and what it counts: 1 event, 0 events, 0.5 events."""
    text = format(number, form)
    return f"{text} {noun}" if text == "1" else f"{text} {noun}s"


def with_way_out(error: OSError) -> str:
    """The text of an error of the system, with what to do about it where that is known."""
    way_out = WAYS_OUT.get(error.errno or 0)
    return f"{error}; {way_out}" if way_out else str(error)


def unreadable(error: Exception) -> str:
    """The text for whatever a library makes of a damaged file, in a line."""
    first = (str(error).splitlines() or [""])[0]
    return unexpected(error) if isinstance(error, MemoryError) else f"not readable ({type(error).__name__}: {first})"


def unexpected(error: BaseException) -> str:
    """The text for an error that the program did not foresee, in a line."""
    name, first = type(error).__name__, (str(error).splitlines() or [""])[0]
    what = f"{name}: {first}" if first else name
    if name in NO_MEMORY or "out of memory" in first or "allocate memory" in first:
        return f"out of memory ({what}); {LESS_MEMORY}"
    if "CUDA" in first or "cuDNN" in first or "MPS" in first:
        return f"the accelerator failed ({what}); run it again, or choose -d cpu"
    return f"unexpected error: {what}; please report it"
