"""What gives every frame of a reel a residual: a trained net or a baseline, behind one interface.

A scorer is fitted on quiet reels only. Everything behind it (each pixel's noise, thresholds, boxes, events, movie,
report) is the same for all.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import config
from config import EvalConfig
from data.reel import Reel
from data.stretch import Stretch
from data.windows import stretches
from inference.baselines import BASELINES
from inference.latents import DISTANCES, LatentScorer, quiet_latents
from inference.residuals import Detector, ScoredFrame
from training import checkpoint as checkpoints
from training.checkpoint import load_model, path_of
from training.device import pick_device


class Scorer(Protocol):
    """A fitted method."""

    clip_length: int  # shorter stretches get no score
    scaling: dict[str, Stretch]  # of the frames it works on

    def frames(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """Every frame of the stretch [begin, end), in time order, as a stream."""


def load_scorer(run: Path, device: str, score: str = "standardised") -> tuple[Scorer, dict[str, Any]]:
    """The best model of a run, ready to read reels as `eval.score` asks, and its checkpoint.

    Raises ValueError for a score of latents from a method that has none.
    """
    chosen, path = pick_device(device), path_of(run, "best")
    checkpoint = checkpoints.load(path)
    facts = checkpoint["data"]
    scaling = {channel: Stretch(**constants) for channel, constants in facts["scaling"].items()}
    settings = config.from_dict(checkpoint["config"], str(path)).model
    if settings.name in BASELINES:
        if score in DISTANCES:
            raise ValueError(f"eval.score {score} needs a net with latents; {settings.name} has none: use standardised")
        arrays = {name: tensor.numpy() for name, tensor in checkpoint["model"].items()}
        return BASELINES[settings.name](settings, arrays, scaling, facts["clip_length"]), checkpoint
    model, checkpoint = load_model(run, chosen)
    detector = Detector(model, scaling, facts["clip_length"], chosen)
    if score in DISTANCES:
        return LatentScorer(detector, DISTANCES[score](quiet_latents(run, detector))), checkpoint
    return detector, checkpoint


def scored_stretches(reel: Reel, length: int) -> list[tuple[int, int]]:
    """The stretches of a reel without a gap that hold at least `length` frames."""
    ranges = stretches(reel.times_s, reel.cadence_s, reel.meta["gap_threshold"])
    return [(begin, end) for begin, end in ranges if end - begin >= length]


def score_reel(scorer: Scorer, reel: Reel, settings: EvalConfig) -> Iterator[ScoredFrame]:
    """Every frame of a reel that can be scored, in time order."""
    for begin, end in scored_stretches(reel, scorer.clip_length):
        yield from scorer.frames(reel, begin, end, settings)
