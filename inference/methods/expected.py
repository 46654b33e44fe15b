"""Motion or change beyond what its look explains: a small net learns from single quiet frames what to expect.

A net that sees motion learns to reconstruct any; this one sees one frame at a time and is asked how fast (or how much)
things that look so, at that place, usually move (or change). What exceeds it by more than it ever did in quiet
validation clips is unusual: a cyclist is as tall as a walker, and faster.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import ClassVar, Literal, NamedTuple

import cv2
import numpy as np
import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import nn

from config import ModelConfig
from data.messages import progress
from inference.calibration.quiet import QuietRange
from inference.methods.base import Fold, Method, all_but, enlarged, reflected
from inference.methods.flow import LEAST_PX, SIZE_FRAMES, WORK_PX, quiet_maximum, shrunk, speed_between
from inference.methods.timing import Timing
from inference.methods.usual_pace import earlier_version, highest_of_parts, sizes_of, usual_level
from models.parts.appearance import AppearanceNet, laplace_loss
from training.device import autocast, autocast_dtype

STEPS, BATCH_FRAMES, LEARNING_RATE, WEIGHT_DECAY = 400, 16, 3e-3, 1e-2
TRAINING_FRAMES, BLOCK = 4_000, 16  # at most, in blocks of consecutive frames
SHARED_CELLS, REACH_CELLS = 3, 5.0  # of the map of quiet maxima
LAG = (3, 10)  # change is against the mean of the frames so far back: a gradual drift is none, a flare of minutes is


class Target(NamedTuple):
    """What is expected: a map of each frame, the frames before that it needs, and how it is pooled.

    measure: frames (before + n, h, w) uint8 -> (n, h, w). cell: px a grid place; pool: cells and frames averaged over.
    is_speed: whether it grows with the time between frames, and the camera's motion does not show in it. level: how
    high it gets in quiet frames (h, w), from chunks' highest parts (n, h, w), the size of things by row and the unit,
    and as which array a run keeps it.
    """

    measure: Callable[[np.ndarray], np.ndarray]
    before: int
    cell: int
    pool_cells: int
    pool_frames: int
    is_speed: bool
    level: Callable[[list[np.ndarray], np.ndarray, float], np.ndarray]
    kept_as: str


def change(frames: np.ndarray) -> np.ndarray:
    """|frame - mean of the frames LAG back|, in grey levels: (LAG[1] + n, h, w) -> (n, h, w)."""
    near, far = LAG
    grey = frames.astype(np.float32)
    pairs = ((grey[i], grey[i - far : i - near + 1].mean(axis=0)) for i in range(far, len(grey)))
    return np.stack([np.abs(now - then) for now, then in pairs])


def speed_level(chunks: list[np.ndarray], size: np.ndarray, unit: float) -> np.ndarray:
    return usual_level(chunks, size, LEAST_PX / unit)


def change_level(chunks: list[np.ndarray], size: np.ndarray, unit: float) -> np.ndarray:
    highest = np.stack([chunk.max(axis=0) for chunk in chunks]).astype(np.float32)
    return quiet_maximum(highest.mean(axis=0), SHARED_CELLS, REACH_CELLS)


TARGETS = {
    "speed": Target(speed_between, 1, 3, 3, 9, True, speed_level, "usual_excess"),
    "change": Target(change, LAG[1], 2, 1, 1, False, change_level, "quiet_maximum"),
}


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ExpectedConfig(ModelConfig):
    target: Literal["speed", "change"] = "speed"


class Expected(Method):
    """What exceeds the expected speed or change (model.target), in units of the place's quiet maximum."""

    Config: ClassVar[type[ModelConfig]] = ExpectedConfig
    pictures_only = True

    @property
    def target(self) -> Target:
        target, timing = TARGETS[self.settings.target], Timing.of(self.arrays)
        if not target.is_speed:
            return target
        measure = partial(speed_between, pair=timing.pair)
        return target._replace(measure=measure, before=timing.pair, pool_frames=timing.pool)

    @property
    def is_steady(self) -> bool:
        return self.target.is_speed

    @property
    def by_speed(self) -> bool:
        return self.target.is_speed

    @property
    def before(self) -> int:
        return self.target.before + self.target.pool_frames // 2

    @property
    def after(self) -> int:
        return self.target.pool_frames // 2

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        """Train the net on training frames; then the quiet maximum of every place on frames it has not seen."""
        train, val = ([r for r in quiet if r.side == side] for side in ("train", "val"))
        cadence_s = train[0].reel.cadence_s
        self.arrays = {"cadence_s": np.array([cadence_s]), **Timing.at(cadence_s).as_arrays()}
        small, raw = zip(*(self._measured(*block) for block in self._blocks(train)), strict=True)
        small, raw = np.concatenate(small), np.concatenate(raw)
        scale = np.float32(max(np.sqrt(np.mean(np.square(raw))), 1e-6))
        some = small[:: max(1, -(-len(small) // SIZE_FRAMES))]
        self.arrays["size_px"] = sizes_of(some, some).reshape(-1, self.target.cell).mean(axis=1)
        net = self._new_net(small.shape[1:], seed)
        train_net(net, small, raw / scale, seed, self.device)
        weights = {f"net.{name}": value.cpu().numpy() for name, value in net.state_dict().items()}
        self.arrays |= {"scale": np.array([scale]), **weights}
        self._fit_maximum(val)

    def fitted_on(self, quiet: list[QuietRange]) -> "Expected":
        """A copy with the same net, and the quiet maximum of other frames."""
        copy = Expected(self.settings, dict(self.arrays), self.scaling, self.clip_length)
        copy.device = self.device
        copy._fit_maximum(quiet)
        return copy

    def folds(self, quiet: Sequence[QuietRange]) -> list[Fold]:
        """The net is fitted once; the quiet maxima of validation frames are cross-fitted."""
        train, val = ([r for r in quiet if r.side == side] for side in ("train", "val"))
        return [Fold(self, train, is_new=False), *(f for f in super().folds(val) if f.ranges)]

    def _fit_maximum(self, quiet: Sequence[QuietRange]) -> None:
        """How high excess gets at every place, on frames that the net has not seen."""
        chunks = [chunk for r in quiet for chunk in r.pieces(Timing.of(self.arrays).chunk)]
        excess = [np.maximum(self._excess(self._context(c), self.pace_of(c.reel)), 0) for c in chunks]
        highest, scale = [highest_of_parts(e) for e in excess], float(self.arrays["scale"][0])
        self.arrays[self.target.kept_as] = self.target.level(highest, self.arrays["size_px"], scale)

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[None, np.ndarray]:
        """Raises ValueError for a run of an earlier version, whose levels were others."""
        if self.target.kept_as not in self.arrays:
            raise ValueError(earlier_version(self.settings.name))
        maps = np.maximum(self._excess(frames, self.pace), 0) / self.arrays[self.target.kept_as]
        return None, enlarged(maps, frames)

    @property
    def guard(self) -> int:
        return Timing.of(self.arrays).guard if self.target.is_speed else 0

    def beside(self, k: int, parts: list[list[QuietRange]]) -> list[QuietRange]:
        return all_but(k, parts) if self.target.is_speed else super().beside(k, parts)  # what changes, drifts

    def _blocks(self, train: Sequence[QuietRange]) -> Iterator[tuple[np.ndarray, float]]:
        """At most about TRAINING_FRAMES frames in blocks of at most BLOCK, with what `target.before` needs, and their
        pace."""
        starts = [(r, first) for r in train for first in range(r.begin, r.end, BLOCK)]
        step = max(1, -(-len(starts) * BLOCK // TRAINING_FRAMES))
        for r, first in starts[::step]:
            indices = np.arange(first - self.target.before, min(first + BLOCK, r.end))
            yield self.read(r.reel, reflected(indices, r.begin, r.end))[0], self.pace_of(r.reel)

    def _measured(self, frames: np.ndarray, pace: float) -> tuple[np.ndarray, np.ndarray]:
        """Shrunk grey frames and their target on the grid, of all frames but the first `target.before` ones."""
        small = shrunk(frames, WORK_PX, self.target.cell)
        grid = [n // self.target.cell for n in small.shape[:0:-1]]
        maps = [cv2.resize(m, grid, interpolation=cv2.INTER_AREA) for m in self.target.measure(small)]
        return small[self.target.before :], np.float32(pace) * np.stack(maps)

    def _excess(self, frames: np.ndarray, pace: float) -> np.ndarray:
        """Pooled target beyond the expected one, (n, h, w) for frames with their context."""
        small, raw = self._measured(frames, pace)
        expected = predict(self._net(small.shape[1:]), small, self.device)
        side, depth = self.target.pool_cells, self.target.pool_frames
        excess = raw / self.arrays["scale"] - expected
        if side > 1:
            excess = np.stack([cv2.blur(m, (side, side), borderType=cv2.BORDER_REFLECT) for m in excess])
        windows = np.lib.stride_tricks.sliding_window_view(excess, depth, axis=0)
        return windows.mean(axis=-1, dtype=np.float32)

    def _context(self, r: QuietRange) -> np.ndarray:
        indices = np.arange(r.begin - self.before, r.end + self.after)
        return self.read(r.reel, reflected(indices, r.begin, r.end))[0]

    def _new_net(self, size: tuple[int, int], seed: int) -> nn.Module:
        torch.manual_seed(seed)
        grid = size[0] // self.target.cell, size[1] // self.target.cell
        net = AppearanceNet(grid, self.target.cell).to(self.device)
        return net.to(memory_format=torch.channels_last_3d)  # pyright: ignore[reportCallIssue] not in torch's stub

    def _net(self, size: tuple[int, int]) -> nn.Module:
        if self._cached is None:
            self._cached = self._new_net(size, 0).eval()
            own = {n.removeprefix("net."): torch.from_numpy(a) for n, a in self.arrays.items() if n.startswith("net.")}
            self._cached.load_state_dict(own)
        return self._cached

    _cached: nn.Module | None = None


def train_net(net: nn.Module, frames: np.ndarray, target: np.ndarray, seed: int, device: torch.device) -> None:
    """STEPS steps on BATCH_FRAMES random frames (n, h, w) uint8 each, towards target (n, h / cell, w / cell)."""
    random, net = np.random.default_rng(seed), net.train()
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=STEPS)
    dtype = autocast_dtype("auto", device, temporal_depth=sys.maxsize)  # no kernel is longer than a frame
    with progress(range(STEPS), desc="training", unit="step") as bar:
        for _ in bar:
            chosen = random.integers(0, len(frames), BATCH_FRAMES)
            with autocast(device, dtype):
                mean, log_spread = net(as_input(frames[chosen], device))
            loss = laplace_loss(mean, log_spread, torch.from_numpy(target[chosen]).to(device)[None])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    net.eval()


@torch.inference_mode()
def predict(net: nn.Module, frames: np.ndarray, device: torch.device) -> np.ndarray:
    """Expected target (n, h / cell, w / cell) of frames (n, h, w) uint8."""
    with autocast(device, autocast_dtype("auto", device, temporal_depth=sys.maxsize)):
        parts = [net(as_input(frames[i : i + BLOCK], device))[0][0] for i in range(0, len(frames), BLOCK)]
    return torch.cat(parts).float().cpu().numpy()


def as_input(frames: np.ndarray, device: torch.device) -> torch.Tensor:
    """Frames (n, h, w) uint8 as (1, 1, n, h, w) float32 about 0."""
    x = torch.from_numpy(np.ascontiguousarray(frames))[None, None].to(device).float()
    return ((x / 255 - 0.45) * 4).contiguous(memory_format=torch.channels_last_3d)
