"""Frame times and labels that come beside the frames: a CSV next to a video or a folder of images."""

from pathlib import Path

import numpy as np
import pandas as pd

from data.sources.base import FrameError, parse_utc

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
            table = pd.read_csv(path, dtype=str)
            table.columns = [c.strip().lower() for c in table.columns]
            column = next((c for c in TIME_COLUMNS if c in table.columns), None)
            if column is None:
                raise FrameError(f"{path.name} has no time column; name one of {', '.join(TIME_COLUMNS)}")
            self.keyed_by_file = "file" in table
            numbers = table.get("frame", pd.Series(np.arange(len(table))))
            keys = table["file"] if self.keyed_by_file else numbers.astype(int)
            labels = table["label"].astype(float) if "label" in table else pd.Series(np.nan, index=table.index)
        except (ValueError, OSError) as error:
            raise FrameError(f"{path.name} is not readable as times: {error}") from None
        self._rows = dict(zip(keys, zip(table[column], labels, strict=True), strict=True))

    def get(self, key: int | str) -> tuple[str, float]:
        """(UTC time, label) of a frame number or file name. Raises FrameError when the CSV lacks it."""
        if key not in self._rows:
            raise FrameError("times CSV has no row for this frame")
        time, label = self._rows[key]
        return parse_utc(str(time)), label


def shift_utc(start_utc: str, seconds: float) -> str:
    """UTC time `seconds` after `start_utc`, with milliseconds."""
    start = np.datetime64(start_utc.replace(" ", "T"), "ms")
    return str(start + np.timedelta64(round(seconds * 1000), "ms"))
