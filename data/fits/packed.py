"""FITS files behind the compressions that archives hand out, told by their first bytes and not by their names."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, Any

from data.sources.base import FrameError

PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".zip")
_OPENERS: dict[bytes, tuple[str, Callable[[IO[bytes]], Any]]] = {
    b"\x1f\x8b": ("gzip", lambda stream: gzip.GzipFile(fileobj=stream)),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMAFile),
    b"PK\x03\x04": ("zip", lambda stream: _only_member(stream)),
}
MOST_BYTES = 2**32  # of a file once unpacked: more than the largest image that is read, in 8 bytes a pixel and padding


def plain(stream: IO[bytes]) -> IO[bytes]:
    """The stream, decompressed into memory where it is compressed. Raises FrameError when that fails."""
    magic = stream.read(6)
    stream.seek(0)
    found = next((opener for start, opener in _OPENERS.items() if magic.startswith(start)), None)
    if found is None:
        return stream
    name, opened = found
    try:
        with opened(stream) as packed:
            return io.BytesIO(packed.read())
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError) as error:
        raise FrameError(f"damaged {name}: {error}") from None


def _only_member(stream: IO[bytes]) -> IO[bytes]:
    """The file in a zip that was made of one, as astropy takes it."""
    archive = zipfile.ZipFile(stream)
    names = [name for name in archive.namelist() if not name.endswith("/")]
    if len(names) != 1:
        raise FrameError(f"it is a zip of {len(names)} files, and not one compressed FITS file")
    return archive.open(names[0])
