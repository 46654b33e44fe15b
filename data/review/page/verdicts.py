"""Verdicts made on the page: a journal line first, then the same windows.csv that the command line reads and writes.

verdicts.jsonl in the reel only grows. A line is an action, with what it replaced so that it can be taken back, or the
mark that windows.csv holds all actions above it. An action is answered after both are on disk; what a killed server
had in the journal and not yet in the table is put into the table at the next start.
"""

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from data.reel.files import harmless, write_csv, write_text
from data.reel.reel import Reel
from data.reel.windows import read_windows
from data.review_processed_data import BY_USER

VERDICT_COLUMNS = ["verdict", "reason", "by", "at"]
UNDO_DEPTH = 200


class Journal:
    """An append-only file of JSON lines, on disk when `append` returns."""

    def __init__(self, path: Path):
        self.path = path

    def append(self, entry: dict) -> None:
        """Add one line in one write; half a line that a crash left behind is closed first."""
        line = json.dumps(entry, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        with open(self.path, "ab+", buffering=0) as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
            os.fsync(file.fileno())

    def entries(self) -> list[dict]:
        """All whole lines; the half line of a crash was never answered and is passed over."""
        if not self.path.is_file():
            return []
        found = []
        for line in self.path.read_bytes().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found


class Verdicts:
    """The window table of one reel and the one way in which the page changes it. Safe to use from several threads."""

    def __init__(self, reel: Reel):
        self.reel, self.journal = reel, Journal(reel.path / "verdicts.jsonl")
        self._lock = threading.RLock()
        self._stamp, self._table = (0, 0), None
        self._recover()

    @property
    def table(self) -> pd.DataFrame:
        """The windows as they are on disk now, changes by the command line included; not to be changed."""
        with self._lock:
            stamp = self._disk_stamp()
            if self._table is None or stamp != self._stamp:
                self._table, self._stamp = read_windows(self.reel), stamp
            return self._table

    @property
    def revision(self) -> str:
        """Changes whenever windows.csv does."""
        return "-".join(map(str, self._disk_stamp()))

    def judge(self, windows: list[int], verdict: str | None) -> int:
        """Set "keep", "reject" or "" on windows by their numbers; returns how many.

        Raises ValueError for another verdict and KeyError, naming them, for windows that do not exist.
        """
        if verdict not in ("keep", "reject", ""):
            raise ValueError(f"verdict {verdict!r}: expected keep, reject or an empty text")
        with self._lock:
            rows = self._rows(windows)
            at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            after = [verdict, "by hand", BY_USER, at] if verdict else ["", "", "", ""]
            before = self.table.loc[rows, ["window", *VERDICT_COLUMNS]].to_numpy().tolist()
            self._commit({"id": self._next_id, "at": at, "after": after, "before": before})
            return len(rows)

    def undo(self) -> list[int]:
        """Take back the last action that is not taken back yet: the windows it changed, or none when there is none.

        A window that got another verdict since, from the command line, keeps it.
        """
        with self._lock:
            if not self._actions:
                return []
            action, table = self._actions[-1], self.table
            rows = pd.Index(table["window"]).get_indexer(pd.Index([row[0] for row in action["before"]]))
            now = table[VERDICT_COLUMNS].to_numpy(object)[rows]
            same = (rows >= 0) & (now == np.array(action["after"], object)).all(axis=1)
            restored = [row for row, is_same in zip(action["before"], same, strict=True) if is_same]
            self._commit({"id": self._next_id, "undoes": action["id"], "restored": restored})
            return [row[0] for row in restored]

    def _rows(self, windows: list[int]) -> np.ndarray:
        known = pd.Index(self.table["window"])
        rows = known.get_indexer(pd.Index(windows))
        if (rows < 0).any():
            missing = [w for w, row in zip(windows, rows, strict=True) if row < 0][:5]
            raise KeyError(f"reel {self.reel.name} has no windows {missing}; it has {len(known)}")
        return np.unique(rows)

    def _commit(self, entry: dict) -> None:
        self.journal.append(entry)
        self._remember(entry)
        self._save([entry])

    def _save(self, entries: list[dict]) -> None:
        """Write windows.csv with the entries applied, then the mark; doing it twice changes nothing."""
        table = self.table.copy()
        rows = np.concatenate([_apply(table, entry) for entry in entries])
        write_rows(self.reel.path / "windows.csv", table, rows)
        self._table, self._stamp = table, self._disk_stamp()
        self.journal.append({"saved": entries[-1]["id"]})

    def _remember(self, entry: dict) -> None:
        self._next_id = entry["id"] + 1
        if "undoes" in entry:
            self._actions = [a for a in self._actions if a["id"] != entry["undoes"]]
        else:
            self._actions = [*self._actions, entry][-UNDO_DEPTH:]

    def _recover(self) -> None:
        self._actions, self._next_id = [], 1
        pending: list[dict] = []
        for entry in self.journal.entries():
            if "saved" in entry:
                pending = [p for p in pending if p["id"] > entry["saved"]]
            else:
                self._remember(entry)
                pending.append(entry)
        if pending:
            self._save(pending)

    def _disk_stamp(self) -> tuple[int, int]:
        status = (self.reel.path / "windows.csv").stat()
        return status.st_mtime_ns, status.st_ino


def _apply(table: pd.DataFrame, entry: dict) -> np.ndarray:
    """Set the verdicts of a journal line in place; returns the rows they are in."""
    restored = entry["restored"] if "undoes" in entry else [[row[0], *entry["after"]] for row in entry["before"]]
    values = pd.DataFrame(restored, columns=["window", *VERDICT_COLUMNS])
    rows = pd.Index(table["window"]).get_indexer(pd.Index(values["window"]))
    known = rows >= 0  # a reel prepared anew may have fewer windows than its journal knows
    table.loc[rows[known], VERDICT_COLUMNS] = values.loc[known, VERDICT_COLUMNS].to_numpy()
    return rows[known]


def write_rows(path: Path, table: pd.DataFrame, rows: np.ndarray) -> None:
    """Write a table of which only `rows` differ from the file.

    Their lines are put into the file's text: to format all of 20,000 windows takes ten times as long as the rest of
    a verdict. A file that has not one line a row, because someone edited it, is written anew.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    changed = harmless(table.iloc[rows]).to_csv(index=False, header=False, lineterminator="\n").split("\n")[:-1]
    if len(lines) != len(table) + 2 or not all(lines[:-1]) or lines[-1] or len(changed) != len(rows):
        write_csv(path, table)
        return
    for row, line in zip(rows, changed, strict=True):
        lines[row + 1] = line
    write_text(path, "\n".join(lines))
