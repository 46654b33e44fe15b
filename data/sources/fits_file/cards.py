"""Values of single cards of a FITS header as what they are meant for: archives write numbers as text too."""

import math
import re
from collections.abc import Mapping
from typing import Any, cast

from astropy.io import fits

_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([ED][+-]?\d+)?$", re.IGNORECASE)
_ODD = re.compile(r"[+-]?nan$|[^'].* ", re.IGNORECASE)  # without quotes: a bare NaN, several words


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
    """What a card holds, as it is written where it is no FITS: a bare NaN of IDL's, a date without its quotes, a text
    whose second one is missing. None where nothing can be read: the file is none the worse for it.
    """
    try:
        return header.get(name)
    except fits.VerifyError:
        return as_written(cast(fits.Header, header).cards[name])


def as_written(card: fits.Card) -> Any:
    """The value of a damaged card as far as it can be read, None where it can't. The card itself is mended."""
    try:
        card.verify("silentfix")
        value = card.value
    except fits.VerifyError:
        return None
    if isinstance(value, str):
        return None if _ODD.match(value) else value.lstrip("'").rstrip()
    return value


def mended(header: Any) -> tuple[fits.Header, list[str]]:
    """A header whose damaged cards are as they are written, without those that can't be read, and their names."""
    sound, odd = fits.Header(), []
    for card in header.cards:
        name = card.keyword
        try:
            sound.append((name, card.value, card.comment), end=True)
        except fits.VerifyError:
            odd.append(name)
            if (value := as_written(card)) is not None:
                sound.append((name, value), end=True)
    return sound, odd


def text(header: Mapping, name: str) -> str:
    """A card as text, "" where it is missing or blank."""
    value = value_of(header, name)
    return "" if value is None else str(value).strip()
