"""Tables of a row a year, whose columns are its months or quarters, as R prints and climate services publish them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from data.sources.times.texts import MONTH_NAMES

_QUARTERS = tuple(tuple(f"{word}{n}" for n in range(1, 5)) for word in ("q", "qtr", "quarter"))
YEARS = (1600, 2100)
YEAR = "year"


def parts_of_year(names: Sequence[Any]) -> tuple[list[Any], int]:
    """The names that are the months or quarters of a year, in their order, and how many months each takes; [], 0 of
    others.
    """
    plain = {name: str(name).lower().strip(". _") for name in names}
    months = [name for name, word in plain.items() if word[:3] in MONTH_NAMES and word.isalpha() and _is_month(word)]
    if [plain[name][:3] for name in months] == list(MONTH_NAMES):
        return months, 1
    for words in _QUARTERS:
        quarters = [name for name, word in plain.items() if word.replace(" ", "") in words]
        if [plain[name].replace(" ", "") for name in quarters] == list(words):
            return quarters, 3
    return [], 0


def are_years(cells: Sequence[int] | pd.Series) -> bool:
    """Whether cells are years, each one later than the one before."""
    numbers = pd.Series(cells)
    if numbers.dtype.kind not in "iu" or not len(numbers):
        return False
    return bool(numbers.between(*YEARS).all() and (np.diff(numbers) == 1).all())


def printed_by_year(names: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> list[str]:
    """The names of a table as R prints a series, with that of the years, which it leaves out; [] of other tables."""
    count = len(names or ())
    widths = [len(row) for row in rows if row]
    if not names or len(parts_of_year(names)[0]) != count or max(widths, default=0) != count + 1:
        return []
    firsts = [row[0] for row in rows if row]
    is_of_years = all(cell.isdecimal() for cell in firsts) and are_years(list(map(int, firsts)))
    return [YEAR, *names] if is_of_years and widths.count(count + 1) >= len(widths) - 2 else []


def with_late_begin(table: pd.DataFrame) -> pd.DataFrame:
    """A table that R printed, the cells of whose first year stand at its end, where there are fewer."""
    first = table.iloc[0].isna()
    if len(table) < 2 or not first.any():
        return table
    cells = table.iloc[0].to_numpy(object)[1:]
    table = table.astype(dict.fromkeys(table.columns[1:], object))
    table.iloc[0, 1:] = np.roll(cells, int(first.sum()))
    return table.infer_objects()


def by_month(table: pd.DataFrame) -> tuple[pd.DataFrame, str] | None:
    """A row for each month or quarter, and what to say of it; None where the columns are no parts of a year.

    Other columns hold what was made of the year, and are left out; so are months before the first and behind the last
    value.
    """
    parts, months = parts_of_year(list(table.columns))
    others = [name for name in table.columns if name not in parts]
    year = next((name for name in others if str(name).lower().strip(" _") in (YEAR, "yr", "jahr", "année")), None)
    if not parts or year is None or not are_years(table[year]):
        return None
    values = table[parts].to_numpy(object).ravel()
    known = np.flatnonzero(pd.notna(values))
    first = np.datetime64(int(table[year].iloc[0]) - 1970, "Y").astype("datetime64[M]")
    times = first + np.arange(len(values)) * np.timedelta64(months, "M")
    kept = slice(known[0], known[-1] + 1) if len(known) else slice(0)
    found = pd.DataFrame({"time": times[kept].astype("datetime64[ms]"), "value": values[kept]}).infer_objects()
    left = [str(name) for name in others if name != year]
    told = f"the year's {len(parts)} columns as rows" + (f", without {', '.join(left[:5])}" if left else "")
    return found, told


def _is_month(word: str) -> bool:
    full = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october")
    return any(month.startswith(word) for month in (*full, "november", "december", "sept"))
