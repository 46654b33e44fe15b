"""`eval`: a trained model and any reel -> scores, boxes, events, pictures and a movie, as one stream over the frames.

Results of a reel lie in `<run>/eval/<reel>/`:

    scores.csv  boxes.csv  events.csv  events.json  summary.json  timeline.png  anomaly.mp4
    scores.f16  the score maps, which --movie_only draws again without the model
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from config import Config, EvalConfig, dump
from data.files import write_text
from data.reel import INVALID, Reel, find_reels
from inference.boxes import Box, find_boxes
from inference.calibrate import Calibration, calibration, load_detector
from inference.catalog import load_catalog
from inference.instrument import is_resolved, judged
from inference.movie import movie_of
from inference.residuals import Detector, ScoredFrame, covering_windows, score_frames, settings_for
from inference.results import Results, ScoreMaps, read_boxes
from training.checkpoint import path_of
from training.run import RUNS


@dataclass(frozen=True)
class Detection:
    """One frame as detected: what the model saw and said, its score map `(H, W)` and the boxes on it."""

    scored: ScoredFrame
    score: np.ndarray
    boxes: list[Box]


@dataclass(frozen=True)
class Job:
    """Everything that decides the results on one reel."""

    reel: Reel
    detector: Detector
    calibration: Calibration
    low: float
    high: float
    settings: EvalConfig
    identity: dict
    out: Path


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


def find_run(model_path: str | None) -> Path:
    """The named run folder, or the newest in runs/ with a trained model. Raises FileNotFoundError."""
    if model_path:
        return Path(model_path)
    found = list(RUNS.glob("*/checkpoints/best.pt"))
    if not found:
        raise FileNotFoundError(f"no trained model in {RUNS}; train one, or name its folder with --model-path")
    newest = max(found, key=lambda path: path.stat().st_mtime_ns).parent.parent
    print(f"using the newest run, {newest}")
    return newest


def check_reel(reel: Reel, facts: dict) -> None:
    """Refuse a reel whose frames have another form than those the model was trained on."""
    expected, found = list(facts["frame_shape"]), list(reel.shape[1:])
    if expected != found:
        raise ValueError(
            f"reel {reel.name} has frames of [channels, height, width] {found}, the model was trained on {expected}; "
            f"prepare it with prep.resize [{expected[1]}, {expected[2]}] and as many channels"
        )


def make_job(reel: Reel, run: Path, detector: Detector, weights: str, settings: EvalConfig) -> Job:
    """Calibration, thresholds and identity of one evaluation."""
    settings = settings_for(settings, reel)
    quiet = calibration(run, detector, tuple(reel.channels), settings)
    low, high = quiet.thresholds(settings, reel.cadence_s)
    decisive = {k: v for k, v in asdict(settings).items() if k not in _AFTERWARDS}
    identity = {"reel": reel.meta["identity"], "weights_sha256": weights, "settings": decisive}
    identity |= {"threshold_low": low, "threshold_high": high}
    return Job(reel, detector, quiet, low, high, settings, identity, run / "eval" / reel.name)


# Settings that change what is drawn or compared, not what is found.
_AFTERWARDS = ("mode", "diagnostic", "fps", "heat_weight", "scale_factor", "movie_only", "batch_size", "catalog")
_AFTERWARDS += ("catalog_tolerance_min", "catalog_distance_arcsec", "xrs")


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


def flares_for(job: Job) -> pd.DataFrame | None:
    """The catalogue to compare with, read before the scoring so that a bad one fails at once."""
    settings, times = job.settings, job.reel.times_utc
    if settings.catalog is None:
        return None
    if times is None:
        raise ValueError(f"reel {job.reel.name} has no UTC times to compare with eval.catalog; set prep.start_utc")
    around = np.timedelta64(round(60_000 * settings.catalog_tolerance_min), "ms")
    return load_catalog(settings.catalog, times.min() - around, times.max() + around, job.out / "hek_flares.csv")


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


def is_saved(job: Job) -> bool:
    """Whether complete results of the same reel, weights, settings and thresholds are there."""
    summary = job.out / "summary.json"
    if not (summary.is_file() and (job.out / ScoreMaps.NAME).is_file()):
        return False
    return json.loads(summary.read_text(encoding="utf-8"))["identity"] == json.loads(json.dumps(job.identity))


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
