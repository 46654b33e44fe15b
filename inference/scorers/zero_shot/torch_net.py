"""VETime run by PyTorch, as a scorer, and what of it is kept after training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.special import softplus

from config import Config
from data.reel.reel import Reel
from inference.calibration.zero_shot_levels import event_levels
from inference.scorers.base import Portable
from inference.scorers.zero_shot.scorer import LONGER, Judged, ZeroShotScorer
from models.vetime import VeTime
from training.shipped import write_levels
from training.synthetic_data import SyntheticData, SyntheticSeries, synthetic_data

MOST_CLEAN = 256  # clean series that say what thresholds promise


class TorchJudge:
    """What the net says of chunks (B, C, L), see `Judge`."""

    def __init__(self, model: VeTime, device: torch.device):
        self.model, self.device, self.context = model, device, model.context

    @torch.inference_mode()
    def __call__(self, values: np.ndarray) -> Judged:
        output = self.model(torch.from_numpy(values).to(self.device)[..., None, None])
        logits = torch.cat([output.logits[:, None], output.channel_logits], 1)
        return Judged(*(part.float().cpu().numpy() for part in (logits, output.center, output.spread)))


class ZeroShotDetector(ZeroShotScorer):
    """The model of a run as a scorer."""

    def __init__(self, model: VeTime, device: torch.device, chunk: int, quiet: np.ndarray):
        super().__init__(TorchJudge(model, device), chunk, quiet)
        self.model = model

    def portable(self, frame_shape: tuple[int, ...]) -> Portable:
        raise ValueError(
            "beside its net it finds periods, scales and the nearest stretches of a whole series by PyTorch, which a "
            "bundle has not; export a net of series (tvnet, timesnet, wetas) or a method, or score with eval"
        )

    def prepare(self, run: Path, trained: Config) -> list[Reel]:
        """Keep the events of clean synthetic series."""
        write_levels(run, clean_events(self, synthetic_data(trained)))
        return []


def clean_events(scorer: ZeroShotScorer, data: SyntheticData) -> np.ndarray:
    """The events (S, K) of clean synthetic series that nothing was trained or chosen on, see `CleanEvents`."""
    series = clean_series(data)
    return np.stack([event_levels(softplus(scorer.scores(series.made(i).values))) for i in range(len(series))])


def clean_series(data: SyntheticData) -> SyntheticSeries:
    """Series without an anomaly, LONGER chunks long, that nothing was trained or chosen on."""
    clean = replace(data.settings, clean_fraction=1.0, length=LONGER * data.clip_length)
    return SyntheticSeries(clean, data.val.seed, data.val.first, min(MOST_CLEAN, len(data.val)))
