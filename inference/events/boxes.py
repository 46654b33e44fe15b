"""Boxes: where a score map stands out, at two levels.

Pixel coordinates: x is the column, y the row as stored; a box is half-open, [x0, x1) x [y0, y1); a centroid is in units
where the centre of the first pixel is 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import ndimage

WEAK = "weak"  # level of a box that is below the low threshold, see `extending_boxes`
TOUCHING = np.ones((3, 3), np.int8)  # pixels that share a side or a corner belong together (8-connectivity)


@dataclass(frozen=True, slots=True)
class Box:
    """One place that stands out. Every statistic is over the pixels above the low threshold, not over the rectangle."""

    x0: int
    y0: int
    x1: int
    y1: int
    x: float  # centroid, weighted by score
    y: float
    peak: float
    mean: float
    area: int  # pixels above the low threshold
    level: str  # "high" when a pixel exceeds the high threshold, else "low"; or "weak", "camera" of whole frames
    instrument: str = ""  # why it is the camera's and not the scene's, see instrument.py
    change: str = ""  # "brighter" or "darker" than expected, or in the scorer's words; "" where it says nothing
    places: bool = True  # whether its cause is here; else its score only shows here


def find_boxes(
    score: np.ndarray,
    threshold_low: float | np.ndarray,
    threshold_high: float | np.ndarray,
    min_area: int = 4,
    iou_thresh: float = 0.2,
    invalid: np.ndarray | None = None,
) -> list[Box]:
    """Boxes of the score map (H, W) float32, strongest peak first.

    Pixels with score > threshold_low that touch each other, corners included, form a region; regions of fewer than
    `min_area` pixels are dropped. Then boxes whose intersection over union exceeds `iou_thresh` are joined, strongest
    first and until no such pair is left: the rectangle becomes their union, the statistics those of all their pixels,
    so that peak and rank are the stronger one's. `iou_thresh` 1 joins nothing.

    Thresholds: numbers or (H, W) arrays, compared in float32. invalid: (H, W) bool, pixels to leave out, as are those
    with a NaN or infinite score.
    Raises ValueError for other shapes and for thresholds that are negative or in the wrong order.
    """
    score = np.asarray(score, np.float32)
    low, high = _checked_thresholds(score, threshold_low, threshold_high)
    mask = (score > low) & np.isfinite(score)
    if invalid is not None:
        mask &= ~invalid.astype(bool, copy=False)
    if not mask.any():
        return []
    region, count = ndimage.label(mask, TOUCHING)
    y, x = np.nonzero(mask)
    pixels = _Pixels(x, y, score[y, x].astype(np.float64), score[y, x] > np.broadcast_to(high, score.shape)[y, x])
    region = region[y, x] - 1
    regions = _describe(pixels, region, count)
    order = np.lexsort((regions.bounds[:, 0], regions.bounds[:, 1], -regions.peak))  # ties: top row, then left column
    order = order[regions.area[order] >= min_area]
    groups = _join(regions.bounds[order], iou_thresh)
    if len(groups) == len(order):
        return regions.boxes(order)
    group_of_region = np.full(count, -1)
    for rank, members in enumerate(groups):
        group_of_region[order[members]] = rank
    group = group_of_region[region]
    kept = group >= 0
    joined = _describe(_Pixels(*(values[kept] for values in pixels)), group[kept], len(groups))
    return joined.boxes(np.arange(len(groups)))


def extending_boxes(
    boxes: Sequence[Box],
    score: np.ndarray,
    level: float,
    min_area: int,
    iou_thresh: float,
    invalid: np.ndarray | None = None,
) -> list[Box]:
    """Boxes where a score map (H, W) is above a lower level than that of `boxes`, and none of them is.

    Of level WEAK: they make no event, and one that passes the threshold goes on in them (hysteresis, as of Canny 1986).
    """
    own = np.array([(b.x0, b.y0, b.x1, b.y1) for b in boxes]).reshape(-1, 4)
    found = find_boxes(score, level, np.inf, min_area, iou_thresh, invalid)
    beside = [b for b in found if not _common_area(np.array([b.x0, b.y0, b.x1, b.y1]), own).any()]
    return [replace(box, level=WEAK) for box in beside]


def box_iou(bounds: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of half-open boxes x0, y0, x1, y1: (..., 4) with (..., 4), broadcast -> (...)."""
    common = _common_area(bounds, others)
    return common / (_area(bounds) + _area(others) - common)


def covered_fraction(bounds: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How much of the area of `bounds` lies inside `others`, 0 to 1; shapes as in `box_iou`."""
    return _common_area(bounds, others) / _area(bounds)


def _area(bounds: np.ndarray) -> np.ndarray:
    return (bounds[..., 2] - bounds[..., 0]) * (bounds[..., 3] - bounds[..., 1])


def _common_area(bounds: np.ndarray, others: np.ndarray) -> np.ndarray:
    width = np.minimum(bounds[..., 2], others[..., 2]) - np.maximum(bounds[..., 0], others[..., 0])
    height = np.minimum(bounds[..., 3], others[..., 3]) - np.maximum(bounds[..., 1], others[..., 1])
    return np.maximum(width, 0) * np.maximum(height, 0)


def pixel_boxes(score: np.ndarray, threshold_low: float, threshold_high: float, places: bool = True) -> list[Box]:
    """A box for every pixel above the low threshold of a score map (H, W), strongest first; neighbours stay apart."""
    rows, columns = np.nonzero(score > threshold_low)
    boxes = [
        Box(x, y, x + 1, y + 1, float(x), float(y), peak, peak, 1, level_of(peak, threshold_high), places=places)
        for x, y, peak in zip(columns.tolist(), rows.tolist(), score[rows, columns].tolist(), strict=True)
    ]
    return sorted(boxes, key=lambda box: -box.peak)


def level_of(peak: float, threshold_high: float) -> str:
    """The level of a box or an event by its highest score: high or low."""
    return "high" if peak > threshold_high else "low"


def _checked_thresholds(score: np.ndarray, low, high) -> tuple[np.ndarray, np.ndarray]:
    low, high = (np.asarray(t, score.dtype) for t in (low, high))
    if score.ndim != 2 or any(t.shape not in ((), score.shape) for t in (low, high)):
        raise ValueError(f"score {score.shape}, thresholds {low.shape}, {high.shape}: need (H, W), numbers or (H, W)")
    if np.any(low < 0):
        raise ValueError(f"threshold_low is {np.nanmin(low)} somewhere; it must be >= 0, as scores weight the centroid")
    if np.any(high < low):
        raise ValueError("threshold_high is below threshold_low somewhere; exchange them or raise the high one")
    return low, high


class _Pixels(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    score: np.ndarray
    above_high: np.ndarray


class _Regions(NamedTuple):
    bounds: np.ndarray  # (R, 4) x0, y0, x1, y1
    centroid: np.ndarray  # (R, 2) x, y
    peak: np.ndarray
    mean: np.ndarray
    area: np.ndarray
    high: np.ndarray

    def boxes(self, order: np.ndarray) -> list[Box]:
        rows = zip(*(values[order].tolist() for values in self), strict=True)
        return [
            Box(x0, y0, x1, y1, x, y, peak, mean, area, "high" if high else "low")
            for (x0, y0, x1, y1), (x, y), peak, mean, area, high in rows
        ]


def _describe(pixels: _Pixels, region: np.ndarray, count: int) -> _Regions:
    """Statistics of `count` regions from their pixels; region: (N,) number of the region of every pixel."""
    area = np.bincount(region, minlength=count)
    total = np.bincount(region, pixels.score, count)
    centroid = [np.bincount(region, pixels.score * place, count) / total for place in (pixels.x, pixels.y)]
    peak = np.full(count, -np.inf)
    np.maximum.at(peak, region, pixels.score)
    start = np.full((2, count), np.iinfo(np.int64).max)
    stop = np.zeros((2, count), np.int64)
    for axis, place in enumerate((pixels.x, pixels.y)):
        np.minimum.at(start[axis], region, place)
        np.maximum.at(stop[axis], region, place + 1)
    high = np.bincount(region, pixels.above_high, count) > 0
    return _Regions(np.concatenate([start, stop]).T, np.stack(centroid, 1), peak, total / area, area, high)


def _join(bounds: np.ndarray, iou_thresh: float) -> list[list[int]]:
    """Groups of boxes to join; bounds: (R, 4), strongest first. Groups come in the order of their strongest member."""
    bounds, count = bounds.copy(), len(bounds)
    groups = {i: [i] for i in range(count)}
    overlaps = np.triu(_overlapping(bounds, iou_thresh), 1)  # (R, R), row stronger than column
    while overlaps.any():
        i, j = divmod(int(np.argmax(overlaps)), count)  # the first pair: the strongest box that overlaps another
        groups[i] += groups.pop(j)
        bounds[i] = [*np.minimum(bounds[i, :2], bounds[j, :2]), *np.maximum(bounds[i, 2:], bounds[j, 2:])]
        overlaps[j, :] = overlaps[:, j] = False
        alive = np.array(list(groups))
        reached = alive[box_iou(bounds[i], bounds[alive]) > iou_thresh]
        overlaps[i, :] = overlaps[:, i] = False
        overlaps[i, reached[reached > i]] = True
        overlaps[reached[reached < i], i] = True
    return list(groups.values())


def _overlapping(bounds: np.ndarray, iou_thresh: float) -> np.ndarray:
    """Which boxes overlap which by more than `iou_thresh`; bounds: (R, 4) -> (R, R) bool, in blocks to bound memory."""
    blocks = [box_iou(bounds[k : k + 256, None], bounds) > iou_thresh for k in range(0, len(bounds), 256)]
    return np.concatenate(blocks) if blocks else np.zeros((0, 0), bool)
