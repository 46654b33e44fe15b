"""Frame and pixel metrics over several videos with labels. Raw: no threshold is tuned here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.metrics.frame import average_precision, frame_auc


@dataclass(frozen=True)
class FrameMetrics:
    """Frame AUC and average precision over several videos; None where the known labels are all of one class.

    Quote the raw figures. Rescaling each video by its own minimum and maximum needs the end of the video to score its
    beginning, and a mean over videos never asks whether one threshold fits all of them.
    """

    n_videos: int
    n_frames: int  # with a score and a label
    raw_auc: float | None  # one ROC over the frames of all videos, scores as they are
    raw_ap: float | None
    per_video_minmax_auc: float | None  # the same, after each video's scores were stretched to 0 .. 1
    per_video_minmax_ap: float | None
    per_video_mean_auc: float | None  # "macro": mean of the videos' own figures
    per_video_mean_ap: float | None
    n_videos_in_mean: int  # a video whose known labels are all of one class has no figure and is left out of the mean


def frame_metrics(scores: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> FrameMetrics:
    """Frame metrics of several videos: scores and labels are one (T,) array a video, each as in `frame_auc`.

    A video's minimum and maximum are taken over its scored frames, with or without a label; a constant score becomes 0.
    Raises ValueError when the numbers of videos or of frames differ, and for labels other than 0, 1 and NaN.
    """
    if len(scores) != len(labels):
        raise ValueError(f"{len(scores)} videos with scores, {len(labels)} with labels; give one of each per video")
    videos = [(np.asarray(s, np.float64), np.asarray(y, np.float64)) for s, y in zip(scores, labels, strict=True)]
    aucs, aps = ([metric(*video) for video in videos] for metric in (frame_auc, average_precision))
    raw, known = (np.concatenate([[], *part]) for part in zip(*videos, strict=True)) if videos else np.zeros((2, 0))
    stretched = np.concatenate([[], *(_minmax(s) for s, _ in videos)])
    return FrameMetrics(
        n_videos=len(videos),
        n_frames=int(np.sum(~np.isnan(raw) & ~np.isnan(known))),
        raw_auc=frame_auc(raw, known),
        raw_ap=average_precision(raw, known),
        per_video_minmax_auc=frame_auc(stretched, known),
        per_video_minmax_ap=average_precision(stretched, known),
        per_video_mean_auc=_mean_of_known(aucs),
        per_video_mean_ap=_mean_of_known(aps),
        n_videos_in_mean=sum(auc is not None for auc in aucs),
    )


def _minmax(scores: np.ndarray) -> np.ndarray:
    scored = scores[~np.isnan(scores)]
    if not len(scored):
        return scores
    return (scores - scored.min()) / ((scored.max() - scored.min()) or 1.0)


def _mean_of_known(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


class PixelRanks:
    """Pixel AUC and score quantiles of any number of score maps, in 16 MB whatever their number.

    A score goes to one of 2**20 bins by the leading 20 bits of its float32 (sign, exponent, 11 bits of fraction), which
    keep the order. Scores that float16 can hold each have a bin of their own, so that for them all results are exact;
    other scores tie when they agree to about 1 part in 2000.
    """

    BITS = 20

    def __init__(self):
        self.counts = np.zeros((2, 2**self.BITS), np.int64)  # (normal and anomalous pixels, bins)

    def add(self, scores: np.ndarray, masks: np.ndarray) -> None:
        """Add maps of scores, NaN where there is none (such pixels do not count), and their true masks, bool.

        Both (..., H, W); many frames at once are faster. Raises ValueError for other shapes or types and for infinity.
        """
        scores, masks = np.asarray(scores, np.float32), np.asarray(masks)
        if scores.shape != masks.shape or masks.dtype != bool:
            raise ValueError(f"scores {scores.shape}, masks {masks.shape} {masks.dtype}: need equal shapes, masks bool")
        if np.isinf(scores).any():
            raise ValueError("scores hold infinite values; clip them, or use NaN where there is no score")
        scored = ~np.isnan(scores)
        np.add.at(self.counts.reshape(-1), self._bins(scores[scored]) + masks[scored] * 2**self.BITS, 1)

    def _bins(self, scores: np.ndarray) -> np.ndarray:
        bits = (scores + np.float32(0)).view(np.uint32)  # + 0: there is one zero, not two
        ordered = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))  # IEEE 754: negative floats sort backwards
        return (ordered >> (32 - self.BITS)).astype(np.intp)

    def auc(self) -> float | None:
        """Area under the ROC curve over all pixels; None when they are all of one class."""
        normal, anomalous = self.counts[:, self._occupied()].astype(np.float64)
        if not (normal.any() and anomalous.any()):
            return None
        below = np.cumsum(normal) - normal
        return float(np.sum(anomalous * (below + normal / 2)) / (normal.sum() * anomalous.sum()))

    def thresholds(self, count: int) -> np.ndarray:
        """At most `count` thresholds, highest first, that 1 pixel to all pixels exceed in even steps of a logarithm.

        They depend on the ranks of the scores alone, and are dense where few regions stand out. Float32, every one the
        upper edge of a bin that holds scores: `scores > threshold` never splits a bin, and leaves the lowest bin out,
        so that nothing stands out of a constant map.
        Raises ValueError when no pixel was added.
        """
        occupied = self._occupied()[::-1]  # highest first
        if not len(occupied):
            raise ValueError("there are no scores to choose thresholds from; add score maps first")
        pixels = self.counts[:, occupied].sum(axis=0)
        above = np.cumsum(pixels) - pixels  # pixels that exceed the bin
        wanted = np.geomspace(1, pixels.sum(), count)
        chosen = np.unique(np.searchsorted(above, wanted, side="right") - 1)
        return self._upper_edges(occupied[chosen])

    def _occupied(self) -> np.ndarray:
        return np.flatnonzero(self.counts[0] + self.counts[1])

    def _upper_edges(self, bins: np.ndarray) -> np.ndarray:
        ordered = ((bins + 1) << (32 - self.BITS)).astype(np.uint32) - np.uint32(1)
        bits = np.where(ordered >> 31, ordered ^ np.uint32(1 << 31), ~ordered)
        return bits.astype(np.uint32).view(np.float32)
