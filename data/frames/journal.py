"""Which rows of a reel in the making are decoded: journal.jsonl, a line of facts each.

Lines are written at once, so that a kill loses nothing; the pixels they speak of are on the disk only later, as each
task would else wait for it. A mark `{"on_disk": BOOT}` says that all above it are, and in which run of the machine what
follows is written: after a power failure that is not trusted, and decoded again. Where the system does not tell its
runs apart, all is marked at once.
"""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from data.disk.parts import sync

NAME, MARK = "journal.jsonl", "on_disk"
PIXELS = ("decoded.npy", "bits.npy")
SYNC_EVERY_S = 60.0
BOOT = Path("/proc/sys/kernel/random/boot_id")


def boot() -> str:
    """Names the run of the machine since it was switched on; empty where the system does not tell."""
    return BOOT.read_text(encoding="ascii").strip() if BOOT.is_file() else ""


def read_journal(part: Path) -> dict[tuple[int, int], dict]:
    """Facts of decoded frames by (row, channel); what can't be trusted is cut off the file.

    That is a last line torn by a kill (the next starts clean), and what a power failure may have taken the pixels of.
    """
    path = part / NAME
    if not path.is_file():
        return {}
    text = path.read_bytes()
    lines = text[: text.rfind(b"\n") + 1].splitlines(keepends=True)
    trusted = lines[: _trusted([json.loads(line) for line in lines])]
    if (size := sum(map(len, trusted))) < len(text):
        os.truncate(path, size)
    facts = [json.loads(line) for line in trusted]
    return {(f["row"], f["channel"]): f for f in facts if MARK not in f}


def _trusted(facts: Sequence[dict]) -> int:
    marks = [number for number, fact in enumerate(facts) if MARK in fact]
    if not marks or facts[marks[-1]][MARK] == boot():
        return len(facts)
    return marks[-1] + 1


class Journal:
    """The journal of a folder in the making, to be appended to.

    Raises OSError where pixels can't be brought to the disk, as late as at its end.
    """

    def __init__(self, part: Path):
        self.part = part

    def __enter__(self) -> "Journal":
        self.file = (self.part / NAME).open("a", encoding="utf-8", newline="\n")
        self.pixels = [np.load(self.part / name, mmap_mode="r+", allow_pickle=False) for name in PIXELS]
        self._mark()
        for folder in (self.part, self.part.parent):
            sync(folder)
        return self

    def add(self, facts: Sequence[dict]) -> None:
        """Note decoded frames, whose pixels are written."""
        self._write(facts)
        if time.monotonic() - self.marked_at > SYNC_EVERY_S or not boot():
            self._mark()

    def _mark(self) -> None:
        for name, pixels in zip(PIXELS, self.pixels, strict=True):
            pixels.flush()  # what workers of this machine have written in maps of their own, too
            sync(self.part / name)
        self._write([{MARK: boot()}])
        os.fsync(self.file.fileno())
        self.marked_at = time.monotonic()

    def _write(self, facts: Sequence[dict]) -> None:
        self.file.write("".join(json.dumps(fact) + "\n" for fact in facts))
        self.file.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._mark()
        finally:
            self.pixels.clear()  # some systems remove no file that is mapped
            self.file.close()
