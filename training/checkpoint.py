"""Checkpoints: everything that resuming and inference need, as tensors and plain Python, in one file.

format, versions       what wrote it
model, optimizer, scaler    state dicts
state                  TrainState as a dict: where in the training, and the metrics of every finished epoch
config                 the config as plain data (`config.from_dict` reads it)
data                   channels, scaling {channel: stretch}, clip_length, frame_shape [C, H, W], cadence_s [shortest,
                       longest], reels, windows, classes
best_val_loss, world_size   lowest validation loss so far, and the number of processes that trained
"""

import hashlib
import io
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

import config
import models
from config.registry import without_unused
from data.disk.damage import Damaged
from data.disk.digests import check_sealed
from data.disk.sealing import write_sealed
from data.reel.stretch import Stretch
from training.places import check_is_there, path_of

FORMAT = "reelwatch checkpoint 1"


class CheckpointError(Damaged):
    """A file that is no checkpoint of this program, or a damaged one."""


@dataclass
class TrainState:
    """Where a training is. With it, every step is determined by the config and the data."""

    epoch: int = 0  # finished epochs
    step: int = 0  # finished steps of all epochs
    step_in_epoch: int = 0
    loss_sum: float = 0.0  # over the windows of this epoch so far
    grad_norm_sum: float = 0.0
    windows: int = 0
    history: list[dict[str, float]] = field(default_factory=list)  # one row an epoch, as in metrics.csv

    def count_step(self, loss_sum: float, windows: int, grad_norm: float) -> None:
        """Count one step: the loss summed over its windows, and its gradient norm (not finite: a skipped step)."""
        self.step += 1
        self.step_in_epoch += 1
        self.loss_sum += loss_sum
        self.windows += windows
        self.grad_norm_sum += grad_norm if math.isfinite(grad_norm) else 0.0

    def finish_epoch(self, val_loss: float, lr: float, frames_per_s: float) -> dict[str, float]:
        """Close the epoch and return its row of metrics.csv."""
        row = {
            "epoch": self.epoch + 1,
            "step": self.step,
            "train_loss": self.loss_sum / self.windows,
            "val_loss": val_loss,
            "lr": lr,
            "grad_norm": self.grad_norm_sum / self.step_in_epoch,
            "frames_per_s": frames_per_s,
        }
        self.history.append(row)
        self.epoch += 1
        self.step_in_epoch = self.windows = 0
        self.loss_sum = self.grad_norm_sum = 0.0
        return row

    @property
    def best_val_loss(self) -> float | None:
        return min((row["val_loss"] for row in self.history), default=None)

    @property
    def epochs_since_best(self) -> int:
        losses = [row["val_loss"] for row in self.history]
        return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def save(path: str | Path, checkpoint: dict[str, Any]) -> None:
    """Write a checkpoint with its digest, atomically, on the disk when it returns. Raises OSError on a full disk."""
    write_sealed(path, packed(checkpoint))


def packed(checkpoint: dict[str, Any]) -> bytes:
    """A checkpoint as `write_sealed` takes it: torch itself tells of a full disk as an error about its own archive."""
    content = io.BytesIO()
    torch.save({"format": FORMAT, **checkpoint}, content)
    return content.getvalue()


def load(path: str | Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint, its tensors on `device`, with the file's "sha256".

    Raises FileNotFoundError for a missing file, CheckpointError for a damaged or foreign one.
    """
    path = Path(path)
    check_is_there(path)
    content = path.read_bytes()
    try:
        is_sealed = check_sealed(content)
        checkpoint = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    except Exception as error:  # a damaged file makes torch raise nearly anything, IndexError and OSError too
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise CheckpointError(f"{path} is damaged or no checkpoint ({reason}); use another one of its folder") from None
    found = checkpoint.get("format") if isinstance(checkpoint, dict) else None
    if found != FORMAT:
        raise CheckpointError(f"{path} holds {str(found or 'something else')[:80]}, not a {FORMAT!r}; train it again")
    try:
        if not is_sealed:
            _check_form(checkpoint)
        own = without_unused(checkpoint.get("config", {}))
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise CheckpointError(f"{path} is damaged ({reason}); use another one of its folder") from None
    return checkpoint | {"config": own, "sha256": hashlib.sha256(content).hexdigest()}


def _check_form(checkpoint: dict[str, Any]) -> None:
    """Raise where a checkpoint lacks what its readers rely on; one without a digest may hold anything."""
    state, facts, _ = checkpoint["model"], checkpoint["data"], checkpoint["config"]["model"]
    if not all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items()):
        raise ValueError("model: something else than tensors by name")
    if not (len(facts["frame_shape"]) == 3 and all(n > 0 for n in (*facts["frame_shape"], facts["clip_length"]))):
        raise ValueError(f"frames of {facts['frame_shape']} in clips of {facts['clip_length']}")
    for constants in facts["scaling"].values():
        Stretch(**constants)


def load_model(
    run: str | Path, device: torch.device | str = "cpu", which: str = "best"
) -> tuple[nn.Module, dict[str, Any]]:
    """The trained model of a run folder, in eval mode on `device`, and its checkpoint.

    The model is built from the checkpoint's own config, and it works in the scaling of `checkpoint["data"]`.
    Raises as `load`.
    """
    checkpoint = load(path_of(run, which), device)
    return model_of(checkpoint, device, path_of(run, which)), checkpoint


def model_of(checkpoint: dict[str, Any], device: torch.device | str, origin: Path) -> nn.Module:
    """The model of a checkpoint, in eval mode on `device`; `origin` is named in errors. Raises CheckpointError."""
    settings, facts = config.from_dict(checkpoint["config"], origin=str(origin)).model, checkpoint["data"]
    model = models.build(settings, facts["frame_shape"][0], facts["clip_length"], len(facts.get("classes", ())))
    try:
        model.load_state_dict(checkpoint["model"])
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"{origin} is of another version of this model: {reason}") from None
    model = model.to(device)
    return model.to(memory_format=torch.channels_last_3d).eval()  # pyright: ignore[reportCallIssue] not in torch's stub
