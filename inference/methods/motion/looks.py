"""The net of `expected`, trained and run by PyTorch; a bundle has it as ONNX, and so this file is no part of that."""

import sys
from typing import Any

import numpy as np
import torch
from torch import nn

from data.messages import progress
from inference.methods.motion.flow import normalised
from models.parts.appearance import AppearanceNet, laplace_loss
from models.parts.planar import planar, write_planar
from training.device import autocast, autocast_dtype, prefers_planar

STEPS, BATCH_FRAMES, LEARNING_RATE, WEIGHT_DECAY = 400, 16, 3e-3, 1e-2
Weights = dict[str, np.ndarray]


def learnt(frames: np.ndarray, target: np.ndarray, cell: int, seed: int, device: Any) -> Weights:
    """The weights of a net that expects target (n, h / cell, w / cell) of single frames (n, h, w) uint8.

    STEPS steps on BATCH_FRAMES random frames each.
    """
    torch.manual_seed(seed)
    device, random = torch.device(device), np.random.default_rng(seed)
    net = new_net(target.shape[1:], cell, device).train()
    dtype = autocast_dtype("auto", device, temporal_depth=sys.maxsize)  # no kernel is longer than a frame
    if prefers_planar(device, dtype, frames.shape[1:]):
        write_planar(net)
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=STEPS)
    with progress(range(STEPS), desc="training", unit="step") as bar:
        for _ in bar:
            chosen = random.integers(0, len(frames), BATCH_FRAMES)
            with autocast(device, dtype):
                mean, log_spread = net(as_clip(normalised(frames[chosen]), device))
            loss = laplace_loss(mean, log_spread, torch.from_numpy(target[chosen]).to(device)[None])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    return {name: value.cpu().numpy() for name, value in net.state_dict().items()}


def new_net(grid: tuple[int, ...], cell: int, device: Any) -> AppearanceNet:
    """An untrained net for pictures of so many cells (rows, columns)."""
    net = AppearanceNet((grid[0], grid[1]), cell).to(device)
    return net.to(memory_format=torch.channels_last_3d)  # pyright: ignore[reportCallIssue] not in torch's stub


def trained_net(weights: Weights, cell: int, device: Any) -> AppearanceNet:
    """The net of `learnt`, ready to be asked."""
    net = new_net(weights["place"].shape[-2:], cell, device).eval()
    net.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return net


class Looks:
    """The net as `Expected` asks it: normalised frames (n, h, w) float32 -> what it expects, (n, h / c, w / c)."""

    def __init__(self, weights: Weights, cell: int, device: Any):
        self.device = torch.device(device)
        self.net = trained_net(weights, cell, self.device)

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray, amp: str) -> np.ndarray:
        with autocast(self.device, autocast_dtype(amp, self.device, temporal_depth=sys.maxsize)):
            mean, _ = self.net(as_clip(frames, self.device))
        return mean[0].float().cpu().numpy()


def as_clip(frames: np.ndarray, device: torch.device) -> torch.Tensor:
    """Normalised frames (n, h, w) as (1, 1, n, h, w) on the device."""
    x = torch.from_numpy(np.ascontiguousarray(frames))[None, None].to(device)
    return x.contiguous(memory_format=torch.channels_last_3d)


class Means(nn.Module):
    """What leaves PyTorch: single frames (n, 1, 1, h, w) -> what is expected of them, (n, 1, h / cell, w / cell)."""

    def __init__(self, net: AppearanceNet):
        super().__init__()
        self.net = planar(net)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)[0]
