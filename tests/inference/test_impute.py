"""The task of imputing through the program, from a table with a known truth and gaps to results."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from data.reel.reel import Reel
from tests.support.series_tasks import LENGTH, N, measured, program, truth, worked, write_settings, write_table
from training.checkpoint import load_model

pytestmark = [pytest.mark.pictures, pytest.mark.usefixtures("one_thread")]
GAPS = [range(start, start + 5) for start in range(60, 470, 40)]


@pytest.fixture(scope="module")
def imputed(tmp_path_factory) -> Path:
    """Trained and evaluated on a table with gaps in its first variable."""
    folder = tmp_path_factory.mktemp("impute")
    samples = measured()
    for gap in GAPS:
        samples[gap, 0] = np.nan
    write_table(folder / "raw" / "pump.csv", samples)
    write_settings(folder, {"task": "impute", "mask_block": [5, 1, 1]}, epochs=30)
    return worked(folder, "prep", "train", "eval")


class TestImpute:
    def test_what_was_measured_stays_and_the_rest_is_filled(self, imputed):
        found = pd.read_csv(imputed / "run" / "eval" / "pump" / "filled.csv")
        assert list(found) == ["time_utc", "time_s", "v0", "v1"]
        missing = np.zeros((N, 2), bool)
        missing[np.concatenate(GAPS), 0] = True
        np.testing.assert_array_equal(Reel(imputed / "reels" / "pump").missing, missing)
        filled = found[["v0", "v1"]].to_numpy()
        np.testing.assert_allclose(filled[~missing], measured()[~missing], rtol=1e-5, atol=1e-8)
        assert np.isfinite(filled).all()
        assert cv2.imread(str(imputed / "run" / "eval" / "pump" / "filled.png")).std() > 0

    def test_gaps_are_filled_better_than_by_straight_lines(self, imputed):
        found = pd.read_csv(imputed / "run" / "eval" / "pump" / "filled.csv")["v0"].to_numpy()
        gone, at = np.isin(np.arange(N), np.concatenate(GAPS)), np.arange(N)
        line = np.interp(at[gone], at[~gone], measured()[~gone, 0])
        expected = truth(N)[gone, 0]
        error, of_line = (float(((v - expected) ** 2).mean()) for v in (found[gone], line))
        print(f"MSE at the gaps: model {error:.3f}, straight lines {of_line:.3f}")
        assert error < 0.5 * of_line

    def test_errors_of_the_summary_are_those_of_values_hidden_again(self, imputed):
        """Other values are hidden here than in the program, so the errors agree but for chance."""
        part = json.loads((imputed / "run" / "eval" / "pump" / "summary.json").read_text())["imputation"]
        assert part["filled"] == 5 * len(GAPS)
        assert list(part["errors"]) == ["0.125", "0.25", "0.375", "0.5"]
        model, _ = load_model(imputed / "run")
        reel = Reel(imputed / "reels" / "pump")
        kept = pd.read_csv(imputed / "run" / "calibration" / "quiet" / "ranges.csv")
        first = max(r.source_begin + r.end - r.begin for r in kept[kept["side"] == "train"].itertuples())
        assert part["errors_of"] == "samples that were not trained on"
        assert 0 < part["windows_judged"] < part["windows"]
        starts = [s for s in {*range(0, N - LENGTH + 1, 5), N - LENGTH} if s >= first]
        assert len(starts) == part["windows_judged"]
        windows = np.add.outer(starts * 400, np.arange(LENGTH))
        values = torch.from_numpy(reel.frames[:, :, 0, 0][windows]).transpose(1, 2)  # (n, C, LENGTH)
        missing = torch.from_numpy(reel.missing[windows]).transpose(1, 2)
        for rate, errors in part["errors"].items():
            tried = (torch.rand(values.shape) < float(rate)) & ~missing
            with torch.inference_mode():
                found = {"model": model.fill(values, tried | missing)}
            found["straight line"] = torch.from_numpy(lines(values.numpy(), (tried | missing).numpy()))
            for name, guess in found.items():
                error = (guess - values)[tried]
                assert errors[name]["mse"] == pytest.approx(error.square().mean().item(), rel=0.2), (rate, name)
                assert errors[name]["mae"] == pytest.approx(error.abs().mean().item(), rel=0.15), (rate, name)
        half = part["errors"]["0.5"]
        assert half["model"]["mse"] < half["straight line"]["mse"]

    def test_a_series_without_gaps_comes_back_as_it_is(self, imputed, table):
        assert program(imputed, "eval", "--data-clips", str(table / "reels"), "--model-path", str(imputed / "run")) == 0
        found = pd.read_csv(imputed / "run" / "eval" / "pump" / "filled.csv")
        np.testing.assert_allclose(found[["v0", "v1"]], measured(), rtol=1e-5, atol=1e-8)


def test_a_single_variable_is_filled_where_a_sample_has_no_value_at_all(tmp_path):
    values = truth(N)[:, :1]
    values[np.concatenate(GAPS)] = np.nan
    write_table(tmp_path / "raw" / "pump.csv", values)
    settings = {"task": "impute", "mask_block": [1, 1, 1]}
    write_settings(tmp_path, settings, {"min_coverage": 0.0}, epochs=1, warmup_epochs=0.0)
    worked(tmp_path, "prep", "train", "eval")
    reel = Reel(tmp_path / "reels" / "pump")
    assert (len(reel), reel.missing.sum()) == (N, 5 * len(GAPS))
    found = pd.read_csv(tmp_path / "run" / "eval" / "pump" / "filled.csv")["v0"].to_numpy()
    assert np.isfinite(found).all()
    known = np.isfinite(values[:, 0])
    np.testing.assert_allclose(found[known], values[known, 0], rtol=1e-5, atol=1e-8)
    assert np.abs(found[~known]).max() < 2 * np.abs(values[known]).max()


def lines(values: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Values (n, C, T) with the hidden ones interpolated by numpy."""
    filled, at = values.copy(), np.arange(values.shape[-1])
    for n, c in np.ndindex(values.shape[:2]):
        gone = hidden[n, c]
        filled[n, c, gone] = np.interp(at[gone], at[~gone], values[n, c, ~gone])
    return filled
