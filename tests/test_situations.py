"""What users point the program at, small: recipes of demo/ as they are, but for what makes them quick."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from scipy.stats import poisson

import main
from inference.results.results import scene_events
from tests.support.paths import ROOT

DAY_MIN = 1440
QUIET_DAYS, WATCHED_DAYS = 5, 3
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


@pytest.mark.parametrize("method", ["window_pca", "kmeans"])
def test_a_pump_has_its_faults_found_and_keeps_the_promise(method, tmp_path):
    write_table(tmp_path / "quiet" / "pump.csv", pump(QUIET_DAYS * DAY_MIN, 1))
    write_table(tmp_path / "new" / "pump.csv", with_faults(pump(WATCHED_DAYS * DAY_MIN, 2)))
    recipe = ["-c", str(ROOT / "demo" / "series.yaml"), "--set", f"model={{name: {method}}}", "--set", "workers=0"]
    recipe += ["--model-path", str(tmp_path / "run")]
    for mode, part in (("prep", "quiet"), ("train", "quiet"), ("prep", "new"), ("eval", "new")):
        raw = ["--data-raw", str(tmp_path / part)] if mode == "prep" else []
        assert main.main(["-m", mode, *recipe, *raw, "--data-clips", str(tmp_path / "reels" / part)]) == 0
    results = tmp_path / "run" / "eval" / "pump"
    events = scene_events(pd.read_csv(results / "events.csv", keep_default_na=False))
    near = {
        name: (events["frame_end"] >= first - 5) & (events["frame_start"] <= last + 5)
        for name, (first, last) in FAULTS.items()
    }
    assert {name for name, found in near.items() if found.any()} == set(FAULTS)
    promise = json.loads((results / "summary.json").read_text())["promises_per_day"]["low"]
    assert promise["used"] == promise["asked"] == 1.0
    false = int((~np.logical_or.reduce(list(near.values()))).sum())
    assert false <= poisson.isf(1e-3, promise["interval"][1] * WATCHED_DAYS)
