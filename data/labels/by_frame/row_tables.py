"""Labels by the numbers of rows, as test sets without times have them: SMAP's and MSL's labeled_anomalies.csv,
start_index,end_index, or a table of a count and 0 or 1.
"""

import ast
import re
from collections.abc import Sequence

import pandas as pd

from data.labels.by_frame.frame_labels import FrameLabels
from data.labels.interval_forms import OF_ROWS, is_moment
from data.labels.intervals import LABELS, POINTS, STARTS, anomalous, called
from data.labels.point_labels import PointLabels

COUNTS = ("num_values", "n_values", "rows")
BOUNDS = tuple(
    (f"{begin}_{row}", f"{end}_{row}") for begin in ("start", "begin") for end in ("end", "stop") for row in OF_ROWS
)
_PAIRS = re.compile(r"\[\s*(?:\[\s*\d+\s*,\s*\d+\s*\]\s*,?\s*)*\]")
_NUMBER = re.compile(r"\d{1,8}(?:\.0)?")
LATEST = 1e8  # larger ones are UNIX times
LOOKED_AT = 20  # cells of a column, which may be one of times by another name


def of_rows(
    table: pd.DataFrame, column: str | None, path: str, normal: Sequence[object] = ()
) -> FrameLabels | PointLabels | None:
    """The labels of a table that tells rows by their numbers, from 0 on; None of one that tells times.

    column: that names the series of each row; without, they are of every reel. normal: what labels call so.
    """
    pairs = next((name for name in table.columns if _all(table[name], _PAIRS)), None)
    if pairs is not None:
        rows = table[table[pairs].notna()]
        return _of_series(rows, column, [tuple(map(tuple, ast.literal_eval(cell))) for cell in rows[pairs]], normal)
    bounds = next((pair for pair in BOUNDS if set(pair) <= set(table.columns)), None)
    if bounds is not None and all(_all(table[name], _NUMBER) for name in bounds):
        numbers = table[list(bounds)].dropna().astype(float).astype(int)
        spans = [((first, last),) for first, last in numbers.to_numpy().tolist()]
        return _of_series(table.loc[numbers.index], column, spans, normal)
    return _of_each_row(table, path) if column is None else None


def _all(cells: pd.Series, form: re.Pattern) -> bool:
    known = cells.dropna().astype(str).str.strip()
    return bool(len(known)) and bool(known.str.fullmatch(form.pattern).all())


def _all_moments(cells: pd.Series) -> bool:
    known = cells.dropna().astype(str).iloc[:LOOKED_AT]
    return len(known) > 0 and all(map(is_moment, known))


def _of_series(
    table: pd.DataFrame, column: str | None, found: Sequence[tuple], normal: Sequence[object]
) -> FrameLabels:
    """found: the intervals of each row, of which those that a label calls normal are none."""
    names = table[column].astype(str).tolist() if column is not None else [""] * len(found)
    series: dict[str, tuple[tuple[int, int], ...]] = {}
    for name, own, is_unusual in zip(names, found, anomalous(table, normal), strict=True):
        series[name] = (*series.get(name, ()), *(own if is_unusual else ()))
    count = next((name for name in COUNTS if name in table), None)
    lengths = {} if count is None else dict(zip(names, table[count].astype(int).tolist(), strict=True))
    return FrameLabels(series, lengths)


def _of_each_row(table: pd.DataFrame, path: str) -> PointLabels | None:
    """Labels of a table with one of 0 and 1 in each row, and no time but a count."""
    name = next((name for name in LABELS if name in table), None)
    point = next((name for name in POINTS if name in table), None)
    if name is None or table[name].isna().any() or called(table, STARTS):
        return None
    labels = pd.to_numeric(table[name], errors="coerce")
    if not labels.isin([0, 1]).all():
        return None
    if point is not None:
        counts = pd.to_numeric(table[point], errors="coerce")
        if counts.isna().any() or (counts >= LATEST).any():
            return None
    elif any(_all_moments(table[other]) for other in table.columns if other != name):
        return None
    return PointLabels(path, tuple(labels.astype(int).tolist()))
