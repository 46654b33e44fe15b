"""FITS files in tar archives, read without unpacking anything to disk."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config import PrepConfig
from data.sources.base import UNKNOWN, Candidate, FrameError, RawFrame
from data.sources.fits import SUFFIXES as FITS_SUFFIXES
from data.sources.fits import attempt, candidate_of, decode_bytes

SUFFIXES = (".tar", ".tar.gz", ".tgz")

Result = tuple[Candidate, RawFrame | FrameError]


def scan(path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
    """The candidates of a tar archive; members that hold no FITS are left out, a damaged rest is one rejected row."""
    kind = "tar" if path.suffix.lower() == ".tar" else "tar.gz"
    base = {"source": path.relative_to(root).as_posix(), "path": str(path), "kind": kind, "reel": UNKNOWN}
    found: list[Candidate] = []
    try:
        with _open_tar(path, kind) as tar:
            for member in tar:
                if member.name.lower().endswith(FITS_SUFFIXES):
                    found.append(_tar_candidate(tar, member, base, prep))
        if not _Header.last or _Header.last.strip(b"\0"):
            raise FrameError("the archive goes on in no valid header and without its end mark")
    except Exception as error:  # tarfile raises many kinds on damaged archives
        found.append(Candidate(**base, reason=f"damaged archive after {len(found)} frames: {error}"))
    return found


class _Header(tarfile.TarInfo):
    """Remembers the last block that was read as a header: tarfile takes a damaged one for the end of the archive."""

    last = b""

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> tarfile.TarInfo:
        _Header.last = buf
        return super().frombuf(buf, encoding, errors)


def _open_tar(path: Path, kind: str) -> tarfile.TarFile:
    # A compressed archive is read as a stream; in an uncompressed one members are entered at their offsets.
    return tarfile.open(path, "r:" if kind == "tar" else "r|gz", tarinfo=_Header)


def _tar_candidate(tar: tarfile.TarFile, member: tarfile.TarInfo, base: dict[str, Any], prep: PrepConfig) -> Candidate:
    base = base | {"source": f"{base['source']}::{member.name}", "member": member.name}
    base |= {"position": member.offset_data, "size": member.size}
    if not member.isreg():
        return Candidate(**base, reason="archive member is not a regular file")
    stream = tar.extractfile(member)
    return candidate_of(stream if base["kind"] == "tar" else io.BytesIO(stream.read()), base, prep)


def read(candidates: list[Candidate]) -> Iterator[Result]:
    """Pixels of members of an uncompressed tar, each read at its offset."""
    for candidate in candidates:
        yield candidate, attempt(_read_slice, candidate)


def read_compressed(candidates: list[Candidate]) -> Iterator[Result]:
    """Pixels of members of one compressed tar, in one pass over it; members behind damage are left out."""
    # Members may share a name; their offset in the decompressed stream tells them apart.
    wanted = {candidate.position: candidate for candidate in candidates}
    with _open_tar(Path(candidates[0].path), "tar.gz") as tar:
        for member in tar:
            if member.offset_data in wanted:
                payload = tar.extractfile(member).read()
                yield wanted.pop(member.offset_data), attempt(decode_bytes, payload)
            if not wanted:
                return


def _read_slice(candidate: Candidate) -> RawFrame:
    with open(candidate.path, "rb") as stream:
        stream.seek(candidate.position)
        data = stream.read(candidate.size)
    if len(data) < candidate.size:
        raise FrameError("archive is truncated inside this member")
    return decode_bytes(data)
