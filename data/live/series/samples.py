"""Rows of a series as they come -> samples in the order of time, scaled and filled as `prep` does with a whole table.

What comes late, or a second time, is a row with its reason. A value that is missing lies on the line to the next one of
its variable, for which at most `patience` samples are waited; behind those the last one is held, which is what prep
does where a table ends.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from config import PrepConfig
from data.live.series.row_form import RowForm, Rows
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from data.sources.table import SAME_TIME

LATE = "late: samples of a later time had come before"
NO_VALUE = "no value"
DAY_MS = 86_400_000
KEPT = ("waiting", "pending", "known")


@dataclass(frozen=True)
class SeriesForm:
    """How the samples of the reel that a run was trained on were made, so that those of a stream are made alike.

    meta: what the live one tells of itself.
    """

    channels: tuple[str, ...]
    stretches: tuple[Stretch, ...]
    dtype: str
    cadence_s: float
    has_utc: bool
    prep: PrepConfig
    meta: dict[str, Any]

    @classmethod
    def of(cls, reel: Reel, prep: PrepConfig) -> Self:
        """Of a reel of a run; `prep` says how rows are read, and of which cadence they are."""
        cadence_s = prep.resample_sec or prep.sample_interval_sec or reel.cadence_s
        meta = {k: v for k, v in reel.meta.items() if k not in ("files", "sha256", "shape")}
        has_utc = reel.times_utc is not None
        return cls(tuple(reel.channels), tuple(reel.stretches), reel.meta["dtype"], cadence_s, has_utc, prep, meta)

    @property
    def rows(self) -> RowForm:
        units = {name: stretch.unit for name, stretch in zip(self.channels, self.stretches, strict=True)}
        of_training = {"order": self.meta.get("time_order", "")}
        return RowForm(self.channels, self.has_utc, self.meta.get("fills", {}), self.prep, units, **of_training)


class Samples(NamedTuple):
    """Samples that are settled. time_s: (n,) since the first one ever; frames: (n, C), scaled; missing: (n, C) bool,
    not measured; bits: (n,) uint8 of the mask."""

    time_s: np.ndarray
    frames: np.ndarray
    missing: np.ndarray
    bits: np.ndarray

    def __len__(self) -> int:
        return len(self.time_s)


class Sampling:
    """Takes rows and gives samples. Times are held as whole milliseconds, or seconds where there is no UTC.

    first: the time of the first sample ever, None before it. What it remembers is in `state`.
    """

    def __init__(self, form: SeriesForm, patience: int):
        self.form, self.patience = form, patience
        C = len(form.channels)
        self.first: float | None = None
        self.day = 0.0  # from whose begin steps are counted
        self.newest = -np.inf  # the latest time, or the number of the step that is open
        self.done = -np.inf  # the number of the last step that gave a sample
        self.waiting = np.empty((0, 1 + C))  # rows of the open step: time and values
        self.pending = np.empty((0, 2 + C))  # samples that are not settled: time, whether a step without rows, values
        self.known = np.full((2, C), np.nan)  # time and scaled value of the last one of each variable

    def add(self, rows: Rows) -> tuple[Samples, np.ndarray]:
        """The samples that these rows settle, and why rows are left out (N,), "" where they are not."""
        reasons = rows.reasons.copy()
        times = self._numbers(rows.times)
        reasons[(reasons == "") & np.isnan(times)] = "time is missing or not readable"
        usable = reasons == ""
        step_s = self.form.prep.resample_sec
        taken = times, rows.values, usable, reasons
        found = self._each(*taken) if step_s is None else self._steps(*taken, step_s)
        return self._settled(found, at_end=False), reasons

    def finish(self) -> Samples:
        """What still waits, as where a table ends."""
        over, self.waiting = self.waiting, self.waiting[:0]
        return self._settled(self._means(over), at_end=True)

    def state(self) -> dict[str, np.ndarray]:
        """What is to be kept, so that another one can go on from here."""
        numbers = [np.nan if self.first is None else self.first, self.day, self.newest, self.done]
        return {"clock": np.array(numbers)} | {name: getattr(self, name) for name in KEPT}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from the state of a former one of the same form."""
        first, self.day, self.newest, self.done = state["clock"].tolist()
        self.first = None if np.isnan(first) else first
        for name in KEPT:
            setattr(self, name, state[name])

    def _numbers(self, times: np.ndarray) -> np.ndarray:
        if not self.form.has_utc:
            return times.astype(np.float64)
        return np.where(np.isnat(times), np.nan, times.astype(np.int64))

    @property
    def _second(self) -> float:
        return 1000.0 if self.form.has_utc else 1.0

    def _each(self, times: np.ndarray, values: np.ndarray, usable: np.ndarray, reasons: np.ndarray) -> np.ndarray:
        """Rows that are samples: of one time the first that can be used, in the order of time."""
        self._refuse_empty(values, usable, reasons)
        before = self._before(np.where(usable, times, -np.inf))
        late = usable & (times <= before)
        reasons[late] = np.where(times[late] == before[late], SAME_TIME, LATE)
        usable &= ~late
        self.newest = max(self.newest, times[usable].max(initial=-np.inf))
        return np.column_stack([times[usable], np.zeros(usable.sum()), values[usable]])

    def _before(self, times: np.ndarray) -> np.ndarray:
        """The latest time before each."""
        return np.maximum.accumulate(np.append(self.newest, times))[:-1]

    def _refuse_empty(self, values: np.ndarray, usable: np.ndarray, reasons: np.ndarray) -> None:
        """As `examine` judges samples by what they hold."""
        prep, coverage = self.form.prep, np.isfinite(values).mean(axis=1)
        for value in np.unique(coverage[usable & (coverage < prep.min_coverage)]):
            told = f"coverage {value:.2f} is below prep.min_coverage {prep.min_coverage:g}"
            reasons[usable & (coverage == value)] = told
        if prep.min_coverage:
            reasons[usable & (coverage == 0)] = NO_VALUE
        usable &= reasons == ""

    def _steps(
        self, times: np.ndarray, values: np.ndarray, usable: np.ndarray, reasons: np.ndarray, step_s: float
    ) -> np.ndarray:
        """Means of steps that are over, with those between that hold no row and are no gap."""
        if not len(self.waiting) and self.newest == -np.inf and usable.any() and self.form.has_utc:
            self.day = float(np.floor(times[usable].min() / DAY_MS) * DAY_MS)
        bins = np.floor((times - self.day) / self._second / step_s + 1e-9)
        before = self._before(np.where(usable, bins, -np.inf))
        late = usable & (bins < before)
        reasons[late] = LATE
        usable &= ~late
        rows = np.column_stack([bins[usable], values[usable]])
        self.waiting = np.concatenate([self.waiting, rows])
        open_one = max(self.newest, bins[usable].max(initial=-np.inf))
        is_over = self.waiting[:, 0] < open_one
        over, self.waiting, self.newest = self.waiting[is_over], self.waiting[~is_over], open_one
        return self._means(over)

    def _means(self, over: np.ndarray) -> np.ndarray:
        """Rows (N, 1 + C) of whole steps -> their means, as samples."""
        C = len(self.form.channels)
        if not len(over):
            return np.empty((0, 2 + C))
        assert self.form.prep.resample_sec is not None  # else there are no steps
        means = pd.DataFrame(over[:, 1:]).groupby(over[:, 0]).mean()
        bins = means.index.to_numpy()
        edges = np.append(self.done if np.isfinite(self.done) else bins[0], bins)
        self.done = float(bins[-1])
        holes = [
            np.arange(b + 1, b + n)
            for b, n in zip(edges[:-1], np.diff(edges), strict=True)
            if 1 < n <= self.form.meta["gap_threshold"]
        ]
        wanted = np.sort(np.concatenate([bins, *holes]))
        values = means.reindex(wanted).to_numpy(np.float64)
        is_hole = ~np.isin(wanted, bins)
        usable = np.ones(len(wanted), bool)
        reasons = np.full(len(wanted), "", object)
        self._refuse_empty(np.where(is_hole[:, None], 0.0, values), usable, reasons)
        times = wanted * self.form.prep.resample_sec * self._second
        times = self.day + (np.round(times) if self.form.has_utc else times)
        return np.column_stack([times, is_hole, values])[usable]

    def _settled(self, found: np.ndarray, at_end: bool) -> Samples:
        """Samples, in order, as far as every value that is missing in them has a next one, or is waited for no more."""
        scaled = found.copy()
        with np.errstate(all="ignore"):
            for c, stretch in enumerate(self.form.stretches):
                scaled[:, 2 + c] = stretch.forward(found[:, 2 + c])
                beyond = ~np.isfinite(scaled[:, 2 + c].astype(self.form.dtype))  # also of the number format
                scaled[beyond, 2 + c] = np.nan
        self.pending = np.concatenate([self.pending, scaled])
        if self.first is None and len(self.pending):
            self.first = float(self.pending[0, 0])
        count = len(self.pending) if at_end else self._how_many()
        done = self._filled(count)
        self._remember(count)
        self.pending = self.pending[count:]
        return done

    def _how_many(self) -> int:
        unknown = np.isnan(self.pending[:, 2:])
        if not (n := len(unknown)):
            return 0
        last = np.where(unknown.all(axis=0), -1, n - 1 - np.argmax(~unknown[::-1], axis=0))
        partly = unknown.any(axis=1) & (~unknown.all(axis=1) | (self.pending[:, 1] > 0))
        blocked = partly & (unknown & (np.arange(n)[:, None] > last)).any(axis=1)
        first = int(np.argmax(blocked)) if blocked.any() else n
        return max(first, n - self.patience)

    def _filled(self, count: int) -> Samples:
        """The first samples that wait, with lines through what is missing."""
        times, is_hole, values = self.pending[:, 0], self.pending[:, 1] > 0, self.pending[:, 2:]
        unknown = np.isnan(values)
        filled = values.copy()
        for c in range(values.shape[1]):
            at, known = np.flatnonzero(unknown[:, c]), ~unknown[:, c]
            x, y = times[known], values[known, c]
            if np.isfinite(self.known[0, c]):
                x, y = np.append(self.known[0, c], x), np.append(self.known[1, c], y)
            filled[at, c] = np.interp(times[at], x, y) if len(x) else 0.0
        missing = unknown & ~is_hole[:, None]
        bits = np.where(missing.all(axis=1), INVALID, 0).astype(np.uint8)
        filled[bits > 0] = 0
        part = slice(count)
        time_s = (times[part] - (self.first or 0.0)) / self._second
        return Samples(time_s, filled[part].astype(self.form.dtype), missing[part], bits[part])

    def _remember(self, count: int) -> None:
        for c, column in enumerate(self.pending[:count, 2:].T):
            if len(at := np.flatnonzero(~np.isnan(column))):
                self.known[:, c] = self.pending[at[-1], 0], column[at[-1]]
