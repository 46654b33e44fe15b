"""Region-based (RBDC) and track-based (TBDC) detection criteria: are the true places found, and at how many false ones?

From the definitions of Ramachandra and Jones, "Street Scene: A new dataset and evaluation protocol for video anomaly
detection", WACV 2020. In one frame and at one threshold:
* a true region is detected when a detected region has an intersection over union of at least beta with it; one detected
  region may detect several true ones;
* a detected region is a false positive when it has less than beta with every true region of its frame. A second
  detection of the same true region is none.
A true track is detected when at least the fraction alpha of its regions is. The region and the track detection rate,
each over all videos together, are drawn over the number of false positives per frame (all frames count, those with
anomalies too), one point for every threshold. RBDC and TBDC are the areas under these curves for 0 to 1 false positives
per frame, which is the mean detection rate there; alpha and beta are 0.1 in the paper.

What the paper leaves open, and what is done here:
* Area: the curve begins at no detection at all, (0, 0), joins the points of the thresholds by straight lines as a ROC
  curve does, and goes on level to 1 when it ends before. A lower threshold may lose detections (regions grow together)
  and false positives as well: the height at x is never below that of a point further left. For boxes whose scores all
  differ every step is upright or level, and nothing is interpolated.
* Detected regions of a score map are the 8-connected components of `score > threshold`, compared by bounding box as the
  published evaluations do; `compare="mask"` compares the pixels. NaN is never above a threshold, so a frame without
  scores is one in which nothing was detected.
* True regions of masks are 8-connected components, so that objects which touch are one region. Tracks link components
  of consecutive frames one to one, so that the sum of their pixels' intersections over union is largest; one common
  pixel is enough, and no frame is skipped. Of a split the part that overlaps best goes on and the others begin tracks;
  of a merge one track goes on and the others end. Tracks made by hand (box annotations) survive such encounters, so
  that figures from masks and from annotations are close but not the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn import metrics

from inference.events.boxes import box_iou

ALPHA = BETA = 0.1  # the paper's
COMPARE = ("box", "mask")


@dataclass(frozen=True)
class RegionMetrics:
    """RBDC and TBDC, None when there is no true region, and the points of their curves, highest threshold first."""

    rbdc: float | None
    tbdc: float | None
    n_frames: int
    n_regions: int  # true ones, over all frames
    n_tracks: int
    thresholds: np.ndarray  # (K,)
    false_per_frame: np.ndarray  # (K,) false positive regions per frame
    region_rate: np.ndarray  # (K,) detected fraction of the true regions; NaN when there are none
    track_rate: np.ndarray  # (K,)

    @classmethod
    def of(
        cls,
        thresholds: np.ndarray,
        n_false: np.ndarray,
        found: np.ndarray,
        sizes: Sequence[int] | np.ndarray,
        n_frames: int,
        alpha: float,
    ) -> "RegionMetrics":
        """n_false: (K,) false positives; found: (N, K) detected regions of every track; sizes: (N,) their regions."""
        sizes = np.asarray(sizes, np.int64)
        false_per_frame = n_false / max(n_frames, 1)
        rates = np.full((2, len(thresholds)), np.nan)
        if len(sizes):
            rates[:] = found.sum(axis=0) / sizes.sum(), (found / sizes[:, None] >= alpha).mean(axis=0)
        rbdc, tbdc = (_area_to_one(false_per_frame, rate) if len(sizes) else None for rate in rates)
        n_regions = int(sizes.sum())
        return cls(rbdc, tbdc, n_frames, n_regions, len(sizes), thresholds, false_per_frame, rates[0], rates[1])


def _area_to_one(x: np.ndarray, y: np.ndarray) -> float:
    """Area for x in 0 .. 1 under the lines that join (0, 0) and the points (K,), each y raised to those left of it."""
    x, y = np.append(0.0, x), np.append(0.0, y)
    order = np.lexsort((y, x))
    x, y = x[order], np.maximum.accumulate(y[order])
    inside = x <= 1
    return float(metrics.auc(np.append(x[inside], 1.0), np.append(y[inside], np.interp(1.0, x, y))))


class Regions(NamedTuple):
    """Connected components of one mask."""

    labels: np.ndarray  # (H, W) int32 number of the pixel's component, from 1; 0 outside
    kept: np.ndarray  # (R,) numbers of those that count
    bounds: np.ndarray  # (R, 4) x0, y0, x1, y1, half-open
    areas: np.ndarray  # (R,) pixels

    @classmethod
    def of(cls, mask: np.ndarray, min_area_px: int = 1) -> "Regions":
        """The 8-connected components of at least `min_area_px` pixels; mask: (H, W) bool."""
        _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
        kept = 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= min_area_px)
        x, y, width, height, areas = stats[kept].T
        return cls(labels, kept, np.stack([x, y, x + width, y + height], axis=1), areas)

    def box_iou(self, others: "Regions") -> np.ndarray:
        """Intersection over union of every bounding box with every other: (R, S)."""
        return box_iou(self.bounds[:, None], others.bounds)

    def mask_iou(self, others: "Regions") -> np.ndarray:
        """Intersection over union of the pixels of every region with every other: (R, S)."""
        shape = int(self.labels.max()) + 1, int(others.labels.max()) + 1
        both = (self.labels > 0) & (others.labels > 0)
        pairs = self.labels[both] * shape[1] + others.labels[both]
        common = np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape)[np.ix_(self.kept, others.kept)]
        return common / (self.areas[:, None] + others.areas - common)


class TrackLinker:
    """Numbers the regions of a mask so that those of one object, linked over consecutive frames, share a number."""

    def __init__(self):
        self.n_tracks = 0
        self._last: tuple[Regions, np.ndarray] | None = None

    def next_video(self) -> None:
        """The next frame follows no other; numbers go on, so that they stay unique over videos."""
        self._last = None

    def push(self, regions: Regions) -> np.ndarray:
        """Track numbers, from 0, of the regions of the next frame: (R,)."""
        tracks = np.full(len(regions.kept), -1)
        if self._last:
            before, numbers = self._last
            overlap = before.mask_iou(regions)
            i, j = linear_sum_assignment(overlap, maximize=True)
            linked = overlap[i, j] > 0
            tracks[j[linked]] = numbers[i[linked]]
        new = tracks < 0
        tracks[new] = self.n_tracks + np.arange(new.sum())
        self.n_tracks += int(new.sum())
        self._last = regions, tracks
        return tracks


class RegionSweep:
    """RBDC and TBDC of score maps, one frame after the other; memory grows with the tracks only.

    Thresholds that suit the maps: `frame_metrics.PixelRanks.thresholds`, after a first pass over them. Then `add` every
    frame in time order, with `next_video` between two videos; `metrics` at any time.
    """

    def __init__(
        self,
        thresholds: np.ndarray,
        alpha: float = ALPHA,
        beta: float = BETA,
        min_area_px: int = 1,
        compare: str = "box",
    ):
        """thresholds: (K,) in any order; `min_area_px` leaves out smaller detected regions (the paper has no limit).

        Raises ValueError when alpha or beta are not in (0, 1], for an unknown `compare` and for NaN as a threshold.
        """
        _check_fractions(alpha, beta)
        if compare not in COMPARE:
            raise ValueError(f"compare is {compare!r}; allowed are {', '.join(COMPARE)}")
        self.thresholds = np.unique(np.asarray(thresholds, np.float32))[::-1]
        if np.isnan(self.thresholds).any() or not len(self.thresholds):
            raise ValueError(f"thresholds are {thresholds}; need at least one and no NaN")
        self.alpha, self.beta, self.min_area_px, self.compare = alpha, beta, min_area_px, compare
        self._linker, self._n_frames = TrackLinker(), 0
        self._n_false = np.zeros(len(self.thresholds), np.int64)
        self._found: list[np.ndarray] = []  # of every track: (K,) number of its regions that are detected
        self._sizes: list[int] = []  # of every track: number of its regions

    def next_video(self) -> None:
        """Tracks end here: the next frame belongs to another video."""
        self._linker.next_video()

    def add(self, score: np.ndarray, mask: np.ndarray) -> None:
        """Add the next frame of the video: score (H, W), NaN where there is none, and its true mask (H, W) bool.

        Raises ValueError when their shapes differ: resize the scores to the mask's size first.
        """
        score, mask = np.asarray(score, np.float32), np.ascontiguousarray(mask)
        if score.ndim != 2 or score.shape != mask.shape or mask.dtype != bool:
            raise ValueError(f"score {score.shape}, mask {mask.shape} {mask.dtype}: need equal (H, W), the mask bool")
        truth = Regions.of(mask)
        tracks = self._count(self._linker.push(truth))
        highest = np.fmax.reduce(score, axis=None)  # NaN only when every pixel is
        for k in np.flatnonzero(self.thresholds < highest):
            detected = Regions.of(score > self.thresholds[k], self.min_area_px)
            overlap = detected.box_iou(truth) if self.compare == "box" else detected.mask_iou(truth)
            match = overlap >= self.beta  # (detected, true)
            self._n_false[k] += np.sum(~match.any(axis=1))
            for track in tracks[match.any(axis=0)]:
                self._found[track][k] += 1

    def _count(self, tracks: np.ndarray) -> np.ndarray:
        self._n_frames += 1
        for track in tracks.tolist():
            if track == len(self._sizes):
                self._sizes.append(0)
                self._found.append(np.zeros(len(self.thresholds), np.int64))
            self._sizes[track] += 1
        return tracks

    def metrics(self) -> RegionMetrics:
        """The figures over all frames added so far."""
        found = np.reshape(self._found, (len(self._sizes), len(self.thresholds)))
        return RegionMetrics.of(self.thresholds, self._n_false, found, self._sizes, self._n_frames, self.alpha)


def region_metrics_of_boxes(
    detected: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    tracks: Sequence[np.ndarray],
    alpha: float = ALPHA,
    beta: float = BETA,
) -> RegionMetrics:
    """RBDC and TBDC of boxes that have one score each, at every score that occurs: a box counts from its score down.

    One entry a frame, all videos one after the other. detected: (N, 5) half-open x0, y0, x1, y1, then the score;
    truth: (G, 4); tracks: (G,) the number of every true box's track, not used again in another video.
    Raises ValueError when the numbers of frames or of boxes differ, and as `RegionSweep` does.
    """
    _check_fractions(alpha, beta)
    if not len(detected) == len(truth) == len(tracks):
        raise ValueError(f"{len(detected)} frames detected, {len(truth)} truth, {len(tracks)} tracks; need one of each")
    frames = [(_checked(boxes, 5), _checked(true, 4)) for boxes, true in zip(detected, truth, strict=True)]
    for number, ((_, true), names) in enumerate(zip(frames, tracks, strict=True)):
        if len(true) != len(names):
            raise ValueError(f"frame {number} has {len(true)} true boxes and {len(names)} tracks; each box needs one")
    found_at, false_at = [], []  # the score from which down a true box is found; the scores of the false positives
    for boxes, true in frames:
        match = box_iou(boxes[:, None, :4], true) >= beta  # (detected, true)
        found_at.append(np.where(match, boxes[:, 4:], -np.inf).max(axis=0, initial=-np.inf))
        false_at.append(boxes[~match.any(axis=1), 4])
    found_at = np.concatenate([[], *found_at])
    thresholds = np.unique(np.concatenate([[], *(boxes[:, 4] for boxes, _ in frames)]))[::-1]
    n_false = _count_from(thresholds, np.concatenate([[], *false_at]))
    track = np.concatenate([[], *tracks])
    names, sizes = np.unique(track, return_counts=True)
    found = np.array([_count_from(thresholds, found_at[track == name]) for name in names])
    return RegionMetrics.of(thresholds, n_false, found, sizes, len(frames), alpha)


def _count_from(thresholds: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """How many of the scores reach each threshold: (K,)."""
    return len(scores) - np.searchsorted(np.sort(scores), thresholds)


def _checked(boxes: np.ndarray, columns: int) -> np.ndarray:
    boxes = np.asarray(boxes, np.float64).reshape(-1, columns)
    wrong = ~((boxes[:, :2] < boxes[:, 2:4]).all(axis=1) & np.isfinite(boxes).all(axis=1))
    if wrong.any():
        raise ValueError(f"box {boxes[wrong][0].tolist()}: need x0 < x1, y0 < y1 and finite numbers")
    return boxes


def _check_fractions(alpha: float, beta: float) -> None:
    if not (0 < alpha <= 1 and 0 < beta <= 1):
        raise ValueError(f"alpha is {alpha}, beta {beta}; both must be above 0 and at most 1")
