"""Scores of VETime on any series, without training: the net has seen synthetic series only.

A series is cut into chunks that overlap by half, and a sample's logit is the mean over the chunks that cover it, each
weighing more towards its middle. What is longer than a chunk can be seen in means over 4, 16, ... samples only: these
go through the net too, and the logit is the mean over all scales. The score is softplus(logit), so that it is never
below 0 and keeps the order.

What is far out hides nothing: it is cut off before means are made of it, and what holds it goes through the net a
second time with it cut off or left out, and the higher logit counts. Spikes and steps have plain rules beside the net.

To the logits comes how unlike all the rest of the series a stretch is (`likeness.py`), how rare a few samples are
(`rare_windows.py`), and in a long one how far windows of five lengths are from their nearest (`neighbours.py`), which
no chunk can tell; and more where one of the last two stands out from its own tail (`own_tail.py`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from scipy.special import softplus

from config import Config, EvalConfig
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.reel.windows import window_starts
from data.series.robust import cut_off, robust_scale
from inference.evidence.own_series import beside, near_rows
from inference.evidence.plain_views import plain_logits
from inference.scorers.base import Scorer
from inference.scorers.nets.residual import Samples, ScoredFrame
from inference.scorers.nets.windows import scored_stretches
from inference.scorers.overlap import StretchMean
from inference.scorers.zero_shot.levels import UNSCALED, CleanEvents, ZeroShotCalibration

SHORTEST = 64  # samples that say anything of what is usual
LONGER = 4  # chunks of a clean series
CERTAIN = 25.0  # spreads: what lies beyond is left out where the rest is looked at
COARSER = 4  # samples of a scale that are one of the next


class Judged(NamedTuple):
    """What a net says of chunks: logits (B, 1 + C, L) of the series, then of each variable; the center and the spread
    (B, C, 1) that it scaled each variable by."""

    logits: np.ndarray
    center: np.ndarray
    spread: np.ndarray


class Judge(Protocol):
    """VETime's net, whoever runs it. context: the first samples of a chunk, which alone scale it; None: all.

    rows: chunks of one variable that it works on at a time.
    """

    context: int | None
    rows: int

    def __call__(self, values: np.ndarray) -> Judged:
        """Of chunks (B, C, L) float32, NaN unknown."""
        ...


class ZeroShotScorer(Scorer):
    """VETime as a scorer. chunk: samples it was trained on at a time; quiet: its events on clean synthetic series."""

    any_channels = any_cadence = True

    @property
    def no_stream(self) -> str:
        return "vetime works on recorded series and can't follow a stream; train another model"

    def __init__(self, net: Judge, chunk: int, quiet: np.ndarray):
        super().__init__(SHORTEST, {})  # no scaling: it scales every chunk by itself
        self.net, self.chunk, self.quiet = net, chunk, quiet
        self.scored: dict[tuple, np.ndarray] = {}  # logits of the stretches that went through the net

    def prepare(self, run: Path, trained: Config) -> list[Reel]:
        raise NotImplementedError("a net that is only run was prepared where it was trained")

    def calibration(self, run: Path, reel: Reel, settings: EvalConfig) -> ZeroShotCalibration:
        """For one reel, from the scores of all its stretches."""
        if not len(self.quiet):
            raise FileNotFoundError(
                "the run has no events of clean series for scores as they are by now: it was never calibrated, or by "
                "an older version; train it with --resume"
            )
        stretches = [self.stretch(reel, *r, settings) for r in scored_stretches(reel, self.clip_length)]
        parts = [UNSCALED.own_events(samples, settings) for samples in stretches]
        clean = CleanEvents(self.quiet, LONGER * self.chunk)
        return ZeroShotCalibration(clean, parts, settings, reel.cadence_s, self.clip_length)

    def scores(self, values: np.ndarray) -> np.ndarray:
        """The logit (n,) float32 of every sample of a series (n, C), whose unknown values are NaN."""
        return self.logits(values)[:, 0]

    def logits(self, values: np.ndarray) -> np.ndarray:
        """Logits (n, 1 + C) float32: of the series, then of each variable alone.

        That of the net, or of a spike or a step, whichever is higher, and more for what is like nothing else in the
        series, or rare in it.
        """
        found = np.maximum(self.of_net(values), plain_logits(values, self.net.context))
        if self.net.context is None:  # else a sample would be compared with what comes after it
            found = found + self.beside_all(values)
        return found.astype(np.float32)

    def of_net(self, values: np.ndarray) -> np.ndarray:
        """What the net says of values (n, C): logits (n, 1 + C), the mean over scales."""
        finest, (near, certain) = self.of_scale(values), far_ones(values, self.net.context)
        found = self.with_coarser(finest, near)
        if certain.any():
            found = np.maximum(found, self.with_coarser(finest, np.where(certain, np.nan, near)))
        return found

    def beside_all(self, values: np.ndarray) -> np.ndarray:
        """What a look at all of a series (n, C) adds, (n, 1 + C): to its highest variable that is there, to each."""
        rows, is_there = near_rows(values), np.isfinite(values).any(0)
        each = beside(rows).T
        return np.column_stack([each[:, is_there].max(1) if is_there.any() else np.zeros(len(each)), each])

    def with_coarser(self, finest: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The mean of the finest logits (n, 1 + C) and those of means over 4, 16, ... values (n, C).

        The coarsest scale is the last with a quarter of a chunk.
        """
        total, scales, scale = finest, 1, COARSER
        while len(values) >= scale * self.chunk // COARSER:
            total = total + finer(self.of_scale(coarser(values, scale)), scale, len(values))
            scales, scale = scales + 1, scale * COARSER
        return total / scales

    def of_scale(self, values: np.ndarray) -> np.ndarray:
        """As `logits`, of these samples alone."""
        n, C = values.shape
        length = min(self.chunk, -(-n // 4) * 4)
        if n < length:
            values = np.vstack([values, np.full((length - n, C), np.nan)])
        starts = window_starts(0, len(values), length, self.step(length))
        fold = StretchMean(len(values), (1 + C,))
        size = max(1, self.net.rows // C)
        for first in range(0, len(starts), size):
            some = starts[first : first + size]
            chunks = np.stack([values[s : s + length] for s in some]).astype(np.float32)
            found = self.of_chunks(chunks)
            for is_first in (True, False):
                of_kind = (some == 0) == is_first
                fold.add(some[of_kind], found[of_kind], self.weight(length, is_first))
        return fold.result()[:n].astype(np.float32)

    def step(self, length: int) -> int:
        """Samples from one chunk to the next: half of one, or what follows the part that scales it."""
        context = self.net.context
        return length // 2 if context is None else max(1, length - context)

    def weight(self, length: int, is_first: bool) -> np.ndarray:
        """How much the answers of a chunk count (length,): none inside its context, but for the first one's."""
        inside = np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1)) / length
        if self.net.context is not None and not is_first:
            inside[: self.net.context] = 0  # the chunk before answers for these
        return inside

    def of_chunks(self, chunks: np.ndarray) -> np.ndarray:
        """Chunks (B, L, C) -> logits (B, L, 1 + C): the higher ones of chunks as they are and without what is far."""
        values = chunks.swapaxes(1, 2)  # (B, C, L)
        found, center, spread = self.net(values)
        near = cut_off(values, center, spread)
        near[beyond(values, center, CERTAIN * spread)] = np.nan
        has_far = ((near != values) & np.isfinite(values)).any((1, 2))  # NaN differs from all
        if has_far.any():
            found[has_far] = np.maximum(found[has_far], self.net(near[has_far]).logits)
        return found.swapaxes(1, 2)

    def stretch(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
        """The whole stretch [begin, end) of a series at once."""
        key = (reel.path, begin, end)
        if key not in self.scored:
            self.scored[key] = self.logits(measured(reel, begin, end))
        valid = (reel.read_masks(begin, end)[:, 0, 0] & INVALID) == 0
        found = np.where(valid[:, None], softplus(self.scored[key]), 0).astype(np.float32)  # (n, 1 + C)
        if settings.combine == "each" and reel.shape[1] > 1:
            return Samples(found[:, 1:, None], valid)
        return Samples(found[:, :1, None], valid, variables=np.where(reel.missing[begin:end], 0, found[:, 1:]))

    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        raise ValueError(f"vetime works on time series, {reel.name} is none; make light curves: prep.light_curves")


def beyond(values: np.ndarray, center: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Where values are farther than that from the center. Shapes that broadcast; not where they are NaN."""
    with np.errstate(over="ignore"):
        return np.abs(values - center) > distance


def far_ones(values: np.ndarray, context: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Values (n, C), NaN unknown, cut off at 8 spreads of each variable, and which are beyond 25, (n, C) bool.

    A mean over some knows nothing else of a huge one. The scale is that of the first `context` samples; None: of all.
    """
    center, spread = (part.astype(np.float64).T for part in robust_scale(values.T, context))
    return cut_off(values, center, spread), beyond(values, center, CERTAIN * spread)


def coarser(values: np.ndarray, scale: int) -> np.ndarray:
    """(n, C), NaN unknown -> the means of so many samples each, as far as they are known: (n / scale, C)."""
    padded = np.pad(values, ((0, -len(values) % scale), (0, 0)), constant_values=np.nan)
    parts = padded.reshape(-1, scale, values.shape[1])
    known = np.isfinite(parts)
    total, count = np.where(known, parts, 0).sum(1), known.sum(1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def finer(logits: np.ndarray, scale: int, n: int) -> np.ndarray:
    """Logits (n / scale, K) of coarser samples at the first n finer ones, linearly between their middles: (n, K)."""
    middles = (np.arange(len(logits)) + 0.5) * scale - 0.5
    return np.stack([np.interp(np.arange(n), middles, column) for column in logits.T], 1).astype(np.float32)


def measured(reel: Reel, begin: int, end: int) -> np.ndarray:
    """Samples [begin, end) of a series (n, C) as they are stored, NaN where nothing was measured."""
    stored, bits = reel.read(begin, end)
    unknown = reel.missing[begin:end] | ((bits[:, 0, 0] & INVALID) > 0)[:, None]
    return np.where(unknown, np.nan, stored[:, :, 0, 0].astype(np.float64))
