"""Times as headers, tables and names of files tell them, as ISO 8601 UTC with milliseconds."""

import re
from datetime import datetime
from pathlib import Path

import numpy as np

from data.sources.base import FrameError


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


def shift_utc(start_utc: str, seconds: float) -> str:
    """UTC time `seconds` after `start_utc`, with milliseconds."""
    start = np.datetime64(start_utc.replace(" ", "T"), "ms")
    return str(start + np.timedelta64(round(seconds * 1000), "ms"))
