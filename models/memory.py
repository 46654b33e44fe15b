"""The autoencoder whose latent can only be mixed from learned examples, so that the unusual comes out as the usual."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from config import ModelConfig
from models.autoencoder import ConvAutoencoder3D, grid
from models.embed import temporal_background
from models.settings.pixel_net import MemoryConfig
from models.video_model import Form, Trained

START_SHARPNESS = 2.3  # e^2.3 = 10: a slot like the query weighs up to e^20 times one unlike it


class MemoryAutoencoder3D(ConvAutoencoder3D):
    """The latent of every place is replaced by a sparse mix of memory slots, addressed by cosine similarity.

    The penalty is entropy_weight times the mean entropy of the mix, in nats.
    Source: Gong et al. 2019, MemAE (arXiv 1904.02639).
    """

    Config: ClassVar[type[ModelConfig]] = MemoryConfig

    @classmethod
    def from_settings(cls, settings: MemoryConfig, form: Form) -> "MemoryAutoencoder3D":
        of_memory = {"slots": settings.memory_slots, "shrink": settings.memory_shrink}
        return cls(*grid(settings, form), **of_memory, entropy_weight=settings.memory_entropy)

    def __init__(self, *grid: Any, slots: int, shrink: float, entropy_weight: float):
        super().__init__(*grid)
        self.memory = Memory(slots, self.bottleneck.out_channels, shrink)
        self.entropy_weight = entropy_weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.trained(x).reconstruction

    def trained(self, x: torch.Tensor) -> Trained:
        background = temporal_background(x)
        latent, entropy = self.memory(self.bottleneck(self.features(x - background)))
        return Trained(self.compose(background, latent, x.shape), self.entropy_weight * entropy.mean())


class Memory(nn.Module):
    """`slots` learned vectors of `width` numbers, and how sharply they are told apart.

    Cosines span 2 at most, too little for a softmax to choose one of hundreds: a learned factor stretches them.
    shrink: weights up to shrink / slots become 0; but never all, the largest of them decides then.
    """

    def __init__(self, slots: int, width: int, shrink: float):
        super().__init__()
        self.cutoff = shrink / slots
        self.slots = nn.Parameter(torch.randn(slots, width))
        self.sharpness = nn.Parameter(torch.tensor(START_SHARPNESS))

    def forward(self, query: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Query (B, width, T, H, W) -> its mix of slots, of the same shape, and the mix's entropy (B, T, H, W)."""
        # bf16 could not tell the weights of thousands of slots from the cutoff.
        with torch.autocast(query.device.type, enabled=False):
            weights = self.address(query.float().permute(0, 2, 3, 4, 1))  # (B, T, H, W, slots)
            answer = (weights @ self.slots).permute(0, 4, 1, 2, 3)
        return answer, -(weights * weights.clamp(min=1e-12).log()).sum(-1)

    def address(self, query: torch.Tensor) -> torch.Tensor:
        """Query (..., width) -> weight of every slot (..., slots): sparse, >= 0, with sum 1."""
        # A place where nothing happens has no direction; with a tiny eps its gradients would drown all others.
        similarity = F.normalize(query, dim=-1, eps=1e-2) @ F.normalize(self.slots, dim=-1).T
        weights = (self.sharpness.exp() * similarity).softmax(-1)
        cutoff = (weights.detach().amax(-1, keepdim=True) / 2).clamp(max=self.cutoff)
        weights = weights * (weights > cutoff)
        return weights / weights.sum(-1, keepdim=True)
