"""Arrays of MATLAB's files, version 5 to 7.3, as those of HDF5, with the axis of time first and rows before columns.

MATLAB keeps frames as (H, W, T) or (H, W, 3, T), and writes what it holds column by column. Source: MathWorks,
"MAT-File Format".
"""

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from data.sources.stacks.opened.groups import Array, Group, is_array

CLASS = "MATLAB_class"  # attribute of the arrays of version 7.3
_OF_SCIPY = (b"Platform: posix", b"Platform: nt")
_FRAMES = (3, 4)  # axes
FEWEST_CELLS = 3
_ABOUT = re.compile(r"label|mask|truth|(?:^|_)gt|anno|segm", re.IGNORECASE)  # of cells that are about frames elsewhere
_OF_CELLS = ("#refs#", "#subsystem#")  # groups of what cells and objects refer to
HEADER_BYTES = 116  # of text, which tells who wrote a file
_WORDS = "char"  # class of texts
_SIZED = {f"{sign}int{8 * n}": f"{kind}{n}" for sign, kind in (("", "i"), ("u", "u")) for n in (1, 2, 4, 8)}
TYPES = _SIZED | {"double": "f8", "single": "f4", "logical": "u1"}  # by class
Variables = Sequence[tuple[str, tuple[int, ...], str]]  # names, shapes and classes, as scipy lists them


def may_hold_frames(variables: Variables) -> bool:
    """Whether one of a file's variables may, and all are numbers and words."""
    are_plain = all(kind in TYPES or kind == _WORDS or _may_be_cells(shape, kind) for _, shape, kind in variables)
    return are_plain and any(
        (len(shape) in _FRAMES and min(shape) > 0) or _may_be_cells(shape, kind) for _, shape, kind in variables
    )


def _may_be_cells(shape: tuple[int, ...], kind: str) -> bool:
    """Whether a variable is a row of cells, each of which may hold a frame."""
    return kind == "cell" and len(shape) == 2 and min(shape) == 1 and max(shape) >= FEWEST_CELLS


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
        self.shape, self.dtype, self.ndim, self._array = shape, array.dtype, len(shape), array

    def __getitem__(self, key: Any) -> np.ndarray:
        return np.asarray(self._array[key]).T


class Cells:
    """Frames that a row of cells holds, one in each; of one shape and type. Raises OSError where they are others."""

    def __init__(self, count: int, cell: Callable[[int], Any]):
        """cell: gives what is in the cell of a number, with rows before columns, as an array or what has its form."""
        found = [cell(number) for number in range(count)]
        forms = {(getattr(one, "shape", ()), str(getattr(one, "dtype", ""))) for one in found}
        if len(forms) != 1 or found[0].dtype.kind not in "buif" or found[0].ndim not in (2, 3):
            raise OSError("its cells hold no frames of one form")
        self.shape, self.dtype, self._cells = (count, *found[0].shape), found[0].dtype, found

    def __getitem__(self, number: int) -> np.ndarray:
        return np.asarray(self._cells[int(number)][...])


def _cells_of_version_5(source: Any, name: str) -> Cells:
    from scipy.io import loadmat

    try:
        row = loadmat(source, variable_names=[name])[name].ravel()
    except Exception as error:  # scipy raises many kinds on damaged files
        raise OSError(f"not readable as a file of MATLAB: {type(error).__name__}: {error}") from None
    return Cells(len(row), row.__getitem__)


def of_version_5(source: Any, variables: Variables, header: bytes) -> Group:
    """The arrays of numbers of a file, of its path or of what holds its bytes."""
    group, lengths = (
        Group("/", {}),
        {int(np.prod(shape)) for _, shape, kind in variables if 1 in shape and kind != "cell"},
    )
    for name, shape, kind in variables:
        if kind == _WORDS:
            continue
        if kind == "cell" and _ABOUT.search(name):
            return Group("/", {})
        if kind == "cell":
            held: Any = _cells_of_version_5(source, name)
        elif 1 in shape:
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
    """The arrays of numbers of a file that h5py has opened, those of structures too, and rows of cells with frames."""
    return _turned(file, Group("/", {}))


def _referred(item: Any) -> Cells:
    references = item[...].ravel()
    return Cells(
        item.size, lambda number: Turned(item.file[references[number]], item.file[references[number]].shape[::-1])
    )


def _turned(node: Any, group: Group) -> Group:
    for name, item in node.items():
        if name in _OF_CELLS:
            continue
        if item.attrs.get(CLASS) == b"cell" and is_array(item):
            if min(item.shape) == 1 and item.size >= FEWEST_CELLS and not _ABOUT.search(name):
                group[name] = Array(group, name, _referred(item), {})
        elif not is_array(item):
            group[name] = _turned(item, Group(f"{group.name.rstrip('/')}/{name}", {}))
        elif item.dtype.kind in "buif" and item.attrs.get(CLASS) != b"char":
            shape = item.shape
            turned = Turned(item, (shape[0], *shape[:0:-1])) if item.ndim in _FRAMES else item[...].squeeze()
            group[name] = Array(group, name, turned, {})
    return group
