"""What gives every frame of a reel a residual: a trained net or a method, behind one interface.

A scorer is fitted on quiet reels only, but for one that learnt from window labels. Everything behind it (each pixel's
noise, thresholds, boxes, events, movie, report) is the same for all.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

import config
from config import EvalConfig, ModelConfig, WeakConfig
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from data.reel.windows import stretches
from inference.calibration.quiet import QuietRange, quiet_ranges
from inference.methods import METHODS, check_frames
from inference.scorers.latents import DISTANCES, LatentScorer, quiet_latents
from inference.scorers.mix import MixScorer, load_or_fit
from inference.scorers.net import Detector, ScoredFrame, settings_for
from inference.scorers.weak import FILE, WeakScorer
from inference.scorers.zero_shot import ZeroShotScorer
from models.vetime import VeTime
from models.wetas import Wetas, WetasEnsemble
from training import checkpoint as checkpoints
from training.checkpoint import load_model, path_of
from training.device import pick_device
from training.shipped import levels_of


class Scorer(Protocol):
    """A fitted method."""

    clip_length: int  # shorter stretches get no score
    scaling: dict[str, Stretch]  # of the frames it works on

    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """Every frame of the stretch [begin, end), in time order, as a stream."""


def load_scorer(run: Path, device: str, wanted: EvalConfig | None = None) -> tuple[Scorer, dict[str, Any]]:
    """The best model of a run, ready to read reels as `wanted.score` asks, and its checkpoint.

    Raises ValueError for a score of latents from a method that has none.
    """
    score = wanted.score if wanted else "standardised"
    chosen, path = pick_device(device), path_of(run, "best")
    checkpoint = checkpoints.load(path)
    facts = checkpoint["data"]
    scaling = {channel: Stretch(**constants) for channel, constants in facts["scaling"].items()}
    settings = config.from_dict(checkpoint["config"], str(path)).model
    if settings.name in METHODS:
        if score in (*DISTANCES, "mix"):
            raise ValueError(f"eval.score {score} needs a net with latents; {settings.name} has none: use standardised")
        arrays = {name: tensor.numpy() for name, tensor in checkpoint["model"].items()}
        method = METHODS[settings.name](settings, arrays, scaling, facts["clip_length"])
        method.device = chosen
        return method, checkpoint
    model, checkpoint = load_model(run, chosen)
    detector = Detector(model, scaling, facts["clip_length"], chosen)
    if settings.task == "classify":
        return detector, checkpoint  # which scores nothing, and was never calibrated
    if isinstance(model, VeTime):
        return zero_shot(run, model, chosen, facts["clip_length"], score), checkpoint
    if isinstance(model, Wetas | WetasEnsemble):
        return of_weak(run, detector, config.from_dict(checkpoint["config"], str(path)).train.weak, score), checkpoint
    if score == "mix":
        return mixed(run, detector, settings, wanted), checkpoint
    return of_net(run, detector, score), checkpoint


def of_weak(run: Path, detector: Detector, settings: WeakConfig, score: str) -> WeakScorer:
    """A net that learnt from window labels, with the threshold and level that its calibration chose."""
    if score in (*DISTANCES, "mix"):
        raise ValueError(f"eval.score {score} is for nets that learnt from quiet data; wetas has its own: standardised")
    path = run / FILE
    chosen = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    known = (chosen.get(name, math.nan) for name in ("threshold", "frame_level"))
    return WeakScorer(detector, settings, *known)


def zero_shot(run: Path, model: VeTime, device: torch.device, chunk: int, score: str) -> ZeroShotScorer:
    """A net that learnt from synthetic series, with its scores on clean ones."""
    if score in (*DISTANCES, "mix"):
        raise ValueError(f"eval.score {score} is for nets that learn from quiet data; vetime has its own: standardised")
    path = levels_of(run)
    return ZeroShotScorer(model, device, chunk, np.load(path, allow_pickle=False) if path.is_file() else np.empty(0))


def of_net(run: Path, detector: Detector, score: str) -> Scorer:
    """A net as a scorer: by what it reconstructs, or by its latents."""
    if score in DISTANCES:
        return LatentScorer(detector, DISTANCES[score](quiet_latents(run, detector)))
    return detector


def mixed(run: Path, detector: Detector, model: ModelConfig, wanted: EvalConfig) -> MixScorer:
    """The parts that eval.mix names, fitted on the run's quiet windows and kept in its calibration folder."""
    quiet, parts = quiet_ranges(run), []
    settings = replace(settings_for(wanted, quiet[0].reel), score="standardised")
    for name in wanted.mix:
        scorer = fitted(name, detector, model, quiet) if name in METHODS else of_net(run, detector, name)
        fold = f"{settings.stride}-{settings.overlap}-{settings.overlap_percentile}"
        path = run / "calibration" / f"mix-{name}-{fold}-{settings.smooth_px}-{settings.common_mode}.npz"
        parts.append(load_or_fit(path, scorer, quiet, settings))
    return MixScorer(detector, tuple(parts))


def fitted(name: str, detector: Detector, model: ModelConfig, quiet: list[QuietRange]) -> Scorer:
    """A method beside a net, fitted on its training windows."""
    check_frames(name, quiet[0].reel.shape[1:])
    method = METHODS[name](model, {}, detector.scaling, detector.clip_length)
    method.device = detector.device
    method.fit(quiet, seed=0)
    return method


def scored_stretches(reel: Reel, length: int) -> list[tuple[int, int]]:
    """The stretches of a reel without a gap that hold at least `length` frames."""
    ranges = stretches(reel.times_s, reel.cadence_s, reel.meta["gap_threshold"])
    return [(begin, end) for begin, end in ranges if end - begin >= length]


def score_reel(scorer: Scorer, reel: Reel, settings: EvalConfig) -> Iterator[ScoredFrame]:
    """Every frame of a reel that can be scored, in time order."""
    for begin, end in scored_stretches(reel, scorer.clip_length):
        yield from scorer.frames(reel, begin, end, settings)
