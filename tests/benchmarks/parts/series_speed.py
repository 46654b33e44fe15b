"""Windows a second, training and scoring, of the nets for series beside each other on this machine.

No entry point: series.py runs it.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

CHANNELS, LENGTH, BATCH, STEPS, ROUNDS = 25, 100, 32, 30, 3
QUICK_BATCH, QUICK_STEPS, QUICK_ROUNDS = 4, 2, 1
STAGE = {"width": 64, "depth": 3}
STAGES = {"tvnet": [STAGE | {"modulation": "dynamic"}], "timesnet": [STAGE]}


def speed(a: argparse.Namespace) -> dict[str, float]:
    """Measure tvnet and timesnet in turn, so that both see the same machine; the median of three rounds."""
    import models
    from config import load

    torch.set_num_threads(a.jobs)
    found: dict[str, list[float]] = {}
    batch, steps, rounds = (QUICK_BATCH, QUICK_STEPS, QUICK_ROUNDS) if a.quick else (BATCH, STEPS, ROUNDS)
    for _ in range(rounds):
        for name in STAGES:
            settings = load(None, {"model.name": name, "model.stages": STAGES[name]})
            torch.manual_seed(a.seed)
            model = models.build(settings.model, CHANNELS, LENGTH)
            x = torch.randn(batch, CHANNELS, LENGTH, 1, 1).cumsum(2)
            found.setdefault(f"windows_per_s_train_{name}", []).append(rate(steps, step, model.train(), x))
            with torch.inference_mode():
                found.setdefault(f"windows_per_s_eval_{name}", []).append(rate(steps, model.eval(), x))
    figures = {key: float(np.median(values)) for key, values in found.items()}
    for side in ("train", "eval"):
        ratio = figures[f"windows_per_s_{side}_tvnet"] / figures[f"windows_per_s_{side}_timesnet"]
        figures[f"{side}_speed_tvnet_over_timesnet"] = ratio
        print(f"{side}: tvnet {figures[f'windows_per_s_{side}_tvnet']:.0f} windows/s, {ratio:.2f} times timesnet")
    return figures


def step(model: torch.nn.Module, x: torch.Tensor) -> None:
    loss = (model(x) - x).square().mean()
    loss.backward()
    model.zero_grad()


def rate(steps: int, run: Callable, *arguments) -> float:
    """Windows a second; the last argument is the batch."""
    run(*arguments)
    begun = time.perf_counter()
    for _ in range(steps):
        run(*arguments)
    return steps * len(arguments[-1]) / (time.perf_counter() - begun)
