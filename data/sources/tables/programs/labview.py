"""Measurement files of LabVIEW (.lvm): headers that say how rows are written and when they begin, then rows, once or
for each segment.

Source: NI, "Specification for the LabVIEW Measurement File (.lvm)".
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from data.sources.base import TableError

MAGIC = "LabVIEW Measurement"
END = "***End_of_Header***"
SINCE_1904_S = 2_082_844_800.0  # from there to 1970
ABSOLUTE_S = 2e9  # what X is beyond counts from 1904
SEPARATORS = {"tab": "\t", "comma": ","}


def read_lvm(text: str) -> tuple[pd.DataFrame, str]:
    """Time and the channels of all segments, and what to say of it.

    Times are those of the clock where it was measured, without a zone. Raises TableError where there is no row.
    """
    lines = text.splitlines()
    facts = _facts(lines[: next((i for i, line in enumerate(lines) if line.startswith(END)), 0)], None)
    separator = SEPARATORS.get(facts.get("separator", ["tab"])[0].lower(), "\t")
    facts = _facts(lines[: next((i for i, line in enumerate(lines) if line.startswith(END)), 0)], separator)
    parts = [_segment(head, rows, facts) for head, rows in _segments(lines, separator)]
    parts = [part for part in parts if len(part)]
    if not parts:
        raise TableError("it holds no row below its headers")
    count = f" of {len(parts)} segments" if len(parts) > 1 else ""
    return pd.concat(parts, ignore_index=True), f"LabVIEW measurement{count}"


def _facts(lines: list[str], separator: str | None) -> dict[str, list[str]]:
    """Cells behind each key of a header."""
    cells = [line.split(separator) for line in lines if line.strip()]
    return {row[0].strip().lower(): [cell.strip() for cell in row[1:]] for row in cells if row}


def _segments(lines: list[str], separator: str) -> Iterator[tuple[dict, list[list[str]]]]:
    """The header, with the names under "names", and the rows of each segment."""
    ends = [i for i, line in enumerate(lines) if line.startswith(END)]
    begin = ends[0] + 1 if ends else len(lines)
    for end in ends[1:]:
        following = next((i for i in range(end + 1, len(lines)) if lines[i].startswith("Channels")), len(lines))
        head = _facts(lines[begin:end], separator)
        rows = [line.split(separator) for line in lines[end + 1 : following] if line.strip()]
        yield head | {"names": rows[0] if rows else []}, rows[1:]
        begin = following


def _segment(head: dict, rows: list[list[str]], facts: dict) -> pd.DataFrame:
    names = [name.strip() for name in head["names"]]
    if not rows or not names:
        return pd.DataFrame()
    count = int(_number(head["channels"][0])) if head.get("channels") else len(names) - 1
    has_several_x = facts.get("x_columns", ["One"])[0].lower() == "multi"
    places = [1 + 2 * i if has_several_x else 1 + i for i in range(count)]
    decimal = facts.get("decimal_separator", ["."])[0] or "."
    table = pd.DataFrame([row + [""] * (len(names) - len(row)) for row in rows])
    numbers = {
        place: pd.to_numeric(table[place].str.strip().str.replace(decimal, ".", regex=False), errors="coerce")
        for place in (0, *places)
        if place in table
    }
    channels = {names[place] or f"channel {i}": numbers[place] for i, place in enumerate(places) if place in numbers}
    return pd.DataFrame({"time": _times(numbers[0].to_numpy(np.float64), head, facts, decimal)} | channels)


def _times(x_s: np.ndarray, head: dict, facts: dict, decimal: str) -> np.ndarray:
    """Times (N,) datetime64[us] of X, or of the rows in turn where it is not written; s where there is no date."""

    def first(key: str, default: str) -> str:
        return next((cell for cell in head.get(key, []) if cell), default).replace(decimal, ".")

    if not np.isfinite(x_s).any():
        x_s = _number(first("x0", "0")) + _number(first("delta_x", "1")) * np.arange(len(x_s))
    if np.nanmin(x_s) > ABSOLUTE_S:
        return np.datetime64(0, "us") + np.round(1e6 * (x_s - SINCE_1904_S)).astype("timedelta64[us]")
    date = first("date", (facts.get("date") or [""])[0]).replace("/", "-")
    clock = first("time", (facts.get("time") or [""])[0].replace(decimal, "."))
    try:
        begin = np.datetime64(f"{date}T{clock[:15]}", "us")
    except ValueError:
        return x_s
    since = np.where(np.isfinite(x_s), np.round(1e6 * np.nan_to_num(x_s)), np.iinfo(np.int64).min)
    return begin + since.astype(np.int64).astype("timedelta64[us]")


def _number(text: str) -> float:
    return float(text.replace(",", "."))
