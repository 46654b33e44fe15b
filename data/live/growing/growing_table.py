"""A table in a file that rows are appended to, as loggers write, rotate and lose it."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from data.live.growing.days import later_files
from data.live.growing.lines import Lines, lines_of
from data.live.series.row_form import RowForm, Rows
from data.messages import logger
from data.sources.base import TableError

log = logger(__name__)

MOST_BYTES = 2**20  # that are read at a time
MOST_ZEROS = 2**26  # bytes that are looked through for what may come behind them
LONGEST_LINE = 2**24  # bytes; what has no end by then is no table
HEAD_BYTES = 4096  # that a file is known again by
MOST_FILES = 1000  # of a folder that are looked at for one that was moved away


class GrowingTable:
    """A text file that rows are appended to. Its last line counts once it has an end.

    One that is moved away is read to its end first, once another file of its name holds something. One that was cut
    short, or written anew, is read from its begin; what of it had not been read is looked for in a copy beside it.
    One whose name holds a day goes on in that of the next.
    Zeros at its end are content that is still to come, as of shares, or never will, as where the power failed.
    """

    def __init__(self, path: Path, form: RowForm, poll_s: float, is_json: bool):
        self.path, self.form, self.poll_s, self.is_json = path, form._replace(file=path.name), poll_s, is_json
        self.told, self.is_over, self.restarts = str(path), False, 0
        self.away = ""  # why the file can't be read just now
        self.names: list[str] | None = None  # of the columns, for one that goes on without them
        self._begin(path.open("rb"))

    def _begin(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.at = 0  # behind the last whole line
        self.read_at = 0
        self.half = b""
        self.head = b""
        self.lines = Lines(self.form, self.is_json, self.names)

    @property
    def problem(self) -> str:
        return self.away or self.lines.problem

    def poll(self) -> Rows | None:
        self.away = ""
        try:
            return self._poll()
        except OSError as error:  # a share that is away for a while, after which what was open may be of no use
            self.away = f"{self.path}: {error.strerror or error}"
            self._open_again()
            return None

    def _poll(self) -> Rows | None:
        if self._was_written_anew():
            return self._anew(self._rest_elsewhere())
        chunk = self._written()
        if not chunk:
            if self._has_successor():
                return self._anew(self._half_line())
            return self._go_on(later[0]) if (later := later_files(self.path)) else None
        if len(self.head) < HEAD_BYTES:
            self.head = os.pread(self.stream.fileno(), min(self.read_at, HEAD_BYTES), 0)
        whole, end, half = (self.half + chunk).rpartition(b"\n")
        self.half = half if end else whole + half
        if len(self.half) > LONGEST_LINE:
            raise TableError(f"{self.path}: no line ends within {LONGEST_LINE} bytes; it is no table of text")
        self.at = self.read_at - len(self.half)
        return self._rows(whole) if end else None

    def _rows(self, content: bytes) -> Rows | None:
        found = self.lines.read(lines_of(content, self.form.prep.encoding))
        self.names = self.lines.names
        return found

    def _written(self) -> bytes:
        """What was written behind what is read, up to zeros at the end of the file."""
        chunk, skipped = self.stream.read(MOST_BYTES), 0
        while len(chunk) == MOST_BYTES and not chunk.strip(b"\0") and skipped < MOST_ZEROS:
            chunk, skipped = self.stream.read(MOST_BYTES), skipped + len(chunk)
        written = chunk.rstrip(b"\0")
        if len(written) < len(chunk) or skipped:
            self.stream.seek(self.read_at + (skipped + len(written) if written else 0))
        self.read_at += skipped + len(written) if written else 0
        return written

    def rest(self) -> Rows | None:
        found = self._half_line()
        return self.lines.rest() if found is None else found

    def _half_line(self) -> Rows | None:
        half, self.half = self.half, b""
        return self._rows(half) if half.strip() else None

    def _was_written_anew(self) -> bool:
        if os.fstat(self.stream.fileno()).st_size < self.read_at:
            return True
        return os.pread(self.stream.fileno(), len(self.head), 0) != self.head

    def _has_successor(self) -> bool:
        """Whether a file of this name is another one, and holds something: until then this one may go on."""
        try:
            there, own = self.path.stat(), os.fstat(self.stream.fileno())
        except FileNotFoundError:
            self.away = f"{self.path} is gone"
            return False
        return (there.st_dev, there.st_ino) != (own.st_dev, own.st_ino) and there.st_size > 0

    def _rest_elsewhere(self) -> Rows | None:
        """What was not read of a file that was copied and cut short, as far as its copy can be read at once."""
        copy = moved_to(self.path, self.head, self.read_at)
        if copy is None:
            return None
        with copy.open("rb") as stream:
            stream.seek(self.at)
            left = stream.read(LONGEST_LINE)
        return self._rows(left.rstrip(b"\n")) if left.strip() else None

    def _anew(self, last: Rows | None) -> Rows | None:
        stream = self.path.open("rb")
        self.stream.close()
        self.restarts += 1
        self._begin(stream)
        return self._poll() if last is None else last  # whoever waits for rows would take the change for silence

    def _go_on(self, later: Path) -> Rows | None:
        """Go on with the file of the next day or hour, once it holds something."""
        log.info(f"{self.path.name} is read to its end; {later.name} goes on")
        last = self._half_line()
        self.path, self.form = later, self.form._replace(file=later.name)
        return self._anew(last)

    def _open_again(self) -> None:
        try:
            stream = self.path.open("rb")
            stream.seek(self.read_at)
        except OSError:
            return
        self.stream.close()
        self.stream = stream

    def position(self) -> dict[str, Any]:
        number = self.lines.rows.number if self.lines.rows else 0
        head = self.head[: self.at]
        digest = hashlib.sha256(head).hexdigest()
        return {"at": self.at, "row": number, "head": len(head), "sha256": digest, "names": self.names}

    def go_to(self, position: dict[str, Any]) -> None:
        """Go on behind what was read, first in the file that was moved away meanwhile, if it is found."""
        self.names = position.get("names")
        at, length, digest = int(position["at"]), int(position["head"]), position["sha256"]
        if not _is_same(self.path, length, digest, at):
            self.restarts += 1
            later = later_files(self.path)
            moved = next((path for path in (*later, *_beside(self.path)) if _is_same(path, length, digest, at)), None)
            if moved is None or not at:
                return
            self.stream.close()
            if moved in later:
                self.path, self.form = moved, self.form._replace(file=moved.name)
            self._begin(moved.open("rb"))
        while self.at < at and self.lines.rows is None and self.poll() is not None:
            pass  # the first lines tell how all others are read
        if self.lines.rows is None and at:
            return
        self.stream.seek(at)
        self.at = self.read_at = at
        self.half, self.head = b"", os.pread(self.stream.fileno(), min(at, HEAD_BYTES), 0)
        if self.lines.rows is not None:
            self.lines.rows.number = int(position["row"])

    def close(self) -> None:
        self.stream.close()


def moved_to(path: Path, head: bytes, size: int) -> Path | None:
    """The file beside `path` that begins as it did, and is as long as what was read of it; None without one."""
    digest = hashlib.sha256(head).hexdigest()
    found = (other for other in _beside(path) if _is_same(other, len(head), digest, size))
    return next(found, None) if head else None


def _beside(path: Path) -> Iterator[Path]:
    """Other files whose names begin or end alike, as rotation leaves them: the latest first."""
    try:
        names = sorted(other.name for other in path.parent.iterdir() if other.name.startswith(path.stem))
        found = [other for name in names[:MOST_FILES] if (other := path.parent / name) != path and other.is_file()]
        return iter(sorted(found, key=lambda other: other.stat().st_mtime, reverse=True))
    except OSError:
        return iter(())


def _is_same(path: Path, length: int, digest: str, size: int) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(length)
            return hashlib.sha256(head).hexdigest() == digest and os.fstat(stream.fileno()).st_size >= size
    except OSError:
        return False
