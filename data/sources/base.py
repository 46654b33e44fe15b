"""What every source gives: candidates from headers alone, later their pixels."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from data.sky.wcs import FrameWcs

MAX_PIXELS = 2**28  # a corrupt header may ask for any size; 16384 x 16384 is beyond every instrument here


UNKNOWN = "unknown"  # reel of a FITS frame whose header can't be read; the plan finds it a place
_FITS_KINDS = ("fits", "tar", "tar.gz")
RGB = ("red", "green", "blue")  # channels of a reel of colour pictures


class FrameError(Exception):
    """A frame that can't be used; the message is the reason recorded beside it."""


@dataclass(frozen=True)
class Candidate:
    """One frame that was met, as far as its header tells; `reason` says why it is already rejected."""

    source: str  # what people read: path relative to the input folder, member or frame number behind it
    path: str  # the file that holds it
    kind: str  # key of sources.READERS
    reel: str  # name of the reel it belongs to
    channel: str = "gray"  # "rgb" until the plan makes a candidate of each of the three
    member: str = ""  # name inside an archive
    position: int = 0  # order inside the file: frame number, pts of a video, byte offset in a tar
    size: int = 0  # bytes of the file or tar member
    group: int = 0  # frames of one file with the same number are read in one pass
    time_utc: str = ""  # ISO 8601 with milliseconds, empty where only relative time is known
    time_s: float = float("nan")  # seconds from the start of its video or folder
    exptime_s: float = float("nan")
    quality: int = 0
    shape: tuple[int, int] = (0, 0)
    label: float = float("nan")
    reason: str = ""
    flags: str = ""  # what the header or a table made odd about a frame that is used all the same
    wcs: FrameWcs | None = None  # of its pixels as stored
    level: float = float("nan")  # LVL_NUM: 1 as the camera saw it, 1.5 registered
    sat_rot_deg: float = float("nan")  # the spacecraft's part of CROTA2
    degradation: float = 1.0  # sensitivity left of that at launch
    target: FrameWcs | None = None  # where registration brings it, on a grid of its stored shape; None: nowhere
    to_source: tuple[float, ...] = ()  # affine (2, 3) row by row: pixels (x, y) of the target -> of the stored frame

    @property
    def sky(self) -> FrameWcs | None:
        """The WCS of its pixels once registered, before they are shrunk to the reel's grid."""
        return self.target or self.wcs

    @property
    def is_fits(self) -> bool:
        """Counts with a header and an exposure time, rather than a picture."""
        return self.kind in _FITS_KINDS


@dataclass(frozen=True)
class RawFrame:
    """Pixels as stored `(H, W)`, the value that marks missing ones, and the SHA-256 of the bytes they came from."""

    pixels: np.ndarray
    blank: int | None
    sha256: str
    flags: str = ""


def sha256(payload: bytes | memoryview) -> str:
    return hashlib.sha256(payload).hexdigest()


def iso_ms(time: np.datetime64) -> str:
    """UTC time as ISO 8601 with milliseconds."""
    return str(time.astype("datetime64[ms]"))


_ISO = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?$")
_TAI = re.compile(r"^(\d{4})[-.](\d\d)[-.](\d\d)[T_ ](\d\d:\d\d:\d\d(?:\.\d+)?)_TAI$")


def parse_utc(text: str) -> str:
    """A header's time as ISO UTC with milliseconds: ISO, JSOC's TAI, and whatever else sunpy reads.

    Raises FrameError when it is no time.
    """
    text = text.strip()
    try:
        if _ISO.match(text):
            return iso_ms(np.datetime64(text.rstrip("Z").replace(" ", "T"), "us"))
        # Imported late: they cost a second in every worker, and are rarely needed.
        if tai := _TAI.match(text):
            from astropy.time import Time

            return iso_ms(np.datetime64(Time("{}-{}-{}T{}".format(*tai.groups()), scale="tai").utc.isot))
        from sunpy.time import parse_time

        return iso_ms(np.datetime64(parse_time(text).utc.isot))
    except Exception as error:
        raise FrameError(f"time {text!r} is not readable: {error}") from None


# Date and time share their separators; without a separator the seconds are two more digits in the same run.
_NAME_TIME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)[T_ -]{0,2}(\d\d)([-_:.]?)(\d\d)(?:\6(\d\d))?(?!\d)"
)


def time_from_name(name: str) -> str:
    """UTC time in a file name (20240714_1030, 2012-07-19T073301Z, 2012_07_19T07_33_01 ...), or ''."""
    for match in _NAME_TIME.finditer(Path(name).name):
        year, _, month, day, hour, _, minute, second = match.groups()
        try:
            time = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
        except ValueError:
            continue
        return iso_ms(np.datetime64(time))
    return ""
