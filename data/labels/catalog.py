"""Catalogues of solar flares: a CSV in one of several forms, a list as the HEK or SWPC publish it (`published`), or the
HEK, asked once and kept as such a CSV.

General form: columns start, peak, end (UTC, ISO 8601; clocks alone beside a column date), class (GOES, as M7.7), x, y
(helioprojective arcsec as seen from Earth at the flare's peak; both empty where unknown) or location (S13W88), and
optionally id and type; other columns are passed over. The
longer names of NAMES are understood too. With a column `type`, only its rows "flare" (or "FL") are read.
"""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path

import numpy as np
import pandas as pd

from data.disk.files import write_text
from data.labels.intervals import separator_of, text_of
from data.labels.published import FormError, Rows, published_rows, seen_from_earth
from data.messages import logger
from data.sources.base import FrameError
from data.sources.times.utc import SEVERAL, parse_utc

log = logger(__name__)

COLUMNS = ("id", "start", "peak", "end", "goes_class", "flux_w_m2", "x_arcsec", "y_arcsec")
NAMES = {  # the HEK's name comes last
    "start": ("start", "start_time", "starttime", "begin_time", "begintime", "begin", "event_starttime"),
    "peak": ("peak", "peak_time", "peaktime", "max", "maximum", "max_time", "event_peaktime"),
    "end": ("end", "end_time", "endtime", "event_endtime"),
    "class": ("class", "goes_class", "max_class", "classtype", "fl_class", "flare_class", "fl_goescls"),
    "x": ("x", "hpc_x", "hpc_x_arcsec"),
    "y": ("y", "hpc_y", "hpc_y_arcsec"),
    "date": ("date", "start_date", "event_date"),
    "place": ("location", "sourcelocation", "position", "loc"),
    "id": ("id", "flrid", "kb_archivid"),
    "type": ("type", "event_type"),
}
REQUIRED = ("start", "peak", "end", "class")
FLUX_W_M2 = {"A": 1e-8, "B": 1e-7, "C": 1e-6, "M": 1e-5, "X": 1e-4}
_CLASS = re.compile(r"^([ABCMX])(\d+\.?\d*)\+?$")  # X28+ saturated the sensor
_CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?")
_ASKED = re.compile(r"^# HEK GOES flares of (\S+) \.\. (\S+) UTC$")
LONGEST = np.timedelta64(12, "h")  # a longer flare is an error in the list
DAYS_A_QUERY = 30  # the HEK is slow or silent when asked for many months at once (sunpy issue 2434)


class CatalogError(ValueError):
    """A catalogue that can't be used; the message names the file, the row, the column and what is allowed."""


def load_catalog(catalog: str, first: np.datetime64, last: np.datetime64, cache: str | Path) -> pd.DataFrame:
    """The flares of `eval.catalog`: a CSV's path, or "hek" for those of [first, last] UTC, kept in the CSV `cache`."""
    return fetch_hek(first, last, cache) if catalog == "hek" else read_catalog(catalog)


def read_catalog(path: str | Path) -> pd.DataFrame:
    """Flares of a CSV or a published list, in the order of their starts, with COLUMNS.

    start, peak, end: datetime64[ms] UTC. flux_w_m2: of the class in 1-8 A, as labelled (GOES 8 to 15 labels hold SWPC's
    factor 0.7). x_arcsec, y_arcsec: NaN where unknown. id: the file's, else SOL and the start time.
    Lists often write a flare that goes past midnight under the date of its start alone: a peak or end that would lie
    before the start on the same date, and at most LONGEST after it on the next, is read as on the next.
    In published lists flares without a class or with no end yet are usual: they are left out, and counted.
    Raises CatalogError.
    """
    path = Path(path)
    if (published := _published(path)) is not None:
        return _flares_of(path, published)
    names, rows = read_rows(path)
    present = {key: [name for name in some if name in names] for key, some in NAMES.items()}
    column = {key: some[0] for key, some in present.items() if some}
    for key in REQUIRED:
        if key not in column:
            raise CatalogError(f"{path} has no column for the flares' {key}; name one of {', '.join(NAMES[key])}")
    flares = []
    for number, cells in enumerate(rows, 1):
        if _cell(cells, column, "type", "flare").lower() not in ("flare", "fl"):
            continue
        try:
            flares.append(_flare(cells, column))
        except ValueError as error:
            raise CatalogError(f"{path}, data row {number}: {error}") from None
    return _as_table(flares)


def _published(path: Path) -> Rows | None:
    """As `published_rows`. Raises CatalogError."""
    try:
        return published_rows(path)
    except FormError as error:
        raise CatalogError(f"catalogue {path} {error}") from None
    except OSError as error:
        raise CatalogError(f"catalogue {path} is not readable as CSV: {error}") from None


def _flares_of(path: Path, rows: Rows) -> pd.DataFrame:
    """The flares of a published list. Raises CatalogError where it has events and no flare among them can be used."""
    names = {name: "" for row in rows for name in row}
    column = {key: next(name for name in some if name in names) for key, some in NAMES.items() if names.keys() & some}
    flares, faults = [], Counter()
    for cells in ({**names, **row} for row in rows):
        if (kind := _cell(cells, column, "type", "flare")).lower() not in ("flare", "fl"):
            faults[f"of type {kind or 'unknown'}"] += 1
        elif unknown := next((key for key in REQUIRED if not _cell(cells, column, key)), None):
            faults[f"without {unknown}"] += 1
        else:
            flares.append(_checked_flare(path, _placed(cells), column))
    told = ", ".join(f"{count} {fault}" for fault, count in faults.most_common())
    if rows and not flares:
        raise CatalogError(f"catalogue {path} holds no flare with start, peak, end and class ({told})")
    if faults:
        log.info(f"{path}: {sum(faults.values())} of {len(rows)} events passed over: {told}")
    # The HEK lists some flares twice (sunpy issue 758): one of them is kept, rather one with a place.
    table = _as_table(flares).sort_values("x_arcsec", na_position="last", kind="stable")
    return table.drop_duplicates(["start", "peak", "end", "goes_class"]).sort_values("start").reset_index(drop=True)


def _checked_flare(path: Path, cells: dict[str, str], column: dict[str, str]) -> tuple:
    try:
        return _flare(cells, column)
    except ValueError as error:
        raise CatalogError(f"{path}, flare {_cell(cells, column, 'start')}: {error}") from None


def _placed(cells: dict[str, str]) -> dict[str, str]:
    """A row of the HEK without its place where that is unknown: Stonyhurst (0, 0) (sunpy issue 2673)."""
    if all(cells.get(name) in ("0", "0.0", "-0.0") for name in ("hgs_x", "hgs_y")):
        return {**cells, "hpc_x": "", "hpc_y": ""}
    return cells


def flux_of_class(goes_class: str) -> float:
    """Peak flux in W/m^2 of a GOES class, as M7.7 -> 7.7e-5. Raises ValueError when it is none."""
    match = _CLASS.match(goes_class.upper())
    if not match or float(match[2]) == 0:
        raise ValueError(f"class {goes_class!r}; allowed is A, B, C, M or X and a number above 0, as M7.7")
    return FLUX_W_M2[match[1]] * float(match[2])


def read_rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Column names in lower case, and the rows by them; lines that begin with # are comments. Raises CatalogError."""
    if (published := _published(path)) is not None:
        names = list({name: "" for row in published for name in row})
        return names, [{**dict.fromkeys(names, ""), **row} for row in published]
    try:
        lines = [line for line in text_of(path).splitlines() if not line.startswith("#")]
        sign = separator_of(next(filter(str.strip, lines), ""))
        rows = csv.reader(io.StringIO("\n".join(lines)), delimiter=sign, strict=True)
        table = [[cell.strip() for cell in row] for row in rows if any(map(str.strip, row))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CatalogError(f"catalogue {path} is not readable as CSV: {error}") from None
    if not table:
        raise CatalogError(f"catalogue {path} is empty; it needs the columns {', '.join(REQUIRED)}, x, y")
    names = [name.lower() for name in table[0]]
    for number, row in enumerate(table[1:], 1):
        if len(row) != len(names):
            raise CatalogError(f"{path}, data row {number}: {len(row)} cells, the header has {len(names)}")
    return names, [dict(zip(names, row, strict=True)) for row in table[1:]]


def _cell(cells: dict[str, str], column: dict[str, str], key: str, default: str = "") -> str:
    """A cell of a row; `default` where the file has no column for it."""
    return cells[column[key]] if key in column else default


def _flare(cells: dict[str, str], column: dict[str, str]) -> tuple:
    """One row of the table, in the order of COLUMNS. Raises ValueError that names the column and what is allowed."""
    date = _cell(cells, column, "date")
    start, peak, end = (time_of(column[key], _dated(date, cells[column[key]])) for key in ("start", "peak", "end"))
    peak, end = (_past_midnight(start, time) for time in (peak, end))
    if not start <= peak <= end:
        raise ValueError(f"start {start}, peak {peak}, end {end}; allowed are times in this order")
    goes_class = re.sub(r"\s", "", cells[column["class"]]).upper().replace(",", ".")
    try:
        flux = flux_of_class(goes_class)
    except ValueError as error:
        raise ValueError(f"column {column['class']}: {error}") from None
    x, y = (_arcsec(column.get(axis), _cell(cells, column, axis)) for axis in "xy")
    if math.isnan(x) and (place := _cell(cells, column, "place")):
        x, y = (_arcsec(column["place"], text) for text in seen_from_earth(place, str(peak)))
    if math.isnan(x) != math.isnan(y):
        raise ValueError(f"x {x:g}, y {y:g} arcsec; allowed are both or none")
    return _cell(cells, column, "id") or f"SOL{start.astype('datetime64[s]')}", start, peak, end, goes_class, flux, x, y


def _dated(date: str, text: str) -> str:
    """A time with the date of another column, where it is a clock alone."""
    return f"{date} {text}" if date and _CLOCK.fullmatch(text) else text


def time_of(column: str, text: str) -> np.datetime64:
    """A cell of a column as UTC. Raises ValueError that names both and what is allowed."""
    try:
        return np.datetime64(parse_utc(text), "ms")
    except FrameError as error:
        why = f" ({SEVERAL})" if SEVERAL in str(error) else ""
        raise ValueError(f"column {column}: {text!r}; allowed is a UTC time as 2012-07-19T05:58:00{why}") from None


def _past_midnight(start: np.datetime64, time: np.datetime64) -> np.datetime64:
    """`time`, or the same a day later; see `read_catalog`."""
    next_day = time + np.timedelta64(1, "D")
    same_date = time.astype("datetime64[D]") == start.astype("datetime64[D]")
    return next_day if same_date and time < start and next_day - start <= LONGEST else time


def _arcsec(column: str | None, text: str) -> float:
    try:
        value = float(re.sub(r"\s*arcsec$", "", text).replace(",", ".") or "nan")
    except ValueError:
        value = math.inf
    if math.isinf(value):
        raise ValueError(f"column {column}: {text!r}; allowed is a number of arcsec, or nothing where it is unknown")
    return value


def _as_table(flares: list[tuple]) -> pd.DataFrame:
    table = pd.DataFrame(flares, columns=list(COLUMNS))
    kinds = dict.fromkeys(("start", "peak", "end"), "datetime64[ms]")
    kinds |= dict.fromkeys(("flux_w_m2", "x_arcsec", "y_arcsec"), np.float64)
    return table.astype(kinds).sort_values(["start", "peak"], kind="stable").reset_index(drop=True)


def fetch_hek(
    first: np.datetime64, last: np.datetime64, cache: str | Path, search: Callable | None = None
) -> pd.DataFrame:
    """GOES flares of [first, last] UTC that the HEK knows, as `read_catalog` gives them.

    The answer is kept in the CSV `cache`; while that covers the times asked for, nothing is asked again.
    search: takes sunpy.net attributes and returns the response, default sunpy.net.Fido.search (needs the network).
    Positions are the HEK's; it gives them for the flare's start, at most some 10 arcsec an hour from the peak's.
    Raises ConnectionError when the HEK can't be asked, CatalogError when `cache` is damaged.
    Source: Hurlburt et al. (2012, Solar Physics 275, 67).
    """
    cache = Path(cache)
    first, last = first.astype("datetime64[s]"), last.astype("datetime64[s]") + np.timedelta64(1, "s")
    if not _covers(cache, first, last):
        rows = [row for raw in _responses(first, last, cache, search) for row in raw]
        table = hek_rows(rows)
        write_text(cache, f"# HEK GOES flares of {first} .. {last} UTC\n{table.to_csv(index=False)}")
    return read_catalog(cache)


def _covers(cache: Path, first: np.datetime64, last: np.datetime64) -> bool:
    if not cache.is_file():
        return False
    with cache.open(encoding="utf-8") as stream:
        asked = _ASKED.match(stream.readline().rstrip("\n"))
    if not asked:
        raise CatalogError(f"{cache} is no answer of the HEK kept by this program; name it in eval.catalog, or move it")
    return bool(np.datetime64(asked[1]) <= first and last <= np.datetime64(asked[2]))


def _responses(first: np.datetime64, last: np.datetime64, cache: Path, search: Callable | None) -> Iterator:
    """Raw tables of the HEK, one for each DAYS_A_QUERY days."""
    # Imported late: sunpy.net costs seconds, and is needed only when the HEK is asked.
    from sunpy.net import Fido
    from sunpy.net import attrs as a

    step = np.timedelta64(DAYS_A_QUERY, "D")
    for start in np.arange(first, last, step):
        end = min(start + step, last)
        try:
            span = a.Time(str(start), str(end))
            found = (search or Fido.search)(span, a.hek.EventType("FL"), a.hek.OBS.Observatory == "GOES")
        except (OSError, HTTPException) as error:
            raise ConnectionError(
                f"the HEK can't be asked for the flares of {start} .. {end} ({error}); run once with a network, the "
                f"answer is then kept in {cache}, or name a CSV of flares in eval.catalog"
            ) from error
        yield found["hek"].raw


def hek_rows(rows: list) -> pd.DataFrame:
    """Rows of raw HEK responses, mappings by column name, in the general form; what is no whole flare is left out.

    The HEK lists some flares twice (sunpy issue 758): of those with the same times and class one is kept, rather one
    with a position. Stonyhurst (0, 0) stands for an unknown position (sunpy issue 2673).
    """
    keys = ("start", "peak", "end", "class", "x", "y", "id")
    column = {key: NAMES[key][-1] for key in keys if key not in "xy"} | {"x": "hpc_x", "y": "hpc_y"}
    flares = []
    for row in rows:
        cells = {name: _text(row[name]) for name in column.values()}
        if all(_text(row[name]) in ("0", "0.0", "-0.0") for name in ("hgs_x", "hgs_y")):
            cells |= {"hpc_x": "", "hpc_y": ""}
        try:
            flares.append(_flare(cells, column))
        except ValueError:
            continue
    if len(flares) < len(rows):
        log.warning(f"HEK: {len(rows) - len(flares)} of {len(rows)} rows lack a class or ordered times, left out")
    table = _as_table(flares).drop(columns="flux_w_m2")
    table = table.rename(columns={"goes_class": "class", "x_arcsec": "x", "y_arcsec": "y"})
    table = table.sort_values("x", na_position="last", kind="stable").drop_duplicates(["start", "peak", "end", "class"])
    for name in ("start", "peak", "end"):
        table[name] = np.datetime_as_string(table[name].to_numpy(), unit="ms")
    return table.sort_values("start", kind="stable")[list(keys)]


def _text(value: object) -> str:
    return "" if value is None or value is np.ma.masked else str(value).strip()
