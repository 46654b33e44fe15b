"""SER, the videos of planetary cameras: FFmpeg reads their pictures and passes over the time stamps behind them.

Format: "SER format description version 3" by Grischa Hahn: a header of 178 bytes, the pictures, then for each one the
UTC as ticks of 0.1 us since the year 1, which may be missing or 0. Its flag of the byte order is written both
ways: 1 is little-endian by the description, and big-endian for many programs and FFmpeg. The pictures tell.
"""

import io
import os
import struct
from functools import lru_cache
from pathlib import Path

import numpy as np

MAGIC, HEADER_BYTES = b"LUCAM-RECORDER", 178
_FIELDS = struct.Struct("<7i")  # LuID, ColorID, LittleEndian, width, height, bits of a plane, pictures
_IN_COLOUR = (100, 101)  # RGB and BGR, of three planes
_FLAG_AT = len(MAGIC) + 8  # LittleEndian
LOOKED_AT, MOST_VALUES = 3, 2**20  # pictures that tell the byte order, and values of each
SMOOTHER = 0.8  # of what the other order has: noise, and values of one higher byte, are as rough in both
_YEAR_1 = np.datetime64("0001-01-01", "us")


def stamps_of(path: Path) -> np.ndarray | None:
    """UTC of each picture (N,) as datetime64[us]; None where the file has none, or they do not go on."""
    with path.open("rb") as stream:
        header = stream.read(HEADER_BYTES)
        if not header.startswith(MAGIC) or len(header) < HEADER_BYTES:
            return None
        _, colour, _, width, height, bits, count = _FIELDS.unpack_from(header, len(MAGIC))
        values = width * height * (3 if colour in _IN_COLOUR else 1)
        if min(width, height, bits, count) < 1:
            return None
        stream.seek(HEADER_BYTES + count * values * -(-bits // 8))
        ticks = np.frombuffer(stream.read(8 * count), "<u8")
    if len(ticks) < count or ticks[0] == 0 or (np.diff(ticks.astype(np.int64)) <= 0).any():
        return None
    return _YEAR_1 + (ticks // 10).astype("timedelta64[us]")


class OtherOrder(io.FileIO):
    """A SER file in which the flag of the byte order is the other one."""

    def readinto(self, buffer, /) -> int:
        begin = self.tell()
        count = super().readinto(buffer) or 0
        if begin <= _FLAG_AT < begin + count:
            view = memoryview(buffer).cast("B")
            view[_FLAG_AT - begin] = not view[_FLAG_AT - begin]
        return count

    def read(self, size: int = -1, /) -> bytes:
        left = max(0, os.fstat(self.fileno()).st_size - self.tell())
        payload = bytearray(left if size < 0 else min(size, left))
        return bytes(payload[: self.readinto(payload)])


def is_in_other_order(path: Path) -> bool:
    """Whether a file is a SER whose neighbouring pixels are alike only in the byte order that FFmpeg does not take."""
    try:
        at = path.stat()
        return path.is_file() and _is_in_other_order(path, at.st_size, at.st_mtime_ns)
    except OSError:  # which is told where it is read
        return False


@lru_cache(256)
def _is_in_other_order(path: Path, size: int, _changed_ns: int) -> bool:
    """The same of a file as it is now: it is opened often.

    A picture is as rough as noise where the lower byte is taken for the higher one.
    """
    with path.open("rb") as stream:
        header = stream.read(HEADER_BYTES)
        if not header.startswith(MAGIC) or len(header) < HEADER_BYTES:
            return False
        _, colour, flag, width, height, bits, count = _FIELDS.unpack_from(header, len(MAGIC))
        if min(width, height, count) < 1 or not 8 < bits <= 16:
            return False
        planes = 3 if colour in _IN_COLOUR else 1
        if HEADER_BYTES + 2 * planes * width * height > size:  # a damaged header may ask for any
            return False
        rows = max(1, min(height, MOST_VALUES // (width * planes)))
        taken, other = (">u2", "<u2") if flag else ("<u2", ">u2")
        roughness = []
        for number in sorted({n * (count - 1) // (LOOKED_AT - 1) for n in range(LOOKED_AT)}):
            stream.seek(HEADER_BYTES + 2 * planes * width * height * number)
            payload = stream.read(2 * planes * width * rows)
            if len(payload) == 2 * planes * width * rows:
                shape = rows, width, planes
                roughness.append([_roughness(np.frombuffer(payload, d).reshape(shape)) for d in (taken, other)])
    as_taken, as_other = np.nanmean(roughness, axis=0) if np.isfinite(roughness).any() else (0.0, 0.0)
    return bool(as_other < SMOOTHER * as_taken)


def _roughness(pixels: np.ndarray) -> float:
    """The mean step between pixels (H, W, C) two apart, which see one colour in a mosaic, by that between pixels at
    random: 1 of noise of any kind. NaN where there is none."""
    values = pixels.astype(np.float32)
    mixed = np.random.default_rng(0).permutation(values.reshape(-1, values.shape[-1]))
    apart = float(np.abs(np.diff(mixed, axis=0)).mean()) if len(mixed) > 1 else 0.0
    return float(np.abs(values[:, 2:] - values[:, :-2]).mean()) / apart if apart and values.shape[1] > 2 else np.nan
