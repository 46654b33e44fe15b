"""Synthetic labelled series as the data of a training: endless, new ones in every epoch (data/synthetic/series.py)."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Dataset

from config import Config, SyntheticConfig
from data.messages import logger

if TYPE_CHECKING:
    from data.synthetic.series import Synthetic

log = logger(__name__)

FIRST_VALIDATION = 2**40  # number of the first series that validates; a training never gets there


class SyntheticSeries(Dataset):
    """Series by number, counted from `first`: values (C, T, 1, 1), known values of the same shape, targets (T, 1 + C).

    C is the most channels there can be; those that a series has not are unknown throughout. Targets are the label of
    every sample and the clean twin of every channel, NaN where there is none.
    """

    classes = ()

    def __init__(self, settings: SyntheticConfig, seed: int, first: int, number: int):
        self.settings, self.seed, self.first, self.number = settings, seed, first, number

    def __len__(self) -> int:
        return self.number

    def made(self, i: int) -> "Synthetic":
        """Series i as it was made."""
        from data.synthetic.series import make_series  # takes a second, which other trainings need not wait for

        return make_series(self.seed, self.first + i, self.settings.length, self.settings)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        made, most = self.made(i), self.settings.channels[1]
        values, clean = (widened(array, most) for array in (made.values, made.clean))
        known = np.isfinite(values)
        x = np.where(known, values, np.float32(0)).T[:, :, None, None]
        targets = np.column_stack([made.labels.astype(np.float32), clean])
        valid = known.astype(np.float32).T[:, :, None, None]
        return torch.from_numpy(x), torch.from_numpy(valid), torch.from_numpy(targets)


def widened(values: np.ndarray, channels: int) -> np.ndarray:
    """Values (T, C) with NaN in further channels, up to so many: (T, channels) float32."""
    wide = np.full((len(values), channels), np.nan, np.float32)
    wide[:, : values.shape[1]] = values
    return wide


@dataclass(frozen=True)
class SyntheticData:
    """Training and validation series, and the facts about them that a run must be resumed with."""

    settings: SyntheticConfig
    train: SyntheticSeries
    val: SyntheticSeries
    endless = True  # new ones in every epoch

    @property
    def clip_length(self) -> int:
        return self.settings.length

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """(C, H, W)"""
        return self.settings.channels[1], 1, 1

    @property
    def about(self) -> dict[str, Any]:
        """What run.json tells of the data."""
        return {"reels": [], "windows": {"train": len(self.train), "val": len(self.val)}}

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the model was trained on, as plain data: equal facts mean equal batches."""
        return {
            "channels": [],
            "scaling": {},
            "clip_length": self.clip_length,
            "frame_shape": list(self.frame_shape),
            "reels": [],
            "windows": self.about["windows"],
            "classes": [],
            "synthetic": asdict(self.settings),
        }


def synthetic_data(config: Config) -> SyntheticData:
    """The series that the config asks for; no reels."""
    settings = config.train.synthetic
    log.info(f"{config.model.name} learns from {settings.series} synthetic series an epoch, and from no reel")
    sides = ((0, settings.series), (FIRST_VALIDATION, settings.val_series))
    return SyntheticData(settings, *(SyntheticSeries(settings, config.seed, *side) for side in sides))
