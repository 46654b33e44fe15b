"""The windows of a training as batches, and the facts about them that a run must be resumed with."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from config import WEAK_LOSSES, Config
from data.labels.weak_labels import weak_labels
from data.reel.reel import Reel, find_reels
from data.reel.stretch import Stretch
from data.reel.window_dataset import WindowDataset, classes_of, common_scaling
from data.reel.windows import WindowSet, training_split
from training.distributed import Batches, Processes
from training.synthetic_data import SyntheticData


@dataclass(frozen=True)
class TrainingData:
    """Training and validation windows of some reels, in one common scaling."""

    reels: list[Reel]
    scaling: dict[str, Stretch]
    train: WindowDataset
    val: WindowDataset

    @property
    def clip_length(self) -> int:
        return self.train.windows.length

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """(C, H, W)"""
        return self.reels[0].shape[1:]

    @property
    def about(self) -> dict[str, Any]:
        """What run.json tells of the data: where the reels are, and how many windows there are."""
        paths = [str(reel.path.resolve()) for reel in self.reels]
        return {
            "reels": [{**reel, "path": path} for reel, path in zip(self.facts["reels"], paths, strict=True)],
            "windows": {side: self.facts["windows"][side]["number"] for side in ("train", "val")},
        }

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the model was trained on, as plain data: equal facts mean equal batches."""
        return {
            "channels": list(self.scaling),
            "scaling": {channel: stretch.as_dict() for channel, stretch in self.scaling.items()},
            "clip_length": self.clip_length,
            "frame_shape": list(self.frame_shape),
            "reels": [{"name": reel.name, "identity": reel.meta["identity"]} for reel in self.reels],
            "windows": {"train": _digest(self.train), "val": _digest(self.val)},
            "classes": list(self.train.classes),
        }


Data = TrainingData | SyntheticData


def open_data(config: Config) -> TrainingData:
    """The reels of `data_clips`, split into training and validation windows.

    Raises ValueError for reels that can't go into one batch, and as `data.windows.training_split`.
    """
    reels = find_reels(config.data_clips)
    scaling = common_scaling(reels)
    if len({reel.shape[1:] for reel in reels}) > 1:
        listing = ", ".join(f"{reel.name} {reel.shape[1:]}" for reel in reels)
        raise ValueError(f"reels of different (C, H, W) can't share a batch: {listing}; use one prep.resize for all")
    classes, is_weak = classes_of(reels), config.train.loss in WEAK_LOSSES
    sides = [
        WindowDataset(reels, side, scaling, classes, labels_for(config, reels, side))
        for side in training_split(reels, config.train)
    ]
    for name, side in zip(("training", "validation"), sides, strict=True):
        if is_weak and not 0 < side.labels.mean() < 1:
            raise ValueError(
                f"all {len(side)} {name} windows have the label {side.labels[0]:g}; both are needed: see "
                "train.weak.labels, train.val_fraction and train.val_reels"
            )
    return TrainingData(reels, scaling, *sides)


def labels_for(config: Config, reels: list[Reel], windows: WindowSet) -> np.ndarray | None:
    """What the model learns of each window beside its frames: one label (N,), those of all its samples (N, T), None."""
    if config.train.loss in WEAK_LOSSES:
        return weak_labels(reels, windows, config.train.weak)
    if config.model.name == "vetime":
        return sample_labels(reels, windows)
    return None


def sample_labels(reels: list[Reel], windows: WindowSet) -> np.ndarray:
    """The label of every sample of every window (N, T) float32: 1 anomalous, 0 normal, NaN unknown."""
    of_reel = [np.full(len(reel), np.nan) if reel.labels is None else reel.labels for reel in reels]
    steps = np.arange(windows.length)
    found = [of_reel[reel][start + steps] for reel, start in zip(windows.reel, windows.start, strict=True)]
    return np.array(found, np.float32).reshape(len(windows), windows.length)


def train_loader(data: Data, batches: Batches, config: Config, device: torch.device) -> DataLoader:
    """Batches of frames (B, C, T, H, W), valid pixels (B, 1, T, H, W) and labels, as `batches` orders them."""
    return DataLoader(data.train, batch_sampler=batches, **loading(config.workers, device))


def val_loader(data: Data, config: Config, team: Processes) -> DataLoader:
    """This process's share of the validation windows, each once and in order."""
    share = range(team.rank, len(data.val), team.world)
    return DataLoader(data.val, config.train.batch_size, sampler=share, **loading(config.workers, team.device))


def loading(workers: int, device: torch.device) -> dict[str, Any]:
    """How a DataLoader reads for a device: beside a GPU in `workers` processes, beside a CPU in this one.

    There reading is 2 % of a step; more processes would take its cores and the little shared memory of containers.
    """
    on_cuda = device.type == "cuda"
    processes = workers if on_cuda and workers > 1 else 0
    return {"num_workers": processes, "persistent_workers": processes > 0, "pin_memory": on_cuda}


def _digest(side: WindowDataset) -> dict[str, Any]:
    windows, labels = side.windows, side.labels
    content = windows.reel.astype("<i8").tobytes() + windows.start.astype("<i8").tobytes()
    if labels.dtype == np.float32:
        content += labels.astype("<f4").tobytes()
    return {"number": len(windows), "sha256": hashlib.sha256(content).hexdigest()}
