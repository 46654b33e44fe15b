"""A table as a machine's sensors give it, and tables through prep."""

from pathlib import Path

import numpy as np
import pandas as pd

import config
from data.prepare_data import prep
from data.reel.reel import Reel

N, SPIKE, SHIFT = 3000, 2300, range(2600, 2616)


def telemetry(n: int = N) -> pd.DataFrame:
    """Two variables that a model can learn and a constant one; a spike, and a shift for 16 samples."""
    random, i = np.random.default_rng(1), np.arange(n)
    times = np.datetime64("2024-01-01T00:00:00", "s") + 60 * i
    temperature = 100 + 10 * np.sin(i / 17) + random.normal(0, 0.5, n)
    vibration = np.cos(i / 9) + random.normal(0, 0.05, n)
    truth = np.zeros(n, int)
    if n > SHIFT[-1]:
        temperature[SPIKE] += 25
        vibration[SHIFT] += 3
        truth[[SPIKE, *SHIFT]] = 1
    columns = {"Timestamp": times.astype(str), "temperature": temperature, "a/b, c": vibration, "constant": 7.0}
    return pd.DataFrame(columns | {"truth": truth})


def prepared(path: Path, out: Path, **settings) -> dict[str, Reel]:
    """The reels of `prep`, by name."""
    chosen = {"data_raw": str(path), "data_clips": str(out), "workers": 0, "prep.clip_length": 8}
    made = prep(config.load(None, chosen | {f"prep.{key}": value for key, value in settings.items()}))
    return {reel.name: Reel(reel) for reel in made}


def only(reels: dict[str, Reel]) -> Reel:
    (reel,) = reels.values()
    return reel


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
