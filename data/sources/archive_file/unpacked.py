"""Files in any compression that Python or pyarrow opens, told by their first bytes; and how much is unpacked."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pyarrow as pa


def _by_arrow(name: str) -> Callable[[Path], Any]:
    return lambda path: pa.CompressedInputStream(pa.OSFile(str(path)), name)


# First bytes of a file -> what opens it. Streams that were joined end to end are read to the end by all of them.
COMPRESSIONS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"\x28\xb5\x2f\xfd": _by_arrow("zstd"),
    b"\x04\x22\x4d\x18": _by_arrow("lz4"),
}


def compression_of(path: Path) -> bytes:
    """The first bytes that tell a compression; empty for a file that is not compressed or not there."""
    try:
        with path.open("rb") as stream:
            start = stream.read(6)
    except OSError:  # whoever reads the file has the reason
        return b""
    return next((magic for magic in COMPRESSIONS if start.startswith(magic)), b"")


def unpacked(path: Path) -> IO[bytes]:
    """The decompressed bytes of a file, as a stream that may be read forwards only."""
    return COMPRESSIONS.get(compression_of(path), lambda path: path.open("rb"))(path)


def too_large(n_bytes: float, max_input_mb: float) -> str:
    """Why so many bytes are not held in memory; "" where they are."""
    if n_bytes <= max_input_mb * 1e6:
        return ""
    return f"it takes more than prep.max_input_mb {max_input_mb:g} MB once unpacked; raise that where memory allows"
