"""Labels of one number a sample or frame and nothing else, as test sets have them (SMD's test_label/m-1.txt)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data.labels.by_frame.clips import frame_numbers
from data.labels.by_frame.label_arrays import ARRAYS, labels_in
from data.labels.label_tables import BINARY
from data.labels.label_text import text_of
from data.reel.reel import Reel

FEWEST = 8  # of a file that is told by its cells alone


@dataclass(frozen=True)
class PointLabels:
    """labels: 0 or 1 of each row of a table, or frame, in their order; of every reel that has as many, no other."""

    path: str
    labels: tuple[int, ...]

    def of(self, name: str, table: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame] | None:
        """The labels of the rows of a reel's frames.csv, and the rows that they call anomalous; None of a reel with
        another number of rows.
        """
        numbers = frame_numbers(table)
        is_frame = np.isfinite(numbers)
        if is_frame.sum() != len(self.labels) or sorted(numbers[is_frame]) != list(range(len(self.labels))):
            return None
        labels = np.full(len(table), np.nan)
        labels[is_frame] = np.array(self.labels, float)[numbers[is_frame].astype(int)]
        return pd.Series(labels, table.index), pd.DataFrame({"row": np.flatnonzero(self.labels) + 1})

    def not_in(self, reels: Mapping[str, str]) -> list[str]:
        """No reel is named."""
        return []

    def unmatched(self, reels: Sequence[Path]) -> list[str]:
        """What to say where no reel has as many rows."""
        counts = {path.name: int(np.isfinite(frame_numbers(Reel(path).candidates)).sum()) for path in reels}
        having = [name for name, count in counts.items() if count == len(self.labels)]
        if having:
            several = f"{len(having)} reels, as {', '.join(having[:3])}, have as many: each has these labels"
            return [f"{several}; a folder of such files labels each clip by its name"] if len(having) > 1 else []
        told = ", ".join(f"{name} {count}" for name, count in list(counts.items())[:5])
        return [f"it holds {len(self.labels)} labels, and no reel has as many rows ({told}); nothing is labelled"]


def point_labels(path: str) -> PointLabels | None:
    """Those of a text file, or an array; None where it holds anything else."""
    if path.lower().endswith(ARRAYS):
        labels = labels_in(Path(path))
        return PointLabels(path, tuple(labels.astype(int).tolist()))
    alone = None if path.lower().endswith(BINARY) else labels_alone(text_of(Path(path)))
    return None if alone is None else PointLabels(path, alone)


def labels_alone(text: str) -> tuple[int, ...] | None:
    """The labels of a text that holds one of 0 and 1 in each line, with a name above or without, or all in one line;
    else None.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    cells = re.split(r"[\s,;]+", text.strip("[] \t\r\n,;")) if len(lines) == 1 else text.split()
    named = bool(cells) and not re.fullmatch(r"[01](?:\.0+)?(?:e\+00)?", cells[0], re.IGNORECASE)
    cells = [cell.lower() for cell in cells[named:]]
    if len(cells) < FEWEST or len(lines) not in (1, len(cells) + named):
        return None
    known = {"0", "1"} | {f"{digit}.{'0' * n}{power}" for digit in "01" for n in range(1, 19) for power in ("", "e+00")}
    return tuple(int(cell[0]) for cell in cells) if set(cells) <= known else None
