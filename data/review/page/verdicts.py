"""Verdicts made on the page: through the journal of the reel into the windows.csv that the command line works on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from data.disk.lock import owned_reel
from data.reel.reel import Reel
from data.reel.windows import read_windows
from data.review.journal import VERDICT_COLUMNS, Journal, new_id, pending, save
from data.review_processed_data import BY_USER

UNDO_DEPTH = 200


class Verdicts:
    """The window table of one reel and the one way in which the page changes it.

    Safe to use from several threads, and beside other processes that judge the same reel.
    """

    def __init__(self, reel: Reel):
        self.reel, self.journal = reel, Journal(reel.path / "verdicts.jsonl")
        self._lock = threading.RLock()
        self._stamp, self._table = (0, 0), None
        self._actions: list[dict] = []
        if pending(Journal(self.journal.path).entries()):
            with self._saving():
                pass  # puts into the table what a killed server had in the journal alone
        for entry in self.journal.news():
            self._remember(entry)

    @property
    def table(self) -> pd.DataFrame:
        """The windows as they are on disk now, changes by other processes included; not to be changed."""
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

        Raises ValueError for another verdict, KeyError, naming them, for windows that do not exist, and FolderInUse
        when another process does not let go of the reel.
        """
        if verdict not in ("keep", "reject", ""):
            raise ValueError(f"verdict {verdict!r}: expected keep, reject or an empty text")
        with self._saving():
            rows = self._rows(windows)
            at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            after = [verdict, "by hand", BY_USER, at] if verdict else ["", "", "", ""]
            before = self.table.loc[rows, ["window", *VERDICT_COLUMNS]].to_numpy().tolist()
            self._commit({"id": new_id(), "at": at, "after": after, "before": before})
            return len(rows)

    def undo(self) -> list[int]:
        """Take back the last action that is not taken back yet: the windows it changed, or none when there is none.

        A window that got another verdict since, from the command line, keeps it.
        """
        with self._saving():
            if not self._actions:
                return []
            action, table = self._actions[-1], self.table
            rows = pd.Index(table["window"]).get_indexer(pd.Index([row[0] for row in action["before"]]))
            now = table[VERDICT_COLUMNS].to_numpy(object)[rows]
            same = (rows >= 0) & (now == np.array(action["after"], object)).all(axis=1)
            restored = [row for row, is_same in zip(action["before"], same, strict=True) if is_same]
            self._commit({"id": new_id(), "undoes": action["id"], "restored": restored})
            return [row[0] for row in restored]

    def _rows(self, windows: list[int]) -> np.ndarray:
        known = pd.Index(self.table["window"])
        rows = known.get_indexer(pd.Index(windows))
        if (rows < 0).any():
            missing = [w for w, row in zip(windows, rows, strict=True) if row < 0][:5]
            raise KeyError(f"reel {self.reel.name} has no windows {missing}; it has {len(known)}")
        return np.unique(rows)

    @contextmanager
    def _saving(self) -> Iterator[None]:
        """Own the reel, and know what other processes have done to it."""
        with self._lock, owned_reel(self.reel.path, "review"):
            news = self.journal.news()
            for entry in news:
                self._remember(entry)
            if waiting := pending(news):
                self._save(waiting)
            yield

    def _commit(self, entry: dict) -> None:
        self.journal.append(entry)
        self._remember(entry)
        self._save([entry])

    def _save(self, entries: list[dict]) -> None:
        self._table = save(self.reel, self.table, entries, self.journal)
        self._stamp = self._disk_stamp()
        self.journal.news()  # its own lines

    def _remember(self, entry: dict) -> None:
        if "undoes" in entry:
            self._actions = [a for a in self._actions if a["id"] != entry["undoes"]]
        elif "saved" not in entry:
            self._actions = [*self._actions, entry][-UNDO_DEPTH:]

    def _disk_stamp(self) -> tuple[int, int]:
        status = (self.reel.path / "windows.csv").stat()
        return status.st_mtime_ns, status.st_ino
