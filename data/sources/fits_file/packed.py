"""FITS files behind the compressions that archives hand out, told by their first bytes and not by their names."""

import bz2
import gzip
import io
import lzma
import math
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, Any

import pyarrow as pa

from data.sources.archive_file.unpacked import too_large
from data.sources.base import FrameError

try:  # in 0.4 of the time; there are no wheels of it for some processors
    from isal.igzip import IGzipFile  # pyright: ignore[reportMissingImports]
except ImportError:
    IGzipFile = gzip.GzipFile

GZIP, NO_MEMBER = b"\x1f\x8b", "Not a gzipped file"  # and Python's words for what follows a whole member and is none
PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".zip", ".zst", ".lz4")
_OPENERS: dict[bytes, tuple[str, Callable[[IO[bytes]], Any]]] = {
    GZIP: ("gzip", lambda stream: gzip.GzipFile(fileobj=stream)),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMAFile),
    b"PK\x03\x04": ("zip", lambda stream: _only_member(stream)),
    b"\x28\xb5\x2f\xfd": ("zstd", lambda stream: pa.CompressedInputStream(pa.PythonFile(stream), "zstd")),
    b"\x04\x22\x4d\x18": ("lz4", lambda stream: pa.CompressedInputStream(pa.PythonFile(stream), "lz4")),
}
# Tried before the above, which have the word on what is damaged: so that its reason is one and the same everywhere.
_QUICKER: dict[str, Callable[[IO[bytes]], Any]] = {"gzip": lambda stream: IGzipFile(fileobj=stream)}
CHUNK_BYTES = 2**20
MOST_LAYERS = 3  # of compression around a file


class Unpacked(io.BytesIO):
    """The bytes that were in a compressed file. flag: what was odd about that."""

    flag = ""


def plain(stream: IO[bytes], max_input_mb: float = math.inf) -> IO[bytes]:
    """The stream, decompressed into memory where it is compressed, even twice, as some downloads of .fits.gz are.

    Raises FrameError when that fails, or where more than prep.max_input_mb come of it.
    """
    for _ in range(MOST_LAYERS):
        opener = _opener(stream)
        if opener is None:
            break
        stream = _unpacked(stream, *opener, max_input_mb)
    return stream


def _opener(stream: IO[bytes]) -> tuple[str, Callable[[IO[bytes]], Any]] | None:
    magic = stream.read(6)
    stream.seek(0)
    return next((opener for start, opener in _OPENERS.items() if magic.startswith(start)), None)


def _unpacked(stream: IO[bytes], name: str, opened: Callable[[IO[bytes]], Any], max_input_mb: float) -> IO[bytes]:
    if name in _QUICKER:
        try:
            with _QUICKER[name](stream) as packed:
                return _held(packed, max_input_mb)
        except FrameError:
            raise
        except Exception:  # of its own kinds
            stream.seek(0)
    try:
        with opened(stream) as packed:
            return _held(packed, max_input_mb)
    except gzip.BadGzipFile as error:
        if NO_MEMBER not in str(error):
            raise FrameError(f"damaged {name}: {error}") from None
        stream.seek(0)
        return _before_other_bytes(stream.read())
    except (zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError) as error:
        raise FrameError(f"damaged {name}: {error}") from None


def _before_other_bytes(packed: bytes) -> IO[bytes]:
    """What whole members of a gzip hold, by their own checks; bytes behind them that are no gzip are passed over."""
    whole = Unpacked()
    while packed.startswith(GZIP):
        member = zlib.decompressobj(zlib.MAX_WBITS + 16)
        whole.write(member.decompress(packed))
        packed = member.unused_data.lstrip(b"\0")
    whole.seek(0)
    whole.flag = f"gzip: {len(packed)} bytes behind its end are none of it, and not read"
    return whole


def _held(packed: IO[bytes], max_input_mb: float) -> IO[bytes]:
    whole = Unpacked()
    while chunk := packed.read(CHUNK_BYTES):
        whole.write(chunk)
        if told := too_large(whole.tell(), max_input_mb):
            raise FrameError(told)
    whole.seek(0)
    return whole


def _only_member(stream: IO[bytes]) -> IO[bytes]:
    """The file in a zip that was made of one, as astropy takes it."""
    archive = zipfile.ZipFile(stream)
    names = [name for name in archive.namelist() if not name.endswith("/")]
    if len(names) != 1:
        raise FrameError(f"it is a zip of {len(names)} files, and not one compressed FITS file")
    return archive.open(names[0])
