"""TIFF files of any numbers, written field by field: what Pillow can't write, and others do."""

import struct
import zlib
from collections.abc import Sequence
from typing import Literal

import numpy as np

Order = Literal["<", ">"]
KINDS = {"u": 1, "i": 2, "f": 3}


def tiff_of(
    pages: Sequence[np.ndarray] | np.ndarray, order: Order = "<", deflate: bool = False, rows: int = 0, **tags: int
) -> bytes:
    """A TIFF with a page (H, W), or (H, W, 3) of colours, for each array, its tags before its strips.

    order: of bytes. rows: of a strip; 0: all in one. tags: further ones, as t32997=4.
    """
    file = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    for number, page in enumerate(pages):
        file += _page(page, len(file), order, deflate, rows, tags, number == len(pages) - 1)
    return file


def _page(
    page: np.ndarray, at: int, order: Order, deflate: bool, rows: int, more: dict[str, int], is_last: bool
) -> bytes:
    rows = rows or len(page)
    stored = page.astype(page.dtype.newbyteorder(order))
    strips = [stored[first : first + rows].tobytes() for first in range(0, len(page), rows)]
    strips = [zlib.compress(strip) for strip in strips] if deflate else strips
    samples = page.shape[2] if page.ndim == 3 else 1
    tags = {256: page.shape[1], 257: page.shape[0], 258: 8 * page.itemsize, 259: 8 if deflate else 1}
    tags |= {262: 2 if samples == 3 else 1, 277: samples, 278: rows, 339: KINDS[page.dtype.kind]}
    tags |= {int(name[1:]): value for name, value in more.items()}
    lists_at = at + 2 + 12 * (len(tags) + 2) + 4  # of where the strips lie, and of their sizes
    data_at = lists_at + 8 * len(strips)
    begins = [data_at + sum(map(len, strips[:i])) for i in range(len(strips))]
    is_one = len(strips) == 1
    fields = {tag: (1, value) for tag, value in tags.items()}
    fields |= {
        273: (len(strips), begins[0] if is_one else lists_at),
        279: (len(strips), len(strips[0]) if is_one else lists_at + 4 * len(strips)),
    }
    end = data_at + sum(map(len, strips))
    return b"".join(
        [
            struct.pack(f"{order}H", len(fields)),
            *(struct.pack(f"{order}HHII", tag, 4, *fields[tag]) for tag in sorted(fields)),
            struct.pack(f"{order}I", 0 if is_last else end),
            struct.pack(f"{order}{2 * len(strips)}I", *begins, *map(len, strips)),
            *strips,
        ]
    )
