"""`train` for a method: fit it to the quiet training frames and keep it in a run folder like that of a net."""

from pathlib import Path

import torch

from config import Config, as_dict
from inference.calibration.not_quiet import set_apart_in, still_quiet
from inference.calibration.quiet import ranges_of
from inference.camera.clear import clear_frames
from inference.methods import METHODS, check_frames
from inference.scorers.base import Scorer
from training import checkpoint as checkpoints
from training import run as run_folder
from training.device import pick_device
from training.loader import windows_of_reels
from training.places import path_of


def fit_method(config: Config, folder: Path | None = None, before: Scorer | None = None) -> Path:
    """Fit the method that model.name names and return its run folder, `folder` or one chosen here.

    What the run has set apart is no quiet data. before: the method as it was fitted when there was more of these.

    Raises as `training.train.train` does.
    """
    folder = folder or run_folder.choose_folder(config)
    if config.train.resume and path_of(folder, "best").is_file():
        return folder  # fitting is one step, and this file its last
    data = windows_of_reels(config)
    check_frames(config.model.name, data.frame_shape)
    method = METHODS[config.model.name](config.model, {}, data.scaling, data.clip_length)
    method.device = pick_device(config.device)
    quiet = clear_frames(ranges_of(data.reels, config.train), data.scaling, data.clip_length)
    quiet = still_quiet(set_apart_in(folder), quiet, data.clip_length)
    if before is None:
        method.fit(quiet, config.seed)
    else:
        method.fit_again(before, quiet, config.seed)
    facts = data.about | {"parameters": sum(a.size for a in method.arrays.values())}
    run_folder.write_start(folder, config, facts)
    arrays = {
        name: torch.from_numpy(array).contiguous() for name, array in method.arrays.items()
    }  # not views of larger ones
    contents = {"versions": run_folder.versions(), "model": arrays, "config": as_dict(config), "data": data.facts}
    for which in ("last", "best"):
        checkpoints.save(path_of(folder, which), contents)
    return folder
