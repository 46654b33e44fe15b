"""The weights of VETime that are part of the program: from a finished run into models/weights, and back as a run.

    python -m training.shipped RUN      write models/weights/vetime.safetensors from RUN's best checkpoint

The file holds the model's tensors, the events of clean synthetic series (`events_of_clean`), and as metadata the
config, seed, versions and run.json of the training: the run it unfolds to is like any other.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from config import ConfigError, dump, from_dict
from config.registry import without_unused
from data.disk.damage import read_array, read_json, told
from data.disk.digests import check_beside
from data.disk.files import write_text
from data.disk.sealing import write_sealed_json, write_with_digest
from training import checkpoint as checkpoints
from training.places import path_of
from training.run import NO_FACTS, RUNS, owned_run

WEIGHTS = Path(__file__).resolve().parent.parent / "models" / "weights" / "vetime.safetensors"
LEVELS = "events_of_clean"  # of scores as they are by now; those of before, clean_events, were of others


def levels_of(run: Path) -> Path:
    """The file of a run with the events of clean synthetic series."""
    return run / "calibration" / f"{LEVELS}.npy"


def write_levels(run: Path, levels: np.ndarray) -> None:
    """Keep the scores of clean synthetic series in a run."""
    write_with_digest(levels_of(run), lambda path: np.save(path, levels))


def read_levels(run: Path) -> np.ndarray:
    """The scores of clean synthetic series that a run keeps. Raises Damaged."""
    return read_array(levels_of(run), f"calibrate the run again with: train --resume --model-path {run}")


def read_weights(weights: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors of a weights file, and its metadata. Raises FileNotFoundError."""
    if not weights.is_file():
        raise FileNotFoundError(f"{weights} is missing; train a model with: python main.py -m train")
    with told(weights, "get the program's files anew"):
        check_beside(weights)
        with safe_open(weights, framework="pt") as stored:
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (it is no mapping)
            about = json.loads(stored.metadata()["about"])
        return tensors, about | {"config": without_unused(about["config"])}


def load_shipped(model: nn.Module, weights: Path = WEIGHTS) -> None:
    """Give a model the shipped weights. Raises ConfigError for one of another form."""
    tensors, _ = read_weights(weights)
    tensors.pop(LEVELS)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ConfigError(f"train.init shipped: {weights.name} is of another form than this model ({reason})") from None


def shipped_place(folder: str | None) -> Path:
    """Where the shipped weights become a run: the folder named, or runs/vetime_shipped."""
    return Path(folder) if folder else RUNS / "vetime_shipped"


def shipped_run(folder: str | None, weights: Path = WEIGHTS) -> Path:
    """A run folder with the shipped weights: the one named, or runs/vetime_shipped. Raises as `read_weights`."""
    run = shipped_place(folder)
    tensors, about = read_weights(weights)
    with owned_run(run, "eval"):
        path_of(run, "best").unlink(missing_ok=True)  # last of all it is there again: a run with weights is whole
        write_levels(run, tensors.pop(LEVELS).numpy())
        write_text(run / "config.yaml", dump(from_dict(about["config"], str(weights))))
        write_sealed_json(run / "run.json", about["run"])
        checkpoints.save(path_of(run, "best"), {**about, "model": tensors})
    return run


def ship(run: Path, weights: Path = WEIGHTS) -> None:
    """Write a run's best model, and what is needed to use it, as safetensors."""
    best = checkpoints.load(path_of(run, "best"))
    about = {key: best[key] for key in ("versions", "data")} | {"steps": best["state"]["step"]}
    about["config"] = best["config"] | {"model_path": None}  # a folder of the machine that trained
    about["run"] = read_json(run / "run.json", NO_FACTS)
    tensors = {name: tensor.contiguous() for name, tensor in best["model"].items()}
    tensors[LEVELS] = torch.from_numpy(read_levels(run))
    write_with_digest(weights, lambda path: save_file(tensors, path, metadata={"about": json.dumps(about)}))


if __name__ == "__main__":
    ship(Path(sys.argv[1]))
