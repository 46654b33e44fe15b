"""A net that learnt from window labels, run by PyTorch, as a scorer."""

import numpy as np
import torch

from inference.scorers.base import Portable
from inference.scorers.nets.net import Detector
from inference.scorers.nets.weak import Rule, WeakScorer

OUTPUTS = ("window", "dense", "places")  # of the net in a bundle


class TorchJudge:
    """What the net of a detector says of windows (B, C, T, H, W)."""

    def __init__(self, detector: Detector):
        self.detector = detector

    @torch.inference_mode()
    def logits(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of windows (B,) and of their frames (B, T)."""
        output = self.detector.model(self.detector.on_device(batch))
        return output.window.float().cpu().numpy(), output.dense.float().cpu().numpy()

    @torch.inference_mode()
    def places(self, batch: np.ndarray) -> np.ndarray:
        """Of the places of every frame (B, T, H', W')."""
        return self.detector.model.places(self.detector.on_device(batch)).float().cpu().numpy()


class WeakDetector(WeakScorer):
    """A detector's net by its dense scores."""

    def __init__(self, detector: Detector, rule: Rule):
        super().__init__(TorchJudge(detector), detector.clip_length, detector.scaling, rule)
        self.model = detector.model

    bundled_as = "weak"

    def portable(self, frame_shape: tuple[int, ...]) -> Portable:
        channels, *size = frame_shape
        shape, answers = (channels, self.clip_length, *size), slice(0, self.clip_length)
        rule = {name: np.array(value) for name, value in self.rule._asdict().items()}
        return Portable(self.model.portable(), shape, answers, rule, outputs=OUTPUTS, is_promised=False)
