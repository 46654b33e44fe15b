"""events.jsonl of a stream that is followed: a record a line, in parts of a limited size.

What is written to is `events.jsonl`. One that is full takes the name `events.N.jsonl`, N larger than of all others, and
the latest of these are kept. A part ends after a whole line and is made by one rename: whenever the process is killed,
all that it wrote is there, but for half of its last line.
"""

import errno
import json
import os
import re
import threading
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from data.messages import logger

log = logger(__name__)

NO_LIMIT = 2**62
FULL = (errno.ENOSPC, errno.EDQUOT)
MOST_WAITING = 10_000  # records that wait for room on the disk


class Records(Protocol):
    """Whoever takes in the records of a stream."""

    def write(self, kind: str, facts: dict[str, Any], keep: bool = True) -> None: ...


class JsonLines:
    """A file that JSON records are appended to as they happen; each is printed too.

    most_bytes: of a part, which holds one record at least; kept: former parts beside it. While the disk is full records
    wait in memory, MOST_WAITING at most, and are written in order once there is room: a stream goes on meanwhile.
    Raises OSError where the file is a link, which would be written through.
    """

    def __init__(self, path: Path, most_bytes: int = NO_LIMIT, kept: int = 0):
        self.path, self.folder, self.most_bytes, self.kept = path, path.parent, most_bytes, kept
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Lock()
        self.stream, self.size = self._opened()
        self._waiting: deque[bytes] = deque()
        self._rest = b""  # of the line that was written in part
        self._is_full, self._lost = False, 0

    def write(self, kind: str, facts: dict[str, Any], keep: bool = True) -> None:
        """Print a record, and append it to the file with `keep`."""
        line = self._line(kind, facts)
        with self.lock:
            print(line, flush=True)
            if keep:
                self._waiting.append(line.encode() + b"\n")
            try:
                self._append_waiting()
            except OSError as error:
                self._wait_for_room(error)

    def _line(self, kind: str, facts: dict[str, Any]) -> str:
        return json.dumps({"type": kind, "at": now_utc(), "stream": self.folder.name} | facts, allow_nan=False)

    def close(self) -> None:
        """Raises OSError where records still wait for room."""
        with self.lock:
            try:
                self._append_waiting()
            finally:
                self.stream.close()

    def _append_waiting(self) -> None:
        if self.stream.closed:  # there was no room for a new part
            self.stream, self.size = self._opened()
        while self._rest or self._waiting:
            if not self._rest:
                self._make_room(len(self._waiting[0]))
                self._rest = self._waiting.popleft()
            while self._rest:  # a disk that is nearly full takes a part of it, and then says so
                self._rest = self._rest[self.stream.write(self._rest) :]
            if self._lost and not self._waiting:
                self._waiting.append(self._line("records_lost", {"records": self._lost}).encode() + b"\n")
                self._lost = 0
        self._is_full = False

    def _make_room(self, length: int) -> None:
        """Begin a new part where a line does not fit any more."""
        if self.size and self.size + length > self.most_bytes:
            self._begin_part()
        self.size += length

    def _wait_for_room(self, error: OSError) -> None:
        if error.errno not in FULL:
            raise error
        if not self._is_full:
            log.warning(f"{self.path}: {error.strerror}; events wait in memory until there is room")
        self._is_full = True
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._lost += 1

    def _opened(self):
        """The file, and its size in bytes; half a line that a kill left is closed, so that no record shares it."""
        if self.path.is_symlink():
            raise OSError(f"{self.path} is a link, which events would be written through; put the file itself there")
        stream = self.path.open("ab+", buffering=0)
        if size := stream.seek(0, os.SEEK_END):
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                size += stream.write(b"\n")
        return stream, size

    def _begin_part(self) -> None:
        self.stream.close()
        with suppress(FileNotFoundError):  # somebody has put it away meanwhile
            os.replace(self.path, part_of(self.path, max(numbered(self.path), default=0) + 1))
        former = numbered(self.path)
        for number in sorted(former, reverse=True)[self.kept :]:
            former[number].unlink()
        self.stream, self.size = self._opened()


def part_of(path: Path, number: int) -> Path:
    """The name of a former part."""
    return path.with_name(f"{path.stem}.{number}{path.suffix}")


def numbered(path: Path) -> dict[int, Path]:
    """The former parts that are there, by number."""
    name = re.compile(rf"{re.escape(path.stem)}\.(\d+){re.escape(path.suffix)}", re.ASCII)
    return {int(found[1]): entry for entry in path.parent.iterdir() if (found := name.fullmatch(entry.name))}


def parts(path: Path) -> list[Path]:
    """All that was written and is kept, oldest first; the last one is what is written to."""
    former = [part for _, part in sorted(numbered(path).items())]
    return [*former, path] if path.exists() else former


def now_utc() -> str:
    """The time now, as records have it: ISO 8601 with milliseconds and Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
