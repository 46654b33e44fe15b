"""Tar archives, plain or in any compression; tarfile alone knows where the bytes of their members lie."""

import io
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from data.sources.archive_file.members import ArchiveSource, Member
from data.sources.archive_file.unpacked import compression_of, unpacked
from data.sources.base import FrameError

MAGIC, MAGIC_AT = b"ustar", 257  # of POSIX and GNU archives; older ones have none
NO_END = "the archive goes on in no valid header and without its end mark"
MOST_TIMES, LEAST_BYTES = 200, 10**9  # what is unpacked to more than both is no archive of measurements


class TarSource(ArchiveSource):
    """An uncompressed archive, each member entered at its header."""

    name = "tar"
    suffixes = (
        *(".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tb2", ".tar.xz", ".txz"),
        *(".tar.zst", ".tzst", ".tar.lz4"),
    )

    def takes(self, path: Path) -> bool:
        return super().takes(path) and not compression_of(path)

    def recognises(self, path: Path) -> bool:
        with path.open("rb") as stream:
            stream.seek(MAGIC_AT)
            return stream.read(len(MAGIC)) == MAGIC

    def members(self, path: Path, wanted: Sequence[int] = ()) -> Iterator[Member]:
        with path.open("rb") as stream:
            if not wanted:
                yield from _walk(stream, is_stream=False)
            for position in wanted:
                stream.seek(position)
                # An archive may begin anywhere in a file, so tarfile itself reads one member's header and map.
                with tarfile.open(fileobj=stream, mode="r:") as tar:
                    member = tar.next()
                    if member is not None:
                        yield _member(tar, member, position)


class CompressedTarSource(TarSource):
    """The same of a compressed archive, which can't be entered in the middle; members behind damage are left out."""

    name = "tar.gz"
    in_one_pass = True

    def takes(self, path: Path) -> bool:
        return path.name.lower().endswith(self.suffixes) and bool(compression_of(path))

    def recognises(self, path: Path) -> bool:
        if not compression_of(path):
            return False
        try:
            with unpacked(path) as stream:
                return stream.read(MAGIC_AT + len(MAGIC))[MAGIC_AT:] == MAGIC
        except Exception:  # each library has its own kinds for what is damaged
            return False

    def members(self, path: Path, wanted: Sequence[int] = ()) -> Iterator[Member]:
        left = set(wanted)
        with unpacked(path) as stream:
            for member in _walk(_Bounded(stream, path.stat().st_size), is_stream=True):
                if not wanted:
                    yield member
                elif member.position in left:
                    left.remove(member.position)
                    yield member
                    if not left:
                        return


class _Bounded:
    """A stream that ends with a FrameError where far more comes out of it than its packed bytes can hold of value.

    What lies behind a member is found by unpacking all of it, which for kilobytes of zeros may take hours.
    """

    def __init__(self, stream: IO[bytes], packed_bytes: int):
        self.stream, self.left = stream, max(LEAST_BYTES, MOST_TIMES * packed_bytes)

    def read(self, size: int = -1) -> bytes:
        content = self.stream.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise FrameError(f"it unpacks to more than {MOST_TIMES} times its size; if it is sound, unpack it yourself")
        return content


def _walk(stream: IO[bytes] | _Bounded, is_stream: bool) -> Iterator[Member]:
    """The files of an archive, and of those that were joined to it.

    Raises FrameError at the end when there was something that is no header, or no end mark.
    """
    blocks = _Blocks()
    with _opened(stream, is_stream, blocks.header) as tar:
        # What is no header of a whole archive was refused by now. From here on tarfile goes on behind end marks and
        # damage, and the blocks remember what it has passed over.
        tar.ignore_zeros = True
        for member in tar:
            if not member.isdir():
                yield _member(tar, member, member.offset, is_stream)
    if blocks.damaged or not blocks.has_end:
        raise FrameError(NO_END)


def _opened(stream: Any, is_stream: bool, header: type[tarfile.TarInfo]) -> tarfile.TarFile:
    if is_stream:  # that goes forwards only
        return tarfile.open(fileobj=stream, mode="r|", tarinfo=header)
    return tarfile.open(fileobj=stream, mode="r:", tarinfo=header)


def _member(tar: tarfile.TarFile, member: tarfile.TarInfo, position: int, is_stream: bool = False) -> Member:
    def opened() -> IO[bytes]:
        stream = tar.extractfile(member)
        assert stream is not None  # as every regular file has one
        # What is read as a stream goes forwards only, and a FITS file's end is looked at first.
        return io.BytesIO(stream.read()) if is_stream else stream

    problem = "" if member.isreg() else "archive member is not a regular file"
    return Member(member.name, position, member.size, problem, opened)


class _Blocks:
    """Remembers what tarfile passes over in silence: blocks that are no header, and whether the last one is an end."""

    def __init__(self):
        blocks = self
        self.damaged, self.has_end = False, False

        class Header(tarfile.TarInfo):
            @classmethod
            def frombuf(cls, buf: bytes, encoding: str, errors: str) -> tarfile.TarInfo:
                if buf:
                    blocks.has_end = not buf.strip(b"\0")
                try:
                    return super().frombuf(buf, encoding, errors)
                except tarfile.HeaderError:
                    blocks.damaged |= bool(buf) and not blocks.has_end
                    raise

        self.header = Header
