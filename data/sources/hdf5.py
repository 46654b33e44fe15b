"""Time series in HDF5 files: arrays by name as in `.npz`, and tables (arrays of records).

What a file only points to, in other files or by other arrays, is not read, and what pandas wrote is refused: its reader
runs the pickles that such files hold.
"""

from pathlib import Path
from typing import Any

import numpy as np

from config import PrepConfig
from data.sources.archive_file.unpacked import too_large
from data.sources.arrays import INTERVALS, RATES, ArraySource, Groups
from data.sources.base import TableError
from data.sources.times.column import SERIES_TIME_COLUMNS
from data.sources.times.since import since_its_unit

MAGIC = b"\x89HDF\r\n\x1a\n"
BEGINS = (0, 512, 1024, 2048)  # where it may stand: MATLAB writes 512 bytes of its own before it
BY_PANDAS = "pandas_type"  # attribute of the groups that it writes
NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable"
PICKLED = "with pickles in it that could run programs, and is not read; write it as Parquet or CSV"


class Hdf5Source(ArraySource):
    """Arrays of one group of an HDF5 file, or one table in it, one series."""

    name = "hdf5"
    suffixes = (".h5", ".hdf5", ".hdf", ".he5", ".nc4", ".nc")

    def takes(self, path: Path) -> bool:
        """A file .nc may be of netCDF's classic formats, too."""
        return super().takes(path) and (not path.name.lower().endswith(".nc") or self.recognises(path))

    def recognises(self, path: Path) -> bool:
        return is_hdf5(path)

    def groups(self, path: Path, prep: PrepConfig) -> Groups:
        import h5py  # late: it takes a tenth of a second, and few have such files

        found: Groups = {}
        by_pandas: list[str] = []
        arrays: list[tuple[str, Any]] = []

        def visit(name: str, item: Any) -> None:
            if any(name.startswith(f"{key}/") for key in by_pandas):
                return
            if BY_PANDAS in item.attrs:
                by_pandas.append(name)
            elif name.startswith("#") or text_of(item.attrs.get("NAME", "")).startswith(NO_VARIABLE):
                return  # what MATLAB's cells and objects consist of; a dimension of netCDF without values
            elif isinstance(item, h5py.Dataset) and item.shape is not None and not (item.external or item.is_virtual):
                arrays.append((name, item))

        try:
            with h5py.File(path, "r") as file:
                file.visititems(visit)
                if reason := too_large(sum(item.size * item.dtype.itemsize for _, item in arrays), prep.max_input_mb):
                    raise TableError(reason)
                for name, item in arrays:
                    _add(found, name, item)
        except (OSError, RuntimeError, KeyError) as error:  # of h5py, on damaged files
            raise TableError(f"not readable as HDF5: {error}") from None
        if by_pandas:
            raise TableError(f"{by_pandas[0]} was written by pandas, {PICKLED}")
        return found


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5 by its first bytes."""
    with path.open("rb") as stream:
        begin = stream.read(BEGINS[-1] + len(MAGIC))
    return any(begin.startswith(MAGIC, at) for at in BEGINS)


def _add(found: Groups, name: str, item: Any) -> None:
    """Put an array among those of its group, or, if it is one of records, its columns into a group of their own."""
    group, _, short = name.rpartition("/")
    if item.dtype.names:
        records = item[...]
        columns = {column: plain(records[column]) for column in item.dtype.names}
        found[name] = {column: array for column, array in columns.items() if array.ndim <= 2}
    else:
        import h5py

        is_text = h5py.check_string_dtype(item.dtype) is not None
        array = plain(item.asstr()[...] if is_text else item[...])
        found.setdefault(group, {})[short] = by_attributes(short, array, item.attrs)
        for owner in (item, item.parent, item.file):
            _add_rates(found[group], owner.attrs)


def _add_rates(arrays: dict[str, np.ndarray], attributes: Any) -> None:
    """Attributes that tell the sampling rate or interval, as single numbers beside the arrays."""
    for name in attributes:
        if (RATES.fullmatch(name) or INTERVALS.fullmatch(name)) and len(number := numbers_of(attributes, name)) == 1:
            arrays.setdefault(name, np.array(number[0]))


def by_attributes(name: str, array: np.ndarray, attributes: Any) -> np.ndarray:
    """Values as CF's attributes mean them: without fills, unpacked, and times by what their unit counts from.

    Raises TableError for times whose unit or calendar is not known.
    """
    if array.dtype.kind not in "iuf":
        return array
    for fills in ("_FillValue", "missing_value"):
        for fill in numbers_of(attributes, fills):
            array = np.where(array == fill, np.nan, array) if (array == fill).any() else array
    scale, offset = (numbers_of(attributes, key) for key in ("scale_factor", "add_offset"))
    if scale or offset:
        array = array * (scale or [1.0])[0] + (offset or [0.0])[0]
    units, calendar = (text_of(attributes.get(key, "")) for key in ("units", "calendar"))
    utc = since_its_unit(array, units, calendar) if array.ndim == 1 else None
    if utc is None and " since " in units and name.lower() in SERIES_TIME_COLUMNS:
        calendar = f" in the calendar {calendar}" if calendar else ""
        raise TableError(f"its {name} counts {units!r}{calendar}, which is not known as UTC; write other times")
    return array if utc is None else utc


def numbers_of(attributes: Any, name: str) -> list[float]:
    values = np.atleast_1d(attributes.get(name, []))
    return values.astype(float).tolist() if values.dtype.kind in "iuf" else []


def text_of(value: Any) -> str:
    value = value[0] if isinstance(value, np.ndarray) and value.size == 1 else value
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def plain(array: Any) -> np.ndarray:
    """Numbers in this machine's byte order, texts as such."""
    array = np.asarray(array)
    if array.dtype.kind in "SO":
        texts = [cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell) for cell in array.ravel()]
        return np.array(texts, str).reshape(array.shape)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
