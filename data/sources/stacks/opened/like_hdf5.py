"""Files of arrays with names and attributes, opened alike: HDF5 by h5py, and others in that form.

Source: Unidata, "The NetCDF Classic Format Specification", read by scipy, whose arrays are mapped where it is a file.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from data.sources.arrays.matlab_arrays import MAGIC as OF_MATLAB
from data.sources.arrays.netcdf_arrays import MAGIC
from data.sources.stacks.opened.groups import Array, Group
from data.sources.stacks.opened.like_encoded import with_pictures
from data.sources.stacks.opened.like_matlab import CLASS, HEADER_BYTES, may_hold_frames, of_version_5, of_version_7_3
from data.sources.stacks.opened.like_npz import MAGIC as OF_NPZ
from data.sources.stacks.opened.like_npz import of_npz
from data.sources.stacks.opened.like_zarr import of_zarr

TEXT = "SU"  # kinds of arrays of letters, which name things
OF_ZARR = ("zarr.json", ".zgroup", ".zarray")  # what describes a folder of zarr, of versions 3 and 2


def place_of(path: Path) -> Path:
    """The file, or the folder of zarr, that a path stands for."""
    return path.parent if path.name in OF_ZARR else path


def is_classic(file: Path | IO[bytes]) -> bool:
    """Whether a file is netCDF of the classic formats by its first bytes."""
    return begin_of(file, len(MAGIC[0])) in MAGIC


def begin_of(file: Path | IO[bytes], n_bytes: int) -> bytes:
    """The first bytes of a file; one that is open stays where it is."""
    if isinstance(file, Path):
        with file.open("rb") as stream:
            return stream.read(n_bytes)
    place = file.tell()
    file.seek(0)
    begin = file.read(n_bytes)
    file.seek(place)
    return begin


@contextmanager
def opened(file: Path | IO[bytes]) -> Iterator[Any]:
    """The arrays of a file. Raises OSError, and what h5py raises, where it can't be read."""
    if isinstance(file, Path) and file.name in OF_ZARR:
        yield of_zarr(file.parent)
        return
    if is_classic(file):
        with _classic(file) as group:
            yield group
        return
    if begin_of(file, len(OF_MATLAB)) == OF_MATLAB:
        yield _matlab(file)
        return
    if begin_of(file, len(OF_NPZ)) == OF_NPZ:
        yield of_npz(file)
        return
    import h5py  # late: it takes a tenth of a second, and few have such files

    with h5py.File(file, "r") as opened:
        of_matlab = any(item is not None and CLASS in item.attrs for item in opened.values())  # None: damaged
        yield of_version_7_3(opened) if of_matlab else with_pictures(opened)


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


def _matlab(file: Path | IO[bytes]) -> Group:
    from scipy.io import whosmat

    source = str(file) if isinstance(file, Path) else _copy(file)
    try:
        variables = whosmat(source)
    except Exception as error:  # scipy raises many kinds on damaged files
        raise OSError(f"not readable as a file of MATLAB: {type(error).__name__}: {error}") from None
    plain = variables if may_hold_frames(variables) else []
    return of_version_5(source, plain, begin_of(file, HEADER_BYTES))


def is_held_whole(path: Path) -> bool:
    """Whether an array of a file is in memory as a whole while its frames are read."""
    return path.is_file() and begin_of(path, len(OF_MATLAB)) == OF_MATLAB


def _copy(stream: IO[bytes]) -> IO[bytes]:
    """What scipy may close."""
    stream.seek(0)
    return io.BytesIO(stream.read())
