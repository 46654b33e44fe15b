"""Frame times and labels that come beside the frames: a CSV next to a video or a folder of images."""

import mimetypes
import os
import re
import unicodedata
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.base import LOOKED_AT_BYTES, FrameError, TableError
from data.sources.tables.bare_times import bare_times
from data.sources.tables.text_table import read_text
from data.sources.tables.values.cells import labels_of
from data.sources.times.cells import times_of
from data.sources.times.column import TIME_COLUMNS, time_column
from data.sources.times.found import Times
from data.sources.times.utc import iso_ms

FRAME_COLUMNS = ("frame", "frame_number", "frame_id", "index")
FILE_COLUMNS = ("file", "filename", "file_name", "image", "path", "name")
LABEL_COLUMNS = ("label", "labels", "is_anomaly", "anomaly")
# What a table is called that holds the times of all that lies beside it, and behind the name of one video or folder.
NAMED = tuple(
    f"{stem}.{kind}" for stem in ("times", "timestamps", "frame_times", "timecodes") for kind in ("csv", "txt")
)
OF_ONE = tuple(f"{sign}{name}" for sign in "_-." for name in NAMED)
LISTS = (".txt", ".pts", ".tsc")  # taken where a comment above says that they hold times
_HEAD = (
    rb"(?:\s*format|.*(?:file|image|frame)|[ \t]*(?:[\[(].*[\])])?[ \t\r]*(?:\n|$))"  # and of nothing else beside them
)
OF_TIMES = re.compile(rb"\s*(?:#.*\n\s*)*#\s*time(?:stamps?|codes?)\b" + _HEAD, re.IGNORECASE)
DATA = ("data", "image", "images", "frames")  # folders of pictures that the one around them is called for
NOT_IN_IT = "times CSV has no row for this frame"


def find_times_csv(path: Path, given: str | None) -> Path | None:
    """The times CSV of a video or image folder: the given one, else `<stem>_frame_times.csv` (or another of OF_ONE) or
    `<stem>.csv` beside it, or a list `<stem>.txt` that a comment calls one of times (TUM's rgb.txt, mkvmerge's), or one
    of NAMED in the folder, or beside a folder of pictures called data, image(s) or frames that is the only one
    there (KITTI's image_00/data), or beside a file that is the only one of its kind there.

    Raises FrameError when the given file does not exist.
    """
    if given:
        if not Path(given).is_file():
            raise FrameError(f"prep.times_csv {given} does not exist")
        return Path(given)
    names = (
        f"{path.stem}_frame_times.csv",
        f"{path.stem}.csv",
        f"{path.name}.csv",
        *(path.stem + own for own in OF_ONE),
    )
    beside = next(filter(Path.is_file, map(path.with_name, names)), None)
    lists = (path.with_name(path.stem + suffix) for suffix in LISTS)
    beside = beside or next((own for own in lists if own != path and own.is_file() and _is_of_times(own)), None)
    if beside or path.is_dir():
        places = [path, *([path.parent] if _is_only_folder(path) else [])]
        return beside or next((place / name for place in places for name in NAMED if (place / name).is_file()), None)
    named = next(filter(Path.is_file, map(path.with_name, NAMED)), None)
    return named if named and _is_only_one(path) else None


def _is_of_times(path: Path) -> bool:
    with path.open("rb") as stream:
        return bool(OF_TIMES.match(stream.read(LOOKED_AT_BYTES)))


def _is_only_folder(path: Path) -> bool:
    """Whether a folder holds all that the one around it is about: it is called so, and nothing but texts is beside."""
    if path.name.lower() not in DATA or not path.is_dir():
        return False
    with os.scandir(path.parent) as entries:
        others = [entry for entry in entries if not entry.name.startswith(".") and entry.name != path.name]
        return not any(entry.is_dir() or _kind(Path(entry.name)) in ("video", "image") for entry in others)


def _is_only_one(path: Path) -> bool:
    """Whether no other file beside it is of the same kind, as far as their names tell kinds."""
    with os.scandir(path.parent) as entries:
        names = (entry.name for entry in entries if not entry.name.startswith(".") and entry.name != path.name)
        return not any(_kind(path.with_name(name)) == _kind(path) for name in names)


def _kind(path: Path) -> str:
    told, packed = mimetypes.guess_type(path.name)
    kind = "" if packed else (told or "").partition("/")[0]
    return kind if kind in ("video", "image") else path.suffix.lower()


def times_beside(path: Path, prep: PrepConfig, count: int = 0) -> "FrameTimes | None":
    """The times in the CSV of a video, archive or image folder; None where it has none. Raises FrameError.

    count: how many frames there are, where that is known.
    """
    csv = find_times_csv(path, prep.times_csv)
    return FrameTimes(csv, prep, count) if csv else None


class FrameTimes:
    """Times and labels by frame number or file name, read from a CSV.

    Columns: a time (one of TIME_COLUMNS, or what looks like one), and optionally `frame` (number), `file` (name or
    path) and `label` (0/1, or words). Without `frame` and `file` the rows are in frame order. Numbers of frames count
    from 0, or from 1 where they go to the number of frames. Lists without names of columns are read as `bare_times` has
    them. Raises FrameError when there is no time column or no table.
    """

    def __init__(self, path: Path, prep: PrepConfig, count: int = 0):
        try:
            bare = bare_times(path, prep)
            table = read_text(path, prep, as_text=True).table if bare is None else bare
            names = {str(name).lower(): name for name in reversed(table.columns)}
            files, frames, labels = (_first(names, known) for known in (FILE_COLUMNS, FRAME_COLUMNS, LABEL_COLUMNS))
            times = table.drop(columns=[name for name in (files, frames, labels) if name is not None])
            self._times = _times(times, prep)
            self._labels = None if labels is None else _labels(table[labels])
            keys = range(len(table)) if frames is None else pd.to_numeric(table[frames]).astype(int)
        except (ValueError, OSError) as error:
            raise FrameError(f"{path.name} is not readable as times: {error}") from None
        self._by_file = {} if files is None else _by_file(table[files])
        self._by_stem = _by_stem(self._by_file)
        first = int(count > 0 and set(keys) == set(range(1, count + 1)))
        self._by_number = {int(key) - first: row for row, key in enumerate(keys)}

    @property
    def keyed_by_file(self) -> bool:
        return bool(self._by_file)

    def facts(self, number: int, path: Path | str | None = None) -> dict:
        """Time and label of a frame, as fields of `Candidate`, by its number or file. Raises FrameError without any."""
        if self.keyed_by_file and path is not None:
            row, shown = self._row_of(Path(path)), f"; it has rows as {next(iter(self._by_file))!r}"
        else:
            row, shown = self._by_number.get(number), ""
        if row is None:
            raise FrameError(NOT_IN_IT + shown)
        if reason := self._times.reasons[row]:
            raise FrameError(f"times CSV, row {row + 1}: {reason}")
        facts = {} if self._labels is None else {"label": float(self._labels[row])}
        if self._times.utc is None:
            return facts | {"time_s": float(self._times.seconds[row])}
        return facts | {"time_utc": iso_ms(self._times.utc[row])}

    def _row_of(self, path: Path) -> int | None:
        """The row of a file by as much of its path as the CSV has, its name in the end; else by that without its suffix
        and whatever the case, as pictures are converted."""
        parts = Path(unicodedata.normalize("NFC", str(path))).parts
        ends = ("/".join(parts[i:]) for i in range(len(parts)))
        row = next((self._by_file[end] for end in ends if end in self._by_file), None)
        return self._by_stem.get(_plain_stem(parts[-1])) if row is None else row


def _by_file(cells: pd.Series) -> dict[str, int]:
    """Rows by path as written and, where that is one row's alone, by name."""
    texts = [unicodedata.normalize("NFC", str(cell)) for cell in cells]  # é may be two letters
    paths = [PurePosixPath(text.strip().replace("\\", "/")).as_posix().removeprefix("/") for text in texts]
    names = [path.rpartition("/")[2] for path in paths]
    counts = pd.Series(names).value_counts()
    alone = {name: row for row, name in enumerate(names) if counts[name] == 1}
    return {path: row for row, path in enumerate(paths)} | {n: row for n, row in alone.items() if n not in paths}


def _by_stem(rows: dict[str, int]) -> dict[str, int]:
    """Rows by what names of files are without their suffixes, in small letters, where that is one row's alone."""
    found: dict[str, set[int]] = {}
    for path, row in rows.items():
        found.setdefault(_plain_stem(path.rpartition("/")[2]), set()).add(row)
    return {stem: own.pop() for stem, own in found.items() if len(own) == 1}


def _plain_stem(name: str) -> str:
    """A file's name without a suffix of letters, which numbers with a decimal point have not, in small letters."""
    return re.sub(r"\.[a-z][a-z0-9]{1,4}$", "", name.lower())


def _times(table: pd.DataFrame, prep: PrepConfig) -> Times:
    column, _ = time_column(table.apply(_as_numbers), prep) if table.shape[1] else (None, {})
    if column is None:
        raise TableError(
            f"it has no time column; name one of {', '.join(TIME_COLUMNS)}, or move it away if it tells none"
        )
    return times_of(column, prep)


def _as_numbers(cells: pd.Series) -> pd.Series:
    """A column of texts as numbers where all of them are, whole ones exactly."""
    numbers = pd.to_numeric(cells, errors="coerce")
    return numbers if numbers.notna().sum() == cells.notna().sum() else cells


def _labels(cells: pd.Series) -> np.ndarray:
    labels, _ = labels_of(_as_numbers(cells))
    if labels is None:
        raise TableError(f"its labels {cells.dropna().unique()[:5].tolist()} are neither 0 nor 1")
    return labels


def _first(names: dict[str, str], known: tuple[str, ...]) -> str | None:
    return next((names[name] for name in known if name in names), None)


def table_stem(path: Path) -> str:
    """The name of a file of samples without its suffixes."""
    kinds = "csv|tsv|txt|dat|data|out|asc|tab|lst|log|psv|ssv|prn|tbl|min|rdb|lvm|parquet|feather|xlsx?|xlsm|ods"
    kinds += "|arrow|orc|dta|json|geojson|jsonl|ndjson|npz|npy|ts|fits|fts|fit|lc|nc[34]?|cdf|mat|h5|hdf5?|he5"
    kinds += "|ascii|slist|tspair|mpt|msl|mon|mrt|nmon|epw|arff"
    return re.sub(rf"\.({kinds})(\.(gz|bz2|xz|zst|lz4))?$", "", path.name, flags=re.IGNORECASE)
