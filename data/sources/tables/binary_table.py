"""Tables in files that are no text: Parquet, Feather, Excel; and JSON, as lines or a list of records."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from config import PrepConfig
from data.sources.archive_file.unpacked import unpacked
from data.sources.base import TableError
from data.sources.tables.json_forms import table_of
from data.sources.tables.table_size import refuse_large_feather, refuse_large_parquet, refuse_large_workbook
from data.sources.tables.text_table import refuse_large, unlike_names

EXCEL = (".xlsx", ".xls", ".xlsm", ".ods")
NEEDED = {
    ".parquet": "pyarrow",
    ".feather": "pyarrow",
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


def read_binary(path: Path, prep: PrepConfig) -> dict[str, pd.DataFrame]:
    """The tables of a file by the names of their sheets, "" where it holds but one.

    Raises TableError with the reason when it can't be read, or would be larger than prep.max_input_mb in memory.
    """
    kind = re.sub(r"\.(gz|bz2|xz|zst|lz4)$", "", path.name.lower())
    suffix = kind[kind.rindex(".") :]
    try:
        tables = _read(path, suffix, prep)
    except ImportError:
        package = NEEDED[suffix]
        raise TableError(f"{suffix} needs the package {package} (pip install {package}), or write it as CSV") from None
    except TableError:
        raise
    except Exception as error:  # every reader has its own kinds
        raise TableError(f"not readable as a table: {type(error).__name__}: {error}") from None
    return {name: _plain(table) for name, table in tables.items() if not table.empty or len(tables) == 1}


def holds_records(path: Path) -> bool:
    """Whether a JSON file is a list of records, or columns by their names, by its first bytes."""
    try:
        with unpacked(path) as stream:
            return _HOLDS_TABLE.match(stream.read(4096)) is not None
    except Exception:  # each compression has its own kinds for what is damaged
        return False


def _read(path: Path, suffix: str, prep: PrepConfig) -> dict[str, pd.DataFrame]:
    if suffix == ".parquet":
        refuse_large_parquet(path, prep.max_input_mb)
        return {"": pd.read_parquet(path)}
    if suffix == ".feather":
        refuse_large_feather(path, prep.max_input_mb)
        return {"": pd.read_feather(path)}
    if suffix in EXCEL:
        refuse_large_workbook(path, prep.max_input_mb)
        return _sheets(pd.read_excel(path, sheet_name=None))
    refuse_large(path, prep)
    with unpacked(path) as stream:
        if suffix == ".json":
            return {"": table_of(json.load(stream))}
        return {"": pd.json_normalize([json.loads(line) for line in stream if line.strip()])}


def _sheets(sheets: dict[Any, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    filled = {str(name): table for name, table in sheets.items() if not table.empty}
    return {"": next(iter(filled.values()))} if len(filled) == 1 else filled or {"": pd.DataFrame()}


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose index, where it says more than the rows' numbers, is a column; one of times is called time."""
    if table.empty:
        raise TableError("it holds no row")
    is_time = isinstance(table.index, pd.DatetimeIndex)
    if table.index.names == [None] and not is_time:
        table = table.reset_index(drop=True)
    else:
        table = table.reset_index(names="time" if is_time and table.index.name is None else None)
    return table.set_axis(unlike_names([str(name) for name in table.columns]), axis=1)
