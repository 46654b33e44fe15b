"""What methods for series share: a stretch is read in pieces, and every window of a piece is looked at.

A window holds `clip_length` samples of C variables, and windows are one sample apart. What is found out about windows
goes to their samples as the mean over all windows that cover one: fewer at the ends of a stretch. So it shows up to a
window before its cause; where that began, the least of these windows tells.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.ndimage import minimum_filter1d

from config import EvalConfig
from data.drawn import one_of_each
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.series.wandering import wanders
from inference.calibration.quiet.ranges import QuietRange
from inference.methods.base import Method, all_but, scored
from inference.scorers.base import Reach
from inference.scorers.nets.residual import Samples, ScoredFrame
from inference.scorers.overlap import StretchMean

PIECE_VALUES = 2**23  # of all windows of a piece together: 32 MB in single precision
SAMPLE_WINDOWS, SAMPLE_VALUES = 20_000, 2**25  # of quiet windows that a method is fitted on
LEAST_SEEN = 4  # times as many samples as a window has values: what a copy is fitted on at least, if there are
LEAST_LOOSE = 0.005  # the same of one that wanders, whose range is that of its level
LEAST_SPREAD = 0.05  # of a variable, where 98 % of all samples lie in 0..1: one that hardly changes must not decide all


class SeriesMethod(Method):
    """A method that works on windows of a series, up to clip_length - 1 samples before and after a sample.

    `compare` gets whole pieces, with invalid samples interpolated, and answers for every sample of them.
    """

    sheds = True  # no user looks through a table of numbers for what is wrong in it

    def own_reach(self, settings: EvalConfig) -> Reach | None:
        return Reach(self.clip_length - 1, self.clip_length - 1, least=2 * self.clip_length)

    def open(self, reel: Reel, begin: int, end: int) -> None:
        """Note the valid samples, which the invalid ones are interpolated between."""
        self.known = begin + np.flatnonzero((reel.read_masks(begin, end)[:, 0, 0] & INVALID) == 0)

    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """Every sample of the stretch [begin, end), in time order; none of one that is shorter than a window."""
        for first, frames, valid, expected, errors, *_ in self._answers(reel, begin, end):
            for i in range(len(frames)):
                answer, error = (None if a is None else a[i] for a in (expected, errors))
                yield scored(first + i, frames[i], valid[i], answer, error, settings)

    def stretch(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
        """The whole stretch at once."""
        residuals, known, placed, variables = [], [], [], []
        for _, frames, valid, expected, errors, least, of_each in self._answers(reel, begin, end):
            error = np.abs(frames - expected)[..., 0] if errors is None else errors  # (n, K, 1)
            residuals.append(np.where(valid, error, np.float32(0)))
            known.append(valid[:, 0, 0])
            placed += [] if least is None else [np.where(valid, least, np.float32(0))]
            variables += [] if of_each is None else [np.where(valid[:, 0], of_each, np.float32(0))]
        if not residuals:
            return Samples(np.full((end - begin, 1, 1), np.nan, np.float32), np.zeros(end - begin, bool))
        places, named = (np.concatenate(found) if found else None for found in (placed, variables))
        return Samples(np.concatenate(residuals), np.concatenate(known), variables=named, placed=places)

    def judged(
        self, frames: np.ndarray, valid: np.ndarray
    ) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None, np.ndarray | None]:
        """As `compare`, and errors that say where and what has to do with them, see `Samples.placed` and `variables`;
        None of a method whose own do."""
        return *self.compare(frames, valid), None, None

    def _answers(self, reel: Reel, begin: int, end: int) -> Iterator[tuple]:
        """The stretch as pieces: first frame, frames (n, C, 1, 1), valid (n, 1, 1), and what is `judged`."""
        if end - begin < self.clip_length:
            return
        self.open(reel, begin, end)
        reach, count = self.clip_length - 1, self.piece_samples(reel.shape[1])
        for first in range(begin, end, count):
            stop = min(first + count, end)
            # At the end of a stretch a piece may be shorter than a window, so it looks back at least a whole one.
            low, high = max(min(first, end - self.clip_length) - reach, begin), min(stop + reach, end)
            frames, valid = self.read(reel, np.arange(low, high))
            judged = self.judged(self.interpolated(reel, low, high)[:, :, None, None], valid)
            part = slice(first - low, stop - low)
            yield first, frames[part], valid[part], *(None if a is None else a[part] for a in judged)

    def piece_samples(self, channels: int) -> int:
        """Samples that are answered for at a time, so that memory does not grow with the series."""
        return max(self.clip_length, PIECE_VALUES // (self.clip_length * channels))

    def interpolated(self, reel: Reel, low: int, high: int) -> np.ndarray:
        """Samples (high - low, C) of the opened stretch: invalid ones by linear interpolation, held at its ends."""
        before, behind = self.known[self.known <= low][-1:], self.known[self.known >= high - 1][:1]  # one or none
        first, last = min([low, *before]), max([high - 1, *behind])
        values, valid = self.read(reel, np.arange(first, last + 1))
        values, at = values[:, :, 0, 0], np.flatnonzero(valid[:, 0, 0])
        if 0 < len(at) < len(values):
            places = np.arange(len(values))
            values = np.stack([np.interp(places, at, column[at]) for column in values.T], axis=1).astype(np.float32)
        return values[low - first : high - first]


class WholeWindows(SeriesMethod):
    """A method that says how unusual a window is as a whole; a subclass gives `of_windows`."""

    @abstractmethod
    def of_windows(self, frames: np.ndarray) -> np.ndarray:
        """How unusual the windows (n - clip_length + 1,) of samples (n, C, 1, 1) are, at least 0."""

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[None, np.ndarray]:
        return None, mean_over_windows(self.of_windows(frames), self.clip_length)[:, None, None]

    def of_variables(self, frames: np.ndarray, found: np.ndarray) -> np.ndarray | None:
        """What each variable has to do with windows `found` (n - clip_length + 1,) so unusual: (n, C), at least 0, of
        each sample; None of a method that can't tell."""
        return None

    def judged(self, frames: np.ndarray, valid: np.ndarray) -> tuple[None, np.ndarray, np.ndarray, np.ndarray | None]:
        found = self.of_windows(frames)
        mean, least = (over(found, self.clip_length) for over in (mean_over_windows, least_of_windows))
        return None, mean[:, None, None], least[:, None, None], self.of_variables(frames, found)


class WindowMethod(SeriesMethod):
    """A method that is fitted on a sample of quiet windows, in which each variable has mean 0 and spread 1.

    A subclass gives `learn` and `compare`. Windows are flat, D = clip_length x C values, sample after sample.
    """

    sample_windows, sample_values = SAMPLE_WINDOWS, SAMPLE_VALUES
    known_loose: np.ndarray | None = None  # of copies that judge parts of quiet data: which variables wander in all
    by_variance = False  # whether windows are judged by the variance of directions, of which few windows tell little
    step = 1  # samples from one of the windows that it was fitted on to the next

    @abstractmethod
    def learn(self, windows: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """Arrays from quiet windows (N, D)."""

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        """Mean and spread (C,) of every variable, whether it wanders, and what the method learns, from training
        windows."""
        windows = self._quiet_windows([r for r in quiet if r.side == "train"])  # (N, T, C)
        is_loose = wanders(windows[:, 0]) if self.known_loose is None else self.known_loose
        take_level(windows, is_loose)
        of_each = [(v.mean(dtype=np.float64), v.std(dtype=np.float64)) for v in np.moveaxis(windows, 2, 0)]
        mean, spread = np.array(of_each).T  # one by one: a deviation takes as much memory again in double precision
        least = np.where(is_loose, LEAST_LOOSE, LEAST_SPREAD)
        units = {"mean": mean.astype(np.float32), "spread": np.maximum(spread, least).astype(np.float32)}
        units["is_loose"] = is_loose
        windows -= units["mean"]  # in place: there may be hundreds of MB of them
        windows /= units["spread"]
        self.arrays = units
        self.arrays = units | self.learn(windows.reshape(len(windows), -1), seed)

    def unfitted(self) -> "Method":
        copy = super().unfitted()
        vars(copy)["known_loose"] = self.is_loose
        return copy

    def beside(self, k: int, parts: list[list[QuietRange]]) -> list[QuietRange]:
        """Where it goes by variances, all that lies on both sides of a part, if one side would be far too little: a
        copy that is fitted on fewer windows than they have values finds everything new, and the threshold would be of
        such copies."""
        one_side = super().beside(k, parts)
        least = LEAST_SEEN * self.clip_length * parts[k][0].reel.shape[1] if self.by_variance else 0
        return one_side if sum(map(len, one_side)) >= least else all_but(k, parts)

    @property
    def is_loose(self) -> np.ndarray:
        """Which variables (C,) wander, so that each of their windows is seen without its own mean; none in runs of
        before."""
        return self.arrays.get("is_loose", np.zeros(len(self.arrays["mean"]), bool))

    def in_units(self, frames: np.ndarray) -> np.ndarray:
        """Samples (n, C) of frames (n, C, 1, 1) in quiet units."""
        return (frames[:, :, 0, 0] - self.arrays["mean"]) / self.arrays["spread"]

    def windows(self, frames: np.ndarray) -> np.ndarray:
        """All windows (n - clip_length + 1, D) of samples (n, C, 1, 1), in quiet units."""
        windows = windows_of(self.in_units(frames), self.clip_length)
        return take_level(windows.copy(), self.is_loose).reshape(len(windows), -1)

    def _quiet_windows(self, train: Sequence[QuietRange]) -> np.ndarray:
        """At most about `sample_windows` windows (N, T, C), one from each `step` of ranges, half or more of each valid.

        Raises ValueError when there are none.
        """
        length, channels = self.clip_length, train[0].reel.shape[1]
        limit = min(self.sample_windows, self.sample_values // (length * channels))
        step = self.step = max(1, -(-sum(r.end - r.begin - length + 1 for r in train) // max(limit, 1)))
        count = -(-self.piece_samples(channels) // step) * step
        most = sum(-(-max(r.end - r.begin - length + 1, 0) // step) for r in train)
        windows, found = np.empty((most, length, channels), np.float32), 0  # at once: parts and all are twice as much
        rng = np.random.default_rng(0)
        for r in train:
            self.open(r.reel, r.begin, r.end)
            places = max(r.end - r.begin - length + 1, 0)
            drawn = r.begin + one_of_each(places, -(-places // step), rng)
            for first in range(r.begin, r.begin + places, count):
                last = min(first + count + length - 1, r.end)
                starts = drawn[(drawn >= first) & (drawn < first + count)] - first
                is_known = np.isin(np.arange(first, last), self.known)
                enough = windows_of(is_known, length)[starts].mean(axis=1) >= 0.5
                some = windows_of(self.interpolated(r.reel, first, last), length)[starts[enough]]
                windows[found : found + len(some)], found = some, found + len(some)
        if not found:
            raise ValueError(f"no training window of {length} samples is at least half valid; train on other data")
        return windows[:found]


class WindowScore(WholeWindows, WindowMethod):
    """One that looks at every window by itself; a subclass gives `learn` and `score`."""

    @abstractmethod
    def score(self, windows: np.ndarray) -> np.ndarray:
        """How unusual windows (n, D) are: (n,), at least 0."""

    def of_windows(self, frames: np.ndarray) -> np.ndarray:
        return self.score(self.windows(frames))


def windows_of(samples: np.ndarray, length: int) -> np.ndarray:
    """All windows (n - length + 1, length, ...) of samples (n, ...), as a view."""
    return np.moveaxis(np.lib.stride_tricks.sliding_window_view(samples, length, axis=0), -1, 1)


def take_level(windows: np.ndarray, is_loose: np.ndarray) -> np.ndarray:
    """Windows (n, T, C) without the mean that each has of the variables (C,) that wander; in place."""
    for c in np.flatnonzero(is_loose):
        windows[:, :, c] -= windows[:, :, c].mean(axis=1, keepdims=True)
    return windows


def mean_over_windows(scores: np.ndarray, length: int) -> np.ndarray:
    """Scores of all windows (n,) -> the mean of the windows that cover each sample, (n + length - 1,) float32."""
    spread = np.broadcast_to(np.asarray(scores, np.float64)[:, None], (len(scores), length))
    return mean_of_windows(spread).astype(np.float32)


def least_of_windows(scores: np.ndarray, length: int) -> np.ndarray:
    """Scores of all windows (n,) -> the least of the windows that cover each sample, (n + length - 1,) float32."""
    beyond = np.full(length - 1, np.inf)  # both ends: no window
    padded = np.concatenate([beyond, scores, beyond])
    return minimum_filter1d(padded, length, origin=-(length // 2))[: len(scores) + length - 1].astype(np.float32)


def mean_of_windows(windows: np.ndarray) -> np.ndarray:
    """All windows (n, length, ...), one sample apart -> the mean over each sample, (n + length - 1, ...) float64."""
    fold = StretchMean(len(windows) + windows.shape[1] - 1, windows.shape[2:])
    fold.add(np.arange(len(windows)), windows)
    return fold.result()
