"""Files of instruments that are told by how they begin, and whose times stand nowhere in their rows."""

import io
import re

import numpy as np
import pandas as pd

from data.sources.base import TableError
from data.sources.tables.programs.loggers import is_of_logger, read_logger
from data.sources.tables.programs.nem12 import is_nem12, read_nem12

_RIGOL = re.compile(
    r"X,(?P<names>[^\r\n]*?),Start,Increment,?\r?\n[^\r\n]*?,(?P<start>[-+.\deE]+),(?P<step>[-+.\deE]+),?\r?\n"
)
_RIGOL_DHO = re.compile(
    r"(?P<names>[^\r\n]*?),\s*t0\s*=\s*(?P<start>[-+.\deE]+)s?,\s*tInc\s*=\s*(?P<step>[-+.\deE]+)s?[,\s]*\r?\n",
    re.IGNORECASE,
)
_TEKTRONIX = re.compile(r'"?Record Length"?,"?[\d.eE+]+"?,[^,\r\n]*,\s*[-+.\deE]+,\s*[-+.\deE]+,?\r?\n')
_TEKTRONIX_SOURCE = re.compile(r'^"?Source"?,"?(\w+)', re.MULTILINE)
_DST = re.compile(
    r"^DST(?P<year>\d\d)(?P<month>\d\d)\*(?P<day>\d\d).{4}(?P<century>[\d ]{2})(?P<base>[\d -]{4})", re.MULTILINE
)
DST_MISSING = 9999


def is_of_instrument(text: str) -> bool:
    """Whether a text begins as `read_instrument` knows it."""
    return (
        any(form.match(text) for form in (_RIGOL, _RIGOL_DHO, _TEKTRONIX, _DST)) or is_nem12(text) or is_of_logger(text)
    )


def read_instrument(text: str) -> tuple[pd.DataFrame, str]:
    """The table of a whole text, and what it is. Raises TableError where its rows are not as its begin says."""
    if found := _RIGOL.match(text):
        names = found["names"].split(",")
        values = pd.read_csv(io.StringIO(text[found.end() :]), header=None, usecols=range(1 + len(names)))
        seconds = float(found["start"]) + float(found["step"]) * values[0]
        columns = {name: values[i + 1] for i, name in enumerate(names)}
        return pd.DataFrame({"time_s": seconds} | columns), "Rigol's samples, with times from their start and increment"
    if found := _RIGOL_DHO.match(text):
        names = [name.strip() for name in found["names"].split(",")]
        values = pd.read_csv(io.StringIO(text[found.end() :]), header=None, usecols=range(len(names)))
        seconds = float(found["start"]) + float(found["step"]) * np.arange(len(values))
        told = "Rigol's samples, with times from their start and increment"
        return pd.DataFrame({"time_s": seconds} | {name: values[i] for i, name in enumerate(names)}), told
    if is_nem12(text):
        return read_nem12(text)
    if is_of_logger(text):
        return read_logger(text)
    if _TEKTRONIX.match(text):
        source = _TEKTRONIX_SOURCE.search(text)
        values = pd.read_csv(io.StringIO(text), header=None, usecols=[3, 4])
        values.columns = ["time_s", source[1] if source else "value"]
        return values, "Tektronix' samples, whose settings stand beside the first ones"
    return _dst(text), "hours of Dst as the World Data Centre writes them"


def _dst(text: str) -> pd.DataFrame:
    """Hourly values of a line a day: fixed columns, a base in hundreds of nT, 24 values and their mean."""
    times, values = [], []
    for number, line in enumerate(filter(str.strip, text.splitlines()), start=1):
        if not (found := _DST.match(line)) or len(line) < 116:
            raise TableError(f"line {number} is no day of Dst as the others are: {line[:20]!r}")
        century = int(found["century"]) if found["century"].strip() else 19
        # Files of before 2000 hold no century.
        day = np.datetime64(f"{century:02d}{found['year']}-{found['month']}-{found['day']}", "h")
        hours = [int(line[20 + 4 * hour : 24 + 4 * hour]) for hour in range(24)]
        base = 100 * int(found["base"].strip() or 0)
        times += [day + np.timedelta64(hour, "h") for hour in range(24)]
        values += [np.nan if value == DST_MISSING else value + base for value in hours]
    return pd.DataFrame({"time": np.array(times).astype("datetime64[ms]"), "Dst [nT]": values})
