"""From a job to what is found: frames with score maps and boxes, stretches of a series with scores; without torch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from data.messages import progress
from inference.camera.watch import BROKEN, is_cause
from inference.camera.watched import watched_reel
from inference.events.boxes import Box, extending_boxes, find_boxes, pixel_boxes
from inference.events.instrument import explained, is_resolved, judged, lost_blocks, whole_frame
from inference.job import Job
from inference.results.results import Results
from inference.scorers.nets.residual import Samples, ScoredFrame
from inference.scorers.nets.windows import scored_stretches


@dataclass(frozen=True)
class Detection:
    """One frame as detected: what the model saw and said, its score map `(H, W)` and the boxes on it."""

    scored: ScoredFrame
    score: np.ndarray
    boxes: list[Box]


def detections(job: Job) -> Iterator[Detection]:
    """The stream: every frame that a window covers, in time order."""
    frames = watched_reel(job.scorer, job.reel, job.settings, job.bounds, job.frames)
    return (detected(job, scored) for scored in frames)


def detected(job: Job, scored: ScoredFrame) -> Detection:
    """One scored frame with its score map and its boxes, that of the camera among them.

    What is wrong with a frame as a whole is an event, so a broken one scores no less than what is one, and one in which
    the camera moved no less than what is usual.
    """
    score = job.calibration.score(scored.residual, job.settings)
    if scored.camera in BROKEN:
        score = at_least(score, job.low, scored.valid)
        return Detection(scored, score, [whole_frame(score, scored.valid, scored.camera)])
    form = job.settings.min_area, job.settings.iou_thresh, ~scored.valid
    boxes = find_boxes(score, job.low, job.high, *form)
    if job.extends_to < job.low:
        boxes += extending_boxes(boxes, score, job.extends_to, *form)
    boxes = judged(boxes, scored.frame, scored.reconstruction, scored.valid, is_resolved(job.reel))
    if scored.words is not None:
        boxes = [replace(box, change=scored.words(box)) for box in boxes]
    if scored.camera:
        score = at_least(score, job.usual, scored.valid)
        boxes = explained(boxes, scored.camera) if is_cause(scored.camera, job.scorer.is_steady) else boxes
        boxes = [*boxes, whole_frame(score, scored.valid, scored.camera)]
    if scored.lost is not None:
        boxes = [*boxes, lost_blocks(scored.lost, job.low)]
    return Detection(scored, score, boxes)


def at_least(score: np.ndarray, level: float, valid: np.ndarray) -> np.ndarray:
    """A score map (H, W) that is nowhere below a level, but for invalid pixels."""
    return np.where(valid, np.maximum(score, np.float32(level)), score)


def judge_series(job: Job, results: Results, keep: Callable[[int, np.ndarray], object]) -> None:
    """Score stretch by stretch; only samples above the low threshold are looked at one by one.

    keep: called with the first sample of a stretch and its score maps (n, 1, 1).
    """
    new_level = job.new_level()
    for begin, scores, parts, placed in scored_samples(job):
        keep(begin, scores[:, None, None])
        raised = new_level.of(scores)
        results.add_samples(begin, scores, raised)
        for i in np.flatnonzero(scores > job.low + raised).tolist():
            low, high = job.low + float(raised[i]), job.high + float(raised[i])
            # Variables with events of their own are pixels side by side that never touch.
            pixels = parts[i][None] if job.settings.combine == "each" else scores[i][None, None]
            results.add_boxes(begin + i, pixel_boxes(pixels, low, high, bool(placed[i] > low)), parts[i])


def scored_samples(job: Job) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Every stretch of a series that can be scored: its first sample, its scores (n,) float32, NaN unknown, what its
    variables have to do with them (n, C), or (n, 1) where nothing tells them apart, and the scores that place events
    (n,) float32, see `Calibration.placed_scores`."""
    ranges = scored_stretches(job.reel, job.scorer.clip_length)
    for begin, end in progress(ranges, desc=f"evaluating {job.reel.name}", unit="stretch"):
        samples = job.scorer.samples(job.reel, begin, end, job.settings)
        yield begin, *judged_samples(job, samples)


def judged_samples(job: Job, samples: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of samples of a series: scores (n,) float32, their variables' parts, and the scores that place events."""
    scores, parts = job.calibration.sample_scores(samples, job.settings)
    placed = job.calibration.placed_scores(samples, scores, parts, job.settings)
    known, variables = samples.valid, job.calibration.variables(samples, parts, job.settings)
    return np.where(known, scores, 0).astype(np.float32), variables, np.where(known, placed, 0).astype(np.float32)
