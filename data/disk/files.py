"""Files written beside their name and renamed, so that a reader never meets half a file."""

import json
import os
import re
import shutil
from collections.abc import Container, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from data.disk.digests import files_of, with_digest
from data.disk.exchange import exchange
from data.disk.parts import MADE, beside, make_folder, sync, sync_all

# Of a reel, which do not change once it is made.
STORED = ("frames.npy", "frames.zarr", "masks.npy", "masks.zarr", "missing.npy", "frames.csv")
FORMULA = re.compile(r"[=+@\t\r]|-(?!\d*\.?\d)")  # how a formula begins, and no number
STARTS = re.compile(r"^[=+@\t\r-]", re.MULTILINE)
SEARCHED_ROWS = 65_536  # for that, at a time: as Python's texts they take more memory than the table
DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\.|$)", re.IGNORECASE)  # no file of Windows may be called so
NAME_BYTES = 120  # of a folder's name: file systems hold 255, and suffixes come behind


def folder_name(text: str, otherwise: str = "reel") -> str:
    """A name for a folder from a name of any kind: one part, not hidden, short; `otherwise` where nothing is left.

    Letters of all scripts, digits and `_.-` stay as they are. Different texts may get one name: whoever makes several
    folders numbers them with `unlike`.
    """
    cleaned = re.sub(r"[^\w.-]+", "_", text).lstrip(".")
    cut = cleaned.encode()[:NAME_BYTES].decode(errors="ignore").rstrip(".")  # which Windows leaves out
    return f"_{cut}" if DEVICE.match(cut) else cut or otherwise


def unlike(name: str, taken: Container[str]) -> str:
    """The name, numbered where it is taken."""
    numbered = (f"{name}_{number}" for number in count(2))
    return name if name not in taken else next(other for other in numbered if other not in taken)


@contextmanager
def replacing(path: str | Path, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success it takes the name `path`, on an error it is removed.

    durable: a power failure later on leaves the new file. Every writer has a temporary path of its own.
    """
    path = Path(path)
    make_folder(path.parent, durable)
    part = beside(path, "part", path.suffix)  # the suffix stays last, because writers choose the format by it
    try:
        yield part
        if durable:
            sync(part)
        os.replace(part, path)
        if durable:
            sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: str | Path, made: Container[str] | None = None) -> Iterator[Path]:
    """The same for a folder: yield an empty one, which on success takes the place of the folder `path`.

    The new one is on the disk before the former one goes, and both are exchanged in one step. Where system or file
    system can't, a kill between two renames leaves the former one under another name, which `tidy` gives back.
    made: names in the former folder that go with it, what else is there is somebody's own and stays; None: all go.
    """
    path = Path(path)
    part, old = beside(path, "part"), beside(path, "old")
    make_folder(path.parent, durable=True)
    part.mkdir()
    try:
        yield part
        if path.is_dir() and made is not None:
            _keep_others(path, part, made)
        sync_all(part)
        if not (path.exists() and exchange(part, path)):
            if path.exists():  # a folder can't be renamed onto one that holds files
                os.replace(path, old)
            os.replace(part, path)
        sync(path.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _keep_others(former: Path, new: Path, made: Container[str]) -> None:
    for path in former.iterdir():
        if path.name not in made and not (new / path.name).exists() and not MADE.fullmatch(path.name):
            copy_of(path, new / path.name)


def copy_of(path: Path, place: Path) -> None:
    """A copy of a file or a folder; of files a second name, where the file system has that: both must not be written
    into, only replaced.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.copytree(path, place, symlinks=True, copy_function=_linked)
    else:
        _linked(path, place)


def _linked(path: str | Path, place: str | Path) -> None:
    try:
        os.link(path, place, follow_symlinks=False)
    except OSError:
        shutil.copy2(path, place, follow_symlinks=False)


def write_text(path: str | Path, text: str, durable: bool = False) -> None:
    """Write `text` as UTF-8, atomically; durable: see `replacing`."""
    with replacing(path, durable) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, value: Any, durable: bool = False) -> None:
    """Write strict JSON (no NaN), atomically; durable: see `replacing`."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n", durable)


def write_meta(folder: Path, meta: dict[str, Any]) -> None:
    """Write reel.json of a reel's folder, atomically, with digests: its own, and the files' where it has none yet."""
    files = meta.get("files") or files_of(folder, STORED)
    write_json(folder / "reel.json", with_digest(meta | {"files": files}))


def harmless(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before every text that a spreadsheet would run as a formula.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    names, kinds = [_as_text(name) for name in table.columns], [dtype.kind for dtype in table.dtypes]
    texts = {number: table.iloc[:, number] for number, kind in enumerate(kinds) if kind not in "biufcmM"}
    columns = {number: column.map(_as_text) for number, column in texts.items() if _has_formula(column)}
    if not columns and names == list(table.columns):
        return table
    kept = [columns.get(number, table.iloc[:, number]) for number in range(len(names))]
    return pd.concat(kept, axis=1).set_axis(names, axis=1)


def _has_formula(column: pd.Series) -> bool:
    for first in range(0, len(column), SEARCHED_ROWS):
        cells = column.iloc[first : first + SEARCHED_ROWS].tolist()
        # One search: a million cells one by one take longer than to write them.
        if STARTS.search("\n".join([cell for cell in cells if isinstance(cell, str)])):
            return True
    return False


def _as_text(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell


def write_csv(path: str | Path, table: pd.DataFrame, durable: bool = False) -> None:
    """Write a table without its index, atomically; missing values are empty cells, formulas are text."""
    table = harmless(table)
    with replacing(path, durable) as part:
        table.to_csv(part, index=False, lineterminator="\n")
