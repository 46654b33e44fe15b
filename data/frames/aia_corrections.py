"""Corrections of AIA by local copies of its team's tables: degradation, which needs aiapy, and master pointing.

Worked out once in the main process, for all frames of a plan: workers see one factor and one WCS a frame.
"""

import math
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from config import PrepConfig
from data.frames.grid.placement import Placed, Row
from data.sources.base import LEVEL

FULL_FRAME = (4096, 4096)  # which the master pointing is about


def correct_rows(rows: tuple[Row, ...], prep: PrepConfig) -> tuple[Row, ...]:
    """The rows with what prep.pointing_table and prep.degradation_table tell about their AIA frames.

    Raises ValueError when a table is missing, unreadable or does not hold a frame's time, or without aiapy.
    """
    if not any(_is_aia(frame) for row in rows for frame in row):
        return rows
    if prep.pointing_table:
        pointings = _read(prep.pointing_table, "prep.pointing_table", _pointing_table)
        rows = _each(rows, lambda frame: _pointed(frame, pointings))
    if prep.degradation_table:
        if find_spec("aiapy") is None:
            path = prep.degradation_table
            raise ValueError(f"prep.degradation_table {path} needs aiapy, which is not installed: pip install aiapy")
        degradation = _read(prep.degradation_table, "prep.degradation_table", _degradation_table)
        left = cache(lambda wavelength, hour_utc: _sensitivity_left(wavelength, hour_utc, degradation))
        rows = _each(rows, lambda frame: _aged(frame, left))
    return rows


def _is_aia(frame: Placed) -> bool:
    return frame.candidate.is_counts and re.fullmatch(r"aia_\d+", frame.reel) is not None


def _each(rows: tuple[Row, ...], change: Callable[[Placed], Placed]) -> tuple[Row, ...]:
    """The rows with their AIA frames changed."""
    return tuple(tuple(change(frame) if _is_aia(frame) else frame for frame in row) for row in rows)


def _read(path: str, key: str, read):
    try:
        return read(path)
    except Exception as error:  # astropy's readers raise many kinds
        raise ValueError(f"{key} {path} is not readable: {type(error).__name__}: {error}") from None


def _degradation_table(path: str) -> Callable:
    """aiapy's `degradation` of a wavelength at a time, by the newest calibration in the table."""
    from aiapy.calibrate import degradation

    # From aiapy 0.12 on the module is called utils, and only the version that aiapy takes for the latest is looked up.
    is_new = find_spec("aiapy.calibrate.utils") is not None
    with open(path, encoding="utf-8"):  # astropy would take the name of a missing file for a table
        table = import_module(f"aiapy.calibrate.{'utils' if is_new else 'util'}").get_correction_table(path)
    version = {"calibration_version": int(table["VER_NUM"].max())} if is_new else {}
    return partial(degradation, correction_table=table, **version)


def _aged(frame: Placed, left: Callable[[float, str], float]) -> Placed:
    """The frame with its sensitivity relative to that at launch, in the middle of its hour: Boerner et al. (2014).

    Levels of gray are no counts that could be divided by it.
    """
    if frame.candidate.unit == LEVEL:
        return frame
    return replace(frame, degradation=left(float(frame.channel), frame.candidate.time_utc[:13]))


def _sensitivity_left(wavelength: float, hour_utc: str, degradation: Callable) -> float:
    """As aiapy computes it, which takes 5 ms; within half an hour it changes by 5e-5 at most."""
    import astropy.units as u
    from astropy.time import Time

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of dates beyond the table of leap seconds
            time = Time(f"{hour_utc}:30", scale="utc")
            factor = float(degradation(wavelength * u.angstrom, time).value[0])
    except ValueError as error:
        raise ValueError(f"prep.degradation_table, {wavelength:g} A: {error}") from None
    if not 0 < factor < math.inf:
        raise ValueError(f"prep.degradation_table, {wavelength:g} A: factor {factor:g} at {hour_utc}h is impossible")
    return round(factor, 9)


def _pointing_table(path: str) -> dict[str, np.ndarray]:
    """Columns as plain numbers; times as UTC datetime64, T_START with T_STOP behind it."""
    from astropy.table import QTable
    from astropy.time import Time

    table = QTable.read(path)
    columns = {name: _plain(table[name]) for name in table.colnames if name.startswith("A_")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of dates beyond the table of leap seconds
        times = {name: Time(table[name]).utc.isot.astype("datetime64[ms]") for name in ("T_START", "T_STOP")}
    return columns | times


def _plain(column) -> np.ndarray:
    """A column without its unit; NaN for masked entries."""
    filled = column.filled(np.nan) if hasattr(column, "filled") else column
    return np.asarray(filled.value, float)


def _pointed(frame: Placed, table: dict[str, np.ndarray]) -> Placed:
    """The frame with the pointing of the table's entry for its T_OBS, as `aiapy.calibrate.update_pointing` sets it."""
    candidate = frame.candidate
    if frame.wcs is None:
        return frame
    if candidate.shape != FULL_FRAME:
        return _flagged(frame, "header's pointing kept: the pointing table is about full frames")
    time = np.datetime64(candidate.time_utc)
    entries = np.flatnonzero((table["T_START"] <= time) & (time < table["T_STOP"]))
    if not len(entries) or f"A_{frame.channel:>03}_X0" not in table:
        raise ValueError(f"prep.pointing_table has no entry for {candidate.source} of {candidate.time_utc}")
    names = (f"A_{frame.channel:>03}_{what}" for what in ("X0", "Y0", "IMSCALE", "INSTROT"))
    x0, y0, scale, turn = (float(table[name][entries[0]]) for name in names)
    if math.isnan(x0 + y0 + scale + turn + candidate.sat_rot_deg):
        return _flagged(frame, "header's pointing kept: the pointing table has none here")
    # X0 and Y0 count from 0, CRPIX from 1: AIA/HMI keyword document AIA02840, section 2.2.
    moved = {"crpix1": x0 + 1, "crpix2": y0 + 1, "cdelt1": scale, "cdelt2": scale}
    return replace(frame, wcs=replace(frame.wcs, crota2=turn + candidate.sat_rot_deg, **moved))


def _flagged(frame: Placed, flag: str) -> Placed:
    return replace(frame, flags="; ".join(filter(None, [frame.flags, flag])))
