"""Scores in a net's latents: how far the code of a place lies from those of quiet windows.

A distance map has the latents' resolution; it is enlarged to the frames and folded over overlapping windows.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F

from config import EvalConfig
from data.disk.damage import AGAIN, arrays_of
from data.disk.sealing import write_arrays
from data.messages import progress
from data.reel.reel import Reel
from data.reel.scaled import read_scaled
from data.reel.windows import window_starts
from inference.calibration.quiet.ranges import quiet_ranges
from inference.scorers.nets.net import Detector, OfDetector
from inference.scorers.nets.residual import ScoredFrame, clean_error
from inference.scorers.nets.windowed import through
from inference.scorers.nets.windows import Window, batch_cuts, batches_for, windows_over
from inference.scorers.overlap import Folded, OverlapFold

SAMPLE = 20_000  # quiet latents kept
BANK, NEIGHBOURS = 4_000, 5  # of k nearest neighbours
BATCH = 8


class Distance(Protocol):
    """Fitted on quiet latents (N, D)."""

    def __init__(self, quiet: np.ndarray): ...

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents (N, D) -> distances (N,)."""
        ...


class Mahalanobis:
    """sqrt((z - mean)' P (z - mean)), P the inverse of a covariance shrunk after Ledoit and Wolf (2004)."""

    def __init__(self, quiet: np.ndarray):
        from sklearn.covariance import LedoitWolf  # takes a second, and few ask for it

        fitted = LedoitWolf().fit(quiet.astype(np.float64))
        factor = np.linalg.cholesky(np.asarray(fitted.precision_))
        self.mean, self.factor = (torch.from_numpy(a.astype(np.float32)) for a in (fitted.location_, factor))

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        centred = latents - self.mean.to(latents.device)
        return (centred @ self.factor.to(latents.device)).norm(dim=1)


class NearestNeighbours:
    """Mean distance to the NEIGHBOURS nearest of BANK quiet latents, every component in units of its quiet spread."""

    def __init__(self, quiet: np.ndarray):
        chosen = np.random.default_rng(0).permutation(len(quiet))[:BANK]
        self.spread = torch.from_numpy(np.maximum(quiet.std(axis=0), 1e-6).astype(np.float32))
        self.bank = torch.from_numpy(quiet[chosen].astype(np.float32)) / self.spread

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        bank = self.bank.to(latents.device)
        distances = torch.cdist(latents / self.spread.to(latents.device), bank)
        return distances.topk(min(NEIGHBOURS, len(bank)), dim=1, largest=False).values.mean(dim=1)


DISTANCES: dict[str, type[Distance]] = {"mahalanobis": Mahalanobis, "knn": NearestNeighbours}


class LatentScorer(OfDetector):
    """A net's latents as a scorer; frames come without a reconstruction."""

    @property
    def no_stream(self) -> str:
        return "--follow can't score by distances of latents; choose eval.score standardised or residual"

    def __init__(self, detector: Detector, distance: Distance):
        super().__init__(detector)
        self.distance = distance

    @torch.inference_mode()
    def distances(self, batch: np.ndarray) -> np.ndarray:
        """(B, C, T, H, W) -> distance maps (B, T, H, W)."""
        latents = self.detector.encode(batch)
        B, D, *grid = latents.shape
        found = self.distance(latents.permute(0, 2, 3, 4, 1).reshape(-1, D)).reshape(B, 1, *grid)
        return F.interpolate(found, batch.shape[2:], mode="trilinear")[:, 0].cpu().numpy()

    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """Every frame of the stretch [begin, end), in time order."""
        return self._scored(reel, self._windows(begin, end, settings), settings)

    def cuts(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> list[int]:
        """Where a batch of windows begins."""
        length = self.clip_length
        return batch_cuts(self._windows(begin, end, settings), length, slice(0, length), settings.batch_size)

    def part(
        self, reel: Reel, begin: int, end: int, first: int, last: int, settings: EvalConfig
    ) -> Iterator[ScoredFrame]:
        """As in the whole, with the batches before whose windows reach into the part."""
        windows, length = self._windows(begin, end, settings), self.clip_length
        some = batches_for(first, last, windows, length, slice(0, length), settings.batch_size)
        return (f for f in self._scored(reel, some, settings) if first <= f.index < last)

    def _windows(self, begin: int, end: int, settings: EvalConfig) -> Iterable[Window]:
        return windows_over(begin, end, self.clip_length, settings.stride, slice(0, self.clip_length))

    def _scored(self, reel: Reel, windows: Iterable[Window], settings: EvalConfig) -> Iterator[ScoredFrame]:
        fold = OverlapFold(self.clip_length, reel.shape[2:], settings.overlap, settings.overlap_percentile)
        for part, _, maps in through(self.distances, self.detector, reel, windows, settings.batch_size):
            for window, values in zip(part, maps, strict=True):
                yield from self._emit(fold.push(window.start, values), reel, settings)
        yield from self._emit(fold.finish(), reel, settings)

    def _emit(self, folded: Folded, reel: Reel, settings: EvalConfig) -> Iterator[ScoredFrame]:
        for index, error in folded:
            frames, valid = read_scaled(reel, index, index + 1, self.scaling)
            yield ScoredFrame(index, frames[0], None, clean_error(error, valid[0], settings), valid[0], 0.0)


def quiet_latents(run: Path, detector: Detector) -> np.ndarray:
    """At most SAMPLE latents (N, D) of the run's training windows; kept in calibration/latents.npz."""
    path = run / "calibration" / "latents.npz"
    if not path.is_file():
        write_arrays(path, latents=_sample(run, detector))
    with arrays_of(path, AGAIN) as saved:
        return saved["latents"]


def _sample(run: Path, detector: Detector) -> np.ndarray:
    random, length = np.random.default_rng(0), detector.clip_length
    ranges = [r for r in quiet_ranges(run) if r.side == "train"]
    starts = [(r.reel, s) for r in ranges for s in window_starts(r.begin, r.end, length, length).tolist()]
    found = []
    for reel, start in progress(starts, desc="latents of quiet windows", unit="window"):
        for _, _, codes in through(lambda b: detector.encode(b).cpu().numpy(), detector, reel, [Window(start)], BATCH):
            flat = np.moveaxis(codes, 1, -1).reshape(-1, codes.shape[1])
            found.append(flat[random.permutation(len(flat))[: -(-SAMPLE // len(starts))]])
    return np.concatenate(found)
