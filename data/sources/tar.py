"""FITS files in tar archives, read without unpacking anything to disk."""

import io
import tarfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from config import PrepConfig
from data.sources.base import Candidate, FrameError, Frames, FrameSource, RawFrame
from data.sources.fits import SUFFIXES as FITS_SUFFIXES
from data.sources.fits import attempt, candidates_of, decode_bytes


class TarSource(FrameSource):
    """FITS members of an uncompressed archive, each read at its offset; members that hold no FITS are left out."""

    name = "tar"
    suffixes = (".tar",)

    def scan(self, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
        """The candidates of a tar archive; a damaged rest is one rejected row."""
        base = self.whereabouts(path, root, home=path)
        found: list[Candidate] = []
        try:
            with _open_tar(path, self.in_one_pass) as tar:
                for member in tar:
                    if member.name.lower().endswith(FITS_SUFFIXES):
                        found += self._candidates(tar, member, base, prep)
            if not _Header.last or _Header.last.strip(b"\0"):
                raise FrameError("the archive goes on in no valid header and without its end mark")
        except Exception as error:  # tarfile raises many kinds on damaged archives
            reason = f"damaged archive after {len(found)} frames: {error}"
            found.append(Candidate(**base, is_counts=True, reason=reason))
        return found

    def _candidates(self, tar: tarfile.TarFile, member: tarfile.TarInfo, base: dict[str, Any], prep) -> list[Candidate]:
        base = base | {"source": f"{base['source']}::{member.name}", "member": member.name}
        base |= {"position": member.offset_data, "size": member.size}
        if not member.isreg():
            return [Candidate(**base, is_counts=True, reason="archive member is not a regular file")]
        stream = tar.extractfile(member)
        assert stream is not None  # as every regular file has one
        return candidates_of(io.BytesIO(stream.read()) if self.in_one_pass else stream, base, prep)

    def read(self, candidates: Sequence[Candidate]) -> Frames:
        for number, candidate in enumerate(candidates):
            yield number, attempt(_read_slice, candidate)


class CompressedTarSource(TarSource):
    """The same of a compressed archive, which can't be entered in the middle; members behind damage are left out."""

    name = "tar.gz"
    suffixes = (".tar.gz", ".tgz")
    in_one_pass = True

    def read(self, candidates: Sequence[Candidate]) -> Frames:
        # Members may share a name; their offset in the decompressed stream tells them apart.
        wanted: dict[int, list[int]] = {}
        for number, candidate in enumerate(candidates):
            wanted.setdefault(candidate.position, []).append(number)
        with _open_tar(Path(candidates[0].path), self.in_one_pass) as tar:
            for member in tar:
                if member.offset_data in wanted:
                    stream = tar.extractfile(member)
                    assert stream is not None  # the scan wanted regular files only
                    payload = stream.read()
                    for number in wanted.pop(member.offset_data):
                        yield number, attempt(partial(decode_bytes, payload), candidates[number])
                if not wanted:
                    return


class _Header(tarfile.TarInfo):
    """Remembers the last block that was read as a header: tarfile takes a damaged one for the end of the archive."""

    last = b""

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> tarfile.TarInfo:
        _Header.last = buf
        return super().frombuf(buf, encoding, errors)


def _open_tar(path: Path, as_stream: bool) -> tarfile.TarFile:
    # A compressed archive is read as a stream; in an uncompressed one members are entered at their offsets.
    return tarfile.open(path, "r|gz" if as_stream else "r:", tarinfo=_Header)


def _read_slice(candidate: Candidate) -> RawFrame:
    with open(candidate.path, "rb") as stream:
        stream.seek(candidate.position)
        data = stream.read(candidate.size)
    if len(data) < candidate.size:
        raise FrameError("archive is truncated inside this member")
    return decode_bytes(data, candidate)
