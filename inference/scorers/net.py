"""From a model and a reel to one residual map per frame, as a stream: memory does not grow with T.

Windows go through the model in batches, their reconstructions are folded back to time, and each frame's residual is
cleaned of the frame's common mode and smoothed.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import nn

from config import EvalConfig
from data.live.live_reel import OpenEnd
from data.reel.common_mode import common_mode
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.reel.stretch import Stretch, restretch
from data.reel.window_dataset import read_window, target_stretches
from data.reel.windows import stretches, window_starts
from inference.scorers.overlap import OverlapFold
from training.device import autocast, autocast_dtype


@dataclass(frozen=True)
class ScoredFrame:
    """One frame with its reconstruction `(C, H, W)`, and its residual `(H, W)` >= 0, 0 where `valid` is False.

    The residual of a sample of a series is (C, 1), one value a variable, where the method tells them apart.
    """

    index: int
    frame: np.ndarray
    reconstruction: np.ndarray
    residual: np.ndarray
    valid: np.ndarray
    common: float  # size (rms) of the common mode that was taken off: what the camera did to the whole frame


class Window(NamedTuple):
    """A window of a reel by its first frame; `backwards` goes through the model with its last frame first."""

    start: int
    backwards: bool = False


@dataclass(frozen=True)
class Detector:
    """A trained reconstruction model with what it needs to read a reel."""

    model: nn.Module
    scaling: dict[str, Stretch]
    clip_length: int
    device: torch.device

    @property
    def answers(self) -> slice:
        """The frames of a window that the model's output is about: all, or those that it predicts."""
        return self.model.answers(self.clip_length)

    @torch.inference_mode()
    def reconstruct(self, batch: torch.Tensor) -> np.ndarray:
        """(B, C, T, H, W) float32 -> reconstruction (B, T, C, H, W) float32."""
        with _autocast(self.device, batch):
            reconstruction = self.model(self.on_device(batch))
        return reconstruction.float().permute(0, 2, 1, 3, 4).cpu().numpy()

    @torch.inference_mode()
    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """(B, C, T, H, W) float32 -> latents (B, D, T', H', W') float32, on the device."""
        with _autocast(self.device, batch):
            return self.model.encode(self.on_device(batch)).float()

    def on_device(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.to(self.device).contiguous(memory_format=torch.channels_last_3d)

    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """Every frame of the stretch [begin, end), in time order."""
        windows = windows_over(begin, end, self.clip_length, settings.stride, self.answers)
        return score_frames(self, reel, windows, settings)


def _autocast(device: torch.device, batch: torch.Tensor) -> AbstractContextManager:
    """A shorter type where the hardware is fast in it; without gradients it needs no loss scaling and has no trap.

    Not for series, whose samples are exact to more digits.
    """
    amp = "off" if batch.shape[3:] == (1, 1) else "auto"
    return autocast(device, autocast_dtype(amp, device, temporal_depth=sys.maxsize))


@dataclass(frozen=True)
class OfDetector:
    """What a scorer that works with a net takes over from it."""

    detector: Detector

    @property
    def clip_length(self) -> int:
        return self.detector.clip_length

    @property
    def scaling(self) -> dict[str, Stretch]:
        return self.detector.scaling


def settings_for(settings: EvalConfig, reel: Reel) -> EvalConfig:
    """The settings that fit a reel: a series is a single pixel, which has no area, no neighbours and no common mode."""
    return replace(settings, min_area=1, smooth_px=0.0, common_mode=False) if reel.is_series else settings


def covering_windows(reel: Reel, length: int, stride: int, answers: slice | None = None) -> list[Window]:
    """Windows that cover every stretch of at least `length` frames, in order; see `windows_over`."""
    ranges = stretches(reel.times_s, reel.cadence_s, reel.meta["gap_threshold"])
    return [w for begin, end in ranges for w in windows_over(begin, end, length, stride, answers or slice(0, length))]


def windows_over(begin: int, end: int, length: int, stride: int, answers: slice) -> Iterable[Window]:
    """Windows inside the stretch [begin, end) whose answers cover it, in the order of the frames they answer for.

    A model that answers for the end of a window can't say anything of a stretch's first frames; windows played
    backwards do. In a stretch that is too short even for that some frames stay uncovered. Of a stretch that still grows
    (`OpenEnd`) the same windows come one by one, each once its frames are there.
    """
    if isinstance(end, OpenEnd):
        return _windows_as_they_come(begin, end, length, stride, answers)
    count = answers.stop - answers.start
    found = [Window(s) for s in window_starts(begin, end, length, min(stride, count)).tolist()]
    if found and answers.start:
        last = min(end - length, begin + (answers.start - 1) // count * count)
        found += [Window(s, True) for s in window_starts(begin, last + length, length, count).tolist()]
    by_frame = {first_answered(w, length, answers): w for w in reversed(found)}  # forwards where both would do
    return [by_frame[frame] for frame in sorted(by_frame)]


def _windows_as_they_come(begin: int, end: OpenEnd, length: int, stride: int, answers: slice) -> Iterator[Window]:
    answered = answers.stop - answers.start
    # So far reach the windows that are played backwards in a stretch without an end.
    known = end.reached(begin + length + max(answers.start - 1, 0) // answered * answered)
    early = windows_over(begin, known, length, stride, answers)
    backwards = [w for w in early if w.backwards]

    def order(window: Window) -> tuple[int, bool]:
        return first_answered(window, length, answers), window.backwards

    last = None
    for window in merge(_forwards(begin, end, length, min(stride, answered)), backwards, key=order):
        frame = first_answered(window, length, answers)
        if frame != last:
            yield window
        last = frame


def _forwards(begin: int, end: OpenEnd, length: int, stride: int) -> Iterator[Window]:
    """`window_starts` of a stretch that still grows."""
    start = begin
    while (known := end.reached(start + length)) == start + length:
        yield Window(start)
        start += stride
    if begin < start != known - length + stride:
        yield Window(known - length)


def first_answered(window: Window, length: int, answers: slice) -> int:
    """The first frame of the reel that a window's output is about."""
    return window.start + (length - answers.stop if window.backwards else answers.start)


def score_frames(
    detector: Detector, reel: Reel, windows: Iterable[Window], settings: EvalConfig
) -> Iterator[ScoredFrame]:
    """Residual maps of all frames that the windows answer for, in time order; windows as `windows_over` orders them.

    The windows may be an endless iterator over a reel whose `read` waits for its frames.
    """
    answers, shape = detector.answers, reel.shape[1:]
    count = answers.stop - answers.start
    mean = OverlapFold(count, shape, "mean")
    # The mean of reconstructions gives the mean residual; other folds need every window's own.
    other = None
    if settings.overlap != "mean":
        maps = (shape[0], 1) if reel.is_series else shape[1:]
        other = OverlapFold(count, maps, settings.overlap, percentile=settings.overlap_percentile)
    for part, clips, reconstructions in through(detector.reconstruct, detector, reel, windows, settings.batch_size):
        for window, clip, recon in zip(part, clips.numpy(), reconstructions, strict=True):
            frame, clip, recon = first_answered(window, detector.clip_length, answers), clip[:, answers], recon[answers]
            if window.backwards:
                clip, recon = clip[:, ::-1], recon[::-1]
            error = np.abs(clip.transpose(1, 0, 2, 3) - recon) if other else None  # (T, C, H, W)
            folded = other.push(frame, over_channels(error, axis=1)) if other else None
            yield from _emit(mean.push(frame, recon), folded, detector, reel, settings)
    yield from _emit(mean.finish(), other.finish() if other else None, detector, reel, settings)


def through(
    compute: Callable[[torch.Tensor], np.ndarray],
    detector: Detector,
    reel: Reel,
    windows: Iterable[Window],
    batch_size: int,
) -> Iterator[tuple[list[Window], torch.Tensor, np.ndarray]]:
    """Batches of windows, each as the model sees it (B, C, T, H, W), and what `compute` makes of them (B, ...).

    The model works on the next batch, in a thread of its own, while this one's frames are scored.
    """

    remaining = iter(windows)

    def run() -> tuple[list[Window], torch.Tensor, np.ndarray] | None:
        part = list(islice(remaining, batch_size))  # here, because the windows of a live reel wait for their frames
        if not part:
            return None
        clips = [read_window(reel, w.start, detector.clip_length, detector.scaling)[0] for w in part]
        batch = torch.stack([c.flip(1) if w.backwards else c for c, w in zip(clips, part, strict=True)])
        return part, batch, compute(batch)

    with ThreadPoolExecutor(1, "model") as pool:
        ahead = pool.submit(run)
        while (done := ahead.result()) is not None:
            ahead = pool.submit(run)
            yield done


def _emit(reconstructions, folded, detector: Detector, reel: Reel, settings: EvalConfig) -> Iterator[ScoredFrame]:
    """Cleaned residuals of frames just completed; `reconstructions` and `folded` hold the same consecutive frames."""
    if not reconstructions:
        return
    first, last = reconstructions[0][0], reconstructions[-1][0]
    stored, bits = reel.read(first, last + 1)
    frames = restretch(stored.astype(np.float32), reel.stretches, target_stretches(reel, detector.scaling))
    for k, (index, reconstruction) in enumerate(reconstructions):
        frame, valid = frames[index - first], (bits[index - first] & INVALID) == 0
        error = None if folded is None else folded[k][1]
        residual, common = clean_residual(frame, reconstruction, valid, settings, error)
        yield ScoredFrame(index, frame, reconstruction, residual, valid, common)


def clean_residual(
    frame: np.ndarray,
    reconstruction: np.ndarray,
    valid: np.ndarray,
    settings: EvalConfig,
    error: np.ndarray | None = None,
) -> tuple[np.ndarray, float]:
    """Absolute residual of frame and reconstruction (C, H, W), see `over_channels`, and the common mode's rms.

    With `settings.common_mode` the camera's part is taken off, and for the standardised score the rest is in units of
    the frame's own scatter. `error` (H, W) takes the place of the plain difference for folds other than the mean.
    """
    signed = frame - reconstruction
    shared, scatter = np.zeros_like(signed), np.ones_like(signed)
    if settings.common_mode:
        for channel, (difference, brightness) in enumerate(zip(signed, reconstruction, strict=True)):
            shared[channel], scatter[channel] = common_mode(difference, brightness, valid)
    if settings.score == "residual":
        scatter[:] = 1
    if error is None:
        residual = over_channels(np.abs(signed - shared) / scatter)
    elif signed.shape[1:] == (1, 1):
        residual = error
    else:
        residual = np.maximum(error - np.abs(shared).mean(axis=0), 0) / scatter.mean(axis=0)
    common = float(np.sqrt(np.mean(shared[:, valid] ** 2))) if valid.any() else 0.0
    return clean_error(residual, valid, settings), common


def over_channels(errors: np.ndarray, axis: int = 0) -> np.ndarray:
    """Errors (..., C, H, W) with their channels at `axis`: the mean over them (..., H, W).

    The variables of a series have scales of noise of their own, so each is kept until it is in units of that: a sample
    (..., C, 1, 1) becomes (..., C, 1).
    """
    return errors[..., 0] if errors.shape[axis + 1 :] == (1, 1) else errors.mean(axis=axis)


def clean_error(error: np.ndarray, valid: np.ndarray, settings: EvalConfig) -> np.ndarray:
    """An error (H, W) smoothed as the settings ask, 0 where `valid` is False."""
    error = np.where(valid, error, np.float32(0))
    if settings.smooth_px:
        error = cv2.GaussianBlur(error, (0, 0), settings.smooth_px, borderType=cv2.BORDER_REFLECT)
        error[~valid] = 0
    return error
