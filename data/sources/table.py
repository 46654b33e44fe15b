"""Time series in tables, one row a sample: text with any separator, Parquet, Feather, Arrow, ORC, Stata, Excel,
JSON lines.

Columns are found by name and by what their cells look like, or given by the settings.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from config import PrepConfig
from data.messages import logger
from data.sources.base import MANIFEST, Series, SeriesSource, TableError, file_sha256
from data.sources.tables.binary_table import EXCEL, holds_records, read_binary
from data.sources.tables.device_names import DEVICES, plain_name
from data.sources.tables.forms.devices import by_device, by_panel
from data.sources.tables.forms.long_table import wide, without_marks
from data.sources.tables.forms.own_clocks import by_own_clock
from data.sources.tables.forms.runs import by_count, by_restart, tells_runs
from data.sources.tables.forms.times_above import by_time
from data.sources.tables.forms.wide_days import by_clock
from data.sources.tables.second_look.opinion import second_opinion
from data.sources.tables.sidecar import table_stem
from data.sources.tables.text_table import TextTable, looks_like_table, read_text, unlike_names
from data.sources.tables.values.cells import HUGE, NORMAL, labels_of
from data.sources.tables.values.clock_again import clocks_again
from data.sources.tables.values.missing import ends_in_total
from data.sources.tables.values.quality import without_bad
from data.sources.tables.values.unit_rows import unit_of, with_units
from data.sources.tables.variables import variables_of
from data.sources.times.cells import even_times, times_of
from data.sources.times.clock_parts import in_parts, on_day_of_name
from data.sources.times.column import chosen, is_text, known_column, rising_column, time_column
from data.sources.times.found import Times
from data.sources.times.mended.late_dates import TURNED, turned
from data.sources.times.mended.typical_year import as_one_year

__all__ = ["HUGE", "LABEL_COLUMNS", "SAME_TIME", "TableSource", "numbered", "refuse_short", "series_of"]

log = logger(__name__)

LABEL_COLUMNS = ("label", "labels", "is_anomaly", "anomaly")
# What may be labels too, where nothing but two states is in it: offered, and no variable.
PERHAPS_LABELS = re.compile(
    r"(?:.*[\s_./-])?(?:labell?s?|lable|anomal\w*\??|outliers?|attack|att_flag|events?|truth|target|normal/attack|is_\w+|\w*status"
    r"|change[_ -]?points?)"
    r"(?:[\s_.(/-].*)?",
    re.IGNORECASE,
)
# A day and a clock, as of dstat and syslog.
_NO_YEAR = re.compile(r"\s*(?:\d{1,2}[-/.]\d{1,2}|[A-Z][a-z]{2}\s+\d{1,2})[ T]+\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?\s*$")
COUNTED = "no column of times: rows 1 s apart (prep.sample_interval_sec)"
SAME_TIME = "same time as another sample"

_PACKED = ("", ".gz", ".bz2", ".xz", ".zst", ".lz4")
NAMED_SO = tuple(kind + packed for kind in (".csv", ".tsv", ".lvm") for packed in _PACKED)
TEXT = tuple(
    kind + packed
    for kind in (
        ".txt",
        ".dat",
        ".data",
        ".out",
        ".asc",
        ".tab",
        ".lst",
        ".log",
        ".psv",
        ".ssv",
        ".prn",
        ".tbl",
        ".min",
        ".rdb",
        ".ascii",
        ".slist",
        ".tspair",
        ".mpt",
        ".msl",
        ".mon",
        ".mrt",
        ".nmon",
        ".epw",
        ".arff",
    )
    for packed in _PACKED
)
JSON_LINES = tuple(kind + packed for kind in (".jsonl", ".ndjson") for packed in _PACKED)
JSON = tuple(kind + packed for kind in (".json", ".geojson") for packed in _PACKED)
BINARY = (".parquet", ".feather", ".arrow", ".orc", ".dta", *EXCEL, *JSON_LINES)


class TableSource(SeriesSource):
    """One table, one series; of the sheets of a workbook each."""

    name = "table"
    suffixes = NAMED_SO + TEXT + BINARY + JSON
    may_belong_to_frames = True

    def takes(self, path: Path) -> bool:
        """By suffix; text of no telling suffix only where its lines are rows of numbers."""
        name = path.name.lower()
        looks = looks_like_table if name.endswith(TEXT) else holds_records if name.endswith(JSON) else None
        return looks(path) if looks else name.endswith(NAMED_SO + BINARY)

    def may_be_beside_frames(self, path: Path) -> bool:
        """Other text beside frames is about single ones, e.g. their boxes."""
        return path.name != MANIFEST and path.name.lower().endswith(NAMED_SO + BINARY)

    def read_series(self, path: Path, prep: PrepConfig, smallest: int = 0) -> list[Series]:
        """With `smallest` the table must look like a series by itself: that many rows, and times or numbers alone."""
        tables = {"": read_text(path, prep)} if not path.name.lower().endswith(BINARY + JSON) else {}
        tables = tables or read_binary(path, prep)
        digest, found, reasons = file_sha256(path), [], []
        for sheet, whole in tables.items():
            for part, read in _parts(sheet, whole, prep):
                try:
                    found.append(_series(read, path, part, prep, digest, smallest))
                except TableError as error:
                    reasons.append(f"{part}: {error}" if part else str(error))
        if not found:
            raise TableError("; ".join(reasons) or "it holds no table")
        for reason in reasons:
            log.warning(f"{path.name} is no series in its part {reason}")
        for doubt in second_opinion(path, found, prep):
            log.warning(f"{path.name}: {doubt}")
        return found


def _parts(sheet: str, whole: TextTable, prep: PrepConfig) -> Iterator[tuple[str, TextTable]]:
    """The tables of the clocks and devices in a table, with their names, "" where it is of one."""
    table, marks = without_marks(whole.table)
    whole = by_time(replace(whole, table=table, lost=(*whole.lost, *marks)), prep)
    for clock, own in by_own_clock(without_bad(with_units(whole, prep), prep), prep).items():
        for device, read in _devices(by_clock(own, prep), prep).items():
            yield "_".join(filter(None, (sheet, clock, device))), read


def _devices(read: TextTable, prep: PrepConfig) -> dict[str, TextTable]:
    """The tables of the devices in a table, "" where it is of one, or nothing can be told: then _series says why."""
    try:
        time, _ = time_column(read.table, prep)
        labels = chosen(read.table, prep.label_column, LABEL_COLUMNS, "prep.label_column")
        if time is None and prep.sample_interval_sec is None and prep.start_utc is None:
            return by_panel(read, labels, prep) or by_count(read, prep)
        if time is None or (time.name in read.table.columns and _is_long(read.table, str(time.name), prep)):
            return {"": read}
        return by_restart(read, time, prep, _no_keys(read.table, labels)) or by_device(read, time, labels, prep)
    except TableError:
        return {"": read}


def _is_long(table: pd.DataFrame, time: str, prep: PrepConfig) -> bool:
    """Whether a table is of sensors in its rows that can stand side by side: few of them would be there in most rows
    where each has times of its own, unless these are put together.
    """
    found, remark, _ = wide(table, time)
    is_filled = bool(remark) and found.drop(columns=time).notna().to_numpy().mean() >= float(prep.min_coverage)
    return bool(remark and (is_filled or prep.resample_sec is not None or prep.value_columns))


def _no_keys(table: pd.DataFrame, labels: str | None) -> list[str]:
    """Columns that tell no runs apart: labels, and devices, which by_device may set side by side."""
    plain = {str(name): plain_name(name) for name in table.columns}
    others = (name for name in plain if plain[name] in DEVICES and not tells_runs(name))
    return [*others, *(name for name in plain if name == labels or PERHAPS_LABELS.fullmatch(name))]


def _series(read: TextTable, path: Path, part: str, prep: PrepConfig, digest: str, smallest: int) -> Series:
    table, lost, told = read.table, list(read.lost), list(read.told)
    time, taken = time_column(table, prep)
    if time is not None and time.name in table.columns and not prep.value_columns:
        table, remark, again = wide(table, str(time.name))
        told, lost = told + ([remark] if remark else []), lost + again
    refuse_short(len(table), smallest)
    if smallest and time is None and not (prep.sample_interval_sec or read.interval_s):
        _refuse_what_may_be_no_series(table)
    if time is None and read.interval_s and not prep.sample_interval_sec:
        prep = replace(prep, sample_interval_sec=read.interval_s)
        told.append(f"a row every {read.interval_s:g} s, as the lines above them say")
    name = f"{table_stem(path)}_{part}" if part else table_stem(path)
    facts = {"part": part, "lost": tuple(lost), "decimal": read.decimal, "told": tuple(told), "beside": read.units}
    facts |= {"missing": read.missing}
    clock = (time, taken) if table is read.table else None
    found = series_of(table, path, prep, name, digest, clock=clock, **facts)
    if (
        smallest
        and prep.time_column is None
        and time is not None
        and known_column(table) is None
        and not is_even(found)
    ):
        raise TableError(f"the steps of its times in {time.name} are uneven; name them with prep.time_column")
    return found


def _refuse_what_may_be_no_series(table: pd.DataFrame) -> None:
    """Raises TableError for a table without times that nobody named, unless it has labels or holds numbers alone."""
    words = [str(name) for name in table.columns if is_text(table[name]) and table[name].notna().any()]
    for name in words:
        if (cells := table[name].dropna().astype("string")).str.match(_NO_YEAR).mean() > 0.9:
            raise TableError(f"its times in {name!r}, as {cells.iloc[0]!r}, have no year: write it in front of them")
    if words and chosen(table, None, LABEL_COLUMNS, "") is None:
        raise TableError(
            f"it has no time column, and words in {words[:3]}; name it with prep.time_column, or say with "
            "prep.sample_interval_sec that its rows are even"
        )


def is_even(series: Series) -> bool:
    """Whether nearly all samples of a series come at one cadence, as those of a list of events do not."""
    times = series.times_s if series.times_utc is None else series.times_utc.astype(np.float64)
    steps = np.diff(np.sort(times[np.isfinite(times)]))
    typical = np.median(steps) if len(steps) else 0
    return bool(typical > 0 and np.mean(np.abs(steps - typical) <= 0.5 * typical) > 0.8)


def refuse_short(count: int, smallest: int) -> None:
    """Raises TableError when `count` samples are fewer than a series that nobody named should have."""
    if count < smallest:
        raise TableError(
            f"{count} rows are too few for a series; at least two prep.clip_length, {smallest}, where the file is not "
            "named itself (--data-raw FILE)"
        )


def series_of(
    table: pd.DataFrame,
    path: Path,
    prep: PrepConfig,
    name: str,
    digest: str,
    *,
    part: str = "",
    lost: tuple[tuple[str, str], ...] = (),
    notes: dict[str, str] | None = None,
    label_columns: Sequence[str] = LABEL_COLUMNS,
    decimal: str = "",
    told: tuple[str, ...] = (),
    beside: dict[str, str] | None = None,
    missing: tuple[float, ...] = (),
    clock: tuple[pd.Series | None, dict[str, str]] | None = None,
) -> Series:
    """The series in the columns of a table, which are found by name or given by the settings.

    name: of its reel. digest: SHA-256 of the file. part: of the file that the table is. notes: what is known of columns
    that are not in it. decimal: the sign that its texts have. told: what was found out about the file. beside: units
    that stand beside the cells, by column. missing: numbers that the file itself names for missing values. clock: its
    `time_column`, where that is known. Raises TableError when a column is missing, or none holds numbers or times.
    """
    notes = dict(notes or {})
    column, taken = clock or time_column(table, prep)
    prep, day = on_day_of_name(column, prep, path.name)
    times = _told_times(table, column, prep, path.name)
    how = times.how if column is not None else ""
    notes |= {name: f"{what}: {how}" if how not in ("", "UTC", "s") else what for name, what in taken.items()}
    labels = _labels(table, prep, label_columns, notes, path.name)
    notes |= {} if prep.value_columns else clocks_again(table, notes, times.utc)
    variables = variables_of(table, prep, notes, decimal, path.name, missing, times.known)
    channels, values, remarks = tuple(variables.columns), variables.values(), variables.told()
    if column is None and prep.sample_interval_sec is None:
        _tell_untimed(table, channels, path.name)
    if ends_in_total(values):
        values[-1], remarks = np.nan, (*remarks, "its last row holds the sums of the others, and is left out")
    resolution = tuple(_resolution(table[channel].dtype) for channel in channels)
    rows = numbered("row", len(table))
    units = tuple(variables.units.get(channel) or unit_of(channel, beside or {}) for channel in channels)
    channels = tuple(unlike_names(list(channels)))
    source = (path, name, channels, "as in the table", times.utc, times.seconds, values, labels, rows, lost, None)
    counted = (f"times: {how}",) if how not in ("", "UTC", "s", "s since prep.start_utc") else ()
    if column is None and prep.sample_interval_sec is None:
        counted = (COUNTED,)
    told = (*told, *remarks, *day, *counted)
    facts = {name: fact for name, fact in (("fills", variables.fills), ("time_order", times.order)) if fact}
    more = {"facts": facts, "told": told, "time_reasons": times.reasons, "units": units if any(units) else ()}
    return Series(*source, digest, notes, resolution, part, **more)


def _told_times(table: pd.DataFrame, column: pd.Series | None, prep: PrepConfig, file: str) -> Times:
    """The times of all rows, one after the other; what is odd about them is told."""
    times = even_times(len(table), prep) if column is None else times_of(column, prep)
    if times.utc is not None and (year := as_one_year(times.utc)) is not None:
        return replace(times, utc=year[0], how=year[1])
    if times.utc is not None and (late := turned(times.utc))[1]:
        times = replace(times, utc=late[0], doubt=TURNED.format(*late[1:]))
    times, restarts = _one_after_the_other(times, prep)
    if restarts:
        log.warning(
            f"{file}: its clock begins again {restarts} times; its parts are taken one after the other, with gaps "
            "but where a counter came to its end"
        )
    if times.doubt and column is not None:
        log.warning(f"{file}: the times in {column.name} are {times.doubt}")
    return times


def _tell_untimed(table: pd.DataFrame, channels: Sequence[str], file: str) -> None:
    """Name the column that may hold the times of a table where none is known."""
    counted = f"{file}: no column of times is known, and its rows are taken as 1 s apart"
    if (rising := rising_column(table[list(channels)])) is not None:
        log.warning(f"{counted}; if {rising}, which always rises, is one: prep.time_column={rising}")
    elif perhaps := _perhaps_times(table.drop(columns=list(channels))):
        log.warning(f"{counted}; {perhaps} is not understood: prep.time_column with prep.time_format takes it")


def _perhaps_times(table: pd.DataFrame) -> str:
    """A column of texts with digits that are nearly all unlike, as those of times are, with a cell; "" without one."""
    for name in table.columns:
        cells = table[name].dropna().astype("string") if is_text(table[name]) else table[name].iloc[:0]
        if len(cells) > 1 and cells.nunique() > 0.9 * len(cells) and cells.str.count(r"\d").median() >= 4:
            return f"{name}, as {cells.iloc[0]!r},"
    return ""


def _one_after_the_other(times: Times, prep: PrepConfig) -> tuple[Times, int]:
    """Times whose clock counts from a start without its falls, and how many there were."""
    seconds, restarts = in_parts(times.seconds, prep.gap_threshold)
    if not restarts:
        return times, 0
    utc = times.utc
    if utc is not None:
        later = np.where(np.isnat(utc), 0.0, seconds - times.seconds)
        utc = utc + np.round(1000 * later).astype("timedelta64[ms]")
    return replace(times, utc=utc, seconds=seconds), restarts


def numbered(word: str, count: int) -> np.ndarray:
    """Names of samples, counted from 1, as frames.csv has them: (N,) text."""
    return np.char.add(f"{word} ", (np.arange(count) + 1).astype(str))


def _resolution(dtype) -> float:
    """Relative distance of neighbouring numbers of a format; a column of text is as good as float64."""
    return float(np.finfo(dtype).eps) if dtype.kind == "f" and isinstance(dtype, np.dtype) else 0.0


def _labels(
    table: pd.DataFrame, prep: PrepConfig, known: Sequence[str], notes: dict[str, str], file: str
) -> np.ndarray:
    """Labels (N,) of the column that the settings name or that has a known name; NaN without one.

    Columns that may hold labels too are noted and said, so that they are neither used nor taken for variables.
    """
    labels = np.full(len(table), np.nan)
    name = chosen(table, prep.label_column, known, "prep.label_column")
    if name is not None:
        found, how = labels_of(table[name], prep.label_normal)
        words = ", ".join(map(repr, table[name].dropna().unique()[:5].tolist()))
        unclear = f"{name!r} holds {words}: which of them are normal is not told; see prep.label_normal"
        if found is None and prep.label_column is not None:
            raise TableError(f"prep.label_column {unclear}")
        if found is None:
            log.warning(f"{file}: no labels are taken, as {unclear}")
        labels = labels if found is None else found
        notes[name] = "left out: unclear labels" if found is None else f"label, {how}" if how else "label"
    others = [column for column in table.columns if column not in {*notes, *prep.value_columns}]
    offered = [column for column in others if _may_be_label(table, column)]
    for column in offered:
        notes[column] = "left out: may be labels"
    if offered and name is None and not prep.value_columns:
        log.warning(
            f"{file}: {', '.join(offered[:5])} may hold labels and no measurement, and is left out; "
            f"prep.label_column={offered[0]} takes it as labels, prep.value_columns names all variables"
        )
    return labels


def _may_be_label(table: pd.DataFrame, name: str) -> bool:
    if not PERHAPS_LABELS.fullmatch(str(name)):
        return False
    if is_text(table[name]):
        words = set(table[name].dropna().astype(str).str.strip().str.lower().unique()[:50])
        return bool(words & NORMAL)
    known = table[name].dropna()
    return bool(len(known) and known.isin([0, 1]).all())
