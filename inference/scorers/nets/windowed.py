"""A net as a scorer, whoever runs it: one residual map per frame, as a stream whose memory does not grow with T.

Windows go through the net in batches, their reconstructions are folded back to time, and each frame's residual is
cleaned of the frame's common mode and smoothed.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np

from config import EvalConfig
from data.reel.reel import Reel
from data.reel.scaled import read_clip, read_scaled
from inference.scorers.base import Reach, Scorer
from inference.scorers.nets.residual import Samples, ScoredFrame, clean_residual, over_channels
from inference.scorers.nets.windows import (
    Window,
    batch_cuts,
    batches_for,
    covering_windows,
    first_answered,
    windows_over,
)
from inference.scorers.on_quiet import QuietScorer
from inference.scorers.overlap import Folded, OverlapFold, StretchMean

Found = TypeVar("Found")
BATCH_SAMPLES = 2**16  # of a series, that a net works on at a time


class WindowScorer(QuietScorer):
    """A scorer by what a net reconstructs of windows. A subclass gives `reconstruct` and `answers`.

    has_own_errors: whether it is judged by other errors of a window than how far off each sample is.
    """

    has_own_errors = False
    in_scatters = True

    @property
    @abstractmethod
    def answers(self) -> slice:
        """The frames of a window that the net's output is about: all, or those that it predicts."""

    @abstractmethod
    def reconstruct(self, batch: np.ndarray) -> np.ndarray:
        """(B, C, T, H, W) float32 -> reconstruction (B, T, C, H, W) float32."""

    def errors(self, clips: np.ndarray, rebuilt: np.ndarray) -> np.ndarray:
        """Of windows (B, C, T, H, W), rebuilt as (B, T, C, H, W): (B, T, H, W), of a series (B, T, C, 1)."""
        return over_channels(np.abs(clips.transpose(0, 2, 1, 3, 4) - rebuilt), axis=2)

    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """Every frame of the stretch [begin, end), in time order."""
        return score_frames(self, reel, self._windows(begin, end, settings), settings)

    def cuts(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> list[int]:
        """Where a batch of windows begins: the net's last bits depend on what is in a batch with a window."""
        return batch_cuts(self._windows(begin, end, settings), self.clip_length, self.answers, settings.batch_size)

    def part(
        self, reel: Reel, begin: int, end: int, first: int, last: int, settings: EvalConfig
    ) -> Iterator[ScoredFrame]:
        """As in the whole, with the batches before whose windows reach into the part."""
        windows = self._windows(begin, end, settings)
        some = batches_for(first, last, windows, self.clip_length, self.answers, settings.batch_size)
        return (f for f in score_frames(self, reel, some, settings) if first <= f.index < last)

    def _windows(self, begin: int, end: int, settings: EvalConfig) -> Iterable[Window]:
        return windows_over(begin, end, self.clip_length, settings.stride, self.answers)

    def stretch(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
        """Absolute difference to the mean of the reconstructions of all windows that cover a sample."""
        if settings.overlap != "mean":
            return super().stretch(reel, begin, end, settings)
        x, valid = read_clip(reel, begin, end - begin, self.scaling)  # (C, n, 1, 1)
        expected = self._expected(x, begin, end, settings.stride)
        residual = np.abs(x[..., 0].transpose(1, 0, 2) - expected)
        known = np.any(valid[:, :, 0, 0], axis=0)
        residual[~known & np.isfinite(residual[:, 0, 0])] = 0
        return Samples(residual, known)

    def _expected(self, x: np.ndarray, begin: int, end: int, stride: int) -> np.ndarray:
        """The reconstruction (n, C, 1) of samples (C, n, 1, 1), NaN where no window answers."""
        length, answers = self.clip_length, self.answers
        fold = StretchMean(end - begin, (len(x), 1), np.float32)
        for part in parts_of(windows_over(begin, end, length, stride, answers), length):
            found = self.reconstruct(stacked([x[:, w.start - begin :][:, :length] for w in part], part))
            found = found[:, answers, :, 0]
            backwards = np.array([w.backwards for w in part])
            found[backwards] = found[backwards, ::-1]
            fold.add(np.array([first_answered(w, length, answers) - begin for w in part]), found)
        return fold.result()

    def again(self, reel: Reel, first: int, last: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """The frames first..last: the windows that cover them go through the net again."""
        length, answers = self.clip_length, self.answers
        windows = covering_windows(reel, length, settings.stride, answers)
        near = [w for w in windows if first - length < first_answered(w, length, answers) <= last]
        return (f for f in score_frames(self, reel, near, settings) if first <= f.index <= last)

    def own_reach(self, settings: EvalConfig) -> Reach | None:
        """Windows played backwards reach beyond a window into the begin of a part."""
        length, answers = self.clip_length, self.answers
        step = min(settings.stride, answers.stop - answers.start)
        return Reach(2 * length, length, step, least=2 * length)

    def at_once(self, settings: EvalConfig) -> int:
        """A model that predicts asks for nearly two windows at the start of a stretch."""
        return max(2 * self.clip_length, settings.stride)


def score_frames(
    scorer: WindowScorer, reel: Reel, windows: Iterable[Window], settings: EvalConfig
) -> Iterator[ScoredFrame]:
    """Residual maps of all frames that the windows answer for, in time order; windows as `windows_over` orders them.

    The windows may be an endless iterator over a reel whose `read` waits for its frames.
    """
    answers, shape = scorer.answers, reel.shape[1:]
    count = answers.stop - answers.start
    mean = OverlapFold(count, shape, "mean")
    # The mean of reconstructions gives the mean residual; other folds, and other errors, need every window's own.
    other = None
    if settings.overlap != "mean" or scorer.has_own_errors:
        maps = (shape[0], 1) if reel.is_series else shape[1:]
        other = OverlapFold(count, maps, settings.overlap, percentile=settings.overlap_percentile)
    for part, clips, reconstructions in through(scorer.reconstruct, scorer, reel, windows, settings.batch_size):
        for window, clip, recon in zip(part, clips, reconstructions, strict=True):
            frame, clip, recon = first_answered(window, scorer.clip_length, answers), clip[:, answers], recon[answers]
            if window.backwards:
                clip, recon = clip[:, ::-1], recon[::-1]
            folded = None
            if other:
                folded = other.push(frame, scorer.errors(clip[None], recon[None])[0])
            yield from _emit(mean.push(frame, recon), folded, scorer, reel, settings)
    yield from _emit(mean.finish(), other.finish() if other else None, scorer, reel, settings)


def through(
    compute: Callable[[np.ndarray], Found],
    scorer: Scorer,
    reel: Reel,
    windows: Iterable[Window],
    batch_size: int,
) -> Iterator[tuple[list[Window], np.ndarray, Found]]:
    """Batches of windows, each as the net sees it (B, C, T, H, W), and what `compute` makes of them.

    While one batch's frames are scored, the net works on the next one, and the one after that is read (and looked at,
    see `WatchedStretch`, which takes as long), each in a thread of its own.
    """
    batches = _batches(scorer, reel, windows, batch_size)

    def run(reading: Future) -> tuple[list[Window], np.ndarray, Found] | None:
        found = reading.result()
        return None if found is None else (*found, compute(found[1]))

    with ThreadPoolExecutor(1, "model") as model, ThreadPoolExecutor(1, "reader") as reader:
        # In the reader, because the windows of a live reel wait for their frames; where it fails, it reads no further.
        ahead, behind = (reader.submit(next, batches, None) for _ in range(2))
        ahead = model.submit(run, ahead)
        while (done := ahead.result()) is not None:
            ahead, behind = model.submit(run, behind), reader.submit(next, batches, None)
            yield done


def parts_of(windows: Iterable[Window], length: int) -> Iterator[list[Window]]:
    """So many windows of a series at a time as a net works on."""
    remaining = iter(windows)
    while part := list(islice(remaining, max(1, BATCH_SAMPLES // length))):
        yield part


def _batches(
    scorer: Scorer, reel: Reel, windows: Iterable[Window], batch_size: int
) -> Iterator[tuple[list[Window], np.ndarray]]:
    """So many windows at a time, and what is in them (B, C, T, H, W)."""
    remaining = iter(windows)
    while part := list(islice(remaining, batch_size)):
        yield part, stacked([read_clip(reel, w.start, scorer.clip_length, scorer.scaling)[0] for w in part], part)


def stacked(clips: list[np.ndarray], windows: list[Window]) -> np.ndarray:
    """Clips (C, T, H, W) of windows as the net sees them: (B, C, T, H, W)."""
    return np.stack([c[:, ::-1] if w.backwards else c for c, w in zip(clips, windows, strict=True)])


def _emit(
    reconstructions: Folded, folded: Folded | None, scorer: WindowScorer, reel: Reel, settings: EvalConfig
) -> Iterator[ScoredFrame]:
    """Cleaned residuals of frames just completed; `reconstructions` and `folded` hold the same consecutive frames."""
    if not reconstructions:
        return
    first, last = reconstructions[0][0], reconstructions[-1][0]
    frames, valid = read_scaled(reel, first, last + 1, scorer.scaling)
    for k, (index, reconstruction) in enumerate(reconstructions):
        error = None if folded is None else folded[k][1]
        residual, common = clean_residual(frames[k], reconstruction, valid[k], settings, error, scorer.quantum)
        yield ScoredFrame(index, frames[k], reconstruction, residual, valid[k], common)
