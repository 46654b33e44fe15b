"""`train`: fit a model to the windows of reels, alone or as one of the processes of torchrun."""

from contextlib import nullcontext
from pathlib import Path

from torch import Tensor

from config import Config
from training import checkpoint as checkpoints
from training import run as run_folder
from training.distributed import Processes, processes
from training.engine import Trainer
from training.interrupt import interrupts_deferred
from training.loader import open_data
from training.monitor import tensorboard_server
from training.places import path_of


def train(config: Config, chosen: Path | None = None, weights: dict[str, Tensor] | None = None) -> Path:
    """Train a model, or go on with one (`train.resume`), and return its run folder: the chosen one, or one chosen here.

    weights: that a fresh training begins with.

    Runs alone, or as one of the processes that torchrun started. Ctrl-C and SIGTERM save checkpoints/last.pt after the
    step in hand and raise KeyboardInterrupt. Raises TrainingError when the loss or a gradient is no longer finite, and
    ConfigError, ValueError or OSError before the first step for settings, data or a folder that don't fit.
    """
    with processes(config.device) as team:
        return _train(config, team, chosen, weights)


def _train(config: Config, team: Processes, chosen: Path | None, weights: dict[str, Tensor] | None) -> Path:
    folder = team.from_main((chosen or run_folder.choose_folder(config)) if team.is_main else None)
    saved = checkpoints.load(path_of(folder, "last"), team.device) if config.train.resume else None
    if saved:
        config = run_folder.resumed_config(config, saved, path_of(folder, "last"))
    data = open_data(config)
    with interrupts_deferred() as interrupt:
        trainer = Trainer(config, data, team, folder, interrupt)
        if weights is not None:
            trainer.model.load_state_dict(weights)
        trainer.begin(saved)
        serve = config.train.tensorboard and team.is_main
        with tensorboard_server(folder) if serve else nullcontext():
            trainer.fit()
    return folder
