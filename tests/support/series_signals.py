"""Waves as a reel, a method for series fitted on them, and its scores."""

from dataclasses import replace

import numpy as np

from config import EvalConfig
from data.reel.reel import Reel
from inference.calibration.quiet.ranges import QuietRange
from inference.methods import METHODS
from tests.support.reels import make_reel
from tests.support.trainings import small_config

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
LENGTH, QUIET, AT = 16, 1500, slice(300, 380)


def signals(n: int, C: int, seed: int = 0) -> np.ndarray:
    """Samples (n, C) about 0..1: waves of two periods in turn, those of one period in phase; and noise."""
    t = np.arange(n)[:, None] + 1000 * seed
    periods = np.where(np.arange(C) % 2, 23.0, 14.0)
    waves = 0.5 + 0.35 * np.sin(2 * np.pi * t / periods)
    return (waves + 0.02 * np.random.default_rng(seed).standard_normal((n, C))).astype(np.float32)


def reel_of(path, samples: np.ndarray, **facts) -> Reel:
    return make_reel(path, samples[:, :, None, None], clip_length=LENGTH, **facts)


def fitted(name: str, reel: Reel, length: int = LENGTH, end: int | None = None):
    """A method fitted on all of a reel, with 100 samples held out."""
    n = end or len(reel)
    settings = small_config(reel.path, None, model__name=name).model
    method = METHODS[name](settings, {}, dict(zip(reel.channels, reel.stretches, strict=True)), length)
    method.fit([QuietRange(reel, 0, n - 100, "train"), QuietRange(reel, n - 100, n, "val")], seed=0)
    return method


def scores(method, reel: Reel, begin: int = 0, end: int | None = None) -> np.ndarray:
    """The largest residual of every sample (n,)."""
    end = len(reel) if end is None else end
    found = list(method.frames(reel, begin, end, RAW))
    assert [f.index for f in found] == list(range(begin, end))
    return np.array([f.residual.max() for f in found])
