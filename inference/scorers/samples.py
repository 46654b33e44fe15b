"""Residuals and scores of a series as arrays: a series of a million samples must not become a million objects."""

from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import uniform_filter1d

from config import EvalConfig
from data.reel.reel import Reel
from data.reel.window_dataset import read_window
from inference.scorers.net import Detector, first_answered, windows_over

BATCH_SAMPLES = 2**16  # that a net works on at a time


class Samples(NamedTuple):
    """What a stretch of a series gives: residual (n, K, 1), one for each variable or one for all, and valid (n,).

    NaN where a sample has no residual; 0 where it is invalid.
    """

    residual: np.ndarray
    valid: np.ndarray

    @property
    def quiet(self) -> np.ndarray:
        """The residuals (m, K, 1) of the samples that are valid and have one."""
        return self.residual[self.valid & np.isfinite(self.residual).all(axis=(1, 2))]


def samples_of(scorer, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
    """All samples of the stretch [begin, end) of a series, by any scorer.

    One that works on whole stretches has a method `stretch` with these arguments and this result. Raises ValueError
    where every variable is to have its own events and the scorer does not tell them apart.
    """
    if hasattr(scorer, "stretch"):
        found = scorer.stretch(reel, begin, end, settings)
    elif isinstance(scorer, Detector) and settings.overlap == "mean":
        found = _through_net(scorer, reel, begin, end, settings)
    else:
        found = _one_by_one(scorer, reel, begin, end, settings)
    if found.residual.shape[1] == reel.shape[1]:
        scored = np.isfinite(found.residual[:, :, 0])
        found.residual[reel.missing[begin:end] & scored] = 0  # what was not measured says nothing
    elif settings.combine == "each":
        raise ValueError(
            "eval.combine each needs a score for every variable, and this method gives one for all together; choose a "
            "net with eval.score standardised, window_pca or difference, or another eval.combine"
        )
    return found


def smoothed(scores: np.ndarray, samples: int) -> np.ndarray:
    """Running mean of scores (n,) over so many samples, shorter at the ends; NaN stays where it is."""
    if samples == 1:
        return scores
    known = np.isfinite(scores)
    total = uniform_filter1d(np.where(known, scores, 0.0), samples, mode="constant")
    share = uniform_filter1d(known.astype(np.float64), samples, mode="constant")
    return np.where(known, total / np.maximum(share, 1e-12), np.nan)


def _through_net(detector: Detector, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
    """Absolute difference to the mean of the reconstructions of all windows that cover a sample."""
    length, answers = detector.clip_length, detector.answers
    x, valid = read_window(reel, begin, end - begin, detector.scaling)  # (C, n, 1, 1)
    total, count = np.zeros((end - begin, reel.shape[1], 1), np.float32), np.zeros((end - begin, 1, 1), np.float32)
    windows = iter(windows_over(begin, end, length, settings.stride, answers))
    while part := list(islice(windows, max(1, BATCH_SAMPLES // length))):
        clips = [x[:, w.start - begin : w.start - begin + length] for w in part]
        batch = torch.stack([c.flip(1) if w.backwards else c for c, w in zip(clips, part, strict=True)])
        for window, recon in zip(part, detector.reconstruct(batch)[:, answers, :, 0], strict=True):
            first = first_answered(window, length, answers) - begin
            total[first : first + len(recon)] += recon[::-1] if window.backwards else recon
            count[first : first + len(recon)] += 1
    residual = np.abs(x[..., 0].permute(1, 0, 2).numpy() - total / np.maximum(count, 1))
    known = valid[:, :, 0, 0].numpy().any(axis=0)
    residual[~known] = 0
    residual[count[:, 0, 0] == 0] = np.nan
    return Samples(residual, known)


def _one_by_one(scorer, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
    frames = list(scorer.frames(reel, begin, end, settings))
    residual = np.full((end - begin, len(frames[0].residual) if frames else 1, 1), np.nan, np.float32)
    valid = np.zeros(end - begin, bool)
    for frame in frames:
        residual[frame.index - begin], valid[frame.index - begin] = frame.residual, frame.valid[0, 0]
    return Samples(residual, valid)
