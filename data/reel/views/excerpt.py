"""A reel of some frames of another one."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data.disk.files import write_csv, write_meta
from data.reel.reel import Reel

BLOCK_BYTES = 2**24  # copied at a time


def frame_bytes(reel: Reel) -> int:
    """What a frame and its mask take on the disk."""
    channels, height, width = reel.shape[1:]
    return height * width * (channels * reel.stored.dtype.itemsize + 1)


def write_excerpt(reel: Reel, ranges: Sequence[tuple[int, int]], folder: Path) -> None:
    """Write the frames of half-open `ranges`, one behind the other, to `folder` as a reel without windows.

    Its frames keep their times and facts. The folder must not exist. Raises OSError where the disk is full.
    """
    folder.mkdir(parents=True)
    rows = np.concatenate([np.arange(begin, end) for begin, end in ranges])
    shape = (len(rows), *reel.shape[1:])
    all_masks = len(reel.stored_masks) == len(reel)
    with (folder / "frames.npy").open("wb") as frames, (folder / "masks.npy").open("wb") as masks:
        _write_header(frames, reel.stored.dtype, shape)
        _write_header(masks, reel.masks.dtype, (shape[0] if all_masks else 1, *shape[2:]))
        for first, stop in _blocks(ranges, max(1, BLOCK_BYTES // frame_bytes(reel))):
            frames.write(reel.read_stored(first, stop).tobytes())
            masks.write(reel.read_masks(first, stop).tobytes() if all_masks else b"")
        masks.write(b"" if all_masks else np.asarray(reel.stored_masks).tobytes())
    if reel.missing.any():
        np.save(folder / "missing.npy", reel.missing[rows])
    write_csv(folder / "frames.csv", reel.table.iloc[rows].assign(index=np.arange(len(rows))))
    identity = hashlib.sha256(f"{reel.meta['identity']} {list(ranges)}".encode()).hexdigest()
    of_whole = ("files", "store")  # digests, and where its arrays lie
    facts = {name: value for name, value in reel.meta.items() if name not in of_whole}
    write_meta(folder, facts | {"shape": list(shape), "identity": identity})


def _write_header(stream: BinaryIO, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    about = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, about)


def _blocks(ranges: Sequence[tuple[int, int]], frames: int) -> Iterator[tuple[int, int]]:
    for begin, end in ranges:
        for first in range(begin, end, frames):
            yield first, min(first + frames, end)
