"""Files of arrays with names and attributes, opened alike: HDF5 as h5py has it, and the classic netCDF in that form.

Source: Unidata, "The NetCDF Classic Format Specification"; read by scipy, whose arrays are mapped where it is a file.
"""

import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from data.sources.arrays.netcdf_arrays import MAGIC

TEXT = "SU"  # kinds of arrays of letters, which name things


class Group(dict):
    """Arrays and groups by name, with attributes, as a group of h5py."""

    def __init__(self, name: str, attrs: Mapping[str, Any]):
        super().__init__()
        self.name, self.attrs = name, attrs

    def visititems(self, visit: Callable[[str, Any], Any]) -> Any:
        """Call `visit(name, item)` for everything below until it returns something."""
        for item in self.values():
            found = visit(item.name.lstrip("/"), item)
            if found is None and isinstance(item, Group):
                found = item.visititems(visit)
            if found is not None:
                return found
        return None


class Array:
    """An array in a group, read where it is asked for, as a data set of h5py. axes: the name of each."""

    external, is_virtual = None, False

    def __init__(self, group: Group, name: str, array: Any, attrs: Mapping[str, Any], axes: Sequence[str] = ()):
        self.parent, self.name, self.attrs = group, f"{group.name.rstrip('/')}/{name}", attrs
        self.shape, self.dtype = tuple(array.shape), np.dtype(array.dtype)
        self.size, self.ndim = int(np.prod(self.shape)), len(self.shape)
        self._array, self._axes = array, axes

    @property
    def dims(self) -> list[dict[str, "Array"]]:
        """What lies along each axis: the arrays of its name."""
        return [{axis: self.parent[axis]} if axis in self.parent else {} for axis in self._axes or [""] * self.ndim]

    def __getitem__(self, key: Any) -> np.ndarray:
        return np.array(self._array[key])


def is_array(item: Any) -> bool:
    """Whether something in a file is an array, of h5py or of this module."""
    return hasattr(item, "shape")


def is_classic(file: Path | IO[bytes]) -> bool:
    """Whether a file is netCDF of the classic formats by its first bytes."""
    if isinstance(file, Path):
        with file.open("rb") as stream:
            return is_classic(stream)
    place = file.tell()
    file.seek(0)
    begin = file.read(len(MAGIC[0]))
    file.seek(place)
    return begin in MAGIC


@contextmanager
def opened(file: Path | IO[bytes]) -> Iterator[Any]:
    """The arrays of a file. Raises OSError, and what h5py raises, where it can't be read."""
    if is_classic(file):
        with _classic(file) as group:
            yield group
        return
    import h5py  # late: it takes a tenth of a second, and few have such files

    with h5py.File(file, "r") as opened:
        yield opened


@contextmanager
def _classic(file: Path | IO[bytes]) -> Iterator[Group]:
    from scipy.io import netcdf_file

    try:
        found = netcdf_file(file if isinstance(file, Path) else _copy(file), "r", mmap=isinstance(file, Path))
        group = Group("/", dict(found._attributes))
        for name, item in found.variables.items():
            if item.data.dtype.kind not in TEXT:
                group[name] = Array(group, name, item.data, dict(item._attributes), item.dimensions)
    except Exception as error:  # scipy raises many kinds on damaged files
        raise OSError(f"not readable as netCDF: {type(error).__name__}: {error}") from None
    try:
        yield group
    finally:
        with warnings.catch_warnings(action="ignore"):  # of arrays that somebody still has: they stay mapped
            found.close()


def _copy(stream: IO[bytes]) -> IO[bytes]:
    """What scipy may close."""
    stream.seek(0)
    return io.BytesIO(stream.read())
