"""Time series through prep, review, train and eval."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

import config
import main
from data.frames.workers.pool import make_executor
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.review.statistics import _sample_statistics, block_means, frame_statistics
from models import MODELS
from models.series.series_model import SeriesModel
from tests.support.paths import ROOT
from tests.support.reels import drifting_blobs, make_reel
from tests.support.telemetry import SHIFT, SPIKE, N, telemetry

SETTINGS = {
    "workers": 0,
    "device": "cpu",
    "data_raw": "raw",
    "data_clips": "reels",
    "model_path": "run",
    "prep": {"clip_length": 64, "stride": 8, "label_column": "truth"},
    "model": {
        "patch": [1, 1, 1],
        "stages": [
            {"width": 16, "kernel": [5, 1, 1]},
            {"width": 24, "stride": [4, 1, 1], "kernel": [5, 1, 1]},
            {"width": 32, "stride": [4, 1, 1], "kernel": [3, 1, 1]},
        ],
        "latent_channels": 8,
    },
    "train": {
        "epochs": 12,
        "warmup_epochs": 1.0,
        "batch_size": 8,
        "drop_last": False,
        "lr": 3e-3,
        "exclude_utc": [["2024-01-02T13:00:00", "2024-01-04T00:00:00"]],
    },
    "eval": {"batch_size": 64, "stride": 16},
}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder in which the four modes have run on a CSV."""
    folder = tmp_path_factory.mktemp("series")
    (folder / "raw").mkdir()
    telemetry().to_csv(folder / "raw" / "pump.csv", index=False)
    (folder / "settings.yaml").write_text(yaml.safe_dump(SETTINGS))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for mode in ("prep", "review", "train", "eval"):
            assert main.main(["-m", mode, "-c", "settings.yaml"]) == 0, mode
    return folder


def test_a_table_becomes_a_reel_of_one_pixel_frames_that_is_invertible(work):
    reel, table = Reel(work / "reels" / "pump"), telemetry()
    assert reel.is_series
    assert reel.shape == (N, 3, 1, 1)
    assert reel.channels == ["temperature", "a/b, c", "constant"]
    assert reel.cadence_s == 60
    assert reel.meta["kind"] == "series"
    np.testing.assert_allclose(reel.signals(), table[reel.channels], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(reel.physical(5, 6)[0][:, 0, 0], table[reel.channels].iloc[5], rtol=1e-6)
    assert (reel.times_utc == table["Timestamp"].to_numpy("datetime64[ms]")).all()
    np.testing.assert_array_equal(reel.labels, table["truth"])
    assert not (reel.path / "preview.mp4").exists()
    assert (reel.path / "summary.png").is_file()


def test_review_rejects_the_windows_that_stand_out_and_draws_them(work):
    windows = pd.read_csv(work / "reels" / "pump" / "windows.csv")
    rejected = windows[windows["verdict"] == "reject"]
    holds_spike = (rejected["start"] <= SPIKE) & (rejected["start"] + 64 > SPIKE)
    assert holds_spike.any()
    assert len(rejected) < 0.2 * len(windows)
    assert (work / "reels" / "pump" / "review_outliers.png").is_file()


def test_spike_and_shift_are_the_strongest_events(work):
    events = pd.read_csv(work / "run" / "eval" / "pump" / "events.csv").sort_values("peak_score")
    first, last = events["frame_start"], events["frame_end"]
    is_spike = (first <= SPIKE) & (last >= SPIKE)
    is_shift = (first <= SHIFT[-1] + 2) & (last >= SHIFT[0] - 2)
    assert is_spike.sum() == 1
    assert is_shift.any()
    found = is_spike | is_shift
    assert events.loc[found, "peak_score"].min() > events["peak_score"].where(~found, 0).max()
    assert (events.loc[is_spike, ["frame_start", "frame_end"]] - SPIKE).abs().max(axis=None) <= 3
    assert (events["area_px"] == 1).all()
    assert events["instrument"].isna().all()


def test_scores_beat_chance_and_there_is_no_movie(work):
    out = work / "run" / "eval" / "pump"
    summary = json.loads((out / "summary.json").read_text())
    assert summary["frames_scored"] == N
    assert summary["metrics"]["frame_auc"] > 0.9
    assert summary["metrics"]["average_precision"] > 20 * 17 / N
    assert {"timeline.png", "events.json", "scores.csv", "scores.f16"} <= {path.name for path in out.iterdir()}
    assert not (out / "anomaly.mp4").exists()


def test_movie_only_says_that_a_series_has_none(work, monkeypatch, capsys):
    monkeypatch.chdir(work)
    assert main.main(["-m", "eval", "-c", "settings.yaml", "--movie_only"]) == 0
    assert "has no movie" in capsys.readouterr().err


def test_the_default_model_and_loss_run_on_a_series(tmp_path):
    make_reel(tmp_path / "reels" / "s", drifting_blobs(200, 1, 1, C=2), clip_length=32)
    small = ["--set", "train.epochs=1", "--set", "train.warmup_epochs=0.0", "--set", "workers=0", "--device", "cpu"]
    places = ["--data-clips", str(tmp_path / "reels"), "--model-path", str(tmp_path / "run")]
    for mode in ("review", "train", "eval"):
        assert main.main(["-m", mode, *places, *small]) == 0, mode
    assert (tmp_path / "run" / "eval" / "s" / "summary.json").is_file()


@pytest.mark.parametrize("name", ["series_net", "goes"])
def test_the_recipes_of_series_load_and_stride_in_time_only(name):
    recipe = config.load(ROOT / "demo" / f"{name}.yaml")
    assert all(stage.stride[1:] == (1, 1) for stage in recipe.model.stages or ())
    assert recipe.model.patch is None or recipe.model.patch[1:] == (1, 1)
    is_for_series = issubclass(MODELS[recipe.model.name], SeriesModel)
    assert is_for_series or recipe.model.patch is not None  # whose own is for pictures


def test_statistics_of_samples_are_those_of_single_frames(tmp_path):
    masks = np.zeros((50, 1, 1), np.uint8)
    masks[7] = INVALID
    reel = make_reel(tmp_path / "s", drifting_blobs(50, 1, 1, C=3), masks=masks)
    before, expected = None, np.zeros((50, 5))
    for i in range(50):  # as frame_statistics does with pictures
        frame = reel.frames[i].astype(np.float64)
        blocks = block_means(frame)
        if not masks[i]:
            change = 0.0 if before is None else np.abs(blocks - before).max()
            values = frame.ravel()
            expected[i] = values.mean(), (values**2).mean(), np.quantile(values, 0.99), change, 1
        before = blocks
    np.testing.assert_allclose(_sample_statistics(reel), expected)
    with make_executor(1) as here:
        np.testing.assert_allclose(frame_statistics(reel, here), expected)
