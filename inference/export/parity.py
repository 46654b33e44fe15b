"""The certificate of parity: what a bundle finds beside what the checkpoint finds, on quiet frames and planted ones."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from data.disk.files import write_meta
from data.messages import progress
from data.reel.excerpt import write_excerpt
from data.reel.reel import Reel
from inference.calibration.quiet import QuietRange
from inference.detection import detections, judge_series
from inference.events.boxes import Box
from inference.job import Job
from inference.results.results import Results
from inference.scorers.base import Scorer

MOST_FRAMES = 600  # of quiet data that are compared
LARGEST_SCORE = 1e-3  # difference of two scores, in low thresholds: 1,000 times what float32 arithmetic leaves
PLANTED = (4.0, 8.0, 16.0, 32.0)  # peaks of planted anomalies, in spreads of the frames
COMPARED = ("frame_start", "frame_peak", "frame_end", "x0", "y0", "x1", "y1", "level", "instrument")


class NoParity(ArithmeticError):
    """A bundle that does not score as its checkpoint does."""


class Found(NamedTuple):
    """What one scorer finds in a reel: score maps by frame, boxes (frame, box), and the table of events."""

    scores: dict[int, np.ndarray]
    boxes: list[tuple[int, Box]]
    events: pd.DataFrame


def found_by(scorer: Scorer, job: Job) -> Found:
    """What a scorer finds in a job's reel, with all else as it is in the job."""
    job, scores = replace(job, scorer=scorer), {}
    results = Results(job.reel, job.settings)
    if job.reel.is_series:
        judge_series(job, results, lambda first, maps: scores.update(enumerate(maps, first)))
    else:
        for found in detections(job):
            scores[found.scored.index] = found.score
            results.add(found.scored.index, found.score, found.boxes, found.scored.common, found.scored.camera)
    events = results.event_table(job.high, job.identity)
    return Found(scores, results.boxes, events)


def compared(checkpoint: Scorer, bundle: Scorer, job: Job) -> dict[str, Any]:
    """How far apart two scorers are on a reel. score: the largest difference, in units of the low threshold."""
    theirs, ours = found_by(checkpoint, job), found_by(bundle, job)
    differences = [np.nanmax(np.abs(ours.scores[i] - score), initial=0.0) for i, score in theirs.scores.items()]
    return {
        "frames": len(theirs.scores),
        "score_difference": float(max(differences, default=0.0)) / job.low,
        "boxes": [len(theirs.boxes), len(ours.boxes)],
        "boxes_equal": [(i, place_of(b)) for i, b in theirs.boxes] == [(i, place_of(b)) for i, b in ours.boxes],
        "events": [len(theirs.events), len(ours.events)],
        "events_equal": rows_of(theirs.events) == rows_of(ours.events),
    }


def place_of(box: Box) -> tuple[int | str, ...]:
    """What of a box has to be equal: its bounds, and whether it is strong."""
    return box.x0, box.y0, box.x1, box.y1, box.level


def rows_of(events: pd.DataFrame) -> list[list[Any]]:
    """What of the events has to be equal: their frames, bounds and level."""
    return events[list(COMPARED)].values.tolist()


def excerpt(ranges: Sequence[QuietRange], clip_length: int, folder: Path) -> Reel:
    """Quiet frames that the net was not trained on, at most MOST_FRAMES of one reel, as a reel in `folder`.

    Frames of the training where there are no others.
    """
    chosen = [r for r in ranges if r.side == "val" and len(r) >= clip_length] or list(ranges)
    reel, left, parts = chosen[0].reel, MOST_FRAMES, []
    for r in (r for r in chosen if r.reel.path == reel.path):
        if (count := min(len(r), left)) >= clip_length or not parts:
            parts.append((r.begin, r.begin + count))
            left -= count
    write_excerpt(reel, parts, folder)
    return Reel(folder)


def planted(quiet: Reel, folder: Path) -> Reel:
    """The same frames with an anomaly of every strength in PLANTED, evenly over time: what comes, stays, and goes.

    A spot of light in pictures, at another place each; a rise of one variable in a series.
    """
    write_excerpt(quiet, [(0, len(quiet))], folder)
    reel = Reel(folder)
    frames = np.array(reel.frames)
    T, C, H, W = frames.shape
    length = max(2, T // (4 * len(PLANTED)))
    for k, strength in enumerate(PLANTED):
        first = (2 * k + 1) * T // (2 * len(PLANTED))
        course = np.hanning(length + 2)[1:-1, None, None]  # (length, 1, 1)
        channel = k % C
        part = frames[first : first + length, channel]
        spread = max(float(np.std(np.diff(frames[:, channel].astype(np.float64), axis=0))), 1e-3)
        spot = spot_of(H, W, (k + 1) / (len(PLANTED) + 1), min(H, W) / 16)
        part += (strength * spread * course[: len(part)] * spot).astype(frames.dtype)
    np.save(folder / "frames.npy", frames)
    write_meta(folder, {name: value for name, value in reel.meta.items() if name not in ("files", "sha256")})
    return Reel(folder)


def spot_of(height: int, width: int, at: float, sigma_px: float) -> np.ndarray:
    """A Gaussian spot (height, width) of height 1 on the diagonal, `at` (0 to 1) along it; 1 for a single pixel."""
    sigma_px = max(sigma_px, 1.0)
    y, x = np.arange(height) - at * (height - 1), np.arange(width) - at * (width - 1)
    return np.exp(-(y[:, None] ** 2 + x**2) / (2 * sigma_px**2))


def certificate(checkpoint: Scorer, bundle: Scorer, jobs: dict[str, Job]) -> dict[str, Any]:
    """Both scorers on all reels; `holds` where every score, box and event is the same within the bound."""
    found = {name: compared(checkpoint, bundle, job) for name, job in progress(jobs.items(), desc="certifying")}
    largest = max(facts["score_difference"] for facts in found.values())
    equal = all(facts["boxes_equal"] and facts["events_equal"] for facts in found.values())
    return {
        "score_difference": largest,
        "score_difference_allowed": LARGEST_SCORE,
        "holds": bool(largest <= LARGEST_SCORE and equal),
        "on": found,
    }


def check(found: dict[str, Any]) -> None:
    """Raise NoParity, with what differs, for a certificate that does not hold."""
    if found["holds"]:
        return
    worst = {
        name: f"scores differ by {facts['score_difference']:.3g} low thresholds, boxes {facts['boxes']} and events "
        f"{facts['events']} of checkpoint and bundle are {'' if facts['events_equal'] else 'not '}the same"
        for name, facts in found["on"].items()
    }
    raise NoParity(
        f"the bundle does not score as the checkpoint does, so none is written; {found['score_difference_allowed']:g} "
        f"is allowed: {'; '.join(f'{name}: {text}' for name, text in worst.items())}"
    )
