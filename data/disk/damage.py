"""The program's own files, read back: whatever is wrong with one ends in a line that names it and the way out."""

import json
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.disk.digests import check_beside, check_json, check_sealed
from data.disk.heads import READING

AGAIN = "move it away, and it is made anew from the quiet frames of the run"  # of what is kept in calibration/
MOST_JSON_BYTES = 2**26  # far beyond what the program writes


class Damaged(ValueError):
    """A file that is not what the program wrote; the message is one line: the file, the fault, how to get it back."""


@contextmanager
def told(path: Path, way_out: str) -> Iterator[None]:
    """Turn whatever goes wrong while `path` is read into one Damaged; a file that can't be opened stays an OSError."""
    try:
        yield
    except Damaged:
        raise
    except Exception as error:  # readers of damaged files raise nearly anything
        if isinstance(error, OSError) and error.errno:  # of the system: no such file, a folder, not allowed
            raise
        first = (str(error).splitlines() or [""])[0].strip() or type(error).__name__
        what = f"lacks {first}" if isinstance(error, KeyError) else first
        raise Damaged(f"{path} is damaged ({what}); {way_out}") from error


def read_json(path: Path, way_out: str) -> dict[str, Any]:
    """A JSON object; one that carries its digest is checked. Raises Damaged, OSError."""
    with told(path, way_out):
        if (size := path.stat().st_size) > MOST_JSON_BYTES:
            raise ValueError(f"{size} bytes are more than any such file has")
        value = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refused)
        if not isinstance(value, dict):
            raise ValueError("it holds no object")
        check_json(value)
        return value


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no number")


def read_table(path: Path, way_out: str, needed: Collection[str], **settings: Any) -> pd.DataFrame:
    """A CSV with at least these columns; settings: of `pd.read_csv`. Raises Damaged, OSError."""
    with told(path, way_out):
        check_beside(path)
        table = pd.read_csv(BytesIO(path.read_bytes()), **settings)
        if missing := [name for name in needed if name not in table.columns]:
            raise ValueError(f"it lacks the columns {', '.join(missing)}")
        return table


def numbers(table: pd.DataFrame, name: str, least: float = -np.inf, most: float = np.inf) -> np.ndarray:
    """A column whose cells are all numbers of a range: (N,) float64. Raises ValueError, which names the first other."""
    values = pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~((values >= least) & (values <= most) & np.isfinite(values)))
    if len(wrong):
        raise ValueError(f"row {wrong[0] + 1}, {name} '{table[name].iloc[wrong[0]]}': no number from {least} to {most}")
    return values


def whole_numbers(table: pd.DataFrame, name: str, least: int = 0, most: int = 2**53) -> np.ndarray:
    """The same for whole numbers: (N,) int64."""
    values = numbers(table, name, least, most)
    wrong = np.flatnonzero(values != np.floor(values))
    if len(wrong):
        raise ValueError(f"row {wrong[0] + 1}, {name} '{table[name].iloc[wrong[0]]}': no whole number")
    return values.astype(np.int64)


@contextmanager
def arrays_of(path: Path, way_out: str) -> Iterator[dict[str, np.ndarray]]:
    """The arrays of an .npz; what goes wrong with them inside the context is told too. Raises Damaged, OSError."""
    with told(path, way_out):
        content = path.read_bytes()
        check_sealed(content)
        with zipfile.ZipFile(BytesIO(content)) as members:
            if sum(member.file_size for member in members.infolist()) > len(content):  # np.savez packs nothing
                raise ValueError("it would unpack to more than it holds")
        with READING, np.load(BytesIO(content), allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in saved.files}
        yield arrays


def read_array(path: Path, way_out: str) -> np.ndarray:
    """The array of an .npy. Raises Damaged, OSError."""
    with told(path, way_out):
        check_beside(path)
        content = BytesIO(path.read_bytes())
        with READING:
            return np.load(content, allow_pickle=False)
