"""Arrays in folders of zarr, 2 and 3, as those of HDF5.

Source: https://zarr-specs.readthedocs.io, read by zarr where that is installed.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.sources.stacks.opened.groups import Array, Group
from data.sources.stacks.opened.ome_zarr import Pictures, pyramid_of

CODECS = {  # of zarr and numcodecs, without those that run what a file says (pickle)
    *("bytes", "endian", "transpose", "sharding_indexed", "gzip", "zlib", "zstd", "blosc", "lz4", "lzma", "bz2"),
    *("crc32", "crc32c", "adler32", "fletcher32", "shuffle", "delta", "fixedscaleoffset", "quantize", "bitround"),
    *("astype", "packbits"),
}
AXES_OF_XARRAY = "_ARRAY_DIMENSIONS"  # attribute with the names of axes; what fills such an array stands for nothing


def of_zarr(folder: Path) -> Group:
    """The arrays of numbers in a folder. Raises OSError where it can't be read, or zarr is not installed."""
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
    """Put what is in a group of zarr into one of this module; of OME's pyramids the first level, and no labels."""
    group.attrs = dict(node.attrs)
    if pyramid := pyramid_of(group.attrs):
        level = node[pyramid.path]
        if _is_read(level):
            name = pyramid.path.replace("/", "_")
            group[name] = Array(group, name, Pictures(level, pyramid.axes), *pyramid.told(level.shape))
        return
    for name, item in node.groups():
        below = group[name] = Group(f"{group.name.rstrip('/')}/{name}", {})
        _fill(below, item)
    for name, item in node.arrays():
        if _is_read(item):
            group[name] = _array(group, name, item)


def _is_read(item: Any) -> bool:
    return item.dtype.kind in "buif" and _codecs(item.metadata.to_dict()) <= CODECS


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
    if AXES_OF_XARRAY in attrs and _may_be_fill(name, item):
        attrs.setdefault("_FillValue", item.fill_value)
    return Array(group, name, item, attrs, [axis or "" for axis in axes])


def _may_be_fill(name: str, item: Any) -> bool:
    """Whether what an array is filled with stands for nothing: 0 is what zarr fills with unless it is told otherwise,
    and along an axis that is called as the array, as by CF's rules, nothing is missing."""
    return item.fill_value is not None and bool(item.fill_value != 0) and item.attrs.get(AXES_OF_XARRAY) != [name]
