"""Pictures that HDF5 holds as the bytes of their files, JPEG or PNG, as arrays of frames.

SLEAP and robots' recordings have a row of bytes for each frame, of lengths of their own or filled up with zeros; data
sets of pictures an array of bytes for each, called as its file.
"""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from data.sources.picture_file.pictures import pages_of, pixels_of_page
from data.sources.picture_folder.order import in_order
from data.sources.stacks.opened.groups import Array, Group, is_array

MARKS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")  # that JPEG and PNG begin with
FEWEST = 3  # arrays of bytes that are a frame each
_NUMBER = re.compile(r"\d+")


class Encoded:
    """Frames (T, H, W) or (T, H, W, 3), decoded one by one; of the size and colours of the first."""

    def __init__(self, bytes_of: Callable[[int], bytes], count: int):
        """Raises OSError where the first is no picture."""
        self._bytes_of = bytes_of
        first = _decoded(bytes_of(0))
        self.shape, self.dtype = (count, *first.shape), first.dtype

    def __getitem__(self, number: int) -> np.ndarray:
        frame = _decoded(self._bytes_of(int(number)))
        if frame.ndim != len(self.shape) - 1:  # a gray one among colours
            frame = np.dstack([frame] * 3) if frame.ndim == 2 else frame[..., 0]
        if frame.shape != self.shape[1:]:
            raise OSError(f"a picture {frame.shape} among others {self.shape[1:]}")
        return frame.astype(self.dtype, copy=False)


def with_pictures(file: Any) -> Any:
    """A file that h5py has opened; its arrays and groups in the form of this room, where it holds pictures so, without
    what stands in tables about them."""
    found: dict[str, Encoded] = {}
    each: dict[str, list[str]] = {}

    def visit(name: str, item: Any) -> None:
        if not is_array(item) or item.shape is None or item.external or item.is_virtual:
            return
        if item.ndim == 1 and item.dtype == np.uint8 and _begins_as_picture(item, slice(len(MARKS[1]))):
            each.setdefault(name.rpartition("/")[0], []).append(name)
        elif _holds_rows_of_bytes(item) and _begins_as_picture(item, 0):
            found[name] = Encoded(lambda number, item=item: _row(item, number), len(item))

    file.visititems(visit)
    known = {name for names in each.values() if _are_of_one_form(names) for name in names}
    for place, names in each.items():
        if known.issuperset(names):
            ordered = in_order(names)
            found[f"{place}/frames" if place else "frames"] = Encoded(
                lambda number, ordered=ordered: file[ordered[number]][...].tobytes(), len(ordered)
            )
    return _filled(file, Group("/", dict(file.attrs)), "", found, known) if found else file


def _are_of_one_form(names: Sequence[str]) -> bool:
    return len(names) >= FEWEST and len({_NUMBER.sub("0", name) for name in names}) == 1


def _holds_rows_of_bytes(item: Any) -> bool:
    import h5py

    of_any_length = h5py.check_vlen_dtype(item.dtype)
    is_row = of_any_length is not None and np.dtype(of_any_length).itemsize == 1 and item.ndim == 1
    return bool(item.size) and (is_row or (item.ndim == 2 and item.dtype == np.uint8))


def _row(item: Any, place: int | slice) -> bytes:
    return np.asarray(item[place]).tobytes()


def _begins_as_picture(item: Any, place: int | slice) -> bool:
    try:
        return _row(item, place).startswith(MARKS)
    except (OSError, RuntimeError):  # of h5py, on damaged files
        return False


def _decoded(payload: bytes) -> np.ndarray:
    """The pixels of one picture. Raises OSError where they can't be read."""
    try:
        pages, _ = pages_of(io.BytesIO(payload))
        return pixels_of_page(io.BytesIO(payload), 0, pages[0].in_colour)
    except Exception as error:  # Pillow raises many kinds on damaged files
        raise OSError(f"not readable as image: {error}") from None


def _filled(node: Any, group: Group, below: str, found: dict[str, Encoded], known: set[str]) -> Group:
    """A group with what is in one of h5py, and the pictures that are below it."""
    for key, item in node.items():
        name = f"{below}{key}"
        if name in known or item is None:
            continue
        if not is_array(item):
            own = Group(f"/{name}", dict(item.attrs))
            group[key] = _filled(item, own, f"{name}/", found, known)
        elif name in found:
            group[key] = Array(group, key, found[name], dict(item.attrs))
        elif item.dtype.names is None:
            group[key] = item
    key = f"{below}frames"
    if key in found and "frames" not in group:
        group["frames"] = Array(group, "frames", found[key], {})
    return group
