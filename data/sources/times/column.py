"""Which columns of a table hold its times: by name, by what their cells look like, or divided among several."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.base import TableError
from data.sources.times.clock_parts import in_parts
from data.sources.times.counts.day_counts import DAYS_AT_1970, YEARS, day_at_1970
from data.sources.times.counts.other_zeros import of_garmin, of_ticks
from data.sources.times.counts.pairs import of_pairs, with_part_of_second
from data.sources.times.divided import days_of, divided, is_nameless, is_text, spread
from data.sources.times.numbers import UNIT_IN_NAME, are_dates_with_clocks, epoch_unit, since_1970_in
from data.sources.times.parts import of_parts
from data.sources.times.texts import CLOCK_ALONE, MONTH_OF_YEAR, looks_like_time
from data.sources.times.zones.zone_beside import beside, says_local

TIME_COLUMNS = ("time_utc", "date_obs", "utc", "time", "timestamp", "date")
SERIES_TIME_COLUMNS = (
    *TIME_COLUMNS,
    "datetime",
    "date_time",
    "time_s",
    "seconds",
    "unix_time",
    "unixtime",
    "unix_timestamp",
    *DAYS_AT_1970,
    *YEARS[:-1],
    "x_value",
)
SERIES_TIME_COLUMNS += ("yyyyddd", "yyyydoy", "unix", "epoch", "ts", "t", "ds", "elapsed", "elapsed_time")
SERIES_TIME_COLUMNS += ("timestamps", "times", "mess_datum", "yyyymmddhh", "realtime_timestamp")
SERIES_TIME_COLUMNS += ("yyyymmdd", "yyyymm", "yearmonth", "year_month", "yearweek", "year_week")
KNOWN_NAMES = frozenset(SERIES_TIME_COLUMNS)

# Names that hold a word for time, of numbers that are told by rising, and names that are no more than its unit.
NAMES_OF_TIME = re.compile(
    r"julian|(?:^|[^a-z])(?:time|times|clock|elapsed|timestamp|stamp|zeit|uhrzeit|tiempo|hora|heure|tijd)(?:[^a-z]|$)|time$|zeit$"
    r"|^(?:ns|us|ms|msec|millis|micros|sec|secs|second|seconds|minutes|hours|days)$|^in (?:ns|us|ms|s)$"
)
_COUNTS_FROM_1970 = re.compile(r"unix|epoch|posix|(?:^|[^a-z])utc")
_SAYS_UTC = re.compile(r"(?:^|[^a-z])(?:utc|gmt)(?:[^a-z]|$)", re.IGNORECASE)
_LAST_WORD = re.compile(r"^.*(?:[. /]|_(?=(?:ts|time|timestamp|date|utc|epoch|at)$))")
_LAST_WORDS = {*SERIES_TIME_COLUMNS, "at", "start", "begin", "from"}  # created_at
_NUMBER = re.compile(r"\s*[-+]?\.?\d+\.?\d*(?:e[-+]?\d+)?\s*", re.IGNORECASE)
_IN_DIGITS = re.compile(r"\d{9,19}(?:[.,]\d+)?")
MOST_ALIKE = 0.01  # share of steps that have to go on: each time may come again for many sensors
FEWEST_EVEN, MOST_UNEVEN = 20, 0.01  # numbers of an axis of time without a name; parts of a step that it is rounded by
BOTH_WAYS, FEWEST_STEPS = 0.25, 8  # share of steps that rise, and that fall, where numbers are no times


def time_column(
    table: pd.DataFrame, prep: PrepConfig, is_told: bool = False
) -> tuple[pd.Series | None, dict[str, str]]:
    """The cells of a table that hold its times, None where none do, and what was made of which column.

    is_told: its variables are known, and no longer among its columns.
    """
    if prep.time_column is not None:
        name = chosen(table, prep.time_column, (), "prep.time_column")
        return _with_zone(table, *with_part_of_second(table, table[name], {str(name): "time"}, is_told))
    if not table.shape[1]:
        return None, {}
    name = (
        _or_written(table, _or_parts(table, known_column(table)))
        or _by_type(table)
        or _by_cells(table)
        or _by_days(table)
    )
    if name is None:
        if pair := of_pairs(table, is_told):
            return pair
        parts = of_parts(table)
        name = None if parts[1] else _by_clocks(table) or rising_column(table, NAMES_OF_TIME) or _counter_column(table)
        name = name or (None if parts[1] else _clock_by_another_name(table) or _even_axis(table))
        if name is None:
            return parts
    column, notes = divided(table, name, prep.time_format or "") or (table[name], {name: "time"})
    return _with_zone(table, *with_part_of_second(table, column, notes, is_told))


def _with_zone(table: pd.DataFrame, column: pd.Series, notes: dict[str, str]) -> tuple[pd.Series, dict[str, str]]:
    column, since = of_garmin(table.columns, column)
    zoned, told = beside(table, column)
    return zoned, (dict.fromkeys(notes, since) if since else notes) | told


def _or_parts(table: pd.DataFrame, name: str | None) -> str | None:
    """None in place of a column that counts the rows, as `t`, where others tell their years, months ..."""
    counts = table[name].to_numpy() if name is not None and table[name].dtype.kind in "iu" else np.empty(0)
    is_count = len(counts) > 1 and counts[0] in (0, 1) and bool((np.diff(counts) == 1).all())
    return None if is_count and of_parts(table.drop(columns=name))[1] else name


def _or_written(table: pd.DataFrame, name: str | None) -> str | None:
    """A column of dates with clocks in place of one of a known name whose numbers count from no known day, as WinCC's
    Time_ms beside TimeString, or that has clocks alone, as the Time of each step beside a cycler's Date.
    """
    if name is None:
        return name
    others = list(table.columns)
    if is_text(table[name]) and days_of(table[name]) is not None:  # a date beside a time of a known name, `datetime`
        others = [
            other for other in others if str(other).lower().strip("_ <>").replace(" ", "_") in SERIES_TIME_COLUMNS
        ]
    elif not _counts(table[name]) and not _passes(table[name]):
        return name
    for other in others:
        if _COUNTS_FROM_1970.search(str(other).lower()) and _goes_on_from_1970(table[other]):
            return other
        cells = spread(table[other]) if is_text(table[other]) else []
        dated = [":" in cell and looks_like_time(cell) and not CLOCK_ALONE.fullmatch(cell) for cell in cells]
        if cells and sum(dated) > 0.9 * len(cells):
            return other
    return name


def _passes(column: pd.Series) -> bool:
    """Whether the cells of a column are clocks without a date, as of the time that passed in each step of a test."""
    cells = spread(column) if is_text(column) else []
    return bool(cells) and all(map(CLOCK_ALONE.fullmatch, cells))


def _counts(column: pd.Series) -> bool:
    """Whether the cells of a column are numbers, or texts of such, that count from no known day."""
    if is_text(column) and not any(map(_NUMBER.fullmatch, spread(column))):
        return False  # a million dates are not tried one by one
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    is_number = column.dtype.kind in "iuf" or np.isfinite(numbers).sum() > 0.5 * column.notna().sum()
    return bool(is_number) and column.dtype.kind not in "mM" and not since_1970_in(numbers, str(column.name or ""))


def chosen(table: pd.DataFrame, given: str | None, known: Sequence[str], key: str) -> str | None:
    """The column that the settings name, else the first of the known names in any case, else None."""
    if given is not None:
        plain = {" ".join(str(name).split()): name for name in reversed(table.columns)}
        if given not in table.columns and " ".join(given.split()) not in plain:
            raise TableError(f"{key} {given!r} is not among its columns {list(table.columns)[:20]}")
        return given if given in table.columns else plain[" ".join(given.split())]
    lower = {str(name).lower(): name for name in reversed(table.columns)}
    return next((lower[name] for name in known if name in lower), None)


def known_column(table: pd.DataFrame) -> str | None:
    """The column of a known name, with a unit behind it or without."""
    names: dict[str, str] = {}
    for column in reversed(table.columns):
        name = str(column).lower().strip("_ <>")
        forms = {name, plain := UNIT_IN_NAME.sub("", name).strip(), name.replace(" ", "_"), plain.replace(" ", "_")}
        may_be = bool(forms & KNOWN_NAMES) or day_at_1970(name) is not None
        names |= {name: column} if may_be and _may_be_time(table[column]) else {}
    plain = {UNIT_IN_NAME.sub("", name).strip(): column for name, column in names.items()} | names
    plain = {name.replace(" ", "_"): column for name, column in plain.items()} | plain  # Elapsed time
    julian = [column for name, column in names.items() if day_at_1970(name) is not None]
    return next((plain[known] for known in SERIES_TIME_COLUMNS if known in plain), next(iter(julian[::-1]), None))


def _may_be_time(column: pd.Series) -> bool:
    """Whether numbers count from 1970, mostly go one way, or are evenly apart in some order, as no temperature T is."""
    numbers = column.dropna().to_numpy(np.float64) if column.dtype.kind in "iuf" else np.empty(0)
    numbers = numbers[np.isfinite(numbers)]
    steps = np.diff(numbers)
    if len(steps) < FEWEST_STEPS or min((steps > 0).mean(), (steps < 0).mean()) < BOTH_WAYS or epoch_unit(numbers):
        return True
    apart = np.diff(np.sort(numbers))
    return bool((np.abs(apart - np.median(apart)) <= 0.5 * np.median(apart)).mean() > 0.8 and apart.min() > 0)


def _without_shares(table: pd.DataFrame) -> list[str]:
    """The names of columns but for `us` beside `sy`: the shares of a processor's users and system, not microseconds."""
    words = {str(name).lower().strip("%_ ") for name in table.columns}
    return [name for name in table.columns if not ({"us", "sy"} <= words and str(name).lower().strip("%_ ") == "us")]


def rising_column(table: pd.DataFrame, names: re.Pattern = re.compile("")) -> str | None:
    """The first column of a name whose numbers rise from each row to the next, as those of a clock that runs do."""
    for name in _without_shares(table):
        numbers = table[name].dropna().to_numpy() if table[name].dtype.kind in "iuf" else np.empty(0)
        if len(numbers) and names.search(str(name).lower()) and (numbers[1:] > numbers[:-1]).all():
            return name
    return None


def _counter_column(table: pd.DataFrame) -> str | None:
    """The first column that is called a clock and counts up in whole numbers, but for where it began again."""
    for name in _without_shares(table):
        if table[name].dtype.kind in "iuf" and NAMES_OF_TIME.search(str(name).lower()):
            numbers = table[name].to_numpy(np.float64)
            numbers = numbers[np.isfinite(numbers)]
            falls = numbers[1:] <= numbers[:-1]
            if falls.any() and not (numbers % 1).any() and in_parts(numbers, 1.0)[1] == falls.sum():
                return name
    return None


def _by_type(table: pd.DataFrame) -> str | None:
    return next((name for name in table.columns if table[name].dtype.kind == "M"), None)


def _by_cells(table: pd.DataFrame) -> str | None:
    """The first column whose texts are times, or the first of all, or one of a time's name below others, whose numbers
    count from 1970 and rise."""
    for name in filter(lambda name: _holds_dates(table[name]), table.columns):
        others = (other for other in table.columns if _SAYS_UTC.search(str(other)) and _holds_dates(table[other]))
        return next(others, name) if says_local(str(name)) else name
    for name in table.columns:  # sar's clocks stand below the time at which it began
        cells = spread(table[name]) if CLOCK_ALONE.fullmatch(str(name).strip()) and is_text(table[name]) else []
        if cells and sum(bool(CLOCK_ALONE.fullmatch(cell)) for cell in cells) > 0.9 * len(cells):
            return name
    nameless = (name for name in table.columns if is_nameless(name) and table[name].nunique() > 1)
    if (dates := next((name for name in nameless if days_of(table[name]) is not None), None)) is not None:
        return dates
    # `properties.time` of a record in a record, `start_ts`; what counts from 1970 and rises is one without a name too.
    inner = [name for name in table.columns if _LAST_WORD.sub("", str(name).lower()).strip("@_") in _LAST_WORDS]
    inner.sort(key=lambda name: not str(name).lower().startswith(("start", "begin")))
    inner += [name for name in table.columns if NAMES_OF_TIME.search(str(name).lower()) and name not in inner]
    inner += [name for name in table.columns[1:] if is_nameless(name)]
    return next((name for name in [table.columns[0], *inner] if _goes_on_from_1970(table[name])), None)


def _holds_dates(column: pd.Series) -> bool:
    """Whether nearly all cells of a column are texts that are times, or months."""
    cells = spread(column) if is_text(column) else []
    dated = sum(looks_like_time(cell) or bool(MONTH_OF_YEAR.match(cell)) for cell in cells)
    return bool(cells) and dated > 0.9 * len(cells)


def _goes_on_from_1970(column: pd.Series) -> bool:
    """Whether numbers, in texts too, count from 1970, or are dates with clocks in digits, and nearly always rise, or
    stay, where rows of several sensors have one time.
    """
    numbers = _numbers_in(column)
    if np.isfinite(numbers).sum() < 2 or not (
        epoch_unit(numbers) or of_ticks(numbers) or are_dates_with_clocks(numbers)
    ):
        return False
    return bool((numbers[1:] >= numbers[:-1]).mean() > 0.9 and (numbers[1:] != numbers[:-1]).mean() > MOST_ALIKE)


def _numbers_in(column: pd.Series) -> np.ndarray:
    """(N,) numbers of a column, of texts too where words stand below a few, as a line of sums does; (0,) of others."""
    if not is_text(column):
        return column.to_numpy(np.float64) if column.dtype.kind in "iuf" else np.empty(0)
    if not all(map(_IN_DIGITS.fullmatch, spread(column)[:FEWEST_STEPS])):
        return np.empty(0)
    texts = column.dropna().astype("string").str.replace(",", ".", regex=False)
    numbers = pd.to_numeric(texts, errors="coerce").dropna().to_numpy(np.float64)
    return numbers if len(numbers) > 0.9 * len(texts) else np.empty(0)


def _by_clocks(table: pd.DataFrame) -> str | None:
    """The first column of clocks alone that is called a time, as `Start time` beside `End time`."""
    return next(
        (name for name in table.columns if NAMES_OF_TIME.search(str(name).lower()) and _passes(table[name])), None
    )


def _clock_by_another_name(table: pd.DataFrame) -> str | None:
    """The only column whose numbers count from 1970, or are dates with clocks in digits, and rise in each row, whatever
    it is called; of seconds, as large as other counts may be, by steps that are nearly all alike.
    """
    found = []
    for name in table.columns:
        numbers = _numbers_in(table[name])
        numbers = numbers[np.isfinite(numbers)]
        steps = np.diff(numbers)
        if len(numbers) < FEWEST_STEPS or steps.min() <= 0:
            continue
        unit = epoch_unit(numbers) or ("digits" if are_dates_with_clocks(numbers) else "")
        are_even = (np.abs(steps - np.median(steps)) <= 0.1 * np.median(steps)).mean() > 0.9
        if unit and (unit != "s" or are_even):
            found.append(name)
    return found[0] if len(found) == 1 else None


def _even_axis(table: pd.DataFrame) -> str | None:
    """The first column of a table without names, where its numbers have fractions and go on by equal steps, as no
    measured ones do: the seconds of who wrote nothing else.
    """
    name = table.columns[0]
    numbers = table[name].to_numpy(np.float64) if is_nameless(name) and table[name].dtype.kind == "f" else np.empty(0)
    if table.shape[1] < 2 or len(numbers) < FEWEST_EVEN or not np.isfinite(numbers).all() or not (numbers % 1).any():
        return None
    steps = np.diff(numbers)
    return name if steps.min() > 0 and np.ptp(steps) < MOST_UNEVEN * np.median(steps) else None


def _by_days(table: pd.DataFrame) -> str | None:
    """The first column of dates in digits that a column of clocks belongs to."""
    return next((name for name in table.columns if days_of(table[name]) is not None and divided(table, name)), None)
