"""Catalogues of solar flares: a CSV in one of several forms, or a list as the HEK or SWPC publish it (`published`).

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
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from data.labels.intervals import separator_of, utc_of
from data.labels.label_text import text_of
from data.labels.sun.published import FormError, Rows, arcsec_of, plain_name, published_rows, seen_from_earth
from data.messages import logger
from data.sky.goes import FLUX_W_M2
from data.sources.base import FrameError, TableError
from data.sources.times.utc import SEVERAL, parse_utc

log = logger(__name__)

COLUMNS = ("id", "start", "peak", "end", "goes_class", "flux_w_m2", "x_arcsec", "y_arcsec")
NAMES = {  # the HEK's name comes last
    "start": ("start", "start_time", "starttime", "begin_time", "begintime", "begin", "flare_start", "event_starttime"),
    "peak": ("peak", "peak_time", "peaktime", "max", "maximum", "max_time", "flare_peak", "event_peaktime"),
    "end": ("end", "end_time", "endtime", "flare_end", "event_endtime"),
    "class": ("class", "goes_class", "max_class", "classtype", "fl_class", "flare_class", "xray_class", "fl_goescls"),
    "x": ("x", "hpc_x", "hpc_x_arcsec", "x_arcsec"),
    "y": ("y", "hpc_y", "hpc_y_arcsec", "y_arcsec"),
    "lon": ("hgs_x", "hgs_lon", "hg_lon", "lon", "longitude", "lon_deg"),
    "lat": ("hgs_y", "hgs_lat", "hg_lat", "lat", "latitude", "lat_deg"),
    "date": ("date", "start_date", "event_date"),
    "place": ("location", "sourcelocation", "position", "loc"),
    "id": ("id", "flrid", "kb_archivid"),
    "type": ("type", "event_type"),
}
REQUIRED = ("start", "peak", "end", "class")
_CLASS = re.compile(r"^([ABCMX])(\d+\.?\d*)\+?$")  # X28+ saturated the sensor
_CLOCK = re.compile(r"(\d{1,2}):?(\d\d(?::\d\d(?:\.\d+)?)?)")
_SLASHED = re.compile(r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}\b")
_SCALE = re.compile(r"_(?:utc|ut|iso|jd|mjd)$")  # of times, behind their names
_NOTHING = ("nan", "nat", "none", "null", "n/a", "--", "////")
_FILL = re.compile(r"-?9{3,}(?:\.[09]*)?")
MOST_ARCSEC = 3000  # three radii of the Sun
JULIAN = (2_400_000.0, 2_500_000.0, 2_440_587.5), (15_000.0, 100_000.0, 40_587.0)  # JD, MJD: from, to, 1970
LONGEST = np.timedelta64(12, "h")  # a longer flare is an error in the list


class CatalogError(ValueError):
    """A catalogue that can't be used; the message names the file, the row, the column and what is allowed."""


def read_catalog(path: str | Path) -> pd.DataFrame:
    """Flares of a CSV or a published list, in the order of their starts, with COLUMNS.

    start, peak, end: datetime64[ms] UTC. flux_w_m2: of the class in 1-8 A, as labelled (GOES 8 to 15 labels hold SWPC's
    factor 0.7). x_arcsec, y_arcsec: NaN where unknown. id: the file's, else SOL and the start time.
    Lists often write a flare that goes past midnight under the date of its start alone: a peak or end that would lie
    before the start on the same date, and at most LONGEST after it on the next, is read as on the next.
    Flares without a class, or with no end yet, are usual in lists: they are left out, and counted.
    Raises CatalogError.
    """
    path = Path(path)
    names, rows = read_rows(path)
    column, is_published = _columns(names), _published(path) is not None
    if not is_published:
        for key in REQUIRED:
            if key not in column:
                raise CatalogError(f"{path} has no column for the flares' {key}; name one of {', '.join(NAMES[key])}")
    return _flares_of(path, rows, column, is_published)


def _columns(names: Sequence[str]) -> dict[str, str]:
    """The column of each of NAMES, by the first of its names that is there."""
    plain = {_SCALE.sub("", name): name for name in reversed(names)} | {name: name for name in names}
    found = {key: [plain[name] for name in some if name in plain] for key, some in NAMES.items()}
    return {key: some[0] for key, some in found.items() if some}


def _published(path: Path) -> Rows | None:
    """As `published_rows`. Raises CatalogError."""
    try:
        return published_rows(path)
    except FormError as error:
        raise CatalogError(f"catalogue {path} {error}") from None
    except OSError as error:
        raise CatalogError(f"catalogue {path} is not readable as CSV: {error}") from None


def _flares_of(path: Path, rows: Rows, column: dict[str, str], is_published: bool) -> pd.DataFrame:
    """The flares of a list. Raises CatalogError where it has events and no flare among them can be used."""
    flares, faults = [], Counter()
    for number, cells in enumerate(_one_order(rows, column), 1):
        if (kind := _cell(cells, column, "type", "flare")).lower() not in ("flare", "fl"):
            faults[f"of type {kind or 'unknown'}"] += 1
        elif unknown := next((key for key in REQUIRED if not _cell(cells, column, key)), None):
            faults[f"without {unknown}"] += 1
        else:
            where = f"flare {_cell(cells, column, 'start')}" if is_published else f"data row {number}"
            flares.append(_checked_flare(f"{path}, {where}", _placed(cells), column))
    told = ", ".join(f"{count} {fault}" for fault, count in faults.most_common())
    if rows and not flares and (is_published or any(fault.startswith("without") for fault in faults)):
        raise CatalogError(f"catalogue {path} holds no flare with start, peak, end and class ({told})")
    if faults:
        log.info(f"{path}: {sum(faults.values())} of {len(rows)} events passed over: {told}")
    # The HEK lists some flares twice (sunpy issue 758): one of them is kept, rather one with a place.
    table = as_table(flares).sort_values("x_arcsec", na_position="last", kind="stable")
    table = table.drop_duplicates(["start", "peak", "end", "goes_class", *([] if is_published else ["id"])])
    if len(table) < len(flares):
        log.info(f"{path}: {len(flares) - len(table)} flares are there twice, and taken once")
    return table.sort_values(["start", "peak"], kind="stable").reset_index(drop=True)


def _one_order(rows: Rows, column: dict[str, str]) -> Rows:
    """Rows whose times as 07/08/2012 are ISO 8601, where those of all rows together tell the order of day and month."""
    keys = [column[key] for key in ("start", "peak", "end") if key in column]
    dated = [{key: _dated(_cell(cells, column, "date"), _filled(cells[key])) for key in keys} for cells in rows]
    texts = [text for cells in dated for text in cells.values() if text]
    if not any(map(_SLASHED.match, texts)):
        return rows
    try:
        iso = dict(zip(texts, utc_of(texts), strict=True))
    except (FrameError, TableError):
        return rows  # a row has its reason
    return [
        cells | {key: iso.get(text, text) for key, text in own.items()} for cells, own in zip(rows, dated, strict=True)
    ]


def _checked_flare(where: str, cells: dict[str, str], column: dict[str, str]) -> tuple:
    try:
        return flare_of(cells, column)
    except ValueError as error:
        raise CatalogError(f"{where}: {error}") from None


def _placed(cells: dict[str, str]) -> dict[str, str]:
    """A row of the HEK without its place where that is unknown: Stonyhurst (0, 0) (sunpy issue 2673)."""
    if all(cells.get(name) in ("0", "0.0", "-0.0") for name in ("hgs_x", "hgs_y")):
        return {**cells, "hpc_x": "", "hpc_y": "", "hgs_x": "", "hgs_y": ""}
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
        names = list(dict.fromkeys(name for row in published for name in row))
        return names, [{**dict.fromkeys(names, ""), **row} for row in published]
    try:
        lines = [line for line in text_of(path).splitlines() if not line.startswith("#")]
        head = next(filter(str.strip, lines), "")
        sign = separator_of(head)
        if sign not in head:  # divided by white space
            sign, lines = " ", [" ".join(line.split()) for line in lines]
        rows = csv.reader(io.StringIO("\n".join(lines)), delimiter=sign, strict=True)
        table = [[cell.strip() for cell in row] for row in rows if any(map(str.strip, row))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CatalogError(f"catalogue {path} is not readable as CSV: {error}") from None
    if not table:
        raise CatalogError(f"catalogue {path} is empty; it needs the columns {', '.join(REQUIRED)}, x, y")
    names = [plain_name(name) for name in table[0]]
    for number, row in enumerate(table[1:], 1):
        if len(row) != len(names):
            raise CatalogError(f"{path}, data row {number}: {len(row)} cells, the header has {len(names)}")
    return names, [dict(zip(names, row, strict=True)) for row in table[1:]]


def _cell(cells: dict[str, str], column: dict[str, str], key: str, default: str = "") -> str:
    """A cell of a row, "" for a word that means nothing; `default` where the file has no column for it."""
    return _filled(cells[column[key]]) if key in column else default


def _filled(text: str) -> str:
    return "" if text.lower() in _NOTHING else text


def flare_of(cells: dict[str, str], column: dict[str, str]) -> tuple:
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
    lat, lon = (_number(_cell(cells, column, key)) for key in ("lat", "lon"))
    if math.isnan(x) and abs(lat) <= 90 and abs(lon) <= 180:
        x, y = (_arcsec(column["lon"], text) for text in arcsec_of(lat, lon, str(peak)))
    if math.isnan(x) != math.isnan(y):
        raise ValueError(f"x {x:g}, y {y:g} arcsec; allowed are both or none")
    return _cell(cells, column, "id") or f"SOL{start.astype('datetime64[s]')}", start, peak, end, goes_class, flux, x, y


def _dated(date: str, text: str) -> str:
    """A time with the date of another column, where it is a clock alone, as 4:17 or 417."""
    clock = _CLOCK.fullmatch(text) if date else None
    return f"{date} {clock[1]}:{clock[2]}" if clock else text


def _number(text: str) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def time_of(column: str, text: str) -> np.datetime64:
    """A cell of a column as UTC. Raises ValueError that names both and what is allowed."""
    for least, most, at_1970 in JULIAN if re.fullmatch(r"\d{5,7}\.\d+", text) else ():
        if least < float(text) < most and (least > 1e6 or column.endswith("mjd")):
            return np.datetime64(round((float(text) - at_1970) * 86_400_000), "ms")
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
        value = float(re.sub(r"\s*arcsec$", "", _FILL.sub("", text) and text).replace(",", ".") or "nan")
    except ValueError:
        value = math.inf
    if abs(value) > MOST_ARCSEC:
        raise ValueError(
            f"column {column}: {text!r}; allowed is a number of arcsec, or nothing where it is unknown, and at most "
            f"{MOST_ARCSEC}"
        )
    return value


def as_table(flares: list[tuple]) -> pd.DataFrame:
    """Flares, each a tuple of COLUMNS, as a table of their types, by their starts."""
    table = pd.DataFrame(flares, columns=list(COLUMNS))
    kinds = dict.fromkeys(("start", "peak", "end"), "datetime64[ms]")
    kinds |= dict.fromkeys(("flux_w_m2", "x_arcsec", "y_arcsec"), np.float64)
    return table.astype(kinds).sort_values(["start", "peak"], kind="stable").reset_index(drop=True)
