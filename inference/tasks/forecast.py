"""What eval adds for a model that forecasts: every forecast, how good they are beside naive ones, and the next samples.

forecasts.npz   forecasts (n, H, C) in physical units, and origin (n,): the first frame of each
forecast.csv    the H samples that follow the last one of the reel
forecasts.png   some forecasts with what really came
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from config import EvalConfig
from data.disk.files import replacing, write_csv
from data.messages import logger
from data.pictures.plain import plain
from data.pictures.png import write_png
from data.reel.reel import Reel
from data.reel.scaled import read_clip, target_stretches
from data.reel.windows import ranges_of, window_starts
from inference.calibration.quiet.ranges import quiet_ranges
from inference.metrics.vus import period_of
from inference.scorers.nets.net import Detector
from inference.scorers.nets.windowed import through
from inference.scorers.nets.windows import Window
from inference.tasks.unseen import judged, trained_on

log = logger(__name__)

SHOWN, SHOWN_VARIABLES = 4, 6
Naive = Callable[[np.ndarray, int, int], np.ndarray]


@dataclass(frozen=True)
class Forecasts:
    """Forecasts (n, H, C) and what really came, in physical units, of the frames from each origin (n,) on."""

    origin: np.ndarray
    ahead: np.ndarray
    actual: np.ndarray
    past: np.ndarray  # (n, L, C)

    def only(self, chosen: np.ndarray) -> "Forecasts":
        """Those of the windows chosen (n,) bool."""
        return Forecasts(self.origin[chosen], self.ahead[chosen], self.actual[chosen], self.past[chosen])


class Forecaster(Detector):
    """A net that forecasts, scored by how wrong it was."""

    def extras(self, out: Path, run: Path, reel: Reel, settings: EvalConfig, seed: int) -> dict[str, Any]:
        return write_forecasts(out, run, self, reel, settings.stride)


def write_forecasts(out: Path, run: Path, detector: Detector, reel: Reel, stride: int) -> dict:
    """Write the files above and return the part of summary.json: errors of the model and of naive forecasts.

    They are of forecasts of samples that were not trained on.
    """
    found = forecasts_of(detector, reel, stride)
    with replacing(out / "forecasts.npz") as part:
        np.savez(part, forecasts=found.ahead.astype(np.float32), origin=found.origin)
    write_csv(out / "forecast.csv", next_samples(detector, reel))
    horizon, seen = found.ahead.shape[1], trained_on(run, reel)
    of_seen = np.array([seen[o : o + horizon].any() for o in found.origin.tolist()], bool)
    chosen, about = judged(of_seen, reel.name)
    draw(out / "forecasts.png", reel, found.only(chosen))
    training = training_samples(run)
    errors = compared(found.only(chosen), spread_of(training), period_of(max(training, key=len)[:, 0]))
    best_naive = min((name for name in errors if name != "model"), key=lambda name: errors[name]["mse"])
    if errors["model"]["mse"] >= errors[best_naive]["mse"]:
        log.warning(f"{reel.name}: the model's forecasts are no better than {best_naive}")
    counts = {"windows": len(found.origin), "windows_judged": int(chosen.sum()), "errors_of": about}
    return {"forecast": {"horizon": horizon, **counts, "errors": errors}}


def forecasts_of(detector: Detector, reel: Reel, stride: int) -> Forecasts:
    """The forecast from every window of the reel."""
    length, answers = detector.clip_length, detector.answers
    windows = [Window(s) for begin, end in ranges_of(reel) for s in window_starts(begin, end, length, stride).tolist()]
    clips, outputs = [], []
    for _, batch, output in through(detector.reconstruct, detector, reel, windows, 64):
        clips.append(batch[..., 0, 0].transpose(0, 2, 1))  # (B, T, C)
        outputs.append(output[..., 0, 0])
    clip, output = (in_units(np.concatenate(parts), detector, reel) for parts in (clips, outputs))
    origin = np.array([w.start for w in windows]) + answers.start
    return Forecasts(origin, output[:, answers], clip[:, answers], clip[:, : answers.start])


def in_units(values: np.ndarray, detector: Detector, reel: Reel) -> np.ndarray:
    """Values (..., C) in the model's scaling -> physical units, float64."""
    scaling = target_stretches(reel, detector.scaling)
    return np.stack([s.inverse(values[..., c].astype(np.float64)) for c, s in enumerate(scaling)], axis=-1)


def training_samples(run: Path) -> list[np.ndarray]:
    """The samples (n, C) that the run was trained on, in physical units, each stretch of them by itself."""
    return [r.reel.signals(r.begin, r.end) for r in quiet_ranges(run) if r.side == "train"]


def spread_of(training: list[np.ndarray]) -> np.ndarray:
    """Standard deviation (C,) of the training samples: errors of variables of all units are counted in it."""
    spread = np.nanstd(np.concatenate(training), axis=0)
    return np.where(spread > 0, spread, 1.0)


def last_value(past: np.ndarray, horizon: int, period: int) -> np.ndarray:
    """Persistence: (n, L, C) -> (n, H, C)."""
    return np.repeat(past[:, -1:], horizon, axis=1)


def seasonal_naive(past: np.ndarray, horizon: int, period: int) -> np.ndarray:
    """The last period again and again: (n, L, C) -> (n, H, C)."""
    cycle = past[:, -min(period, past.shape[1]) :]
    return np.tile(cycle, (1, -(-horizon // cycle.shape[1]), 1))[:, :horizon]


NAIVE: dict[str, Naive] = {"last value": last_value, "seasonal naive": seasonal_naive}


def compared(found: Forecasts, spread: np.ndarray, period: int) -> dict[str, dict[str, float]]:
    """MSE and MAE of the model and of naive forecasts, in units of the training spread of each variable.

    period: of the seasons, in samples.
    """
    methods = {"model": found.ahead}
    methods |= {name: naive(found.past, found.ahead.shape[1], period) for name, naive in NAIVE.items()}
    errors = {}
    for name, ahead in methods.items():
        error = (ahead - found.actual) / spread
        errors[name] = {"mse": float(np.nanmean(error**2)), "mae": float(np.nanmean(np.abs(error)))}
    return errors


def next_samples(detector: Detector, reel: Reel) -> pd.DataFrame:
    """The samples that follow the reel, one row each, with times at its cadence."""
    past = detector.answers.start
    known, _ = read_clip(reel, len(reel) - past, past, detector.scaling)  # (C, past, 1, 1)
    unknown = np.repeat(known[:, -1:], detector.clip_length - past, axis=1)
    output = detector.reconstruct(np.concatenate([known, unknown], axis=1)[None])[0, past:, :, 0, 0]
    table = pd.DataFrame(in_units(output, detector, reel), columns=reel.channels)
    seconds = reel.cadence_s * np.arange(1, len(table) + 1)
    table.insert(0, "time_s", reel.times_s[-1] + seconds)
    if reel.times_utc is not None:
        table.insert(0, "time_utc", (reel.times_utc[-1] + (1000 * seconds).astype("timedelta64[ms]")).astype(str))
    return table


def draw(path: Path, reel: Reel, found: Forecasts) -> None:
    """A picture: the first variables below each other, SHOWN forecasts beside each other, with what really came."""
    chosen = np.unique(np.linspace(0, len(found.origin) - 1, SHOWN).astype(int))
    names = reel.channels[:SHOWN_VARIABLES]
    size = (1 + 3.6 * len(chosen), 0.6 + 1.5 * len(names))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(names), len(chosen), squeeze=False, sharex="col")
    for column, i in zip(grid.T, chosen, strict=True):
        past, horizon = found.past.shape[1], found.ahead.shape[1]
        frames = np.arange(found.origin[i] - past, found.origin[i] + horizon)
        for c, axes in enumerate(column):
            axes.plot(frames[:past], found.past[i, :, c], color="#868e96", linewidth=0.9)
            axes.plot(frames[past:], found.actual[i, :, c], color="#20242c", linewidth=0.9, label="measured")
            axes.plot(frames[past:], found.ahead[i, :, c], color="#e8641b", linewidth=1.2, label="forecast")
            axes.tick_params(labelsize=7)
        column[-1].set_xlabel("sample", fontsize=8)
    for name, axes in zip(names, grid[:, 0], strict=True):
        axes.set_ylabel(plain(name), fontsize=8)
    grid[0, -1].legend(fontsize=7, frameon=False)
    with replacing(path) as part:
        write_png(part, figure, 110)
