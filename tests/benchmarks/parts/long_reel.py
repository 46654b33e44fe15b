"""Synthetic reels of any length and a training on one: what train_eval.py and report_page.py measure on.

No entry point. Drifting blobs and noise: only their size matters.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from parts.common import ROOT, quiet

from config import Config, load
from inference.fit import fit
from tests.support.reels import drifting_blobs, make_reel

DISTINCT = 256  # frames; a longer reel repeats them
QUICK_MODEL = {"model.stages": [{"width": 8}, {"width": 8, "stride": [2, 2, 2]}, {"width": 8, "stride": [4, 1, 1]}]}


def reel_of(folder: Path, frames: int, side: int) -> Path:
    """A reel of `frames` float16 frames of side x side pixels."""
    base = drifting_blobs(min(DISTINCT, frames), side, side).astype(np.float16)
    make_reel(folder, np.resize(base, (frames, 1, side, side)), cadence_s=60.0, clip_length=32, stride=4)
    return folder


def settings(work: Path, reel: Path, epochs: int, is_quick: bool, quick_model: dict[str, Any] = QUICK_MODEL) -> Config:
    """The shipped settings, on this reel; with --quick a narrow model."""
    keys = {"data_clips": str(reel), "model_path": str(work / "run"), "workers": 0, "train.epochs": epochs}
    return load(ROOT / "config.yaml", keys | {"train.warmup_epochs": 1.0} | (quick_model if is_quick else {}))


def trained(config: Config) -> float:
    """Train and calibrate; returns the frames/s of the fastest epoch of the program's own training."""
    with quiet():
        run = fit(config)
    return float(pd.read_csv(run / "metrics.csv")["frames_per_s"].max())
