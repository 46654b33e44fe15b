"""Files of arrays with names and attributes, opened alike: HDF5 by h5py, and classic netCDF and zarr in that form.

Sources: Unidata, "The NetCDF Classic Format Specification", read by scipy, whose arrays are mapped where it is a file;
https://zarr-specs.readthedocs.io, read by zarr where that is installed.
"""

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from data.sources.arrays.matlab_arrays import MAGIC as OF_MATLAB
from data.sources.arrays.netcdf_arrays import MAGIC
from data.sources.stacks.groups import Array, Group
from data.sources.stacks.like_matlab import CLASS, HEADER_BYTES, may_hold_frames, of_version_5, of_version_7_3

TEXT = "SU"  # kinds of arrays of letters, which name things
OF_ZARR = ("zarr.json", ".zgroup", ".zarray")  # what describes a folder of zarr, of versions 3 and 2
CODECS = {  # of zarr and numcodecs, without those that run what a file says (pickle)
    *("bytes", "endian", "transpose", "sharding_indexed", "gzip", "zlib", "zstd", "blosc", "lz4", "lzma", "bz2"),
    *("crc32", "crc32c", "adler32", "fletcher32", "shuffle", "delta", "fixedscaleoffset", "quantize", "bitround"),
    *("astype", "packbits"),
}
AXES_OF_XARRAY = "_ARRAY_DIMENSIONS"  # attribute with the names of axes; what fills such an array stands for nothing


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
        yield _zarr(file.parent)
        return
    if is_classic(file):
        with _classic(file) as group:
            yield group
        return
    if begin_of(file, len(OF_MATLAB)) == OF_MATLAB:
        yield _matlab(file)
        return
    import h5py  # late: it takes a tenth of a second, and few have such files

    with h5py.File(file, "r") as opened:
        of_matlab = any(CLASS in item.attrs for item in opened.values())
        yield of_version_7_3(opened) if of_matlab else opened


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
    from scipy.io import loadmat, whosmat

    source = str(file) if isinstance(file, Path) else _copy(file)
    try:
        if not may_hold_frames(whosmat(source)):
            return Group("/", {})
        return of_version_5(loadmat(source), begin_of(file, HEADER_BYTES))
    except Exception as error:  # scipy raises many kinds on damaged files
        raise OSError(f"not readable as a file of MATLAB: {type(error).__name__}: {error}") from None


def _copy(stream: IO[bytes]) -> IO[bytes]:
    """What scipy may close."""
    stream.seek(0)
    return io.BytesIO(stream.read())


def _zarr(folder: Path) -> Group:
    try:
        import zarr  # late: it takes half a second, and need not be installed
    except ImportError:
        raise OSError("zarr is not installed") from None
    try:
        with warnings.catch_warnings(action="ignore"):  # of forms that are not standard yet
            node, group = zarr.open(str(folder), mode="r"), Group("/", {})
            if isinstance(node, zarr.Group):
                _fill(group, node)
            elif _codecs(node.metadata.to_dict()) <= CODECS:
                group[folder.stem] = _array(group, folder.stem, node)
    except Exception as error:  # zarr raises many kinds on damaged folders
        raise OSError(f"not readable as zarr: {type(error).__name__}: {error}") from None
    return group


def _fill(group: Group, node: Any) -> None:
    """Put what is in a group of zarr into one of this module."""
    group.attrs = dict(node.attrs)
    for name, item in node.groups():
        below = group[name] = Group(f"{group.name.rstrip('/')}/{name}", {})
        _fill(below, item)
    for name, item in node.arrays():
        if item.dtype.kind in "buif" and _codecs(item.metadata.to_dict()) <= CODECS:
            group[name] = _array(group, name, item)


def _codecs(metadata: Any) -> set[str]:
    """The names of all codecs that the description of an array asks for."""
    if isinstance(metadata, Mapping):
        parts = [metadata.get(key) for key in ("codecs", "index_codecs", "configuration", "filters", "compressor")]
        own = {str(metadata[key]).removeprefix("numcodecs.") for key in ("id", "name") if key in metadata}
    elif isinstance(metadata, Sequence) and not isinstance(metadata, str):
        parts, own = list(metadata), set()
    elif config := getattr(metadata, "get_config", None):
        parts, own = [config()], set()
    else:
        return set()
    return own.union(*map(_codecs, parts))


def _array(group: Group, name: str, item: Any) -> Array:
    attrs = dict(item.attrs)
    axes = getattr(item.metadata, "dimension_names", None) or attrs.get(AXES_OF_XARRAY, ())
    if AXES_OF_XARRAY in attrs and item.fill_value is not None:
        attrs.setdefault("_FillValue", item.fill_value)
    return Array(group, name, item, attrs, [axis or "" for axis in axes])
