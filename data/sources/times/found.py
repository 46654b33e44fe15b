"""Times as all readers of them give them: UTC, local times in a zone made it, or seconds; with the reasons of those
that are unknown.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from config import PrepConfig
from data.sources.base import TableError
from data.sources.times.counts.other_zeros import are_half_days
from data.sources.times.mended.wild import FAR_OFF, NEVER_SET, far_off, never_set

SINCE_FIRST = "kept as seconds since"
NO_TIME = "time is missing or not readable"
CLOCK_SET_FORWARD = "no such time in prep.time_zone: the clock was set forward"
CLOCK_SET_BACK = "this time comes twice in prep.time_zone: the clock was set back"
LATEST_S = 1e11  # what is beyond is no time, and would overflow


@dataclass(frozen=True)
class Times:
    """Times of N cells.

    utc: (N,) datetime64[ms], NaT unknown; None where only relative times are known. seconds: (N,) float64, NaN unknown
    or known as UTC. reasons: (N,) text, why a time is unknown, else "". how: what they were taken for, for people.
    doubt: what else they may be, or "". order: of day and month in dates of numbers alone, as prep.time_format has it.
    """

    utc: np.ndarray | None
    seconds: np.ndarray
    reasons: np.ndarray
    how: str
    doubt: str = ""
    order: str = ""

    @property
    def known(self) -> np.ndarray:
        """Which cells tell a time: (N,) bool."""
        return np.isfinite(self.seconds) if self.utc is None else ~np.isnat(self.utc)


def relative(seconds: np.ndarray, start_utc: str | None, how: str, doubt: str = "") -> Times:
    """Times of seconds (N,) that have passed, NaN unknown: from `start_utc` on where it is given."""
    known = np.isfinite(seconds) & (np.abs(seconds) < LATEST_S)
    seconds = np.where(known, seconds, np.nan)
    reasons = np.where(known, "", NO_TIME).astype(object)
    if start_utc is None:
        return Times(None, seconds, reasons, how, doubt)
    utc = np.full(len(seconds), np.datetime64("NaT", "ms"))
    since = np.round(1000 * seconds[known]).astype(np.int64).astype("timedelta64[ms]")
    utc[known] = np.datetime64(start_utc.replace(" ", "T"), "ms") + since
    return Times(utc, seconds, reasons, f"{how} since prep.start_utc", doubt)


def utc_times(found: np.ndarray, zoned: np.ndarray, prep: PrepConfig, how: str) -> Times:
    """Times (N,) datetime64[us] as UTC: those that do not say their zone are local in prep.time_zone.

    Where steps are shorter than the milliseconds that UTC is kept in, the times become relative to the first.
    """
    reasons = np.where(np.isnat(found), NO_TIME, "").astype(object)
    for is_wild, reason in ((never_set, NEVER_SET), (far_off, FAR_OFF)):
        wild = is_wild(found)
        reasons[wild], found = reason, np.where(wild, np.datetime64("NaT", "us"), found)
    if not zoned.all() and are_half_days(found):
        raise TableError(
            "its clocks go from 12 to 1 within a day, as those of 12 hours do, and none says am or pm: "
            "write them with 24 hours, or with am and pm"
        )
    if prep.time_zone and not zoned.all():
        found, how = _from_local(found, zoned, prep.time_zone, reasons), f"local time of {prep.time_zone}"
    known = np.sort(found[~np.isnat(found)])
    steps = np.diff(known)
    steps = steps[steps > np.timedelta64(0, "us")]
    if len(steps) and np.median(steps) < np.timedelta64(1, "ms"):
        seconds = np.where(np.isnat(found), np.nan, (found - known[0]).astype(np.int64) / 1e6)
        return Times(None, seconds, reasons, f"{how}, {SINCE_FIRST} {known[0]}, as steps are below 1 ms")
    nearest = (found + np.timedelta64(500, "us")).astype("datetime64[ms]")  # parts of days are rarely whole ones
    return Times(nearest, np.full(len(found), np.nan), reasons, how)


def _from_local(found: np.ndarray, zoned: np.ndarray, zone: str, reasons: np.ndarray) -> np.ndarray:
    """UTC of local times; what the change of the clock leaves open gets its reason in `reasons` and no time.

    The hour that comes twice is told apart by the order of the cells, where both are there.
    """
    local = pd.DatetimeIndex(np.where(zoned, np.datetime64("NaT", "us"), found))
    try:
        utc = local.tz_localize(zone, ambiguous="infer", nonexistent="NaT")
    except ValueError:  # pandas can't infer it
        utc = local.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    lost = np.logical_and(utc.isna(), local.notna())
    in_gap = local.tz_localize(zone, ambiguous=np.ones(len(local), bool), nonexistent="NaT").isna()
    reasons[lost] = np.where(in_gap[lost], CLOCK_SET_FORWARD, CLOCK_SET_BACK)
    return np.where(zoned, found, utc.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]"))
