"""Arrays of MATLAB's files, version 5 to 7.3, as those of HDF5, with the axis of time first and rows before columns.

MATLAB keeps frames as (H, W, T) or (H, W, 3, T), and writes what it holds column by column. Source: MathWorks,
"MAT-File Format".
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from data.sources.stacks.opened.groups import Array, Group, is_array

CLASS = "MATLAB_class"  # attribute of the arrays of version 7.3
_OF_SCIPY = (b"Platform: posix", b"Platform: nt")
_FRAMES = (3, 4)  # axes
HEADER_BYTES = 116  # of text, which tells who wrote a file
_WORDS = "char"  # class of texts
_SIZED = {f"{sign}int{8 * n}": f"{kind}{n}" for sign, kind in (("", "i"), ("u", "u")) for n in (1, 2, 4, 8)}
TYPES = _SIZED | {"double": "f8", "single": "f4", "logical": "u1"}  # by class
Variables = Sequence[tuple[str, tuple[int, ...], str]]  # names, shapes and classes, as scipy lists them


def may_hold_frames(variables: Variables) -> bool:
    """Whether one of a file's variables may, and all are numbers and words."""
    are_plain = all(kind in TYPES or kind == _WORDS for _, _, kind in variables)
    return are_plain and any(len(shape) in _FRAMES and min(shape) > 0 for _, shape, _ in variables)


class Held:
    """A variable of a file of version 5, which scipy reads whole, once a value of it is asked for."""

    def __init__(self, source: Any, name: str, shape: tuple[int, ...], kind: str, is_last_first: bool = False):
        """shape: as it is given, of one axis or with its last axis first."""
        self.shape, self.dtype, self._from = shape, np.dtype(TYPES[kind]), (source, name, is_last_first)

    def __getitem__(self, key: Any) -> np.ndarray:
        return self._values[key]

    @cached_property
    def _values(self) -> np.ndarray:
        from scipy.io import loadmat

        source, name, is_last_first = self._from
        try:
            values = np.asarray(loadmat(source, variable_names=[name])[name])
        except Exception as error:  # scipy raises many kinds on damaged files
            raise OSError(f"not readable as a file of MATLAB: {type(error).__name__}: {error}") from None
        if values.dtype.kind not in "buif":
            raise OSError(f"{name} holds {values.dtype}, which are no pixels")
        return np.moveaxis(values, -1, 0) if is_last_first else values.reshape(self.shape)


class Turned:
    """An array whose frames are read one by one, each with rows before columns; any other whole."""

    def __init__(self, array: Any, shape: tuple[int, ...]):
        self.shape, self.dtype, self._array = shape, array.dtype, array

    def __getitem__(self, key: Any) -> np.ndarray:
        return np.asarray(self._array[key]).T


def of_version_5(source: Any, variables: Variables, header: bytes) -> Group:
    """The arrays of numbers of a file, of its path or of what holds its bytes."""
    group, lengths = Group("/", {}), {int(np.prod(shape)) for _, shape, _ in variables if 1 in shape}
    for name, shape, kind in variables:
        if kind == _WORDS:
            continue
        if 1 in shape:
            held = Held(source, name, (int(np.prod(shape)),), kind)
        elif len(shape) in _FRAMES and not _is_time_first(shape, lengths, header):
            held = Held(source, name, (shape[-1], *shape[:-1]), kind, is_last_first=True)
        else:
            held = Held(source, name, shape, kind)
        group[name] = Array(group, name, held, {})
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
