"""Forecasts and imputation on ETTh1 and ETTh2, classification on the sets that the aeon package ships.

No entry point: series.py runs it.

ETT protocol (Zhou et al. 2021): 12, 4 and 4 months of hours to train, validate and test; errors in units of the
training part's standard deviation; look-back 96, every window of the training and of the test part. Validation chooses
the epoch, and chose the settings below on ETTh1 at 96; a guard of one window lies between training and validation, so
training sees a little less than the 12 months.
"""

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HOURS = 14_400  # 20 months
TRAIN, VAL = 0.6, 0.2  # of them; the rest is the test part
LOOK_BACK, PERIOD = 96, 24
HORIZONS = (96, 192, 336, 720)
RATES = (0.125, 0.25, 0.375, 0.5)
COMMON = {"device": "cpu", "workers": 0, "train.drop_last": True, "train.warmup_epochs": 0.5, "train.loss": "mse"}
FORECAST = {**COMMON, "model.task": "forecast", "train.batch_size": 64, "train.val_fraction": 0.25, "eval.stride": 1}
FORECAST |= {"train.epochs": 6, "prep.stride": 1}
QUICK = {"train.epochs": 1, "train.warmup_epochs": 0.0, "train.batch_size": 8}
QUICK_WINDOWS = {"prep.stride": 24}
SMALL = [{"width": 16, "depth": 2, "modulation": "dynamic"}]
TRUNK = {"model.mix_variables": False, "train.lr": 1e-3}
FORECASTERS: dict[str, dict[str, Any]] = {
    "linear": {"model.name": "linear", "train.lr": 2e-3, "train.batch_size": 32, "train.epochs": 14},
    "tvnet": {**TRUNK, "model.name": "tvnet", "model.patch": [24, 1, 1], "model.stages": SMALL},
    "timesnet": {**TRUNK, "model.name": "timesnet", "model.stages": [{"width": 16, "depth": 1}]},
}
NETS = {  # for imputation and classification, as they come
    "tvnet": {"model.name": "tvnet", "model.patch": [8, 1, 1]},
    "timesnet": {"model.name": "timesnet", "model.stages": [{"width": 32, "depth": 1}]},
}
IMPUTE = {**COMMON, "model.task": "impute", "model.mask_block": [1, 1, 1], "prep.clip_length": 96}
IMPUTE |= {"train.batch_size": 32, "train.val_fraction": 0.25, "train.epochs": 10, "train.lr": 1e-3}
IMPUTE |= {"prep.stride": 2}
CLASSIFY = {**COMMON, "model.task": "classify", "train.epochs": 60, "train.lr": 2e-3, "train.batch_size": 16}
CLASSIFY |= {"train.val_fraction": 0.2, "train.drop_last": False, "prep.classes": None}


def check_methods() -> None:
    """Raises ConfigError when the settings of a method can't be used, before hours of work on another."""
    from config import load

    for task, methods in ((FORECAST, FORECASTERS), (IMPUTE, NETS), (CLASSIFY, NETS)):
        for settings in methods.values():
            load(None, task | settings)


def ett(data: Path, name: str) -> np.ndarray:
    """The seven variables (HOURS, 7) of ETTh1 or ETTh2."""
    with zipfile.ZipFile(data / "ett.zip") as archive:
        table = pd.read_csv(io.BytesIO(archive.read(f"{name}.csv")))
    return table.drop(columns="date").to_numpy(np.float64)[:HOURS]


def fitted_hours(values: np.ndarray) -> tuple[int, int]:
    """Where the training part ends, and where the validation part behind it ends."""
    return round(TRAIN * len(values)), round((TRAIN + VAL) * len(values))


def prepared(values: np.ndarray, folder: Path, settings: dict[str, Any]) -> None:
    """Reels of the training and validation part, and of the test part with the look-back before it."""
    from config import load
    from data.prepare_data import prep

    _, end = fitted_hours(values)
    parts = {"fit": values[:end], "test": values[end - LOOK_BACK :]}
    for name, part in parts.items():
        np.savez(folder / f"{name}.npz", values=part)
        extra = {} if name == "fit" else {"prep.stretch_from": str(folder / "fit" / "fit")}
        places = {"data_raw": str(folder / f"{name}.npz"), "data_clips": str(folder / name)}
        prep(load(None, settings | places | extra))


def trained(folder: Path, settings: dict[str, Any]):
    """(detector, test reel, seconds of training, parameters)."""
    from config import load
    from data.reel.reel import Reel
    from inference.scorers.load import load_scorer
    from training.train import train

    begun = time.perf_counter()
    run = train(load(None, settings | {"data_clips": str(folder / "fit"), "model_path": str(folder / "run")}))
    seconds = time.perf_counter() - begun
    detector, _ = load_scorer(run, "cpu")
    size = sum(p.numel() for p in detector.model.parameters())
    return detector, Reel(folder / "test" / "test"), seconds, size


def forecast(
    data: Path, name: str, horizon: int, method: str, seed: int, is_quick: bool, folder: Path
) -> dict[str, Any]:
    """One row: errors of a model, and of the naive forecasts, on the test part."""
    from inference.tasks.forecast import compared, forecasts_of

    values, length = ett(data, name), LOOK_BACK + horizon
    settings = FORECAST | FORECASTERS[method] | {"seed": seed, "model.predict_frames": horizon}
    settings |= {"prep.clip_length": length}
    settings |= QUICK | QUICK_WINDOWS if is_quick else {}
    prepared(values, folder, settings)
    detector, reel, seconds, size = trained(folder, settings)
    errors = compared(forecasts_of(detector, reel, 1), values[: fitted_hours(values)[0]].std(axis=0), PERIOD)
    row = {"set": name, "horizon": horizon, "method": method, "seed": seed, **errors["model"]}
    naive = {f"{k} mse": v["mse"] for k, v in errors.items() if k != "model"}
    return row | naive | {"train_s": seconds, "parameters": size}


def impute(data: Path, name: str, rate: float, method: str, seed: int, is_quick: bool, folder: Path) -> dict[str, Any]:
    """One row: errors at randomly hidden values of the test part, in units of the training part's spread."""
    from inference.scorers.nets.windows import covering_windows
    from inference.tasks.impute import compared

    values = ett(data, name)
    settings = IMPUTE | NETS[method] | {"seed": seed, "model.mask_fraction": rate}
    settings |= QUICK | QUICK_WINDOWS if is_quick else {}
    prepared(values, folder, settings)
    detector, reel, seconds, _ = trained(folder, settings)
    spread = values[: fitted_hours(values)[0]].std(axis=0)
    units = np.array([(s["vmax"] - s["x0"]) for s in reel.meta["stretch"]]) / spread
    errors = compared(detector, reel, covering_windows(reel, detector.clip_length, LOOK_BACK), rate, seed, units)
    row = {"set": name, "rate": rate, "method": method, "seed": seed, **errors["model"]}
    return row | {f"straight line {k}": v for k, v in errors["straight line"].items()} | {"train_s": seconds}


def aeon_sets(folder: Path, names: list[str]) -> Iterator[tuple[str, Path, Path]]:
    """(name, training file, test file) of the sets in aeon's package."""
    for name in names:
        files = [folder / name / f"{name}_{part}.ts" for part in ("TRAIN", "TEST")]
        if all(file.is_file() for file in files):
            yield name, *files


def classify(
    name: str, train_file: Path, test_file: Path, method: str, seed: int, is_quick: bool, folder: Path
) -> dict[str, Any]:
    """One row: accuracy on the test cases."""
    from config import load
    from data.prepare_data import prep
    from data.reel.reel import find_reels
    from inference.scorers.load import load_scorer
    from inference.tasks.classify import classify as evaluate

    length = shortest(train_file, test_file)
    settings = CLASSIFY | NETS[method] | {"seed": seed, "prep.clip_length": length, "prep.stride": length}
    settings |= {"model.patch": [1, 1, 1]} if "model.patch" in settings and length < 48 else {}
    settings |= QUICK if is_quick else {}
    for part, file in (("fit", train_file), ("test", test_file)):
        extra = {} if part == "fit" else {"prep.stretch_from": str(find_reels(folder / "fit")[0].path)}
        prep(load(None, settings | {"data_raw": str(file), "data_clips": str(folder / part)} | extra))
    from training.train import train

    begun = time.perf_counter()
    run = train(load(None, settings | {"data_clips": str(folder / "fit"), "model_path": str(folder / "run")}))
    seconds = time.perf_counter() - begun
    detector, checkpoint = load_scorer(run, "cpu")
    evaluate(load(None, settings | {"data_clips": str(folder / "test")}), run, detector, checkpoint["data"])
    table = pd.read_csv(run / "eval" / "reels.csv", dtype={"class": str, "predicted": str})
    return {"set": name, "method": method, "accuracy": float((table["class"] == table["predicted"]).mean()),
            "cases": len(table), "train_s": seconds}  # fmt: skip


def shortest(*files: Path) -> int:
    """Samples of the shortest case of .ts files."""
    lengths = []
    for file in files:
        lines = file.read_text(encoding="utf-8", errors="replace").split("@data", 1)[-1].split("@DATA", 1)[-1]
        lengths += [line.split(":")[0].count(",") + 1 for line in lines.splitlines() if line.strip()]
    return min(lengths)
