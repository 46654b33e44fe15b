"""Calibration on held-out quiet windows: what eval needs to turn residuals into scores and thresholds.

One calibration per set of channels, kept in the run: `calibration/<channels>.npz` with the noise model and the levels
that quiet frames reach, for the fold and the cleaning that eval uses. Other eval settings get their own on demand.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from config import Config, EvalConfig, from_dict
from data.messages import progress
from data.reel.files import replacing
from data.reel.reel import find_reels
from inference.calibration.noise import NoiseModel, detection_level, fit_noise, fit_series_noise, threshold_for
from inference.calibration.quiet import QuietRange, note_windows, quiet_ranges
from inference.scorers.load import Scorer, load_scorer
from inference.scorers.net import ScoredFrame, settings_for
from inference.scorers.samples import Samples, samples_of, smoothed
from inference.scorers.weak import WeakScorer, calibrate_weak
from inference.scorers.zero_shot import ZeroShotScorer, clean_levels
from training.shipped import write_levels
from training.synthetic_data import synthetic_data

# How the scores (n, K) of a series' variables become one.
COMBINE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda parts: parts.mean(axis=1),
    "max": lambda parts: parts.max(axis=1),
    "rms": lambda parts: np.sqrt(np.square(parts).mean(axis=1)),
}
# Settings that decide what a score is; a calibration holds for one choice of them.
_SCORE_SETTINGS = (
    *("stride", "overlap", "overlap_percentile", "score", "mix", "common_mode", "smooth_px", "min_area", "iou_thresh"),
    *("combine", "smooth_samples"),
)


@dataclass(frozen=True)
class Calibration:
    """Quiet noise, the levels that quiet frames reach `(N,)`, and the cadence they were seen at."""

    noise: NoiseModel
    levels: np.ndarray
    cadence_s: float

    def score(self, residual: np.ndarray, settings: EvalConfig) -> np.ndarray:
        """The score map (H, W) of a residual map, or of every variable of a series, as settings.score asks."""
        return residual if settings.score in ("residual", "mix") else self.noise.standardise(residual)

    def sample_scores(self, samples: Samples, settings: EvalConfig) -> tuple[np.ndarray, np.ndarray]:
        """The scores (n,) of a stretch of a series, NaN unknown, and those of its variables (n, K).

        Smoothed are the scores, or where each variable has its own events, theirs.
        """
        parts = self.score(samples.residual, settings)[:, :, 0]
        if settings.combine == "each":
            parts = np.stack([smoothed(part, settings.smooth_samples) for part in parts.T], axis=1)
            return parts.max(axis=1), parts
        return smoothed(COMBINE[settings.combine](parts), settings.smooth_samples), parts

    def thresholds(self, settings: EvalConfig, cadence_s: float) -> tuple[float, float]:
        """(low, high): the fixed ones, or those with the allowed false alarms per day, and a tenth of them."""
        if settings.threshold_low != "auto":
            return settings.threshold_low, settings.threshold_high
        rate = settings.allowed_per_day
        low, high = (threshold_for(self.levels, cadence_s, r) for r in (rate, rate / 10))
        return low, max(high, low)


@dataclass(frozen=True)
class WeakCalibration(Calibration):
    """Of a model with a segmentation of its own, whose scores say by themselves what is in a segment."""

    def thresholds(self, settings: EvalConfig, cadence_s: float) -> tuple[float, float]:
        """(low, high): the fixed ones, or 0.5, which parts what is in a segment from what is not."""
        return (0.5, 0.5) if settings.threshold_low == "auto" else (settings.threshold_low, settings.threshold_high)


def calibrate_run(run: Path, config: Config) -> None:
    """After training: note the run's quiet windows, and calibrate on them for the config's eval settings.

    A model that learnt from window labels has no quiet windows, but a threshold to choose; one that learnt from
    synthetic series is calibrated on clean ones of these.
    """
    scorer, checkpoint = load_scorer(run, config.device)
    trained = from_dict(checkpoint["config"], str(run))
    if isinstance(scorer, WeakScorer):
        return calibrate_weak(run, replace(trained, data_clips=config.data_clips), scorer.detector)
    if isinstance(scorer, ZeroShotScorer):
        return write_levels(run, clean_levels(scorer, synthetic_data(trained)))
    reels = find_reels(config.data_clips)
    for stale in (run / "calibration").glob("*.npz"):
        stale.unlink()  # of weights before a resumed training
    note_windows(run, reels, trained.train)
    scorer, _ = load_scorer(run, config.device, config.eval)
    for channels in sorted({tuple(reel.channels) for reel in reels}):
        calibration(run, scorer, channels, config.eval)


def calibration(run: Path, scorer: Scorer, channels: tuple[str, ...], settings: EvalConfig) -> Calibration:
    """The run's calibration for these channels and settings; made now from its validation windows if it is missing.

    Channels that were never calibrated use the only calibration there is for one reel, else all reels together.
    """
    if isinstance(scorer, WeakScorer):
        return WeakCalibration(NoiseModel(np.zeros((1, 1)), np.ones((1, 1))), np.empty(0), 1.0)
    ranges = quiet_ranges(run, scorer.clip_length)
    if any(tuple(r.reel.channels) == channels for r in ranges):
        ranges = [r for r in ranges if tuple(r.reel.channels) == channels]
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
        (r.side, samples_of(scorer, r.reel, r.begin, r.end, settings))
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
