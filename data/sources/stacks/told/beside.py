"""What a file of arrays tells about its frames beside them: when each was taken, and how far they are apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.arrays.hdf5_arrays import NO_VARIABLE, by_attributes, plain, text_of
from data.sources.base import FrameError
from data.sources.stacks.numpy_stacks import is_called_time
from data.sources.stacks.opened.groups import is_array
from data.sources.stacks.told.rate import FRAME_RATES, STEPS, UNITS_S
from data.sources.times.cells import times_of
from data.sources.times.found import Times

CARDS = "T-OBS", "DATE-AVG", "DATE-OBS", "DATE-BEG"  # of a FITS header, the best first


def as_long(file: Any, array: Any) -> list[Any]:
    """The arrays beside one of frames, or at the top of its file, with a value for each frame."""
    groups = (array.parent, file)
    beside = [item for group in groups for item in group.values() if is_array(item) and has_values(item)]
    return [item for item in beside if item.shape == array.shape[:1] or _is_in_letters(item, array.shape[0])]


def has_values(item: Any) -> bool:
    """Whether an array is more than the length of a dimension of netCDF."""
    return not text_of(item.attrs.get("NAME", "")).startswith(NO_VARIABLE)


def _is_in_letters(item: Any, count: int) -> bool:
    """Whether an array (T, N) holds texts a letter in each place, as WRF's times."""
    return item.dtype == "S1" and item.ndim == 2 and len(item) == count


def attribute_as_long(array: Any, prep: PrepConfig) -> Times | None:
    """The times that an attribute of an array of frames lists, one for each, as SDOML's cards of FITS headers; None
    where there is none."""
    listed = {key: array.attrs[key] for key in array.attrs if np.shape(array.attrs[key]) == array.shape[:1]}
    cards = {key.upper().replace("_", "-"): key for key in listed}
    of_header = [cards[card] for card in CARDS if card in cards]
    for key in of_header + [key for key in listed if is_called_time(key.replace("-", "_"))]:
        return times_of(pd.Series([text_of(cell) for cell in listed[key]], name=key), prep)
    return None


def single_numbers(file: Any, array: Any) -> dict[str, Any]:
    """The numbers that stand alone beside an array, or are attributes of it or of what it lies in, by name."""
    found: dict[str, Any] = {}
    for group in (file, array.parent):
        alone = {name: item for name, item in group.items() if is_array(item) and item.size == 1}
        found |= {name: item[...] for name, item in alone.items() if item.dtype.kind in "iuf"}
        for item in alone.values():
            if "rate" in item.attrs:  # NWB has it as an attribute of the time that its frames begin at
                found["frame_rate"] = item.attrs["rate"]
    found |= _told_of_frames(file)
    for attributes in (file.attrs, array.parent.attrs, array.attrs):
        found |= {name: attributes[name] for name in attributes if np.size(attributes[name]) == 1}
    return found


def _told_of_frames(file: Any) -> dict[str, float]:
    """Single numbers anywhere in a file that are called as the rate or the step of frames are, as NeXus' frame_time
    among what it tells of a detector, in s or a second; those of which there are several tell nothing."""
    found: dict[str, set[float]] = {}

    def visit(path: str, item: Any) -> None:
        name = path.rpartition("/")[2]
        is_step = STEPS.fullmatch(name)
        if (is_step or FRAME_RATES.fullmatch(name)) and is_array(item) and item.size == 1 and item.dtype.kind in "iuf":
            unit = UNITS_S.get(text_of(item.attrs.get("units", "")).strip().lower(), 0.0) if is_step else 1.0
            found.setdefault(name, set()).add(unit * float(np.ravel(item[...])[0]))

    file.visititems(visit)
    return {name: numbers.pop() for name, numbers in found.items() if len(numbers) == 1}


def times_of_each(file: Any, names: Sequence[str], prep: PrepConfig) -> Times | None:
    """Times that arrays, or their groups, have as an attribute or beside them, where all have one so called."""
    told = [_told_beside(file[name]) for name in names]
    keys = [key for key in told[0] if all(key in others for others in told)]
    return times_of(pd.Series([others[keys[0]] for others in told], name=keys[0]), prep) if keys else None


def _told_beside(array: Any) -> dict[str, Any]:
    """What may be the time of an array (H, W), by its name."""
    group, found = array.parent, {}
    is_own = group.name != "/"  # what stands at the top is of all
    for attributes in (array.attrs, group.attrs if is_own else {}):
        found |= {key: plain(attributes[key]) for key in attributes if _may_be_time(key, np.size(attributes[key]))}
    beside = {key: item for key, item in group.items() if _may_be_time(key, getattr(item, "size", 0))} if is_own else {}
    found |= {key: cells_of(item) for key, item in beside.items()}
    return {key: value.reshape(-1)[0] for key, value in found.items()}


def _may_be_time(name: str, size: int) -> bool:
    return size == 1 and is_called_time(name.replace("-", "_"))


def counts_time(item: Any) -> bool:
    """Whether an array counts time, and no places along its axis."""
    return "since" in text_of(item.attrs.get("units", "")) or is_called_time(item.name)


def cells_of(item: Any) -> np.ndarray:
    import h5py

    is_text = h5py.check_string_dtype(item.dtype) is not None
    name = item.name.rpartition("/")[2]
    if item.ndim == 2:  # of single letters
        return np.array([b"".join(row).decode("ascii", "replace").strip("\0 ") for row in item[...]])
    cells = by_attributes(name, plain(item.asstr()[...] if is_text else item[...]), item.attrs)
    unit = text_of(item.attrs.get("units", ""))
    if "since" in unit and cells.dtype.kind != "M":
        told = f"{unit!r}, calendar {text_of(item.attrs.get('calendar', 'standard'))!r}"
        raise FrameError(f"the unit of {item.name} is not understood: {told}; see prep.times_csv")
    return cells
