"""Times of rows as they come, by the rows before: clocks of a day, hours that come twice, counters that begin anew.

A table is read whole by `data.sources.times`; of a row that has just come some of that can't be told without the time
before it, and some not until the next ones are there. Such rows wait, with all that came behind them.
"""

import numpy as np

from data.live.growing.moves import NOT
from data.live.series.row_form import Rows
from data.live.series.samples import SeriesForm
from data.sources.times.clock_parts import FEWEST, shift_s
from data.sources.times.numbers import DAY_S

AHEAD = "its time lies beyond a gap, ahead of the rows behind it"
SAVED = "waits_"
TOGETHER = 1024  # rows whose times are told at once, until one of them is odd


class Clock:
    """Takes rows and gives those whose times are told, in the order in which they came.

    Numbers are s, of UTC since 1970. newest: the latest time that was given. later: what is added to a counter that
    began anew. restarts: how often one did.
    """

    def __init__(self, form: SeriesForm):
        self.form = form.rows
        self.cadence_s, self.gap_threshold = form.cadence_s, form.meta["gap_threshold"]
        self.newest, self.later, self.restarts = -np.inf, 0.0, 0
        self.waiting = self.form.nothing([], "")

    def take(self, rows: Rows, is_end: bool = False) -> Rows:
        """is_end: nothing waits any more."""
        rows = self.form.joined([self.waiting, rows]) if len(self.waiting) else rows
        seconds, reasons = self._seconds(rows.times), rows.reasons.copy()
        usable = np.flatnonzero((reasons == "") & np.isfinite(seconds))
        if not (rows.moves_s == NOT).all() or self._leaps(seconds[usable]):
            count = self._each(seconds, reasons, rows.moves_s, usable, is_end)
        else:
            count, self.newest = len(rows), max(self.newest, seconds[usable].max(initial=-np.inf))
        self.waiting = Rows(*(part[count:] for part in rows))
        told = self._times(seconds), rows.values, rows.where, reasons, np.zeros(len(rows))
        return Rows(*(part[:count] for part in told))

    def finish(self) -> Rows:
        """What still waits."""
        return self.take(self.form.nothing([], ""), is_end=True)

    def state(self) -> dict[str, np.ndarray]:
        """What is to be kept, so that another one can go on from here."""
        texts = {name: getattr(self.waiting, name).astype(str) for name in ("where", "reasons")}
        kept = self.waiting._asdict() | texts
        told = np.array([self.newest, self.later, self.restarts])
        return {f"{SAVED}{name}": values for name, values in kept.items()} | {"clock_of_rows": told}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from the state of a former one of the same form."""
        if "clock_of_rows" not in state:
            return
        self.newest, self.later, restarts = state["clock_of_rows"].tolist()
        self.restarts = int(restarts)
        kept = (state[f"{SAVED}{name}"] for name in Rows._fields)
        self.waiting = Rows(*(part.astype(object) if part.dtype.kind == "U" else part for part in kept))

    def _seconds(self, times: np.ndarray) -> np.ndarray:
        if not self.form.has_utc:
            return times.astype(np.float64)
        return np.where(np.isnat(times), np.nan, times.astype("datetime64[ms]").astype(np.int64) / 1000)

    def _times(self, seconds: np.ndarray) -> np.ndarray:
        if not self.form.has_utc:
            return seconds
        known = np.isfinite(seconds)
        found = np.full(len(seconds), np.datetime64("NaT", "ms"))
        found[known] = np.round(1000 * seconds[known]).astype(np.int64).astype("datetime64[ms]")
        return found

    @property
    def _gap_s(self) -> float:
        return self.gap_threshold * self.cadence_s

    def _leaps(self, seconds: np.ndarray) -> bool:
        """Whether a time lies beyond a gap."""
        return bool((np.diff(np.maximum.accumulate(np.append(self.newest, seconds))) > self._gap_s).any())

    def _each(
        self, seconds: np.ndarray, reasons: np.ndarray, moves_s: np.ndarray, usable: np.ndarray, is_end: bool
    ) -> int:
        """Times and reasons of usable rows one by one, in place; returns how many of all are told."""
        n = 0
        while True:
            n += self._plain(seconds, moves_s, usable[n : n + TOGETHER])
            if n == len(usable):
                return len(seconds)
            i, behind = int(usable[n]), usable[n + 1 : n + 1 + FEWEST]
            if np.isnan(moves_s[i]):
                is_told = self._count(seconds, i, behind, is_end)
            else:
                seconds[i] = moved(seconds[i], moves_s[i], self.newest)
                is_told = self._confirm(seconds, reasons, moves_s, i, behind) or is_end
            if not is_told:
                return i
            if not reasons[i]:
                self.newest = max(self.newest, seconds[i])
            n += 1

    def _plain(self, seconds: np.ndarray, moves_s: np.ndarray, some: np.ndarray) -> int:
        """Tell the times of the first rows of some, in place, until one falls back or lies beyond a gap; how many."""
        by_s = moves_s[some]
        is_counted = np.isnan(by_s)
        times = np.where(is_counted, seconds[some] + self.later, moved(seconds[some], by_s, self.newest))
        newest = np.maximum.accumulate(np.append(self.newest, times))[:-1]
        goes_on = newest - times < FEWEST * self.cadence_s
        # By a later newest time than that of before these rows, others might be moved once more.
        is_near = (times <= newest + self._gap_s) & ((by_s == NOT) | (times >= newest - by_s / 2))
        others = np.flatnonzero(~np.where(is_counted, goes_on, is_near))
        count = int(others[0]) if len(others) else len(some)
        seconds[some[:count]] = times[:count]
        self.newest = max(self.newest, times[:count].max(initial=-np.inf))
        return count

    def _count(self, seconds: np.ndarray, i: int, behind: np.ndarray, is_end: bool) -> bool:
        """Tell the time of a counter's row; False where it fell back and more rows have to say whether it began anew.

        As `in_parts` does of a whole table.
        """
        fall_s = self.newest - (seconds[i] + self.later)
        if fall_s >= FEWEST * self.cadence_s:
            part = seconds[[i, *behind[: FEWEST - 1]]] + self.later
            may_be = (np.diff(part) > 0).all() and (part <= self.newest).all()
            if may_be and len(part) < FEWEST and not is_end:
                return False
            if may_be and len(part) == FEWEST:
                self.later += shift_s(fall_s, self.cadence_s, self.gap_threshold)
                self.restarts += 1
        seconds[i] += self.later
        return True

    def _confirm(
        self, seconds: np.ndarray, reasons: np.ndarray, moves_s: np.ndarray, i: int, behind: np.ndarray
    ) -> bool:
        """A row beyond a gap is believed once a later one comes, or many that are late, and left out once an earlier
        one does; False where none has come. One wild time would make all rows behind it late.
        """
        if seconds[i] <= self.newest + self._gap_s:
            return True
        for other in behind.tolist():
            time = moved(seconds[other], moves_s[other], seconds[i])
            if time >= seconds[i]:
                return True
            if time > self.newest:
                reasons[i] = AHEAD
                return True
        return len(behind) == FEWEST


def moved(times_s: np.ndarray | float, by_s: np.ndarray | float, newest_s: float) -> np.ndarray:
    """Times by as many steps later as bring each nearest to the newest one: one of an hour, any number of days."""
    steps_s = np.where(by_s == NOT, DAY_S, by_s)
    behind = (newest_s - steps_s / 2 - times_s) / steps_s if np.isfinite(newest_s) else np.zeros_like(steps_s)
    steps = np.where(steps_s == DAY_S, np.ceil(behind), 1)
    return np.where((by_s == NOT) | (behind <= 0), times_s, times_s + by_s * steps)
