"""A net that rebuilds windows of a series, judged by whole windows: by their errors in time, in the spectrum, or both.

Each error of a window is a mean square in units of what it is in quiet windows: in time over its samples, in the
spectrum over its frequencies, each in units of its own. So a faint error counts in a frequency where quiet data have
none, as a faint change does for `sub_pca` in a direction that quiet windows never take. A sample has the mean over the
windows that cover it; where an event begins, the least of these tells.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from config import EvalConfig
from data.disk.damage import AGAIN, arrays_of
from data.disk.sealing import write_arrays
from data.messages import progress
from data.reel.reel import Reel
from data.reel.scaled import read_clip
from data.reel.windows import window_starts
from inference.calibration.quiet.ranges import QuietRange, quiet_ranges
from inference.scorers.base import Portable
from inference.scorers.nets.residual import Samples
from inference.scorers.nets.windowed import WindowScorer, parts_of, stacked
from inference.scorers.nets.windows import Window, windows_over
from inference.scorers.overlap import StretchMean

MOST_WINDOWS = 2048  # quiet ones that units are from
APART = 8  # of them to a window length
LEAST_POWER = 1e-4  # of a frequency, in units of the mean over all: smooth errors leave frequencies that are rounding
LEAST_SQUARE = 1e-10  # of errors, of values of which most lie in 0..1


class Usual(NamedTuple):
    """What errors are in quiet windows: power (C, K) in each frequency, square (C,) their mean square."""

    power: np.ndarray
    square: np.ndarray


class WholeWindowScorer(WindowScorer):
    """net: what rebuilds windows. judged_by: spectrum, time, or product. usual: asked for when it is needed."""

    has_own_errors = True
    bundled_as = "dual"  # the first of such nets

    def __init__(self, net: WindowScorer, judged_by: str, usual: Callable[[], Usual]):
        super().__init__(net.clip_length, net.scaling)
        self.net, self.judged_by, self._usual = net, judged_by, usual

    @property
    def answers(self) -> slice:
        return self.net.answers

    @cached_property
    def usual(self) -> Usual:
        return self._usual()

    def reconstruct(self, batch: np.ndarray) -> np.ndarray:
        return self.net.reconstruct(batch)

    def portable(self, frame_shape: tuple[int, ...]) -> Portable:
        judged_by = {"judged_by": np.array(self.judged_by)}
        return self.net.portable(frame_shape)._replace(arrays=self.usual._asdict() | judged_by, shown=None)

    def errors(self, clips: np.ndarray, rebuilt: np.ndarray) -> np.ndarray:
        of_windows = self.of_windows(differences(clips, rebuilt))  # (B, C)
        return np.repeat(of_windows[:, None, :, None], clips.shape[2], axis=1)

    def of_windows(self, errors: np.ndarray) -> np.ndarray:
        """How large the errors (B, C, T) of each variable are, about 1 where they are quiet: (B, C)."""
        found = 1.0
        if self.judged_by in ("time", "product"):
            found = found * (errors**2).mean(axis=2) / self.usual.square
        if self.judged_by in ("spectrum", "product"):
            found = found * (power_of(errors) / self.usual.power).mean(axis=2)
        return np.sqrt(found).astype(np.float32)

    def stretch(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
        """All at once, and the least of the windows that cover a sample beside their mean."""
        if settings.overlap != "mean":
            return super().stretch(reel, begin, end, settings)
        x, valid = read_clip(reel, begin, end - begin, self.scaling)  # (C, n, 1, 1)
        mean = StretchMean(end - begin, (len(x), 1), np.float32)
        least = np.full((end - begin, len(x), 1), np.inf, np.float32)
        windows = windows_over(begin, end, self.clip_length, settings.stride, self.answers)
        for part in parts_of(windows, self.clip_length):
            starts = np.array([w.start - begin for w in part])
            clips = stacked([x[:, start : start + self.clip_length] for start in starts], part)
            found = self.errors(clips, self.reconstruct(clips))
            mean.add(starts, found)
            for start, of_window in zip(starts, found, strict=True):
                covered = least[start : start + self.clip_length]
                np.minimum(covered, of_window, out=covered)
        known = np.any(valid[:, :, 0, 0], axis=0)
        residual, placed = (np.where(known[:, None, None], found, np.float32(0)) for found in (mean.result(), least))
        return Samples(residual, known, placed=placed)


def differences(clips: np.ndarray, rebuilt: np.ndarray) -> np.ndarray:
    """Clips (B, C, T, 1, 1) less what was rebuilt of them (B, T, C, 1, 1): (B, C, T)."""
    return clips[..., 0, 0] - rebuilt[..., 0, 0].transpose(0, 2, 1)


def power_of(errors: np.ndarray) -> np.ndarray:
    """Errors (B, C, T) -> their power in each frequency (B, C, T // 2 + 1), their ends faded out."""
    length = errors.shape[2]
    faded = errors * np.hanning(length) if length > 3 else errors  # else nothing but the middle would be left
    return np.abs(np.fft.rfft(faded, axis=2)) ** 2


def usual_of(errors: np.ndarray) -> Usual:
    """From the errors (N, C, T) of quiet windows."""
    power, square = power_of(errors).mean(axis=0), (errors**2).mean(axis=(0, 2))
    least = LEAST_POWER * power.mean(axis=1, keepdims=True) + LEAST_SQUARE
    return Usual((power + least).astype(np.float32), (square + LEAST_SQUARE).astype(np.float32))


def usual_in(run: Path, net: WindowScorer) -> Usual:
    """Of the run's training windows; kept in calibration/usual.npz."""
    path = run / "calibration" / "usual.npz"
    if not path.is_file():
        write_arrays(path, **usual_of(quiet_errors(quiet_ranges(run), net))._asdict())
    with arrays_of(path, AGAIN) as saved:
        return Usual(saved["power"], saved["square"])


def quiet_errors(ranges: Sequence[QuietRange], net: WindowScorer) -> np.ndarray:
    """Errors (N, C, T) of at most about MOST_WINDOWS training windows, evenly over time."""
    length, train = net.clip_length, [r for r in ranges if r.side == "train"]
    step = max(1, length // APART, sum(map(len, train)) // MOST_WINDOWS)
    found = []
    for r in progress(train, desc="errors of quiet samples", unit="stretch"):
        windows = [Window(start) for start in window_starts(r.begin, r.end, length, step).tolist()]
        for part in parts_of(windows, length):
            clips = np.stack([read_clip(r.reel, w.start, length, net.scaling)[0] for w in part])
            found.append(differences(clips, net.reconstruct(clips)))
    return np.concatenate(found)
