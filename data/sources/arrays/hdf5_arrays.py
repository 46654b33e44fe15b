"""Time series in HDF5 files: arrays by name as in `.npz`, and tables (arrays of records).

What a file only points to, in other files or by other arrays, is not read, and what pandas wrote is refused: its reader
runs the pickles that such files hold.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from config import PrepConfig
from data.sources.archive_file.unpacked import too_large
from data.sources.arrays.numpy_arrays import INTERVALS, RATES, ArraySource, Groups
from data.sources.base import TableError
from data.sources.times.column import SERIES_TIME_COLUMNS
from data.sources.times.counts.since import since_its_unit
from data.sources.times.numbers import PER_SECOND, unit_of

MAGIC = b"\x89HDF\r\n\x1a\n"
BEGINS = (0, 512, 1024, 2048)  # where it may stand: MATLAB writes 512 bytes of its own before it
BY_PANDAS = "pandas_type"  # attribute of the groups that it writes
NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable"
ENDS = ("valid_range", "valid_min", "valid_max")
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
        if short == "starting_time" and len(rate := numbers_of(item.attrs, "rate")) == 1:  # NWB's, in Hz
            found[group]["sampling_rate"] = np.array(rate[0])
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
    array = Packing.told_by(attributes, array.dtype).unpacked(array)
    units, calendar = (text_of(attributes.get(key, "")) for key in ("units", "calendar"))
    utc = since_its_unit(array, units, calendar) if array.ndim == 1 else None
    if utc is None and " since " in units and name.lower() in SERIES_TIME_COLUMNS:
        calendar = f" in the calendar {calendar}" if calendar else ""
        raise TableError(f"its {name} counts {units!r}{calendar}, which is not known as UTC; write other times")
    unit = unit_of(f"time ({units})") or unit_of(f"time ({units}s)")
    if utc is None and name.lower() in SERIES_TIME_COLUMNS and unit not in ("", "s"):
        return np.round(1e9 / PER_SECOND[unit] * array).astype("timedelta64[ns]")  # days since no moment
    return array if utc is None else utc


@dataclass(frozen=True)
class Packing:
    """What CF's attributes say of the numbers of an array (CF 1.11, sections 2.5.1 and 8.1; `_Unsigned` is NUG's).

    dtype: of the numbers that are meant; fills: those that stand for nothing; valid: the least and the largest that
    may be, of the packed numbers, or of the unpacked ones where the attribute is a fraction and the array counts.
    """

    dtype: np.dtype
    fills: tuple[float, ...] = ()
    valid: tuple[float, float] = (-np.inf, np.inf)
    is_valid_unpacked: bool = False
    scale: float = 1.0
    offset: float = 0.0

    @classmethod
    def told_by(cls, attributes: Any, dtype: np.dtype) -> "Packing":
        """That of an array of some type by its attributes."""
        meant = _meant(dtype, text_of(attributes.get("_Unsigned", "")).lower())
        turn = 2.0 ** (8 * dtype.itemsize) if meant.kind != dtype.kind else 0.0  # a fill of -1 is 255, too
        fills = {n + turn * (n < 0) for key in ("_FillValue", "missing_value") for n in numbers_of(attributes, key)}
        both, least, largest = (numbers_of(attributes, key) for key in ENDS)
        low, high = both if len(both) == 2 else ((least or [-np.inf])[0], (largest or [np.inf])[0])
        scale, offset = (numbers_of(attributes, key) for key in ("scale_factor", "add_offset"))
        is_fraction = any(np.asarray(attributes[key]).dtype.kind == "f" for key in ENDS if key in attributes)
        is_unpacked = is_fraction and dtype.kind in "iu" and bool(scale or offset)
        valid = (low, high) if is_unpacked else _cuts(meant, low + turn * (low < 0), high + turn * (high < 0))
        own = tuple(sorted(fill for fill in fills if _may_be(meant, fill)))
        return cls(meant, own, valid, is_unpacked, (scale or [1.0])[0], (offset or [0.0])[0])

    def unpacked(self, array: np.ndarray) -> np.ndarray:
        """The numbers that are meant, NaN where there are none; an array that nothing is told of as it is."""
        packed = array.astype(array.dtype.newbyteorder("="), copy=False).view(self.dtype)
        is_packed = (self.scale, self.offset) != (1.0, 0.0)
        numbers = packed * self.scale + self.offset if is_packed else packed
        judged = numbers if self.is_valid_unpacked else packed
        missing = np.isin(packed, np.array(self.fills).astype(self.dtype))
        missing |= (judged < self.valid[0]) | (judged > self.valid[1])
        return np.where(missing, np.nan, numbers) if missing.any() else numbers


def _meant(dtype: np.dtype, unsigned: str) -> np.dtype:
    """The type of the numbers in an array; classic netCDF has no other way to store those without a sign."""
    is_unsigned = unsigned == "true" and dtype.kind == "i"
    return np.dtype(f"u{dtype.itemsize}") if is_unsigned else dtype.newbyteorder("=")


def _may_be(dtype: np.dtype, number: float) -> bool:
    """Whether an array of some type can hold a number."""
    return dtype.kind not in "iu" or np.iinfo(dtype).min <= number <= np.iinfo(dtype).max


def _cuts(dtype: np.dtype, low: float, high: float) -> tuple[float, float]:
    """Ends of what is valid, without those that an array of some type can't pass."""
    return low if _may_be(dtype, low - 1) else -np.inf, high if _may_be(dtype, high + 1) else np.inf


def numbers_of(attributes: Any, name: str) -> list[float]:
    """The numbers of an attribute; [] where it is missing or no number."""
    values = np.atleast_1d(attributes.get(name, []))
    return values.astype(float).tolist() if values.dtype.kind in "iuf" else []


def text_of(value: Any) -> str:
    """An attribute as text."""
    value = value[0] if isinstance(value, np.ndarray) and value.size == 1 else value
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def plain(array: Any) -> np.ndarray:
    """Numbers in this machine's byte order, texts as such."""
    array = np.asarray(array)
    if array.dtype.kind in "SO":
        texts = [cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell) for cell in array.ravel()]
        return np.array(texts, str).reshape(array.shape)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
