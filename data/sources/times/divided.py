"""Times that are divided among columns: date and clock, a date and the hour of it."""

import re

import numpy as np
import pandas as pd

from data.sources.base import TableError
from data.sources.times.counts.elapsed import LASTS
from data.sources.times.texts import CLOCK_ALONE, looks_like_time

HOURS = ("hour", "hours", "hr", "hh", "hour ending", "hour_ending", "hourending", "hour of day", "hour_of_day", "he")
HOURS += ("stunde", "stunden", "std", "heure", "heures", "hora", "ora", "uur", "time_hour", "hour_of_the_day")
# Parts of a day that are counted from 1 on, half hours and quarters too, as Britain's market does.
PERIODS = ("settlement period", "settlement_period", "settlementperiod", "sp", "period", "half hour", "half_hour")
PERIODS += ("halfhour", "interval", "quarter hour", "quarter_hour", "trading period", "trading_period")
PARTS_OF_A_DAY = (48, 96, 288)
NO_CLOCK = "24:30"  # of parts beyond those of a day: when they begin depends on the zone
_HOUR_TWICE = re.compile(r"(\d{1,2})(?:[:.]00)?\s*[AaBb*Xx]?")  # 3A, 3B of the day with 25
CLOCKS = ("time", "clock", "hhmm", "hhmmss", "utc", "time_utc", "utc_time", "utctime", "lst_time", "local_time")
CLOCKS += ("zeit", "uhrzeit", "heure", "hora", "ora", "tijd")
# Clocks that tell how long something took, or what else a day has.
_LASTS = re.compile(rf"{LASTS.pattern}|lap|sunrise|sunset", re.IGNORECASE)
_MIDNIGHT = re.compile(r"[T ]0?0:00(?::00(?:\.0+)?)?$|\s12:00(?::00)? AM$")  # of dates that databases keep as times
_CLOCK_TO = re.compile(r"(?<=:\d\d)\s*[-–]\s*\d{1,2}:\d\d(?::\d\d)?$")  # of 10:00 - 10:15 the begin counts
_DOTTED_CLOCK = re.compile(r"\d{1,2}\.\d\d\.\d\d")  # beside a date alone; it may be one otherwise
_NAMES_DATE = re.compile(r"date|day|ymd|y+m+d+|datum|fecha|jour|giorno|column_\d+")  # or has no names
# Dates of six digits, and those of eight that do not begin with the year.
_IN_DIGITS = {6: {"year first": "%y%m%d", "day first": "%d%m%y", "month first": "%m%d%y"}}
_IN_DIGITS |= {8: {"day first": "%d%m%Y", "month first": "%m%d%Y"}}
LOOKED_AT = 200  # cells of a column, from everywhere in it


def spread(column: pd.Series) -> list[str]:
    """Cells from everywhere in a column, as text, without the empty ones."""
    places = np.unique(np.linspace(0, len(column) - 1, min(LOOKED_AT, len(column))).astype(int))
    return [str(cell).strip() for cell in column.iloc[places].dropna()]


def is_nameless(name: str) -> bool:
    """Whether a column has a number in place of a name."""
    return bool(re.fullmatch(r"column_\d+", str(name)))


def is_text(column: pd.Series) -> bool:
    """Whether the cells of a column are no numbers and no times yet."""
    return column.dtype.kind not in "biufcmM"


def divided(table: pd.DataFrame, name: str, order: str = "") -> tuple[pd.Series, dict[str, str]] | None:
    """Date and clock of two columns as one, where `name` holds one of both and another column the other.

    order: of dates of six digits, "day first" and so on. Raises TableError where it is needed and not given.
    """
    others = [n for n, kind in table.dtypes.items() if kind.kind not in "biufc" or _NAMES_DATE.search(str(n).lower())]
    names = [name, *(other for other in others if other != name)]
    dated = sorted(names, key=lambda other: _all_text(table[other], _is_dotted))  # 18.00.00 is none before others
    date, days = next(((other, days) for other in dated if (days := days_of(table[other])) is not None), (None, None))
    if date is None or days is None:
        date = next((other for other in names if _six_digits(table[other], order)), None)
        if date is None or _clock_in_numbers(table, date)[0] is None:
            return None
        days = _days_of_six_digits(table[date], order)
    clocks = [other for other in names if other != date and not _LASTS.search(str(other))]
    clocks.sort(key=lambda other: -len(_words(other) & _words(date)))  # Time GMT belongs to Date GMT
    clock = next((other for other in clocks if _all_text(table[other], _is_clock)), None)
    if clock is not None and name in (date, clock):
        text, notes = table[clock].astype("string").str.strip(), {clock: "time, the clock"}
        text = text.str.replace(_CLOCK_TO, "", regex=True)
        text = text.str.replace(r"^(\d{1,2})\.(\d\d)\.(\d\d)$", r"\1:\2:\3", regex=True).str.strip("'")
        days = _filled_down(days, text)
    elif name == date or not is_text(table[name]):
        text, notes = _clock_in_numbers(table, date)
    else:
        return None
    if text is None or not (name == date or name in notes):
        return None
    return (days + " " + text).rename(f"{date} {next(iter(notes))}"), {date: "time, the date"} | notes


def _words(name: object) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", str(name).lower()))


def _filled_down(days: pd.Series, clock: pd.Series) -> pd.Series:
    """Dates that stand in the first row of each day alone, in all rows of it, where their clocks only go forward."""
    days = days.mask(days == "")
    if days.notna().all() or pd.isna(days.iloc[0]) or clock.isna().any():
        return days
    number = days.notna().cumsum()
    is_forward = clock.str.zfill(8).groupby(number).apply(lambda own: own.is_monotonic_increasing)
    return days.ffill() if is_forward.all() else days


def days_of(column: pd.Series) -> pd.Series | None:
    """The dates of a column that holds nothing else, as text: written, or as 20120719 where its name says date."""
    if column.dtype.kind == "M":
        known = column.dropna()
        return column.dt.strftime("%Y-%m-%d").astype("string") if (known == known.dt.normalize()).all() else None
    if is_text(column):
        text = column.astype("string").str.strip()
        text = text.str.replace(_MIDNIGHT, "", regex=True) if _all(column, _is_midnight) else text
        return text if _all(text, _is_date) else None
    is_named = bool(_NAMES_DATE.search(str(column.name).lower()))
    known = column.dropna()
    if not is_named or column.dtype.kind not in "iuf" or not len(known) or not known.between(1.8e7, 2.2e7).all():
        return None
    found = pd.to_datetime(column.astype("Int64").astype("string"), format="%Y%m%d", errors="coerce")
    return found.dt.strftime("%Y-%m-%d").astype("string") if found.notna().sum() == len(known) else None


def _six_digits(column: pd.Series, order: str) -> dict[str, pd.Series]:
    """The dates of whole numbers as 120719 or 19072012, where the name of their column says date, by the orders that
    all fit.
    """
    known = column.dropna()
    if not _NAMES_DATE.search(str(column.name).lower()) or column.dtype.kind not in "iuf" or not len(known):
        return {}
    is_short = known.between(10100, 991231).all() and (known.max() >= 100000 or order)  # else days of Excel
    if (known % 1).any() or not (is_short or known.between(1011900, 31122100).all()):
        return {}
    width = 6 if is_short else 8
    text = column.astype("Int64").astype("string").str.zfill(width)
    found = {way: pd.to_datetime(text, format=form, errors="coerce") for way, form in _IN_DIGITS[width].items()}
    return {way: days for way, days in found.items() if days.notna().sum() == len(known)}


def _days_of_six_digits(column: pd.Series, order: str) -> pd.Series:
    found = _six_digits(column, order)
    if order not in found and len(found) > 1:
        ways = " or ".join(map(repr, found))
        raise TableError(
            f"its dates in {column.name!r}, as {column.dropna().iloc[0]:06.0f}, can be read in several ways; "
            f"prep.time_format says which: {ways}"
        )
    return found.get(order, next(iter(found.values()))).dt.strftime("%Y-%m-%d").astype("string")


def _clock_in_numbers(table: pd.DataFrame, date: str) -> tuple[pd.Series | None, dict[str, str]]:
    """Clocks as text, of a column of whole hours with those of minutes and seconds, or of one of 730 or 73001; None
    where there is none.
    """
    names = {str(name).lower().strip("_ <>"): name for name in reversed(table.columns) if name != date}
    names = {re.sub(r"\s*[(\[].*", "", name): column for name, column in names.items()} | names
    for name in (names[name] for name in HOURS if name in names):
        if _is_whole(hours := _hours(table[name]), 25):
            return _with_minutes(table, name, hours, names)
    if (period := _of_periods(table, table[date], names))[0] is not None:
        return period
    part = next((names[name] for name in HOURS if name in names and _is_part_of_day(table[names[name]])), None)
    if part is not None:
        passed = pd.to_timedelta((table[part] * 3600).round(), unit="s")
        return passed.astype("string").str.replace("1 days 00:", "24:").str.slice(-8), {part: "time, the hour"}
    for name in CLOCKS:
        if name in names and (pairs := _digits_of_clock(table[names[name]], table[date])):
            return _clock_text([table[names[name]] // 100**pair % 100 for pair in reversed(range(pairs))]), {
                names[name]: "time, the clock"
            }
    return None, {}


def _with_minutes(table: pd.DataFrame, hour: str, hours: pd.Series, names: dict[str, str]) -> tuple[pd.Series, dict]:
    """Clocks of a column of whole hours, with the columns of minutes and seconds where there are such."""
    columns, notes = [hours], {hour: "time, the hour"}
    for part in ("minute", "second"):
        column = names.get(part, names.get(f"{part}s"))
        if column is None or not _is_whole(table[column], 60):
            break
        columns, notes = [*columns, table[column]], notes | {column: f"time, the {part}"}
    return _clock_text(columns), notes


def _hours(column: pd.Series) -> pd.Series:
    """A column of hours with those as numbers that are written as 3A and 3B, the two of one name, or as 3:00."""
    if not is_text(column):
        return column
    found = column.astype("string").str.strip().str.extract(rf"^{_HOUR_TWICE.pattern}$")[0]
    return pd.to_numeric(found).astype("float64") if found.notna().sum() == column.notna().sum() else column


def _of_periods(table: pd.DataFrame, dates: pd.Series, names: dict[str, str]) -> tuple[pd.Series | None, dict]:
    """Clocks at which the parts of a day begin, of a column that counts them from 1 on in each; so are hours of one
    that counts from 0 or 1 to 23 or 24, in a table without names.
    """
    for name in (names[name] for name in PERIODS if name in names):
        column = table[name]
        count = next((n for n in PARTS_OF_A_DAY if _is_whole(column, n + n // 24) and column.max() >= n - n // 24), 0)
        if count and column.min() >= 1 and _counts_in_days(column, dates):
            passed = pd.to_timedelta((column - 1) * 86400 / count, unit="s").astype("string").str.slice(-8)
            return passed.where(column <= count, NO_CLOCK), {name: f"time, the {count}th of a day"}
    for name in table.columns:
        may_be_hours = is_nameless(name) and name != dates.name and _is_whole(table[name], 24)
        if may_be_hours and table[name].max() >= 23 and _counts_in_days(table[name], dates):
            return _clock_text([table[name]]), {name: "time, the hour"}
    return None, {}


def _counts_in_days(column: pd.Series, dates: pd.Series) -> bool:
    """Whether numbers go on by one, but where the next date begins, and there from the same one in each."""
    is_next = dates.ne(dates.shift()).to_numpy()
    goes_on = np.diff(column.to_numpy(np.float64)) == 1
    firsts = column[is_next].iloc[1:]
    return bool(goes_on[~is_next[1:]].all() and len(firsts) and firsts.nunique() == 1 and firsts.iloc[0] in (0, 1))


def _is_whole(column: pd.Series, most: int) -> bool:
    """Whether a column holds whole numbers from 0 to `most` alone."""
    return column.dtype.kind in "iuf" and bool(
        column.notna().any() and (column.dropna() % 1 == 0).all() and column.dropna().between(0, most).all()
    )


def _is_part_of_day(column: pd.Series) -> bool:
    """Whether a column holds hours with their fractions, as 10.25."""
    known = column.dropna()
    return column.dtype.kind == "f" and bool(len(known) and (known % 1).any() and known.between(0, 24).all())


def _digits_of_clock(column: pd.Series, dates: pd.Series) -> int:
    """How many pairs of digits the clocks of a column have, 2 or 3; 0 where its numbers are none.

    Clocks never end in 60 to 99, and begin anew with the next date, as seconds from the first on do not.
    """
    known = column.notna() & dates.notna() if column.dtype.kind in "iuf" else np.zeros(len(column), bool)
    numbers, is_next = column[known], dates[known].ne(dates[known].shift())
    is_one_day = is_next.sum() == 1 and numbers.max() >= 100 and (np.diff(numbers) > 0).all()
    if (is_next.sum() < 2 and not is_one_day) or (numbers % 1 != 0).any() or not numbers.between(0, 240000).all():
        return 0
    pairs = 2 if numbers.max() <= 2400 else 3
    if (
        2400 < numbers.max() < 10000
        or (numbers % 100 > 59).any()
        or (numbers // 100 % 100 > (24 if pairs == 2 else 59)).any()
    ):
        return 0
    steps = numbers.diff().to_numpy()
    begins_anew = is_one_day or any((back := way * steps < 0).any() and not (back & ~is_next).any() for way in (1, -1))
    return pairs if begins_anew else 0


def _clock_text(parts: list[pd.Series]) -> pd.Series:
    """Hours, minutes and seconds as one text; without minutes the hour is whole."""
    texts = [part.astype("Int64").astype("string").str.zfill(2) for part in parts]
    text = texts[0]
    for other in texts[1:]:
        text = text + ":" + other
    return text if len(texts) > 1 else text + ":00"


def _all_text(column: pd.Series, check) -> bool:
    return is_text(column) and _all(column, check)


def _all(column: pd.Series, check) -> bool:
    cells = spread(column)
    return bool(cells) and sum(map(check, cells)) > 0.9 * len(cells)


def _is_clock(cell: str) -> bool:
    return bool(CLOCK_ALONE.fullmatch(_CLOCK_TO.sub("", cell))) or _is_dotted(cell)


def _is_dotted(cell: str) -> bool:
    return bool(_DOTTED_CLOCK.fullmatch(cell))


def _is_midnight(cell: str) -> bool:
    return bool(_MIDNIGHT.search(cell))


def _is_date(cell: str) -> bool:
    return ":" not in cell and looks_like_time(cell)
