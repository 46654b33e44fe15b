"""Whether the rows of a file are those of its series, and rows of one time are of one device."""

from collections.abc import Iterator, Sequence

import numpy as np

from data.sources.base import Series
from data.sources.tables.second_look.raw_cells import RawCells
from data.sources.tables.second_look.stamps import stamps_of

MOST_LOST, MOST_ALIKE, MOST_OTHERS = 0.05, 0.2, 0.02  # of the rows
TOLD_APART = 0.95


def of_rows(found: Sequence[Series], raw: RawCells) -> Iterator[str]:
    """What speaks against the rows that were taken, a line each."""
    if not raw.is_whole:
        return
    rows = len(raw.rows)
    taken = sum(len(series.values) for series in found)
    stamps = [read for cells in raw.columns if (read := stamps_of(cells)) and read.has_clock]
    times = max((len(np.unique(own[np.isfinite(own)])) for read in stamps for own in read.orders), default=0)
    missing = times - taken - sum(len(series.lost) for series in found)
    if missing > MOST_LOST * rows:
        yield f"{missing} of its {rows} rows are in no series, and nothing says why"
    if raw.by_blanks and raw.others > MOST_OTHERS * rows and taken - rows > 0.5 * raw.others:
        yield (
            f"{raw.others} rows have more cells or fewer than the other {rows}: are empty ones left out, and values "
            "below another name?"
        )
    if len(found) == 1:
        yield from _of_one_time(found[0], raw)


def _of_one_time(series: Series, raw: RawCells) -> Iterator[str]:
    """Rows of equal times, which a column tells apart."""
    times = series.times_s if series.times_utc is None else series.times_utc
    known = times[~np.isnan(times)] if series.times_utc is None else times[~np.isnat(times)]
    again = len(known) - len(np.unique(known))
    if again <= MOST_ALIKE * len(known) or len(raw.rows) != len(times):
        return
    a_time = len(known) / (len(known) - again)
    for name, cells in zip(raw.names, raw.columns, strict=True):
        count, pairs = len(set(cells)), set(zip(times.tolist(), cells, strict=True))
        if 2 <= count <= 1.5 * a_time and len(pairs) >= TOLD_APART * len(times):
            yield (
                f"{again} rows have the time of another one and differ in {name or 'a column'}, as {cells[0]!r}: if "
                "that tells devices, give each a file; if it is a part of the time, write both into one column"
            )
            return
