"""The certificate of parity: what a bundle finds beside what the checkpoint finds, on quiet frames and planted ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from data.disk.files import write_meta
from data.messages import progress
from data.reel.reel import Reel
from data.reel.views.excerpt import write_excerpt
from inference.calibration.quiet.ranges import QuietRange
from inference.detection import detections, judge_series
from inference.events.boxes import Box
from inference.job import Job
from inference.metrics.frame import frame_auc, runs
from inference.results.results import Results

MOST_FRAMES = 600  # of quiet data that are compared
PLANTED = (4.0, 8.0, 16.0, 32.0)  # peaks of planted anomalies, in spreads of the frames
SHOWN = 0.5  # of its peak: where an anomaly counts as one
AUC_PIXELS = 2_000_000  # of planted frames that are ranked, at most about
JUST_ABOVE = 1 + 1e-4  # thresholds at which events are compared: one may be the very score of a quiet frame
COMPARED = ("frame_start", "frame_peak", "frame_end", "x0", "y0", "x1", "y1", "level", "instrument")


class Bound(NamedTuple):
    """How far a bundle may be from its checkpoint.

    score: difference of two scores, in low thresholds, of all pixels but a share `jumps`, and where a common mode is
    taken off, for which brightness is rounded to levels, a share `rounded` more. events_equal: whether each
    box and event has to be the same one. missed: planted anomalies that the checkpoint finds and the bundle does not.
    way_out: what to do where it is farther. auc_lost: of the pixels of planted anomalies.
    """

    score: float
    jumps: float
    events_equal: bool
    missed: int
    way_out: str
    auc_lost: float = 0.01
    rounded: float = 0.0

    def jumps_of(self, facts: dict[str, Any]) -> float:
        """The share of scores that may differ by more, in a comparison."""
        return self.jumps + (self.rounded if facts["common_mode"] else 0.0)


class NoParity(ArithmeticError):
    """A bundle that does not score as its checkpoint does."""


class Planted(NamedTuple):
    """A reel, and where anomalies were planted in it, (T, H, W) bool."""

    reel: Reel
    shown: np.ndarray


class Pair(NamedTuple):
    """Jobs of checkpoint and bundle on one reel, and where anomalies were planted in it."""

    checkpoint: Job
    bundle: Job
    shown: np.ndarray


class Found(NamedTuple):
    """What is found in a reel: score maps by frame, boxes (frame, box), and the table of events.

    common: the largest common mode that was taken off a frame.
    """

    scores: dict[int, np.ndarray]
    boxes: list[tuple[int, Box]]
    events: pd.DataFrame
    common: float


def found_by(job: Job) -> Found:
    """What a job's scorer finds in its reel, with the thresholds of the job."""
    results, scores, common = Results(job.reel, job.settings), {}, 0.0
    if job.reel.is_series:
        judge_series(job, results, lambda first, maps: scores.update(enumerate(maps, first)))
    else:
        for found in detections(job):
            scores[found.scored.index], common = found.score, max(common, found.scored.common)
            results.add(found.scored.index, found.score, found.boxes, found.scored.common, found.scored.camera)
    events = results.event_table(job.high, job.identity)
    return Found(scores, results.boxes, events, common)


def compared(pair: Pair, bound: Bound) -> dict[str, Any]:
    """How far apart two scorers are on a reel, each with its own thresholds, or just above them: see JUST_ABOVE.

    score_difference: the largest, in low thresholds of the checkpoint (see `score_unit`). score_jumps: the share of
    scores that differ by more than is allowed. score_difference_noise, score_rms_noise: the largest and the root mean
    square, in units of the noise.
    """
    *jobs, shown = pair
    checkpoint, bundle = (job.at(JUST_ABOVE * job.low, JUST_ABOVE * job.high) for job in jobs)
    theirs, ours = found_by(checkpoint), found_by(bundle)
    apart = [np.nan_to_num(np.abs(ours.scores[i] - score)) for i, score in theirs.scores.items()]
    count, allowed = max(1, sum(d.size for d in apart)), bound.score * score_unit(checkpoint)
    largest = float(max((d.max() for d in apart), default=0.0))
    rms = np.sqrt(sum(np.square(d, dtype=np.float64).sum() for d in apart) / count)
    facts = {
        "frames": len(theirs.scores),
        "common_mode": theirs.common > 0,
        "known_alike": all(np.array_equal(np.isnan(ours.scores[i]), np.isnan(s)) for i, s in theirs.scores.items()),
        "score_difference": largest / score_unit(checkpoint),
        "score_difference_noise": largest / noise_unit(checkpoint),
        "score_jumps": sum(int(np.count_nonzero(d > allowed)) for d in apart) / count,
        "score_rms_noise": float(rms) / noise_unit(checkpoint),
        "boxes": [len(theirs.boxes), len(ours.boxes)],
        "boxes_equal": [(i, place_of(b)) for i, b in theirs.boxes] == [(i, place_of(b)) for i, b in ours.boxes],
        "events": [len(theirs.events), len(ours.events)],
        "events_equal": rows_of(theirs.events) == rows_of(ours.events),
    }
    return facts | of_planted(theirs, ours, shown) if shown.any() else facts


def score_unit(job: Job) -> float:
    """What differences of scores are told in: the low threshold, or the noise where quiet data never scored above 0."""
    return job.low if job.low > 0 else noise_unit(job)


def noise_unit(job: Job) -> float:
    """What a score is in units of, where it is not in those of the noise: the noise of the usual pixel."""
    return float(np.median(job.calibration.noise.spread)) if job.settings.score == "residual" else 1.0


def of_planted(theirs: Found, ours: Found, shown: np.ndarray) -> dict[str, Any]:
    """How well both tell planted anomalies: by the AUC of their pixels, and by those that an event overlaps."""
    return {
        "auc": [pixel_auc(found.scores, shown) for found in (theirs, ours)],
        "planted_found": [int(planted_found(found.events, shown).sum()) for found in (theirs, ours)],
        "planted_missed": int((planted_found(theirs.events, shown) & ~planted_found(ours.events, shown)).sum()),
    }


def pixel_auc(scores: dict[int, np.ndarray], shown: np.ndarray) -> float:
    """Area under the ROC curve of planted pixels against all others, of at most about AUC_PIXELS; 0.5 without any."""
    maps, truth = np.stack(list(scores.values())), shown[list(scores)]
    step = max(1, maps.size // AUC_PIXELS)
    found = frame_auc(maps.ravel()[::step], truth.ravel()[::step])
    return 0.5 if found is None else found


def planted_found(events: pd.DataFrame, shown: np.ndarray) -> np.ndarray:
    """Which planted anomalies (N,) bool an event overlaps in time."""
    spans = runs(np.asarray(shown.any(axis=(1, 2))))
    first, last = (events[name].to_numpy()[:, None] for name in ("frame_start", "frame_end"))
    return ((first < spans[:, 1]) & (last >= spans[:, 0])).any(axis=0)


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


def planted(quiet: Reel, folder: Path) -> Planted:
    """The same frames with an anomaly of every strength in PLANTED, evenly over time: what comes, stays, and goes.

    A spot of light in pictures, at another place each; a rise of one variable in a series.
    """
    write_excerpt(quiet, [(0, len(quiet))], folder)
    reel = Reel(folder)
    frames = np.array(reel.frames)
    T, C, H, W = frames.shape
    shown, length = np.zeros((T, H, W), bool), max(2, min(T, MOST_FRAMES) // (4 * len(PLANTED)))
    for k, strength in enumerate(PLANTED):
        first = (2 * k + 1) * T // (2 * len(PLANTED))
        part, channel = slice(first, min(first + length, T)), k % C
        course = np.hanning(length + 2)[1:-1, None, None][: part.stop - first]  # (length, 1, 1)
        spread = max(float(np.std(np.diff(frames[:, channel].astype(np.float64), axis=0))), 1e-3)
        share = course * spot_of(H, W, (k + 1) / (len(PLANTED) + 1), min(H, W) / 16)
        frames[part, channel] += (strength * spread * share).astype(frames.dtype)
        shown[part] |= share > SHOWN
    np.save(folder / "frames.npy", frames)
    write_meta(folder, {name: value for name, value in reel.meta.items() if name not in ("files", "sha256")})
    return Planted(Reel(folder), shown)


def spot_of(height: int, width: int, at: float, sigma_px: float) -> np.ndarray:
    """A Gaussian spot (height, width) of height 1 on the diagonal, `at` (0 to 1) along it; 1 for a single pixel."""
    sigma_px = max(sigma_px, 1.0)
    y, x = np.arange(height) - at * (height - 1), np.arange(width) - at * (width - 1)
    return np.exp(-(y[:, None] ** 2 + x**2) / (2 * sigma_px**2))


def certificate(pairs: dict[str, Pair], bound: Bound) -> dict[str, Any]:
    """Checkpoint and bundle on all reels; `holds` within the bound."""
    found = {name: compared(pair, bound) for name, pair in progress(pairs.items(), desc="certifying")}
    broken = [f"{name}: {text}" for name, facts in found.items() for text in beyond(facts, bound)]
    return {
        "score_difference": max(facts["score_difference"] for facts in found.values()),
        "allowed": bound._asdict(),
        "holds": not broken,
        "broken": broken,
        "on": found,
    }


def beyond(facts: dict[str, Any], bound: Bound) -> list[str]:
    """What of a comparison is not within the bound, in words."""
    texts = []
    if not facts["known_alike"]:
        texts.append("there are places where only one of both has a score")
    if facts["score_jumps"] > bound.jumps_of(facts):
        texts.append(
            f"{facts['score_jumps']:.2%} of the scores differ by more than {bound.score:g} low thresholds, by up to "
            f"{facts['score_difference']:.3g}"
        )
    if bound.events_equal and not (facts["boxes_equal"] and facts["events_equal"]):
        texts.append(f"boxes {facts['boxes']} and events {facts['events']} of checkpoint and bundle are not the same")
    if facts.get("planted_missed", 0) > bound.missed:
        texts.append(f"{facts['planted_missed']} planted anomalies that the checkpoint finds are missed")
    if "auc" in facts and (lost := facts["auc"][0] - facts["auc"][1]) > bound.auc_lost:
        texts.append(f"{lost:.3f} of the AUC of planted anomalies are lost, and {bound.auc_lost:g} are allowed")
    return texts


def check(found: dict[str, Any]) -> None:
    """Raise NoParity, with what differs and the way out, for a certificate that does not hold."""
    if not found["holds"]:
        raise NoParity(
            f"the bundle does not score as the checkpoint does, so none is written: {'; '.join(found['broken'])}; "
            f"{found['allowed']['way_out']}"
        )
