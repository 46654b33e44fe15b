"""A trained net, run by PyTorch, as a scorer."""

import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from config import EvalConfig
from data.reel.reel import Reel
from data.reel.scaled import read_clip
from data.reel.stretch import Stretch
from inference.calibration.quiet.ranges import QuietRange
from inference.scorers.base import Portable
from inference.scorers.nets.windowed import WindowScorer
from inference.scorers.on_quiet import QuietScorer
from training.device import autocast, autocast_dtype, prefers_planar

MOST_WINDOWS = 64  # of quiet frames, that show what a net's activations reach


class Detector(WindowScorer):
    """A trained `VideoModel`, scored by what it reconstructs. It works in `scaling`."""

    # Any, because scorers of some models alone ask for more than all have: places, fill, logits.
    def __init__(self, model: Any, scaling: dict[str, Stretch], clip_length: int, device: torch.device):
        super().__init__(clip_length, scaling)
        self.model, self.device = model, device

    @property
    def answers(self) -> slice:
        """The frames of a window that the model's output is about: all, or those that it predicts."""
        return self.model.answers(self.clip_length)

    @torch.inference_mode()
    def reconstruct(self, batch: np.ndarray) -> np.ndarray:
        """(B, C, T, H, W) float32 -> reconstruction (B, T, C, H, W) float32."""
        dtype = _dtype(self.amp, self.device, batch)
        with autocast(self.device, dtype):
            reconstruction = self.net_for(batch, dtype)(self.on_device(batch))
        return reconstruction.float().permute(0, 2, 1, 3, 4).cpu().numpy()

    def net_for(self, batch: np.ndarray, dtype: torch.dtype) -> nn.Module:
        """The model as it computes such windows fastest: of pictures, on a CPU and in float32, by 2D convolutions.

        The sums are the same; `tests/benchmarks/export.py` tells how fast.
        """
        return self._planar if prefers_planar(self.device, dtype, batch.shape[3:]) else self.model

    @cached_property
    def _planar(self) -> nn.Module:
        return self.model.in_2d()

    @torch.inference_mode()
    def encode(self, batch: np.ndarray) -> torch.Tensor:
        """(B, C, T, H, W) float32 -> latents (B, D, T', H', W') float32, on the device."""
        with autocast(self.device, _dtype(self.amp, self.device, batch)):
            return self.model.encode(self.on_device(batch)).float()

    bundled_as = "net"

    def portable(self, frame_shape: tuple[int, ...]) -> Portable:
        channels, *size = frame_shape
        return Portable(self.model.portable(), (channels, self.clip_length, *size), self.answers, {}, self._shown)

    def _shown(self, quiet: Sequence[QuietRange]) -> Iterator[np.ndarray]:
        return quiet_windows(quiet, self.scaling, self.clip_length)

    def on_device(self, batch: np.ndarray | torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(batch).to(self.device).contiguous(memory_format=torch.channels_last_3d)


def _dtype(amp: str, device: torch.device, batch: np.ndarray) -> torch.dtype:
    """A shorter type where the hardware is fast in it; without gradients it needs no loss scaling and has no trap.

    Not for series, whose samples are exact to more digits.
    """
    return autocast_dtype("off" if batch.shape[3:] == (1, 1) else amp, device, temporal_depth=sys.maxsize)


def quiet_windows(ranges: Sequence[QuietRange], scaling: dict[str, Stretch], length: int) -> Iterator[np.ndarray]:
    """Windows (1, C, T, H, W) of the training side, evenly over time: what thresholds are from stays unseen."""
    train = [r for r in ranges if r.side == "train"]
    starts = [(r.reel, start) for r in train for start in range(r.begin, r.end - length + 1, max(1, length // 2))]
    for reel, start in starts[:: max(1, -(-len(starts) // MOST_WINDOWS))]:
        yield read_clip(reel, start, length, scaling)[0][None]


class OfDetector(QuietScorer):
    """A scorer that works with a net, and takes over from it what it has to tell beyond scores."""

    def __init__(self, detector: Detector):
        super().__init__(detector.clip_length, detector.scaling)
        self.detector = detector

    def extras(self, out: Path, run: Path, reel: Reel, settings: EvalConfig, seed: int) -> dict[str, Any]:
        return self.detector.extras(out, run, reel, settings, seed)
