"""Times in two columns of counts: whole seconds and the part of one beside them, weeks of GPS and the time in each."""

import re

import numpy as np
import pandas as pd

from data.sources.times.zones.scales import utc_of

# By the last word of a column's name, how many of them are a second.
_PARTS = {"ms": 1e3, "msec": 1e3, "msecs": 1e3, "millis": 1e3, "millisecond": 1e3, "milliseconds": 1e3, "millitm": 1e3}
_PARTS |= {"us": 1e6, "usec": 1e6, "usecs": 1e6, "micros": 1e6, "microsecond": 1e6, "microseconds": 1e6, "tv_usec": 1e6}
_PARTS |= {"ns": 1e9, "nsec": 1e9, "nsecs": 1e9, "nanos": 1e9, "nanosec": 1e9, "nanosecond": 1e9, "nanoseconds": 1e9}
_PARTS |= {"tv_nsec": 1e9}
_FRACTION = re.compile(r"frac(?:tion(?:al)?)?[\s_.]*(?:of[\s_.]+)?(?:a[\s_.]+)?sec|sec\w*[\s_.]+frac", re.IGNORECASE)
_SECONDS = ("sec", "secs", "second", "seconds", "tv_sec", "s")
_WEEKS = ("gps_week", "gpsweek", "gps week", "week", "wn", "gwk")
_IN_WEEK = {"tow": 1.0, "gps_tow": 1.0, "itow": 1e3, "gms": 1e3, "tow_ms": 1e3, "time_of_week": 1.0, "sow": 1.0}
_IN_WEEK |= {"gps_seconds": 1.0, "seconds_of_week": 1.0, "gpstow": 1.0, "gps tow": 1.0, "time of week": 1.0}
_BRACKETS = re.compile(r"\s*[(\[](\w+)[)\]]$")
_WHOLE_SECOND = r".*\d:\d\d:\d\d"
_WEEK_S, _GPS_WEEKS = 604_800, (1024, 4000)  # 1999 to 2056: smaller ones have gone round, and tell no date
_EPOCH_S = (3.15e8, 4.1e9)


def with_part_of_second(
    table: pd.DataFrame, column: pd.Series, notes: dict[str, str], is_told: bool = False
) -> tuple[pd.Series, dict[str, str]]:
    """Times of whole seconds with the milliseconds, microseconds or nanoseconds that a column beside them counts.

    They are returned as they are where no such column's numbers all stay below a second, or it does not put times in
    order that are alike without it. is_told: no column is a variable; a few rows need not have times that are alike.
    """
    whole, text = _whole_seconds(column)
    is_alike = whole[1:] == whole[:-1] if whole is not None else np.zeros(0, bool)
    if whole is None or not (is_told or is_alike.any()):
        return column, notes
    for name in table.columns:
        per_second = 1e9 if (is_fraction := _is_fraction(table, name)) else _PARTS.get(_last_word(name))
        if per_second is None or name in notes or not (is_fraction or _is_whole(table[name], per_second - 1)):
            continue
        part = table[name].to_numpy(np.float64)
        part = np.floor(part * 1e9 + 0.5) if is_fraction else part
        if is_alike.any() and (np.diff(part)[is_alike] > 0).mean() < 0.9:
            continue
        notes = notes | {name: "time, the part of a second"}
        return _joined(text if text is not None else column, part, per_second), notes
    return column, notes


def _whole_seconds(column: pd.Series) -> tuple[np.ndarray | None, pd.Series | None]:
    """Whole seconds (N,) to be compared, None where the times are no such; and their texts, where they are texts."""
    if column.dtype.kind in "iuf":
        known = column.to_numpy(np.float64)
        is_epoch = np.isfinite(known).all() and ((known > _EPOCH_S[0]) & (known < _EPOCH_S[1])).all()
        return (known, None) if is_epoch and not (known % 1).any() else (None, None)
    if column.dtype.kind == "M":
        is_whole = bool(column.notna().all() and (column.dt.floor("s") == column).all())
        return (pd.factorize(column)[0].astype(np.float64), None) if is_whole else (None, None)
    text = column.astype("string").str.strip()
    is_whole = bool(len(text) and text.str.fullmatch(_WHOLE_SECOND).fillna(False).all())
    return (pd.factorize(text)[0].astype(np.float64), text) if is_whole else (None, None)


def _joined(whole: pd.Series, part: np.ndarray, per_second: float) -> pd.Series:
    if whole.dtype.kind == "M":
        return whole + pd.to_timedelta(part / per_second, unit="s")
    digits = len(str(int(per_second))) - 1
    if whole.dtype.kind in "iuf":  # one number of ns would not be exact in a float
        return pd.Series(_utc_of(whole.to_numpy(np.int64), part, per_second), whole.index, name=whole.name)
    digits_behind = pd.Series(part, whole.index).astype("int64").astype("string").str.zfill(digits)
    joined = whole + "." + digits_behind
    joined.name = whole.name
    return joined


def _utc_of(seconds: np.ndarray, part: np.ndarray, per_second: float) -> np.ndarray:
    """UTC (N,) datetime64[us] of seconds since 1970 and parts of one."""
    microseconds = np.rint(part * (1e6 / per_second)).astype(np.int64)
    return (1_000_000 * seconds + microseconds).astype("datetime64[us]")


def of_pairs(table: pd.DataFrame, is_told: bool = False) -> tuple[pd.Series, dict[str, str]] | None:
    """Times of columns of UNIX seconds and the part of one, or of weeks of GPS and the time in each; else None."""
    return _of_gps(table) or _of_seconds(table, is_told)


def _of_seconds(table: pd.DataFrame, is_told: bool) -> tuple[pd.Series, dict[str, str]] | None:
    for name in table.columns:
        if _last_word(name) in _SECONDS and table[name].dtype.kind in "iuf":
            column, notes = with_part_of_second(table, table[name], {name: "time, the second"}, is_told)
            if len(notes) > 1:
                return column, notes
    return None


def _of_gps(table: pd.DataFrame) -> tuple[pd.Series, dict[str, str]] | None:
    """UTC of GPS's weeks and the seconds or milliseconds in them; GPS has no leap seconds, these are taken off."""
    names = {_BRACKETS.sub("", str(name).lower().strip("_ ")): name for name in reversed(table.columns)}
    week = next((names[known] for known in _WEEKS if known in names), None)
    within = next((known for known in _IN_WEEK if known in names), None)
    if week is None or within is None or not _is_whole(table[week], _GPS_WEEKS[1]):
        return None
    weeks, counts = table[week].to_numpy(np.float64), pd.to_numeric(table[names[within]], errors="coerce").to_numpy()
    unit = _BRACKETS.search(str(names[within]).lower().strip())
    per_second = 1e3 if counts.max() > _WEEK_S or (unit and unit[1] == "ms") else _IN_WEEK[within]
    if weeks.min() < _GPS_WEEKS[0] or not ((counts >= 0) & (counts <= _WEEK_S * per_second)).all():
        return None
    passed = _utc_of(weeks.astype(np.int64) * _WEEK_S, counts, per_second) - np.datetime64("1970-01-01", "us")
    utc = utc_of(np.datetime64("1980-01-06", "us") + passed, "gps")
    column = pd.Series(utc, table.index, name=f"{week} {names[within]}")
    return column, {week: "time, the week of GPS", names[within]: "time in the week of GPS, made UTC"}


def _is_fraction(table: pd.DataFrame, name: object) -> bool:
    """Whether a column is called the fraction of a second, and holds such."""
    column = table[name]
    is_named = _FRACTION.search(str(name)) and column.dtype.kind == "f" and column.notna().all()
    return bool(is_named and column.between(0, 1 - 1e-9).all())


def _last_word(name: object) -> str:
    plain = str(name).lower().strip("_ ")
    bracket = _BRACKETS.search(plain)
    return bracket[1] if bracket else plain if plain in _PARTS else re.split(r"[.\s/]", plain)[-1]


def _is_whole(column: pd.Series, most: float) -> bool:
    return column.dtype.kind in "iuf" and bool(
        column.notna().all() and (column % 1 == 0).all() and column.between(0, most).all()
    )
