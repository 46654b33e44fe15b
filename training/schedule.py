"""Learning rate as a pure function of the step, so that resuming needs no scheduler state."""

import math


def lr_at(step: int, total_steps: int, warmup_steps: int, lr: float, eta_min: float) -> float:
    """Learning rate of step 0 .. total_steps - 1: linear warm-up to `lr`, then a cosine down to `eta_min`.

    The last warm-up step has exactly `lr`, the last step of all exactly `eta_min`.
    Source: warm-up of Goyal et al. 2017 (arXiv 1706.02677), cosine of Loshchilov & Hutter 2017 (arXiv 1608.03983).
    """
    if step < warmup_steps:
        return lr * ((step + 1) / warmup_steps)
    peak = max(warmup_steps - 1, 0)
    progress = min(1.0, (step - peak) / max(1, total_steps - 1 - peak))
    return eta_min + 0.5 * (lr - eta_min) * (1 + math.cos(math.pi * progress))
