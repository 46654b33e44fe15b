"""`vetime` in three nets that run outside of PyTorch: its views of time and of phase, and what is made of both.

Between them stands what a net of fixed shapes can't do: rows are folded by periods of their own. That is NumPy, see
data/series/folding.py. All three take any number of rows and samples.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn
from torch.export import Dim

from data.series.folding import TOKEN, Rows
from models.parts.planar import planar

if TYPE_CHECKING:
    from models.vetime import VeTime

TIME, PHASE, JUDGE = "time", "phase", "judge"  # names of the nets
LEAST = 2  # rows, cycles and tokens of what they are traced with


class Part(NamedTuple):
    """A net with inputs by name: an example of each, and which of its axes have any size. output: its name."""

    net: nn.Module
    inputs: dict[str, torch.Tensor]
    free: dict[str, dict[int, Any]]
    output: str


class OverTime(nn.Module):
    """Signals and what is known of them (n, L) -> tokens (n, N, D)."""

    def __init__(self, net: "VeTime"):
        super().__init__()
        self.net = net

    def forward(self, signal: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        return self.net.over_time(of(signal, known))


class OverPhase(nn.Module):
    """Images (k, 4, R, P) -> features of their samples (k, D / 4, R, P)."""

    def __init__(self, net: "VeTime"):
        super().__init__()
        self.net = net

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.net.places(image)


class Judging(nn.Module):
    """Signals and what is known of them (n, L), shares of rows in the mean of their series (n, n), and tokens
    (n, N, D) of both views, or of the only one -> logits (n, L)."""

    def __init__(self, net: "VeTime"):
        super().__init__()
        self.net = net

    def forward(
        self,
        signal: torch.Tensor,
        known: torch.Tensor,
        mates: torch.Tensor,
        view: torch.Tensor,
        other: torch.Tensor | None = None,
    ) -> torch.Tensor:
        tokens = self.net.mixed(view, other, known)
        return self.net.answers(of(signal, known), tokens, lambda seen: (mates @ seen.flatten(1)).view_as(seen))[1]


def of(signal: torch.Tensor, known: torch.Tensor) -> Rows:
    """Rows of which nothing else is asked."""
    return Rows(signal, known, None, None, None, None, None)


def separate(net: "VeTime") -> dict[str, Part]:
    """The nets by name: TIME and PHASE, as far as it has these branches, and JUDGE."""
    flat, width = planar(net).eval(), net.channels.in_features
    n, N, R, P = (Dim(name, min=LEAST, max=2**20) for name in ("rows", "tokens", "cycles", "columns"))
    shape = {0: n, 1: TOKEN * N}
    rows = {"signal": torch.randn(3, 8 * TOKEN), "known": torch.rand(3, 8 * TOKEN) > 0.5}
    parts = {}
    if net.temporal is not None:
        parts[TIME] = Part(OverTime(flat), rows, dict.fromkeys(rows, shape), "tokens")
    if net.visual is not None:
        image = {"image": torch.randn(3, 4, 5, 6 * TOKEN)}
        parts[PHASE] = Part(OverPhase(flat), image, {"image": {0: n, 2: R, 3: TOKEN * P}}, "places")
    views = {name: torch.randn(3, 8, width) for name in parts}
    inputs = rows | {"mates": torch.eye(3)} | views
    free = dict.fromkeys(rows, shape) | {"mates": {0: n, 1: n}} | {key: {0: n, 1: N} for key in views}
    return parts | {JUDGE: Part(Judging(flat), inputs, free, "logits")}
