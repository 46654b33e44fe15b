"""Cells that hold a date, or count from 1970, in seconds since then: read here anew, without the readers of times."""

import re
from datetime import datetime
from typing import NamedTuple

import numpy as np

LEAST_SHARE, FEWEST = 0.9, 3  # of the filled cells; unlike ones
LOOKED_AT = 5  # filled cells, one of which has to look like a date before all are read
EPOCH_S = (946684800.0, 1893456000.0)  # 2000 to 2030: 2024030510 is an hour
EPOCH = datetime(1970, 1, 1)
_CLOCK = (
    r"(?:[T _,]+(?P<h>\d{1,2})[:.](?P<m>\d\d)(?:[:.](?P<s>\d\d)(?:[.,:](?P<f>\d{1,9}))?)?\s*(?P<half>[ap]\.?m\.?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)?)?"
)
_YEAR_FIRST = re.compile(rf"(?P<y>(?:19|20)\d\d)[-/.](?P<a>\d{{1,2}})[-/.](?P<b>\d{{1,2}}){_CLOCK}", re.IGNORECASE)
_YEAR_LAST = re.compile(rf"(?P<a>\d{{1,2}})[-/.](?P<b>\d{{1,2}})[-/.](?P<y>(?:19|20)?\d\d){_CLOCK}", re.IGNORECASE)
_COUNT = re.compile(r"(\d{10}|\d{13}|\d{16}|\d{19})(?:[.,]\d+)?")
_PER_SECOND = {10: 1.0, 13: 1e3, 16: 1e6, 19: 1e9}
_DIGITS = {8: ("%Y%m%d", "%d%m%Y"), 10: ("%Y%m%d%H",), 12: ("%Y%m%d%H%M",), 14: ("%Y%m%d%H%M%S",)}


class Stamps(NamedTuple):
    """orders: seconds (N,) since 1970, NaN where a cell holds none, of each order of day and month that fits.
    has_clock, says_zone: whether cells do.
    """

    orders: tuple[np.ndarray, ...]
    has_clock: bool
    says_zone: bool


def stamps_of(cells: list[str]) -> Stamps | None:
    """The times in the cells of a column; None where most hold none, or they hardly change."""
    filled = [cell for cell in cells if cell]
    begin = filled[:LOOKED_AT]
    if not any(form.fullmatch(cell) for form in (_YEAR_FIRST, _YEAR_LAST, _COUNT) for cell in begin) and not any(
        len(cell) in _DIGITS and cell.isdigit() for cell in begin
    ):
        return None
    if len(set(filled)) < FEWEST:
        return None
    return _counted(cells, filled) or _in_digits(cells, filled) or _written(cells, filled)


def _counted(cells: list[str], filled: list[str]) -> Stamps | None:
    """Of cells that count from 1970 and go one way, as a clock does."""
    whole = [_COUNT.fullmatch(cell) for cell in cells]
    if sum(map(bool, whole)) < LEAST_SHARE * len(filled):
        return None
    seconds = np.array(
        [float(one[0].replace(",", ".")) / _PER_SECOND[len(one[1])] if one else np.nan for one in whole], np.float64
    )
    known = seconds[np.isfinite(seconds)]
    is_clock = (known > EPOCH_S[0]).all() and (known < EPOCH_S[1]).all() and _goes_one_way(known)
    return Stamps((seconds,), True, True) if is_clock else None


def _goes_one_way(known: np.ndarray) -> bool:
    steps = np.diff(known)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _in_digits(cells: list[str], filled: list[str]) -> Stamps | None:
    """Of dates without separators, with a clock or none, that go one way."""
    width = len(filled[0])
    if not all(len(cell) == width and cell.isdigit() for cell in filled):
        return None
    for form in _DIGITS.get(width, ()):
        try:
            dates = [datetime.strptime(cell, form) if cell else None for cell in cells]
        except ValueError:
            continue
        seconds = np.array([(date - EPOCH).total_seconds() if date else np.nan for date in dates])
        if _goes_one_way(seconds[np.isfinite(seconds)]):
            return Stamps((seconds,), width > 8, False)
    return None


def _written(cells: list[str], filled: list[str]) -> Stamps | None:
    """Of dates with separators."""
    for form, orders in ((_YEAR_FIRST, ("month first",)), (_YEAR_LAST, ("day first", "month first"))):
        met = [form.fullmatch(cell) for cell in cells]
        if sum(map(bool, met)) < LEAST_SHARE * len(filled):
            continue
        read = [np.array([_seconds(one, order) for one in met]) for order in orders]
        fits = tuple(seconds for seconds in read if np.isfinite(seconds).sum() >= LEAST_SHARE * len(filled))
        has_clock, says_zone = (any(one and one[part] for one in met) for part in ("h", "zone"))
        return Stamps(fits, has_clock, says_zone) if fits else None
    return None


def _seconds(met: re.Match[str] | None, order: str) -> float:
    if met is None:
        return np.nan
    first, second = int(met["a"]), int(met["b"])
    day, month = (first, second) if order == "day first" else (second, first)
    year, hour = int(met["y"]) + (2000 if len(met["y"]) == 2 else 0), int(met["h"] or 0)
    if met["half"]:
        hour = hour % 12 + 12 * (met["half"][0] in "pP")
    try:
        days = (datetime(year, month, day) - EPOCH).days
    except ValueError:
        return np.nan
    fraction = float(f"0.{met['f']}") if met["f"] else 0.0
    return (
        86400.0 * days + 3600 * hour + 60 * int(met["m"] or 0) + int(met["s"] or 0) + fraction - _offset_s(met["zone"])
    )


def _offset_s(zone: str | None) -> float:
    if not zone or zone[0] not in "+-":
        return 0.0
    return (-1 if zone[0] == "-" else 1) * (3600.0 * int(zone[1:3]) + 60 * int(zone[-2:]))
