"""How two views of the same tokens become one: they ask each other, and a router mixes what came out.

Tokens are (n, N, D): n series of one channel, N places in time, D features.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

HEADS, FEED_FORWARD = 4, 2
CANDIDATES, CHOSEN = 3, 2
TASKS = RECONSTRUCTION, DETECTION = 0, 1


class CrossAttention(nn.Module):
    """Tokens that ask others, and a feed-forward layer; both residual, behind norms (Xiong et al. 2020)."""

    def __init__(self, width: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.ask = nn.Linear(width, width)
        self.answer = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, FEED_FORWARD * width), nn.GELU(), nn.Linear(FEED_FORWARD * width, width)
        )
        # Begun as the identity, like the backbone's blocks: what other tokens say is noise at first.
        zero(self.out)
        zero(self.feed_forward[-1])

    def forward(self, asking: torch.Tensor, asked: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        """(n, N, D) twice -> (n, N, D); only `asked` tokens that are visible (n, N), bool, answer."""
        positions = sinusoids(asking.shape[1], asking.shape[2], asking.device)
        queries = self.ask(self.norms[0](asking) + positions)
        keys, values = self.answer(self.norms[1](asked) + positions).chunk(2, -1)
        queries, keys, values = (v.unflatten(2, (HEADS, -1)).transpose(1, 2) for v in (queries, keys, values))
        found = F.scaled_dot_product_attention(queries, keys, values, visible[:, None, None])
        x = asking + self.out(found.transpose(1, 2).flatten(2))
        return x + self.feed_forward(self.norms[2](x))


class Router(nn.Module):
    """Mixes of three candidates, one for each task: of every token the two likeliest count (Shazeer et al. 2017)."""

    def __init__(self, width: int):
        super().__init__()
        self.hidden = nn.Linear(2 * width, width)
        self.tasks = nn.Parameter(0.02 * torch.randn(len(TASKS), width))
        self.logits = nn.Linear(width, CANDIDATES)
        zero(self.logits)  # a random choice for every token would hide at first what the candidates say

    def forward(self, seen: torch.Tensor, candidates: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both views (n, N, 2 D), candidates (n, N, 3, D) -> mixes (n, N, tasks, D), logits (n, N, tasks, 3)."""
        logits = self.logits(F.gelu(self.hidden(seen)[:, :, None] + self.tasks))
        return top_weights(logits) @ candidates, logits


def top_weights(logits: torch.Tensor) -> torch.Tensor:
    """Softmax over the two largest logits of the last axis; the others get 0."""
    chosen = logits.topk(CHOSEN, -1)
    return torch.zeros_like(logits).scatter(-1, chosen.indices, chosen.values.softmax(-1))


class Fusion(nn.Module):
    """Temporal and visual tokens (n, N, D) -> what each task sees, (n, N, tasks, D), and the router's logits or None.

    Each view asks the other; the candidates are the one, the other, and both together. Without a router all tasks see
    both together.
    """

    def __init__(self, width: int, router: bool):
        super().__init__()
        self.temporal_asks, self.visual_asks = CrossAttention(width), CrossAttention(width)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.join = nn.Linear(2 * width, width)
        self.router = Router(width) if router else None

    def forward(
        self, temporal: torch.Tensor, visual: torch.Tensor, visible: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        by_time = self.norm(self.temporal_asks(temporal, visual, visible))
        by_phase = self.norm(self.visual_asks(visual, temporal, visible))
        seen = torch.cat([by_time, by_phase], -1)  # (n, N, 2 D)
        joint = self.join(seen)
        if self.router is None:
            return joint[:, :, None].expand(-1, -1, len(TASKS), -1), None
        return self.router(seen, torch.stack([by_time, joint, by_phase], 2))


def zero(layer: nn.Module) -> None:
    """Let a layer begin as one that adds nothing."""
    nn.init.zeros_(layer.get_parameter("weight"))
    nn.init.zeros_(layer.get_parameter("bias"))


def sinusoids(N: int, width: int, device: torch.device) -> torch.Tensor:
    """Positions (N, width) as sines and cosines of wavelengths from 2 pi to 10,000 tokens (Vaswani et al. 2017)."""
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000.0) / width))
    angles = torch.arange(N, device=device)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], 2).flatten(1)
