"""Time that has passed since a start, as stopwatches and spreadsheets write it: 25:00:00, 1.02:00:00, 03:07.5."""

import re

import numpy as np
import pandas as pd

_FORM = re.compile(
    r"^(?P<sign>-)?(?:(?P<day>\d+)(?:\.|\s*d(?:ays?)?,?\s*\+?))?(?:(?P<hour>\d+):)?(?P<minute>\d+):"
    r"(?P<second>\d\d(?:[.,]\d+)?)$"
)
_NAMES = re.compile(
    r"elapsed|duration|since|runtime|run[ _]time|stopwatch|dauer|laufzeit|lap[ _]?time|t\+", re.IGNORECASE
)
LOOKED_AT, DAY_S = 1000, 86400.0


def elapsed_s(text: pd.Series, name: str, has_day: bool) -> np.ndarray | None:
    """Seconds (N,), NaN unreadable, of cells that are times passed and no clocks of a day; None where they may be such.

    They are where an hour is beyond 24, days stand before it, or minutes with parts of a second have no hour; where the
    column is called so; or where the first one is 0 and no day is given (has_day), so that they count from there
    whatever they are.
    """
    known = text.dropna()
    some = known.iloc[:: max(1, len(known) // LOOKED_AT)]
    if not len(known) or some.str.match(_FORM).mean() <= 0.9:
        return None
    parts = text.str.extract(_FORM)
    day, hour, minute, second = (
        pd.to_numeric(parts[part].str.replace(",", ".", regex=False)).to_numpy(np.float64, na_value=np.nan)
        for part in ("day", "hour", "minute", "second")
    )
    is_read, has_day_or_hour = np.isfinite(second), np.isfinite(day) | np.isfinite(hour)
    if not has_day_or_hour.any() and not parts["second"].str.len().gt(2).any():
        return None  # 10:30 is rather a clock
    seconds = 60 * minute + second + 3600 * np.nan_to_num(hour) + DAY_S * np.nan_to_num(day)
    seconds = np.where(parts["sign"].notna(), -seconds, seconds)
    is_beyond = np.isfinite(day) | (np.nan_to_num(seconds) > DAY_S)
    starts_at_0 = seconds[is_read][0] == 0 and not has_day
    is_passed = is_beyond.any() or not has_day_or_hour.any() or starts_at_0 or _NAMES.search(name)
    return seconds if is_passed else None
