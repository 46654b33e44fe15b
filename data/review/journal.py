"""verdicts.jsonl of a reel: what was judged, which only grows; windows.csv is the table that it all ends up in.

A line is an action, with what it replaced so that it can be taken back, or the mark that windows.csv holds the actions
it names. Ids are random, so that no two processes ever give the same one. Whoever writes owns the reel meanwhile and
begins with what others have written: none is lost. An action is answered once it, the table and the mark are on the
disk, in this order; what a killed process had in the journal and not yet in the table, the next writer puts there.
"""

import json
import os
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, TypeAdapter

from data.disk.files import harmless, write_csv, write_text
from data.disk.parts import sync
from data.messages import logger
from data.reel.reel import Reel
from data.reel.windows import read_windows

log = logger(__name__)

VERDICT_COLUMNS = ["verdict", "reason", "by", "at"]
Id = int | str
Row = tuple[int, str, str, str, str]  # window and VERDICT_COLUMNS


class _Saved(BaseModel):
    saved: int | list[Id]


class _Judged(BaseModel):
    id: Id
    after: tuple[str, str, str, str]
    before: list[Row]


class _Undone(BaseModel):
    id: Id
    undoes: Id
    restored: list[Row]


ENTRY: TypeAdapter[_Saved | _Undone | _Judged] = TypeAdapter(_Saved | _Undone | _Judged)


class Journal:
    """An append-only file of JSON lines, on disk when `append` returns."""

    def __init__(self, path: Path):
        self.path = path
        self._read = 0  # bytes of it that `news` has returned

    def append(self, entry: dict) -> None:
        """Add one line in one write; half a line that a crash left behind is closed first."""
        if self.path.is_symlink():
            raise OSError(f"{self.path} is a link, which verdicts would be written through; put the file itself there")
        line = json.dumps(entry, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        is_new = not self.path.exists()
        with open(self.path, "ab+", buffering=0) as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
            os.fsync(file.fileno())
        if is_new:
            sync(self.path.parent)

    def entries(self) -> list[dict]:
        """All whole lines; the half line of a crash was never answered and is passed over, an odd one is told."""
        self._read = 0
        return self.news()

    def news(self) -> list[dict]:
        """The lines that came since it was read last, by whichever process."""
        if not self.path.is_file():
            return []
        with open(self.path, "rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]  # another process may be writing the rest
        self._read += len(whole)
        found, odd = [], 0
        for line in whole.splitlines():
            try:
                ENTRY.validate_json(line, strict=True)
                found.append(json.loads(line))
            except ValueError:
                odd += bool(line.strip())
        if odd:
            log.warning(f"{self.path}: {odd} of its lines are no verdicts (or cut off by a crash) and passed over")
        return found


def new_id() -> str:
    """Of an action, like no other."""
    return uuid.uuid4().hex


def pending(entries: list[dict]) -> list[dict]:
    """The actions among journal lines that windows.csv may not hold yet.

    Before, actions were counted, and a mark with a number stood for all up to it.
    """
    waiting: dict[int | str, dict] = {}
    for entry in entries:
        if "saved" not in entry:
            waiting[entry["id"]] = entry
            continue
        saved = entry["saved"]
        for key in list(waiting):
            if key in saved if isinstance(saved, list) else isinstance(key, int) and key <= saved:
                del waiting[key]
    return list(waiting.values())


def save(reel: Reel, table: pd.DataFrame, entries: list[dict], journal: Journal) -> pd.DataFrame:
    """Have windows.csv, which reads as `table`, hold the entries of the journal, and mark them; returns the new table.

    Doing it twice changes nothing. For the owner of the reel.
    """
    table = table.copy()
    rows = np.concatenate([_apply(table, entry) for entry in entries])
    write_rows(reel.path / "windows.csv", table, rows)
    journal.append({"saved": [entry["id"] for entry in entries]})
    return table


def settle(reel: Reel) -> None:
    """Have windows.csv hold all that the journal does. For the owner of the reel, before it writes the table anew."""
    journal = Journal(reel.path / "verdicts.jsonl")
    if waiting := pending(journal.entries()):
        save(reel, read_windows(reel), waiting, journal)


def _apply(table: pd.DataFrame, entry: dict) -> np.ndarray:
    """Set the verdicts of a journal line in place; returns the rows they are in."""
    restored = entry["restored"] if "undoes" in entry else [[row[0], *entry["after"]] for row in entry["before"]]
    values = pd.DataFrame(restored, columns=["window", *VERDICT_COLUMNS])
    rows = pd.Index(table["window"]).get_indexer(pd.Index(values["window"]))
    known = rows >= 0  # a reel prepared anew may have fewer windows than its journal knows
    table.loc[rows[known], VERDICT_COLUMNS] = values.loc[known, VERDICT_COLUMNS].to_numpy()
    return rows[known]


def write_rows(path: Path, table: pd.DataFrame, rows: np.ndarray) -> None:
    """Write a table of which only `rows` differ from the file, on the disk when it returns.

    Their lines are put into the file's text: to format all of 20,000 windows takes ten times as long as the rest of
    a verdict. A file that has not one line a row, because someone edited it, is written anew.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    changed = harmless(table.iloc[rows]).to_csv(index=False, header=False, lineterminator="\n").split("\n")[:-1]
    if len(lines) != len(table) + 2 or not all(lines[:-1]) or lines[-1] or len(changed) != len(rows):
        write_csv(path, table, durable=True)
        return
    for row, line in zip(rows, changed, strict=True):
        lines[row + 1] = line
    write_text(path, "\n".join(lines), durable=True)
