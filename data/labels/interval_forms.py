"""Tables of intervals in other forms than start,end, brought to that: names of one's own, two times in a cell, a row
for each change of a state, no names at all, lists in cells.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from data.sources.times.texts import CLOCK_ALONE, looks_like_time

BEGIN, END = ("start", "begin", "onset"), ("end", "stop", "finish")  # in names, of which one is as the other
_BETWEEN = (" - ", " – ", " — ", "–", "..", " to ", " bis ", " until ", "/")  # what stands between two times
ON = frozenset(["start", "started", "begin", "began", "on", "active", "activated", "raised", "raise", "set", "alarm"])
ON |= {"onset", "open", "opened", "problem", "firing", "triggered", "occurred", "appeared", "fault", "down"}
OFF = frozenset(["end", "ended", "stop", "stopped", "off", "inactive", "deactivated", "cleared", "clear", "reset"])
OFF |= {"finish", "finished", "close", "closed", "resolved", "recovered", "ok", "normal", "gone", "up", "rtn"}
OF_ROWS = ("index", "idx", "row", "i", "sample", "frame", "frames")  # what bounds are called that are no times
OF_MEDIA = ("media_file_path", "media_file_name", "media_file")  # BORIS' names for the clip, which changes are within
_UNIX = re.compile(r"\d{9,19}(?:\.\d+)?")


def is_moment(cell: str) -> bool:
    """Whether a cell is a time, of which a name is none."""
    return looks_like_time(cell.strip()) or bool(_UNIX.fullmatch(cell.strip()))


def names_of_none(cells: list[str]) -> list[str] | None:
    """Names for a table whose first line is a row: that of a time, or of two; None where it holds names."""
    if not cells or not is_moment(cells[0]):
        return None
    first = ["start", "end"] if len(cells) > 1 and is_moment(cells[1]) else ["time"]
    return first + [f"column_{number}" for number in range(len(first), len(cells))]


def with_bounds(table: pd.DataFrame, points: tuple[str, ...], labels: tuple[str, ...]) -> pd.DataFrame:
    """A table without names of bounds that are known, with the columns start and end where it tells them otherwise.

    points, labels: names of columns of moments, and of what they are.
    """
    if nested := _nested(table):
        return pd.DataFrame(nested).astype(object)
    if alike := _named_alike(list(table.columns)):
        return table.rename(columns=dict(zip(alike, ("start", "end"), strict=True)))
    point = next((name for name in points if name in table), None)
    if point is not None:
        return table if set(labels) & set(table.columns) else _switched(table, point)
    for name in table.columns:
        if pairs := _two_in_a_cell(table[name]):
            starts, ends = zip(*pairs, strict=True)
            return table.loc[table[name].notna()].drop(columns=name).assign(start=starts, end=ends)
    return table


def bounds_within(value: Any) -> Iterator[dict[str, Any]]:
    """The objects with a start and an end, wherever they stand in JSON: Label Studio's results."""
    if isinstance(value, dict) and {"start", "end"} <= value.keys():
        yield {"start": value["start"], "end": value["end"]}
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from bounds_within(inner)


def _nested(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of the intervals that stand as JSON in the cells of a column; [] where none do."""
    for name in table.columns:
        cells = table[name].dropna().astype(str)
        if len(cells) and cells.str.match(r"\s*\[\s*\{").all():
            try:
                return [row for cell in cells for row in bounds_within(json.loads(cell))]
            except ValueError:
                return []
    return []


def _named_alike(names: list[str]) -> tuple[str, str] | None:
    """The first two names that differ by a word for the begin and one for the end: t_start, t_end."""
    for name in names:
        for begin in () if {*name.split("_")} & {*OF_ROWS} else BEGIN:
            other = next((o for end in END if begin in name and (o := name.replace(begin, end)) in names), None)
            if other is not None:
                return name, other
    return None


def _two_in_a_cell(column: pd.Series) -> list[tuple[str, str]]:
    """Begin and end of each cell, where all hold two times; else []."""
    cells = column.dropna().astype(str).str.strip().tolist()
    for sign in _BETWEEN if cells else ():
        parts = [cell.split(sign) for cell in cells]
        if all(len(part) == 2 and _are_bounds(*map(str.strip, part)) for part in parts):
            return [(first.strip(), last.strip()) for first, last in parts]
    return []


def _are_bounds(first: str, last: str) -> bool:
    return is_moment(first) and (is_moment(last) or bool(CLOCK_ALONE.fullmatch(last)))


def _switched(table: pd.DataFrame, point: str) -> pd.DataFrame:
    """The intervals of a table with a row for each change (raised, cleared), of each alarm by itself; another table as
    it is. What begins and does not end, or only ends, is a moment.
    """
    words = table.astype("string").apply(lambda cells: cells.str.strip().str.lower())
    states = [name for name in table.columns if name != point and _are_states(set(words[name].dropna()))]
    if len(states) != 1:
        return table
    others = [name for name in table.columns if name not in (point, states[0]) and _tells_alarms(words[name])]
    alarms = words[others].fillna("").agg("|".join, axis=1) if others else pd.Series("", table.index)
    clip = next((name for name in OF_MEDIA if name in table), None)
    found: list[tuple[Any, ...]] = []
    for _, rows in table.assign(is_on=words[states[0]].isin(ON)).groupby(alarms, sort=False):
        began, own = None, () if clip is None else (rows[clip].iloc[0],)
        for time, is_on in zip(rows[point], rows["is_on"], strict=True):
            if is_on:
                began = began if began is not None else time
            else:
                found.append((time if began is None else began, time, *own))
                began = None
        found += [(began, began, *own)] if began is not None else []
    return pd.DataFrame(found, columns=["start", "end", *([] if clip is None else [clip])]).astype(object)


def _are_states(words: set[str]) -> bool:
    return bool(words & ON and words & OFF and words <= ON | OFF)


def _tells_alarms(words: pd.Series) -> bool:
    """Whether each word of a column comes again, and is none of numbers."""
    known = words.dropna()
    return bool(len(known) and known.duplicated(keep=False).all() and not known.str.fullmatch(r"[-\d.,]+").any())
