"""A run of a narrower net, made from a trained one: channels are left out, then the program's own training goes on."""

from dataclasses import replace
from pathlib import Path

import models
from config import Config, from_dict
from data.disk.damage import read_json
from data.disk.files import write_json
from data.messages import logger
from inference.export.exported import Exported, data_of
from inference.fit import fit
from models.parts.narrowing import narrowed
from training.places import path_of

log = logger(__name__)
ABOUT = "pruned.json"  # of which weights, and whether its training has ended


def pruned_run(whole: Exported, config: Config) -> Path:
    """The run RUN/pruned/SHARE, trained to its end and calibrated; one that was interrupted goes on.

    Raises ValueError for a net that can't be pruned, FileExistsError for a run of other weights, FileNotFoundError
    where the data of the training are gone.
    """
    folder = whole.run / "pruned" / f"{config.export.prune:g}"
    about = {"of": whole.checkpoint["sha256"], "prune": config.export.prune, "finished": False}
    known = read_json(folder / ABOUT, "remove the folder") if (folder / ABOUT).is_file() else about
    if known["of"] != about["of"]:
        raise FileExistsError(f"{folder} is of other weights than {path_of(whole.run, 'best')} has now; remove it")
    if not known["finished"]:
        wanted, weights = narrower(whole, config, folder)
        write_json(folder / ABOUT, about)
        log.info(f"training without {config.export.prune:.0%} of the channels, in {folder}")
        fit(wanted, weights)
        write_json(folder / ABOUT, about | {"finished": True})
    return folder


def narrower(whole: Exported, config: Config, folder: Path) -> tuple[Config, dict]:
    """The config of the narrower net's training, and the weights that it begins with."""
    checkpoint, facts = whole.checkpoint, whole.checkpoint["data"]
    trained = from_dict(checkpoint["config"], str(path_of(whole.run, "best")))
    form = facts["frame_shape"][0], facts["clip_length"]
    try:
        wide = models.build(trained.model, *form)
        settings = type(wide).narrower(trained.model, config.export.prune)
    except ValueError as error:
        raise ValueError(f"{whole.run} can't be pruned: model {trained.model.name}: {error}") from None
    weights = narrowed(checkpoint["model"], wide.channel_groups(), models.build(settings, *form).state_dict())
    epochs = config.export.prune_epochs or trained.train.epochs
    train = replace(trained.train, epochs=epochs, init=None, resume=path_of(folder, "last").is_file())
    places = {"data_clips": data_of(trained, config), "model_path": str(folder)}
    machine = {"workers": config.workers, "device": config.device, "eval": config.eval}
    return replace(trained, model=settings, train=train, **places, **machine), weights
