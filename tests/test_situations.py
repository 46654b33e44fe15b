"""What users point the program at, small: recipes of demo/ as they are, but for what makes them quick."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import poisson

import main
from inference.results.results import scene_events
from tests.support.paths import ROOT
from tests.support.pump import DAY_MIN, FAULTS, pump, with_faults, write_table

QUIET_DAYS, WATCHED_DAYS = 5, 3


@pytest.mark.parametrize("method", ["sub_pca", "window_pca", "kmeans"])
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
