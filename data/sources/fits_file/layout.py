"""Where the images of a FITS file are: a walk over its headers, which reads no data.

The headers are walked over without astropy's HDU classes, which would loop for hours over an impossible NAXIS.
"""

import io
import math
import re
from dataclasses import dataclass
from typing import IO

from astropy.io import fits

from data.sources.base import MAX_PIXELS, FrameError, stands_for

BLOCK_BYTES = 2880  # of which headers and data are made up
CARD_BYTES = 80
_GOES_ON = re.compile(rb"&'\s*(/.*)?$")  # a text that the next card continues
LOOKED_AT_BYTES = 64  # by which it is told what is no FITS file
NO_IMAGE = "no HDU holds a two-dimensional image, nor a table with a column of times that is known, as TIME or MJD"
MOST_FIELDS = 999  # columns of a table
SMALLEST_PX = 4  # sides of an image in a cell; two fluxes of many times are none
IN_CELLS = "images in the cells of a table are not read"
# What describes an HDU's own data or its place in the file; nothing else of an empty primary HDU is about itself alone.
_STRUCTURE = {
    *("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "NEXTEND", "PCOUNT", "GCOUNT", "GROUPS", "TFIELDS", "THEAP"),
    *("BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM", "ZHECKSUM", "ZDATASUM", "INHERIT", "END"),
    *("EXTNAME", "EXTVER", "EXTLEVEL", "COMMENT", "HISTORY", ""),
}

# Names of images (letters alone, with or without SCI before them) that tell of another one: HST, JWST, CCDData.
_ABOUT_OTHERS = {
    *("DQ", "DQF", "ERR", "ERROR", "ERRORS", "MASK", "MSK", "BPM", "QUALITY", "QUAL"),
    *("UNCERT", "UNCERTAINTY", "UNCERTAINTYARRAY"),
    *("WEIGHT", "WEIGHTS", "WHT", "WGT", "VAR", "VARIANCE", "IVAR", "SIGMA", "STDDEV", "FLAGS", "SAMP", "CTX"),
    *("BKG", "BACKGROUND", "QUALITYMATRIX", "ABSOLUTEERROR", "DARK", "FLAT", "FLATFIELD"),
}


@dataclass(frozen=True)
class Image:
    """An HDU that holds an image. header: with what it inherits; shape: without singletons, slowest axis first."""

    hdu: int
    header: fits.Header
    shape: tuple[int, ...]
    start: int  # of its header, bytes
    data_start: int
    data_bytes: int  # without padding
    file_bytes: int

    @property
    def is_whole(self) -> bool:
        """Whether the file reaches to the end of the data."""
        return self.data_start + self.data_bytes <= self.file_bytes

    @property
    def is_last_block_full(self) -> bool:
        """Whether the file ends with a whole block, as every one of FITS does."""
        return self.file_bytes % BLOCK_BYTES == 0

    @property
    def is_padded(self) -> bool:
        """Whether the last block is there to its end, as the standard wants it."""
        return self.end <= self.file_bytes

    @property
    def end(self) -> int:
        """Where the last block of its data ends, bytes."""
        return self.data_start + _padded(self.data_bytes)


@dataclass(frozen=True)
class Layout:
    """The images of a file in order, and what is odd about it."""

    images: tuple[Image, ...]
    flags: tuple[str, ...]


def layout_of(stream: IO[bytes]) -> Layout:
    """The images of a FITS file. Raises FrameError when there is none, or where its first header is impossible."""
    start = stream.read(LOOKED_AT_BYTES)
    if not start.startswith(b"SIMPLE"):
        raise FrameError(stands_for(start) or "file does not begin as FITS does")
    file_bytes = stream.seek(0, io.SEEK_END)
    images: list[Image] = []
    flags: list[str] = []
    primary, start, number = None, 0, 0
    while start < file_bytes:
        stream.seek(start)
        try:
            header = _header_at(stream, start)
            shape, n_bytes = image_shape(header), _data_bytes(header)
        except (EOFError, OSError, ValueError, FrameError, fits.VerifyError) as error:
            if not images:
                raise
            told = "" if "multiple of" in str(error) else str(error)[:80]
            flags.append(f"FITS: what lies behind HDU {number - 1} is not read: {told or 'no header'}")
            break
        data_start = stream.tell()
        primary = header if primary is None else primary
        if told := images_in_cells(header):
            flags.append(f"HDU {number}: {told}")
        if len(shape) >= 2:
            image = Image(number, header, shape, start, data_start, n_bytes, file_bytes)
            if number and _inherits(header, primary):
                _inherit(header, primary)
            images.append(image)
        start, number = data_start + _padded(n_bytes), number + 1
    if not images:
        raise FrameError("; ".join([NO_IMAGE, *flags]))
    return Layout(tuple(images), tuple(flags))


def _header_at(stream: IO[bytes], start: int) -> fits.Header:
    """The header that begins at a byte of a file, without CONTINUE cards that continue none: astropy would take the
    card before them for damaged, be it the time. By the standard what goes on ends with & in its text.

    Raises what astropy does.
    """
    header = fits.Header.fromfile(stream)
    end = stream.tell()
    stream.seek(start)
    told = stream.read(end - start)
    if b"CONTINUE" not in told:
        return header
    kept = [told[:CARD_BYTES]]
    for i in range(CARD_BYTES, len(told), CARD_BYTES):
        card = told[i : i + CARD_BYTES]
        if not card.startswith(b"CONTINUE") or _GOES_ON.search(kept[-1]):
            kept.append(card)
    return fits.Header.fromstring(b"".join(kept))


def fields_of(header: fits.Header) -> range:
    """The numbers of a table's columns, from 1; at most as many as FITS allows, whatever damage claims."""
    told = header.get("TFIELDS")
    return range(1, min(told, MOST_FIELDS) + 1) if isinstance(told, int) else range(0)


def images_in_cells(header: fits.Header) -> str:
    """What is to be said of a table whose cells hold images, as of target pixel files (Kepler, TESS); "" of others."""
    if str(header.get("XTENSION")).strip() != "BINTABLE" or header.get("ZIMAGE") is True:
        return ""
    for i in fields_of(header):
        sizes = re.fullmatch(r"\((\d+), *(\d+)\)", str(header.get(f"TDIM{i}", "")).strip())
        if (
            sizes
            and min(int(sizes[1]), int(sizes[2])) >= SMALLEST_PX
            and str(header.get(f"TFORM{i}", "A"))[-1:] in "BIJKED"
        ):
            told = f"{header.get(f'TTYPE{i}', f'column {i}')}, {header.get('NAXIS2')} of {sizes[2]}x{sizes[1]}"
            return f"{IN_CELLS} ({told}): write them as a cube along time, or as .npy (T, H, W)"
    return ""


def is_about_others(image: Image) -> bool:
    """Whether an image is the errors, weights, mask or quality of another one, by its name (HST, JWST, CCDData)."""
    return is_name_of_others(str(image.header.get("EXTNAME", "")))


def is_name_of_others(told: str) -> bool:
    """Whether a name is one of errors, weights, masks or qualities of another image."""
    return re.sub(r"[^A-Z]", "", told.upper()).removeprefix("SCI") in _ABOUT_OTHERS


def check_size(shape: tuple[int, ...]) -> None:
    """Raises FrameError for an image of more pixels than are read."""
    if math.prod(shape[-2:]) > MAX_PIXELS:
        raise FrameError(f"image of {shape[-2]}x{shape[-1]} pixels; up to {MAX_PIXELS} pixels are read")


def _inherits(header: fits.Header, primary: fits.Header) -> bool:
    """Whether keywords of the primary HDU hold for an extension: as INHERIT says, else where that HDU has no data."""
    inherit = header.get("INHERIT")
    return inherit if isinstance(inherit, bool) else primary.get("NAXIS") == 0


def _inherit(header: fits.Header, primary: fits.Header) -> None:
    """Add to a header what it inherits and does not say itself."""
    for card in primary.cards:
        name = card.keyword
        if name not in _STRUCTURE and not name.startswith("NAXIS") and name not in header:
            header.append(card, end=True)


def image_shape(header: fits.Header) -> tuple[int, ...]:
    """Sizes of an HDU's image, slowest axis first and without singletons; () when it holds none."""
    if header.get("ZIMAGE") is True:
        sizes = _axes(header, "ZNAXIS")
    elif "SIMPLE" in header or str(header.get("XTENSION")).strip() == "IMAGE":
        sizes = _axes(header, "NAXIS")
    else:
        return ()
    return tuple(n for n in sizes if n != 1) if all(sizes) else ()


def _axes(header: fits.Header, keyword: str) -> list[int]:
    """Sizes of the axes, slowest first. Raises FrameError when they, or the number of table columns, are impossible."""
    axes, columns = header.get(keyword, 0), header.get("TFIELDS", 0)
    if not all(isinstance(n, int) and 0 <= n <= 999 for n in (axes, columns)):  # the FITS standard's limits
        raise FrameError(f"{keyword} {axes!r} or TFIELDS {columns!r} is impossible")
    sizes = [header.get(f"{keyword}{i}", 0) for i in range(axes, 0, -1)]
    if not all(isinstance(n, int) and n >= 0 for n in sizes):
        raise FrameError(f"axes of sizes {sizes[:4]} are impossible")
    return sizes


def _data_bytes(header: fits.Header) -> int:
    """Bytes of an HDU's data, without padding."""
    sizes = _axes(header, "NAXIS")
    facts = [header.get(name, default) for name, default in (("BITPIX", 8), ("PCOUNT", 0), ("GCOUNT", 1))]
    if not all(isinstance(n, int) and abs(n) < 2**62 for n in facts):
        raise FrameError(f"BITPIX, PCOUNT, GCOUNT {facts} are impossible")
    bits, extra, groups = facts
    if header.get("GROUPS") is True and sizes[-1:] == [0]:  # random groups, whose first axis stands for none
        sizes = sizes[:-1]
    n_bytes = abs(bits) // 8 * groups * (extra + (math.prod(sizes) if sizes else 0))
    if not 0 <= n_bytes < 2**62:
        raise FrameError(f"data of {n_bytes} bytes are impossible")
    return n_bytes


def _padded(n_bytes: int) -> int:
    return -(-n_bytes // BLOCK_BYTES) * BLOCK_BYTES
