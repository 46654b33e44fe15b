"""`eval` for a model that classifies: the class of every window and of every reel, and the confusion matrix.

Results lie in `<run>/eval/`: classes.csv, reels.csv, confusion.png, classification.json
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch.utils.data import DataLoader

from config import Config
from data.disk.files import replacing_folder, write_csv, write_json
from data.messages import logger, progress
from data.pictures.plain import plain
from data.pictures.png import write_png
from data.reel.reel import Reel, find_reels
from data.reel.views.window_dataset import WindowDataset
from data.reel.windows import WindowSet, read_windows
from inference.scorers.base import check_reel, for_model
from inference.scorers.nets.net import Detector

log = logger(__name__)

MADE = ("classes.csv", "reels.csv", "confusion.png", "classification.json")


class Classifier(Detector):
    """A net that gives every window a class, and no frame a score."""

    judges_reels_together = True

    @property
    def no_stream(self) -> str:
        return "a model that classifies windows finds no events and can't follow a stream; train another model"

    def prepare(self, run: Path, trained: Config) -> list[Reel]:
        """Nothing: a class needs no threshold."""
        return []

    def judge_windows(self, config: Config, run: Path, facts: dict[str, Any]) -> list[Path]:
        return classify(config, run, self, facts)


def classify(config: Config, run: Path, detector: Detector, facts: dict) -> list[Path]:
    """Classify every window of every reel; a reel's class is that of its windows' mean probability."""
    reels, classes = [for_model(r, facts, detector) for r in find_reels(config.data_clips)], facts["classes"]
    for reel in reels:
        check_reel(reel, facts, detector, config.eval)
    windows = windows_of(reels, detector.clip_length)
    likely = probabilities(detector, WindowDataset(reels, windows, detector.scaling), config.eval.batch_size)
    table = pd.DataFrame(likely, columns=[f"p({name})" for name in classes])
    table.insert(0, "reel", [reels[i].name for i in windows.reel])
    table.insert(1, "start", windows.start)
    table.insert(2, "class", [reels[i].category for i in windows.reel])
    table.insert(3, "predicted", np.array(classes, object)[likely.argmax(axis=1)])
    by_reel = table.groupby("reel", sort=False)[list(table.columns[4:])].mean()
    by_reel.insert(0, "class", [reel.category for reel in reels if reel.name in by_reel.index])
    by_reel.insert(1, "predicted", np.array(classes, object)[by_reel.iloc[:, 1:].to_numpy().argmax(axis=1)])
    from sklearn.metrics import confusion_matrix  # loaded late, as few need it

    facts = {"classes": classes} | accuracy(by_reel, "reels") | accuracy(table, "windows")
    known = by_reel[by_reel["class"].isin(classes)]
    with replacing_folder(run / "eval", MADE) as out:
        write_csv(out / "classes.csv", table)
        write_csv(out / "reels.csv", by_reel.reset_index())
        write_json(out / "classification.json", facts)
        draw(out / "confusion.png", confusion_matrix(known["class"], known["predicted"], labels=classes), classes)
    return [run / "eval"]


def windows_of(reels: list[Reel], length: int) -> WindowSet:
    """All windows of all reels. Raises ValueError when their length is not the model's."""
    numbers, starts = [], []
    for number, reel in enumerate(reels):
        table = read_windows(reel)
        if len(table) and set(table["length"]) != {length}:
            found = sorted(set(table["length"]))
            raise ValueError(f"{reel.name} has windows of {found} samples, the model was trained on {length}")
        numbers.append(np.full(len(table), number))
        starts.append(table["start"].to_numpy(np.int64))
    if not sum(map(len, starts)):
        raise ValueError(f"no reel is as long as a window of {length} samples")
    return WindowSet(np.concatenate(numbers), np.concatenate(starts), length)


@torch.inference_mode()
def probabilities(detector: Detector, data: WindowDataset, batch_size: int) -> np.ndarray:
    """Probability of every class for every window: (N, classes)."""
    found = []
    for x, _, _ in progress(DataLoader(data, batch_size), desc="classifying windows", unit="batch"):
        found.append(detector.model(detector.on_device(x)).logits.float().softmax(1).cpu().numpy())
    return np.concatenate(found)


def accuracy(table: pd.DataFrame, what: str) -> dict[str, float | int | None]:
    """Share of rows whose class is known that were predicted right."""
    known = table[table["class"].notna()]
    right = float((known["class"] == known["predicted"]).mean()) if len(known) else None
    log.info(f"{what}: {len(table)}, accuracy {'unknown' if right is None else f'{right:.3f}'}")
    return {what: len(table), f"accuracy_{what}": right}


def draw(path: Path, matrix: np.ndarray, classes: list[str]) -> None:
    """The confusion matrix (true class, predicted class) as a picture with its numbers."""
    side = 1.6 + 0.5 * len(classes)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), number in np.ndenumerate(matrix):
        colour = "white" if share[row, column] > 0.5 else "#20242c"
        axes.text(column, row, str(number), ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(classes)), list(map(plain, classes)), rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), list(map(plain, classes)))
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    write_png(path, figure, 120)
