"""A trained net, run by PyTorch, as a scorer."""

import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from config import EvalConfig
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from inference.scorers.on_quiet import QuietScorer
from inference.scorers.windowed import WindowScorer
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
        with _autocast(self.amp, self.device, batch):
            reconstruction = self.model(self.on_device(batch))
        return reconstruction.float().permute(0, 2, 1, 3, 4).cpu().numpy()

    @torch.inference_mode()
    def encode(self, batch: np.ndarray) -> torch.Tensor:
        """(B, C, T, H, W) float32 -> latents (B, D, T', H', W') float32, on the device."""
        with _autocast(self.amp, self.device, batch):
            return self.model.encode(self.on_device(batch)).float()

    def portable(self) -> tuple[Any, slice]:
        return self.model.portable(), self.answers

    def on_device(self, batch: np.ndarray | torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(batch).to(self.device).contiguous(memory_format=torch.channels_last_3d)


def _autocast(amp: str, device: torch.device, batch: np.ndarray) -> AbstractContextManager:
    """A shorter type where the hardware is fast in it; without gradients it needs no loss scaling and has no trap.

    Not for series, whose samples are exact to more digits.
    """
    amp = "off" if batch.shape[3:] == (1, 1) else amp
    return autocast(device, autocast_dtype(amp, device, temporal_depth=sys.maxsize))


class OfDetector(QuietScorer):
    """A scorer that works with a net, and takes over from it what it has to tell beyond scores."""

    def __init__(self, detector: Detector):
        super().__init__(detector.clip_length, detector.scaling)
        self.detector = detector

    def extras(self, out: Path, run: Path, reel: Reel, settings: EvalConfig, seed: int) -> dict[str, Any]:
        return self.detector.extras(out, run, reel, settings, seed)
