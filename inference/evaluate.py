"""`eval`: a trained model and any reel -> scores, boxes, events, pictures and a movie, as one stream over the frames.

Results of a reel lie in `<run>/eval/<reel>/`:

    scores.csv  boxes.csv  events.csv  events.json  summary.json  timeline.png  anomaly.mp4  report.html
    scores.f16  the score maps, which --movie_only draws again without the model
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from config import Config, dump
from data.files import write_text
from data.reel import INVALID, find_reels
from inference.boxes import Box, find_boxes
from inference.calibrate import load_detector
from inference.instrument import is_resolved, judged
from inference.job import Job, check_reel, find_run, flares_for, is_saved, make_job
from inference.movie import movie_of
from inference.report_page.page import write_report
from inference.residuals import ScoredFrame, covering_windows, score_frames
from inference.results import Results, ScoreMaps, read_boxes
from training.checkpoint import path_of


@dataclass(frozen=True)
class Detection:
    """One frame as detected: what the model saw and said, its score map `(H, W)` and the boxes on it."""

    scored: ScoredFrame
    score: np.ndarray
    boxes: list[Box]


def evaluate(config: Config) -> list[Path]:
    """Evaluate every reel in `config.data_clips` with a run's best model; returns the folders of results.

    The model's own settings come from the run, never from `config`. Raises FileNotFoundError without run or reel,
    ValueError when the reel does not fit the model.
    """
    run = find_run(config.model_path)
    detector, checkpoint = load_detector(run, config.device)
    weights = hashlib.sha256(path_of(run, "best").read_bytes()).hexdigest()
    reels, results = find_reels(config.data_clips), []
    for reel in reels:
        check_reel(reel, checkpoint["data"])  # all of them before hours of work on the first
    for reel in reels:
        if not covering_windows(reel, detector.clip_length, config.eval.stride):
            length = detector.clip_length
            print(f"{reel.name}: no stretch without a gap holds the {length} frames of a window; left out")
            continue
        job = make_job(reel, run, detector, weights, config.eval)
        write_text(job.out / "config.yaml", dump(config))
        if config.eval.movie_only and reel.is_series:
            print(f"{reel.name}: a series has no movie")
        elif config.eval.movie_only:
            redraw(job)
        else:
            run_job(job)
        results.append(job.out)
    if not results:
        raise ValueError(f"no reel in {config.data_clips} is long enough for windows of {detector.clip_length} frames")
    return results


def detections(job: Job) -> Iterator[Detection]:
    """The stream: every frame that a window covers, in time order."""
    starts = covering_windows(job.reel, job.detector.clip_length, job.settings.stride)
    resolved = is_resolved(job.reel)
    for scored in score_frames(job.detector, job.reel, starts, job.settings):
        score = job.calibration.score(scored.residual, job.settings)
        area, iou = job.settings.min_area, job.settings.iou_thresh
        boxes = find_boxes(score, job.low, job.high, area, iou, ~scored.valid)
        yield Detection(scored, score, judged(boxes, scored.frame, scored.reconstruction, scored.valid, resolved))


def run_job(job: Job) -> None:
    """Evaluate one reel and write everything; a summary that exists belongs to complete results."""
    (job.out / "summary.json").unlink(missing_ok=True)
    begun = time.perf_counter()
    results = Results(job.reel, job.settings, flares_for(job))
    with ScoreMaps(job.out, job.reel) as maps, movie_for(job) as movie:
        for found in tqdm(detections(job), total=len(job.reel), desc=f"evaluating {job.reel.name}", unit="frame"):
            results.add(found.scored.index, found.score, found.boxes, found.scored.common)
            maps.add(found.scored.index, found.score)
            if movie:
                movie.add(found.scored, found.score, found.boxes)
    seconds = time.perf_counter() - begun
    results.write(job.out, job.low, job.high, job.identity, seconds)
    write_report(job)


def movie_for(job: Job) -> AbstractContextManager:
    """The result movie, None for a series: one pixel is no picture."""
    if job.reel.is_series:
        return nullcontext()
    return movie_of(job.reel, job.calibration.noise, job.low, job.high, job.settings, job.out)


def redraw(job: Job) -> None:
    """Only the movie: from saved score maps when they are of this very job, else computed again."""
    if job.settings.diagnostic or not is_saved(job):
        stream = detections(job)
    else:
        print(f"{job.reel.name}: drawing from the saved scores")
        stream = saved_detections(job)
    with movie_for(job) as movie:
        for found in tqdm(stream, total=len(job.reel), desc=f"drawing {job.reel.name}", unit="frame"):
            movie.add(found.scored, found.score, found.boxes)


def saved_detections(job: Job) -> Iterator[Detection]:
    """The stream again from scores.f16 and boxes.csv; reconstructions are not kept, so they are empty."""
    boxes = read_boxes(job.out / "boxes.csv")
    for index in range(len(job.reel)):
        score = ScoreMaps.read(job.out, job.reel, index)
        if np.isnan(score).all():
            continue
        frame, bits = job.reel.read(index, index + 1)
        nothing = np.zeros((0, *score.shape), np.float32)
        scored = ScoredFrame(index, frame[0].astype(np.float32), nothing, score, (bits[0] & INVALID) == 0, np.nan)
        yield Detection(scored, score, boxes.get(index, []))
