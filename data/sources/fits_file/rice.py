"""Rice decoding of FITS tiles, compiled: what `fits_rdecomp` of cfitsio does, in a fifth of astropy's time.

After Rice, Yeh & Miller (1993) as the FITS standard 4.0, section 10.4.1, has it: the first pixel as it is, then blocks
of differences, each with the number of low bits that its differences are split at. The state of a tile is one bit
position, and a word of 57 bits or more is loaded from wherever that is: no bound is looked at within a block, for
NEEDED_BYTES behind the tiles hold whatever a damaged block may ask for.

Importing this takes half a second (numba), so it is imported where frames are large or many (`rice_tiles.py`).
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import config
from numba.extending import intrinsic

from data.sources.base import Overview

MOST_BLOCK_PX = 64  # cfitsio writes 16 or 32
MEAN_PX = 4  # side of the blocks of pixels whose means are taken: the smallest that frames are averaged by
WORD_BITS = 57  # that are there for certain in eight bytes from any bit on
NEEDED_BYTES = (MOST_BLOCK_PX + 3) * 8  # behind a tile: a pixel moves on by a word at most
U = np.uint64


def _is_kept() -> bool:
    """Whether what is compiled can be kept for the next process: beside this file, else in the user's own folder."""
    try:
        njit(cache=True)(_is_kept)
    except RuntimeError:  # neither can be written to
        return False
    return True


_HOW = {"error_model": "numpy", "boundscheck": False}
_inlined: Any = njit(forceinline=True, **_HOW)  # type: ignore[call-overload]
_called: Any = njit(**_HOW)  # type: ignore[call-overload]


def _entered(function: Any, is_kept: bool) -> Any:
    return njit(nogil=True, cache=is_kept, **_HOW)(function)  # type: ignore[call-overload]


class RiceError(ValueError):
    """A tile that is damaged."""


def decode(
    data: np.ndarray, starts: np.ndarray, stops: np.ndarray, block_px: int, tile_px: int, out: np.ndarray
) -> Overview | None:
    """Decode tiles into `out` (H, W) uint8, int16 or int32, which they fill one after the other; without the GIL.

    data: bytes, of which the last NEEDED_BYTES belong to no tile. starts, stops: (M,) of the tiles in it. tile_px: of
    each but the last, which may be shorter. Returns what is seen of rows while they are in the processor's cache, which
    takes a tenth of the time of going through the frame afterwards; None of 32 bits, and of sides that blocks do not
    fill. Raises RiceError for a damaged tile, ValueError for what can't be asked.
    """
    n_tiles = -(-out.size // tile_px) if tile_px > 0 else 0
    if not 0 < block_px <= MOST_BLOCK_PX or not 0 < n_tiles == len(starts) == len(stops):
        raise ValueError(f"{len(starts)} tiles of {tile_px} px in blocks of {block_px} do not fill {out.size} px")
    starts, stops = (np.ascontiguousarray(places, np.int64) for places in (starts, stops))
    if starts.min() < 0 or (stops < starts).any() or stops.max() > len(data) - NEEDED_BYTES:
        raise RiceError("a tile lies outside of the data")
    n_bytes, width = out.dtype.itemsize, out.shape[1]
    code_bits, most_split = {1: (3, 6), 2: (4, 14), 4: (5, 25)}[n_bytes]
    limits, whole = np.iinfo(out.dtype), _blocks(out)
    lowest, highest = np.full(width, limits.max, out.dtype), np.full(width, limits.min, out.dtype)
    means = np.empty(whole, np.float32)
    how = block_px, tile_px, 8 * n_bytes, code_bits, most_split
    damaged = _decode_tiles(data, starts, stops, *how, out, lowest, highest, means)
    if damaged >= 0:
        raise RiceError(f"Rice tile {damaged} of {n_tiles} is damaged")
    return Overview(int(lowest.min()), int(highest.max()), means) if means.size else None


def _blocks(out: np.ndarray) -> tuple[int, int]:
    """How many means are taken (rows, columns): none where some pixels are in no block, or sums have too many bits."""
    height, width = out.shape
    is_whole = height % MEAN_PX == width % MEAN_PX == 0
    return (height // MEAN_PX, width // MEAN_PX) if is_whole and out.dtype.itemsize <= 2 else (0, 0)


def try_out():
    """Compile, or load what was compiled before. Raises whatever stands against it."""
    global _decode_tiles
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        raise RuntimeError("numba compiles nothing: NUMBA_DISABLE_JIT is set")
    try:
        _decode_one_pixel()
    except Exception:  # what was kept is damaged, in one of many ways
        _decode_tiles = _entered(_decode_tiles.py_func, is_kept=False)
        _decode_one_pixel()


def _decode_one_pixel():
    data, out = np.zeros(NEEDED_BYTES + 3, np.uint8), np.empty((1, 1), np.int16)
    decode(data, np.zeros(1), np.full(1, 3), 32, 1, out)


def _of_leading_zeros(context, word):
    """Of 64 bits; 64 where none is set."""

    def emit(context, builder, signature, arguments):
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), emit


_leading_zeros: Any = intrinsic(_of_leading_zeros)


@_inlined
def _word(data, at):
    """The bits from bit `at` on, WORD_BITS or more, the first one on top."""
    first = at >> U(3)
    word = U(0)
    for i in range(8):
        word |= U(data[first + U(i)]) << U(56 - 8 * i)  # compiled to one load
    return word << (at & U(7))


@_inlined
def _plus(last, mapped):
    """The pixel after `last`: differences 0, -1, 1, -2 ... are mapped to 0, 1, 2, 3 ... All modulo 2^32."""
    mapped = np.uint32(mapped)
    return np.uint32(last + ((mapped >> np.uint32(1)) ^ (np.uint32(0) - (mapped & np.uint32(1)))))


@_called
def _end_of_zeros(data, at, stop):
    """The first bit that is set from `at` on; one behind `stop` where there is none before."""
    while at < stop:
        zeros = _leading_zeros(_word(data, at))
        if zeros < U(WORD_BITS):
            return at + zeros
        at += U(WORD_BITS)
    return at


@_inlined
def _one_by_one(data, at, stop, last, split, out, begin, end):
    """Differences as zeros ended by a one, which count 2^split, and `split` low bits."""
    tail, shift, whole = split + U(1), U(63) - split, U(1) << split
    for i in range(begin, end):
        one = _end_of_zeros(data, at, stop)
        last = _plus(last, ((one - at) << split) + (_word(data, one) >> shift) - whole)
        at = one + tail
        out[i] = last
    return at, last


@_inlined
def _split_block(data, at, stop, last, split, out, begin, end):
    """The same, four of a word where they fit in it: loading one for each takes twice the time."""
    tail, shift, whole = split + U(1), U(63) - split, U(1) << split
    n_fours = (end - begin) // 4
    for i in range(begin, begin + 4 * n_fours, 4):
        # Of what does not fit nothing is used; a shift by 64 is none that a processor knows.
        bits_a = _word(data, at)
        zeros_a = _leading_zeros(bits_a)
        bits_a <<= zeros_a & U(63)
        bits_b = bits_a << tail
        zeros_b = _leading_zeros(bits_b)
        bits_b <<= zeros_b & U(63)
        bits_c = bits_b << tail
        zeros_c = _leading_zeros(bits_c)
        bits_c <<= zeros_c & U(63)
        bits_d = bits_c << tail
        zeros_d = _leading_zeros(bits_d)
        bits_d <<= zeros_d & U(63)
        used = zeros_a + zeros_b + zeros_c + zeros_d + U(4) * tail
        if used > U(WORD_BITS):
            at, last = _one_by_one(data, at, stop, last, split, out, i, i + 4)
            continue
        at += used
        last = out[i] = _plus(last, (zeros_a << split) + (bits_a >> shift) - whole)
        last = out[i + 1] = _plus(last, (zeros_b << split) + (bits_b >> shift) - whole)
        last = out[i + 2] = _plus(last, (zeros_c << split) + (bits_c >> shift) - whole)
        last = out[i + 3] = _plus(last, (zeros_d << split) + (bits_d >> shift) - whole)
    return _one_by_one(data, at, stop, last, split, out, begin + 4 * n_fours, end)


@_inlined
def _plain_block(data, at, last, pixel_bits, out, begin, end):
    """Differences as they are, where splitting would make them longer."""
    for i in range(begin, end):
        last = _plus(last, _word(data, at) >> (U(64) - pixel_bits))
        at += pixel_bits
        out[i] = last
    return at, last


@_inlined
def _decode_tile(data, at, stop, block_px, pixel_bits, code_bits, most_split, out):
    """Whether a tile lies between the bits `at` and `stop`, and fills the bytes there."""
    last = np.uint32(_word(data, at) >> (U(64) - pixel_bits))
    at += pixel_bits
    for begin in range(0, len(out), block_px):
        end = min(begin + block_px, len(out))
        code = _word(data, at) >> (U(64) - code_bits)
        at += code_bits
        if code == U(0):  # nothing changes
            for i in range(begin, end):
                out[i] = last
        elif code <= most_split:
            at, last = _split_block(data, at, stop, last, code - U(1), out, begin, end)
        elif code == most_split + U(1):
            at, last = _plain_block(data, at, last, pixel_bits, out, begin, end)
        else:
            return False
        if at > stop:
            return False
    return stop - at < U(8)


@_inlined
def _look(rows, lowest, highest, sums, means):
    """Extremes of columns so far, and the means of blocks in MEAN_PX rows: exact, for sums have few bits."""
    for i in range(len(sums)):
        a, b, c, d = rows[0, i], rows[1, i], rows[2, i], rows[3, i]
        lowest[i] = min(lowest[i], min(min(a, b), min(c, d)))
        highest[i] = max(highest[i], max(max(a, b), max(c, d)))
        sums[i] = np.int32(a) + np.int32(b) + np.int32(c) + np.int32(d)
    for i in range(len(means)):
        total = sums[4 * i] + sums[4 * i + 1] + sums[4 * i + 2] + sums[4 * i + 3]
        means[i] = np.float32(total) / np.float32(MEAN_PX * MEAN_PX)


def _every_tile(data, starts, stops, block_px, tile_px, pixel_bits, code_bits, most_split, out, lowest, highest, means):
    """The number of the first damaged tile, -1 where none is. Fills `lowest`, `highest` (W,) and `means` as it goes."""
    pixels, seen = out.reshape(-1), 0
    sums = np.empty(len(lowest), np.int32)
    for tile in range(len(starts)):
        own = pixels[tile * tile_px : (tile + 1) * tile_px]
        begin, end = U(starts[tile]) << U(3), U(stops[tile]) << U(3)
        if not _decode_tile(data, begin, end, block_px, U(pixel_bits), U(code_bits), U(most_split), own):
            return tile
        while seen < len(means) and (seen + 1) * MEAN_PX * out.shape[1] <= (tile + 1) * tile_px:
            _look(out[seen * MEAN_PX : (seen + 1) * MEAN_PX], lowest, highest, sums, means[seen])
            seen += 1
    return -1


_decode_tiles: Any = _entered(_every_tile, _is_kept())
