"""Frame times and labels that come beside the frames: a CSV next to a video or a folder of images."""

import csv
import re
from pathlib import Path

from data.sources.base import FrameError
from data.sources.times import parse_utc

TIME_COLUMNS = ("time_utc", "date_obs", "utc", "time", "timestamp", "date")


def find_times_csv(path: Path, given: str | None) -> Path | None:
    """The times CSV of a video or image folder: the given one, else `<stem>_frame_times.csv` or `<stem>.csv` beside it.

    Raises FrameError when the given file does not exist.
    """
    if given:
        if not Path(given).is_file():
            raise FrameError(f"prep.times_csv {given} does not exist")
        return Path(given)
    names = (f"{path.stem}_frame_times.csv", f"{path.stem}.csv", f"{path.name}.csv")
    places = [path.with_name(name) for name in names] + ([path / "times.csv"] if path.is_dir() else [])
    return next((place for place in places if place.is_file()), None)


class FrameTimes:
    """Times and labels by frame number or file name, read from a CSV.

    Columns: a time (one of TIME_COLUMNS), and optionally `frame` (number), `file` (name) and `label` (0/1). Without
    `frame` and `file` the rows are in frame order. Raises FrameError when there is no time column or no table.
    """

    def __init__(self, path: Path):
        try:
            rows = _read_rows(path)
            column = next((name for name in TIME_COLUMNS if name in rows[0]), None)
            self.keyed_by_file = "file" in rows[0]
            keys = [row["file"] if self.keyed_by_file else int(row.get("frame", i)) for i, row in enumerate(rows)]
            labels = [float(row.get("label") or "nan") for row in rows]
        except (ValueError, OSError, csv.Error) as error:
            raise FrameError(f"{path.name} is not readable as times: {error}") from None
        if column is None:
            raise FrameError(f"{path.name} has no time column; name one of {', '.join(TIME_COLUMNS)}")
        self._rows = {key: (row[column], label) for key, row, label in zip(keys, rows, labels, strict=True)}

    def get(self, key: int | str) -> tuple[str, float]:
        """(UTC time, label) of a frame number or file name. Raises FrameError when the CSV lacks it."""
        if key not in self._rows:
            raise FrameError("times CSV has no row for this frame")
        time, label = self._rows[key]
        return parse_utc(time), label


def _read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV by their column names in lower case. Raises ValueError for an empty or ragged one."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        lines = [line for line in csv.reader(stream, strict=True) if line]
    if len(lines) < 2:
        raise ValueError("it holds no row")
    names = [name.strip().lower() for name in lines[0]]
    return [dict(zip(names, line, strict=True)) for line in lines[1:]]


def table_stem(path: Path) -> str:
    """The name of a file of samples without its suffixes."""
    return re.sub(r"\.(csv|tsv|parquet|npz|npy|ts|fits|fts|fit|nc)(\.gz)?$", "", path.name, flags=re.IGNORECASE)
