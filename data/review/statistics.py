"""Statistics of frames and of windows, by which `review` judges; frames of large reels are shared out to workers."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from config import Config
from data.cluster.worker import must_see
from data.frames.workers.pool import Workers, bounded, make_executor
from data.messages import progress
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.reel.windows import STATISTICS

BLOCK_PX = 8
PIECE_VALUES = 2**24  # of a task: a third of a second
WORTH_VALUES = 2**27  # of all reels, from which on the start of processes of this machine is made good


@contextmanager
def statistics_by(reels: Sequence[Reel], config: Config) -> Iterator[Callable[[Reel, pd.DataFrame], np.ndarray]]:
    """What finds the statistics of windows: in this process where frames are few, else with workers here or, as
    `config.cluster` says, of a cluster.
    """
    values = sum(0 if reel.is_series else math.prod(reel.frames.shape) for reel in reels)
    count = config.workers if config.cluster or values >= WORTH_VALUES else 1
    with make_executor(count, config.cluster, config.data_clips) as workers:
        yield partial(window_statistics, workers=workers)


def window_statistics(reel: Reel, table: pd.DataFrame, workers: Workers) -> np.ndarray:
    """Statistics of every window (N, 5) in the order of STATISTICS, over valid pixels of stretched values.

    mean and std are over all pixels; p99 and change are the largest of its frames, because one bad frame spoils a
    window; coverage is the smallest.
    """
    frames = frame_statistics(reel, workers)
    rows = np.empty((len(table), len(STATISTICS)))
    for i, (start, length) in enumerate(zip(table["start"], table["length"], strict=True)):
        mean, square, p99, change, coverage = frames[start : start + length].T
        variance = np.mean(square) - np.mean(mean) ** 2
        # The first frame's change looks at a frame outside the window, maybe across a gap.
        rows[i] = mean.mean(), np.sqrt(max(variance, 0)), p99.max(), change[1:].max(), coverage.min()
    return rows


def frame_statistics(reel: Reel, workers: Workers) -> np.ndarray:
    """Mean, mean square, 99 % quantile, change and valid fraction of every frame: (T, 5).

    Change is the largest difference to the frame before of averages over BLOCK_PX pixels: a short exposure has
    more photon noise, but that is no change.
    """
    if reel.is_series:
        return _sample_statistics(reel)
    rows, step = np.zeros((len(reel), 5)), max(PIECE_VALUES // math.prod(reel.frames.shape[1:]), 1)
    pieces = ((reel.path, begin, min(begin + step, len(reel))) for begin in range(0, len(reel), step))
    with progress(total=len(reel), desc=f"statistics of {reel.name}", unit="frame") as bar:
        for begin, found in bounded(workers, piece_statistics, pieces):
            rows[begin : begin + len(found)] = found
            bar.update(len(found))
    return rows


def piece_statistics(path: Path, begin: int, end: int) -> tuple[int, np.ndarray]:
    """`begin`, and the statistics (end - begin, 5) of some frames of a picture reel; a worker's task."""
    must_see([path])
    reel, rows = Reel(path), np.zeros((end - begin, 5))
    before = block_means(reel.frames[begin - 1].astype(np.float64)) if begin else None
    for i in range(begin, end):
        frame = reel.frames[i].astype(np.float64)  # (C, H, W)
        valid = (reel.masks[i] & INVALID) == 0
        values, blocks = frame[:, valid], block_means(frame)
        if values.size:
            change = np.abs(blocks - before).max() if before is not None else 0.0
            rows[i - begin] = values.mean(), (values**2).mean(), np.quantile(values, 0.99), change, valid.mean()
        before = blocks
    return begin, rows


def _sample_statistics(reel: Reel) -> np.ndarray:
    """`frame_statistics` of a series (T, 5), all samples at once: a frame of one pixel has its variables for values."""
    stored, bits = reel.read(0, len(reel))
    values, valid = stored[:, :, 0, 0].astype(np.float64), (bits[:, 0, 0] & INVALID) == 0  # (T, C), (T,)
    change = np.abs(np.diff(values, axis=0, prepend=values[:1])).max(axis=1)
    p99 = np.quantile(values, 0.99, axis=1)
    rows = np.column_stack([values.mean(axis=1), (values**2).mean(axis=1), p99, change, valid])
    rows[~valid] = 0
    return rows


def block_means(frame: np.ndarray) -> np.ndarray:
    """Averages over about BLOCK_PX x BLOCK_PX pixels of a frame (C, H, W)."""
    height, width = (max(1, n // BLOCK_PX) for n in frame.shape[1:])
    return np.stack([cv2.resize(c, (width, height), interpolation=cv2.INTER_AREA) for c in frame])
