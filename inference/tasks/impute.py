"""What eval adds for a model that imputes: the series with its gaps filled, and how well hidden values come back.

filled.csv      the samples in physical units, missing values filled by the model
filled.png      the variables with most missing values, filled
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from config import EvalConfig
from data.disk.files import replacing, write_csv
from data.messages import logger
from data.pictures.plain import plain
from data.pictures.png import write_png
from data.reel.reel import Reel
from data.reel.views.window_dataset import read_window
from inference.scorers.nets.net import Detector
from inference.scorers.nets.windows import Window, covering_windows
from inference.scorers.overlap import OverlapFold
from inference.tasks.forecast import in_units
from inference.tasks.unseen import judged, trained_on
from models.series.series_model import Impute, interpolate

log = logger(__name__)

RATES = (0.125, 0.25, 0.375, 0.5)  # of the values, hidden at random to see how well they come back
SHOWN_VARIABLES = 6
FEWEST_WINDOWS = 128  # that values are hidden in; fewer are taken several times, with others hidden


class Imputer(Detector):
    """A net that fills gaps, scored by how wrong it fills what is there."""

    def extras(self, out: Path, run: Path, reel: Reel, settings: EvalConfig, seed: int) -> dict[str, Any]:
        return write_filled(out, run, self, reel, settings.stride, seed)


def write_filled(out: Path, run: Path, detector: Detector, reel: Reel, stride: int, seed: int) -> dict:
    """Write the files above and return the part of summary.json: errors of the model and of straight lines.

    They are of windows in which nothing was trained on.
    """
    missing = reel.missing
    filled = reel.signals()  # (T, C)
    if missing.any():
        for index, sample in filled_windows(detector, reel, stride, missing):
            filled[index, missing[index]] = sample[missing[index]]
    table = pd.DataFrame(filled, columns=reel.channels)
    table.insert(0, "time_s", reel.times_s)
    if reel.times_utc is not None:
        table.insert(0, "time_utc", reel.times_utc.astype(str))
    write_csv(out / "filled.csv", table)
    draw(out / "filled.png", reel, filled, missing)
    windows, seen = covering_windows(reel, detector.clip_length, stride), trained_on(run, reel)
    of_seen = np.array([seen[w.start : w.start + detector.clip_length].any() for w in windows], bool)
    chosen, about = judged(of_seen, reel.name)
    some = [window for window, is_chosen in zip(windows, chosen, strict=True) if is_chosen]
    again = some * max(1, FEWEST_WINDOWS // max(len(some), 1))
    errors = {f"{rate:g}": compared(detector, reel, again, rate, seed) for rate in RATES}
    for rate, found in errors.items():
        if found["model"]["mse"] >= found["straight line"]["mse"]:
            log.warning(f"{reel.name}: with {float(rate):.1%} hidden the model is no better than straight lines")
    counts = {"windows": len(windows), "windows_judged": len(some), "errors_of": about}
    return {"imputation": {"filled": int(missing.sum()), **counts, "errors": errors}}


def filled_windows(
    detector: Detector, reel: Reel, stride: int, missing: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Every sample (C,) in physical units with what is `missing` (T, C) filled, as (frame, sample) in time order.

    What several windows fill is averaged. Stretches shorter than a window are left out.
    """
    fold = OverlapFold(detector.clip_length, (reel.shape[1],), "mean")
    for window in covering_windows(reel, detector.clip_length, stride):
        values = window_values(detector, reel, window)
        gone = missing[window.start : window.start + len(values)]
        for index, sample in fold.push(window.start, filled_by_model(detector, values, gone)):
            yield index, in_units(sample, detector, reel)
    for index, sample in fold.finish():
        yield index, in_units(sample, detector, reel)


def window_values(detector: Detector, reel: Reel, window: Window) -> np.ndarray:
    """One window (L, C) in the model's scaling."""
    x, _ = read_window(reel, window.start, detector.clip_length, detector.scaling)
    return x[:, :, 0, 0].T.numpy()


@torch.inference_mode()
def filled_by_model(detector: Detector, values: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Values (L, C) with the hidden ones filled by the model, which sees zeros in their place."""
    x, gone = (torch.from_numpy(a.T.copy())[None].to(detector.device) for a in (np.where(hidden, 0, values), hidden))
    model = cast(Impute, detector.model)  # whoever fills has a model of task impute
    return model.fill(x, gone)[0].T.cpu().numpy()


def filled_by_line(detector: Detector, values: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """The same by straight lines between the nearest values that are there."""
    x, gone = (torch.from_numpy(a.T.copy())[None] for a in (np.where(hidden, 0, values), hidden))
    return interpolate(x, gone)[0].T.numpy()


METHODS = {"model": filled_by_model, "straight line": filled_by_line}


def compared(
    detector: Detector, reel: Reel, windows: list[Window], rate: float, seed: int, units: np.ndarray | float = 1.0
) -> dict[str, dict[str, float]]:
    """MSE and MAE of measured values that are hidden at random in each of the windows.

    In the model's scaling, times `units` (C,).
    """
    random, count = np.random.default_rng(seed), 0
    sums = {name: np.zeros(2) for name in METHODS}
    for window in windows:
        values = window_values(detector, reel, window)
        missing = reel.missing[window.start : window.start + len(values)]
        tried = (random.random(values.shape) < rate) & ~missing
        count += tried.sum()
        for name, method in METHODS.items():
            error = ((method(detector, values, tried | missing) - values) * units)[tried].astype(np.float64)
            sums[name] += np.square(error).sum(), np.abs(error).sum()
    means = {name: total / max(count, 1) for name, total in sums.items()}
    return {name: {"mse": float(mean[0]), "mae": float(mean[1])} for name, mean in means.items()}


def draw(path: Path, reel: Reel, filled: np.ndarray, missing: np.ndarray) -> None:
    """A picture of the variables with most missing values: measured as a line, filled as points."""
    chosen = np.sort(np.argsort(-missing.sum(axis=0), kind="stable")[:SHOWN_VARIABLES])
    figure = Figure(figsize=(12, 0.6 + 1.4 * len(chosen)), layout="constrained")
    times = reel.times_s if reel.times_utc is None else reel.times_utc
    for c, axes in zip(chosen, figure.subplots(len(chosen), 1, squeeze=False, sharex=True)[:, 0], strict=True):
        measured = np.where(missing[:, c], np.nan, filled[:, c])
        axes.plot(times, measured, color="#20242c", linewidth=0.9, label="measured")
        gone = missing[:, c]
        axes.plot(times[gone], filled[gone, c], ".", color="#e8641b", markersize=3, label="filled")
        axes.set_ylabel(plain(reel.channels[c]), fontsize=8)
        axes.tick_params(labelsize=7)
    if reel.times_utc is not None:  # full dates at every tick would be written over each other
        locator = mdates.AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
        axes.set_xlabel("UTC", fontsize=8)
    axes.legend(fontsize=7, frameon=False)
    with replacing(path) as part:
        write_png(part, figure, 110)
