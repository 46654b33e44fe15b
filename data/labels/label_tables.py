"""Tables of labels in files of other forms than CSV: JSON, spreadsheets, Parquet, as the cells of a CSV would be."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from config import PrepConfig
from data.labels.captions import are_captions, captions_in
from data.labels.interval_forms import bounds_within
from data.labels.sun.published import FormError, cells_of, objects_of
from data.sources.base import TableError
from data.sources.tables.binary_table import EXCEL, read_binary

BINARY = (".parquet", ".feather", *EXCEL)
BELOW = ("anomalies", "labels", "events", "intervals", "windows")  # what a list of objects may stand below
PAIR = 2
LABELLED = ("label", "labels", "anomaly", "anomalies")  # by which an object tells what it is
STARTS = {"start", "begin", "time", "timestamp"}  # of an object that is a row itself


def cells_of_file(path: Path, text: str) -> pd.DataFrame | None:
    """The cells of a file as text, NaN where empty, its columns by plain names; None of a text of another form.

    JSON: NAB's windows by file (`{"machine/cpu.csv": [["2014-04-10 07:15", "2014-04-11 16:45"]]}`) or points by file,
    or a list of objects. Raises ValueError that names the file.
    """
    try:
        if path.name.lower().endswith(BINARY):
            return _of_binary(path)
        if text.lstrip().startswith(("{", "[")) and not are_captions(text):
            return _of_json(text)
        return captions_in(path, text)
    except (FormError, TableError) as error:
        raise ValueError(f"{path} {error}") from None


def _of_binary(path: Path) -> pd.DataFrame:
    tables = list(read_binary(path, PrepConfig()).values())
    if len(tables) > 1:
        raise TableError(f"has {len(tables)} sheets that hold something; keep the one of labels")
    table = tables[0].table
    text = table.astype("string").apply(lambda column: column.str.strip().str.replace(r"\.0$", "", regex=True))
    return _plain(text.mask(text == ""))


def _of_json(text: str) -> pd.DataFrame:
    objects = objects_of(text) if text.lstrip().startswith("[") else _below(text)
    if isinstance(objects, dict):
        return _by_file(objects)
    if objects and all(isinstance(pair, list) and len(pair) == PAIR for pair in objects):
        objects = [dict(zip(("start", "end"), pair, strict=True)) for pair in objects]
    if not any(isinstance(event, dict) and STARTS & {str(name).lower() for name in event} for event in objects):
        objects = list(bounds_within(objects)) or objects
    events: list[Any] = [event for event in objects if isinstance(event, dict)]
    if name := next((name for event in events for name in LABELLED if event.get(name) == []), None):
        raise FormError(f"has empty lists as {name!r}, which may call it normal: write picture,label, or start,end")
    rows = [cells_of(event) for event in events]
    if not rows:
        raise FormError("is JSON, but neither a list of objects with start and end, nor of windows by file as NAB's")
    table = pd.DataFrame(rows).astype("string")
    return _plain(table.mask(table == ""))


def _below(text: str) -> list | dict:
    """The list of an object: below a name as anomalies, or windows by file."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return objects_of(text)  # lines of objects, or what is wrong with it
    below = next((value[name] for name in BELOW if isinstance(value.get(name), list)), None)
    if below is not None and all(isinstance(row, dict) for row in below):
        return below
    are_lists = all(isinstance(cells, list) for cells in value.values())
    are_moments = (
        all(isinstance(cell, str | list) for cells in value.values() for cell in cells) if are_lists else False
    )
    is_by_file = are_moments and not {"start", "end"} & value.keys()
    return value if is_by_file else objects_of(text)


def _by_file(files: dict[str, list]) -> pd.DataFrame:
    """Rows of clip, start and end; of points where no file has an interval. A file without any has an empty row."""
    rows: list[dict[str, Any]] = []
    for name, found in files.items():
        rows += [] if found else [{"clip": name, "start": None, "end": None}]
        for cell in found:
            start, end = cell if isinstance(cell, list) and len(cell) == PAIR else (cell, cell)
            if not (isinstance(start, str) and isinstance(end, str)):
                raise FormError(f"has {cell!r} for {name}, which is neither a time nor two, as text")
            rows.append({"clip": name, "start": start, "end": end})
    return pd.DataFrame(rows).astype("string")


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    names = [re.sub(r"\W+", "_", str(name).strip().lower()).strip("_") for name in table.columns]
    return table.set_axis(names, axis=1).astype(object).where(table.set_axis(names, axis=1).notna())
