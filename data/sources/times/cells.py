"""Times as people write them, in the cells of a table, the rows of a times CSV or the names of files -> UTC.

All of them come through `times_of`, so that one text means one time wherever it is met. What can't be told from the
cells is asked for by name (prep.time_format, time_zone, time_unit, unix_time), never guessed.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.times.counts.elapsed import elapsed_s
from data.sources.times.counts.other_zeros import other_calendar, perhaps_scale
from data.sources.times.found import Times, relative, utc_times
from data.sources.times.mended.exchanged import PUT_BACK, put_back
from data.sources.times.numbers import of_numbers
from data.sources.times.other_forms import rewritten
from data.sources.times.texts import LOOKED_AT, are_plain, ascii_digits, formatted, of_texts, of_type
from data.sources.times.zones.long_days import by_clocks, counted_hours
from data.sources.times.zones.scales import says_zone, scale_in_name, utc_of
from data.sources.times.zones.zone_beside import LOCAL, says_local, zoned

FORTRAN = r"(?<=[\d.])[dD](?=[-+]?\d+$)"  # its exponents
DURATION = r"-?\d+ days?(?:,? [+-]?\d+:\d\d:\d\d(?:\.\d+)?)?"  # as pandas and Python write them, and ISO 8601
DURATION += r"|-?P(?!$)(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?"


def times_of(column: pd.Series, prep: PrepConfig) -> Times:
    """Times of the cells of a column, of numbers or texts.

    Raises TableError when none is readable, or what they mean can't be told; the message names the way out.
    """
    if column.dtype.kind not in "biufcmM":
        column = ascii_digits(column)
        some = column.dropna().iloc[:: max(1, len(column) // LOOKED_AT)]
        if some.str.fullmatch(DURATION).sum() > 0.5 * len(some):
            column = pd.to_timedelta(column, errors="coerce")
        elif "%" not in (prep.time_format or ""):
            passed = elapsed_s(column.str.strip(), str(column.name or ""), prep.start_utc is not None)
            if passed is not None:
                return relative(passed, prep.start_utc, "passed since a start")
    if column.dtype.kind not in "biufcmM" and "%" not in (prep.time_format or "") and not are_plain(column):
        column = rewritten(column)
    if prep.time_zone and column.dtype.kind not in "biufcmM" and (long := counted_hours(column)) is not None:
        days = of_texts(long["day"].rename(str(column.name)), replace(prep, time_zone=None)).utc.astype(
            "datetime64[ms]"
        )
        column = pd.Series(by_clocks(days, long["hour"].to_numpy(), prep.time_zone), column.index, name=column.name)
    local = says_local(str(column.name or "")) and prep.time_zone is None
    column, prep, zone = zoned(column, prep)
    times = _of_cells(column, prep)
    scale = "" if zone or prep.time_zone else scale_in_name(str(column.name or ""))
    if times.utc is None or column.dtype.kind in "biufcm":
        return replace(times, doubt=perhaps_scale(scale)) if scale and times.utc is not None else times
    if scale and not any(map(says_zone, column.dropna().astype(str).iloc[:LOOKED_AT])):
        utc = utc_of(times.utc, scale).astype("datetime64[ms]")
        return replace(times, utc=utc, how=f"{scale.upper()}, as the name of their column says, made UTC")
    if zone:
        return replace(times, how=f"in {zone}, as is told beside them")
    doubt = times.doubt or other_calendar(times.utc) or (LOCAL if local else "")
    return replace(times, doubt=doubt)


def _of_cells(column: pd.Series, prep: PrepConfig) -> Times:
    """Times of cells with all that is known of their zone behind them, or in the settings."""
    cells = column.dropna()
    if column.dtype.kind == "m":
        return relative(column.dt.total_seconds().to_numpy(np.float64), prep.start_utc, "durations")
    if column.dtype.kind == "M":
        return utc_times(*of_type(column), prep, "UTC")
    if prep.time_format and "%" in prep.time_format:
        return utc_times(*formatted(column, prep.time_format), prep, f"as {prep.time_format}")
    is_text = column.dtype.kind not in "biufc"
    if is_text and are_plain(column):
        return utc_times(*of_texts(column, prep)[:2], prep, "UTC")
    plain = column
    if is_text:
        plain = column.astype("string").str.replace(r"^(\d+),(\d+)$", r"\1.\2", regex=True)
        if plain.iloc[:LOOKED_AT].str.contains(FORTRAN).any():
            plain = plain.str.replace(FORTRAN, "e", regex=True)
    numbers = pd.to_numeric(plain, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    if len(cells) and np.isfinite(numbers).sum() > 0.5 * len(cells):
        return of_numbers(numbers, str(column.name or ""), prep)
    texts = of_texts(column, prep)
    utc, count = put_back(column, texts.utc)
    doubt = PUT_BACK.format(count) if count else ""
    return replace(utc_times(utc, texts.zoned, prep, "UTC"), doubt=doubt, order=texts.order)


def even_times(count: int, prep: PrepConfig) -> Times:
    """Times of samples without any, one cadence apart."""
    return relative(np.arange(count) * (prep.sample_interval_sec or 1.0), prep.start_utc, "counted")
