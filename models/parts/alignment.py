"""Aligning a window's time steps with a sequence of labels: dynamic time warping that only stays or advances.

Every time step gets exactly one label and every label at least one time step, in order: so a short sequence like
normal, anomalous, normal becomes a segmentation. The cost of an alignment is the sum of cost[label, time] along its
path. Sources: Lee et al. 2021 (WETAS, arXiv 2108.06816) for the moves; Cuturi and Blondel 2017 (arXiv 1703.01541) for
the soft minimum, whose gradient is the expected alignment.
"""

import torch


def soft_cost(cost: torch.Tensor, lengths: torch.Tensor, gamma: float) -> torch.Tensor:
    """Soft minimum over all alignments of cost (B, S, T): -gamma log sum exp(-cost / gamma), (B,).

    lengths: (B,) labels in each sequence, at most S; rows behind them do not count. Differentiable in cost, once.
    Raises ValueError where a sequence is empty or has more labels than there are time steps.
    """
    _check(cost, lengths)
    return _SoftCost.apply(cost, lengths, gamma)


@torch.no_grad()
def best_alignment(cost: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """The label (its place in the sequence) of every time step along the cheapest alignment: (B, S, T) -> (B, T).

    Of alignments that cost the same it takes the one that advances first. Raises ValueError as `soft_cost`.
    """
    _check(cost, lengths)
    B, S, T = cost.shape
    total, advanced = _first(cost), torch.zeros(T, B, S, dtype=torch.bool, device=cost.device)
    for t in range(1, T):
        shifted = _advanced(total)
        advanced[t] = shifted < total
        total = cost[:, :, t] + torch.minimum(shifted, total)
    place = lengths - 1
    path = torch.empty(T, B, dtype=torch.int64, device=cost.device)
    for t in range(T - 1, -1, -1):
        path[t] = place
        place = place - advanced[t].gather(1, place[:, None])[:, 0].long()
    return path.T


class _SoftCost(torch.autograd.Function):
    """Forwards and backwards in time at once, because the backward pass is the same recursion on reversed costs."""

    @staticmethod
    def forward(ctx, cost: torch.Tensor, lengths: torch.Tensor, gamma: float) -> torch.Tensor:
        wants_gradient = cost.requires_grad
        both = torch.cat([cost, _reversed(cost, lengths)]) if wants_gradient else cost
        totals = _totals(both, gamma)
        value = totals[: len(cost)].gather(1, (lengths - 1)[:, None, None].expand(-1, 1, cost.shape[2]))[:, 0, -1]
        if wants_gradient:
            behind = _reversed(totals[len(cost) :], lengths)  # cost from here to the end, this step included
            share = torch.exp((value[:, None, None] - totals[: len(cost)] - behind + cost) / gamma)
            counts = torch.arange(cost.shape[1], device=cost.device) < lengths[:, None]
            ctx.save_for_backward(torch.where(counts[:, :, None], share, 0))
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (share,) = ctx.saved_tensors
        return grad[:, None, None] * share, None, None


def _totals(cost: torch.Tensor, gamma: float) -> torch.Tensor:
    """Soft cost of the alignments that end at each place: (B, S, T) -> (B, S, T), infinite where none does."""
    total, found = _first(cost), []
    for t in range(cost.shape[2]):
        if t:
            total = cost[:, :, t] - gamma * torch.logaddexp(-_advanced(total) / gamma, -total / gamma)
        found.append(total)
    return torch.stack(found, 2)


def _first(cost: torch.Tensor) -> torch.Tensor:
    """Totals (B, S) at the first time step, which has the first label."""
    total = torch.full_like(cost[:, :, 0], torch.inf)
    total[:, 0] = cost[:, 0, 0]
    return total


def _advanced(total: torch.Tensor) -> torch.Tensor:
    """Totals (B, S) of the label before."""
    return torch.nn.functional.pad(total[:, :-1], (1, 0), value=torch.inf)


def _reversed(values: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Values (B, S, T) backwards in time, and each sequence's labels from its last one on. Its own inverse."""
    B, S, T = values.shape
    place = (lengths[:, None] - 1 - torch.arange(S, device=values.device)).clamp(min=0)
    return values.flip(2).gather(1, place[:, :, None].expand(B, S, T))


def _check(cost: torch.Tensor, lengths: torch.Tensor) -> None:
    longest = min(cost.shape[1:])
    if len(lengths) and not 1 <= int(lengths.min()) <= int(lengths.max()) <= longest:
        raise ValueError(
            f"sequences of {int(lengths.min())} to {int(lengths.max())} labels can't be aligned, given {cost.shape[1]} "
            f"rows of costs and {cost.shape[2]} time steps; they must have 1 to {longest}"
        )
