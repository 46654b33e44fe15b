"""Long tables, a row for each value of each sensor, as wide ones, a row for each time."""

import pandas as pd

from data.sources.tables.device_names import SENSOR_NAMES, plain_name
from data.sources.times.texts import looks_like_time

IN_WORDS = ("quantity", "measurement", "field", "series", "signal", "metric", "variable", "parameter")  # else values
VALUE_NAMES = ("value", "val", "reading", "measurement", "y", "values", "state")
VALUE_NAMES += ("floatvalue", "intvalue", "varvalue", "metric_value", "countervalue")
MOST_SENSORS = 2000
MOST_SETTINGS = 8  # different numbers beside the values of a sensor, as its place or its limits


def wide(table: pd.DataFrame, time: str) -> tuple[pd.DataFrame, str, list[tuple[str, str]]]:
    """The table with a column for each sensor, what was made of it, and the rows that have no place, with the reason.

    It is the same table, and "", where it has no column of sensors and one of values, or where nearly every time comes
    once. Of several values of a sensor at a time the first counts.
    """
    names = {plain_name(name): name for name in reversed(table.columns) if name != time}
    sensor = next((names[known] for known in SENSOR_NAMES if known in names), None)
    value = next((names[known] for known in VALUE_NAMES if known in names and names[known] != sensor), None)
    if sensor is None or value is None or pd.api.types.is_float_dtype(table[sensor]):
        return table, "", []
    if plain_name(sensor) in IN_WORDS and pd.api.types.is_numeric_dtype(table[sensor]):
        return table, "", []
    if _has_further_values(table, sensor, value, [name for name in table.columns if name not in (time, sensor, value)]):
        return table, "", []
    count = table[sensor].nunique()
    if not 1 < count <= MOST_SENSORS or (table[time].nunique() > 0.9 * len(table) and count > 0.5 * len(table)):
        return table, "", []
    keys = table[[time, sensor]].astype("string")
    again = keys.duplicated() & keys.notna().all(axis=1)
    lost = [(f"row {row + 1}", f"same time and {sensor} as another row") for row in again.to_numpy().nonzero()[0]]
    kept = table[~again & keys.notna().all(axis=1)]
    found = kept.pivot(index=time, columns=sensor, values=value)
    found = found.reindex(kept[time].drop_duplicates())  # in the order of the file
    found = found[list(dict.fromkeys(kept[sensor]))].rename(columns=str)
    left = [str(name) for name in table.columns if name not in (time, sensor, value)]
    remark = f"{count} variables from the rows' {sensor}" + (f", without {', '.join(left[:5])}" if left else "")
    return found.rename_axis(columns=None).reset_index(), remark, lost


def _has_further_values(table: pd.DataFrame, sensor: str, value: str, others: list[str]) -> bool:
    """Whether rows hold more than one value each, as the axes x, y and z of a sensor: another column of numbers as fine
    as the values', which changes while its sensor stays the same, or the axes beside a `y`.
    """
    plain = {plain_name(name) for name in others if pd.api.types.is_numeric_dtype(table[name])}
    if plain_name(value) == "y" and plain & {"x", "z"}:
        return True
    fine = [name for name in others if pd.api.types.is_float_dtype(table[name]) and (table[name].dropna() % 1).any()]
    return any((table.groupby(sensor)[name].nunique() > MOST_SETTINGS).any() for name in fine)


def without_marks(table: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """A table without rows of sensors in dollar signs, by which WinCC marks its own start and end; and these."""
    for name in (name for name in table.columns if plain_name(name) in SENSOR_NAMES):
        marks = table[name].astype("string").str.fullmatch(r"\$\w+\$").fillna(False).to_numpy(bool)
        if marks.any() and not marks.all():
            lost = [(f"row {row + 1}", "a mark of the program that wrote it") for row in marks.nonzero()[0]]
            return table[~marks].reset_index(drop=True), lost
    return table, []


def named_as_long(table: pd.DataFrame) -> pd.DataFrame:
    """A table of three columns without names, as logs of MQTT are, with names: where one holds words that come again,
    one numbers, and the first times or numbers that rise, they are `sensor` and `value`.
    """
    if table.shape[1] != 3:
        return table
    first, *others = table.columns
    words = [name for name in others if not pd.api.types.is_numeric_dtype(table[name])]
    if len(words) != 1 or not _comes_again(table[words[0]].dropna().astype("string")):
        return table
    is_number = pd.api.types.is_numeric_dtype(table[first])
    if not (table[first].is_monotonic_increasing if is_number else all(map(looks_like_time, table[first].head(20)))):
        return table
    return table.rename(columns={words[0]: "sensor", next(name for name in others if name != words[0]): "value"})


def _comes_again(words: pd.Series) -> bool:
    """Whether there are words that come again, and they are no times."""
    different = words.unique()
    return len(words) > 1 and len(different) <= 0.5 * len(words) and not any(map(looks_like_time, different[:20]))
