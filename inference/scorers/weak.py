"""Scores of a model that learnt from one label a window: dense scores, and the segmentation of positive windows.

A window is positive where its score reaches the threshold that told validation windows apart best (F1), and its frames
are aligned by how far they are above the level of frames that those windows' labels suggest (`best_frame_level`). A
frame lies in an anomaly where half or more of the windows that cover it have it in a segment. Its score is half its own
probability, and another half inside: so 0.5 parts what is in a segment from what is not, and orders both.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import torch
from scipy.special import expit, logit
from sklearn.metrics import precision_recall_curve
from torch.utils.data import DataLoader

from config import Config, EvalConfig, WeakConfig
from data.labels.weak_labels import windows_with
from data.reel.files import write_csv, write_json
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.reel.windows import window_starts
from inference.metrics.frame import average_precision, frame_auc
from inference.metrics.series import point_f1
from inference.scorers.net import Detector, OfDetector, ScoredFrame, Window, through
from inference.scorers.samples import Samples
from models.wetas import segmented
from training.loader import open_data

FILE = "calibration/weak.json"
BATCH_FRAMES = 2**14
FRAME_LEVELS = expit(np.linspace(-8, 8, 161))
EQUAL_F1 = 0.999  # of the highest: no difference worth a level farther from 0.5


class Windows(NamedTuple):
    """The windows of a stretch: first frames (N,), probabilities (N,), those of frames (N, T), segments (N, T) bool."""

    start: np.ndarray
    probability: np.ndarray
    dense: np.ndarray
    inside: np.ndarray


@dataclass(frozen=True)
class WeakScorer(OfDetector):
    """A net's dense scores as a scorer; threshold and frame_level: probabilities from which a window, and a frame of a
    positive window, count as anomalous.
    """

    detector: Detector
    settings: WeakConfig
    threshold: float
    frame_level: float = 0.5
    # Starts and probabilities of the windows of every stretch that was scored, so that none goes through the net twice.
    judged: dict[tuple, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def windows(self, reel: Reel, begin: int, end: int, stride: int) -> Windows:
        """Windows that cover the stretch [begin, end). FileNotFoundError when no thresholds were ever chosen."""
        if np.isnan([self.threshold, self.frame_level]).any():
            raise FileNotFoundError(f"{FILE} is missing in the run: it was never calibrated; train it with --resume")
        starts = window_starts(begin, end, self.clip_length, min(stride, self.clip_length))
        found = []
        batch = max(1, BATCH_FRAMES // self.clip_length)
        for _, _, output in through(self.judge, self.detector, reel, [Window(s) for s in starts.tolist()], batch):
            found.append(output)
        made = Windows(starts, *(np.concatenate(parts) for parts in zip(*found, strict=True)))
        self.judged[reel.path, begin, end] = made.start, made.probability
        return made

    @torch.inference_mode()
    def judge(self, batch: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(B, C, T, H, W) -> probabilities of windows (B,) and frames (B, T), and segments (B, T) bool."""
        output = self.detector.model(self.detector.on_device(batch))
        probability, above = output.window.sigmoid(), output.dense - logit(self.frame_level)
        inside = segmented(above, probability >= self.threshold, self.settings.segments, self.settings.level)
        return tuple(v.cpu().numpy() for v in (probability, output.dense.sigmoid(), inside))

    def scores(self, reel: Reel, begin: int, end: int, stride: int) -> np.ndarray:
        """The score (n,) float32 of every frame of the stretch [begin, end)."""
        return folded(self.windows(reel, begin, end, stride), begin, end)

    def stretch(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
        """The whole stretch of a series at once: see `samples_of`."""
        valid = (reel.read_masks(begin, end)[:, 0, 0] & INVALID) == 0
        scores = self.scores(reel, begin, end, settings.stride)
        return Samples(np.where(valid, scores, np.float32(0))[:, None, None], valid)

    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """Every frame of the stretch [begin, end), in time order, with the places that its score comes from."""
        scores, done = self.scores(reel, begin, end, settings.stride), begin
        windows = [Window(s) for s in window_starts(begin, end, self.clip_length, self.clip_length).tolist()]
        for (window,), batch, places in through(self.places, self.detector, reel, windows, 1):
            bits = reel.read_masks(done, window.start + self.clip_length)
            for i in range(done - window.start, self.clip_length):
                index = window.start + i
                frame, valid = batch[0, :, i].numpy(), (bits[index - done] & INVALID) == 0
                score = placed(scores[index - begin], places[0, i], frame.shape[1:])
                nothing = np.zeros((0, *score.shape), np.float32)
                yield ScoredFrame(index, frame, nothing, np.where(valid, score, np.float32(0)), valid, 0.0)
            done = window.start + self.clip_length

    @torch.inference_mode()
    def places(self, batch: torch.Tensor) -> np.ndarray:
        """(B, C, T, H, W) -> logits (B, T, H', W') of the places of every frame."""
        return self.detector.model.places(self.detector.on_device(batch)).float().cpu().numpy()


def folded(found: Windows, begin: int, end: int) -> np.ndarray:
    """The score (n,) float32 of every frame of [begin, end) from all windows that cover it."""
    total, votes, count = np.zeros((3, end - begin))
    for start, dense, inside in zip(found.start - begin, found.dense, found.inside, strict=True):
        here = slice(start, start + len(dense))
        total[here], votes[here], count[here] = total[here] + dense, votes[here] + inside, count[here] + 1
    return (0.5 * total / count + 0.5 * (votes >= count / 2)).astype(np.float32)


def placed(score: float, logits: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A frame's score as a map (H, W) float32: where the logits (h, w) reach their mean; elsewhere it is below 0.5."""
    share = np.where(logits >= logits.mean(), np.float32(1), np.float32(0.49))
    return cv2.resize(score * share, shape[::-1], interpolation=cv2.INTER_NEAREST)


def calibrate_weak(run: Path, config: Config, detector: Detector) -> None:
    """Choose threshold and frame_level on the run's validation windows and their labels; kept in the run."""
    data = open_data(config)
    scorer, judged = WeakScorer(detector, config.train.weak, threshold=1.0), []
    for x, _, _ in DataLoader(data.val, max(1, BATCH_FRAMES // data.clip_length)):
        judged.append(scorer.judge(x)[:2])
    probability, dense = (np.concatenate(parts) for parts in zip(*judged, strict=True))
    labels = data.val.labels
    threshold = best_threshold(probability, labels)
    chosen = {"threshold": threshold, "frame_level": best_frame_level(dense, labels)}
    write_json(run / FILE, chosen | window_metrics(probability, labels, threshold))


def best_threshold(probability: np.ndarray, labels: np.ndarray) -> float:
    """The probability with the highest F1 of windows; half way to the next lower one."""
    precision, recall, thresholds = precision_recall_curve(labels, probability)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    chosen = thresholds[f1[:-1].argmax()]
    below = probability[probability < chosen]
    return float((chosen + below.max()) / 2 if len(below) else chosen)


def best_frame_level(dense: np.ndarray, labels: np.ndarray) -> float:
    """The probability of frames (N, T) with the highest F1 that labels of windows (N,) let expect; 0.5 without both.

    Frames of windows labelled 0 are normal, so which share of normal frames passes a level is known. What frames of
    positive windows pass beyond it are anomalous ones. How many these are in all follows from the level below which
    positive windows have the fewest frames for those that normal ones have there: none of them is anomalous, it is
    assumed. Source: Blanchard, Lee & Scott 2010, Semi-supervised novelty detection (JMLR 11).
    """
    passing = [passed(dense[labels == label].ravel()) for label in (0, 1)]
    known = np.flatnonzero(passing[0] < 0.9) if (labels == 0).any() and (labels == 1).any() else []
    if not len(known):
        return 0.5
    normal, mixed = (share[known] for share in passing)
    anomalous = 1 - ((1 - mixed) / (1 - normal)).min()
    found = mixed - (1 - anomalous) * normal
    false = normal * (labels == 0).sum() / (labels == 1).sum()
    f1 = 2 * found / np.maximum(anomalous + mixed + false, 1e-12)
    best = FRAME_LEVELS[known[f1 >= EQUAL_F1 * f1.max()]]
    return float(best[np.abs(best - 0.5).argmin()])


def passed(probability: np.ndarray) -> np.ndarray:
    """Which share of probabilities (n,) reaches each of FRAME_LEVELS."""
    return 1 - np.searchsorted(np.sort(probability), FRAME_LEVELS) / max(len(probability), 1)


def window_metrics(probability: np.ndarray, labels: np.ndarray, threshold: float) -> dict[str, float | int | None]:
    """How well windows (N,) are told apart; AUC and AP are None where all have one label, F1 where none is positive."""
    return {
        "windows": len(labels),
        "positive": int(labels.sum()),
        "auc": frame_auc(probability, labels),
        "ap": average_precision(probability, labels),
        "f1": point_f1(probability >= threshold, labels),
    }


def write_windows(out: Path, scorer: WeakScorer, reel: Reel, ranges: list[tuple[int, int]]) -> dict:
    """Write windows.csv, one row a window of the reel as it was scored, and return the part of summary.json."""
    found = (np.concatenate(parts) for parts in zip(*(scorer.judged[reel.path, *r] for r in ranges), strict=True))
    table = pd.DataFrame(dict(zip(("start", "probability"), found, strict=True)))
    if reel.labels is not None:
        table["label"] = windows_with(reel.labels == 1, scorer.clip_length)[table["start"]]
    table["positive"] = (table["probability"] >= scorer.threshold).astype(int)
    if reel.times_utc is not None:
        table.insert(1, "time_utc", reel.times_utc[table["start"]].astype(str))
    write_csv(out / "windows.csv", table)
    facts = {"threshold": scorer.threshold, "positive": int(table["positive"].sum()), "windows": len(table)}
    if "label" in table:
        known = (table[name].to_numpy() for name in ("probability", "label"))
        facts["known"] = window_metrics(*known, scorer.threshold)
    return {"weak": facts}
