"""VETime run by PyTorch, as a scorer, and what of it is kept after training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.special import softplus

from config import Config, SyntheticConfig, load
from data.reel.reel import Reel, find_reels
from inference.scorers.base import Portable
from inference.scorers.zero_shot.levels import event_levels
from inference.scorers.zero_shot.scorer import LONGER, Judged, ZeroShotScorer
from models.parts.separate import separate
from models.vetime import VeTime
from training.shipped import write_levels
from training.synthetic_data import FIRST_VALIDATION, SyntheticData, SyntheticSeries, synthetic_data

MOST_CLEAN = 256  # clean series that say what thresholds promise
# Of three candidates a token takes two. With 1e-5 of their logits left open by single precision, which are about 1
# apart, as many tokens in 100,000 may take another one, for each of two tasks and of some ten views of a sample.
ROUTED = 5e-4


class TorchJudge:
    """What the net says of chunks (B, C, L), see `Judge`."""

    rows = 32

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

    bundled_as = "zero_shot"

    def portable(self, frame_shape: tuple[int, ...]) -> Portable:
        kept = {"clean": self.quiet, "context": np.array(self.model.context or 0), "chunk": np.array(self.chunk)}
        return Portable(
            None, (), slice(0), kept, is_promised=False, parts=separate(self.model), quiet=self.clean_reel, jumps=ROUTED
        )

    def clean_reel(self, folder: Path) -> Reel:
        """A clean synthetic series of LONGER chunks and two variables with gaps, as prep makes a reel of its table."""
        from data.prepare_data import (
            prep,  # late, as are synthetic series, which load scipy.signal: no evaluation needs them
        )
        from data.synthetic.series import make_series

        two = {"channels": (2, 2), "univariate_fraction": 0.0, "missing_fraction": 1.0}
        wanted = replace(SyntheticConfig(), clean_fraction=1.0, **two)
        made = make_series(0, FIRST_VALIDATION, LONGER * self.chunk, wanted)
        folder.mkdir(parents=True)
        pd.DataFrame(made.values).add_prefix("value_").to_csv(table := folder / "clean.csv", index=False)
        places = {"data_raw": str(table), "data_clips": str(folder / "reels"), "workers": 0}
        prep(load(None, places | {"prep.min_coverage": 0.0}))
        (reel,) = find_reels(folder / "reels")
        return reel

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
