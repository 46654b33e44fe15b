"""By how much the time of a row may be later than its cells say, which only the rows before it tell."""

from dataclasses import replace

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.times.cells import times_of
from data.sources.times.clock_parts import are_clocks
from data.sources.times.found import CLOCK_SET_BACK, Times
from data.sources.times.numbers import DAY_S
from data.sources.times.zones.zone_beside import zoned

COUNTED = np.nan  # from a start: as much as a counter that begins anew needs
NOT = 0.0


def moves_of(column: pd.Series, times: Times, prep: PrepConfig) -> tuple[Times, np.ndarray]:
    """The earliest times that cells may mean, and by how many seconds (N,) each may be later: NOT, COUNTED, a day or
    any number of days for clocks without a date, an hour for local times that come twice.
    """
    moves = np.where(np.isfinite(times.seconds), COUNTED, NOT)
    if times.utc is None or np.isnan(moves).any():
        return times, moves
    if are_clocks(column):
        midnight = times_of(pd.Series(["00:00:00"], name="clock"), prep).utc
        assert midnight is not None  # prep.start_utc is given, else there were no times
        day = np.timedelta64(round(1000 * DAY_S), "ms")
        return replace(times, utc=midnight + (times.utc - midnight) % day), np.full(len(moves), DAY_S)
    twice = times.reasons == CLOCK_SET_BACK
    return _of_both_hours(column, times, prep, twice, moves) if twice.any() else (times, moves)


def _of_both_hours(
    column: pd.Series, times: Times, prep: PrepConfig, twice: np.ndarray, moves: np.ndarray
) -> tuple[Times, np.ndarray]:
    """Local times that come twice are the first of both, and may be the second."""
    cells, own, _ = zoned(column[twice], prep)
    local = pd.DatetimeIndex(pd.Series(times_of(cells, replace(own, time_zone="UTC")).utc))
    both = [
        local.tz_localize(own.time_zone, ambiguous=np.full(twice.sum(), is_summer)).tz_convert("UTC")
        for is_summer in (True, False)
    ]
    first, second = (found.tz_localize(None).to_numpy().astype("datetime64[ms]") for found in both)
    assert times.utc is not None  # there are local times
    utc, reasons = times.utc.copy(), times.reasons.copy()
    utc[twice], reasons[twice], moves[twice] = first, "", (second - first) / np.timedelta64(1, "s")
    return replace(times, utc=utc, reasons=reasons), moves
