"""Dates that a spreadsheet read month first where they were written day first, beside those it could not read so."""

import re

import numpy as np
import pandas as pd

FEWEST = 3  # dates of either kind
PUT_BACK = (
    "partly dates and partly texts, as of a spreadsheet that took days for months: those of {} rows are exchanged back"
)
_TEXT = re.compile(r"\s*(\d{1,2})[-/.](\d{1,2})[-/.]\d{2,4}\b")


def put_back(column: pd.Series, utc: np.ndarray) -> tuple[np.ndarray, int]:
    """Times (N,) datetime64[us] with days and months as they were written, and how many were exchanged; 0: none.

    They were where no day of what became a date is beyond 12, each of what stayed a text is, and all go on in time more
    evenly once they are exchanged.
    """
    cells = column.astype("string")
    texts = cells.str.match(_TEXT).fillna(False).to_numpy(bool) & ~np.isnat(utc)
    dates = cells.str.match(r"\d{4}-\d\d-\d\d").fillna(False).to_numpy(bool) & ~np.isnat(utc)
    if texts.sum() < FEWEST or dates.sum() < FEWEST:
        return utc, 0
    first = pd.to_numeric(cells[texts].str.extract(_TEXT)[0])
    days = pd.DatetimeIndex(utc)
    if (first <= 12).any() or (days.day[dates] > 12).any():
        return utc, 0
    exchanged = utc.copy()
    exchanged[dates] = [t.replace(month=t.day, day=t.month).to_datetime64() for t in days[dates]]
    return (exchanged, int(dates.sum())) if _travelled(exchanged) < _travelled(utc) else (utc, 0)


def _travelled(utc: np.ndarray) -> float:
    """How far all steps go, forth and back."""
    return float(np.abs(np.diff(utc[~np.isnat(utc)]).astype(np.float64)).sum())
