"""The table of times that are wanted of a download, and what became of each: `manifest.csv` beside the files."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from data.disk.files import write_csv
from data.sources.base import MANIFEST
from data.sources.times.utc import iso_ms

WANTED, DOWNLOADED, NO_OBSERVATION, FAILED = "wanted", "downloaded", "no observation", "failed"


@dataclass
class Row:
    """One wanted time of one channel. `record` is the archive's own name of the observation nearest to it."""

    wavelength: str
    level: str
    wanted_utc: str
    record_utc: str = ""
    record: str = ""
    url: str = ""
    file: str = ""
    status: str = WANTED
    reason: str = ""
    bytes: str = ""
    sha256: str = ""


class Manifest:
    """The rows that are wanted now, on top of those of earlier runs, kept in `folder/manifest.csv`.

    Raises ValueError when the file that is there holds something else, or frames of another level.
    """

    def __init__(self, folder: Path, wavelength: int, level: str, times: np.ndarray):
        self.folder, self.path = folder, folder / MANIFEST
        self._all = {row.wanted_utc: row for row in _read(self.path)}
        if other := {row.level for row in self._all.values()} - {level}:
            raise ValueError(f"{folder} holds frames of level {', '.join(other)}; choose another --data-raw")
        self.rows = []
        for wanted_utc in map(iso_ms, times):
            row = self._all.setdefault(wanted_utc, Row(str(wavelength), level, wanted_utc))
            if not self._is_settled(row):
                row = self._all[wanted_utc] = Row(str(wavelength), level, wanted_utc)
            self.rows.append(row)
        self.write()

    def missing(self) -> list[Row]:
        """Rows still to be fetched.

        That there is no observation is an answer and not asked for again; without the manifest it is, and the files
        that are there are still kept.
        """
        return [row for row in self.rows if row.status not in (DOWNLOADED, NO_OBSERVATION)]

    def count(self, status: str) -> int:
        """How many of the rows wanted now have this status."""
        return sum(row.status == status for row in self.rows)

    def write(self) -> None:
        """Put the table on disk, atomically."""
        columns = [field.name for field in fields(Row)]
        rows = [vars(self._all[time]) for time in sorted(self._all)]
        write_csv(self.path, pd.DataFrame(rows, columns=columns))

    def _is_settled(self, row: Row) -> bool:
        if row.status == DOWNLOADED:
            path = self.folder / row.file
            return path.is_file() and str(path.stat().st_size) == row.bytes
        return row.status == NO_OBSERVATION


def wanted_times(start: str, end: str, cadence_sec: float) -> np.ndarray:
    """Times from `start` to `end`, both included, every `cadence_sec`: `(N,)` datetime64[ms], UTC."""
    first, last = (np.datetime64(text.replace(" ", "T"), "ms") for text in (start, end))
    n = int((last - first) / np.timedelta64(1, "ms") / (1e3 * cadence_sec) + 1e-6) + 1
    return first + np.round(np.arange(n) * 1e3 * cadence_sec).astype("timedelta64[ms]")


def _read(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return [Row(**row) for row in cast("list[dict[str, str]]", table.to_dict("records"))]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is no manifest of downloads ({error}); move it away") from None
