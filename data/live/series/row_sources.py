"""Where rows of a series come from while it grows: a table or JSON lines, in a file or on standard input, the health of
a service as Prometheus text."""

import gzip
import io
import queue
import sys
import threading
import time
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from data.live.growing.growing_table import GrowingTable
from data.live.growing.lines import Lines, lines_of
from data.live.live_source import is_url, told
from data.live.series.row_form import RowForm, Rows
from data.sources.base import TableError
from data.sources.table import JSON_LINES, NAMED_SO, TEXT

STDIN = "-"
LONGEST_LINE = 2**24  # bytes of standard input
WAITING_LINES = 10_000  # of standard input that nobody has read yet
FETCH_TIMEOUT_S, MOST_PAGE_BYTES = 10.0, 2**26


class RowSource(Protocol):
    """Where rows come from."""

    told: str
    poll_s: float  # from one look to the next, where nothing came
    is_over: bool  # nothing will come any more
    restarts: int  # files that began anew, or connections

    @property
    def problem(self) -> str: ...

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
            f"{address} is no file; the model was trained on a series: give a table that grows, - for "
            "rows on standard input, or http://HOST:PORT/metrics"
        )
    plain = tuple(s for s in (*NAMED_SO, *TEXT, *JSON_LINES) if s.count(".") == 1)
    if not name.endswith(plain):
        raise ValueError(
            f"{address}: tables that grow are text, not packed: {', '.join(plain)}; of a packed one give the rows: "
            f"tail -c +1 -f {path.name} | gunzip | ... --follow -"
        )
    return GrowingTable(path, form, poll_s, name.endswith(JSON_LINES))


class StandardInput:
    """A table, or JSON lines, on standard input, until it is closed."""

    poll_s, restarts = 0.1, 0

    def __init__(self, form: RowForm, stream: BinaryIO | None = None):
        self.told, self.form, self.rows = "standard input", form, Lines(form, None)
        if stream is None and sys.stdin is None:  # as Python has it where a program is started without one
            raise OSError("standard input is closed; give rows on it, or name a table")
        self.stream = stream or sys.stdin.buffer
        self.lines: queue.Queue[bytes | None] = queue.Queue(WAITING_LINES)
        self.is_over, self._halt = False, threading.Event()
        # A daemon, because who waits for input can't be told to stop.
        threading.Thread(target=self._feed, name="reader", daemon=True).start()

    @property
    def problem(self) -> str:
        return self.rows.problem

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
            found += [] if line is None else lines_of(line.rstrip(b"\r\n"), self.form.prep.encoding)
        return self.rows.read(found) if found else None

    def rest(self) -> Rows | None:
        return self.rows.rest()  # a last line without an end has come as it is

    def position(self) -> dict[str, Any]:
        return {}

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
        except (OSError, ValueError, EOFError, zlib.error) as error:  # the last two of packed pages
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
        return Rows(np.array([now]), values, where, np.array([""], object), np.zeros(1))

    def _page(self) -> str:
        with urllib.request.urlopen(self.address, timeout=FETCH_TIMEOUT_S) as answer:
            page = answer.read(MOST_PAGE_BYTES)
            if answer.headers.get("Content-Encoding", "").lower() == "gzip":  # of servers that pack whatever is asked
                with gzip.GzipFile(fileobj=io.BytesIO(page)) as unpacked:
                    page = unpacked.read(MOST_PAGE_BYTES)
            return page.decode("utf-8", "replace")

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
