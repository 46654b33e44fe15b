"""The autoencoder with a Gaussian latent, which tells how much each place says and how unusual that is."""

from typing import Any, ClassVar

import torch
from torch import nn

from config import ModelConfig
from models.autoencoder import ConvAutoencoder3D, grid
from models.embed import temporal_background
from models.settings.pixel_net import VariationalConfig
from models.video_model import Form, Trained

START_LOG_VARIANCE = -6.0  # as much noise as the latent's signal would drown a training that begins with a small one
LOG_VARIANCE_LIMIT = 12.0  # keeps exp() finite; no useful latent is that certain or that vague


class VariationalAutoencoder3D(ConvAutoencoder3D):
    """Training decodes a draw from the Gaussian posterior of every place; otherwise its mean is decoded.

    The penalty is kl_weight * KL(posterior, standard normal) in nats per input value: for a mean squared error, the
    evidence lower bound of pixels with Gaussian noise of variance kl_weight / 2.
    Source: Kingma & Welling 2014 (arXiv 1312.6114).
    """

    Config: ClassVar[type[ModelConfig]] = VariationalConfig
    bottlenecks = ("bottleneck", "log_variance")

    @classmethod
    def from_settings(cls, settings: VariationalConfig, form: Form) -> "VariationalAutoencoder3D":
        return cls(*grid(settings, form), kl_weight=settings.kl_weight)

    def __init__(self, *grid: Any, kl_weight: float):
        super().__init__(*grid)
        self.kl_weight = kl_weight
        self.log_variance = nn.Conv3d(self.bottleneck.in_channels, self.bottleneck.out_channels, 1)
        nn.init.zeros_(self.log_variance.weight)
        assert self.log_variance.bias is not None
        nn.init.constant_(self.log_variance.bias, START_LOG_VARIANCE)

    def posterior(self, deviation: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance of the latent, both (B, latent_channels, T', H', W') in float32."""
        features = self.features(deviation)
        log_variance = self.log_variance(features).float().clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT)
        return self.bottleneck(features).float(), log_variance

    def divergence(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, T, H, W) -> KL of every place of the latent to the prior, (B, T', H', W') in nats."""
        return _divergence(*self.posterior(x - temporal_background(x))).sum(1)

    def trained(self, x: torch.Tensor) -> Trained:
        background = temporal_background(x)
        mean, log_variance = self.posterior(x - background)
        noise = torch.randn(mean.shape[1:]).to(mean.device)  # the same for all windows, see VideoModel
        latent = mean + (0.5 * log_variance).exp() * noise
        penalty = self.kl_weight * _divergence(mean, log_variance).sum() / x.numel()
        return Trained(self.compose(background, latent, x.shape), penalty)


def _divergence(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
