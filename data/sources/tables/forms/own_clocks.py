"""Tables in which every variable has times of its own in the column before it, as historians export them."""

import itertools
import re
from dataclasses import replace

import pandas as pd

from config import PrepConfig
from data.sources.tables.text_table import TextTable, unlike_names
from data.sources.times.column import NAMES_OF_TIME, is_nameless, is_text, spread
from data.sources.times.texts import looks_like_time

FEWEST_ROWS = 4


def by_own_clock(read: TextTable, prep: PrepConfig) -> dict[str, TextTable]:
    """A table for each column of times and the variables behind it, "" where there is one such column, or all hold the
    same times.

    The columns of times are called alike, but for a number or the name of their variable: `T1 Time`, `T1 Value`,
    `T2 Time`, `T2 Value`. Others, as `created` and `updated`, may be about one and the same row.
    """
    table = read.table
    if prep.time_column or prep.value_columns or table.shape[1] < 4 or len(table) < FEWEST_ROWS:
        return {"": read}
    names = list(table.columns)
    places = [place for place, name in enumerate(names) if _are_times(table[name])]
    if len(places) < 2 or places[0] != 0:
        return {"": read}
    groups = [names[begin:end] for begin, end in itertools.pairwise([*places, len(names)])]
    if all(len(group) == 2 and is_nameless(group[1]) and not is_nameless(group[0]) for group in groups):
        table = table.set_axis([name for k, (tag, _) in enumerate(groups) for name in (f"time {k}", tag)], axis=1)
        groups = [[f"time {k}", tag] for k, (tag, _) in enumerate(groups)]  # tags that stand over time and value
    if min(map(len, groups)) < 2 or len({_kind(*group) for group in groups}) > 1:
        return {"": read}
    first, *others = (table[group[0]] for group in groups)
    if all(first.astype("string").equals(other.astype("string")) for other in others):
        return {"": replace(read, table=table.drop(columns=[group[0] for group in groups[1:]]))}
    told = (*read.told, f"{len(groups)} columns of times, as {groups[0][0]}: each with those behind it is a series")
    parts = unlike_names([group[1] if len(group) == 2 else group[0] for group in groups])
    found, lost = {}, read.lost
    for part, group in zip(parts, groups, strict=True):
        own = table[group].dropna(how="all").rename(columns={group[0]: "time"}).infer_objects()
        found[part], lost = replace(read, table=own.reset_index(drop=True), told=told, lost=lost), ()
    return found


def _are_times(column: pd.Series) -> bool:
    """Whether a column holds times: dates, or rising numbers below a name of time."""
    if column.dtype.kind == "M":
        return True
    if is_text(column):
        cells = spread(column)
        return bool(cells) and sum(map(looks_like_time, cells)) > 0.9 * len(cells)
    is_named = column.dtype.kind in "iuf" and NAMES_OF_TIME.search(" ".join(_words(column.name)))
    return bool(is_named) and bool((column.dropna().diff().iloc[1:] > 0).all()) and column.notna().sum() >= FEWEST_ROWS


def _words(name: object) -> list[str]:
    return [word for word in re.split(r"[\W_\d]+", str(name).lower()) if word]


def _kind(time: str, *variables: str) -> frozenset[str]:
    """The words of a column of times that are not those of the variables behind it."""
    return frozenset(_words(time)) - {word for name in variables for word in _words(name)}
