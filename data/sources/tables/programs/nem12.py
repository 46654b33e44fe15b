"""NEM12, meter data of Australia's market: a line for each meter and unit, and below it one for each day.

Source: AEMO, Meter Data File Format Specification NEM12 & NEM13.
"""

import re

import numpy as np
import pandas as pd

from data.sources.base import TableError
from data.units import is_unit

_HEAD = re.compile(r"100,NEM12[,\r\n]|200,\w{10},[^\r\n]*\r?\n300,(?:19|20)\d{6},")  # 200 may begin any row of numbers
_MINUTES = (5, 15, 30)
DAY_MIN, AHEAD = 1440, np.timedelta64(10, "h")  # times of the market are UTC+10 all the year


def is_nem12(text: str) -> bool:
    """Whether a text begins as meter data of this form do."""
    return bool(_HEAD.match(text))


def read_nem12(text: str) -> tuple[pd.DataFrame, str]:
    """A row for each interval by the time (UTC) at which it begins, and a column for each meter's register.

    Raises TableError where a day does not hold as many values as its meter has intervals, or comes before any meter.
    """
    found: dict[str, list[pd.Series]] = {}
    name, minutes = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        cells = [cell.strip() for cell in line.split(",")]
        if cells[0] == "200" and len(cells) > 8:
            name = f"{cells[1]} {cells[4]}" + (f" [{cells[7]}]" if is_unit(cells[7]) else "")
            minutes = int(cells[8]) if cells[8].isdecimal() else 0
        elif cells[0] == "300":
            if minutes not in _MINUTES or len(cells) < 2 + DAY_MIN // minutes:
                raise TableError(
                    f"line {number} holds {len(cells) - 2} values of a day, where meters have {minutes} min"
                )
            found.setdefault(name, []).append(_day(cells, minutes))
    if not found:
        raise TableError("its NEM12 holds no day (300)")
    table = pd.concat(
        {column: pd.concat(days).groupby(level=0).last() for column, days in found.items()}, axis=1
    ).sort_index()
    return table.rename_axis("time").reset_index(), "NEM12, whose times are of UTC+10; each interval by its begin"


def _day(cells: list[str], minutes: int) -> pd.Series:
    count = DAY_MIN // minutes
    day = pd.to_datetime(cells[1], format="%Y%m%d", errors="coerce")
    if day is pd.NaT:
        raise TableError(f"its NEM12 holds a day {cells[1]!r}, which is none")
    begins = day.to_datetime64().astype("datetime64[us]") - AHEAD + np.arange(count) * np.timedelta64(minutes, "m")
    return pd.Series(pd.to_numeric(pd.Series(cells[2 : 2 + count]), errors="coerce").to_numpy(np.float64), begins)
