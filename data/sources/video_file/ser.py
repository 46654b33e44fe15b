"""SER, the videos of planetary cameras: FFmpeg reads their pictures and passes over the time stamps behind them.

Format: "SER format description version 3" by Grischa Hahn: a header of 178 bytes, the pictures, then for each one the
UTC as ticks of 0.1 us since the year 1, which may be missing or 0.
"""

import struct
from pathlib import Path

import numpy as np

MAGIC, HEADER_BYTES = b"LUCAM-RECORDER", 178
_FIELDS = struct.Struct("<7i")  # LuID, ColorID, LittleEndian, width, height, bits of a plane, pictures
_IN_COLOUR = (100, 101)  # RGB and BGR, of three planes
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
