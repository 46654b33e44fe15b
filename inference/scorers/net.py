"""A trained net, run by PyTorch, as a scorer."""

import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from config import EvalConfig
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from inference.scorers.on_quiet import QuietScorer
from inference.scorers.windowed import WindowScorer
from models.parts.planar import planar
from training.device import autocast, autocast_dtype


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
        is_planar = self.device.type == "cpu" and dtype == torch.float32 and batch.shape[3:] != (1, 1)
        return self._planar if is_planar else self.model

    @cached_property
    def _planar(self) -> nn.Module:
        return planar(self.model)

    @torch.inference_mode()
    def encode(self, batch: np.ndarray) -> torch.Tensor:
        """(B, C, T, H, W) float32 -> latents (B, D, T', H', W') float32, on the device."""
        with autocast(self.device, _dtype(self.amp, self.device, batch)):
            return self.model.encode(self.on_device(batch)).float()

    def portable(self) -> tuple[Any, slice]:
        return self.model.portable(), self.answers

    def on_device(self, batch: np.ndarray | torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(batch).to(self.device).contiguous(memory_format=torch.channels_last_3d)


def _dtype(amp: str, device: torch.device, batch: np.ndarray) -> torch.dtype:
    """A shorter type where the hardware is fast in it; without gradients it needs no loss scaling and has no trap.

    Not for series, whose samples are exact to more digits.
    """
    return autocast_dtype("off" if batch.shape[3:] == (1, 1) else amp, device, temporal_depth=sys.maxsize)


class OfDetector(QuietScorer):
    """A scorer that works with a net, and takes over from it what it has to tell beyond scores."""

    def __init__(self, detector: Detector):
        super().__init__(detector.clip_length, detector.scaling)
        self.detector = detector

    def extras(self, out: Path, run: Path, reel: Reel, settings: EvalConfig, seed: int) -> dict[str, Any]:
        return self.detector.extras(out, run, reel, settings, seed)
