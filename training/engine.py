"""The training loop: `Trainer.fit` goes through epochs, `train_epoch` through batches, `train_step` is one step.

Every step is a pure function of the config, the data and the state before it, so that a resumed run ends with the same
weights as one that was never interrupted.
"""

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

import models
from config import Config, ConfigError, TrainConfig, as_dict
from data.disk.sealing import write_sealed
from models.parts.planar import write_planar
from models.video_model import Batch, VideoModel
from training import checkpoint as checkpoints
from training import run as run_folder
from training.checkpoint import TrainState
from training.device import autocast, autocast_dtype, prefers_planar
from training.distributed import Batches, Processes
from training.interrupt import Interrupt
from training.loader import Data, train_loader, val_loader
from training.monitor import Monitor
from training.places import path_of
from training.schedule import lr_at
from training.shipped import load_shipped

SAVE_EVERY_S = 300.0  # inside an epoch; at its end the state is saved anyway


class TrainingError(ArithmeticError):
    """A training that can't go on; the message names the step and the way out."""


class Objective(nn.Module):
    """The model's loss as the forward of a module: what several processes are to average the gradients of.

    The loss runs in the precision of the training; what needs more digits sees to it (`in_full_precision`).
    """

    def __init__(self, model: VideoModel, device: torch.device, dtype: torch.dtype):
        super().__init__()
        self.model, self.device, self.dtype = model, device, dtype

    def forward(self, batch: Batch) -> Tensor:
        with autocast(self.device, self.dtype):
            return self.model.loss(batch)


class Trainer:
    """One training on this process: model, optimizer, batches and state."""

    def __init__(self, config: Config, data: Data, team: Processes, folder: Path, interrupt: Interrupt):
        self.config, self.data, self.team, self.folder, self.interrupt = config, data, team, folder, interrupt
        torch.manual_seed(config.seed)
        form = data.frame_shape[0], data.clip_length, len(data.train.classes)
        model = models.build(config.model, *form, train=config.train)
        model.check((data.clip_length, *data.frame_shape[1:]))
        # The samples of a series are exact to more digits than a pixel, and few enough for single precision.
        amp = "off" if data.frame_shape[1:] == (1, 1) else config.train.amp
        self.dtype = autocast_dtype(amp, team.device, model.min_temporal_depth(data.clip_length))
        if prefers_planar(team.device, self.dtype, data.frame_shape[1:]):
            write_planar(model)
        self.model = model.to(team.device)
        self.model.to(memory_format=torch.channels_last_3d)  # pyright: ignore[reportCallIssue] not in torch's stub
        self.optimizer = adamw(self.model, config.train)
        self.objective = Objective(self.model, team.device, self.dtype)
        self.net = team.wrap(self.objective)
        self.scaler = torch.amp.GradScaler(team.device.type, enabled=self.dtype == torch.float16)
        self.batches = Batches(
            len(data.train),
            config.train.batch_size,
            config.seed,
            drop_last=config.train.drop_last,
            rank=team.rank,
            world=team.world,
            endless=data.endless,
        )
        self.train_loader = train_loader(data, self.batches, config, team.device)
        self.val_loader = val_loader(data, config, team)
        self.state = TrainState()
        self.saved_at = time.monotonic()

    def begin(self, saved: dict[str, Any] | None) -> None:
        """Start afresh, or from a checkpoint; either way last.pt holds the start, so that any kill can be resumed."""
        if saved:
            self.restore(saved)
        elif self.config.train.init == "shipped":
            load_shipped(self.model)
        self.monitor = Monitor(self.folder, self.state.step, self.team.is_main)
        if not self.team.is_main:
            return
        if saved:
            run_folder.write_resume(self.folder, self.config, self.state.step)
        else:
            run_folder.write_start(self.folder, self.config, self.run_facts())
        self.save("last")

    def fit(self) -> None:
        """Train until the last epoch, or until `early_stop_epochs` epochs brought no better validation loss."""
        try:
            while self.state.epoch < self.config.train.epochs and not self.stops_early():
                frames_per_s = self.train_epoch()
                self.finish_epoch(self.validate(), frames_per_s)
        finally:
            self.monitor.close()

    def train_epoch(self) -> float:
        """Train on the rest of the epoch; returns frames per second over all processes."""
        self.net.train()
        state, started, frames, frames_per_s = self.state, time.monotonic(), 0, 0.0
        self.batches.start(state.epoch, first=state.step_in_epoch)
        title = f"epoch {state.epoch + 1}/{self.config.train.epochs}"
        with self.monitor.progress(title, len(self.batches.batches), state.step_in_epoch) as bar:
            for batch in self.train_loader:
                windows = self.batches.shares(state.step_in_epoch)
                loss, asked_to_stop = self.train_step(self.on_device(*batch), *windows)
                frames += windows[1] * self.data.clip_length
                frames_per_s = frames / (time.monotonic() - started)
                bar.set_postfix(loss=f"{loss:.4f}", frames_per_s=f"{frames_per_s:.0f}", refresh=False)
                bar.update()
                self.stop_if(asked_to_stop)
                self.save_when_due()
        return frames_per_s

    def train_step(self, batch: Batch, mine: int, everyone: int) -> tuple[float, bool]:
        """One optimizer step on this process's `mine` of all `everyone` windows.

        Returns the loss over all of them, and whether any process was asked to stop.
        """
        lr = self.lr()
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        # Whatever is random in a step follows from its number, so that a checkpoint needs no generator states.
        torch.manual_seed(int(np.random.SeedSequence([self.config.seed, self.state.step]).generate_state(1)[0]))
        loss = self.net(batch)
        self.optimizer.zero_grad()
        # DDP averages over processes; weighted like this, the average is the mean over all windows.
        self.scaler.scale(loss * (mine * self.team.world / everyone)).backward()
        self.scaler.unscale_(self.optimizer)
        norm = get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None])
        # Read together, because each read waits for the device.
        loss_here, grad_norm = torch.stack([loss.detach(), norm]).tolist()
        loss_sum, asked_to_stop = self.team.sum(loss_here * mine, self.interrupt.requested)
        self.check_finite(loss_sum, grad_norm)
        clip_grads_with_norm_(self.model.parameters(), self.config.train.grad_clip, norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.monitor.step(self.state.step, loss_sum / everyone, lr, grad_norm)
        self.state.count_step(loss_sum, everyone, grad_norm)
        return loss_sum / everyone, asked_to_stop > 0

    @torch.no_grad()
    def validate(self) -> float:
        """Loss over all validation windows of all processes, of what eval will see: without noise or penalties."""
        self.model.eval()
        loss_sum, windows = 0.0, 0
        for batch in self.val_loader:
            x, *_ = batch = self.on_device(*batch)
            # The same frames in a loss that draws some, in every epoch and on any number of processes.
            torch.manual_seed(self.config.seed)
            loss_sum += self.objective(batch).item() * len(x)
            windows += len(x)
            self.stop_if(self.interrupt.requested)
        loss_sum, windows = self.team.sum(loss_sum, windows)
        return loss_sum / windows

    def finish_epoch(self, val_loss: float, frames_per_s: float) -> None:
        """Write the epoch's metrics and checkpoints. Raises TrainingError for a non-finite validation loss."""
        if not math.isfinite(val_loss):
            raise TrainingError(f"epoch {self.state.epoch + 1}: the validation loss is {val_loss}; {self.way_out()}")
        row = self.state.finish_epoch(val_loss, self.lr(self.state.step - 1), frames_per_s)
        if not self.team.is_main:
            return
        run_folder.write_metrics(self.folder, self.state.history)
        self.monitor.epoch(row, self.config.train.epochs, self.example())
        is_best = self.state.epochs_since_best == 0
        is_kept = self.state.epoch % self.config.train.checkpoint_interval == 0
        if is_best:
            run_folder.forget_calibration(self.folder)
        # `last` behind all others: from there on a resumed run takes the epoch as done.
        self.save(*["best"] * is_best, *[f"epoch_{self.state.epoch:04d}"] * is_kept, "last")

    @torch.no_grad()
    def example(self) -> tuple[Tensor, Tensor] | None:
        """The first validation window and its reconstruction, both (C, T, H, W); None where the model gives none."""
        x = self.data.val[0][0].to(self.team.device)[None].contiguous(memory_format=torch.channels_last_3d)
        with autocast(self.team.device, self.dtype):
            return self.model.example(x)

    def on_device(self, x: Tensor, valid: Tensor, labels: Tensor) -> Batch:
        x, valid, labels = (v.to(self.team.device, non_blocking=True) for v in (x, valid, labels))
        if self.model.marks_unknown:
            x = x.masked_fill(valid == 0, torch.nan)
        return Batch(x.contiguous(memory_format=torch.channels_last_3d), valid, labels)

    def lr(self, step: int | None = None) -> float:
        """Learning rate of a step, the next one by default."""
        settings, steps = self.config.train, len(self.batches.batches)
        step = self.state.step if step is None else step
        warmup_steps = round(min(settings.warmup_epochs, settings.epochs) * steps)
        return lr_at(step, settings.epochs * steps, warmup_steps, settings.lr, settings.eta_min)

    def stops_early(self) -> bool:
        patience = self.config.train.early_stop_epochs
        return 0 < patience <= self.state.epochs_since_best

    def check_finite(self, loss: float, grad_norm: float) -> None:
        """Raise TrainingError that names the step and the first bad parameter, before the weights are touched."""
        # With float16 a gradient may overflow until its scale has come down; the scaler then skips the step.
        may_overflow = self.scaler.is_enabled() and self.scaler.get_scale() > 1
        if math.isfinite(loss) and (math.isfinite(grad_norm) or may_overflow):
            return
        bad = (n for n, p in self.model.named_parameters() if p.grad is not None and not p.grad.isfinite().all())
        raise TrainingError(
            f"step {self.state.step} (epoch {self.state.epoch + 1}): loss {loss}, gradient norm {grad_norm}; "
            f"first parameter with a non-finite gradient: {next(bad, 'none')}; {self.way_out()}"
        )

    def way_out(self) -> str:
        return (
            f"the last good state is {path_of(self.folder, 'last')}; look for bad pixels in the reels, or start anew "
            "with a lower train.lr or train.amp=off"
        )

    def stop_if(self, asked: bool) -> None:
        """Save and raise KeyboardInterrupt when asked to."""
        if asked:
            self.save("last")
            raise KeyboardInterrupt(
                f"stopped after step {self.state.step}; go on with --resume --model-path {self.folder}"
            )

    def save_when_due(self) -> None:
        if time.monotonic() - self.saved_at > SAVE_EVERY_S:
            self.save("last")

    def save(self, *which: str) -> None:
        """Write a checkpoint of the state, under each of the names in turn, from the main process only."""
        self.saved_at = time.monotonic()
        if not self.team.is_main:
            return
        contents = {
            "versions": run_folder.versions(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "state": asdict(self.state),
            "best_val_loss": self.state.best_val_loss,
            "config": as_dict(self.config),
            "data": self.data.facts,
            "world_size": self.team.world,
        }
        content = checkpoints.packed(contents)
        for name in which:
            write_sealed(path_of(self.folder, name), content)

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to a checkpoint's state. Raises ConfigError for other data or another number of processes."""
        run_folder.check_same_data(saved["data"], self.data.facts, self.folder)
        if saved["world_size"] != self.team.world:
            raise ConfigError(
                f"{self.folder} was trained on {saved['world_size']} processes, not {self.team.world}; resume it with "
                f"torchrun --nproc-per-node {saved['world_size']}"
            )
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scaler.load_state_dict(saved["scaler"])
        self.state = TrainState(**saved["state"])

    def run_facts(self) -> dict[str, Any]:
        """What run.json tells beside the config."""
        return {
            **self.data.about,
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "device": str(self.team.device),
            "precision": str(self.dtype).removeprefix("torch."),
            "processes": self.team.world,
        }


def adamw(model: nn.Module, settings: TrainConfig) -> torch.optim.AdamW:
    """AdamW that decays weights, and neither biases nor the scales of normalisation layers.

    Source: Loshchilov & Hutter 2019 (arXiv 1711.05101).
    """
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    # Gradients of a small residual are small themselves; the default eps of 1e-8 would stand in for them.
    return torch.optim.AdamW(groups, lr=settings.lr, eps=1e-14)
