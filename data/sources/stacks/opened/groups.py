"""Arrays and groups in the form that h5py gives them, for files of other formats."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np


class Group(dict):
    """Arrays and groups by name, with attributes, as a group of h5py."""

    def __init__(self, name: str, attrs: Mapping[str, Any]):
        super().__init__()
        self.name, self.attrs = name, attrs

    def __missing__(self, key: str) -> Any:
        """What lies in the groups of a path."""
        first, _, below = key.partition("/")
        if not below or first not in self:
            raise KeyError(key)
        return self[first][below]

    def visititems(self, visit: Callable[[str, Any], Any]) -> Any:
        """Call `visit(name, item)` for everything below until it returns something."""
        for item in self.values():
            found = visit(item.name.lstrip("/"), item)
            if found is None and isinstance(item, Group):
                found = item.visititems(visit)
            if found is not None:
                return found
        return None


class Axis(dict):
    """What lies along an axis by name, and what it is called, as of h5py."""

    label = ""


class Array:
    """An array in a group, read where it is asked for, as a data set of h5py. axes: the name of each."""

    external, is_virtual = None, False

    def __init__(self, group: Group, name: str, array: Any, attrs: Mapping[str, Any], axes: Sequence[str] = ()):
        self.parent, self.name, self.attrs = group, f"{group.name.rstrip('/')}/{name}", attrs
        self.shape, self.dtype = tuple(array.shape), np.dtype(array.dtype)
        self.size, self.ndim = int(np.prod(self.shape)), len(self.shape)
        self._array, self._axes = array, axes

    @property
    def dims(self) -> list[Axis]:
        """What lies along each axis: the arrays of its name."""
        return [self._axis(name) for name in self._axes or [""] * self.ndim]

    def _axis(self, name: str) -> Axis:
        axis = Axis({name: self.parent[name]} if name in self.parent else {})
        axis.label = name
        return axis

    def __getitem__(self, key: Any) -> np.ndarray:
        return np.array(self._array[key])


def is_array(item: Any) -> bool:
    """Whether something in a file is an array, of h5py or of this module."""
    return hasattr(item, "shape")
