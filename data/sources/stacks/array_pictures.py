"""Pictures in NumPy files: a folder of arrays (H, W) of one shape, or in colour (H, W, 3), each a frame, as programs
that cut videos write.
"""

import os
import re
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

from config import PrepConfig
from data.messages import logger
from data.sources.base import Candidate, FrameError, RawFrame, sha256
from data.sources.images import ImageSource
from data.sources.picture_file.pictures import Page
from data.sources.stacks.numpy_stacks import COLOURS, form_of, is_like_a_frame, pixels_of

log = logger(__name__)

FEWEST, FEWEST_PX = 3, 16  # files of one shape, and the sides of their arrays: a shorter one is that of a series
_NUMBERS = re.compile(r"\d+")


class ArrayPictureSource(ImageSource):
    """A folder of `.npy` files with a picture each, one reel; one such file by itself is a series."""

    name = "array_picture"
    suffixes = (".npy",)
    called = "arrays"

    def takes(self, path: Path) -> bool:
        shape = _shape_of(path) if path.name.lower().endswith(self.suffixes) else ()
        return bool(shape) and shape == _shape_in(path.parent)

    def recognises(self, path: Path) -> bool:
        return False

    def scan_all(self, files, root: Path, prep: PrepConfig, among=()) -> list[Candidate]:
        """As of other pictures. It is said what the files are taken for."""
        found = super().scan_all(files, root, prep, among)
        size = "x".join(map(str, found[0].shape))
        way_out = "one of them is a series where it lies alone in a folder"
        log.info(
            f"{found[0].reel}: its {len(files)} {self.called} {size} are taken for pictures, a frame each; {way_out}"
        )
        return found

    def pages(self, stream: IO[bytes]) -> tuple[list[Page], int]:
        shape, dtype, n_bytes = form_of(stream)
        if np.prod(shape) * dtype.itemsize > n_bytes:
            raise FrameError("file is truncated")
        height, width = _sides(shape)
        return [Page(0, (height, width), shape[-1] in COLOURS)], 0

    def frame(self, candidate: Candidate) -> RawFrame:
        with open(candidate.path, "rb") as stream:
            digest = sha256(stream.read())
            stream.seek(0)
            pixels = np.load(stream, allow_pickle=False)
        return RawFrame(np.ascontiguousarray(pixels_of(pixels, candidate.channel == "rgb")), None, digest)


def _shape_of(path: Path) -> tuple[int, ...]:
    """The shape of a file's array where it may be a picture, else ()."""
    try:
        with path.open("rb") as stream:
            shape, dtype, _ = form_of(stream)
    except OSError:
        return ()
    sides = _sides(shape)
    is_picture = len(sides) == 2 and dtype.kind in "buif" and min(sides) >= FEWEST_PX and is_like_a_frame(sides)
    return shape if is_picture else ()


def _sides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Height and width of a picture by the shape of its array, (1, H, W) and (H, W, 1) of gray among them."""
    if len(shape) == 3 and shape[2] in (1, *COLOURS):
        return shape[:2]
    return shape[1:] if len(shape) == 3 and shape[0] == 1 else shape


def _shape_in(folder: Path) -> tuple[int, ...]:
    """The shape of a folder's first arrays, where they are of one that pictures have and their names of one form."""
    try:
        return _shape_of_first(folder, folder.stat().st_mtime_ns)
    except OSError:
        return ()


@lru_cache(maxsize=64)
def _shape_of_first(folder: Path, _changed: int) -> tuple[int, ...]:
    names = sorted(entry.name for entry in os.scandir(folder) if entry.name.lower().endswith(".npy"))
    names = [name for name in names if not name.startswith(".")]
    first = list(islice(names, FEWEST))
    shapes = {_shape_of(folder / name) for name in first}
    forms = {_NUMBERS.sub("0", name) for name in first}
    return shapes.pop() if len(first) == FEWEST and len(shapes) == len(forms) == 1 else ()
