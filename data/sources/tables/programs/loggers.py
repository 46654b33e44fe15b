"""Text of seismology and loggers without names of columns: SLIST and TSPAIR, Campbell's arrays, Empatica's E4.

Sources: EarthScope, simple ASCII formats (SLIST, TSPAIR); Campbell Scientific, manual of the CR10X (output arrays).
"""

import re
from collections import Counter

import numpy as np
import pandas as pd

from data.sources.base import TableError
from data.units import is_unit

_STREAM = re.compile(
    r"^TIMESERIES (?P<name>[^,\s]+)\s*,\s*(?P<count>\d+) samples,\s*(?P<rate>[\d.eE+-]+) sps,\s*(?P<start>[^,\s]+),\s*"
    r"(?P<form>SLIST|TSPAIR),[ \t]*(?:[A-Z]+\d*)?[, ]*(?P<unit>[^\r\n]*)$",
    re.MULTILINE,
)
_ARRAY = re.compile(r"\d{1,4},(?:19|20)\d\d,\d{1,3},\d{1,4},")
# Empatica E4: a line with the start of each column, one with its rate, and values.
_WRISTBAND = re.compile(
    r"(?P<start>1\d{9}(?:\.\d+)?)(?P<more>, ?(?P=start))*\r?\n(?P<rate>\d{1,3}(?:\.\d+)?)(?:, ?(?P=rate))*\r?\n"
)
LOOKED_AT = 200  # lines


def is_of_logger(text: str) -> bool:
    """Whether a text begins as `read_logger` knows it."""
    return bool(_STREAM.match(text) or _WRISTBAND.match(text)) or _are_arrays(text.splitlines()[:LOOKED_AT])


def read_logger(text: str) -> tuple[pd.DataFrame, str]:
    """The table of a whole text, and what it is. Raises TableError where its rows are not as its begin says."""
    if found := _WRISTBAND.match(text):
        return _wristband(text, found)
    return _streams(text) if _STREAM.match(text) else _arrays(text)


def _wristband(text: str, head: re.Match) -> tuple[pd.DataFrame, str]:
    rows = [line.split(",") for line in text[head.end() :].splitlines() if line.strip()]
    values = pd.DataFrame(rows).apply(pd.to_numeric, errors="coerce")
    names = ["value"] if values.shape[1] == 1 else [f"value_{place}" for place in range(values.shape[1])]
    start, rate_hz = float(head["start"]), float(head["rate"]) or 1.0
    times = np.round(1e6 * (start + np.arange(len(values)) / rate_hz)).astype(np.int64).astype("datetime64[us]")
    table = pd.DataFrame({"time": times}).join(values.set_axis(names, axis=1))
    return table, f"samples of a wristband at {rate_hz:g} Hz, with times from their start and rate"


def _streams(text: str) -> tuple[pd.DataFrame, str]:
    """Samples below a line that tells their start and rate, in one or several stretches."""
    heads = list(_STREAM.finditer(text))
    if len(names := dict.fromkeys(head["name"] for head in heads)) > 1:
        raise TableError(f"it holds {len(names)} streams ({', '.join([*names][:4])}); give each a file of its own")
    ends = [head.start() for head in heads[1:]] + [len(text)]
    parts = [_stretch(head, text[head.end() : end].split()) for head, end in zip(heads, ends, strict=True)]
    times, values = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    name, unit = heads[0]["name"], heads[0]["unit"].strip()
    column = f"{name} [{unit}]" if is_unit(unit) else name
    return pd.DataFrame({"time": times, column: values}), f"{heads[0]['form']} of seismology"


def _stretch(head: re.Match, cells: list[str]) -> tuple[np.ndarray, np.ndarray]:
    values = np.array(cells[1::2] if head["form"] == "TSPAIR" else cells, np.float64)
    if len(values) > int(head["count"]):
        raise TableError(f"{len(values)} samples follow {head[0][:60]!r}, which says {head['count']}")
    passed = np.round(1e6 * np.arange(len(values)) / float(head["rate"])).astype("timedelta64[us]")
    return np.datetime64(head["start"].rstrip("Z"), "us") + passed, values


def _are_arrays(lines: list[str]) -> bool:
    """Whether rows begin with the number of an array, year, day of year and HHMM, and not with year, month and day."""
    rows = [line.split(",") for line in lines if line.strip()]
    if len(rows) < 4 or not all(map(_ARRAY.match, lines[: len(rows)])):
        return False
    days, clocks = (np.array([int(row[place]) for row in rows]) for place in (2, 3))
    may_be = days.min() >= 1 and days.max() <= 366 and clocks.max() <= 2400 and (clocks % 100 < 60).all()
    is_other = days.max() <= 12 and clocks.max() <= 31
    times = [(row[1], day, clock) for row, day, clock in zip(rows, days, clocks, strict=True)]
    return bool(may_be and not is_other and times == sorted(times) and len({row[0] for row in rows}) < len(rows) / 2)


def _arrays(text: str) -> tuple[pd.DataFrame, str]:
    """The rows of the array that comes most often."""
    rows = [line.split(",") for line in text.splitlines() if line.strip()]
    (array, count), *others = Counter(row[0] for row in rows).most_common()
    width = Counter(len(row) for row in rows if row[0] == array).most_common(1)[0][0]
    own = pd.DataFrame([row[1:] for row in rows if row[0] == array and len(row) == width])
    own = own.apply(pd.to_numeric, errors="coerce")
    own.columns = ["year", "doy", "hhmm", *(f"column_{place}" for place in range(4, width))]
    left = [f"{n} rows of array {number}" for number, n in others]
    left += [f"{count - len(own)} rows of another length"] if len(own) < count else []
    told = f"array {array} of a Campbell logger"
    return own, f"{told}; left out: {', '.join(left)}; give them files of their own" if left else told
