"""Tables with a known truth, and the program run on them for a task of series."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

import main
from tests.support.trainings import fitting

N, LENGTH, AHEAD = 480, 46, 12  # 34 samples of the past are no whole number of periods
MODEL = {"stages": [{"width": 8, "depth": 2, "modulation": "dynamic"}], "predict_frames": AHEAD}
TRAIN = {"epochs": 12, "warmup_epochs": 1.0, "batch_size": 16, "drop_last": False, "lr": 5e-3}


def truth(n: int) -> np.ndarray:
    """Samples (n, 2) without noise, in units of their own."""
    i = np.arange(n)
    return np.stack([50 + 10 * np.sin(2 * np.pi * i / 12), 3e-3 * np.cos(2 * np.pi * i / 16 + 1)], 1)


def measured() -> np.ndarray:
    return truth(N) + np.random.default_rng(0).normal(0, 0.03, (N, 2)) * [10, 3e-3]


def write_table(path: Path, samples: np.ndarray) -> None:
    times = np.datetime64("2024-01-01T00:00:00", "s") + 60 * np.arange(len(samples))
    path.parent.mkdir(parents=True, exist_ok=True)
    table = {"time": times.astype(str)} | {f"v{c}": column for c, column in enumerate(samples.T)}
    pd.DataFrame(table).to_csv(path, index=False)


def write_settings(folder: Path, model: dict, prep: dict | None = None, **train_settings) -> None:
    settings = {
        "workers": 0,
        "device": "cpu",
        "data_raw": str(folder / "raw"),
        "data_clips": str(folder / "reels"),
        "model_path": str(folder / "run"),
        "prep": {"clip_length": LENGTH, "stride": 2} | (prep or {}),
        "model": fitting(model.get("name", "tvnet"), MODEL | model),
        "train": TRAIN | train_settings,
        "eval": {"batch_size": 64, "stride": 5},
    }
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings))


def program(folder: Path, mode: str, *words: str) -> int:
    return main.main(["-m", mode, "-c", str(folder / "settings.yaml"), *words])


def worked(folder: Path, *modes: str) -> Path:
    for mode in modes:
        assert program(folder, mode) == 0, mode
    return folder
