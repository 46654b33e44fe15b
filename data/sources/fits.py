"""FITS files and FITS in tar archives: headers first, pixels later, nothing unpacked to disk."""

import gzip
import io
import math
import re
import tarfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits

from config import PrepConfig
from data.sources.base import MAX_PIXELS, Candidate, FrameError, RawFrame, parse_utc, sha256

SUFFIXES = (".fits", ".fts", ".fit", ".fits.gz", ".fts.gz")
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")

Result = tuple[Candidate, RawFrame | FrameError]


def scan_file(path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
    """The candidate of one FITS file, from its header."""
    source = path.relative_to(root).as_posix()
    base = {"source": source, "path": str(path), "kind": "fits", "reel": "fits"}
    try:
        with _opened(path) as stream:
            return [_candidate(stream, base, prep)]
    except OSError as error:
        return [Candidate(**base, reason=f"unreadable file: {error}")]


def scan_tar(path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
    """The candidates of a tar archive; members that hold no FITS are left out, a damaged rest is one rejected row."""
    archive = path.relative_to(root).as_posix()
    kind = "tar" if path.suffix == ".tar" else "tar.gz"
    found: list[Candidate] = []
    try:
        with tarfile.open(path, "r:" if kind == "tar" else "r|gz") as tar:
            for member in tar:
                if not member.name.lower().endswith(SUFFIXES):
                    continue
                base = {"source": f"{archive}::{member.name}", "path": str(path), "kind": kind, "reel": "fits"}
                base |= {"member": member.name, "position": member.offset_data, "size": member.size}
                stream = tar.extractfile(member) if member.isreg() else None
                if stream is None:
                    found.append(Candidate(**base, reason="archive member is not a regular file"))
                else:
                    found.append(_candidate(_plain(io.BytesIO(stream.read())), base, prep))
    except (tarfile.TarError, OSError, EOFError) as error:
        base = {"source": archive, "path": str(path), "kind": kind, "reel": "fits"}
        found.append(Candidate(**base, reason=f"damaged archive after {len(found)} frames: {error}"))
    return found


def read_files(candidates: list[Candidate]) -> Iterator[Result]:
    """Pixels of FITS files."""
    for candidate in candidates:
        yield candidate, _decoded(lambda c=candidate: Path(c.path).read_bytes())


def read_tar(candidates: list[Candidate]) -> Iterator[Result]:
    """Pixels of members of an uncompressed tar, each read at its offset."""
    for candidate in candidates:
        yield candidate, _decoded(lambda c=candidate: _slice(c))


def read_tar_gz(candidates: list[Candidate]) -> Iterator[Result]:
    """Pixels of members of one compressed tar, in one pass over it."""
    # Members may share a name; their offset in the decompressed stream tells them apart.
    wanted = {candidate.position: candidate for candidate in candidates}
    try:
        with tarfile.open(candidates[0].path, "r|gz") as tar:
            for member in tar:
                if member.offset_data in wanted:
                    payload = tar.extractfile(member).read()
                    yield wanted.pop(member.offset_data), _decoded(lambda p=payload: p)
    except (tarfile.TarError, OSError, EOFError) as error:
        for candidate in wanted.values():
            yield candidate, FrameError(f"damaged archive: {error}")


def image_hdu(hdus: fits.HDUList) -> Any:
    """The first HDU that holds a two-dimensional image (singleton axes ignored). Raises FrameError if none does."""
    for hdu in hdus:
        if isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU) and len(_shape(hdu.header)) == 2:
            return hdu
    raise FrameError("no HDU holds a two-dimensional image")


def _shape(header: fits.Header) -> tuple[int, ...]:
    sizes = [header.get(f"NAXIS{i}", 0) for i in range(header.get("NAXIS", 0), 0, -1)]
    return tuple(n for n in sizes if n != 1)


def _candidate(stream: BinaryIO, base: dict[str, Any], prep: PrepConfig) -> Candidate:
    try:
        with warnings.catch_warnings(record=True):  # odd cards; what matters is read again, and flagged, with the pixels
            with fits.open(stream, memmap=False, lazy_load_hdus=True) as hdus:
                return Candidate(**base | _facts(image_hdu(hdus).header, prep))
    except FrameError as error:
        return Candidate(**base, reason=str(error))
    except Exception as error:  # astropy raises many kinds on damaged files; each is a recorded rejection
        return Candidate(**base, reason=f"not readable as FITS: {type(error).__name__}: {error}")


def _facts(header: fits.Header, prep: PrepConfig) -> dict[str, Any]:
    """What the header tells: Candidate fields."""
    shape = _shape(header)
    if math.prod(shape) > MAX_PIXELS:
        raise FrameError(f"image of {shape[0]}x{shape[1]} pixels is larger than {MAX_PIXELS} pixels")
    facts: dict[str, Any] = {"shape": shape, "quality": int(header.get("QUALITY", 0)) & 0xFFFFFFFF}
    instrument = re.match(r"[A-Za-z]*", str(header.get("INSTRUME", ""))).group().lower() or "fits"
    wavelength = header.get("WAVELNTH")
    facts["channel"] = f"{wavelength:g}" if isinstance(wavelength, int | float) else "image"
    facts["reel"] = f"{instrument}_{facts['channel']}"
    facts["exptime_s"] = _number(header, "EXPTIME", "EXPOSURE", "XPOSURE")
    try:
        facts["time_utc"] = parse_utc(_time(header))
    except FrameError as error:
        return facts | {"reason": str(error)}
    return facts | {"reason": _refusal(facts, prep)}


def _number(header: fits.Header, *names: str) -> float:
    for name in names:
        value = header.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return float("nan")


def _time(header: fits.Header) -> str:
    """T_OBS, the middle of the exposure, before DATE-OBS, its start."""
    date = str(header.get("T_OBS") or header.get("DATE-OBS") or header.get("DATE_OBS") or "")
    if date and "T" not in date and ":" not in date and header.get("TIME-OBS"):
        date = f"{date}T{header['TIME-OBS']}"
    if not date:
        raise FrameError("header has neither T_OBS nor DATE-OBS")
    return date


def _refusal(facts: dict[str, Any], prep: PrepConfig) -> str:
    bits = [bit for bit in prep.quality_reject if facts["quality"] >> bit & 1]
    if bits:
        return "QUALITY bit " + ", ".join(map(str, bits))
    if prep.wavelengths and facts["channel"] not in {str(w) for w in prep.wavelengths}:
        return f"wavelength {facts['channel']} is not among prep.wavelengths"
    if prep.normalise_exposure and not facts["exptime_s"] > 0:
        return "no positive EXPTIME in the header"
    return ""


def _decoded(payload) -> RawFrame | FrameError:
    try:
        data = payload()
        return _decode(data, sha256(data))
    except FrameError as error:
        return error
    except Exception as error:  # a damaged file may fail anywhere inside a decoder; it is recorded, never fatal
        return FrameError(f"not readable: {type(error).__name__}: {error}")


def _decode(data: bytes, digest: str) -> RawFrame:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with fits.open(_plain(io.BytesIO(data)), memmap=False, do_not_scale_image_data=True) as hdus:
            hdu = image_hdu(hdus)
            pixels, header = hdu.data, hdu.header
    messages = [str(w.message) for w in caught]
    if pixels is None or any("truncated" in m for m in messages):
        raise FrameError("file is truncated")
    pixels = pixels.reshape(_shape(header))
    blank = header.get("BLANK") if pixels.dtype.kind in "iu" else None
    scale, zero = header.get("BSCALE", 1), header.get("BZERO", 0)
    if (scale, zero) != (1, 0):
        invalid = pixels == blank if blank is not None else None
        pixels = pixels * np.float32(scale) + np.float32(zero)
        if invalid is not None:
            pixels[invalid] = np.nan
        blank = None
    return RawFrame(pixels, blank, digest, "; ".join(sorted({_brief(m) for m in messages})))


def _brief(message: str) -> str:
    return "FITS: " + message.strip().split("\n")[0][:100]


def _slice(candidate: Candidate) -> bytes:
    with open(candidate.path, "rb") as stream:
        stream.seek(candidate.position)
        data = stream.read(candidate.size)
    if len(data) < candidate.size:
        raise FrameError("archive is truncated inside this member")
    return data


def _opened(path: Path) -> BinaryIO:
    return _plain(path.open("rb"))


def _plain(stream: BinaryIO) -> BinaryIO:
    """The stream, decompressed when it is gzip."""
    magic = stream.read(2)
    stream.seek(0)
    return io.BytesIO(gzip.decompress(stream.read())) if magic == b"\x1f\x8b" else stream


