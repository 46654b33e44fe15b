"""The types of single settings with the checks that belong to them, and the error about any."""

import codecs
import re
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field


class ConfigError(ValueError):
    """A setting that can't be used; the message names the key, the value and the file."""


STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)  # of a section; .inf and .nan are no setting, nor JSON
PositiveInt = Annotated[int, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Processes = Annotated[int, Field(ge=0, le=10_000)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]  # what scikit-learn takes
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Bit = Annotated[int, Field(ge=0, le=31)]
DATE_ORDERS = ("day first", "month first", "year first")
Percent = Annotated[float, Field(ge=0, le=100)]


def _off_as_a_word(value: Any) -> Any:
    """YAML 1.1 reads `off` as false."""
    return "off" if value is False else value


AutoOrOff = Annotated[Literal["auto", "off"], BeforeValidator(_off_as_a_word)]


def _is_time(text: str) -> str:
    datetime.fromisoformat(text)  # the pattern lets a 30 February pass
    return text


def _has_length(interval: tuple[str, str]) -> tuple[str, str]:
    start, end = map(datetime.fromisoformat, interval)
    if end <= start:
        raise ValueError("an interval is [start, end] with start before end")
    return interval


def _has_area(rectangle: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = rectangle
    if x1 <= x0 or y1 <= y0:
        raise ValueError("a rectangle is [x0, y0, x1, y1], half-open, with x0 < x1 and y0 < y1")
    return rectangle


def _is_encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError(f"{name!r} is no encoding of text; known are e.g. utf-8, cp1252, utf-16, shift_jis") from None
    return name


def _is_time_format(text: str) -> str:
    if "%" not in text and text not in DATE_ORDERS:
        orders = ", ".join(DATE_ORDERS)
        raise ValueError(f"{text!r} is neither one of {orders} nor a format as '%d.%m.%Y %H:%M:%S'")
    return text


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; give a name as Europe/Zurich, America/New_York, UTC") from None
    return name


def is_ordered(interval: tuple[float, float]) -> tuple[float, float]:
    """A check of [lowest, highest]."""
    if interval[0] > interval[1]:
        raise ValueError("[lowest, highest]: the first must not exceed the second")
    return interval


def _is_path(text: str) -> str:
    if not text.strip():
        raise ValueError(
            "is empty, which would be the folder you work in: write . for that (or is a variable not set?)"
        )
    if found := re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        raise ValueError(
            f"files are read and written by paths, not by addresses: mount what {found[0]} names and give the path "
            "there, or copy it"
        )
    return text


def weights_of(known: tuple[str, ...]) -> AfterValidator:
    """A check of {name: weight}: all names are known, and one weight is above 0."""

    def check(weights: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(weights) - set(known))
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
        if not any(weights.values()):
            raise ValueError("one of the weights must be above 0")
        return weights

    return AfterValidator(check)


FlareClass = Annotated[str, Field(pattern=r"^[ABCMX]\d+(\.\d+)?$")]  # of the GOES scale, as M7.7
UtcTime = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?$"), AfterValidator(_is_time)]
UtcInterval = Annotated[tuple[UtcTime, UtcTime], AfterValidator(_has_length)]
Rectangle = Annotated[tuple[NonNegativeInt, NonNegativeInt, PositiveInt, PositiveInt], AfterValidator(_has_area)]
Place = Annotated[str, AfterValidator(_is_path)]
Encoding = Annotated[str, AfterValidator(_is_encoding)]
TimeFormat = Annotated[str, AfterValidator(_is_time_format)]
TimeZone = Annotated[str, AfterValidator(_is_zone)]
