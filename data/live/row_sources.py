"""Where rows of a series come from while it grows: a table or JSON lines in a file, JSON lines on standard input, the
health of a service as Prometheus text."""

import hashlib
import os
import queue
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from data.live.live_source import is_url, told
from data.live.series_rows import JsonRows, RowForm, Rows, TextRows
from data.sources.base import TableError
from data.sources.table import JSON_LINES, NAMED_SO, TEXT
from data.sources.tables.text_table import FALLBACK

STDIN = "-"
MOST_BYTES = 2**20  # that are read at a time
LONGEST_LINE = 2**24  # bytes; what has no end by then is no table
HEAD_BYTES = 4096  # that a file is known again by
WAITING_LINES = 10_000  # of standard input that nobody has read yet
FEWEST_LINES = 20  # that tell the columns of a table, where fewer do not
FETCH_TIMEOUT_S, MOST_PAGE_BYTES = 10.0, 2**26


class RowSource(Protocol):
    """Where rows come from."""

    told: str
    poll_s: float  # from one look to the next, where nothing came
    is_over: bool  # nothing will come any more
    problem: str
    restarts: int  # files that began anew, or connections

    def poll(self) -> Rows | None:
        """What has come since; None where nothing has. Raises TableError for what can't be followed."""
        ...

    def rest(self) -> Rows | None:
        """What would come at an end: half a line that nobody will complete."""
        ...

    def position(self) -> dict[str, Any]: ...

    def go_to(self, position: dict[str, Any]) -> None:
        """Go on behind what was read before, if it is still the same."""
        ...

    def close(self) -> None: ...


def row_source(address: str, form: RowForm, poll_s: float, cadence_s: float) -> RowSource:
    """The source that an address names. Raises FileNotFoundError, ValueError for one that can't be followed."""
    if address == STDIN:
        return StandardInput(form)
    if is_url(address):
        return MetricsPage(address, form, cadence_s)
    path, name = Path(address), address.lower()
    if not path.is_file():
        raise FileNotFoundError(
            f"--follow {address} is no file; the model was trained on a series: give a table that grows, - for JSON "
            "lines on standard input, or http://HOST:PORT/metrics"
        )
    plain = tuple(s for s in (*NAMED_SO, *TEXT, *JSON_LINES) if s.count(".") == 1)
    if not name.endswith(plain):
        raise ValueError(f"--follow {address}: tables that grow are text, not packed: {', '.join(plain)}")
    return GrowingTable(path, form, poll_s, name.endswith(JSON_LINES))


class GrowingTable:
    """A text file that rows are appended to. Its last line counts once it has an end.

    One that is replaced (another file has its name) is read to its end first; one that was cut short, or written anew,
    is read from its begin.
    """

    def __init__(self, path: Path, form: RowForm, poll_s: float, is_json: bool):
        self.path, self.form, self.poll_s, self.is_json = path, form, poll_s, is_json
        self.told, self.problem, self.is_over, self.restarts = str(path), "", False, 0
        self.names: list[str] | None = None  # of the columns, for one that goes on without them
        self._open()

    def _open(self) -> None:
        self.stream: BinaryIO = self.path.open("rb")
        self.at = 0  # behind the last whole line
        self.read_at = 0
        self.half = b""
        self.first_lines: list[str] = []
        self.head = b""
        self.rows: TextRows | JsonRows | None = JsonRows(self.form) if self.is_json else None

    def poll(self) -> Rows | None:
        if self._was_written_anew():
            return self._anew(None)
        chunk = self.stream.read(MOST_BYTES)
        if not chunk:
            return self._anew(self.rest()) if self._has_successor() else None
        if self.read_at < HEAD_BYTES:
            self.head = (self.head + chunk)[:HEAD_BYTES]
        self.read_at += len(chunk)
        whole, end, half = (self.half + chunk).rpartition(b"\n")
        self.half = half if end else whole + half
        if len(self.half) > LONGEST_LINE:
            raise TableError(f"{self.path}: no line ends within {LONGEST_LINE} bytes; it is no table of text")
        self.at = self.read_at - len(self.half)
        return self._rows(lines_of(whole, self.form.prep.encoding)) if end else None

    def _rows(self, lines: list[str]) -> Rows | None:
        if self.rows is not None:
            return self.rows.read(lines)
        self.first_lines += lines
        try:
            found = TextRows.of(self.form, self.first_lines, self.names)
        except TableError:
            if len(self.first_lines) >= FEWEST_LINES or self.names:
                raise
            return None
        if found is None:
            return None
        self.rows, skipped = found
        self.names = self.rows.layout.names
        lines, self.first_lines = self.first_lines[skipped:], []
        return self.rows.read(lines)

    def rest(self) -> Rows | None:
        half, self.half = self.half, b""
        return self._rows(lines_of(half, self.form.prep.encoding)) if half.strip() else None

    def _was_written_anew(self) -> bool:
        if os.fstat(self.stream.fileno()).st_size < self.read_at:
            return True
        return os.pread(self.stream.fileno(), len(self.head), 0) != self.head

    def _has_successor(self) -> bool:
        try:
            there, own = self.path.stat(), os.fstat(self.stream.fileno())
        except FileNotFoundError:
            self.problem = f"{self.path} is gone"
            return False
        self.problem = ""
        return (there.st_dev, there.st_ino) != (own.st_dev, own.st_ino)

    def _anew(self, last: Rows | None) -> Rows | None:
        self.stream.close()
        self.restarts += 1
        self._open()
        return last

    def position(self) -> dict[str, Any]:
        number = self.rows.number if self.rows else 0
        digest = hashlib.sha256(self.head[: self.at]).hexdigest()
        return {"at": self.at, "row": number, "head": min(len(self.head), self.at), "sha256": digest}

    def go_to(self, position: dict[str, Any]) -> None:
        at, length = int(position["at"]), int(position["head"])
        head = os.pread(self.stream.fileno(), length, 0)
        if os.fstat(self.stream.fileno()).st_size < at or hashlib.sha256(head).hexdigest() != position["sha256"]:
            self.restarts += 1
            return
        while self.at < at and self.rows is None and self.poll() is not None:
            pass  # the first lines tell how all others are read
        if self.rows is None and at:
            return
        self.stream.seek(at)
        self.at = self.read_at = at
        self.half, self.head = b"", os.pread(self.stream.fileno(), min(at, HEAD_BYTES), 0)
        if self.rows is not None:
            self.rows.number = int(position["row"])

    def close(self) -> None:
        self.stream.close()


def lines_of(content: bytes, encoding: str | None) -> list[str]:
    """Raises TableError for text of two bytes a character, whose lines end otherwise."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or (encoding or "").lower().replace("-", "").startswith("utf16"):
        raise TableError("tables that grow are read as UTF-8 or in an encoding of one byte a character, not UTF-16")
    try:
        text = content.decode(encoding or "utf-8", "strict")
    except UnicodeDecodeError:
        text = content.decode(encoding or FALLBACK, "replace")  # as prep reads what is not UTF-8
    text = text.removeprefix("\ufeff")
    return [line.removesuffix("\r") for line in text.split("\n")]


class StandardInput:
    """JSON lines on standard input, until it is closed."""

    poll_s, problem, restarts = 0.1, "", 0

    def __init__(self, form: RowForm, stream: BinaryIO | None = None):
        self.told, self.rows = "standard input", JsonRows(form)
        self.stream = stream or sys.stdin.buffer
        self.lines: queue.Queue[bytes | None] = queue.Queue(WAITING_LINES)
        self.is_over, self._halt = False, threading.Event()
        # A daemon, because who waits for input can't be told to stop.
        threading.Thread(target=self._feed, name="reader", daemon=True).start()

    def _feed(self) -> None:
        for line in self._each():
            while not self._halt.is_set():
                try:
                    self.lines.put(line, timeout=0.1)
                    break
                except queue.Full:
                    continue

    def _each(self) -> Iterator[bytes | None]:
        yield from iter(lambda: self.stream.readline(LONGEST_LINE), b"")
        yield None

    def poll(self) -> Rows | None:
        found: list[str] = []
        while len(found) < WAITING_LINES and not self.is_over:
            try:
                line = self.lines.get_nowait()
            except queue.Empty:
                break
            self.is_over = line is None
            found += [] if line is None else [line.decode("utf-8", "replace").rstrip("\r\n")]
        return self.rows.read(found) if found else None

    def rest(self) -> Rows | None:
        return None  # a last line without an end has come as it is

    def position(self) -> dict[str, Any]:
        return {"row": self.rows.number}

    def go_to(self, position: dict[str, Any]) -> None:
        """Standard input is another one each time."""

    def close(self) -> None:
        self._halt.set()


class MetricsPage:
    """The samples on a page of Prometheus text, one row each time that it is asked: every cadence.

    A variable is `name{label="value",other="value"}` with its labels in the order of the alphabet, or `name` without.
    Time is that of the answer. A page that can't be read leaves a gap, and is asked again at the next turn.
    """

    is_over = False

    def __init__(self, address: str, form: RowForm, cadence_s: float):
        self.address, self.told, self.form, self.poll_s = address, told(address), form, cadence_s
        self.problem, self.restarts, self.number = "", 0, 0
        self.due = time.monotonic()
        if not address.startswith(("http://", "https://")):
            raise ValueError(f"--follow {self.told}: metrics are read from http://... or https://...")
        if not form.has_utc:
            raise ValueError("metrics come at UTC, and the model was trained on a series of relative times")

    def poll(self) -> Rows | None:
        if time.monotonic() < self.due:
            return None
        self.due = max(self.due + self.poll_s, time.monotonic())
        self.number += 1
        try:
            page = self._page()
            now = np.datetime64(time.time_ns() // 1_000_000, "ms")
            found = variables_of(page)
        except (OSError, ValueError) as error:
            self.problem = f"{self.told}: {str(error).replace(self.address, self.told) or type(error).__name__}"
            self.restarts += 1
            return None
        if missing := [name for name in self.form.channels if name not in found]:
            self.problem = f"{self.told} lacks {', '.join(missing[:5])}"
            if len(missing) == len(self.form.channels):
                raise TableError(f"{self.problem}, and all others; it has e.g. {', '.join(list(found)[:8])}")
        else:
            self.problem = ""
        values = np.array([[found.get(name, np.nan) for name in self.form.channels]])
        where = np.array([f"answer {self.number}"], object)
        return Rows(np.array([now]), values, where, np.array([""], object))

    def _page(self) -> str:
        with urllib.request.urlopen(self.address, timeout=FETCH_TIMEOUT_S) as answer:
            return answer.read(MOST_PAGE_BYTES).decode("utf-8", "replace")

    def rest(self) -> Rows | None:
        return None

    def position(self) -> dict[str, Any]:
        return {"row": self.number}

    def go_to(self, position: dict[str, Any]) -> None:
        self.number = int(position["row"])

    def close(self) -> None:
        """Nothing is open between two answers."""


def variables_of(page: str) -> dict[str, float]:
    """Prometheus text -> values by the names of variables; of one that is there twice the first."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
            found.setdefault(f"{sample.name}{{{labels}}}" if labels else sample.name, float(sample.value))
    return found
