"""Scores of a model that learnt from one label a window: dense scores, and the segmentation of positive windows.

A window is positive where its score reaches the threshold that told validation windows apart best (F1), and its frames
are aligned by how far they are above the level of frames that those windows' labels suggest (`best_frame_level`). A
frame lies in an anomaly where half or more of the windows that cover it have it in a segment. Its score is half its own
probability, and another half inside: so 0.5 parts what is in a segment from what is not, and orders both.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
import pandas as pd
from scipy.special import expit, logit

from config import Config, EvalConfig
from data.disk.files import write_csv
from data.disk.sealing import write_sealed_json
from data.labels.weak_labels import windows_with
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from data.reel.windows import window_starts
from inference.calibration.thresholds import Calibration
from inference.scorers.base import Scorer
from inference.scorers.nets.residual import Samples, ScoredFrame
from inference.scorers.nets.weak_levels import WeakCalibration, best_frame_level, best_threshold, window_metrics
from inference.scorers.nets.windowed import through
from inference.scorers.nets.windows import Window, scored_stretches
from inference.scorers.overlap import StretchMean
from inference.scorers.segments import segmented
from inference.zones import watched_places

FILE = "calibration/weak.json"
BATCH_FRAMES = 2**14


class Windows(NamedTuple):
    """The windows of a stretch: first frames (N,), probabilities (N,), those of frames (N, T), segments (N, T) bool."""

    start: np.ndarray
    probability: np.ndarray
    dense: np.ndarray
    inside: np.ndarray


class Judge(Protocol):
    """A net that learnt from window labels, whoever runs it, on windows (B, C, T, H, W)."""

    def logits(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of windows (B,) and of their frames (B, T), float32."""
        ...

    def places(self, batch: np.ndarray) -> np.ndarray:
        """Of the places of every frame (B, T, H', W'), float32."""
        ...


class Rule(NamedTuple):
    """How logits become segments: probabilities from which a window, and a frame of a positive window, count as
    anomalous; and `train.weak.segments` and `level`."""

    threshold: float
    frame_level: float
    segments: int
    level: float


class WeakScorer(Scorer):
    """A net's dense scores as a scorer."""

    are_promised = False

    @property
    def no_stream(self) -> str:
        return "wetas lets all windows over a frame vote and can't follow a stream; train another model"

    def __init__(self, net: Judge, clip_length: int, scaling: dict[str, Stretch], rule: Rule):
        super().__init__(clip_length, scaling)
        self.net, self.rule = net, rule
        # Starts and probabilities of windows by stretch, so that none goes through the net twice.
        self.judged: dict[tuple, tuple[np.ndarray, np.ndarray]] = {}

    def prepare(self, run: Path, trained: Config) -> list[Reel]:
        """Choose threshold and frame_level on the validation windows and their labels."""
        from torch.utils.data import DataLoader  # here, because scores need no torch

        from training.loader import with_window_labels

        data = with_window_labels(trained)
        batches = DataLoader(data.val, max(1, BATCH_FRAMES // data.clip_length))
        found = [self.net.logits(x.numpy()) for x, _, _ in batches]
        probability, dense = (expit(np.concatenate(parts)) for parts in zip(*found, strict=True))
        labels = data.val.labels
        threshold = best_threshold(probability, labels)
        chosen = {"threshold": threshold, "frame_level": best_frame_level(dense, labels)}
        write_sealed_json(run / FILE, chosen | window_metrics(probability, labels, threshold))
        return []

    def calibration(self, run: Path, reel: Reel, settings: EvalConfig) -> Calibration:
        return WeakCalibration(watched_places(settings.zones, reel))

    def windows(self, reel: Reel, begin: int, end: int, stride: int) -> Windows:
        """Windows that cover the stretch [begin, end). FileNotFoundError when no thresholds were ever chosen."""
        if np.isnan(self.rule).any():
            raise FileNotFoundError(f"{FILE} is missing in the run: it was never calibrated; train it with --resume")
        starts = window_starts(begin, end, self.clip_length, min(stride, self.clip_length))
        found = []
        batch = max(1, BATCH_FRAMES // self.clip_length)
        for _, _, output in through(self.judge, self, reel, [Window(s) for s in starts.tolist()], batch):
            found.append(output)
        made = Windows(starts, *(np.concatenate(parts) for parts in zip(*found, strict=True)))
        self.judged[reel.path, begin, end] = made.start, made.probability
        return made

    def judge(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(B, C, T, H, W) -> probabilities of windows (B,) and frames (B, T), and segments (B, T) bool."""
        window, dense = self.net.logits(batch)
        probability, above = expit(window), dense - np.float32(logit(self.rule.frame_level))
        inside = segmented(above, probability >= self.rule.threshold, self.rule.segments, self.rule.level)
        return probability, expit(dense), inside

    def scores(self, reel: Reel, begin: int, end: int, stride: int) -> np.ndarray:
        """The score (n,) float32 of every frame of the stretch [begin, end)."""
        return folded(self.windows(reel, begin, end, stride), begin, end)

    def stretch(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
        """The whole stretch of a series at once."""
        valid = (reel.read_masks(begin, end)[:, 0, 0] & INVALID) == 0
        scores = self.scores(reel, begin, end, settings.stride)
        return Samples(np.where(valid, scores, np.float32(0))[:, None, None], valid)

    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """Every frame of the stretch [begin, end), in time order, with the places that its score comes from."""
        scores, done = self.scores(reel, begin, end, settings.stride), begin
        windows = [Window(s) for s in window_starts(begin, end, self.clip_length, self.clip_length).tolist()]
        for (window,), batch, places in through(self.net.places, self, reel, windows, 1):
            bits = reel.read_masks(done, window.start + self.clip_length)
            for i in range(done - window.start, self.clip_length):
                index = window.start + i
                frame, valid = batch[0, :, i], (bits[index - done] & INVALID) == 0
                score = placed(scores[index - begin], places[0, i], frame.shape[1:])
                yield ScoredFrame(index, frame, None, np.where(valid, score, np.float32(0)), valid, 0.0)
            done = window.start + self.clip_length

    def extras(self, out: Path, run: Path, reel: Reel, settings: EvalConfig, seed: int) -> dict[str, Any]:
        """windows.csv, and how well windows were told apart where they have labels."""
        return write_windows(out, self, reel)


def folded(found: Windows, begin: int, end: int) -> np.ndarray:
    """The score (n,) float32 of every frame of [begin, end) from all windows that cover it."""
    fold = StretchMean(end - begin, (2,))
    fold.add(found.start - begin, np.stack([found.dense, found.inside], axis=-1))
    dense, votes = fold.result().T
    return (0.5 * dense + 0.5 * (votes >= 0.5)).astype(np.float32)


def placed(score: float, logits: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A frame's score as a map (H, W) float32: where the logits (h, w) reach their mean; elsewhere it is below 0.5."""
    share = np.where(logits >= logits.mean(), np.float32(1), np.float32(0.49))
    return cv2.resize(score * share, shape[::-1], interpolation=cv2.INTER_NEAREST)


def write_windows(out: Path, scorer: WeakScorer, reel: Reel) -> dict[str, Any]:
    """Write windows.csv, one row a window of the reel as it was scored, and return the part of summary.json."""
    ranges = scored_stretches(reel, scorer.clip_length)
    found = (np.concatenate(parts) for parts in zip(*(scorer.judged[reel.path, *r] for r in ranges), strict=True))
    table = pd.DataFrame(dict(zip(("start", "probability"), found, strict=True)))
    if reel.labels is not None:
        table["label"] = windows_with(reel.labels == 1, scorer.clip_length)[table["start"]]
    table["positive"] = (table["probability"] >= scorer.rule.threshold).astype(int)
    if reel.times_utc is not None:
        table.insert(1, "time_utc", reel.times_utc[table["start"]].astype(str))
    write_csv(out / "windows.csv", table)
    facts = {"threshold": scorer.rule.threshold, "positive": int(table["positive"].sum()), "windows": len(table)}
    if "label" in table:
        probability, label = (table[name].to_numpy() for name in ("probability", "label"))
        facts["known"] = window_metrics(probability, label, scorer.rule.threshold)
    return {"weak": facts}
