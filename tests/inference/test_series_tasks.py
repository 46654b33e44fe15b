"""The tasks of series through the program: forecast, impute and classify, from tables with a known truth to results."""

import json
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from sklearn.metrics import confusion_matrix

import config
import main
from data.reel.reel import Reel
from inference.tasks.classify import draw
from tests.support.trainings import fitting, small_config, small_reel
from training import checkpoint
from training.checkpoint import load_model, path_of
from training.distributed import Processes
from training.engine import Trainer
from training.interrupt import Interrupt
from training.loader import open_data
from training.train import train

pytestmark = pytest.mark.usefixtures("one_thread")

N, LENGTH, AHEAD = 480, 46, 12  # 34 samples of the past are no whole number of periods
GAPS = [range(start, start + 5) for start in range(60, 470, 40)]
CLASSES = {"fast": 5, "medium": 8, "slow": 13}  # periods in samples
STARTS = (0, 8, 16, 24, 32, 34)  # windows of 80 samples, the last one flush with the end
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


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    """A prepared table of two variables."""
    folder = tmp_path_factory.mktemp("table")
    write_table(folder / "raw" / "pump.csv", measured())
    write_settings(folder, {})
    return worked(folder, "prep")


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
        samples, spread = measured(), training_samples(forecast).std(0)
        actual = np.stack([samples[o : o + AHEAD] for o in origin])
        steps = np.arange(AHEAD)
        naive = {
            "model": ahead,
            "last value": np.stack([samples[[o - 1] * AHEAD] for o in origin]),
            "seasonal naive": np.stack([samples[o - 12 + steps % 12] for o in origin]),
        }
        assert summary["horizon"] == AHEAD
        assert summary["windows"] == len(origin)
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


def training_samples(folder: Path) -> np.ndarray:
    """The samples that training windows cover."""
    kept = pd.read_csv(folder / "run" / "calibration" / "quiet" / "ranges.csv")
    covered = np.zeros(N, bool)
    for r in kept[kept["side"] == "train"].itertuples():
        covered[r.source_begin : r.source_begin + r.end - r.begin] = True
    return measured()[covered]


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
        values = torch.from_numpy(reel.frames[:, :, 0, 0].copy()).unfold(0, LENGTH, 1)  # (n, C, LENGTH)
        missing = torch.from_numpy(reel.missing).unfold(0, LENGTH, 1)
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


def write_classes(folder: Path, each: int, seed: int) -> None:
    """Short tables of two variables in a folder for each class; the class is the period of the first."""
    random = np.random.default_rng(seed)
    for name, period in CLASSES.items():
        for number in range(each):
            i, (phase, other) = np.arange(80), random.uniform(0, 6, 2)
            samples = np.stack([np.sin(2 * np.pi * i / period + phase), np.sin(i / 4 + other)], 1)
            write_table(folder / name / f"{number}.csv", samples + random.normal(0, 0.15, samples.shape))


@pytest.fixture(scope="module")
def classified(tmp_path_factory) -> Path:
    """Trained on 5 tables of each class, evaluated on 3 others."""
    folder = tmp_path_factory.mktemp("classify")
    write_classes(folder / "raw", 5, seed=0)
    write_classes(folder / "new", 3, seed=1)
    write_settings(folder, {"task": "classify"}, {"classes": "folder", "stride": 8}, epochs=20)
    worked(folder, "prep", "train")
    new = ("--data-raw", str(folder / "new"), "--data-clips", str(folder / "new_reels"))
    assert program(folder, "prep", *new, "--set", f"prep.stretch_from={folder / 'reels' / 'fast_0'}") == 0
    assert program(folder, "eval", *new) == 0
    return folder


class TestClassify:
    def test_classes_of_new_reels_are_told_apart(self, classified):
        facts = json.loads((classified / "run" / "eval" / "classification.json").read_text())
        print(facts)
        assert facts["classes"] == sorted(CLASSES)
        assert (facts["reels"], facts["windows"]) == (9, 9 * len(STARTS))
        assert facts["accuracy_reels"] > 0.8
        assert facts["accuracy_windows"] > 0.8

    def test_tables_hold_every_window_with_its_probabilities(self, classified):
        out = classified / "run" / "eval"
        facts = json.loads((out / "classification.json").read_text())
        windows, reels = pd.read_csv(out / "classes.csv"), pd.read_csv(out / "reels.csv")
        starts = [(f"{name}_{number}", start) for name, number, start in product(CLASSES, range(3), STARTS)]
        assert set(zip(windows["reel"], windows["start"], strict=True)) == set(starts)
        assert len(windows) == len(starts)
        names = [f"p({name})" for name in sorted(CLASSES)]
        np.testing.assert_allclose(windows[names].sum(axis=1), 1, atol=1e-4)
        assert (windows["class"] == windows["reel"].str.rsplit("_", n=1).str[0]).all()
        assert (windows["predicted"] == windows[names].idxmax(axis=1).str[2:-1]).all()
        for row in reels.to_dict("records"):
            mean = windows.loc[windows["reel"] == row["reel"], names].mean()
            np.testing.assert_allclose([row[name] for name in names], mean, atol=1e-5)
            assert row["predicted"] == mean.idxmax()[2:-1]
            assert row["class"] == row["reel"].rsplit("_", 1)[0]
        for table, key in ((windows, "accuracy_windows"), (reels, "accuracy_reels")):
            assert facts[key] == pytest.approx((table["class"] == table["predicted"]).mean())

    def test_a_window_has_the_probabilities_that_the_model_gives(self, classified):
        model, found = load_model(classified / "run")[0], pd.read_csv(classified / "run" / "eval" / "classes.csv")
        for row in found.iloc[::11].to_dict("records"):
            frames = Reel(classified / "new_reels" / row["reel"]).frames[row["start"] : row["start"] + LENGTH]
            with torch.inference_mode():
                likely = model(torch.from_numpy(frames.copy()).transpose(0, 1)[None]).logits.softmax(1)[0]
            np.testing.assert_allclose([row[f"p({name})"] for name in sorted(CLASSES)], likely, atol=1e-4)

    def test_whole_reels_validate_evenly_of_every_class(self, classified):
        data = open_data(config.load(classified / "settings.yaml"))
        train_reels, val_reels = ({data.reels[i].name for i in side.windows.reel} for side in (data.train, data.val))
        assert train_reels.isdisjoint(val_reels)
        assert len(train_reels | val_reels) == 15
        assert sorted(name.split("_")[0] for name in val_reels) == ["fast", "medium", "slow"]

    @pytest.mark.parametrize("score", ["mahalanobis", "mix"])
    def test_a_score_of_anomalies_does_not_matter(self, classified, score):
        before = (classified / "run" / "eval" / "classes.csv").read_bytes()
        words = ("--data-clips", str(classified / "new_reels"), "--set", f"eval.score={score}")
        assert program(classified, "eval", *words) == 0
        assert (classified / "run" / "eval" / "classes.csv").read_bytes() == before

    def test_the_picture_has_true_classes_down_and_predicted_ones_across(self, classified, tmp_path):
        drawn = cv2.imread(str(classified / "run" / "eval" / "confusion.png"))
        reels = pd.read_csv(classified / "run" / "eval" / "reels.csv")
        matrix = confusion_matrix(reels["class"], reels["predicted"], labels=sorted(CLASSES))
        draw(tmp_path / "again.png", matrix, sorted(CLASSES))
        np.testing.assert_array_equal(cv2.imread(str(tmp_path / "again.png")), drawn)
        for name, matrix in {"column": [[5, 0], [3, 0]], "row": [[0, 0], [2, 2]]}.items():
            draw(tmp_path / f"{name}.png", np.array(matrix), ["a", "b"])
        column, row = (dark_blue(cv2.imread(str(tmp_path / f"{name}.png"))) for name in ("column", "row"))
        assert np.ptp(column[0]) > 1.8 * np.ptp(column[1])  # all predicted as a: two cells below each other
        assert len(row[0]) == 0  # half and half is no dark blue


def dark_blue(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels that matplotlib's Blues gives a share near 1."""
    blue, green, red = (picture[..., c].astype(int) for c in range(3))
    return np.nonzero((abs(blue - 107) < 12) & (abs(green - 48) < 12) & (abs(red - 8) < 12))


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [
        ({"patch": [3, 1, 1]}, 1, "model.patch begins with 3 samples; tvnet needs an even number"),
        ({"stages": [{"width": 8, "stride": [2, 1, 1]}]}, 1, "use stages without stride"),
        ({"task": "forecast", "predict_frames": LENGTH}, 1, "or a longer prep.clip_length"),
        ({"task": "impute", "mask_block": [LENGTH, 1, 1]}, 1, "choose fewer, or a longer prep.clip_length"),
        ({"name": "linear", "task": "anomaly"}, 2, "linear only does forecast; this is for "),
        ({"task": "classify"}, 2, "no class is known of pump; see prep.classes"),
        ({"name": "masked", "task": "impute"}, 2, "masked only does anomaly; this is for tvnet, timesnet"),
    ],
)
def test_what_can_not_be_trained_is_refused_with_the_way_out(table, tmp_path, capsys, model, code, said):
    (tmp_path / "reels").symlink_to(table / "reels")
    write_settings(tmp_path, model)
    assert program(tmp_path, "train") == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_one_class_or_too_few_reels_of_it_are_refused_with_the_way_out(tmp_path, capsys):
    for number in range(2):
        write_table(tmp_path / "raw" / "only" / f"{number}.csv", truth(80))
    write_settings(tmp_path, {"task": "classify"}, {"classes": "folder", "stride": 8}, val_fraction=0.5)
    assert program(tmp_path, "prep") == 0
    assert program(tmp_path, "train") == 1
    assert "needs reels of at least two classes, found 1; set prep.classes" in capsys.readouterr().err
    assert program(tmp_path, "train", "--set", "train.val_fraction=0.3") == 1
    said = capsys.readouterr().err
    assert "0 validation windows" in said
    assert "give classes at least 4 reels, or choose a larger train.val_fraction" in said


@pytest.mark.parametrize("name", ["tvnet", "timesnet", "linear"])
def test_frames_of_a_video_are_refused_with_the_way_out(tmp_path, capsys, name):
    small_reel(tmp_path / "reels" / "sun", T=60)
    write_settings(tmp_path, {"name": name, "task": "forecast", "predict_frames": 2, "stages": None})
    assert program(tmp_path, "train") == 1
    assert "have 24x24 pixels; choose another model.name" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["anomaly", "impute"])
def test_a_stopped_training_resumes_to_the_same_weights_bit_for_bit(table, tmp_path, task):
    runs = {}
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "reels").symlink_to(table / "reels")
        write_settings(tmp_path / name, {"task": task}, epochs=2)
        runs[name] = config.load(tmp_path / name / "settings.yaml")
    assert program(tmp_path / "whole", "train") == 0
    stopped, team = runs["stopped"], Processes(0, 1, torch.device("cpu"))
    trainer = Trainer(stopped, open_data(stopped), team, Path(stopped.model_path), Interrupt())
    trainer.begin(None)
    trainer.save_when_due = lambda: trainer.stop_if(trainer.state.step == 3)
    with pytest.raises(KeyboardInterrupt, match="stopped after step 3"):
        trainer.fit()
    torch.rand(5)  # whatever the generator did meanwhile
    assert program(tmp_path / "stopped", "train", "--resume") == 0
    expected, found = (checkpoint.load(path_of(tmp_path / name / "run", "last")) for name in runs)
    assert expected["state"]["step"] == found["state"]["step"] > 6
    for key, tensor in expected["model"].items():
        assert torch.equal(found["model"][key], tensor), key


def without_new_keys(path: Path) -> None:
    """Make a checkpoint one of the time before there were series models."""
    saved = checkpoint.load(path)
    del saved["config"]["model"]["task"]
    for stage in saved["config"]["model"]["stages"]:
        del stage["modulation"]
    del saved["config"]["eval"]["combine"], saved["data"]["classes"], saved["format"]
    checkpoint.save(path, saved)


def test_a_checkpoint_from_before_there_were_tasks_is_loaded_and_resumed(tmp_path):
    small_reel(tmp_path / "reels" / "sun", T=90)
    asked = small_config(tmp_path / "reels", tmp_path / "run", train__epochs=2)
    run = train(asked)
    expected = load_model(run)[0].state_dict()
    for which in ("best", "last"):
        without_new_keys(path_of(run, which))
    found = load_model(run)[0].state_dict()
    assert all(torch.equal(found[key], tensor) for key, tensor in expected.items())
    (tmp_path / "settings.yaml").write_text(config.dump(asked))
    assert program(tmp_path, "train", "--resume") == 0
    assert program(tmp_path, "eval") == 0
    assert (run / "eval" / "sun" / "summary.json").is_file()
