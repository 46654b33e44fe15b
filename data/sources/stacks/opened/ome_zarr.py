"""OME-Zarr, the pyramids of microscopes: which level is the picture, its axes, and the step of its time.

Source: https://ngff.openmicroscopy.org, versions 0.4 and 0.5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

SECONDS = {"millisecond": 1e-3, "second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
OF_PICTURES = ("t", "y", "x")  # that remain once those of one channel and one depth are left out


@dataclass(frozen=True)
class Pyramid:
    """The level that is not reduced: its path in the group, the names of its axes, and seconds of a step of time."""

    path: str
    axes: tuple[str, ...]
    step_s: float  # NaN: not told

    def told(self, shape: tuple[int, ...]) -> tuple[dict[str, float], tuple[str, ...]]:
        """Attributes and axes of the level as `Pictures` has it."""
        kept = (axis for axis, n in zip(self.axes, shape, strict=True) if axis in OF_PICTURES or n > 1)
        axes = tuple(axis if axis in OF_PICTURES else f"layer {axis}" for axis in kept)
        return ({} if np.isnan(self.step_s) else {"dt": self.step_s}), axes


class Pictures:
    """An array without the axes of one channel or one depth, read frame by frame."""

    def __init__(self, array: Any, axes: tuple[str, ...]):
        sizes = array.shape
        self._kept = [number for number, axis in enumerate(axes) if axis in OF_PICTURES or sizes[number] > 1]
        self.shape, self.dtype, self._array = tuple(sizes[number] for number in self._kept), array.dtype, array

    def __getitem__(self, position: int) -> np.ndarray:
        first, *others = self._kept
        places = {first: position} | dict.fromkeys(others, slice(None))
        return np.asarray(self._array[tuple(places.get(number, 0) for number in range(self._array.ndim))])


def pyramid_of(attributes: Mapping[str, Any]) -> Pyramid | None:
    """The pyramid that a group is, by its attributes; None where it is none."""
    told = attributes.get("ome", attributes)
    pyramids = told.get("multiscales") if isinstance(told, Mapping) else None
    if not pyramids:
        return None
    first = pyramids[0]["datasets"][0]
    axes = _axes_of(pyramids[0])
    scale = next((t["scale"] for t in first.get("coordinateTransformations", ()) if "scale" in t), [])
    units = [SECONDS.get(axis.get("unit", ""), np.nan) for axis in axes]
    steps = [unit * n for axis, unit, n in zip(axes, units, scale, strict=False) if axis["name"].lower() == "t"]
    return Pyramid(first["path"], tuple(axis["name"].lower() for axis in axes), float(steps[0]) if steps else np.nan)


def _axes_of(pyramid: Mapping[str, Any]) -> list[dict[str, str]]:
    """The axes of a pyramid, each with its name; before 0.4 these were names alone, before 0.3 always five."""
    axes = pyramid.get("axes", list("tczyx"))
    return [axis if isinstance(axis, dict) else {"name": axis} for axis in axes]
