"""What a picture file holds, and its pixels: everything that Pillow opens, upright as its EXIF data ask."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageOps

from data.sources.base import MAX_PIXELS, FrameError
from data.sources.picture_file.jp2_header import header_of

SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".jp2", ".j2k", ".avif"),
    *(".pgm", ".ppm", ".pnm", ".tga"),
)
GRAY_MODES = ("1", "L", "LA", "La", "I", "F")  # of Pillow, and those of 16 bits
# Formats that Pillow only names, or that FFmpeg and astropy read better; DIB has next to no mark to be known by.
NOT_HERE = ("FITS", "HDF5", "GRIB", "BUFR", "WMF", "EPS", "MPEG", "FLI", "DIB")
PAGED = ("TIFF", "PNG", "WEBP", "AVIF", "DCX")  # whose further pages are frames, and no previews or layers
SMALLER = "make it smaller, or cut it into parts"
ORIENTATION, REDUCED_COPY = 0x0112, 0x00FE  # tags of EXIF and TIFF


@dataclass(frozen=True)
class Page:
    """One picture of a file: its number, its shape once upright, whether it has colours, and what is odd about it."""

    number: int
    shape: tuple[int, int]
    in_colour: bool
    flags: str = ""
    header: dict[str, Any] = field(default_factory=dict)  # of the FITS file that it was made of


@cache
def _formats() -> list[str]:
    """Formats that are told by their first bytes, and Truevision's, which has no mark and is known by its suffix."""
    Image.init()
    return [name for name, (_, accept) in Image.OPEN.items() if (accept or name == "TGA") and name not in NOT_HERE]


def is_picture(path: Path) -> bool:
    """Whether a file is a picture by its first bytes. A moving GIF is a video."""
    try:
        with _quiet(), Image.open(path, formats=[name for name in _formats() if name != "TGA"]) as image:
            return image.format != "GIF" or not getattr(image, "is_animated", False)
    except Exception:  # Pillow raises many kinds on what is no picture
        return False


def pages_of(stream: IO[bytes]) -> tuple[list[Page], int]:
    """The pictures of a file from its headers, and how many more it holds: previews, reduced copies, layers.

    Raises FrameError for impossible sizes, and whatever Pillow raises on a damaged file.
    """
    with _opened(stream) as image:
        _check_size(image)
        total = getattr(image, "n_frames", 1)
        numbers = range(total) if image.format in PAGED else range(1)
        pages = [page for number in numbers if (page := _page(image, number))]
        if image.format == "JPEG2000" and not pages[0].in_colour:
            pages = [replace(pages[0], header=header_of(stream))]
        return pages, total - len(pages)


def _page(image: Image.Image, number: int) -> Page | None:
    """One page; None where it is a smaller copy of another one."""
    if number:
        image.seek(number)
    tags = getattr(image, "tag_v2", {})
    if number and int(tags.get(REDUCED_COPY, 0)) & 1:
        return None
    _check_size(image)
    height, width = image.height, image.width
    turn = _orientation(image)
    if turn >= 5 and image.format == "TIFF":  # whose size Pillow gives before or after the turn, as its version is
        height, width = _upright(image, "L").shape
        shape = height, width
    else:
        shape = (width, height) if turn >= 5 else (height, width)
    return Page(number, shape, not _is_gray(image), f"turned upright (EXIF orientation {turn})" if turn > 1 else "")


def _orientation(image: Image.Image) -> int:
    """1 to 8 as EXIF has it; 1, as stored, where it says nothing that can be read."""
    try:
        turn = image.getexif().get(ORIENTATION, 1)
    except Exception:  # Pillow raises many kinds on damaged EXIF data; the pixels are none the worse
        return 1
    return turn if turn in range(1, 9) else 1


def pixels_of_page(stream: IO[bytes], number: int, in_colour: bool) -> np.ndarray:
    """A picture (H, W) as gray, where 16-bit and float ones keep their depth, or (H, W, 3) in its colours."""
    with _opened(stream) as image:
        if number:
            image.seek(number)
        deep = image.mode in ("I", "F") or image.mode.startswith("I;16")
        return _upright(image, "RGB" if in_colour else image.mode if deep else "L")


def _upright(image: Image.Image, mode: str) -> np.ndarray:
    is_turned = _orientation(image) > 1
    image.load()
    plain = image if mode == image.mode else image.convert(mode)
    return np.asarray(ImageOps.exif_transpose(plain) if is_turned else plain)


def _is_gray(image: Image.Image) -> bool:
    return image.mode in GRAY_MODES or image.mode.startswith("I;16")


@contextmanager
def _opened(stream: IO[bytes]) -> Iterator[Image.Image]:
    try:
        with _quiet(), Image.open(stream, formats=_formats()) as image:
            yield image
    except Image.DecompressionBombError as error:
        raise FrameError(f"{error.args[0].split(',')[0]}; {SMALLER}") from None


def _check_size(image: Image.Image) -> None:
    if image.height * image.width > MAX_PIXELS:
        raise FrameError(f"image of {image.height}x{image.width} pixels; up to {MAX_PIXELS} pixels are read; {SMALLER}")


def _quiet() -> warnings.catch_warnings:
    # Remarks on odd tags, and on large images, which have a limit of their own here.
    return warnings.catch_warnings(action="ignore")
