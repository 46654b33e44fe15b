"""Times as headers, tables and names of files tell them, as ISO 8601 UTC with milliseconds."""

import re

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.base import FrameError, TableError
from data.sources.times.cells import times_of


def iso_ms(time: np.datetime64) -> str:
    """UTC time as ISO 8601 with milliseconds."""
    return str(time.astype("datetime64[ms]"))


SEVERAL = "its day and month may be either way round"
_ISO = re.compile(r"^\d{4}-\d\d-\d\d[T ](?:[01]\d|2[0-3]):\d\d:\d\d(\.\d+)?Z?$")
_NUMBER = re.compile(r"^\d+(\.\d+)?$")
_TAI = re.compile(r"^(\d{4})[-.](\d\d)[-.](\d\d)[T_ ](\d\d:\d\d:\d\d(?:\.\d+)?)_TAI$")


def parse_utc(text: str) -> str:
    """A time as ISO UTC with milliseconds: ISO, JSOC's TAI, whatever else sunpy reads, and what a table may have.

    Raises FrameError when it is no time, or may be several, as 07/08/2012.
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
        return _of_sunpy(text) or as_in_tables(text) or _refused(text)
    except Exception as error:
        raise FrameError(f"time {text!r} is not readable: {error}") from None


def _of_sunpy(text: str) -> str:
    """A time of a form that sunpy knows, else ""."""
    from sunpy.time import parse_time

    try:
        return iso_ms(np.datetime64(parse_time(text).utc.isot))
    except Exception:  # astropy's parsers raise many kinds
        return ""


def _refused(text: str) -> str:
    raise FrameError("it is of no form that is known; 2012-07-19T07:30:01 is one")


def as_in_tables(text: str, order: str = "", zone: str | None = None) -> str:
    """A time as the reader of tables has it, as 19/07/2012 7:30 PM, 2012-07-19T09:30+02:00 or Jul 19, 2012; else "".

    order: "day first", "month first" or "", of 07/08/2012. zone: of a text that names none, UTC by default.
    Raises FrameError where that may be two days.
    """
    try:
        times = times_of(pd.Series([text]), PrepConfig(time_format=order or None, time_zone=zone))
    except TableError as error:
        if "several ways" in str(error):
            raise FrameError(SEVERAL) from None
        if "several zones" in str(error):
            raise FrameError("the short name of its zone may mean several; write +02:00, or UTC") from None
        return ""
    return "" if times.utc is None or np.isnat(times.utc[0]) else iso_ms(times.utc[0])


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
