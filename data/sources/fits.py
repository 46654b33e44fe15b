"""FITS files, plain, gzipped or Rice-compressed: headers first, pixels later."""

import gzip
import hashlib
import io
import math
import re
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from astropy.io import fits

from config import PrepConfig
from data.sky.wcs import FrameWcs
from data.sky.wcs_header import from_header
from data.sources.base import MAX_PIXELS, Candidate, FrameError, Frames, FrameSource, RawFrame, sha256
from data.sources.times import parse_utc

SUFFIXES = (".fits", ".fts", ".fit", ".fits.gz", ".fts.gz", ".fits.fz")
EXPTIME_LIMITS_S = (1e-6, 1e6)
BLOCK_BYTES = 2880  # of which headers and data are made up
NO_IMAGE = "no HDU holds a two-dimensional image"


class FitsSource(FrameSource):
    """One FITS file, one frame."""

    name = "fits"
    suffixes = SUFFIXES

    def scan(self, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
        base = self.whereabouts(path, root, home=path.parent)
        try:
            base["size"] = path.stat().st_size
            with path.open("rb") as stream:
                return [candidate_of(stream, base, prep)]
        except OSError as error:
            return [Candidate(**base, is_counts=True, reason=f"unreadable file: {error}")]

    def read(self, candidates: Sequence[Candidate]) -> Frames:
        for number, candidate in enumerate(candidates):
            yield number, attempt(_read_file, candidate)


@dataclass(frozen=True)
class _Image:
    """Where in a FITS file its image is."""

    hdu: int
    header: fits.Header
    shape: tuple[int, int]
    is_whole: bool  # whether the file reaches to the end of the HDU


def _find_image(stream: IO[bytes]) -> _Image:
    """The first HDU that holds a two-dimensional image (singleton axes ignored).

    Walks over the headers without astropy's HDU classes, which would loop for hours over an impossible NAXIS. Raises
    FrameError if there is no such HDU or a header is impossible.
    """
    magic = stream.read(6)
    if magic != b"SIMPLE":
        raise FrameError("file does not begin as FITS does" if magic else "file is empty")
    stream.seek(0)
    number = 0
    while True:
        try:
            header = fits.Header.fromfile(stream)
        except EOFError:
            raise FrameError(NO_IMAGE) from None
        shape, end = _image_shape(header), stream.tell() + _padded_bytes(header)
        if len(shape) != 2:
            stream.seek(end)
            number += 1
            continue
        if math.prod(shape) > MAX_PIXELS:
            raise FrameError(f"image of {shape[0]}x{shape[1]} pixels; up to {MAX_PIXELS} pixels are read")
        return _Image(number, header, shape, is_whole=end <= stream.seek(0, io.SEEK_END))


def rows_of_image(path: Path) -> int:
    """Rows of the image of a FITS file, 0 where it has none. Raises FrameError when it can't be told."""
    try:
        with path.open("rb") as stream:
            return _find_image(_plain(stream)).shape[0]
    except FrameError as error:
        if str(error) == NO_IMAGE:
            return 0
        raise


def _image_shape(header: fits.Header) -> tuple[int, ...]:
    """Sizes of an HDU's image, slowest axis first and without singletons; () when it holds none."""
    if header.get("ZIMAGE") is True:
        sizes = _axes(header, "ZNAXIS")
    elif "SIMPLE" in header or str(header.get("XTENSION")).strip() == "IMAGE":
        sizes = _axes(header, "NAXIS")
    else:
        return ()
    return tuple(n for n in sizes if n != 1) if all(sizes) else ()


def _axes(header: fits.Header, keyword: str) -> list[int]:
    """Sizes of the axes, slowest first. Raises FrameError when they, or the number of table columns, are impossible."""
    axes, columns = header.get(keyword, 0), header.get("TFIELDS", 0)
    if not all(isinstance(n, int) and 0 <= n <= 999 for n in (axes, columns)):  # the FITS standard's limits
        raise FrameError(f"{keyword} {axes!r} or TFIELDS {columns!r} is impossible")
    sizes = [header.get(f"{keyword}{i}", 0) for i in range(axes, 0, -1)]
    if not all(isinstance(n, int) and n >= 0 for n in sizes):
        raise FrameError(f"axes of sizes {sizes[:4]} are impossible")
    return sizes


def _padded_bytes(header: fits.Header) -> int:
    """Bytes from the end of a header to the next one."""
    sizes = _axes(header, "NAXIS")
    facts = [header.get(name, default) for name, default in (("BITPIX", 8), ("PCOUNT", 0), ("GCOUNT", 1))]
    if not all(isinstance(n, int) and abs(n) < 2**62 for n in facts):
        raise FrameError(f"BITPIX, PCOUNT, GCOUNT {facts} are impossible")
    bits, extra, groups = facts
    n_bytes = abs(bits) // 8 * groups * (extra + (math.prod(sizes) if sizes else 0))
    if not 0 <= n_bytes < 2**62:
        raise FrameError(f"data of {n_bytes} bytes are impossible")
    return -(-n_bytes // BLOCK_BYTES) * BLOCK_BYTES


def candidate_of(stream: IO[bytes], base: dict[str, Any], prep: PrepConfig) -> Candidate:
    """The candidate of a FITS file in a stream, from its header; `base` holds the fields that tell where it is."""
    base = base | {"is_counts": True}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd cards are read again, and flagged, with the pixels
            image = _find_image(_plain(stream))
            facts = _facts(image, prep)
            if not image.is_whole:
                facts["reason"] = "file is truncated"
            return Candidate(**base | facts)
    except Exception as error:  # astropy raises many kinds on damaged files; each is a recorded rejection
        return Candidate(**base, reason=_explain(error))


def _facts(image: _Image, prep: PrepConfig) -> dict[str, Any]:
    """What the header tells: Candidate fields."""
    header = image.header
    facts: dict[str, Any] = {"shape": image.shape, "quality": _quality(header)}
    instrument = re.split(r"[^A-Za-z]", str(header.get("INSTRUME", "")), maxsplit=1)[0].lower() or "fits"
    wavelength = _number(header, "WAVELNTH")
    facts["channel"] = "image" if math.isnan(wavelength) else f"{wavelength:g}"
    facts["reel"] = f"{instrument}_{facts['channel']}"
    facts["exptime_s"] = _number(header, "EXPTIME", "EXPOSURE", "XPOSURE")
    facts |= {"level": _number(header, "LVL_NUM"), "sat_rot_deg": _number(header, "SAT_ROT")}
    try:
        facts["time_utc"] = _time(header)
    except FrameError as error:
        return facts | {"reason": str(error)}
    return facts | {"wcs": _wcs(header, facts["time_utc"]), "reason": _refusal(facts, prep)}


def _wcs(header: fits.Header, time_utc: str) -> FrameWcs | None:
    try:
        return from_header(header, time_utc)
    except fits.VerifyError:  # a damaged card among those of the WCS does not make the pixels useless
        return None


def _quality(header: fits.Header) -> int:
    value = header.get("QUALITY", 0)
    try:
        return int(value) & 0xFFFFFFFF
    except (TypeError, ValueError, OverflowError):
        raise FrameError(f"QUALITY {value!r} is no number") from None


def _number(header: fits.Header, *names: str) -> float:
    """The first of the named cards that holds a number; NaN when none does."""
    for name in names:
        value = header.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return math.nan


def _time(header: fits.Header) -> str:
    """UTC of T_OBS, the middle of the exposure, else of DATE-OBS, its start. Raises FrameError for neither."""
    problem = FrameError("header has neither T_OBS nor DATE-OBS")
    for name, clock in (("T_OBS", ""), ("DATE-OBS", "TIME-OBS"), ("DATE_OBS", "TIME_OBS")):
        date = str(header.get(name) or "").strip()
        if date and ":" not in date and header.get(clock):
            date = f"{date}T{header[clock]}"
        try:
            if date:
                return parse_utc(date)
        except FrameError as error:
            problem = error
    raise problem


def _refusal(facts: dict[str, Any], prep: PrepConfig) -> str:
    bits = [bit for bit in prep.quality_reject if facts["quality"] >> bit & 1]
    if bits:
        return "QUALITY bit " + ", ".join(map(str, bits))
    if prep.wavelengths and facts["channel"] not in {str(w) for w in prep.wavelengths}:
        return f"wavelength {facts['channel']} is not among prep.wavelengths"
    if prep.normalise_exposure:
        return _exposure_refusal(facts["exptime_s"])
    return ""


def _exposure_refusal(exptime_s: float) -> str:
    if math.isnan(exptime_s):
        return "header has no EXPTIME"
    shortest_s, longest_s = EXPTIME_LIMITS_S
    return "" if shortest_s <= exptime_s <= longest_s else f"EXPTIME {exptime_s:g} s is impossible"


def attempt(read: Callable[[Any], RawFrame], what: Any) -> RawFrame | FrameError:
    """`read(what)`, or the reason why that failed."""
    try:
        return read(what)
    except Exception as error:  # a damaged file may fail anywhere inside a decoder; it is recorded, never fatal
        return FrameError(_explain(error))


def _read_file(candidate: Candidate) -> RawFrame:
    # Decoded from the file itself: astropy would copy the bytes of one in memory, at a tenth of the decoding time.
    with open(candidate.path, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        return _decode(stream, digest)


def decode_bytes(data: bytes) -> RawFrame:
    """Pixels of a FITS file in memory. Raises whatever astropy raises on a damaged one."""
    return _decode(io.BytesIO(data), sha256(data))


def _explain(error: Exception) -> str:
    """The recorded reason for an exception met while reading a file."""
    if isinstance(error, FrameError):
        return str(error)
    # The words of NumPy and astropy when the file ends before its header says; EOFError is gzip's.
    if isinstance(error, EOFError) or re.search("buffer is|not multiple of 2880|missing END", str(error)):
        return "file is truncated"
    return f"not readable as FITS: {type(error).__name__}: {error}"


def _decode(stream: IO[bytes], digest: str) -> RawFrame:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stream = _plain(stream)
        image = _find_image(stream)
        if not image.is_whole:  # memory would be allocated for all that the header claims
            raise FrameError("file is truncated")
        stream.seek(0)
        with fits.open(stream, memmap=False, do_not_scale_image_data=True) as hdus:
            pixels, blank = _scaled(hdus[image.hdu].data.reshape(image.shape), image.header)
    messages = [str(w.message) for w in caught]
    if any("truncated" in m for m in messages):
        raise FrameError("file is truncated")
    return RawFrame(pixels, blank, digest, "; ".join(sorted({_brief(m) for m in messages})))


def _scaled(pixels: np.ndarray, header: fits.Header) -> tuple[np.ndarray, int | None]:
    """Pixels with BSCALE and BZERO applied, and the value that marks missing ones (NaN in floats)."""
    blank = header.get("BLANK")
    if pixels.dtype.kind not in "iu" or not isinstance(blank, int) or isinstance(blank, bool):
        blank = None
    scale, zero = (_number(header, name) for name in ("BSCALE", "BZERO"))
    scale, zero = (1.0 if math.isnan(scale) else scale), (0.0 if math.isnan(zero) else zero)
    if (scale, zero) == (1.0, 0.0):
        return pixels, blank
    invalid = pixels == blank if blank is not None else None
    pixels = pixels * np.float32(scale) + np.float32(zero)
    if invalid is not None:
        pixels[invalid] = np.nan
    return pixels, None


def _brief(message: str) -> str:
    return "FITS: " + message.strip().split("\n")[0][:100]


def _plain(stream: IO[bytes]) -> IO[bytes]:
    """The stream, decompressed when it is gzip. Raises FrameError when that fails."""
    magic = stream.read(2)
    stream.seek(0)
    if magic != b"\x1f\x8b":
        return stream
    try:
        return io.BytesIO(gzip.decompress(stream.read()))
    except (gzip.BadGzipFile, zlib.error) as error:
        raise FrameError(f"damaged gzip: {error}") from None
