"""Times of frames in text without a row of names: TUM's and EuRoC's lists, time codes of mkvmerge and rpicam.

Such a file has its names in a comment, or none. Read as a table, its first row would be the names of the others.
"""

import csv
import io
import re
from pathlib import Path

import pandas as pd

from config import PrepConfig
from data.sources.picture_file.pictures import SUFFIXES
from data.sources.tables.lines.encodings import encoding_of

MOST_BYTES = 2**26  # of a file that is looked at
_V2 = re.compile(r"#\s*time(?:code|stamp)\s*format\s*v2", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
_DATE = re.compile(r"\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d.*)?")


def bare_times(path: Path, prep: PrepConfig) -> pd.DataFrame | None:
    """The cells of a text of times without names above, as text, by names that say what they are; None of others."""
    if path.stat().st_size > MOST_BYTES:
        return None
    payload = path.read_bytes()
    text = payload.decode(prep.encoding or encoding_of(payload), "replace") if payload else ""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    comments = [line for line in lines if line.startswith("#")]
    rows = [_cells(line) for line in lines if not line.startswith("#")]
    if not rows or len({len(row) for row in rows}) > 1 or not all(map(_is_value, rows[0])):
        return None
    if any(map(_V2.match, comments)):
        return pd.DataFrame(rows).iloc[:, :1].set_axis(["time (ms)"], axis=1)
    table = pd.DataFrame(rows, dtype=object)
    told = _cells(comments[-1].lstrip("# ")) if comments else []
    names = told if len(told) == len(rows[0]) and not any(map(_is_value, told)) else _names(table)
    return table.set_axis(names, axis=1) if names and "" not in names else None


def _cells(line: str) -> list[str]:
    """The cells of a line, by the sign that parts it, else by blanks, but for that between a date and its clock."""
    sign = next((sign for sign in ",;\t|" if sign in line), "")
    if sign:
        return [cell.strip() for cell in next(csv.reader(io.StringIO(line), delimiter=sign))]
    return re.sub(r"(\d{4}[-/]\d\d[-/]\d\d) (?=\d\d:)", r"\1T", line).split()


def _is_value(cell: str) -> bool:
    """Whether a cell is a number, a time or the name of a picture, and no name of a column."""
    return bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell)) or cell.lower().endswith(SUFFIXES)


def _names(table: pd.DataFrame) -> list[str]:
    """What columns without names are: a file, a count of frames, a time; [] where more than one may be a time."""
    names = []
    for _, cells in table.items():
        if cells.str.lower().str.endswith(SUFFIXES).all():
            names.append("file")
        elif table.shape[1] > 1 and cells.str.fullmatch(r"\d{1,9}").all() and (cells.astype(int).diff()[1:] == 1).all():
            names.append("frame")
        else:
            names.append("time")
    return names if len(set(names)) == len(names) and "time" in names else []
