"""The windows of a training as batches, and the facts about them that a run must be resumed with."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from config import Config, ConfigError, DataKind
from data.labels.weak_labels import weak_labels
from data.messages import logger
from data.reel.cadence import TELLING, are_alike
from data.reel.contract import items_of
from data.reel.reel import Reel, find_reels
from data.reel.scaled import in_one_order, longest_crossed
from data.reel.stretch import Stretch
from data.reel.views.window_dataset import WindowDataset, classes_of, common_scaling
from data.reel.windows import WindowSet, training_split
from training.distributed import Batches, Processes
from training.synthetic_data import SyntheticData, synthetic_data

log = logger(__name__)


@dataclass(frozen=True)
class TrainingData:
    """Training and validation windows of some reels, in one common scaling."""

    reels: list[Reel]
    scaling: dict[str, Stretch]
    train: WindowDataset
    val: WindowDataset
    endless = False  # an epoch has the windows of the one before

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
            "cadence_s": list(cadences(self.reels)),
            "reels": [{"name": reel.name, "identity": reel.meta["identity"]} for reel in self.reels],
            "windows": {"train": _digest(self.train), "val": _digest(self.val)},
            "classes": list(self.train.classes),
            **({"windows_cross": across} if (across := longest_crossed(self.reels)) else {}),
        }


Data = TrainingData | SyntheticData
LabelsOf = Callable[[Config, list[Reel], WindowSet], np.ndarray]  # what is learnt of windows beside their frames


def open_data(config: Config) -> Data:
    """What the model of the config is trained on. Raises ValueError or ConfigError for data that don't fit it."""
    return DATA[config.model.learns_from(config.train)](config)


def windows_of_reels(config: Config, labels_of: LabelsOf | None = None) -> TrainingData:
    """The reels of `data_clips`, split into training and validation windows, with labels where a model needs some.

    Raises ValueError for reels that can't go into one batch, for pictures that never vary, and as
    `data.windows.training_split`.
    """
    reels = in_one_order(find_reels(config.data_clips))
    refuse_what_never_varies(reels)
    scaling, classes = common_scaling(reels), classes_of(reels)
    if len({reel.shape[1:] for reel in reels}) > 1:
        listing = ", ".join(f"{reel.name} {reel.shape[1:]}" for reel in reels)
        raise ValueError(f"reels of different (C, H, W) can't share a batch: {listing}; use one prep.resize for all")
    if not are_alike(*(found := cadences(reels))):
        log.warning(
            f"the reels have a frame every {found[0]:g} to {found[1]:g} s: what moves or changes looks faster in some "
            "than in others; better train on one cadence at a time"
        )
    tell_hours_apart(reels, config.train.excluded_utc)
    sides = [
        WindowDataset(reels, side, scaling, classes, labels_of(config, reels, side) if labels_of else None)
        for side in training_split(reels, config.train)
    ]
    return TrainingData(reels, scaling, *sides)


def tell_hours_apart(reels: list[Reel], excluded_utc: Sequence[tuple[str, str]]) -> None:
    """Say that no hour is left out where all that are asked for lie before, or behind, all frames."""
    known = [times for reel in reels if (times := reel.times_utc) is not None]
    if not excluded_utc or len(known) < len(reels):
        return
    begins, ends = (
        [np.datetime64(text.replace(" ", "T"), "ms") for text in side] for side in zip(*excluded_utc, strict=True)
    )
    first, last = (np.array([times[place] for times in known], "datetime64[ms]") for place in (0, -1))
    if max(ends) < first.min() or min(begins) > last.max():
        log.warning(
            f"train.exclude_utc leaves nothing out: its hours are of {min(begins)} to {max(ends)}, and frames of "
            f"{first.min()} to {last.max()}; see prep.start_utc and how far frames are apart (prep.frames_per_second)"
        )


def refuse_what_never_varies(reels: list[Reel]) -> None:
    """Raises ValueError when every reel is one picture all the time, as of a camera with its cap on.

    A series may: a valve that stays shut while all is well, or a counter of faults.
    """
    still = [reel.name for reel in reels if all(np.array_equal(frame, reel.frames[0]) for frame in reel.frames)]
    told = f"nothing varies in {', '.join(still[:5])}: all its {items_of(reels[0])} are the same"
    if still and reels[0].is_series:
        log.warning(
            f"{told}, so any change counts as unusual; if it does vary as a rule, train on a stretch that shows it"
        )
    elif len(still) == len(reels):
        raise ValueError(f"{told}, so there is nothing to learn; look at its preview.mp4")
    elif still:
        log.warning(f"{told}; move it away, or it counts as normal")


def cadences(reels: list[Reel]) -> tuple[float, float]:
    """The shortest and the longest cadence of reels, s; of those with frames enough to tell one, if there are any."""
    found = [reel.cadence_s for reel in reels if len(reel) >= TELLING] or [reel.cadence_s for reel in reels]
    return min(found), max(found)


def with_classes(config: Config) -> TrainingData:
    """Windows that are told apart by the class of their reel. Raises ConfigError where one has none."""
    data = windows_of_reels(config)
    if unknown := [reel.name for reel in data.reels if reel.category is None]:
        raise ConfigError(f"model.task classify: no class is known of {', '.join(unknown[:5])}; see prep.classes")
    return data


def with_window_labels(config: Config) -> TrainingData:
    """Windows with one label each. Raises ValueError where all of a side are equal."""
    data = windows_of_reels(config, lambda config, reels, side: weak_labels(reels, side, config.train.weak))
    for name, side in (("training", data.train), ("validation", data.val)):
        if not 0 < side.labels.mean() < 1:
            raise ValueError(
                f"all {len(side)} {name} windows have the label {side.labels[0]:g}; both are needed: see "
                "train.weak.labels, train.val_fraction and train.val_reels"
            )
    return data


def with_sample_labels(config: Config) -> TrainingData:
    """Windows with a label for every sample, unknown where the reels have none."""
    return windows_of_reels(config, lambda config, reels, side: sample_labels(reels, side))


DATA: dict[DataKind, Callable[[Config], Data]] = {
    "frames": windows_of_reels,
    "classes": with_classes,
    "window_labels": with_window_labels,
    "sample_labels": with_sample_labels,
    "synthetic": synthetic_data,
}


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
