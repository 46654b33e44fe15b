"""The task of classifying through the program, from tables of known classes to results."""

import json
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import confusion_matrix

import config
from data.reel.reel import Reel
from inference.tasks.classify import draw
from tests.support.drawing import unpainted
from tests.support.series_tasks import LENGTH, program, worked, write_settings, write_table
from training.checkpoint import load_model
from training.loader import open_data

pytestmark = [pytest.mark.pictures, pytest.mark.usefixtures("one_thread")]
CLASSES = {"fast": 5, "medium": 8, "slow": 13}  # periods in samples
STARTS = (0, 8, 16, 24, 32, 34)  # windows of 80 samples, the last one flush with the end


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
    write_settings(folder, {"task": "classify"}, {"classes": "folder", "stride": 8}, epochs=12)
    new = ("--data-raw", str(folder / "new"), "--data-clips", str(folder / "new_reels"))
    with unpainted():
        worked(folder, "prep", "train")
        assert program(folder, "prep", *new, "--set", f"prep.stretch_from={folder / 'reels' / 'fast_0'}") == 0
    assert program(folder, "eval", *new) == 0
    return folder


class TestClassify:
    def test_its_reels_are_judged_together_and_so_in_no_shards(self, classified, capsys):
        new = ("--data-clips", str(classified / "new_reels"))
        before = (classified / "run" / "eval" / "classes.csv").stat().st_mtime_ns
        assert program(classified, "eval", *new, "--shard", "1/2") == 1
        assert "judges the windows of all reels together: run eval without --shard" in capsys.readouterr().err
        assert (classified / "run" / "eval" / "classes.csv").stat().st_mtime_ns == before

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
