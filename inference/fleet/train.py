"""`train` with train.each_reel: a model of its own for every reel."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from config import Config, dump, load
from data.disk.damage import read_json
from data.disk.digests import with_digest
from data.disk.files import write_csv, write_json, write_text
from data.disk.lock import LOCK_FILES, owned
from data.disk.places import refuse_links_out
from data.messages import gathered, logger
from data.reel.reel import Reel, reel_paths
from inference.fit import fit
from inference.fleet.members import (
    DONE,
    IN_USE,
    MEMBERS,
    TRAINED,
    Row,
    attempted,
    find_fleet,
    is_fleet,
    member_of,
    owned_member,
    rows_of,
    tell,
)
from inference.methods import METHODS
from training import run as run_folder
from training.places import path_of

log = logger(__name__)


def train_each(config: Config) -> Path:
    """Train or fit and calibrate a model for every reel in `config.data_clips`; returns the folder of the fleet.

    With train.resume those that are whole stay as they are, others are gone on with, and what failed is tried again.
    Raises FileExistsError where the folder holds another training, FileNotFoundError where there is none to resume,
    ConfigError where that has other settings, ValueError where no reel could be trained on, FolderInUse.
    """
    if "RANK" in os.environ:
        raise ValueError("train.each_reel spreads reels over workers and clusters: start it without torchrun")
    if config.train.val_reels:
        raise ValueError(
            "train.each_reel trains a model on one reel alone, with its own end to validate: leave val_reels out"
        )
    reels, folder = reel_paths(config.data_clips), fleet_to_train(config)
    with owned(folder, "train", IN_USE):
        if not config.train.resume:
            refuse_other(folder)  # which another process may have made since
            write_text(folder / "config.yaml", dump(config), durable=True)
            (folder / MEMBERS).mkdir()
        rows = rows_of(train_member, config, folder, reels, "training")
        write_csv(folder / TRAINED, pd.DataFrame(rows, columns=["reel", "status", "reason", "warnings"]))
    tell(rows, "trained", folder / TRAINED)
    return folder


def fleet_to_train(config: Config) -> Path:
    """The folder of a fresh fleet, or of the one to resume; raises as `train_each` does."""
    if not config.train.resume:
        folder = run_folder.choose_folder(config)
        refuse_other(folder)
        return folder
    if (folder := find_fleet(config)) is None:
        raise FileNotFoundError(
            f"{config.model_path or run_folder.RUNS} holds no fleet to resume; start one without --resume"
        )
    refuse_links_out(folder)
    kept = folder / "config.yaml"
    run_folder.check_same_training(load(kept), config, kept, folder)
    return folder


def refuse_other(folder: Path) -> None:
    """Raise FileExistsError where a fresh fleet would mix with another training."""
    run_folder.refuse_other_run(folder)
    if is_fleet(folder):
        raise FileExistsError(
            f"{folder} holds another fleet; continue it with --resume, or choose another folder with --model-path"
        )


def train_member(config: Config, fleet: Path, reel: Path) -> Row:
    """One reel, in whatever process this is."""
    return attempted(reel, "trained", partial(_train_owned, config, fleet, reel))


def _train_owned(config: Config, fleet: Path, reel: Path) -> Row:
    with owned_member(fleet, reel, "train"):
        return _train(config, member_of(fleet, reel), reel)


def _train(config: Config, run: Path, reel: Path) -> Row:
    facts, done = {"reel": Reel(reel).meta["identity"]}, run / DONE
    if done.is_file():
        kept = read_json(done, f"remove {run} to train its model again")
        if kept.get("reel") != facts["reel"]:
            raise ValueError(f"{run} was trained on other frames than {reel} has; remove it to train its model again")
        for text in kept.get("warnings", []):
            log.warning(text)
        return {}
    if config.model.name in METHODS:
        empty(run)  # fitted in no time, so what a kill left of it is begun anew
    with told_again() as warnings:
        fit(settings_of_member(config, run, reel))
        write_json(done, with_digest(facts | {"warnings": list(dict.fromkeys(warnings))}), durable=True)
    return {}


@contextmanager
def told_again() -> Iterator[list[str]]:
    """The warnings of a training, to be kept with it: whoever goes on with the fleet tells them too."""
    found: list[str] = []
    try:
        with gathered() as found:
            yield found
    finally:
        for text in found:
            log.warning(text)


def empty(run: Path) -> None:
    """Remove all that a run holds, but who owns it."""
    for path in run.iterdir():
        if path.name not in LOCK_FILES:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def settings_of_member(config: Config, run: Path, reel: Path) -> Config:
    """Those of a training on one reel, which goes on where it was begun."""
    own = replace(config.train, each_reel=False, tensorboard=False, resume=path_of(run, "last").is_file())
    return replace(config, data_clips=str(reel), model_path=str(run), workers=0, cluster=None, train=own)
