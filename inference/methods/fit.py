"""`train` for a method: fit it to the quiet training frames and keep it in a run folder like that of a net."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from config import Config, as_dict, from_dict
from data.messages import logger
from inference.calibration.quiet.not_quiet import set_apart_in, still_quiet
from inference.calibration.quiet.ranges import QuietRange, ranges_of
from inference.camera.clear import clear_frames
from inference.methods import METHODS, check_frames
from inference.scorers.base import Scorer
from training import checkpoint as checkpoints
from training import run as run_folder
from training.device import pick_device
from training.loader import windows_of_reels
from training.places import path_of

log = logger(__name__)


def fit_method(config: Config, folder: Path | None = None, before: Scorer | None = None) -> Path:
    """Fit the method that model.name names and return its run folder, `folder` or one chosen here.

    What the run has set apart is no quiet data. before: the method as it was fitted when there was more of these.

    Raises as `training.train.train` does.
    """
    folder = folder or run_folder.choose_folder(config)
    data = windows_of_reels(config)
    if config.train.resume and path_of(folder, "best").is_file():
        check_same_fit(config, folder, data.facts)
        return folder  # fitting is one step, and this file its last
    check_frames(config.model.name, data.frame_shape)
    kind = METHODS[config.model.name]
    all_quiet = clear_frames(ranges_of(data.reels, config.train), data.scaling, data.clip_length)
    length = kind.window_for(data.clip_length, all_quiet)
    method = kind(config.model, {}, data.scaling, length)
    method.device = pick_device(config.device)
    quiet = still_quiet(set_apart_in(folder), all_quiet, length)
    if length < data.clip_length:  # too few to leave some out: parts of them are judged by copies, see `folds`
        quiet = [replace(r, side="train") for r in quiet]
    if before is None:
        _tell(config.model.name, length, data.clip_length, all_quiet)
        method.fit(quiet, config.seed)
    else:
        method.fit_again(before, quiet, config.seed)
    facts = data.about | {"parameters": sum(a.size for a in method.arrays.values())}
    facts |= {"is_settled": False} if kind.sheds else {}  # until `end_rounds`
    run_folder.write_start(folder, config, facts)
    arrays = {
        name: torch.from_numpy(array).contiguous() for name, array in method.arrays.items()
    }  # not views of larger ones
    contents = {
        "versions": run_folder.versions(),
        "model": arrays,
        "config": as_dict(config),
        "data": data.facts | {"clip_length": length},
    }
    for which in ("last", "best"):
        checkpoints.save(path_of(folder, which), contents)
    return folder


def check_same_fit(config: Config, folder: Path, facts: dict[str, Any]) -> None:
    """Raise ConfigError for other settings or other data than the run was fitted with."""
    origin = path_of(folder, "best")
    kept = checkpoints.load(origin)
    run_folder.check_same_training(from_dict(kept["config"], str(origin)), config, origin, folder)
    # Of a table it may have been fitted with shorter windows.
    run_folder.check_same_data(kept["data"], facts | {"clip_length": kept["data"]["clip_length"]}, folder)


def _tell(name: str, length: int, clip_length: int, quiet: list[QuietRange]) -> None:
    if length < clip_length:
        log.warning(
            f"{sum(map(len, quiet))} quiet samples are few for windows of {clip_length} (prep.clip_length): {name} "
            f"takes windows of {length}, of which they hold enough; for longer ones train on more"
        )
