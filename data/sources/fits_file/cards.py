"""Values of single cards of a FITS header as what they are meant for: archives write numbers as text too."""

import math
import re
from collections.abc import Mapping
from typing import Any

from astropy.io import fits

_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([ED][+-]?\d+)?$", re.IGNORECASE)


def number(header: Mapping, *names: str) -> float:
    """The first of the named cards that holds a number, or a text that is one; NaN when none does."""
    for name in names:
        value = value_of(header, name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, str) and _NUMBER.match(value.strip()):
            return float(value.strip().upper().replace("D", "E"))
    return math.nan


def value_of(header: Mapping, name: str) -> Any:
    """What a card holds; None also of one that is no FITS, as IDL's bare NaN: the file is none the worse for it."""
    try:
        return header.get(name)
    except fits.VerifyError:
        return None


def text(header: Mapping, name: str) -> str:
    """A card as text, "" where it is missing or blank."""
    value = value_of(header, name)
    return "" if value is None else str(value).strip()
