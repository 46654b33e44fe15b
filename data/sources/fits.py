"""FITS files, plain or compressed: headers first, pixels later. Images of one file, and planes of cubes, are frames."""

import hashlib
import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from astropy.io import fits

from config import PrepConfig
from data.sources.archive_file.unpacked import unpacked
from data.sources.base import Candidate, FrameError, Frames, FrameSource, RawFrame, sha256
from data.sources.fits_file.cards import number
from data.sources.fits_file.checksum import checked, copied_as_text
from data.sources.fits_file.cubes import (
    colours_of,
    is_auxiliary,
    is_in_colour,
    planes_of,
    told_as_list,
    told_as_spectrum,
)
from data.sources.fits_file.facts import IN_NAME, facts_of, fill_of, has_top_row_first
from data.sources.fits_file.identity import aside_in_name
from data.sources.fits_file.layout import (
    BLOCK_BYTES,
    IN_CELLS,
    NO_IMAGE,
    Image,
    Layout,
    check_size,
    is_about_others,
    layout_of,
)
from data.sources.fits_file.packed import PACKED_SUFFIXES, Unpacked, plain
from data.sources.fits_file.rice_tiles import data_of, decoded, expect, tiles_of
from data.sources.times.in_names.names import time_in_name

SUFFIXES = tuple(f"{suffix}{packed}" for suffix in (".fits", ".fts", ".fit") for packed in ("", *PACKED_SUFFIXES))
SUFFIXES += (".fits.fz", ".fits.gz.gz")
MAGIC = b"SIMPLE  ="
UNSIGNED_64 = 2.0**63  # BZERO of unsigned integers of 64 bits
UNPADDED = "FITS: the last block is not filled up"


class FitsSource(FrameSource):
    """FITS files with a frame in each image: of an HDU, or of a plane of a cube that goes along time."""

    name = "fits"
    suffixes = SUFFIXES

    def recognises(self, path: Path) -> bool:
        try:
            with unpacked(path) as stream:
                return stream.read(len(MAGIC)) == MAGIC
        except Exception:  # each compression has its own kinds for what is damaged
            return False

    def scan(self, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
        base = self.whereabouts(path, root, home=path.parent)
        try:
            base["size"] = path.stat().st_size
            with path.open("rb") as stream:
                return candidates_of(stream, base, prep)
        except OSError as error:
            return [Candidate(**base, is_counts=True, reason=f"unreadable file: {error}")]

    def read(self, candidates: Sequence[Candidate]) -> Frames:
        for position, candidate in enumerate(candidates):
            yield position, attempt(_read_file, candidate)


def rows_of_image(path: Path) -> int:
    """Rows of the first image of a FITS file, 0 where it has none. Raises FrameError when it can't be told."""
    try:
        with path.open("rb") as stream:
            return layout_of(plain(stream)).images[0].shape[-2]
    except FrameError as error:
        if str(error).startswith(NO_IMAGE):
            return 0
        raise


def candidates_of(stream: IO[bytes], base: dict[str, Any], prep: PrepConfig) -> list[Candidate]:
    """The candidates of a FITS file in a stream, from its headers; `base` holds the fields that tell where it is.

    There is at least one, with the reason where nothing can be read.
    """
    base = base | {"is_counts": True}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd cards are read again, and flagged, with the pixels
            stream = plain(stream, prep.max_input_mb)
            layout = layout_of(stream)
            expect(layout.images)
            return _named(_frames(layout, stream, base, prep), layout)
    except Exception as error:  # astropy raises many kinds on damaged files; each is a recorded rejection
        return [Candidate(**base, reason=_explain(error))]


def _frames(layout: Layout, stream: IO[bytes], base: dict[str, Any], prep: PrepConfig) -> list[Candidate]:
    """The frames of a file's images. What is none is told by the flags of those that are, or by a reason of its own."""
    found: list[Candidate] = []
    left_out, cubes = list(layout.flags), []
    names = {image.hdu: _extname(image) for image in layout.images}
    lengths = {image.shape[0] for image in layout.images if len(image.shape) == 3}
    for image in sorted(layout.images, key=is_about_others):  # of one time the first is the frame
        if any(is_auxiliary(image, n_planes) for n_planes in lengths):
            continue
        if told := told_as_spectrum(image) or told_as_list(image):
            cubes.append(told)
            left_out.append(f"HDU {image.hdu}: {told}")
            continue
        if len(image.shape) == 2 or is_in_colour(image):
            candidate = _candidate(image, base, prep)
            if (place := _smaller_copy(candidate, found)) is not None:
                candidate, found[place] = found[place], candidate
            if found and not _is_another(candidate, found):
                told = f"HDU {candidate.hdu}{names[candidate.hdu]} {_size(candidate.shape)}"
                left_out.append(f"{told} is not read: no time of its own")
            else:
                found.append(candidate)
            continue
        try:
            planes = planes_of(image, layout, stream, _candidate(image, base, prep))
            if found and not any(_is_another(plane, found) for plane in planes):
                told = f"HDU {image.hdu}{names[image.hdu]} {_size(image.shape)}"
                left_out.append(f"{told} is not read: no time of its own")
            else:
                found += planes
        except FrameError as error:
            cubes.append(str(error))
            left_out.append(f"HDU {image.hdu}: {error}")
    if not found:
        raise FrameError("; ".join(cubes))
    if cells := next((flag for flag in layout.flags if IN_CELLS in flag), ""):
        found = [c if c.time_utc else replace(c, reason=cells) for c in found]
    return [replace(c, flags="; ".join(filter(None, [c.flags, *left_out]))) for c in found] if left_out else found


def _candidate(image: Image, base: dict[str, Any], prep: PrepConfig) -> Candidate:
    """The candidate of an image; of a cube, what its planes have in common."""
    check_size(image.shape)
    name = base.get("member") or base.get("path", "")
    named_utc = partial(time_in_name, name, prep)
    facts = facts_of(image.header, (image.shape[-2], image.shape[-1]), prep, named_utc=named_utc)
    facts["aside"] = (*facts.get("aside", ()), *aside_in_name(facts.get("reel", ""), name))
    if is_in_colour(image) and prep.colour == "rgb":
        facts["channel"] = "rgb"
    if not image.is_whole:
        facts["reason"] = "file is truncated"
    return Candidate(**base | facts, hdu=image.hdu)


def _is_another(candidate: Candidate, found: Sequence[Candidate]) -> bool:
    """Whether an image is a frame beside those before it, and not their errors, mask or quality: told by its time."""
    said = {(c.reel, c.time_utc) for c in found}
    has_own = bool(candidate.time_utc) and IN_NAME not in candidate.flags  # the name of its file is that of all
    return has_own and (candidate.reel, candidate.time_utc) not in said


def _smaller_copy(candidate: Candidate, found: Sequence[Candidate]) -> int | None:
    """The place of a smaller image of the same time: a thumbnail before its image; None where there is none."""
    same = (candidate.reel, candidate.time_utc)
    sizes = [math.prod(c.shape) if (c.reel, c.time_utc) == same and c.plane < 0 else math.inf for c in found]
    smallest = min(range(len(found)), key=sizes.__getitem__, default=None)
    return smallest if smallest is not None and sizes[smallest] < math.prod(candidate.shape) else None


def _named(found: list[Candidate], layout: Layout) -> list[Candidate]:
    """Frames that share a file have its HDU and plane in their names; one alone has the file's."""
    if len(found) == 1:
        return found
    many = len({c.hdu for c in found}) > 1
    names = [(f"[{c.hdu}]" if many else "") + (f"#{c.plane}" if c.plane >= 0 else "") for c in found]
    return [replace(c, source=f"{c.source}{name}", is_alone=False) for c, name in zip(found, names, strict=True)]


def _extname(image: Image) -> str:
    name = str(image.header.get("EXTNAME", "")).strip()
    return f" ({name})" if name else ""


def _size(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def attempt(read: Callable[[Any], RawFrame], what: Any) -> RawFrame | FrameError:
    """`read(what)`, or the reason why that failed."""
    try:
        return read(what)
    except Exception as error:  # a damaged file may fail anywhere inside a decoder; it is recorded, never fatal
        return FrameError(_explain(error))


def _read_file(candidate: Candidate) -> RawFrame:
    # Decoded from the file itself: astropy would copy the bytes of one in memory, at a tenth of the decoding time.
    with open(candidate.path, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest() if candidate.is_alone else ""
        stream.seek(0)
        return _decode(stream, digest, candidate)


def decode_bytes(data: bytes, candidate: Candidate) -> RawFrame:
    """Pixels of a candidate from its FITS file in memory. Raises whatever astropy raises on a damaged one."""
    return _decode(io.BytesIO(data), sha256(data) if candidate.is_alone else "", candidate)


def _explain(error: Exception) -> str:
    """The recorded reason for an exception met while reading a file."""
    if isinstance(error, FrameError):
        return str(error)
    # The words of NumPy and astropy when the file ends before its header says; EOFError is gzip's.
    if isinstance(error, EOFError) or re.search("buffer is|not multiple of 2880|missing END", str(error)):
        return "file is truncated"
    return f"not readable as FITS: {type(error).__name__}: {error}"


def _decode(stream: IO[bytes], digest: str, candidate: Candidate) -> RawFrame:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stream = plain(stream)
        layout = layout_of(stream)
        image = next((i for i in layout.images if i.hdu == candidate.hdu), None)
        if image is None or not image.is_whole:  # memory would be allocated for all that the header claims
            raise FrameError("file is truncated")
        check_size(image.shape)
        tiles = tiles_of(stream, image)
        data = data_of(stream, image) if tiles else None
        flags = _checked(stream, image, data)
        stored, overview = (decoded(tiles, data) if tiles and data is not None else None) or (None, None)
        if stored is None:
            stored, flag = _by_astropy(stream, image, candidate.plane, bool(layout.flags))
            flags += flag
        pixels, blank = _scaled(stored, image.header)
        if pixels.ndim == 3:
            pixels = colours_of(pixels, candidate.channel != "rgb")
        if has_top_row_first(image.header):
            pixels = np.ascontiguousarray(pixels[::-1])
    messages = [str(w.message) for w in caught]
    if any("truncated" in m for m in messages):
        raise FrameError("file is truncated")
    packed = [stream.flag] if isinstance(stream, Unpacked) and stream.flag else []
    told = "; ".join([*packed, *flags, *sorted({_brief(m) for m in messages})])
    return RawFrame(pixels, blank, digest, told, overview if pixels is stored else None)


def _by_astropy(stream: IO[bytes], image: Image, plane: int, has_rest: bool) -> tuple[np.ndarray, list[str]]:
    """The stored values of an image or a plane (H, W), and flags about how the file ends.

    has_rest: whether something lies behind its HDUs that is none, over which astropy may fail.
    """
    flags = [] if image.is_padded else [UNPADDED]
    if has_rest or not image.is_padded:
        stream.seek(0)
        data = stream.read(image.end)
        stream = io.BytesIO(data.ljust(-(-len(data) // BLOCK_BYTES) * BLOCK_BYTES, b"\0"))
    stream.seek(0)
    with fits.open(stream, memmap=False, do_not_scale_image_data=True) as hdus:
        return _pixels(hdus[image.hdu], image, plane), flags


def _checked(stream: IO[bytes], image: Image, data: np.ndarray | None) -> list[str]:
    """Flags about the checksums of an HDU. Raises FrameError where the data are damaged by these, or by their form."""
    damage, flag = checked(stream, image, None if data is None else data[: image.data_bytes].data)
    if damage := damage or copied_as_text(stream, image):
        raise FrameError(damage)
    return [flag] if flag else []


def _pixels(hdu: Any, image: Image, plane: int) -> np.ndarray:
    """The stored values of an image (H, W), or of one plane of a cube, of which only that is decoded."""
    if plane < 0:
        return hdu.data.reshape(image.shape)
    stored = hdu.shape
    place = np.unravel_index(plane, stored[:-2])
    return np.asarray(hdu.section[tuple(map(int, place))]).reshape(image.shape[-2:])


def _scaled(pixels: np.ndarray, header: fits.Header) -> tuple[np.ndarray, int | None]:
    """Pixels with BSCALE and BZERO applied, and the value that marks missing ones (NaN in floats)."""
    pixels, blank = _by_bscale(pixels, header)
    fill = fill_of(header)
    if not math.isnan(fill) and pixels.dtype.kind == "f":
        pixels = np.where(pixels == fill, np.float32("nan"), pixels)
    return pixels, blank


def _by_bscale(pixels: np.ndarray, header: fits.Header) -> tuple[np.ndarray, int | None]:
    told = number(header, "ZBLANK", "BLANK")  # of compressed integers ZBLANK counts
    blank = int(told) if pixels.dtype.kind in "iu" and told.is_integer() else None
    scale, zero = (number(header, name) for name in ("BSCALE", "BZERO"))
    scale, zero = (1.0 if np.isnan(scale) else scale), (0.0 if np.isnan(zero) else zero)
    if scale == 0:
        raise FrameError("BSCALE 0 makes all of its pixels one value: the card was never filled in")
    if (scale, zero) == (1.0, 0.0):
        return pixels, blank
    invalid = pixels == blank if blank is not None else None
    if pixels.dtype.itemsize == 8 and (scale, zero) == (1.0, UNSIGNED_64):  # no float holds them all
        pixels = pixels.astype(np.int64).view(np.uint64) ^ np.uint64(UNSIGNED_64)
    else:
        pixels = pixels * np.float32(scale) + np.float32(zero)
    if invalid is not None:
        pixels = pixels.astype(np.result_type(pixels, np.float32), copy=False)
        pixels[invalid] = np.nan
    return pixels, None


def _brief(message: str) -> str:
    return "FITS: " + message.strip().split("\n")[0][:100]
