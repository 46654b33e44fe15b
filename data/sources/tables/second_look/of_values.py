"""Whether the variables of a series are measured, and stand in the file below their names."""

import re
from collections.abc import Iterator

import numpy as np

from data.sources.base import Series
from data.sources.tables.second_look.raw_cells import RawCells

FEWEST, NEARLY_ALL = 20, 0.95
FAR_BEYOND = 1e6  # times as large as nine in ten
MOST_WORDS = 8  # unlike ones in a column of states
LEAST_MIXED, GROUPED = 0.05, 0.9  # of the cells of a column
_KIND = re.compile(
    r"(?:(?:u?int|u?short|long|d?word|float|double|real|string|bool(?:ean)?|ascii|bit)\s*\d*\s*[\[(].*"
    r"|u?int\d+|float\d+|double|string|timestamp|datetime)",
    re.IGNORECASE,
)
_NO_NAME = re.compile(r"column_\d+|unnamed: \d+", re.IGNORECASE)
_BAD = re.compile(
    r"\{\s*(?:fault|down|stale|disabled)\b.*|(?:bad|faulty?|failed|failure|error|err|invalid|suspect)\b.*",
    re.IGNORECASE,
)


def of_values(series: Series, raw: RawCells | None) -> Iterator[str]:
    """What speaks against the variables of a series, a line each."""
    yield from _far_beyond(series)
    yield from _names(series, raw)
    if raw is None or raw.by_blanks:
        return
    yield from _called_bad(series, raw)
    if not any(word in told for told in series.told for word in ("thousand", "converted")):
        yield from _thousands(series, raw)
        yield from _below_another_name(series, raw)


def _far_beyond(series: Series) -> Iterator[str]:
    """Numbers so large beside all others that none of them is measured."""
    for name, column in zip(series.channels, series.values.T, strict=True):
        sizes = np.abs(column[np.isfinite(column)])
        if len(sizes) >= FEWEST and (most := sizes.max()) > FAR_BEYOND * np.quantile(sizes, 0.9) > 0:
            yield f"{name} has {most:g} among numbers of {np.median(sizes):g}: prep.missing_values names what is none"


def _names(series: Series, raw: RawCells | None) -> Iterator[str]:
    """Names that are kinds, numbers, or more than there are columns."""
    kinds = [name for name in series.channels if _KIND.fullmatch(name)]
    if kinds:
        yield f"{kinds[0]} is a kind of numbers and no name: keep one line of names above the rows"
    inside = [name for name, column in zip(series.channels, series.values.T, strict=True) if _is_within(name, column)]
    if len(inside) >= max(2, 0.5 * len(series.channels)):
        yield f"its names, as {inside[0]!r}, are numbers as those below: if they are a row, write names above it"
    blank = [name for name in series.channels if _NO_NAME.fullmatch(name)]
    if raw and blank and all(raw.names):
        yield f"{', '.join(blank[:3])} have no names, though there is a line of as many, as {raw.names[:4]}"
    if raw and blank and (words := raw.words_above):
        told = f"the line above has {len(words)}, as {words[:4]}, for {len(raw.rows[0])} cells: write one for each"
        yield f"{', '.join(blank[:3])} have no names: {told}"
    if raw and raw.wider:
        yield (
            f"there are {len(raw.wider)} names, as {raw.wider[:4]}, above {len(raw.rows[0])} cells a row: put one that "
            "holds the sign between them into quotes"
        )


def _is_within(name: str, column: np.ndarray) -> bool:
    known = column[np.isfinite(column)]
    return bool(len(known)) and bool(known.min() <= _number(name) <= known.max())


def _called_bad(series: Series, raw: RawCells) -> Iterator[str]:
    """Values that a column of words calls bad."""
    if len(raw.rows) != len(series.values):
        return
    known = np.any(np.isfinite(series.values), axis=1)
    for name, cells in zip(raw.names, raw.columns, strict=True):
        words = set(cells)
        bad = {word for word in words if _BAD.fullmatch(word)} if len(words) <= MOST_WORDS else set()
        count = sum(is_known for is_known, cell in zip(known, cells, strict=True) if cell in bad)
        if count and not series.notes.get(name, "").startswith("label"):
            where = f"{name or 'a column'} says {min(bad)!r} in {count} rows"
            yield f"{where} whose values are taken: prep.label_column={name} takes it as labels"


def _thousands(series: Series, raw: RawCells) -> Iterator[str]:
    """Cells of one column with three digits behind a sign, beside others of three digits without any."""
    for name in series.channels:
        cells = raw.columns[raw.names.index(name)] if raw.names.count(name) == 1 else []
        signed = [cell for cell in cells if re.fullmatch(r"-?\d{1,3}[.,]\d{3}", cell)]
        plain = [cell for cell in cells if re.fullmatch(r"-?\d{3}", cell)]
        is_mixed = min(len(signed), len(plain)) > LEAST_MIXED * len(cells)
        if is_mixed and len(signed) + len(plain) > GROUPED * len(cells):
            yield f"{signed[0]!r} and {plain[0]!r} stand in {name}: does the sign group thousands? prep.decimal says so"


def _below_another_name(series: Series, raw: RawCells) -> Iterator[str]:
    """Variables whose numbers are not those below their name."""
    if len(raw.rows) != len(series.values):
        return
    for name, column in zip(series.channels, series.values.T, strict=True):
        cells = raw.columns[raw.names.index(name)] if raw.names.count(name) == 1 else []
        read = np.array([_number(cell) for cell in cells])
        both = np.isfinite(column) & np.isfinite(read) if len(read) else np.zeros(0, bool)
        if both.sum() < max(FEWEST, 0.5 * sum(map(bool, cells))) or _are_same(column[both], read[both]):
            continue
        row = np.flatnonzero(both)[np.argmax(np.abs(column[both] - read[both]))]
        yield f"{name} is {column[row]:g} in row {row + 1}, where {cells[row]!r} stands below its name: is it shifted?"


def _are_same(found: np.ndarray, read: np.ndarray) -> bool:
    """Whether numbers are the same, or in another unit."""
    if np.mean(np.isclose(found, read, rtol=1e-4, atol=1e-9)) > NEARLY_ALL or np.ptp(read) == 0:
        return True
    slope, at0 = np.polyfit(read, found, 1)
    scaled = np.isclose(found, slope * read + at0, rtol=1e-3, atol=1e-3 * np.ptp(found))
    return bool(slope and np.mean(scaled) > NEARLY_ALL)


def _number(cell: str) -> float:
    try:
        return float(cell if "." in cell else cell.replace(",", "."))
    except ValueError:
        return np.nan
