"""Numbers that programs write for a value that is missing: -999, 9999, a fill value of a file format."""

import re

FILLS = {-32768.0, -32767.0, 32767.0, 65535.0, -2147483648.0, 2147483647.0, 4294967295.0}
FILLS |= {sign * value for sign in (-1, 1) for value in (1e5, 1e20, 1e30, 1e31, 1e36, 1e37, 9.969209968386869e36)}
NINES = re.compile(r"-?(?:9{2,}(?:\.9+)?|9{3,}\.\d+)")

BEYOND = 1e20  # what is as large is no measurement


def is_unlike_data(value: float) -> bool:
    """Whether a number is hardly ever measured: 1e20 and beyond, and four nines or more, as 9999 or 999.9."""
    nines = NINES.fullmatch(text := f"{value:.10g}") and text.count("9") >= 4 and abs(value) >= 999
    return bool(nines) or BEYOND <= abs(value) < float("inf")


def is_usual(value: float) -> bool:
    """Whether a number is one of them."""
    return value in FILLS or bool(NINES.fullmatch(f"{value:.10g}"))
