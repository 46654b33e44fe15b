"""Rice-compressed images of the usual layout, decoded in a fifth of astropy's time; all others are astropy's.

The usual one is that of AIA's and HMI's archives: integers in tiles of whole rows, right behind an empty primary HDU.
Quantized floats, other tiles and columns, and whatever is damaged or odd are left to astropy, so that pixels, reasons
and flags are always those that it gives.
"""

import re
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import IO, Any, cast

import numpy as np
from astropy.io import fits

from data.messages import logger
from data.sources.base import FrameError, Overview
from data.sources.fits_file.layout import BLOCK_BYTES, Image

log = logger(__name__)

SPARE_BYTES = 1024  # behind the data, for the decoder
DTYPES = {8: np.uint8, 16: np.int16, 32: np.int32}  # by ZBITPIX
BLOCKS_PX = (16, 32)  # that cfitsio and astropy write
POINTERS = {8: ("PB", ">i4"), 16: ("QB", ">i8")}  # by the bytes of a row: its format, and that of length and place
# Astropy spends 30 us on a tile, and loading the compiled decoder takes half a second.
WORTH_LOADING_TILES = 2**14
# Cards of a primary HDU that says nothing, and those of a table that change how its columns are read.
_SILENT = {"SIMPLE", "BITPIX", "NAXIS", "EXTEND", "COMMENT", "HISTORY", "DATE", "ORIGIN", "CHECKSUM", "DATASUM", ""}
_OF_COLUMNS = re.compile(r"(TUNIT|TNULL|TSCAL|TZERO|TDISP|TBCOL|TDIM|TCTYP|TCUNI|TCRPX|TCRVL|TCDLT|TRPOS)\d+$")
_ODD = ("ZSCALE", "ZZERO", "ZQUANTIZ", "ZDITHER0", "ZMASKCMP", "THEAP", "ZNAME3", "TTYPE2", "TFORM2")


@dataclass(frozen=True)
class Tiles:
    """How an image is compressed. The HDU's data are a row for each tile, and behind them the tiles."""

    shape: tuple[int, int]
    dtype: type[np.integer]
    n_tiles: int
    row_bytes: int
    tile_px: int
    block_px: int


class _Met:
    """How many tiles this process has met, in headers and in frames: few are not worth loading the decoder for."""

    tiles = 0


def expect(images: Sequence[Image]) -> None:
    """Note what will be read of a file whose headers were read, so that the decoder may serve from the first frame."""
    for image in images:
        if image.header.get("ZIMAGE") is True and _is_whole(n_tiles := image.header.get("NAXIS2")):
            _Met.tiles += n_tiles


def tiles_of(stream: IO[bytes], image: Image) -> Tiles | None:
    """How an image is compressed, None where that is not the usual layout."""
    header = image.header
    if image.hdu != 1 or image.start != BLOCK_BYTES or not image.is_padded or len(image.shape) != 2:
        return None
    if not _is_plain_table(header) or not _is_plain_image(header) or not _is_silent(stream):
        return None
    height, width = image.shape
    n_tiles, rows = header["NAXIS2"], header.get("ZTILE2")
    if header.get("ZTILE1") != width or not _is_whole(rows) or rows < 1 or n_tiles != -(-height // rows):
        return None
    settings = {header.get(f"ZNAME{i}"): header.get(f"ZVAL{i}") for i in (1, 2)}
    block_px, bits = settings.get("BLOCKSIZE"), header["ZBITPIX"]
    if not _is_whole(block_px) or block_px not in BLOCKS_PX or settings.get("BYTEPIX") != bits // 8:
        return None
    return Tiles((height, width), DTYPES[bits], n_tiles, header["NAXIS1"], rows * width, block_px)


def data_of(stream: IO[bytes], image: Image) -> np.ndarray:
    """The bytes of an HDU's data, and SPARE_BYTES zeros."""
    data = np.empty(image.data_bytes + SPARE_BYTES, np.uint8)
    stream.seek(image.data_start)
    if stream.readinto(data[: image.data_bytes]) < image.data_bytes:  # type: ignore[attr-defined]
        raise FrameError("file is truncated")
    data[image.data_bytes :] = 0
    return data


def decoded(tiles: Tiles, data: np.ndarray) -> tuple[np.ndarray, Overview | None] | None:
    """The pixels (H, W) of an image from its `data_of`, and what was seen of them; None: astropy is to be asked."""
    _Met.tiles += tiles.n_tiles
    decode = _decoder() if _Met.tiles >= WORTH_LOADING_TILES else None
    if decode is None:
        return None
    _, dtype = POINTERS[tiles.row_bytes]
    heap = tiles.n_tiles * tiles.row_bytes
    lengths, places = data[:heap].view(dtype).reshape(-1, 2).astype(np.int64).T
    inside = len(data) - SPARE_BYTES - heap
    if lengths.min() < 1 or places.min() < 0 or lengths.max() > inside or (places > inside - lengths).any():
        return None
    pixels = _lent(tiles.shape, tiles.dtype)
    try:
        return pixels, decode(data, heap + places, heap + places + lengths, tiles.block_px, tiles.tile_px, pixels)
    except Exception:  # a damaged tile, or a damaged file of the compiler's: astropy has the word
        return None


def _lent(shape: tuple[int, int], dtype: type[np.integer]) -> np.ndarray:
    """An array whose memory serves a later frame once nobody has it or a view of it.

    The system gives a large one anew, page by page, and clears it first: a tenth of the time of decoding.
    """
    room = np.empty(shape, dtype)
    with suppress(IndexError):  # none is kept
        kept = _rooms.pop()
        room = kept if (kept.shape, kept.dtype) == (shape, dtype) else room
    # By a memoryview: views of it refer to it then, not to the room itself, which would outlive them.
    lent = np.asarray(memoryview(cast(Any, room)))
    weakref.finalize(lent, _rooms.append, room).atexit = False
    return lent


_rooms: deque[np.ndarray] = deque(maxlen=2)  # one is looked at while the next is decoded


@cache
def _decoder() -> Callable[..., Overview | None] | None:
    """The compiled decoder; None where it can't be compiled here."""
    try:
        from data.sources.fits_file.rice import decode, try_out

        try_out()
    except Exception as error:  # numba and LLVM have many kinds: no library for this processor, a damaged cache
        log.info(f"Rice-compressed frames are read by astropy, five times slower: {type(error).__name__}: {error}")
        return None
    return decode


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_plain_table(header: fits.Header) -> bool:
    """Whether the HDU is a table of one column of bytes, with its heap right behind it."""
    wanted = {"XTENSION": "BINTABLE", "BITPIX": 8, "NAXIS": 2, "GCOUNT": 1, "TFIELDS": 1, "TTYPE1": "COMPRESSED_DATA"}
    if any(header.get(name) != value for name, value in wanted.items()) or header["NAXIS1"] not in POINTERS:
        return False
    form = POINTERS[header["NAXIS1"]][0]
    if not re.fullmatch(rf"1?{form}(\(\d+\))?", str(header.get("TFORM1"))):
        return False
    return not any(name in header for name in _ODD) and not any(map(_OF_COLUMNS.match, header))


def _is_plain_image(header: fits.Header) -> bool:
    """Whether it is an image of integers, and no card of it is of another type than the standard has it."""
    bits = header.get("ZBITPIX")
    if header.get("ZIMAGE") is not True or header.get("ZCMPTYPE") not in ("RICE_1", "RICE_ONE") or bits not in DTYPES:
        return False
    limits = np.iinfo(DTYPES[bits])
    blanks = [header.get(name, 0) for name in ("BLANK", "ZBLANK")]
    if header.get("ZNAXIS") != 2 or not all(_is_whole(n) and limits.min <= n <= limits.max for n in blanks):
        return False
    numbers = [header.get(name, 0) for name in ("BSCALE", "BZERO", "EXTVER", "EXTLEVEL")]
    if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
        return False
    texts = header.get("EXTNAME", ""), header.get("ZTENSION", "IMAGE")
    if not isinstance(texts[0], str) or texts[1] != "IMAGE":
        return False
    return isinstance(header.get("INHERIT", True), bool)


def _is_silent(stream: IO[bytes]) -> bool:
    """Whether the primary HDU, which is one block, holds nothing but what every file has."""
    stream.seek(0)
    block = stream.read(BLOCK_BYTES)
    names = [block[i : i + 8].decode("latin-1").rstrip() for i in range(0, BLOCK_BYTES, 80)]
    return "END" in names and set(names[: names.index("END")]) <= _SILENT
