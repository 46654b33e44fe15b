"""From a run folder to the scorer that its model is judged by."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import config
from config import Config, EvalConfig
from data.disk.damage import read_json, told
from data.reel.stretch import Stretch
from inference.calibration.quiet.ranges import QuietRange, quiet_ranges
from inference.methods import METHODS, check_frames
from inference.scorers.base import Scorer
from inference.scorers.mix import MixScorer, load_or_fit
from inference.scorers.nets.latents import DISTANCES, LatentScorer, quiet_latents
from inference.scorers.nets.net import Detector
from inference.scorers.nets.residual import settings_for
from inference.scorers.nets.weak import FILE, Rule
from inference.scorers.nets.weak_net import WeakDetector
from inference.scorers.nets.whole_windows import WholeWindowScorer, usual_in
from inference.scorers.zero_shot.torch_net import ZeroShotDetector
from inference.tasks.classify import Classifier
from inference.tasks.forecast import Forecaster
from inference.tasks.impute import Imputer
from training import checkpoint as checkpoints
from training.checkpoint import model_of
from training.device import pick_device
from training.places import path_of
from training.shipped import levels_of, read_levels

# What a net is for, by model.task.
DETECTORS: dict[str, type[Detector]] = {
    "anomaly": Detector,
    "forecast": Forecaster,
    "impute": Imputer,
    "classify": Classifier,
}


class Opened(NamedTuple):
    """A run's best checkpoint, and where and how it is to be used."""

    run: Path
    trained: Config
    checkpoint: dict[str, Any]
    device: torch.device
    wanted: EvalConfig

    @property
    def scaling(self) -> dict[str, Stretch]:
        return {name: Stretch(**constants) for name, constants in self.checkpoint["data"]["scaling"].items()}

    @property
    def clip_length(self) -> int:
        return self.checkpoint["data"]["clip_length"]

    @property
    def judged_by(self) -> str:
        """By which errors a net for series is judged: of runs from before there was a choice, those of samples."""
        settings: Any = self.trained.model
        has_choice = settings.task == "anomaly" and "judged_by" in self.checkpoint["config"]["model"]
        return settings.judged_by if has_choice else "samples"


def load_scorer(
    run: Path, device: str, wanted: EvalConfig | None = None, checkpoint: dict[str, Any] | None = None
) -> tuple[Scorer, dict[str, Any]]:
    """The best model of a run, ready to read reels as `wanted.score` asks, and its checkpoint.

    checkpoint: that, if it was read already. Raises ValueError for a score that this model has not.
    """
    path = path_of(run, "best")
    checkpoint = checkpoint or checkpoints.load(path)
    trained = config.from_dict(checkpoint["config"], str(path))
    opened = Opened(Path(run), trained, checkpoint, pick_device(device), wanted or EvalConfig())
    name = trained.model.name
    make = of_method if name in METHODS else SCORED_BY.get(name, of_net)
    return make(opened), checkpoint


def of_method(opened: Opened) -> Scorer:
    """A method as it was fitted."""
    settings, score = opened.trained.model, opened.wanted.score
    wanted = opened.wanted.mix if score == "mix" else (score,)
    if unfit := [name for name in wanted if name in DISTANCES]:
        ways = "leave it out of eval.mix" if score == "mix" else "use standardised"
        raise ValueError(f"eval.score {unfit[0]} needs a net with latents; {settings.name} has none: {ways}")
    # As a bundle keeps them: products of matrices that lie in memory otherwise round otherwise.
    arrays = {name: tensor.contiguous().numpy() for name, tensor in opened.checkpoint["model"].items()}
    method = METHODS[settings.name](settings, arrays, opened.scaling, opened.clip_length)
    method.device = opened.device
    return mixed(opened, method) if score == "mix" else method


def detector_of(opened: Opened) -> Detector:
    """The run's net, in the precision that it was to be trained in."""
    model = model_of(opened.checkpoint, opened.device, path_of(opened.run, "best"))
    detector = DETECTORS[opened.trained.model.task](model, opened.scaling, opened.clip_length, opened.device)
    detector.amp = opened.trained.train.amp
    return detector


def of_net(opened: Opened) -> Scorer:
    """A net by what it reconstructs, sample by sample or in whole windows, by its latents, or as one part of a mix."""
    detector, score = detector_of(opened), opened.wanted.score
    if opened.trained.model.task == "classify":
        return detector  # whatever eval.score asks for: no frame gets one
    if score == "standardised" and opened.judged_by != "samples":
        return WholeWindowScorer(detector, opened.judged_by, lambda: usual_in(opened.run, detector))
    return mixed(opened, detector) if score == "mix" else scored_by(score, opened.run, detector)


def of_weak(opened: Opened) -> WeakDetector:
    """A net that learnt from window labels, with the threshold and level that its calibration chose."""
    check_own_score(opened)
    path = opened.run / FILE
    again = f"choose thresholds again with: train --resume --model-path {opened.run}"
    with told(path, again):
        chosen = read_json(path, again) if path.is_file() else {}
        threshold, frame_level = (float(chosen.get(name, math.nan)) for name in ("threshold", "frame_level"))
    weak = opened.trained.train.weak
    return WeakDetector(detector_of(opened), Rule(threshold, frame_level, weak.segments, weak.level))


def of_zero_shot(opened: Opened) -> ZeroShotDetector:
    """A net that learnt from synthetic series, with its scores on clean ones."""
    check_own_score(opened)
    path = levels_of(opened.run)
    quiet = read_levels(opened.run) if path.is_file() else np.empty(0)
    return ZeroShotDetector(detector_of(opened).model, opened.device, opened.clip_length, quiet)


def check_own_score(opened: Opened) -> None:
    """Raise ValueError for a score of quiet data, of a net that learns from something else."""
    score, name = opened.wanted.score, opened.trained.model.name
    if score in (*DISTANCES, "mix"):
        raise ValueError(
            f"eval.score {score} is for nets that learnt from quiet data; {name} has its own: standardised"
        )


# Nets, by model.name, that are scored in their own way.
SCORED_BY = {"wetas": of_weak, "vetime": of_zero_shot}


def scored_by(score: str, run: Path, detector: Detector) -> Scorer:
    """A net by one score: what it reconstructs, or its latents."""
    if score in DISTANCES:
        return LatentScorer(detector, DISTANCES[score](quiet_latents(run, detector)))
    return detector


def mixed(opened: Opened, host: Scorer) -> MixScorer:
    """The parts that eval.mix names, fitted on the run's quiet frames and kept in its calibration folder.

    host: the run's net or method, which is the part `standardised`, and the one of its own name.
    """
    quiet, parts = quiet_ranges(opened.run), []
    settings = replace(settings_for(opened.wanted, quiet[0].reel), score="standardised")
    levels = "-levels" if host.quantum else ""  # those of before had next to no unit in still places
    for name in opened.wanted.mix:
        scorer = part_of(name, opened, host, quiet)
        fold = f"{settings.stride}-{settings.overlap}-{settings.overlap_percentile}"
        cleaned = f"{settings.smooth_px}-{settings.common_mode}"
        path = opened.run / "calibration" / f"mix-{name}-{fold}-{cleaned}-rarest{levels}.npz"
        parts.append(load_or_fit(path, scorer, quiet, settings))
    return MixScorer(host, parts)


def part_of(name: str, opened: Opened, host: Scorer, quiet: list[QuietRange]) -> Scorer:
    """A part of a mix by its name."""
    if name in DISTANCES:
        return scored_by(name, opened.run, detector_of(opened))
    return host if name in ("standardised", opened.trained.model.name) else fitted(name, opened, host, quiet)


def fitted(name: str, opened: Opened, host: Scorer, quiet: list[QuietRange]) -> Scorer:
    """A method beside the host, with its default settings, fitted on its training frames."""
    check_frames(name, quiet[0].reel.shape[1:])
    method = METHODS[name](METHODS[name].Config(name), {}, host.scaling, host.clip_length)
    method.device = opened.device
    method.fit(quiet, seed=0)
    return method
