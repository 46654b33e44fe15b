"""The task of forecasting through the program, from a table with a known truth to results."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from data.reel.reel import Reel
from tests.support.series_tasks import AHEAD, LENGTH, N, measured, program, truth, worked, write_settings
from training.checkpoint import load_model

pytestmark = [pytest.mark.pictures, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def forecast(table, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("forecast")
    (folder / "reels").symlink_to(table / "reels")
    write_settings(folder, {"task": "forecast"})
    return worked(folder, "train", "eval")


class TestForecast:
    def test_the_table_goes_on_where_the_reel_ends_and_is_near_the_truth(self, forecast):
        found = pd.read_csv(forecast / "run" / "eval" / "pump" / "forecast.csv")
        assert list(found) == ["time_utc", "time_s", "v0", "v1"]
        np.testing.assert_array_equal(found["time_s"], 60 * np.arange(N, N + AHEAD))
        times = np.datetime64("2024-01-01T00:00:00", "ms") + 60_000 * np.arange(N, N + AHEAD)
        assert (found["time_utc"].to_numpy("datetime64[ms]") == times).all()
        expected = truth(N + AHEAD)[N:]
        for c, size in enumerate((10, 3e-3)):
            assert np.abs(found[f"v{c}"] - expected[:, c]).max() < 0.15 * size

    def test_every_forecast_is_that_of_the_model_from_the_samples_before_its_origin(self, forecast):
        with np.load(forecast / "run" / "eval" / "pump" / "forecasts.npz", allow_pickle=False) as saved:
            ahead, origin = saved["forecasts"], saved["origin"]
        past, last = LENGTH - AHEAD, N - AHEAD
        assert origin.tolist() == sorted({*range(past, last + 1, 5), last})
        assert ahead.shape == (len(origin), AHEAD, 2)
        model, _ = load_model(forecast / "run")
        reel = Reel(forecast / "reels" / "pump")
        for i in (0, 7, len(origin) - 1):
            seen = torch.from_numpy(reel.frames[origin[i] - past : origin[i], :, 0, 0].T.copy())[None]
            with torch.inference_mode():
                expected = model.forecast(seen)[0].numpy()
            for c, stretch in enumerate(reel.stretches):
                np.testing.assert_allclose(ahead[i, :, c], stretch.inverse(expected[c]), rtol=1e-4, atol=1e-6)

    def test_errors_of_the_summary_are_those_of_the_saved_forecasts(self, forecast):
        out = forecast / "run" / "eval" / "pump"
        summary = json.loads((out / "summary.json").read_text())["forecast"]
        with np.load(out / "forecasts.npz", allow_pickle=False) as saved:
            ahead, origin = saved["forecasts"].astype(np.float64), saved["origin"]
        assert summary["windows"] == len(origin)
        seen = trained_on(forecast)
        unseen = np.array([not seen[o : o + AHEAD].any() for o in origin])
        ahead, origin = ahead[unseen], origin[unseen]
        assert 0 < len(origin) == summary["windows_judged"] < summary["windows"]
        samples, spread = measured(), measured()[seen].std(0)
        actual = np.stack([samples[o : o + AHEAD] for o in origin])
        steps = np.arange(AHEAD)
        naive = {
            "model": ahead,
            "last value": np.stack([samples[[o - 1] * AHEAD] for o in origin]),
            "seasonal naive": np.stack([samples[o - 12 + steps % 12] for o in origin]),
        }
        assert summary["horizon"] == AHEAD
        assert summary["errors_of"] == "samples that were not trained on"
        assert set(summary["errors"]) == set(naive)
        for name, guess in naive.items():
            error = (guess - actual) / spread
            assert summary["errors"][name]["mse"] == pytest.approx((error**2).mean(), rel=1e-3), name
            assert summary["errors"][name]["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-3), name
        best = min(summary["errors"][name]["mse"] for name in ("last value", "seasonal naive"))
        assert summary["errors"]["model"]["mse"] < 0.7 * best

    def test_samples_are_scored_and_the_picture_is_drawn(self, forecast):
        out = forecast / "run" / "eval" / "pump"
        assert len(pd.read_csv(out / "scores.csv")) == N
        assert cv2.imread(str(out / "forecasts.png")).std() > 0

    @pytest.mark.parametrize("score", ["mahalanobis", "mix"])
    def test_other_scores_leave_the_forecasts_as_they_are(self, forecast, score):
        out = forecast / "run" / "eval" / "pump"
        before = (out / "forecast.csv").read_bytes()
        (out / "forecast.csv").unlink()
        assert program(forecast, "eval", "--set", f"eval.score={score}", "--set", "eval.mix=[standardised, knn]") == 0
        assert (out / "forecast.csv").read_bytes() == before


def trained_on(folder: Path) -> np.ndarray:
    """The samples (N,) bool that training windows cover."""
    kept = pd.read_csv(folder / "run" / "calibration" / "quiet" / "ranges.csv")
    covered = np.zeros(N, bool)
    for r in kept[kept["side"] == "train"].itertuples():
        covered[r.source_begin : r.source_begin + r.end - r.begin] = True
    return covered


def test_the_report_shows_forecasts_first_and_speaks_of_samples(forecast):
    text = (forecast / "run" / "eval" / "pump" / "report.html").read_text()
    embedded = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert embedded is not None
    found = json.loads(embedded[1])
    assert found["tiles"][0]["name"] == "forecast error"
    assert "that were not trained on" in found["tiles"][0]["about"]
    assert [one["title"] for one in found["first"]] == ["Forecasts"]
    shown = json.dumps([found["tiles"], found["facts"], found["false_alarms"]])
    assert "samples scored" in shown
    assert not re.search(r"frame|movie|camera", shown)
