"""Long tables, a row for each value of each sensor, as wide ones, a row for each time."""

import pandas as pd

from data.sources.times.texts import looks_like_time

SENSOR_NAMES = (
    "sensor",
    "sensor_id",
    "sensorid",
    "variable",
    "metric",
    "name",
    "tag",
    "tagname",
    "parameter",
    "channel",
)
SENSOR_NAMES += ("field", "signal", "series", "unique_id", "item_id", "measurement", "quantity", "id", "entity_id")
SENSOR_NAMES += ("tagpath", "tag_name", "varname", "itemid", "point", "point_name", "metric_name", "countername")
IN_WORDS = ("quantity", "measurement", "field", "series", "signal", "metric", "variable", "parameter")  # else values
VALUE_NAMES = ("value", "val", "reading", "measurement", "y", "values", "state")
VALUE_NAMES += ("floatvalue", "intvalue", "varvalue", "metric_value", "countervalue")
MOST_SENSORS = 2000


def wide(table: pd.DataFrame, time: str) -> tuple[pd.DataFrame, str, list[tuple[str, str]]]:
    """The table with a column for each sensor, what was made of it, and the rows that have no place, with the reason.

    It is the same table, and "", where it has no column of sensors and one of values, or where nearly every time comes
    once. Of several values of a sensor at a time the first counts.
    """
    names = {str(name).lower().strip("_ "): name for name in reversed(table.columns) if name != time}
    sensor = next((names[known] for known in SENSOR_NAMES if known in names), None)
    value = next((names[known] for known in VALUE_NAMES if known in names and names[known] != sensor), None)
    if sensor is None or value is None or pd.api.types.is_float_dtype(table[sensor]):
        return table, "", []
    if str(sensor).lower().strip("_ ") in IN_WORDS and pd.api.types.is_numeric_dtype(table[sensor]):
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


def without_marks(table: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """A table without rows of sensors in dollar signs, by which WinCC marks its own start and end; and these."""
    for name in (name for name in table.columns if str(name).lower().strip("_ ") in SENSOR_NAMES):
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
