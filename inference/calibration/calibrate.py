"""Calibration on held-out quiet windows: what eval needs to turn residuals into scores and thresholds.

One calibration per set of channels, kept in the run: `calibration/<channels>.npz` with the noise model and the levels
that quiet frames reach, for the fold and the cleaning that eval uses. Other eval settings get their own on demand.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from config import EvalConfig
from data.messages import progress
from data.reel.files import replacing
from inference.calibration.noise import NoiseModel, detection_level, fit_noise, fit_series_noise
from inference.calibration.quiet import QuietRange, quiet_ranges
from inference.calibration.thresholds import Calibration
from inference.scorers.base import Scorer
from inference.scorers.residual import ScoredFrame, settings_for

# Settings that decide what a score is; a calibration holds for one choice of them.
_SCORE_SETTINGS = (
    *("stride", "overlap", "overlap_percentile", "score", "mix", "common_mode", "smooth_px", "min_area", "iou_thresh"),
    *("combine", "smooth_samples"),
)


def kept_calibration(run: Path, scorer: Scorer, channels: Sequence[str], settings: EvalConfig) -> Calibration:
    """The run's calibration for these channels and settings; made now from its validation windows if it is missing.

    Channels that were never calibrated use the only calibration there is for one reel, else all reels together.
    """
    ranges = quiet_ranges(run)
    ranges = [r for r in ranges if list(r.reel.channels) == list(channels)] or ranges
    used = "_".join(sorted({"+".join(r.reel.channels) for r in ranges}))
    if not re.fullmatch(r"[\w.+-]{1,100}", used):  # names of variables may hold anything, and be many
        used = hashlib.sha256(used.encode()).hexdigest()[:16]
    settings = settings_for(settings, ranges[0].reel)
    path = run / "calibration" / f"{used}-{_key(settings)}.npz"
    if not path.is_file():
        made = measure(scorer, ranges, settings)
        with replacing(path) as part:
            np.savez(part, mean=made.noise.mean, spread=made.noise.spread, levels=made.levels, cadence_s=made.cadence_s)
    with np.load(path, allow_pickle=False) as saved:
        noise = NoiseModel(saved["mean"], saved["spread"])
        return Calibration(noise, saved["levels"], float(saved["cadence_s"]))


def measure(scorer: Scorer, ranges: list[QuietRange], settings: EvalConfig) -> Calibration:
    """Each pixel's noise from all quiet frames; then, how high the scores of validation frames reach.

    Pixels need many frames, and a model that hardly over-fits has much the same noise on both sides. The threshold is a
    promise about new data, so only frames that were never trained on decide it. Their maps wait in a temporary file.
    """
    if ranges[0].reel.is_series:
        return measure_series(scorer, ranges, settings)
    frame_shape = ranges[0].reel.shape[2:]
    train, val = ([r for r in ranges if r.side == side] for side in ("train", "val"))
    with tempfile.TemporaryFile() as store:
        residuals = (f.residual for f in _quiet_frames(scorer, train, settings))
        noise = fit_noise(chain(residuals, _stored(_quiet_frames(scorer, val, settings), store)))
        store.seek(0)
        made = Calibration(noise, np.empty(0), ranges[0].reel.cadence_s)
        levels = [
            detection_level(made.score(residual, settings), settings.min_area, settings.iou_thresh, ~valid)
            for residual, valid in _read_back(store, frame_shape)
        ]
    return replace(made, levels=np.array(levels))


def measure_series(scorer: Scorer, ranges: list[QuietRange], settings: EvalConfig) -> Calibration:
    """The same for a series, all samples at once; a sample's level is its score."""
    found = [
        (r.side, scorer.samples(r.reel, r.begin, r.end, settings))
        for r in progress(ranges, desc="calibrating on quiet samples", unit="stretch")
    ]
    noise = fit_series_noise(np.concatenate([samples.quiet for _, samples in found]))
    made = Calibration(noise, np.empty(0), ranges[0].reel.cadence_s)
    levels = np.concatenate([made.sample_scores(s, settings)[0][s.valid] for side, s in found if side == "val"])
    return replace(made, levels=levels[np.isfinite(levels)].astype(np.float64))


def _quiet_frames(scorer: Scorer, ranges: list[QuietRange], settings: EvalConfig) -> Iterator[ScoredFrame]:
    total = sum(r.end - r.begin for r in ranges)
    with progress(total=total, desc="calibrating on quiet frames", unit="frame") as bar:
        for r in ranges:
            for scored in scorer.frames(r.reel, r.begin, r.end, settings):
                bar.update()
                yield scored


def _stored(frames: Iterator[ScoredFrame], store: BinaryIO) -> Iterator[np.ndarray]:
    """The residuals of `frames`, each also written to `store` with its valid mask."""
    for scored in frames:
        store.write(scored.residual.astype(np.float32).tobytes() + scored.valid.tobytes())
        yield scored.residual


def _read_back(store: BinaryIO, shape: tuple[int, int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    pixels = shape[0] * shape[1]
    while payload := store.read(5 * pixels):
        residual = np.frombuffer(payload, np.float32, pixels).reshape(shape)
        yield residual, np.frombuffer(payload, bool, pixels, offset=4 * pixels).reshape(shape)


def _key(settings: EvalConfig) -> str:
    chosen = {name: value for name, value in asdict(settings).items() if name in _SCORE_SETTINGS}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:8]
