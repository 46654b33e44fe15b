"""Texts as times: the forms that people write dates and clocks in, and the order of their parts."""

import re
import unicodedata
from typing import NamedTuple

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.base import TableError
from data.sources.times.other_forms import other_form
from data.sources.times.zones.zone_names import without_zone_name, without_zone_names

LOOKED_AT = 1000  # cells of a column, whose form is that of all
MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: f"{number:02d}" for number, name in enumerate(MONTH_NAMES, start=1)}
_FULL_NAMES = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october")
_FULL_NAMES += ("november", "december")
_CLOCK = (
    r"(?P<hour>\d{1,2})[:h](?P<minute>\d\d|\d(?=:\d))(?:[:m](?P<second>\d\d|(?<=:)\d(?!\d))(?:[.,:](?P<fraction>\d{1,9}))?s?)?"
    r"(?:\s*(?P<half>[AaPp])(?:\.?\s?[Mm]\.?)?)?"
)
_ZONE = r"\s*(?P<zone>[Zz]|UTC|GMT|UT|[+-]\d\d(?::?\d\d)?)?"
_WEEKDAY = r"(?:[A-Za-z]{3,9},?\s+)?"
_MONTH = rf"(?P<b>(?i:{'|'.join(MONTH_NAMES)})[A-Za-z]{{0,6}})"
_DATES = (
    r"(?P<a>\d{4})(?P<mark>[-/.:_ ])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{1,2})",
    r"(?P<a>\d{1,2})(?P<mark>[-/._ ])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{4}|\d{2})",
    rf"{_WEEKDAY}(?P<a>\d{{1,2}})\.?(?P<mark>[-/ ])?{_MONTH}\.?[-/ ]?(?P<c>\d{{4}}|\d{{2}})",
    rf"{_WEEKDAY}{_MONTH}\.?(?P<mark>[-/ ])(?P<a>\d{{1,2}}),?(?:(?P=mark)| )(?P<c>\d{{4}})",
)
_TEXTS = tuple(re.compile(rf"^{date}(?:(?:T|[\s,:_-]+){_CLOCK}{_ZONE})?$") for date in _DATES)
_PLAIN_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?", re.ASCII)
_ISO_WITHOUT_SIGNS = re.compile(r"\d{8}[T ]\d{4}(?:\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")
MONTH_OF_YEAR = re.compile(r"(?:1[6-9]|20)\d\d-(?:0[1-9]|1[0-2])$")
CLOCK_ALONE = re.compile(rf"{_CLOCK}{_ZONE}")
# As C and the program date write it, with its parts in the order of the others; 2012-201T07:30, 2012:201:07:30:00.
_CTIME = re.compile(
    r"^(?:[A-Za-z]{3,9},?\s+)?([A-Z][a-z]{2,8})\s+(\d{1,2})\s+(\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?)"
    r"(?:\s+([A-Z]{3,5}|[+-]\d{4}))?\s+(\d{4})$"
)
_CTIME_PARTS = r"\2 \1 \5 \3\4"
_DAY_IN_YEAR = re.compile(r"^(\d{4})[-:/ ]?(\d{3})([T :/](?=\d)|$)")
DAY_US = 86_400_000_000
FEW = 0.1  # of the cells, which may be of no readable form
MOST_GO_ON = 0.9  # of the steps between dates, that tell their order
_FORM_IN_NAME = re.compile(r"(?<![a-z])(d{1,2}|m{1,2}|y{2,4})([-/. ]?)(d{1,2}|m{1,2})\2(?:d{1,2}|y{2,4})(?![a-z])")
_NAMED_ORDERS = {"dm": "day first", "md": "month first", "ym": "year first"}
ORDERS = {"day first": "cba", "month first": "cab", "year first": "abc"}  # where year, month and day stand


class SeveralWaysError(TableError):
    """Dates whose day and month may be either way."""


class TextTimes(NamedTuple):
    """Times (N,) datetime64[us] with NaT, which cells say their zone themselves (N,), and the order of day and month in
    dates of numbers alone, as prep.time_format has it, "" of others."""

    utc: np.ndarray
    zoned: np.ndarray
    order: str = ""


def month_of(word: str) -> float:
    """The number of the month that a word names, short or in full, in English or another language; NaN of others."""
    plain = other_form(word.strip()).lower().rstrip(".")
    fits = (n for n, name in enumerate(_FULL_NAMES, start=1) if len(plain) > 2 and name.startswith(plain))
    return float(next(fits, np.nan))


def looks_like_time(cell: str) -> bool:
    """Whether a cell is a date, with a clock or without; a number is none."""
    cell = _CTIME.sub(_CTIME_PARTS, other_form(cell.strip()))
    cell = _DAY_IN_YEAR.sub(_dated, without_zone_name(cell))
    return any(form.match(cell) for form in (*_TEXTS, _ISO_WITHOUT_SIGNS))


# Texts: each reader gives (N,) datetime64[us] with NaT, and which of the cells say their zone themselves, (N,) bool


def of_type(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Of a column whose type is a time already."""
    zoned = column.dt.tz is not None
    utc = column.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else column
    return utc.to_numpy().astype("datetime64[us]"), np.full(len(column), zoned)


def formatted(column: pd.Series, form: str) -> tuple[np.ndarray, np.ndarray]:
    """Cells of the format that the settings give."""
    is_whole = column.dtype.kind == "f" and not (column.dropna() % 1).any()
    text = (column.astype("Int64") if is_whole else column).astype("string").str.strip()
    if not re.search("%[YyGcDxFs]", form):
        raise TableError(
            f"prep.time_format {form!r} has no year; clocks without a date need prep.start_utc and no format"
        )
    zoned = "%z" in form or "%Z" in form
    found = pd.to_datetime(text, format=form, utc=True, errors="coerce")
    if found.isna().all():
        raise TableError(f"no time is of the form prep.time_format {form!r}; the first is {_first(column)}")
    return _naive(found), np.full(len(column), zoned)


def ascii_digits(column: pd.Series) -> pd.Series:
    """Cells as text with the digits of every script (Arabic, Devanagari, full-width) as 0 to 9."""
    text = column.astype("string")
    joined = "".join(text.dropna())
    others = set() if joined.isascii() else set(joined)
    decimals = {c: str(unicodedata.decimal(c)) for c in others if c.isdecimal() and not c.isascii()}
    if not decimals:
        return text
    return text.str.translate(str.maketrans(decimals | {"\u066b": ".", "\u066c": ","}))


def are_plain(column: pd.Series) -> bool:
    """Whether all cells, which are texts, are ISO 8601 with signs and without a zone, as programs write it."""
    return len(column) > 0 and not column.isna().any() and all(map(_PLAIN_ISO.fullmatch, column.tolist()))


def of_texts(column: pd.Series, prep: PrepConfig) -> TextTimes:
    """Cells of the form that most of them have."""
    if are_plain(column):  # none has to be rewritten, which takes longer than all else
        found = pd.to_datetime(column, format="ISO8601", utc=True, errors="coerce")
        if found.notna().all():
            return TextTimes(_naive(found), np.zeros(len(column), bool))
    text = column.astype("string").str.strip().str.replace(r"(\d:\d\d),(\d)", r"\1.\2", regex=True)
    text = text.str.replace(r"(?<=\d)z$", "Z", regex=True)
    text = without_zone_names(text.str.replace(_CTIME, _CTIME_PARTS, regex=True), prep)
    text = text.str.replace(_DAY_IN_YEAR, _dated, regex=True)
    iso = text.where(text.str.match(r"\d{4}"))
    found = pd.to_datetime(iso, format="ISO8601", utc=True, errors="coerce")
    if found.notna().sum() > 0.5 * text.notna().sum():
        zoned = text.str.slice(8).str.contains(r"Z|\+|-\d\d", na=False)  # behind the date's own signs
        times = TextTimes(_with_odd_clocks(_naive(found), text), zoned.to_numpy(bool))
        return _with_other_forms(times, text.notna() & iso.isna(), column, prep)
    known = text.dropna()
    some = known.iloc[:: max(1, len(known) // LOOKED_AT)]
    number = max(range(len(_TEXTS)), key=lambda n: some.str.match(_TEXTS[n]).sum())
    fields = _fields(text, _TEXTS[number])
    if (fields["c"] == "").all():
        if known.str.fullmatch(CLOCK_ALONE).sum() > 0.5 * len(known):
            return TextTimes(*_of_clocks(text, column, prep))
        what = "no readable time"
        way_out = "name its form with prep.time_format, e.g. '%d.%m.%Y %H:%M:%S'"
        raise TableError(f"its time column {column.name!r} holds {what}; the first cell is {_first(column)}; {way_out}")
    order = _order(fields, column, prep) if number == 1 else ""
    places = ORDERS[order] if order else "abc" if number == 0 else "cba"
    times = TextTimes(*_of_fields(fields, places), order)
    return _with_other_forms(times, text.notna() & (fields["c"] == "").to_numpy(), column, prep)


def _with_other_forms(times: TextTimes, others: pd.Series, column: pd.Series, prep: PrepConfig) -> TextTimes:
    """Times (N,) with those of cells that are of another form than most, each form by itself.

    Raises TableError where they are many and can be read in several ways; of a few that nobody can tell, nothing is.
    """
    places = np.flatnonzero(others.to_numpy(bool))
    if not len(places):
        return times
    found, zoned = times.utc.copy(), times.zoned.copy()
    try:
        found[places], zoned[places], _ = of_texts(column.iloc[places], prep)
    except SeveralWaysError:
        if len(places) > FEW * len(found):
            raise
    except TableError:  # no times at all
        pass
    return TextTimes(found, zoned, times.order)


def _of_fields(fields: pd.DataFrame, order: str) -> tuple[np.ndarray, np.ndarray]:
    utc = _dates(fields, order) + _clock_us(fields).astype("timedelta64[us]")
    offset_us, zoned = _offsets_us(fields["zone"])
    return utc - offset_us.astype("timedelta64[us]"), zoned


def _with_odd_clocks(found: np.ndarray, text: pd.Series) -> np.ndarray:
    """Times (N,) with those too whose clock or date ISO 8601 does not know: 24:00, leap seconds, 2012-7-19."""
    odd = np.flatnonzero(np.isnat(found) & text.notna().to_numpy(bool))
    if len(odd):
        found[odd] = _of_fields(_fields(text.iloc[odd], _TEXTS[0]), "abc")[0]
    return found


def _dated(found: re.Match) -> str:
    """The date of a day in a year, with what stands before the clock; the text itself where there is no such day."""
    day = np.datetime64(found[1], "D") + np.timedelta64(int(found[2]) - 1, "D")
    return f"{day}{found[3] and ' '}" if str(day)[:4] == found[1] else found[0]


def _of_clocks(text: pd.Series, column: pd.Series, prep: PrepConfig) -> tuple[np.ndarray, np.ndarray]:
    """Clocks without a date, from the day of prep.start_utc on; where they go back by half a day, the next one begins.

    Raises TableError where that is not given.
    """
    if prep.start_utc is None:
        raise TableError(
            f"its time column {column.name!r} holds clocks without a date, as {_first(column)}; prep.start_utc gives "
            "that of the first row, e.g. 2012-07-19"
        )
    fields = _fields(text, re.compile(CLOCK_ALONE))
    us = _clock_us(fields).astype(np.float64)
    us[(us < 0) | (fields["hour"] == "").to_numpy()] = np.nan
    known = np.isfinite(us)
    us[known] += DAY_US * np.cumsum(np.diff(us[known], prepend=us[known][:1]) < -DAY_US / 2)
    utc = np.full(len(us), np.datetime64("NaT", "us"))
    utc[known] = np.datetime64(prep.start_utc[:10], "us") + us[known].astype(np.int64).astype("timedelta64[us]")
    offset_us, zoned = _offsets_us(fields["zone"])
    return utc - offset_us.astype("timedelta64[us]"), zoned


def _fields(text: pd.Series, form: re.Pattern) -> pd.DataFrame:
    """The named groups of every cell, "" where they are not there, or the cell is of another form."""
    nothing = ("",) * form.groups
    matches = (form.match(cell) for cell in text.fillna(""))
    return pd.DataFrame([match.groups("") if match else nothing for match in matches], columns=list(form.groupindex))


def _naive(found: pd.Series) -> np.ndarray:
    return found.dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def _first(column: pd.Series) -> str:
    known = column.dropna()
    return repr(known.iloc[0]) if len(known) else "empty"


def _order(fields: pd.DataFrame, column: pd.Series, prep: PrepConfig) -> str:
    """How dates are written (one of ORDERS) whose first part may be a day or a month: as most of them allow.

    Points are never put into American dates. Of several that fit the one counts that the name of the column has, else
    in which the times go on at midnight. Raises TableError when they give other times all the same.
    """
    orders = dict(ORDERS)
    if prep.time_format:
        return prep.time_format
    if (fields["c"].str.len() == 4).any() or (fields["a"].str.len() == 1).any():
        del orders["year first"]
    if fields["mark"].isin([".", ""]).all():
        orders = {"day first": orders["day first"]}
    found = {name: _dates(fields, order) for name, order in orders.items()}
    least = min(np.isnat(dates).sum() for dates in found.values())
    best = {name: dates for name, dates in found.items() if np.isnat(dates).sum() == least}
    if len(best) > 1:
        best = _as_named(best, str(column.name)) or _going_on(best, fields) or best
    first, *others = best.values()
    if any(not np.array_equal(first, dates, equal_nan=True) for dates in others):
        ways = " or ".join(repr(name) for name in best)
        raise SeveralWaysError(
            f"its dates as {_first(column)} can be read in several ways; prep.time_format says which: {ways}"
        )
    return next(iter(best))


def _as_named(found: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Of the dates by their orders those of the order that a column's name has, as Time(DD/MM/YYYY); else {}."""
    form = _FORM_IN_NAME.search(name.lower())
    order = _NAMED_ORDERS.get(form[1][0] + form[3][0]) if form else None
    return {order: found[order]} if order in found else {}


def _going_on(found: dict[str, np.ndarray], fields: pd.DataFrame) -> dict[str, np.ndarray]:
    """Of the dates by their orders those in which the times go on from one date to the next by no more than they do
    within a date, as those of a clock that runs do: in a wrong order they leap by months. {} where no order is told so.
    """
    clocks = _clock_us(fields)
    known = (clocks >= 0) & ~np.any([np.isnat(dates) for dates in found.values()], axis=0)
    parts, clocks = fields.loc[known, ["a", "b", "c"]].to_numpy(object), clocks[known]
    is_next = (parts[1:] != parts[:-1]).any(axis=1)
    within = np.abs(np.diff(clocks))[~is_next]
    if not is_next.any() or not (within > 0).any():
        return {}
    shares = {}
    for order, dates in found.items():
        steps = np.abs(np.diff(dates[known].astype(np.int64) + clocks))
        shares[order] = np.mean(steps[is_next] <= within.max())
    best = max(shares, key=lambda order: shares[order])
    others = [share for order, share in shares.items() if order != best]
    return {best: found[best]} if shares[best] > MOST_GO_ON and max(others) < 1 - MOST_GO_ON else {}


def _dates(fields: pd.DataFrame, order: str) -> np.ndarray:
    """Dates (N,) datetime64[us] of the fields a, b, c, which are year, month and day in the `order`."""
    single = fields[["a", "b", "c"]]
    numbers = single.groupby(["a", "b", "c"], sort=False).ngroup().to_numpy()  # a day has many rows
    year, month, day = (single.drop_duplicates()[part] for part in order)
    month = month.str.lower().str.slice(0, 3).replace(_MONTHS)
    short = year.str.fullmatch(r"\d\d")
    year = year.where(~short, np.where(year.str.slice(0, 1) < "7", "20", "19") + year)
    text = year + "-" + month.str.zfill(2) + "-" + day.str.zfill(2)
    return pd.to_datetime(text, format="%Y-%m-%d", errors="coerce").to_numpy().astype("datetime64[us]")[numbers]


def _clock_us(fields: pd.DataFrame) -> np.ndarray:
    """Microseconds since midnight (N,); those of an impossible clock are NaT as int64. 24:00 is the next midnight."""
    numbers = {name: pd.to_numeric(fields[name]).fillna(0).to_numpy(np.int64) for name in ("hour", "minute", "second")}
    hour, minute, second = numbers.values()
    half = fields["half"].str.lower().to_numpy(object)
    hour = np.where(half == "p", hour % 12 + 12, np.where(half == "a", hour % 12, hour))
    micro = pd.to_numeric(fields["fraction"].str.pad(6, "right", "0").str.slice(0, 6)).fillna(0).to_numpy(np.int64)
    us = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micro
    possible = (hour < 24) | (us == 24 * 3600 * 1_000_000)
    return np.where(possible & (minute < 60) & (second <= 60), us, np.iinfo(np.int64).min)


def _offsets_us(zone: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Microseconds that clocks are ahead of UTC (N,), and which say so (N,)."""
    parts = zone.str.extract(r"(?P<sign>[+-])(?P<hour>\d\d):?(?P<minute>\d\d)?")
    minutes = 60 * pd.to_numeric(parts["hour"]).fillna(0) + pd.to_numeric(parts["minute"]).fillna(0)
    minutes = minutes.to_numpy(np.int64) * np.where(parts["sign"].fillna("") == "-", -1, 1)
    return minutes * 60_000_000, (zone != "").to_numpy(bool)
