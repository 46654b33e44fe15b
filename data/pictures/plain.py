"""Names out of files in matplotlib's pictures: as they are written, whatever they hold."""

from functools import cache

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import FT2Font

UNKNOWN = "\ufffd"


def plain(text: object) -> str:
    """Text that matplotlib draws as it is: no formulas between dollar signs, no name that a legend would hide.

    Characters that its font lacks become a question mark in a diamond, without a warning for each.
    """
    shown = "".join(c if c == "\n" or _font().get_char_index(ord(c)) else UNKNOWN for c in str(text))
    return (" " if shown.startswith("_") else "") + shown.replace("$", r"\$")


@cache
def _font() -> FT2Font:
    return get_font(findfont(FontProperties()))
