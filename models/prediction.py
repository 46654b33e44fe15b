"""The autoencoder that sees the past only, and gives the frames that follow."""

from typing import Any, ClassVar

import torch

from config import ModelConfig
from models.autoencoder import ConvAutoencoder3D, grid
from models.embed import temporal_background
from models.settings.pixel_net import PredictionConfig
from models.video_model import Form


class PredictiveAutoencoder3D(ConvAutoencoder3D):
    """The last `frames` frames of a window, from those before them; these come back as they are.

    The last known frame stands in for the hidden ones, at the input and as what the output is added to: so the model
    begins as persistence, whose residual is the running difference. The background is that of the known frames.
    Source: future frame prediction, Liu et al. 2018 (arXiv 1712.09867), without its adversarial and flow losses.
    """

    Config: ClassVar[type[ModelConfig]] = PredictionConfig

    @classmethod
    def from_settings(cls, settings: PredictionConfig, form: Form) -> "PredictiveAutoencoder3D":
        return cls(*grid(settings, form), frames=settings.predict_frames)

    def __init__(self, *grid: Any, frames: int):
        super().__init__(*grid)
        self.frames = frames

    def check(self, size: tuple[int, int, int]) -> None:
        if self.frames >= size[0]:
            raise ValueError(
                f"model.predict_frames {self.frames} leaves nothing to predict from in windows of {size[0]} frames; "
                f"choose fewer, or a longer prep.clip_length"
            )

    def answers(self, T: int) -> slice:
        return slice(T - self.frames, T)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, T, H, W) -> latent (B, latent_channels, T', H', W') of the window with its last frames hidden."""
        return self._encode_past(x[:, :, : -self.frames])

    def _encode_past(self, past: torch.Tensor) -> torch.Tensor:
        frozen = past[:, :, -1:].expand(-1, -1, self.frames, -1, -1)
        return self.bottleneck(self.features(torch.cat([past, frozen], dim=2) - temporal_background(past)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        past = x[:, :, : -self.frames]
        predicted = self.compose(past[:, :, -1:], self._encode_past(past), x.shape)
        return torch.cat([past, predicted[:, :, -self.frames :]], dim=2)
