"""Tables in files that are no text: Parquet, Feather, Arrow, ORC, Stata, Excel; and JSON, as lines or a list."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from config import PrepConfig
from data.sources.archive_file.unpacked import unpacked
from data.sources.base import TableError
from data.sources.tables.forms.long_table import named_as_long
from data.sources.tables.json_tables.extended import plain_value
from data.sources.tables.json_tables.forms import table_of
from data.sources.tables.json_tables.nested import with_parsed_cells, with_plain_cells
from data.sources.tables.json_tables.senml import packs_of
from data.sources.tables.lines.layout import LINES_LOOKED_AT, layout_of
from data.sources.tables.lines.names_again import in_first_order
from data.sources.tables.table_size import (
    read_orc,
    refuse_large_feather,
    refuse_large_parquet,
    refuse_large_workbook,
    shown_sheets,
)
from data.sources.tables.text_table import TextTable, read_text, refuse_large, unlike_names

EXCEL = (".xlsx", ".xls", ".xlsm", ".ods")
NEEDED = {
    ".parquet": "pyarrow",
    ".feather": "pyarrow",
    ".arrow": "pyarrow",
    ".orc": "pyarrow",
    ".xlsx": "openpyxl",
    ".xlsm": "openpyxl",
    ".xls": "xlrd",
    ".ods": "odfpy",
}


# A list of records, of lists of them, or of rows below their names; columns or records by name; what services answer.
_HOLDS_TABLE = re.compile(
    rb"(\xef\xbb\xbf)?\s*(?:\[\s*\{|\[\s*\[\s*[\"\{]|\{\s*\"[^\"]*\"\s*:\s*[\[{]"
    rb"|\{\s*\"status\"\s*:\s*\"success\"|\{[^\[\]]*\"(?:hourly|daily|minutely_15)\"\s*:\s*\{)"
)


# What may hold one below names of a service's own, or lines of records.
_MAY_HOLD_TABLE = re.compile(
    rb"\"e\"\s*:\s*\[\s*\{|^\s*(?:\[\s*-?\d[-\d.eE\s]*,|\[\s*\[\s*-?\d)|\}\s*\{\s*\""
    rb"|\"(?:datapoints|features|hits|timeseries|metricdataresults|observations|records|samples)\"\s*:\s*[\[{]"
    rb"|\"(?:list|items|entries|results?|data|values|readings|measurements|rows|points|history)\"\s*:\s*\[\s*\{"
    rb"[^\]]*?\"(?:dt|ts|date|datetime|time\w*|clock)\"\s*:",
    re.IGNORECASE,
)
_SPACE = re.compile(r"\s*")
MOST_BROKEN = 0.5  # of the lines of a file of JSON lines


def read_binary(path: Path, prep: PrepConfig) -> dict[str, TextTable]:
    """The tables of a file by the names of their sheets, "" where it holds but one.

    Raises TableError with the reason when it can't be read, or would be larger than prep.max_input_mb in memory.
    """
    kind = re.sub(r"\.(gz|bz2|xz|zst|lz4)$", "", path.name.lower())
    suffix = kind[kind.rindex(".") :]
    if (suffix in EXCEL and not _is_workbook(path)) or (suffix == ".dta" and not _is_stata(path)):
        return {"": read_text(path, prep)}  # instruments and portals write text under these suffixes
    try:
        tables, lost = _read(path, suffix, prep)
    except ImportError:
        package = NEEDED[suffix]
        raise TableError(f"{suffix} needs the package {package} (pip install {package}), or write it as CSV") from None
    except TableError:
        raise
    except Exception as error:  # every reader has its own kinds
        raise TableError(f"not readable as a table: {type(error).__name__}: {error}") from None
    filled = {name: table for name, table in tables.items() if not table.empty or len(tables) == 1}
    return {name: TextTable(_plain(table), lost) for name, table in filled.items()}


def _is_workbook(path: Path) -> bool:
    """Whether a file begins as the archives do that workbooks are, or as old Excel's; a damaged one is none."""
    with path.open("rb") as stream:
        return stream.read(4) in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def _is_stata(path: Path) -> bool:
    """Whether a file begins as Stata's do, of any release; Gamry's are text under the same suffix."""
    with path.open("rb") as stream:
        start = stream.read(10)
    return start == b"<stata_dta" or start[1:2] in (b"\x01", b"\x02")


def holds_records(path: Path) -> bool:
    """Whether a JSON file is a list of records, or columns by their names, by its first bytes."""
    try:
        with unpacked(path) as stream:
            start = stream.read(4096)
            return _HOLDS_TABLE.match(start) is not None or _MAY_HOLD_TABLE.search(start) is not None
    except Exception:  # each compression has its own kinds for what is damaged
        return False


def _read(path: Path, suffix: str, prep: PrepConfig) -> tuple[dict[str, pd.DataFrame], tuple[tuple[str, str], ...]]:
    """Tables by their names, and what is no row of them, as (where, reason)."""
    if suffix == ".parquet":
        refuse_large_parquet(path, prep.max_input_mb)
        return {"": pd.read_parquet(path)}, ()
    if suffix in (".feather", ".arrow"):
        refuse_large_feather(path, prep.max_input_mb)
        return {"": pd.read_feather(path)}, ()
    if suffix == ".orc":
        return {"": read_orc(path, prep.max_input_mb)}, ()
    if suffix == ".dta":
        return {"": pd.read_stata(path, convert_categoricals=False)}, ()
    if suffix in EXCEL:
        refuse_large_workbook(path, prep.max_input_mb)
        return _sheets(pd.read_excel(path, sheet_name=shown_sheets(path), header=None)), ()
    refuse_large(path, prep)
    with unpacked(path) as stream:
        if suffix not in (".json", ".geojson"):
            table, lost = _of_lines(stream)
            return {"": table}, lost
        try:
            return {"": table_of(json.load(stream, object_hook=plain_value))}, ()
        except json.JSONDecodeError as error:
            if "Extra data" not in str(error):
                raise
    with unpacked(path) as stream:  # a record in each line, or one behind the other
        table, lost = _of_lines(_one_a_line(stream.read().decode("utf-8-sig")))
    return {"": table}, lost


def _one_a_line(text: str) -> Iterator[str]:
    """Values of JSON that stand behind each other, over several lines or not."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        try:
            _, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            end = text.find("\n", at) % (len(text) + 1)
        yield text[at:end]
        at = _SPACE.match(text, end).end()  # pyright: ignore[reportOptionalMemberAccess] it matches nothing as well


def _of_lines(lines: Iterable[str | bytes]) -> tuple[pd.DataFrame, tuple[tuple[str, str], ...]]:
    """The records of lines, and the lines that are none, as of a logger that was stopped while it wrote."""
    records, lost = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line, object_hook=plain_value)
            pack = packs_of(record)
            if not pack and not isinstance(record, dict):
                raise ValueError("no record")
            records.append(record if isinstance(record, dict) else pack)
        except ValueError as error:
            lost.append((f"line {number}", f"not readable as JSON: {error}"))
    if len(lost) > MOST_BROKEN * (len(records) + len(lost)):
        raise TableError(
            f"{len(lost)} of its {len(records) + len(lost)} lines are no records; {lost[0][0]}: {lost[0][1]}"
        )
    table = table_of(records) if records else pd.DataFrame()
    return table, tuple(lost)


def _sheets(sheets: dict[Any, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    named = {str(name): _with_names(cells) for name, cells in sheets.items()}
    filled = {name: table for name, table in named.items() if not table.empty}
    return {"": next(iter(filled.values()))} if len(filled) == 1 else filled or {"": pd.DataFrame()}


def _with_names(cells: pd.DataFrame) -> pd.DataFrame:
    """The table in the cells of a sheet, with its names: found as those of texts are, below what else stands above."""
    cells = cells.dropna(how="all").dropna(axis=1, how="all")
    if cells.empty:
        return cells
    lines = ["\t".join(map(_text_of, row)) for row in cells.head(LINES_LOOKED_AT).to_numpy(object)]
    layout = layout_of([line if line.strip().count("\t") else line.strip() for line in lines], "\t")
    table = cells.iloc[layout.skipped :].reset_index(drop=True).infer_objects()
    names = layout.names or [f"column_{number}" for number in range(table.shape[1])]
    if len(names) != table.shape[1]:
        names = [*names, *(f"column_{number}" for number in range(len(names), table.shape[1]))][: table.shape[1]]
    table = table.set_axis(unlike_names(names), axis=1)
    return in_first_order(table, unlike_names)[0] if layout.names else named_as_long(table)


def _text_of(cell: Any) -> str:
    return "" if cell is None or cell is pd.NaT or cell != cell else " ".join(str(cell).split()).replace('"', "'")


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose index, where it says more than the rows' numbers, is a column; one of times is called time."""
    if table.empty:
        raise TableError("it holds no row")
    table = with_parsed_cells(with_plain_cells(table))
    is_time = isinstance(table.index, pd.DatetimeIndex)
    if table.index.names == [None] and not is_time:
        table = table.reset_index(drop=True)
    else:
        table = table.reset_index(names="time" if is_time and table.index.name is None else None)
    return table.set_axis(unlike_names([str(name) for name in table.columns]), axis=1)
