"""Labelled short series in the `.ts` format of the UEA and UCR archives: every case is a series with its class.

Header lines begin with @ (and comments with #); after `@data` each line is a case: its variables are separated by `:`,
their values by `,`, a missing value is `?`, and the class comes last where `@classLabel` is true. Source:
https://www.aeon-toolkit.org/en/stable/api_reference/data_format.html
"""

from itertools import dropwhile
from pathlib import Path

import numpy as np

from config import PrepConfig
from data.messages import logger
from data.sources.base import Series, SeriesSource, TableError, file_sha256
from data.sources.table import HUGE, numbered
from data.sources.tables.sidecar import table_stem
from data.sources.times.cells import even_times

log = logger(__name__)

VALUE = "value"


class CaseSource(SeriesSource):
    """One case, one series, however short: a case is meant as one."""

    name = "case"
    suffixes = (".ts",)  # also one of videos

    def takes(self, path: Path) -> bool:
        """Whether a `.ts` file is text of the archives, whose header lines begin with # or @, and no video."""
        if not super().takes(path):
            return False
        try:
            with path.open("rb") as stream:
                start = stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
        except OSError:  # the video source has the reason
            return False
        return start[:1] in (b"#", b"@") and b"\0" not in start

    def read_series(self, path: Path, prep: PrepConfig, smallest: int = 0) -> list[Series]:
        """The cases of a file, named by their number; a line that can't be read is printed.

        Raises TableError when the file is of another sort, holds time stamps or regression targets, or no case can be
        read.
        """
        header, lines = _split(path)
        for key in ("timestamps", "targetlabel"):
            if header.get(key, ["false"])[0].lower() == "true":
                allowed = "what can are values at equal steps, with classes or without"
                raise TableError(f"@{key} true can't be read; {allowed}")
        has_class = header.get("classlabel", ["false"])[0].lower() == "true"
        digest, stem, digits = file_sha256(path), table_stem(path), len(str(len(lines)))
        found: list[Series] = []
        for number, line in enumerate(lines, start=1):
            try:
                parts = line.split(":")
                label = parts.pop().strip() if has_class else None
                values = _values(parts)  # (T, C)
                if found and values.shape[1] != len(found[0].channels):
                    raise TableError(f"{values.shape[1]} variables, and {len(found[0].channels)} in those before")
            except TableError as error:
                log.warning(f"{path.name}: case {number} is left out: {error}")
                continue
            found.append(_case(path, f"{stem}_{number:0{digits}d}", values, label, digest, str(number), prep))
        if not found:
            raise TableError(f"none of its {len(lines)} cases can be read")
        return found


def _split(path: Path) -> tuple[dict[str, list[str]], list[str]]:
    """The header's words by key in lower case, and the lines of the cases."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"not readable as text: {error}") from None
    header = {}
    for line in lines:
        if line.startswith("@"):
            key, *words = line[1:].split() or [""]
            header[key.lower()] = words or ["false"]
    if "data" not in header:
        raise TableError("it has no line @data")
    cases = list(dropwhile(lambda line: line.lower() != "@data", lines))[1:]
    return header, [line for line in cases if line and not line.startswith("#")]


def _values(parts: list[str]) -> np.ndarray:
    """Values (T, C) of the variables of a case, NaN missing."""
    try:
        columns = [np.array(part.replace("?", "nan").split(","), np.float64) for part in parts]
        values = np.stack(columns, axis=1)
    except ValueError as error:
        raise TableError(str(error)) from None
    values[~(np.abs(values) < HUGE)] = np.nan
    return values


def _case(path: Path, name: str, values: np.ndarray, label: str | None, digest: str, part: str, prep) -> Series:
    count, variables = values.shape
    channels = (VALUE,) if variables == 1 else tuple(f"{VALUE}_{i}" for i in range(variables))
    times = even_times(count, prep)
    unknown, notes = np.full(count, np.nan), dict.fromkeys(channels, "value")
    rows, facts = numbered("sample", count), {} if label is None else {"class": label}
    source = (path, name, channels, "as in the file", times.utc, times.seconds, values, unknown, rows, (), None)
    return Series(*source, digest, notes, part=part, scaled_with=str(path), facts=facts)
