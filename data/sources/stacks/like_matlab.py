"""Arrays of MATLAB's files, version 5 to 7.3, as those of HDF5, with the axis of time first and rows before columns.

MATLAB keeps frames as (H, W, T) or (H, W, 3, T), and writes what it holds column by column. Source: MathWorks,
"MAT-File Format".
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from data.sources.stacks.groups import Array, Group, is_array

CLASS = "MATLAB_class"  # attribute of the arrays of version 7.3
_OF_SCIPY = (b"Platform: posix", b"Platform: nt")
_FRAMES = (3, 4)  # axes
HEADER_BYTES = 116  # of text, which tells who wrote a file
MOST_BYTES = 2**31  # of a file that is held whole, as all of these are


def may_hold_frames(variables: Iterable[tuple[str, tuple[int, ...], str]]) -> bool:
    """Whether one of the variables that scipy lists by name, shape and class may, and all can be held."""
    variables = list(variables)
    n_bytes = sum(8 * float(np.prod(shape, dtype=np.float64)) for _, shape, _ in variables)
    return n_bytes <= MOST_BYTES and any(len(shape) in _FRAMES and min(shape) > 0 for _, shape, _ in variables)


class Turned:
    """An array whose frames are read one by one, each with rows before columns; any other whole."""

    def __init__(self, array: Any, shape: tuple[int, ...]):
        self.shape, self.dtype, self._array = shape, array.dtype, array

    def __getitem__(self, key: Any) -> np.ndarray:
        return np.asarray(self._array[key]).T


def of_version_5(found: Mapping[str, Any], header: bytes) -> Group:
    """The arrays that scipy has read from a file; none where it holds more than these."""
    arrays = {name: value for name, value in found.items() if not name.startswith("__")}
    group = Group("/", {})
    if any(not hasattr(value, "dtype") or value.dtype.kind not in "buifU" for value in arrays.values()):
        return group
    lengths = {value.size for value in arrays.values() if 1 in value.shape}
    for name, value in arrays.items():
        if 1 in value.shape:
            value = value.reshape(-1)
        elif value.ndim in _FRAMES and not _is_time_first(value.shape, lengths, header):
            value = np.moveaxis(value, -1, 0)
        if value.dtype.kind != "U":  # words
            group[name] = Array(group, name, value, {})
    return group


def _is_time_first(shape: tuple[int, ...], lengths: set[int], header: bytes) -> bool:
    """Whether frames lie along the first axis: as a vector beside them is long, else as Python's programs write."""
    if (shape[0] in lengths) != (shape[-1] in lengths):
        return shape[0] in lengths
    return any(mark in header for mark in _OF_SCIPY)


def of_version_7_3(file: Any) -> Group:
    """The arrays of numbers of a file that h5py has opened, those of structures too."""
    return _turned(file, Group("/", {}))


def _turned(node: Any, group: Group) -> Group:
    for name, item in node.items():
        if not is_array(item):
            group[name] = _turned(item, Group(f"{group.name.rstrip('/')}/{name}", {}))
        elif item.dtype.kind in "buif" and item.attrs.get(CLASS) != b"char":
            shape = item.shape
            turned = Turned(item, (shape[0], *shape[:0:-1])) if item.ndim in _FRAMES else item[...].squeeze()
            group[name] = Array(group, name, turned, {})
    return group
