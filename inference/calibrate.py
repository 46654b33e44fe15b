"""Calibration on held-out quiet windows: what eval needs to turn residuals into scores and thresholds.

One calibration per set of channels, kept in the run: `calibration/<channels>.npz` with the noise model and the levels
that quiet frames reach, for the fold and the cleaning that eval uses. Other eval settings get their own on demand.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from tqdm import tqdm

from config import Config, EvalConfig, from_dict
from data.files import replacing, write_csv
from data.reel import Reel, find_reels
from data.stretch import Stretch
from data.windows import training_split, window_starts
from inference.noise import NoiseModel, detection_level, fit_noise, threshold_for
from inference.residuals import Detector, ScoredFrame, score_frames, settings_for
from training.checkpoint import load_model
from training.device import pick_device

# Settings that decide what a score is; a calibration holds for one choice of them.
_SCORE_SETTINGS = (
    *("stride", "overlap", "overlap_percentile", "score", "common_mode", "smooth_px", "min_area", "iou_thresh"),
)


@dataclass(frozen=True)
class Calibration:
    """Quiet noise, the levels that quiet frames reach `(N,)`, and the cadence they were seen at."""

    noise: NoiseModel
    levels: np.ndarray
    cadence_s: float

    def score(self, residual: np.ndarray, settings: EvalConfig) -> np.ndarray:
        """The score map (H, W) of a residual map, as settings.score asks."""
        return residual if settings.score == "residual" else self.noise.standardise(residual)

    def thresholds(self, settings: EvalConfig, cadence_s: float) -> tuple[float, float]:
        """(low, high): the fixed ones, or those with the allowed false alarms per day, and a tenth of them."""
        if settings.threshold_low != "auto":
            return settings.threshold_low, settings.threshold_high
        rate = settings.false_alarms_per_day
        low, high = (threshold_for(self.levels, cadence_s, r) for r in (rate, rate / 10))
        return low, max(high, low)


def load_detector(run: Path, device: str) -> tuple[Detector, dict]:
    """The best model of a run, ready to read reels, and its checkpoint."""
    chosen = pick_device(device)
    model, checkpoint = load_model(run, chosen)
    facts = checkpoint["data"]
    scaling = {channel: Stretch(**constants) for channel, constants in facts["scaling"].items()}
    return Detector(model, scaling, facts["clip_length"], chosen), checkpoint


def calibrate_run(run: Path, config: Config) -> None:
    """After training: note the run's quiet windows, and calibrate on them for the config's eval settings."""
    detector, checkpoint = load_detector(run, config.device)
    trained = from_dict(checkpoint["config"], str(run))
    reels = find_reels(config.data_clips)
    sides = training_split(reels, trained.train.val_fraction, trained.train.exclude_utc)
    tables = [
        pd.DataFrame({"reel": [str(reels[i].path.resolve()) for i in s.reel], "start": s.start, "side": name})
        for name, s in zip(("train", "val"), sides, strict=True)
    ]
    write_csv(run / "calibration" / "windows.csv", pd.concat(tables))
    for channels in sorted({tuple(reel.channels) for reel in reels}):
        calibration(run, detector, channels, config.eval)


def calibration(run: Path, detector: Detector, channels: tuple[str, ...], settings: EvalConfig) -> Calibration:
    """The run's calibration for these channels and settings; made now from its validation windows if it is missing.

    Channels that were never calibrated use the only calibration there is for one reel, else all reels together.
    """
    ranges = quiet_ranges(run, detector.clip_length)
    if any(tuple(r.reel.channels) == channels for r in ranges):
        ranges = [r for r in ranges if tuple(r.reel.channels) == channels]
    used = "_".join(sorted({"+".join(r.reel.channels) for r in ranges}))
    if not re.fullmatch(r"[\w.+-]{1,100}", used):  # names of variables may hold anything, and be many
        used = hashlib.sha256(used.encode()).hexdigest()[:16]
    settings = settings_for(settings, ranges[0].reel)
    path = run / "calibration" / f"{used}-{_key(settings)}.npz"
    if not path.is_file():
        made = measure(detector, ranges, settings)
        with replacing(path) as part:
            np.savez(part, mean=made.noise.mean, spread=made.noise.spread, levels=made.levels, cadence_s=made.cadence_s)
    with np.load(path, allow_pickle=False) as saved:
        noise = NoiseModel(saved["mean"], saved["spread"])
        return Calibration(noise, saved["levels"], float(saved["cadence_s"]))


@dataclass(frozen=True)
class QuietRange:
    """Consecutive quiet frames [begin, end) of a reel, on one side of the training split."""

    reel: Reel
    begin: int
    end: int
    side: str


def quiet_ranges(run: Path, length: int) -> list[QuietRange]:
    """The runs of frames that the training and the validation windows cover.

    Raises FileNotFoundError when the windows or their reels are gone.
    """
    path = run / "calibration" / "windows.csv"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: {run} was never calibrated; finish its training with --resume")
    ranges: list[QuietRange] = []
    for (reel_path, side), table in pd.read_csv(path).groupby(["reel", "side"]):
        reel, begin, end = Reel(reel_path), None, -1
        for start in sorted(table["start"].tolist()):
            if start > end:
                ranges += [QuietRange(reel, begin, end, side)] if begin is not None else []
                begin = start
            end = start + length
        ranges.append(QuietRange(reel, begin, end, side))
    return ranges


def measure(detector: Detector, ranges: list[QuietRange], settings: EvalConfig) -> Calibration:
    """Each pixel's noise from all quiet frames; then, how high the scores of validation frames reach.

    Pixels need many frames, and a model that hardly over-fits has much the same noise on both sides. The threshold is a
    promise about new data, so only frames that were never trained on decide it. Residual maps wait in a temporary file.
    """
    frame_shape = ranges[0].reel.shape[2:]
    ordered = sorted(ranges, key=lambda r: r.side)  # train before val
    trained_on = sum(r.end - r.begin for r in ordered if r.side == "train")
    with tempfile.TemporaryFile() as store:
        noise = fit_noise(_stored(_quiet_frames(detector, ordered, settings), store))
        store.seek(5 * trained_on * frame_shape[0] * frame_shape[1])
        made = Calibration(noise, np.empty(0), ranges[0].reel.cadence_s)
        levels = [
            detection_level(made.score(residual, settings), settings.min_area, settings.iou_thresh, ~valid)
            for residual, valid in _read_back(store, frame_shape)
        ]
    return replace(made, levels=np.array(levels))


def _quiet_frames(detector: Detector, ranges: list[QuietRange], settings: EvalConfig) -> Iterator[ScoredFrame]:
    total = sum(r.end - r.begin for r in ranges)
    with tqdm(total=total, desc="calibrating on quiet frames", unit="frame") as bar:
        for r in ranges:
            starts = window_starts(r.begin, r.end, detector.clip_length, settings.stride).tolist()
            for scored in score_frames(detector, r.reel, starts, settings):
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
