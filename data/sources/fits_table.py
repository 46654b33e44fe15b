"""Light curves and other time series in binary tables of FITS files: Kepler and TESS, RXTE, Fermi, LYRA, SoLEXS."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astropy.io import fits

from config import PrepConfig
from data.sources.archive_file.unpacked import too_large, unpacked
from data.sources.base import FrameError, Series, SeriesSource, TableError, file_sha256
from data.sources.fits import SUFFIXES as FITS_SUFFIXES
from data.sources.fits_file.layout import BLOCK_BYTES, fields_of, images_in_cells
from data.sources.fits_file.packed import PACKED_SUFFIXES, plain
from data.sources.fits_file.times.table_times import day_parts, of_day_parts, time_name, utc_of
from data.sources.table import refuse_short, series_of
from data.sources.tables.sidecar import table_stem

LOOKED_AT_BYTES = 16 * BLOCK_BYTES
MOST_PARTS = 256  # of one cell, each of which becomes a variable
# What is about other columns and no measurement: errors, flags, numbers and exposures of rows, further times.
_ERRORS = re.compile(r".*(?:^|_)(?:ERR|ERROR|ERRORS|SIGMA|UNCERT\w*)|STAT_ERR|SYS_ERR", re.IGNORECASE)
_FLAGS = re.compile(r"(?:.*_)?(?:QUALITY|QUAL|FLAGS?|GTI)", re.IGNORECASE)
_ROWS = re.compile(
    r"CADENCENO|CADENCE_NUMBER|ROW|SPEC_NUM|(?:CONTROL_)?INDEX|EXPOSURE|FRACEXP|LIVETIME|YEAR|DOY", re.IGNORECASE
)
_TIMES = re.compile(
    r"TIME\w*|(?:END|STOP|START|BARY)_?TIME|TSTART|TSTOP|[BH]?M?JD|BTJD|TAI|SOD|YYYYDOY|ISOT", re.IGNORECASE
)


class FitsTableSource(SeriesSource):
    """A binary table with a column of times, one series; of several tables of a file each."""

    name = "fits_table"
    suffixes = tuple(f".lc{packed}" for packed in ("", *PACKED_SUFFIXES))  # and FITS files that hold such a table

    def takes(self, path: Path) -> bool:
        return path.name.lower().endswith((*self.suffixes, *FITS_SUFFIXES)) and holds_series(path)

    def recognises(self, path: Path) -> bool:
        return holds_series(path)

    def read_series(self, path: Path, prep: PrepConfig, smallest: int = 0) -> list[Series]:
        """Times as UTC by the header's reference and time system; cells of TNULL and NaN are missing.

        Columns of errors, flags and further times are no variables, unless prep.value_columns names them.

        Raises TableError when no table can be read.
        """
        digest, found, reasons = file_sha256(path), [], []
        try:
            with path.open("rb") as stream, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with fits.open(plain(stream, prep.max_input_mb), memmap=False) as file:
                    tables = [hdu for hdu in file[1:] if _is_series(hdu.header)]
                    for hdu in tables:
                        part = str(hdu.header.get("EXTNAME", hdu.ver)) if len(tables) > 1 else ""
                        try:
                            found.append(_series(hdu, file[0].header, path, part, prep, digest, smallest))
                        except TableError as error:
                            reasons.append(f"{part}: {error}" if part else str(error))
        except FrameError as error:
            raise TableError(str(error)) from None
        except Exception as error:  # astropy raises many kinds on damaged files
            raise TableError(f"not readable as a FITS table: {type(error).__name__}: {error}") from None
        if not found:
            raise TableError("; ".join(reasons) or "it holds no table with times")
        return found


def holds_series(path: Path) -> bool:
    """Whether a FITS file has no image before a table with times, by its headers."""
    try:
        with unpacked(path) as stream:
            start = stream.read(LOOKED_AT_BYTES)  # of images, which most files are, this is all that is looked at
        if not start.startswith(b"SIMPLE  =") or b"XTENSION= 'BINTABLE'" not in start or b"ZIMAGE  =" in start:
            return False
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(plain(stream), memmap=False, lazy_load_hdus=True) as file:
                first = next(
                    (hdu for hdu in _with_data(file) if _is_series(hdu.header) or not _is_table(hdu.header)), None
                )
                return first is not None and _is_series(first.header)
    except Exception:  # astropy raises many kinds on damaged files; the FITS source has their reason
        return False


def _with_data(file: Any) -> Iterator[Any]:
    return (hdu for hdu in file if hdu.header.get("NAXIS"))


def _is_table(header: fits.Header) -> bool:
    return str(header.get("XTENSION")).strip() == "BINTABLE" and header.get("ZIMAGE") is not True


def _is_series(header: fits.Header) -> bool:
    names = [str(header.get(f"TTYPE{n}", "")).strip() for n in fields_of(header)]
    return _is_table(header) and not images_in_cells(header) and bool(time_name(names) or day_parts(names))


def _series(
    hdu: Any, primary: fits.Header, path: Path, part: str, prep: PrepConfig, digest: str, smallest: int
) -> Series:
    count = int(hdu.header["NAXIS2"])
    refuse_short(count, smallest)
    if told := too_large(count * int(hdu.header["NAXIS1"]), prep.max_input_mb):
        raise TableError(told)
    if hdu.header.get("ZTABLE") is True:
        raise TableError("its table is compressed by tiles (ZTABLE), which is not read; write it plainly with funpack")
    header = primary.copy()
    header.update(hdu.header)
    names = hdu.columns.names
    time = prep.time_column or time_name(names) or "time"
    if prep.time_column and time not in names:
        raise TableError(f"prep.time_column {time!r} is not among its columns {names[:20]}")
    if time in names:
        utc, seconds, how = utc_of(np.asarray(hdu.data[time]), time, str(hdu.columns[time].unit or ""), header)
    else:
        utc, seconds, how = of_day_parts(*(hdu.data[name] for name in day_parts(names)))
    cells, units, notes = _columns(hdu, time, prep)
    times = seconds if utc is None else pd.DatetimeIndex(utc, tz="UTC")
    table = pd.DataFrame({time: times, **cells})
    name = f"{table_stem(path)}_{part}" if part else table_stem(path)
    facts = {"part": part, "notes": notes, "told": (f"times: {how}",), "beside": units}
    return series_of(table, path, replace(prep, time_column=time), name, digest, **facts)


def _columns(hdu: Any, time: str, prep: PrepConfig) -> tuple[dict[str, np.ndarray], dict[str, str], dict[str, str]]:
    """Columns of single numbers by name, those of a few numbers in each cell as one a number; their units; and what is
    left out, with the reason.
    """
    found, units, notes = {}, {}, {}
    for column in hdu.columns:
        name, about_others = str(column.name), _about_others(str(column.name))
        if name == time:
            continue
        cells = _without_nulls(np.asarray(hdu.data[name]), column)
        width = cells[0].size if cells.dtype.kind in "biuf" and len(cells) else 0
        if about_others and not {name, *_names_of_parts(name, width)} & {*prep.value_columns, prep.label_column}:
            flagged = f", {np.count_nonzero(cells)} rows have some" if about_others == "flags" else ""
            notes[name] = f"left out: {about_others}{flagged}"
        elif not 0 < width <= MOST_PARTS:
            notes[name] = f"left out: {width} numbers in a cell" if width else "left out: no numbers"
        else:
            parts = dict(zip(_names_of_parts(name, width), cells.reshape(len(cells), width).T, strict=True))
            found |= parts
            units |= dict.fromkeys(parts, str(column.unit)) if column.unit else {}
    return found, units, notes


def _names_of_parts(name: str, width: int) -> list[str]:
    return [name] if width == 1 else [f"{name}[{n}]" for n in range(width)]


def _about_others(name: str) -> str:
    kinds = {"errors of others": _ERRORS, "flags": _FLAGS, "about its rows": _ROWS, "another time": _TIMES}
    return next((what for what, form in kinds.items() if form.fullmatch(name)), "")


def _without_nulls(cells: np.ndarray, column: Any) -> np.ndarray:
    """Cells in this machine's byte order, those of TNULL as NaN."""
    cells = cells.astype(cells.dtype.newbyteorder("="), copy=False)
    if column.null is None or cells.dtype.kind not in "iuf":
        return cells
    scale, zero = (1 if column.bscale in ("", None) else column.bscale), column.bzero or 0
    return np.where(cells == column.null * scale + zero, np.nan, cells)
