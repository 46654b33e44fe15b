"""The run folder: where a training goes, which settings it may continue with, and the facts that are kept of it.

config.yaml    the config of the run          run.json       seed, versions, git commit, reels, windows, parameters
metrics.csv    one row an epoch               checkpoints/   best.pt, last.pt, epoch_NNNN.pt
tensorboard/   event files
"""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from config import Config, ConfigError, TrainConfig, as_dict, dump, from_dict
from data.disk.damage import numbers, read_json, read_table, told
from data.disk.files import write_csv, write_text
from data.disk.lock import owned
from data.disk.parts import sync
from data.disk.places import refuse_links_out
from data.disk.sealing import write_sealed_json
from data.version import git_commit
from training.places import path_of

RUNS = Path("runs")
NO_FACTS = "put back the file of the training, or train the model again"  # of run.json and metrics.csv
PACKAGES = ("torch", "torchmetrics", "numpy", "pandas", "pydantic", "tensorboard")
METRICS = ("epoch", "step", "train_loss", "val_loss", "lr", "grad_norm", "frames_per_s")
# These may differ when a run is resumed; everything else in seed, model and train decides the weights.
FREE = {"train.resume", "train.tensorboard", "train.checkpoint_interval"}


def choose_folder(config: Config) -> Path:
    """The folder of a fresh run, or of the run to resume.

    Raises FileExistsError when a fresh run would mix with another, FileNotFoundError when there is none to resume.
    """
    if config.train.resume:
        return _folder_to_resume(config)
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    folder = Path(config.model_path) if config.model_path else RUNS / f"{config.model.name}_{now}"
    refuse_other_run(folder)
    refuse_links_out(folder)
    return folder


def refuse_other_run(folder: Path) -> None:
    """Raise FileExistsError where a fresh run would mix with another."""
    if any(folder.glob("checkpoints/[!.]*.pt")):  # a hidden one is what a killed process had begun
        raise FileExistsError(
            f"{folder} holds the checkpoints of another run; continue it with --resume, or choose another folder with "
            "--model-path"
        )


@contextmanager
def owned_run(folder: Path, mode: str) -> Iterator[None]:
    """Own a run: whoever trains it, and whoever evaluates with it and so writes results and calibrations into it.

    Raises FolderInUse.
    """
    with owned(folder, mode, "give another --model-path: a copy of a run is a run"):
        yield


def forget_calibration(folder: Path) -> None:
    """Remove what was measured with a run's weights, before they are replaced; the quiet frames stay."""
    if stale := [path for path in (folder / "calibration").glob("*") if path.is_file()]:
        for path in stale:
            path.unlink()
        sync(folder / "calibration")


def _folder_to_resume(config: Config) -> Path:
    if config.model_path:
        folder = Path(config.model_path)
        if not path_of(folder, "last").is_file():
            raise FileNotFoundError(f"{folder} holds no checkpoint to resume from; start it without --resume")
        refuse_links_out(folder)
        return folder
    found = list(RUNS.glob("*/checkpoints/last.pt"))
    if not found:
        raise FileNotFoundError(f"no run to resume in {RUNS}; start one without --resume, or name it with --model-path")
    return max(found, key=lambda path: path.stat().st_mtime_ns).parent.parent


def resumed_config(given: Config, checkpoint: dict[str, Any], origin: Path) -> Config:
    """The run's own config, with the paths, device, workers, tensorboard and checkpoint_interval of the given one.

    Raises ConfigError that names every key that would change the training.
    """
    own = from_dict(checkpoint["config"], str(origin))
    check_same_training(own, given, origin, origin.parent.parent)
    habits = {key: getattr(given.train, key) for key in ("tensorboard", "checkpoint_interval")}
    places = {
        key: getattr(given, key) for key in ("data_raw", "data_clips", "model_path", "workers", "cluster", "device")
    }
    return replace(own, train=replace(own.train, **habits), **places)


def check_same_training(own: Config, given: Config, origin: Path, folder: Path) -> None:
    """Raise ConfigError that names every key by which the given settings would change a training.

    own: its settings, which stand in `origin`; folder: where its config.yaml lies.
    """
    differing = [
        f"{key} {ours!r} (given {theirs!r})"
        for key, ours, theirs in _differences(_deciding(own), _deciding(given))
        if key not in FREE
    ]
    if differing:
        raise ConfigError(
            f"{origin} was trained with other settings: {', '.join(differing)}; resume with the run's own "
            f"{folder / 'config.yaml'}, or start a new run without --resume"
        )


def check_same_data(before: dict[str, Any], now: dict[str, Any], run: Path) -> None:
    """Raise ConfigError that names what differs between the data of a run and the data it is resumed with."""
    # Runs from before there were classes, or from before the cadence was kept, which the reels' identity tells too.
    before = {"classes": [], "cadence_s": now.get("cadence_s")} | before
    differing = [key for key in now if now[key] != before.get(key)]
    if differing:
        raise ConfigError(
            f"{run} was trained on other data: {', '.join(differing)} differ; give the same reels with --data-clips "
            "and undo later review verdicts, or start a new run without --resume"
        )


def write_start(folder: Path, config: Config, facts: dict[str, Any]) -> None:
    """Write config.yaml and run.json of a fresh run."""
    write_text(folder / "config.yaml", dump(config), durable=True)
    start = {"started_utc": _now_utc(), "seed": config.seed, "versions": versions(), "git_commit": git_commit()}
    write_sealed_json(folder / "run.json", {**start, **facts, "resumed": []})


def write_resume(folder: Path, config: Config, step: int) -> None:
    """Note in run.json that a run was continued, from which step, and with what."""
    facts = read_run(folder)
    places = {key: getattr(config, key) for key in ("data_clips", "workers", "device")}
    now = {"at_utc": _now_utc(), "step": step, "versions": versions(), "git_commit": git_commit(), **places}
    write_sealed_json(folder / "run.json", {**facts, "resumed": [*facts["resumed"], now]})


def lacks_rounds(folder: Path) -> bool:
    """Whether a method that is fitted in rounds was interrupted before the last. Raises Damaged."""
    return (folder / "run.json").is_file() and not read_run(folder).get("is_settled", True)


def end_rounds(folder: Path) -> None:
    """Note that a method is fitted to what it is to be fitted to."""
    if lacks_rounds(folder):
        write_sealed_json(folder / "run.json", read_run(folder) | {"is_settled": True})


def read_run(folder: Path) -> dict[str, Any]:
    """What run.json tells. Raises Damaged, FileNotFoundError."""
    path = folder / "run.json"
    with told(path, NO_FACTS):
        facts = read_json(path, NO_FACTS)
        known = [*(str(reel["name"]) for reel in facts["reels"]), facts["windows"]["train"], facts["windows"]["val"]]
        known += [f"{facts['parameters']:,}", *(facts[name] for name in ("started_utc", "seed", "git_commit"))]
        if not isinstance(facts["resumed"], list) or len(known) < 6:
            raise ValueError("resumed: no list")
        return facts


def read_metrics(folder: Path) -> pd.DataFrame | None:
    """metrics.csv, None for what was fitted without. Raises Damaged."""
    path = folder / "metrics.csv"
    if not path.is_file():
        return None
    with told(path, NO_FACTS):
        table = read_table(path, NO_FACTS, METRICS)
        for name in ("epoch", "train_loss", "val_loss"):
            numbers(table, name)
        return table


def epochs_left(folder: Path, settings: TrainConfig) -> int:
    """How many epochs a training that was interrupted, or still goes on, lacks; 0 of one that ended, by itself too.

    As by `Trainer.stops_early`: only a lower validation loss is a better one. Of what was fitted without, 0. Raises
    Damaged.
    """
    if (table := read_metrics(folder)) is None:
        return 0
    losses = table["val_loss"].fillna(np.inf).to_numpy()
    since_best = len(losses) - 1 - int(losses.argmin()) if len(losses) else 0
    if 0 < settings.early_stop_epochs <= since_best:
        return 0
    return max(0, settings.epochs - len(losses))


def write_metrics(folder: Path, history: list[dict[str, float]]) -> None:
    """Write metrics.csv: one row a finished epoch."""
    write_csv(folder / "metrics.csv", pd.DataFrame(history, columns=METRICS))


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide the numbers."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def _now_utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _deciding(config: Config) -> dict[str, Any]:
    plain = as_dict(config)
    return {key: plain[key] for key in ("seed", "model", "train")}


def _differences(ours: Any, theirs: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    """Dotted keys at which two plain values differ, with both values; None for a key that one model has alone."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = dict.fromkeys([*ours, *theirs])
        pairs = [_differences(ours.get(k), theirs.get(k), f"{key}.{k}" if key else k) for k in keys]
        return [found for pair in pairs for found in pair]
    return [] if ours == theirs else [(key, ours, theirs)]
