"""Labels of one number a sample and nothing else, as test sets come with them (SMD's test_label/machine-1-1.txt)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data.labels.label_tables import BINARY
from data.labels.label_text import text_of
from data.reel.reel import Reel

FEWEST = 8  # of a file that is told by its cells alone
_ROW = re.compile(r"(\d+)$")


@dataclass(frozen=True)
class PointLabels:
    """labels: 0 or 1 of each row of a table, in its order; of every reel that has as many rows, and of no other."""

    path: str
    labels: tuple[int, ...]

    def of(self, name: str, table: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame] | None:
        """The labels of the rows of a reel's frames.csv, and the rows that they call anomalous; None of a reel with
        another number of rows.
        """
        found = [_ROW.search(str(source)) for source in table["source"]]
        rows = [int(match[1]) for match in found if match]
        if len(table) != len(self.labels) or sorted(rows) != list(range(1, len(table) + 1)):
            return None
        labels = pd.Series([float(self.labels[row - 1]) for row in rows], table.index)
        return labels, pd.DataFrame({"row": np.flatnonzero(self.labels) + 1})

    def not_in(self, names: Sequence[str]) -> list[str]:
        """No reel is named."""
        return []

    def unmatched(self, reels: Sequence[Path]) -> list[str]:
        """What to say where no reel has as many rows."""
        counts = {path.name: len(Reel(path).candidates) for path in reels}
        if len(self.labels) in counts.values():
            return []
        told = ", ".join(f"{name} {count}" for name, count in list(counts.items())[:5])
        return [f"it holds {len(self.labels)} labels, and no reel has as many rows ({told}); nothing is labelled"]


def point_labels(path: str) -> PointLabels | None:
    """Those of a text file, or an array; None where it holds anything else."""
    if path.lower().endswith(".npy"):
        found = np.load(path, allow_pickle=False, mmap_mode="r")
        if found.size != max(found.shape, default=1):
            raise ValueError(
                f"{path} holds an array of {' x '.join(map(str, found.shape))}; labels are one 0 or 1 for each "
                "row (of masks: masks.reshape(len(masks), -1).any(axis=1))"
            )
        found = found.ravel()
        return PointLabels(path, tuple(found.astype(int).tolist())) if set(np.unique(found)) <= {0, 1} else None
    alone = None if path.lower().endswith(BINARY) else labels_alone(text_of(Path(path)))
    return None if alone is None else PointLabels(path, alone)


def labels_alone(text: str) -> tuple[int, ...] | None:
    """The labels of a text that holds one of 0 and 1 in each line, with a name above or without; else None."""
    cells = text.split()
    named = bool(cells) and not re.fullmatch(r"[01](?:\.0+)?(?:e\+00)?", cells[0], re.IGNORECASE)
    cells = [cell.lower() for cell in cells[named:]]
    lines = [line for line in text.splitlines() if line.strip()]
    if len(cells) < FEWEST or len(lines) != len(cells) + named:
        return None
    known = {"0", "1"} | {f"{digit}.{'0' * n}{power}" for digit in "01" for n in range(1, 19) for power in ("", "e+00")}
    return tuple(int(cell[0]) for cell in cells) if set(cells) <= known else None
