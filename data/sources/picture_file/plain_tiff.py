"""TIFF of numbers that Pillow does not know (float16, float64, 64 bits, colours in float32), page by page.

Strips that are stored as they are, or by deflate, are read here; one page of another compression OpenCV decodes.
Source: Adobe, "TIFF Revision 6.0", and the Aperio and BigTIFF supplements for offsets of 64 bits.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from data.sources.base import LOOKED_AT_BYTES, FrameError, stands_for
from data.sources.picture_file.deep import LUMA

WIDTH, HEIGHT, BITS, COMPRESSION, STRIPS, SAMPLES, STRIP_BYTES = 256, 257, 258, 259, 273, 277, 279
REDUCED_COPY, PHOTOMETRIC, PLANES, PREDICTOR, SAMPLE_FORMAT, DEPTH = 254, 262, 284, 317, 339, 32997
RGB, IN_PLANES = 2, 2
PLAIN, DEFLATE = 1, (8, 32946)
KINDS = {1: "u", 2: "i", 3: "f"}
SIZES = {"u": (1, 2, 4, 8), "i": (1, 2, 4, 8), "f": (2, 4, 8)}  # bytes of what NumPy has of each
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class PlainPage:
    """One page: its shape (H, W), samples a pixel, type, and where its strips lie; () where they can't be read here."""

    shape: tuple[int, int]
    samples: int
    dtype: np.dtype
    strips: tuple[tuple[int, int], ...]
    is_deflated: bool


def plain_pages(stream: IO[bytes]) -> list[PlainPage]:
    """The pages of a TIFF from its headers, without reduced copies. Raises FrameError for forms that are not read."""
    pages = [_page(tags, order) for tags, order in _directories(stream) if not int(tags.get(REDUCED_COPY, 0)) & 1]
    if len(pages) > 1 and not all(page.strips for page in pages):
        raise FrameError(
            f"a TIFF of {len(pages)} compressed pages of {pages[0].dtype} is not read; save them as float32 or "
            "uncompressed"
        )
    return pages


def plain_pixels(stream: IO[bytes], page: PlainPage) -> np.ndarray:
    """The numbers of a page (H, W), or (H, W, 3). Raises FrameError where they end too early."""
    parts = []
    for begin, n_bytes in page.strips:
        stream.seek(begin)
        part = stream.read(n_bytes)
        parts.append(zlib.decompress(part) if page.is_deflated else part)
    data, n_values = b"".join(parts), page.shape[0] * page.shape[1] * page.samples
    if len(data) < n_values * page.dtype.itemsize:
        raise FrameError("file is truncated")
    pixels = np.frombuffer(data, page.dtype, n_values).astype(page.dtype.newbyteorder("="))
    return pixels.reshape(*page.shape, *[page.samples] * (page.samples > 1))


def _directories(stream: IO[bytes]) -> Iterator[tuple[Any, str]]:
    """The tags of each page, and their order of bytes."""
    stream.seek(0)
    start = stream.read(LOOKED_AT_BYTES)
    if told := stands_for(start):
        raise FrameError(told)
    if start[:4] not in MAGIC:
        raise FrameError("not readable as image: of a form that Pillow does not know")
    header = start[:16] if b"+" in start[2:4] else start[:8]
    place, seen = ImageFileDirectory_v2(header).next, set()
    while place and place not in seen:
        seen.add(place)
        tags: Any = ImageFileDirectory_v2(header)
        stream.seek(place)
        tags.load(stream)
        yield tags, "<" if start[:2] == b"II" else ">"
        place = tags.next


def _page(tags: Any, order: str) -> PlainPage:
    if HEIGHT not in tags or WIDTH not in tags:
        raise FrameError("file is truncated, or a header of its pages is damaged")
    bits, samples = set(tags.get(BITS, (1,))), int(tags.get(SAMPLES, 1))
    told = tags.get(SAMPLE_FORMAT, (1,))
    kind, size = KINDS.get(told[0] if isinstance(told, tuple) else told, ""), next(iter(bits)) // 8
    is_known = len(bits) == 1 and size in SIZES.get(kind, ())
    is_rgb = samples == 3 and tags.get(PHOTOMETRIC) == RGB and tags.get(PLANES, 1) != IN_PLANES
    if not is_known or not (samples == 1 or is_rgb):
        form = f"{samples} samples a pixel of {next(iter(bits))} bits{' in float' * (kind == 'f')}"
        raise FrameError(f"a TIFF with {form} is not read; save it with one or three of 8 or 16 bits, or float32")
    shape = int(tags[HEIGHT]), int(tags[WIDTH])
    compression = tags.get(COMPRESSION, PLAIN)
    is_read = (compression == PLAIN or compression in DEFLATE) and tags.get(PREDICTOR, 1) == 1
    strips = zip(tags.get(STRIPS, ()), tags.get(STRIP_BYTES, ()), strict=False) if is_read else ()
    return PlainPage(shape, samples, np.dtype(f"{order}{kind}{size}"), tuple(strips), compression in DEFLATE)


def as_shown(pixels: np.ndarray, in_colour: bool) -> np.ndarray:
    """A picture in its colours, or its brightness (H, W) in their type where that is a float."""
    if pixels.ndim == 2 or in_colour:
        return pixels
    gray = pixels @ LUMA
    return gray.astype(pixels.dtype) if pixels.dtype.kind == "f" else np.rint(gray).astype(pixels.dtype)
