"""What a picture file holds, and its pixels: everything that Pillow opens, upright as its EXIF data ask."""

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from data.sources.base import MAX_PIXELS, FrameError
from data.sources.picture_file import deep
from data.sources.picture_file.cut_jpeg import refuse_cut
from data.sources.picture_file.jp2_header import header_of
from data.sources.picture_file.netpbm import refuse_others_behind
from data.sources.picture_file.plain_tiff import as_shown, plain_pages, plain_pixels
from data.sources.picture_file.png_chunks import png_has_texts_behind
from data.sources.picture_file.stack_axes import (
    date_of_page_s,
    of_several_axes,
    step_told_s,
    steps_s,
    time_of_page_s,
    times_of_planes_s,
)

SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".jp2", ".j2k", ".avif"),
    *(".pgm", ".ppm", ".pnm", ".tga"),
)
GRAY_MODES = ("1", "L", "LA", "La", "I", "F")  # of Pillow, and those of 16 bits
# Formats that Pillow only names, or that FFmpeg and astropy read better; DIB has next to no mark to be known by, and in
# ICNS Pillow decodes pictures of any size to see one.
NOT_HERE = ("FITS", "HDF5", "GRIB", "BUFR", "WMF", "EPS", "MPEG", "FLI", "DIB", "ICNS")
JPEG = ("JPEG", "MPO")
ANIMATED = ("PNG", "WEBP", "AVIF")
PAGED = ("TIFF", "PNG", "WEBP", "AVIF", "DCX")  # whose further pages are frames, and no previews or layers
SMALLER = "make it smaller, or cut it into parts"
PREVIEW = "it begins with a reduced copy, as a camera's raw file does (DNG, NEF): develop it into TIFF or PNG"
ORIENTATION, REDUCED_COPY, PHOTOMETRIC, NODATA = 0x0112, 0x00FE, 0x0106, 42113  # tags of EXIF, TIFF and GDAL
_NUMBER = re.compile(r"[+-]?\d+\.?\d*([eE][+-]?\d{1,3})?")
WHITE_16 = 2**16 - 1


@dataclass(frozen=True)
class Page:
    """One picture of a file: its number, its shape once upright, whether it has colours, and what is odd about it."""

    number: int
    shape: tuple[int, int]
    in_colour: bool
    flags: str = ""
    header: dict[str, Any] = field(default_factory=dict)  # of the FITS file that it was made of
    shown_s: float = 0.0  # how long a moving picture shows it; 0: not told
    taken_s: float = math.nan  # on the clock of what took it
    dated_s: float = math.nan  # DateTime of TIFF, in whole seconds


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
    try:
        return _pages_of(stream)
    except UnidentifiedImageError:
        found = plain_pages(stream)
        for page in found:
            _check_size(page.shape)
        return [Page(number, page.shape, page.samples == 3) for number, page in enumerate(found)], 0


def _pages_of(stream: IO[bytes]) -> tuple[list[Page], int]:
    with _opened(stream) as image:
        _check_size((image.height, image.width))
        total, damage = _count(image)
        refuse_others_behind(stream, image)
        first = int(bool(getattr(image, "default_image", False)) and total > 1)  # for programs that know no animations
        numbers = range(first, total) if image.format in PAGED else range(1)
        if reason := of_several_axes(image, total):
            raise FrameError(reason)
        deep.refuse_planes(image)
        step_s, planes_s = step_told_s(image), times_of_planes_s(image, total)
        pages = [page for number in numbers if (page := _page(image, number))]
        told_s = planes_s if len(planes_s) == len(pages) else [page.taken_s for page in pages]
        lasting_s = steps_s(told_s) or [step_s] * len(pages) * (step_s > 0)
        pages = [replace(page, shown_s=s) for page, s in zip(pages, lasting_s, strict=True)] if lasting_s else pages
        if not pages or (len(pages) == 1 and pages[0].number > first):
            raise FrameError(PREVIEW)
        if image.format == "JPEG2000" and not pages[0].in_colour:
            pages = [replace(pages[0], header=header_of(stream))]
        told = [replace(page, flags="; ".join(filter(None, (page.flags, damage)))) for page in pages]
        return told, total - len(pages)


def _count(image: Image.Image) -> tuple[int, str]:
    """How many pictures a file holds, and a flag where what is behind them can't be read."""
    try:
        return getattr(image, "n_frames", 1), ""
    except Exception:  # Pillow raises many kinds where a file ends among its pages
        total = 1
        with suppress(Exception):
            while image.format in PAGED:
                image.seek(total)
                total += 1
        _go_to(image, 0)
        return total, f"what is behind its first {total} pages can't be read"


def _page(image: Image.Image, number: int) -> Page | None:
    """One page; None where it is a smaller copy of another one."""
    _go_to(image, number)
    tags = getattr(image, "tag_v2", {})
    if int(tags.get(REDUCED_COPY, 0)) & 1:
        return None
    _check_size((image.height, image.width))
    height, width = image.height, image.width
    turn = _orientation(image)
    if turn >= 5 and image.format == "TIFF":  # whose size Pillow gives before or after the turn, as its version is
        height, width = _upright(image, "L").shape
        shape = height, width
    else:
        shape = (width, height) if turn >= 5 else (height, width)
    flags = [f"turned upright (EXIF orientation {turn})"] if turn > 1 else []
    if deep.is_deep_colour(image) and _is_moving_png(image):
        flags.append("8 of its 16 bits are read")
    page = Page(number, shape, not _is_gray(image), "; ".join(flags), shown_s=_shown_s(image))
    return replace(page, taken_s=time_of_page_s(image), dated_s=date_of_page_s(image))


def _go_to(image: Image.Image, number: int) -> None:
    """Of other formats there is one picture, the open one: what Photoshop's files count, from 1, are layers."""
    if image.format in PAGED:
        image.seek(number)


def _is_moving_png(image: Image.Image) -> bool:
    return image.format == "PNG" and bool(getattr(image, "is_animated", False))


def _shown_s(image: Image.Image) -> float:
    """How long a page of an animation is shown, s; 0 of what is none."""
    if image.format not in ANIMATED or not getattr(image, "is_animated", False):
        return 0.0
    if image.format != "PNG":
        image.load()  # only then it is known
    return float(image.info.get("duration") or 0) / 1000


def _orientation(image: Image.Image) -> int:
    """1 to 8 as EXIF has it; 1, as stored, where it says nothing that can be read."""
    try:
        # Pillow decodes all of a PNG to look for EXIF data behind its pixels, where they seldom are.
        stream = getattr(image, "fp", None) if image.format == "PNG" else None
        is_known = stream is not None and not png_has_texts_behind(stream)
        turn = (Image.Image.getexif(image) if is_known else image.getexif()).get(ORIENTATION, 1)
    except Exception:  # Pillow raises many kinds on damaged EXIF data; the pixels are none the worse
        return 1
    return turn if turn in range(1, 9) else 1


def pixels_of_page(stream: IO[bytes], number: int, in_colour: bool) -> np.ndarray:
    """A picture (H, W) as gray, where 16-bit and float ones keep their depth, or (H, W, 3) in its colours."""
    try:
        with _opened(stream) as image:
            if number:
                image.seek(number)
            is_deep_colour = deep.is_deep_colour(image) and not _is_moving_png(image)
            if image.format == "PNG":  # Pillow reads it to its end to find EXIF data, and tells once what is damaged
                image.load()
            if is_deep_colour:
                return deep.pixels_of(stream, in_colour, _orientation(image), number)
            is_deep = image.mode in ("I", "F") or image.mode.startswith("I;16")
            pixels = _upright(image, "RGB" if in_colour else image.mode if is_deep else "L")
            if image.format in JPEG:
                refuse_cut(stream, pixels)
            return np.uint16(WHITE_16) - pixels if _is_negative(image) else deep.as_told(pixels, image)
    except UnidentifiedImageError:
        page = plain_pages(stream)[number]
        if not page.strips:
            return deep.pixels_of(stream, in_colour)
        return as_shown(plain_pixels(stream, page), in_colour)


def nodata_of(stream: IO[bytes]) -> float:
    """What a TIFF of one value a pixel says that it has where nothing was measured (GDAL's tag); NaN mostly."""
    stream.seek(0)
    if stream.read(2) not in (b"II", b"MM"):
        return math.nan
    try:
        with _opened(stream) as image:
            told = str(getattr(image, "tag_v2", {}).get(NODATA, "")).strip("\0 ")
            return float(told) if _is_gray(image) and _NUMBER.fullmatch(told) else math.nan
    except UnidentifiedImageError:  # of float64
        return math.nan


def _is_negative(image: Image.Image) -> bool:
    """Whether 0 is white in a TIFF of 16 bits, which Pillow turns round for those of 8 bits alone."""
    return image.mode.startswith("I;16") and getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0


def _upright(image: Image.Image, mode: str) -> np.ndarray:
    is_turned = _orientation(image) > 1
    image.load()
    through = image.convert("RGB") if image.mode == "LAB" and mode == "L" else image  # Pillow knows no other way
    plain = image if mode == image.mode else through.convert(mode)
    pixels = np.asarray(ImageOps.exif_transpose(plain) if is_turned else plain)
    shown = _shown(image) if mode in ("L", "RGB") else None
    if shown is None:
        return pixels
    is_shown = np.asarray(ImageOps.exif_transpose(shown) if is_turned else shown) > 0
    return pixels * is_shown.reshape(is_shown.shape + (1,) * (pixels.ndim - 2))


def _shown(image: Image.Image) -> Image.Image | None:
    """255 where a picture shows something, 0 where it is transparent and may hold anything; None where all of it is
    either: then the fourth byte was never filled in.
    """
    if not (image.mode in ("RGBA", "LA", "La", "RGBa", "PA") or "transparency" in image.info):
        return None
    shown = image.convert("RGBA").getchannel("A").point(lambda alpha: 255 if alpha else 0)
    return shown if shown.getextrema() == (0, 255) else None


def _is_gray(image: Image.Image) -> bool:
    return image.mode in GRAY_MODES or image.mode.startswith("I;16")


@contextmanager
def _opened(stream: IO[bytes]) -> Iterator[Image.Image]:
    try:
        with _quiet(), Image.open(stream, formats=_formats()) as image:
            yield image
    except Image.DecompressionBombError as error:
        raise FrameError(f"{error.args[0].split(',')[0]}; {SMALLER}") from None


def _check_size(shape: tuple[int, int]) -> None:
    if shape[0] * shape[1] > MAX_PIXELS:
        raise FrameError(f"image of {shape[0]}x{shape[1]} pixels; up to {MAX_PIXELS} pixels are read; {SMALLER}")


def _quiet() -> warnings.catch_warnings:
    # Remarks on odd tags, and on large images, which have a limit of their own here.
    return warnings.catch_warnings(action="ignore")
