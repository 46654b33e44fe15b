"""Windows of reels as tensors, in the intensity scaling that a model works in."""

import numpy as np
import torch
from torch.utils.data import Dataset

from data.reel.reel import Reel
from data.reel.scaled import read_clip
from data.reel.stretch import Stretch
from data.reel.windows import WindowSet


class WindowDataset(Dataset):
    """Windows as tensors: frames `(C, T, H, W)` and valid pixels `(1, T, H, W)`, both float32, and the label.

    `scaling` maps channel names to the stretch the model works in; see `target_stretches`. The label is that of the
    window in `labels` (N,), or without these the class of its reel: an index into `classes`, -1 for none of them.
    """

    def __init__(
        self,
        reels: list[Reel],
        windows: WindowSet,
        scaling: dict[str, Stretch],
        classes: tuple[str, ...] = (),
        labels: np.ndarray | None = None,
    ):
        self.reels, self.windows, self.scaling, self.classes = reels, windows, scaling, classes
        of_reel = np.array([classes.index(r.category) if r.category in classes else -1 for r in reels])
        self.labels = of_reel[windows.reel] if labels is None else labels

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, np.generic]:
        number, start = self.windows.reel[i], int(self.windows.start[i])
        return *read_window(self.reels[number], start, self.windows.length, self.scaling), self.labels[i]


def read_window(reel: Reel, start: int, length: int, scaling: dict[str, Stretch]) -> tuple[torch.Tensor, torch.Tensor]:
    """`read_clip` as tensors."""
    x, valid = read_clip(reel, start, length, scaling)
    return torch.from_numpy(x), torch.from_numpy(valid)


def common_scaling(reels: list[Reel]) -> dict[str, Stretch]:
    """One stretch per channel name, the first reel's that has it. Raises ValueError when channel counts differ."""
    unlike = {len(reel.channels): reel for reel in reversed(reels)}
    if len(unlike) > 1:
        listing = ", ".join(f"{reel.name} {reel.channels}" for reel in reversed(unlike.values()))
        raise ValueError(
            f"reels with different numbers of channels can't be mixed in one model: {listing}; name those that go "
            f"together, a folder of them or one reel, as --data-clips {reels[0].path}"
        )
    scaling: dict[str, Stretch] = {}
    for reel in reels:
        for channel, stretch in zip(reel.channels, reel.stretches, strict=True):
            scaling.setdefault(channel, stretch)
    return scaling


def classes_of(reels: list[Reel]) -> tuple[str, ...]:
    """The classes that the reels belong to, sorted; none where no reel has one."""
    return tuple(sorted({reel.category for reel in reels if reel.category is not None}))
