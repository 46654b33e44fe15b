"""Times as headers, tables and names of files tell them, as ISO 8601 UTC with milliseconds."""

import re

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.base import FrameError
from data.sources.times.cells import times_of


def iso_ms(time: np.datetime64) -> str:
    """UTC time as ISO 8601 with milliseconds."""
    return str(time.astype("datetime64[ms]"))


_ISO = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?$")
_NUMBER = re.compile(r"^\d+(\.\d+)?$")
_TAI = re.compile(r"^(\d{4})[-.](\d\d)[-.](\d\d)[T_ ](\d\d:\d\d:\d\d(?:\.\d+)?)_TAI$")


def parse_utc(text: str) -> str:
    """A header's time as ISO UTC with milliseconds: ISO, JSOC's TAI, and whatever else sunpy reads.

    Raises FrameError when it is no time.
    """
    text = text.strip()
    try:
        if _NUMBER.match(text):
            return _since_1970(text)
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


def _since_1970(text: str) -> str:
    """A number as UNIX time, or digits as a date, by its size."""
    times = times_of(pd.Series([float(text) if "." in text else int(text)]), PrepConfig())
    if times.utc is None:
        raise FrameError("a number that is neither UNIX time between 1980 and 2099 nor a date")
    return iso_ms(times.utc[0])


def shift_utc(start_utc: str, seconds: float) -> str:
    """UTC time `seconds` after `start_utc`, with milliseconds."""
    start = np.datetime64(start_utc.replace(" ", "T"), "ms")
    return str(start + np.timedelta64(round(seconds * 1000), "ms"))
