"""Rows of several devices in one table, which a column tells apart: they are no samples of one series."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.tables.device_names import COUNTED, DEVICES, NUMBERED, plain_name
from data.sources.tables.forms.long_table import MOST_SENSORS
from data.sources.tables.forms.runs import tells_runs
from data.sources.tables.text_table import TextTable
from data.sources.tables.values.clock_again import clocks_again
from data.sources.tables.variables import counts_rows
from data.sources.times.cells import times_of
from data.sources.times.column import is_nameless, is_text
from data.sources.times.parts import of_panel

_WITH_UNIT = r"[-+]?\d+(?:[.,]\d+)?\s?(?:[%°]|[A-Za-zµ°]{1,3}(?:/\w+)?)"
FEWEST = 4  # rows of a device
TIME = "time of the row"
MOST_KEYS_TRIED = 8  # columns of words, of which some may tell devices together
MOST_DEVICES = 64  # of which each becomes a series
MOST_AGAIN = 0.1  # of the rows that may repeat a time and device all the same
MOST_STAY = 0.5  # of the rows of a column without a name, from which its words are those of devices
ALIGNED = 0.75  # cells of a table with a column for each device that have to be filled


def by_device(read: TextTable, time: pd.Series, labels: str | None, prep: PrepConfig) -> dict[str, TextTable]:
    """The tables of the devices in a table, "" where it is of one; of devices that tell the same times one wide table.

    time: its cells' times. labels: its column of labels, which each device has its own of.
    """
    keys = device_columns(read.table, time, prep)
    if not keys:
        return {"": read}
    table, device = joined(without_counts(read.table, time, keys, prep), keys)
    count = table[device].nunique()
    is_aligned = len(table) >= ALIGNED * count * time.nunique()
    is_aligned &= not (tells_runs(device) and times_of(time, prep).utc is None)
    if is_aligned and labels is None and time.name in table.columns and not prep.value_columns:
        wide, again = _side_by_side(table, device, str(time.name))
        remark = f"the rows of {count} {device} side by side"
        return {"": replace(read, table=wide, lost=(*read.lost, *again), told=(*read.told, remark))}
    told = (*read.told, f"of {count} {device} in its rows, each is a series")
    groups = table.groupby(table[device].astype("string"), sort=False)
    apart = {str(name): group.drop(columns=device).reset_index(drop=True) for name, group in groups}
    lost = dict.fromkeys(apart, ()) | {next(iter(apart)): read.lost}
    return {name: replace(read, table=own, told=told, lost=lost[name]) for name, own in apart.items()}


def by_panel(read: TextTable, labels: str | None, prep: PrepConfig) -> dict[str, TextTable]:
    """As `by_device`, of a table whose years (and months or quarters) come again for each of many countries, firms ...;
    {} of others.
    """
    time, notes = of_panel(read.table)
    if time is None or prep.value_columns:
        return {}
    name = next(iter(notes)) if len(notes) == 1 else "time"
    beside = _numbers_before(read.table, next(iter(notes)))
    table = read.table.drop(columns=list(notes)).assign(**{name: time})
    table = table.assign(**{beside: table[beside].astype("string")}) if beside else table
    table = without_counts(table, table[name], [], prep)
    panel = replace(read, table=table.sort_values(name, kind="stable", ignore_index=True))
    found = by_device(panel, panel.table[name], labels, prep)
    return {} if found.get("") is panel else found


def _numbers_before(table: pd.DataFrame, year: str) -> str:
    """The column of whole numbers right before that of the years, as panels have those of firms; "" where it counts
    the rows, or is none.
    """
    place = list(table.columns).index(year)
    name = str(table.columns[place - 1]) if place else ""
    return name if name and table[name].dtype.kind in "iu" and not counts_rows(name, table[name]) else ""


def device_columns(table: pd.DataFrame, time: pd.Series, prep: PrepConfig) -> list[str]:
    """The column that tells devices apart, or up to three of words that do together, as store and item; [] where none
    do. More than MOST_DEVICES must have nearly all times, and make MOST_SENSORS variables at most, side by side.
    """
    if (device := device_column(table, time, prep)) is not None:
        return [device]
    words = [name for name in table.columns if name != time.name and is_text(table[name])]
    words = [name for name in words if 1 < table[name].nunique() <= MOST_SENSORS and table[name].notna().all()]
    words = [name for name in words if not _hold_numbers(table[name])]
    repeats, aligned = time.nunique() < (1 - MOST_AGAIN) * time.notna().sum(), ALIGNED * time.nunique()
    for count in range(1, 4) if repeats and len(words) <= MOST_KEYS_TRIED else ():
        for keys in map(list, itertools.combinations(words, count)):
            devices = len(table[keys].drop_duplicates())
            side_by_side = MOST_SENSORS // (table.shape[1] - count) if len(table) >= aligned * devices else 0
            most = max(MOST_DEVICES, side_by_side)
            again = table[keys].assign(**{TIME: time}).duplicated().mean()
            if again <= MOST_AGAIN and devices <= most and len(table) >= FEWEST * devices:
                return keys
    return []


def joined(table: pd.DataFrame, keys: list[str]) -> tuple[pd.DataFrame, str]:
    """The table with one column in place of those that tell devices apart together, and its name."""
    if len(keys) == 1:
        return table, keys[0]
    words = table[keys].astype("string").agg(" ".join, axis=1)
    return table.drop(columns=keys).assign(**{" and ".join(keys): words}), " and ".join(keys)


def without_counts(table: pd.DataFrame, time: pd.Series, keys: list[str], prep: PrepConfig) -> pd.DataFrame:
    """The table without what counts its rows or tells their times once more: of each device it would be a variable."""
    if prep.value_columns:
        return table
    known = dict.fromkeys([*keys, str(time.name)], "")
    first = str(table.columns[0])
    counts = [first] if first not in known and counts_rows(first, table[first]) else []
    return table.drop(columns=[*counts, *clocks_again(table, known, times_of(time, prep).utc)])


def device_column(table: pd.DataFrame, time: pd.Series, prep: PrepConfig) -> str | None:
    """The column that tells devices apart: as times come again for each, or by its name where their times lie side by
    side; numbers are told by a name that no variable has.
    """
    repeats = time.nunique() < (1 - MOST_AGAIN) * time.notna().sum()
    for name in table.columns:
        cells = table[name]
        plain = plain_name(name)
        is_known = plain in DEVICES if is_text(cells) else plain in NUMBERED and cells.dtype.kind in "iu"
        is_known |= is_nameless(name) and is_text(cells) and _takes_turns(cells)
        is_word = repeats and is_text(cells) and not _hold_numbers(cells)
        if name == time.name or not (is_known or is_word or (repeats and _numbers_each(table, name, time))):
            continue
        if not 1 < cells.nunique() <= MOST_DEVICES or len(table) < FEWEST * cells.nunique():
            continue
        again = pd.DataFrame({"time": time, "device": cells}).duplicated().mean()
        others = (other for other in table.columns if other not in (name, time.name))
        if not any(_is_mostly_numbers(table[other]) for other in others):
            continue
        if again <= MOST_AGAIN and (repeats or _side_by_side_in_time(time, cells, prep)):
            return str(name)
    return None


def _takes_turns(cells: pd.Series) -> bool:
    """Whether words change from most rows to the next, as ACC and GYR before each, and as no state does."""
    return bool((cells.iloc[1:].to_numpy() != cells.iloc[:-1].to_numpy()).mean() >= MOST_STAY)


def _hold_numbers(cells: pd.Series) -> bool:
    """Whether words are numbers with a digit first, as 45 %, of which no two rows have to be alike."""
    known = cells.dropna().astype("string").str.strip()
    return bool(len(known) and known.str.fullmatch(_WITH_UNIT).all())


def _numbers_each(table: pd.DataFrame, name: str, time: pd.Series) -> bool:
    """Whether whole numbers of a fitting name come once at each time that has a clock, as of cores or cards."""
    cells = table[name]
    has_clocks = not is_text(time) or time.dropna().astype("string").head(FEWEST).str.contains(":").all()
    if plain_name(name) not in COUNTED or not has_clocks or cells.dtype.kind not in "iu":
        return False
    if not 1 < (count := cells.nunique()) <= MOST_DEVICES:
        return False
    is_counted = cells.min() in (0, 1) and cells.max() - cells.min() == count - 1
    at_each = cells.groupby(time.to_numpy()).agg(["nunique", "size"])
    return bool(is_counted and len(at_each) >= FEWEST and (at_each == count).all(axis=None))


def _side_by_side_in_time(time: pd.Series, device: pd.Series, prep: PrepConfig) -> bool:
    """Whether the times of all devices have a moment in common, so that none only follows another."""
    times = times_of(time, prep)
    seconds = times.seconds if times.utc is None else times.utc.astype("datetime64[ms]").astype(np.float64)
    known = pd.Series(np.where(times.reasons == "", seconds, np.nan)).groupby(device.to_numpy())
    return bool(known.min().max() < known.max().min())


def _side_by_side(table: pd.DataFrame, device: str, time: str) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """A column for each variable of each device, and the rows that have no place, with the reason."""
    keys = table[[time, device]].astype("string")
    again = keys.duplicated() & keys.notna().all(axis=1)
    lost = [(f"row {row + 1}", f"same time and {device} as another row") for row in again.to_numpy().nonzero()[0]]
    kept = table[~again & keys.notna().all(axis=1)]
    values = [name for name in kept.columns if name not in (time, device) and _is_mostly_numbers(kept[name])]
    found = kept.pivot(index=time, columns=device, values=values).reindex(kept[time].drop_duplicates())
    order = [(value, own) for own in dict.fromkeys(kept[device]) for value in values]
    found = found[order]
    found.columns = [str(own) if len(values) == 1 else f"{own} {value}" for value, own in order]
    return found.reset_index(), lost


def _is_mostly_numbers(column: pd.Series) -> bool:
    if column.dtype.kind in "biuf":
        return True
    are_numbers = pd.to_numeric(column, errors="coerce").notna().sum() > 0.5 * max(1, column.notna().sum())
    return is_text(column) and bool(are_numbers or _hold_numbers(column))
