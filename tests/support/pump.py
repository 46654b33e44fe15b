"""Minutes of a pump, with a leak, a burst and a stuck sensor."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import lfilter

DAY_MIN = 1440
FAULTS = {"leak": (1000, 1300), "burst": (2200, 2260), "stuck": (3300, 3500)}  # minutes of the watched days


def pump(minutes: int, seed: int) -> np.ndarray:
    """Pressure, flow and current (n, 3) of a pump that works by the hours of the day, with noise that has a memory."""
    random, t = np.random.default_rng(seed), np.arange(minutes)
    day = np.sin(2 * np.pi * t / DAY_MIN) + 0.3 * np.sin(4 * np.pi * t / DAY_MIN + 1)
    shared = lfilter([0.3], [1, -0.95], random.standard_normal(minutes))
    noise = random.standard_normal((minutes, 3))
    columns = [5 + 0.6 * day + 0.1 * shared, 80 + 12 * day + 1.5 * shared, 14 + 1.5 * day + 0.3 * shared]
    return np.stack(columns, axis=1) + noise * [0.05, 0.8, 0.2]


def with_faults(values: np.ndarray) -> np.ndarray:
    spoilt, random = values.copy(), np.random.default_rng(5)
    first, last = FAULTS["leak"]
    spoilt[first:last, 0] -= 0.6  # as the hours of a day do, but at once
    first, last = FAULTS["burst"]
    spoilt[first:last, 2] += 1.2 * random.standard_normal(last - first)
    first, last = FAULTS["stuck"]
    spoilt[first:last, 1] = spoilt[first, 1]
    return spoilt


def write_table(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True)
    times = pd.Timestamp("2024-03-01") + pd.to_timedelta(np.arange(len(values)), unit="min")
    table = pd.DataFrame(values.round(3), columns=["pressure_bar", "flow_l_min", "current_a"])
    table.insert(0, "time", times)
    table.to_csv(path, index=False)
