"""How far beyond what seconds show does quiet motion get in minutes, in made scenes of many kinds, by `flow`?

    python tests/benchmarks/video_tails.py [--kinds NAME ...] [--spans S ...] [--draws N] [--minutes M] [--seed N]
        [--quick] [--json FILE]

Small quiet pictures of a kind (parts/video_kinds.py) go on for some minutes: spans of the first ones are quiet data,
levels and thresholds (one false alarm an hour asked for) are made of each as calibration makes them, from copies that
judge parts of the span, and the same level judges the last --minutes, all quiet, and a minute in which something of the
kind is planted every 15 s that is 1.8 to 3 times as fast as the quicker ones. Motion is measured once a kind. Printed
for each kind and span, over its draws: the threshold, the highest level of the quiet minutes, events promised (the rate
that thresholds are for, times the minutes) and seen there, and the share of the frames with something planted that lie
in an event. No label and no picture of a real scene has a say.

--json keys: <kind>_<span>_threshold, <kind>_<span>_highest, <kind>_<span>_promised, <kind>_<span>_seen,
<kind>_<span>_recall.
"""

import argparse
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import cv2
import numpy as np
import pandas as pd
from parts.common import parsed, parser, write
from parts.video_kinds import FPS, FRESH, TUNED, Made

from inference.calibration.promise import extension_level, promised
from inference.calibration.quiet.events import QuietEvents, count_events, not_so_quiet
from inference.calibration.quiet.ranges import QuietRange
from inference.calibration.tail import TailPrior
from inference.methods.base import FOLDS, LEAST_FOLD, all_but, cut, kept_apart
from inference.methods.motion.along import pooled_by_way
from inference.methods.motion.flow import CELL, LEAST_OF_WAY, LEAST_PX, velocity_between
from inference.methods.motion.timing import Timing
from inference.methods.motion.usual_pace import GROWTH, PRIOR_CHUNKS, highest_of_parts, sizes_of, usual_levels
from inference.units import DAY_S, HOUR_S

KINDS = TUNED | FRESH
TIMING, CLIP_LENGTH, GAP = Timing.at(1 / FPS), 16, 8  # frames of a clip, and between events
SPANS_S, BEFORE, PLANTED_S, PIECE_S = (10.0, 30.0, 120.0), 200, 60.0, 100.0
PER_DAY, EXTEND_SHARE = DAY_S / HOUR_S, 0.02
SIZE_FRAMES = 150
ANY_REEL: Any = SimpleNamespace(path="made")


class Filmed(NamedTuple):
    """Pooled motion and its ways by cells (K, T, h, w) of the minutes that spans are drawn from, of those to be judged,
    and of those with something planted; which frames of these show it; and the sizes (h,) of things by row."""

    quiet: np.ndarray
    later: np.ndarray
    planted: np.ndarray
    shown: np.ndarray
    size: np.ndarray


def filmed(name: str, seed: int, spans_s: tuple[float, ...], minutes: float) -> Filmed:
    made = Made(KINDS[name], seed)
    for _ in made.frames(BEFORE):  # until as many are there as usually are
        pass
    quiet = _frames(made, max(spans_s) + (TIMING.pair + TIMING.pool - 1) / FPS)  # motion has fewer frames
    pieces = max(1, round(60 * minutes / PIECE_S))  # motion of longer ones would need much memory
    later = np.concatenate([motion(_frames(made, 60 * minutes / pieces)) for _ in range(pieces)], axis=1)
    planted, shown = zip(*made.frames(round(PLANTED_S * FPS), has_planted=True), strict=True)
    found, some = motion(np.stack(planted)), quiet[:: max(1, len(quiet) // SIZE_FRAMES)]
    size = sizes_of(some, some).reshape(-1, CELL).mean(axis=1)
    first = TIMING.pool // 2 + TIMING.pair
    return Filmed(motion(quiet), later, found, np.array(shown)[first : first + found.shape[1]], size)


def _frames(made: Made, span_s: float) -> np.ndarray:
    return np.stack([frame for frame, _ in made.frames(round(span_s * FPS))])


def motion(frames: np.ndarray) -> np.ndarray:
    return pooled_by_way(velocity_between(frames, TIMING.pair), TIMING, CELL)


def level_of(motion: np.ndarray, ranges: list[QuietRange], size: np.ndarray) -> np.ndarray:
    chunks = [motion[:, c.begin : c.end] for r in ranges for c in r.pieces(TIMING.chunk)]
    highest = [np.stack([highest_of_parts(maps, TIMING.part) for maps in chunk]) for chunk in chunks]
    return usual_levels(highest, size, LEAST_PX, LEAST_OF_WAY)


def highest(motion: np.ndarray, level: np.ndarray) -> np.ndarray:
    return (motion / level[:, None]).max(axis=(0, 2, 3)).astype(np.float32)


def calibrated(film: Filmed, begin: int, end: int) -> tuple[np.ndarray, np.ndarray, QuietEvents]:
    """The level of a span, what its quiet frames reach by copies that were fitted beside them, and their events."""
    whole = QuietRange(ANY_REEL, begin, end, "train")
    parts = cut([whole], min(FOLDS, len(whole) // (LEAST_FOLD * CLIP_LENGTH)), CLIP_LENGTH)
    levels = np.zeros(len(whole), np.float32)
    for k, part in enumerate(parts):
        beside = level_of(film.quiet, kept_apart(all_but(k, parts), part, TIMING.guard), film.size)
        for p in part:
            levels[p.begin - begin : p.end - begin] = highest(film.quiet[:, p.begin : p.end], beside)
    left = np.where(not_so_quiet(levels, 1 / FPS, CLIP_LENGTH), np.float32(0), levels)
    chunk_s = TIMING.chunk / FPS
    prior = TailPrior(chunk_s, GROWTH, PRIOR_CHUNKS * chunk_s)
    events = replace(count_events(left, starts_at, 1 / FPS), prior=prior)
    return level_of(film.quiet, [whole], film.size), levels, events


def starts_at(threshold: float, levels: np.ndarray) -> np.ndarray:
    above = np.flatnonzero(levels > threshold)
    return above[np.diff(above, prepend=-GAP - 1) > GAP]


def in_events(levels: np.ndarray, threshold: float, lower: float) -> np.ndarray:
    """Which frames (T,) lie in an event that passes a threshold and goes on down to a lower level."""
    at = np.flatnonzero(levels > lower)
    found = np.zeros(len(levels), bool)
    for run in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1):
        found[run] = len(run) > 0 and levels[run].max() > threshold
    return found


def one(film: Filmed, begin: int, end: int) -> dict[str, float]:
    level, levels, events = calibrated(film, begin, end)
    promise, later = promised(events, PER_DAY), highest(film.later, level)
    lower = extension_level(promise.threshold, levels, EXTEND_SHARE, events)
    told = in_events(highest(film.planted, level), promise.threshold, lower)
    return {
        "threshold": promise.threshold,
        "highest": float(later.max()),
        "promised": promise.used * len(later) / FPS / DAY_S,
        "seen": len(starts_at(promise.threshold, later)),
        "recall": float(told[film.shown].mean()),
    }


def measure(options: argparse.Namespace) -> dict[str, float]:
    """The figures of all kinds and spans, printed as they come."""
    spans_s = tuple(options.spans or ((10.0,) if options.quick else SPANS_S))
    kinds, minutes = (options.kinds or list(KINDS)), options.minutes
    if options.quick:
        kinds, minutes = kinds[:1], 0.2
    figures = {}
    for name in kinds:
        film = filmed(name, options.seed, spans_s, minutes)
        for span_s in spans_s:
            frames = min(round(span_s * FPS), film.quiet.shape[1])
            begins = np.unique(np.linspace(0, film.quiet.shape[1] - frames, options.draws).astype(int)).tolist()
            rows = pd.DataFrame([one(film, begin, begin + frames) for begin in begins])
            print(f"{name} {span_s:g} s\n{rows.to_string(float_format='%.2f')}", flush=True)
            figures |= {f"{name}_{span_s:g}_{key}": float(value) for key, value in rows.mean().items()}
    return figures


def main() -> None:
    asked = parser(__doc__, "one kind, 10 s, twelve judged")
    asked.add_argument("--kinds", nargs="+", choices=list(KINDS), metavar="NAME", help=f"of {', '.join(KINDS)}")
    asked.add_argument("--spans", nargs="+", type=float, metavar="S", help="seconds; default: 10 30 120")
    asked.add_argument("--draws", type=int, default=3, metavar="N", help="of a span; default: 3")
    asked.add_argument("--minutes", type=float, default=5.0, metavar="M", help="to be judged; default: 5")
    asked.add_argument("--seed", type=int, default=0)
    options = parsed(asked)
    cv2.setNumThreads(1)
    write(measure(options), options.json)


if __name__ == "__main__":
    main()
