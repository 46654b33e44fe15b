"""A series of which patches are hidden and rebuilt from all the rest, judged in time and in the spectrum.

Source of the idea: TSPulse (arXiv 2505.13033), which rebuilds with an MLP mixer from values and spectrum, has a head
for each, and takes the higher error. Here the shared trunk rebuilds values alone; what the errors of a window are
in each frequency, beside what they are in quiet data, is asked afterwards (inference/scorers/nets/whole_windows.py).
"""

from typing import ClassVar

import torch

from config import ModelConfig
from models.backbone3d import Stage
from models.masked import random_blocks
from models.series.series_model import Impute
from models.series.tvnet import TVNetTrunk
from models.settings.series import DualConfig
from models.video_model import Form, Trained

PATCH, TURNS = 8, 4  # samples of a variable that are hidden together, and in how many turns all of them are
LENGTHS = (2, 4, 8, 16, 32)  # the same in training, where one is drawn for every step
SHORTEST = 3 * LENGTHS[0]  # window: a patch in training is at most a third of it
HIDDEN = 0.3  # of a window, in training
WIDTH, DILATIONS = 24, (1, 2, 4, 8)


class Dual(Impute):
    """Every sample of a window from those around its patch: a straight line between these, and what the trunk adds."""

    Config: ClassVar[type[ModelConfig]] = DualConfig

    @classmethod
    def from_settings(cls, settings: DualConfig, form: Form) -> "Dual":
        stages = settings.stages or default_stages()
        trunk = TVNetTrunk(stages[0].width, 1, stages)
        patch = min(PATCH, max(1, form.length // 2)) if form.length else PATCH
        return cls(form.channels, stages[0].width, trunk, True, False, fraction=1 / TURNS, block=patch)

    def check(self, size: tuple[int, int, int]) -> None:
        if tuple(size[1:]) == (1, 1) and size[0] < SHORTEST:
            raise ValueError(
                f"dual rebuilds patches from what surrounds them, and windows of {size[0]} samples hold too little; "
                f"choose a prep.clip_length of {SHORTEST} or more"
            )
        super().check(size)

    def trained(self, x: torch.Tensor) -> Trained:
        values = x[..., 0, 0]
        hidden = random_patches(values.shape[1], values.shape[2]).to(x.device)
        return Trained(self.fill(values, hidden)[..., None, None], weight=hidden[..., None, None].float())


def random_patches(channels: int, T: int) -> torch.Tensor:
    """Which samples of each variable are hidden: (1, C, T) bool, in patches of one length, which begin anywhere."""
    fitting = [length for length in LENGTHS if length <= T // 3]
    length = fitting[int(torch.randint(len(fitting), ()))]
    first = int(torch.randint(length, ()))
    grid = random_blocks((T + length, channels, 1), (length, 1, 1), HIDDEN)[0, 0, :, :, 0]
    return grid[first : first + T].T[None]


def default_stages() -> tuple[Stage, ...]:
    """Blocks that see 15 samples back and 15 ahead."""
    return tuple(Stage(WIDTH, kernel=(3, 1, 1), dilation=dilation) for dilation in DILATIONS)
