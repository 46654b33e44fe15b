"""Weak labels from every source, and the way from them to segments through train and eval."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

import config
import main
import models
from config import WeakConfig
from data.labels.weak_labels import weak_labels
from data.reel.reel import Reel
from data.reel.windows import WindowSet, read_windows
from inference.metrics.series import point_f1
from inference.scorers.base import check_reel, score_reel
from inference.scorers.nets.net import Detector
from inference.scorers.nets.weak import Rule, WeakScorer
from inference.scorers.nets.weak_levels import FRAME_LEVELS, best_frame_level, best_threshold, window_metrics
from inference.scorers.nets.weak_net import WeakDetector
from inference.scorers.segments import segmented
from models.parts.pseudo_labels import segmented as of_training
from tests.support.nets import with_open_head
from tests.support.reels import drifting_blobs, make_reel
from training.loader import open_data

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTH = 64
STAGES = [{"width": 16, "dilation": d, "kernel": [3, 1, 1], "activation": "gated"} for d in (1, 2, 4)]


def windows_of(reel: Reel) -> WindowSet:
    starts = read_windows(reel)["start"].to_numpy()
    return WindowSet(np.zeros(len(starts), int), starts, int(read_windows(reel)["length"][0]))


class TestLabels:
    @pytest.fixture
    def reel(self, tmp_path):
        """30 frames a minute apart from 2012-07-19T00:00, windows of 10; frame 14 is labelled."""
        labels = (np.arange(30) == 14).astype(float)
        windows = {"clip_length": 10, "stride": 5}
        return make_reel(tmp_path / "sun", drifting_blobs(30, 4, 4), cadence_s=60.0, labels=labels, **windows)

    def labels_of(self, reel, **settings) -> dict[int, float]:
        windows = windows_of(reel)
        return dict(zip(windows.start.tolist(), weak_labels([reel], windows, WeakConfig(**settings)), strict=True))

    def test_of_frames(self, reel):
        assert self.labels_of(reel, labels="labels") == {0: 0, 5: 1, 10: 1, 15: 0, 20: 0}

    def test_of_verdicts_and_of_a_column(self, reel):
        table = read_windows(reel)
        table.loc[[1, 4], "verdict"] = "reject"
        table["label"] = [0, 0, 1, 1, 0]
        table.to_csv(reel.path / "windows.csv", index=False)
        assert self.labels_of(reel, labels="review") == {0: 0, 5: 1, 10: 0, 15: 0, 20: 1}
        assert self.labels_of(reel, labels="windows") == {0: 0, 5: 0, 10: 1, 15: 1, 20: 0}

    def test_of_intervals_that_overlap_a_window_however_little(self, reel, tmp_path):
        path = tmp_path / "times.csv"
        path.write_text("start,end\n2012-07-19T00:04:10,2012-07-19T00:04:20\n2012-07-19T00:20:00,2012-07-19T00:21:00\n")
        assert self.labels_of(reel, labels=str(path)) == {0: 1, 5: 0, 10: 0, 15: 1, 20: 1}

    def test_of_a_catalogue_from_a_class_on(self, reel, tmp_path):
        path, day = tmp_path / "flares.csv", "2012-07-19T00:"
        rows = [f"{day}02:00,{day}03:00,{day}04:00,C9.9", f"{day}12:00,{day}13:00,{day}14:00,M1.0"]
        path.write_text("\n".join(["start,peak,end,class", *rows]))
        assert self.labels_of(reel, labels=str(path)) == {0: 1, 5: 1, 10: 1, 15: 0, 20: 0}
        assert self.labels_of(reel, labels=str(path), min_class="M1.0") == {0: 0, 5: 1, 10: 1, 15: 0, 20: 0}

    @pytest.mark.parametrize(
        ("settings", "text", "message"),
        [
            ({}, None, "train.weak.labels is not set"),
            ({"labels": "nowhere.csv"}, None, "neither a file nor one of labels"),
            ({"labels": "windows"}, None, "needs a column label"),
            ({"labels": "here"}, "first,second\n", "needs the columns start,end; it has"),
            ({"labels": "here"}, "start,end\nsoon,later\n", "train.weak.labels .*x.csv: .*soon"),
            ({"labels": "here", "min_class": "M1"}, "start,end\n", "has no column class"),
        ],
    )
    def test_what_is_missing_is_said(self, reel, tmp_path, settings, text, message):
        if text:
            (tmp_path / "x.csv").write_text(text)
            settings = settings | {"labels": str(tmp_path / "x.csv")}
        with pytest.raises(ValueError, match=message):
            self.labels_of(reel, **settings)

    def test_reels_without_labels_or_utc_are_refused(self, tmp_path):
        reel = make_reel(tmp_path / "cam", drifting_blobs(30, 4, 4), start_utc=None, clip_length=10)
        (tmp_path / "x.csv").write_text("start,end\n2012-07-19,2012-07-20\n")
        with pytest.raises(ValueError, match="cam has no labels of frames"):
            self.labels_of(reel, labels="labels")
        with pytest.raises(ValueError, match="cam has no UTC times"):
            self.labels_of(reel, labels=str(tmp_path / "x.csv"))


def broken_relation(folder, name: str, n: int, seed: int) -> Reel:
    """A wave and its size, which is wrong for 16 to 32 samples now and then; labels say where."""
    random, truth = np.random.default_rng(seed), np.zeros(n)
    for start in range(40, n - 100, 160):
        if random.random() < 0.6:
            begin = start + random.integers(0, 60)
            truth[begin : begin + random.integers(16, 33)] = 1
    wave = np.sin(np.cumsum(0.3 + 0.1 * np.sin(np.arange(n) / 90 + seed)))
    size = np.where(truth > 0, 1 - np.abs(wave), np.abs(wave))
    values = 0.5 + 0.4 * np.stack([wave, size], 1) + random.normal(0, 0.03, (n, 2))
    return make_reel(folder / name, values[:, :, None, None].astype(np.float32), labels=truth, cadence_s=60.0,
                     channels=["wave", "size"], clip_length=LENGTH, stride=LENGTH // 2)  # fmt: skip


@pytest.fixture(scope="module", params=[0.0, 0.5], ids=["", "spliced"])
def run(tmp_path_factory, request):
    """Trained by one label a window on two series, validated on a third, evaluated on a fourth."""
    folder = tmp_path_factory.mktemp("weak")
    for seed, name in enumerate(("a", "b", "held")):
        broken_relation(folder / "reels", name, 1600, seed)
    broken_relation(folder / "new", "unseen", 1600, 7)
    settings = {
        "data_clips": str(folder / "reels"),
        "model_path": str(folder / "run"),
        "device": "cpu",
        "workers": 0,
        "model": {"name": "wetas", "pooling": "top", "stages": STAGES},
        "train": {"loss": "wetas", "epochs": 25, "warmup_epochs": 1.0, "batch_size": 16, "lr": 1e-2, "drop_last": False,
                  "val_reels": ["held"], "weak": {"labels": "labels", "segments": 8, "splice": request.param}},
        "eval": {"stride": 16},
    }  # fmt: skip
    (folder / "settings.yaml").write_text(json.dumps(settings))
    for words in (["train"], ["eval", "--data-clips", str(folder / "new")]):
        assert main.main(["-m", words[0], "-c", str(folder / "settings.yaml"), *words[1:]]) == 0
    return folder


class TestThroughTheProgram:
    def test_every_anomaly_is_an_event_where_it_is(self, run):
        results = run / "run" / "eval" / "unseen"
        summary = json.loads((results / "summary.json").read_text())
        metrics = summary["metrics"]
        print(metrics)
        assert metrics["point_f1"] > 0.45
        assert metrics["event_recall"] == 1
        assert metrics["event_precision"] > 0.7
        events = pd.read_csv(results / "events.csv")
        assert (events["peak_score"] > 0.5).all()

    def test_windows_have_their_probability_and_label(self, run):
        results = run / "run" / "eval" / "unseen"
        table, facts = pd.read_csv(results / "windows.csv"), json.loads((results / "summary.json").read_text())["weak"]
        reel = Reel(run / "new" / "unseen")
        labels = [float(reel.labels[s : s + LENGTH].any()) for s in table["start"]]
        np.testing.assert_array_equal(table["label"], labels)
        assert (table["positive"] == (table["probability"] >= facts["threshold"])).all()
        assert facts["known"]["auc"] > 0.9
        chosen = json.loads((run / "run" / "calibration" / "weak.json").read_text())
        assert facts["threshold"] == chosen["threshold"]
        assert chosen["windows"] == 49

    def test_training_and_validation_windows_carry_their_labels(self, run):
        data = open_data(config.load(run / "settings.yaml"))
        assert {data.reels[i].name for i in data.val.windows.reel} == {"held"}
        x, _, label = data.val[0]
        assert (x.shape, label.dtype) == ((2, LENGTH, 1, 1), np.float32)
        (run / "times.csv").write_text("start,end\n2012-07-19T00:00:00,2012-07-19T03:00:00\n")
        other = open_data(config.load(run / "settings.yaml", {"train.weak.labels": str(run / "times.csv")}))
        assert data.facts["windows"]["train"]["sha256"] != other.facts["windows"]["train"]["sha256"]

    def test_labels_of_one_kind_are_refused(self, run, capsys):
        assert main.main(["-m", "train", "-c", str(run / "settings.yaml"), "--model-path", str(run / "other"),
                          "--set", "train.weak.labels=review"]) == 1  # fmt: skip
        assert "training windows have the label 0; both are needed" in capsys.readouterr().err

    @pytest.mark.parametrize("score", ["knn", "mix"])
    def test_scores_of_other_nets_are_refused(self, run, capsys, score):
        assert main.main(["-m", "eval", "-c", str(run / "settings.yaml"), "--set", f"eval.score={score}"]) == 1
        assert f"eval.score {score} is for nets that learnt from quiet data" in capsys.readouterr().err

    def test_a_run_without_a_threshold_is_told(self, run, tmp_path, capsys):
        copied = shutil.copytree(run / "run", tmp_path / "run")
        (copied / "calibration" / "weak.json").unlink()
        assert main.main(["-m", "eval", "-c", str(run / "settings.yaml"), "--model-path", str(copied)]) == 1
        assert "calibration/weak.json is missing in the run" in capsys.readouterr().err

    def test_zones_of_a_series_are_refused(self, run, capsys):
        zone = json.dumps([{"name": "door", "polygon": [[0, 0], [9, 0], [9, 9]]}])
        words = ["-c", str(run / "settings.yaml"), "--set", f"eval.zones={zone}"]
        assert main.main(["-m", "eval", *words]) == 1
        assert "eval.zones are places in pictures, and door would be one of a series" in capsys.readouterr().err

    def test_following_a_stream_is_refused(self, run, capsys):
        assert main.main(["-m", "eval", "-c", str(run / "settings.yaml"), "--follow", "anything.ts"]) == 1
        assert "wetas lets all windows over a frame vote and can't follow a stream" in capsys.readouterr().err


@given(st.integers(0, 2**31), st.integers(13, 40), st.integers(2, 12), st.floats(0.05, 0.95))
def test_segments_are_those_that_training_cuts_windows_by(seed, length, segments, level):
    rng = np.random.default_rng(seed)
    dense, is_positive = rng.normal(0, 3, (4, length)).astype(np.float32), rng.random(4) < 0.7
    theirs = of_training(torch.from_numpy(dense), torch.from_numpy(is_positive), segments, level)
    np.testing.assert_array_equal(segmented(dense, is_positive, segments, level), theirs.numpy())


def test_windows_that_are_too_short_for_their_labels_are_refused():
    with pytest.raises(ValueError, match=r"windows of 2 frames can't hold the 3 labels that train.weak.segments 2"):
        segmented(np.float32([[0, 1]]), np.array([True]), segments=2, level=0.5)


def test_a_threshold_parts_windows_best_and_lies_between_them():
    probability, labels = np.array([0.1, 0.9, 0.4, 0.6, 0.3]), np.array([0, 1, 0, 1, 0])
    threshold = best_threshold(probability, labels)
    assert threshold == pytest.approx(0.5)
    found = window_metrics(probability, labels, threshold)
    assert found == {"windows": 5, "positive": 2, "auc": 1.0, "ap": 1.0, "f1": 1.0}


@pytest.mark.parametrize(("shift", "share"), [(-2.5, 0.4), (-1.0, 0.15), (0.0, 0.6)])
def test_the_level_of_frames_is_near_the_best_one_although_no_frame_has_a_label(shift, share):
    """Oracle: the F1 of every level with the labels of frames, which the choice does not get."""
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    truth = (rng.random((200, 100)) < share) & (labels == 1)[:, None]
    dense = expit(rng.normal(shift - 2, 1, truth.shape) + 4 * truth)
    f1 = {level: point_f1((dense >= level).ravel(), truth.ravel()) for level in FRAME_LEVELS}
    chosen = best_frame_level(dense, labels)
    assert f1[chosen] > max(f1.values()) - 0.01
    assert shift == 0 or f1[chosen] > f1[0.5] + 0.02


def test_without_a_choice_the_level_of_frames_is_one_half():
    dense = np.array([[0.2, 0.9], [0.1, 0.3]])
    assert best_frame_level(dense, np.array([1, 1])) == best_frame_level(dense, np.array([0, 0])) == 0.5
    assert best_frame_level(np.full((2, 2), 1.0), np.array([0, 1])) == 0.5
    assert best_frame_level(np.array([[0.1, 0.1], [0.9, 0.9]]), np.array([0, 1])) == 0.5


def test_frames_of_a_video_are_scored_in_order_with_the_places_that_matter(tmp_path):
    """A net with strides in space on a reel with a gap: the map's maximum is the frame's score."""
    times = 12.0 * np.arange(50)
    times[23:] += 3600
    reel = make_reel(tmp_path / "cam", drifting_blobs(50, 12, 10), times_s=times, clip_length=8)
    stages = [{"width": 8, "stride": [1, 2, 2]}, {"width": 8, "kernel": [3, 1, 1], "activation": "gated"}]
    asked = config.load(None, {"model": {"name": "wetas", "stages": stages}, "train": {"loss": "mil"}})
    torch.manual_seed(0)
    model = with_open_head(models.build(asked.model, 1)).eval()
    scaling = dict(zip(reel.channels, reel.stretches, strict=True))
    rule = Rule(0.0, 0.5, asked.train.weak.segments, asked.train.weak.level)
    scorer = WeakDetector(Detector(model, scaling, 8, torch.device("cpu")), rule)
    found = list(score_reel(scorer, reel, asked.eval))
    assert [f.index for f in found] == list(range(50))
    expected = np.concatenate([scorer.scores(reel, *ends, asked.eval.stride) for ends in ((0, 23), (23, 50))])
    np.testing.assert_allclose([f.residual.max() for f in found], expected, rtol=1e-6)
    inside = expected > 0.5
    assert 0 < inside.sum() < 50
    assert all(f.residual.min() < 0.5 for f in found)
    np.testing.assert_array_equal(found[30].frame, reel.frames[30])


def test_zones_count_where_scores_say_what_is_found_and_rates_are_refused(tmp_path):
    reel = make_reel(tmp_path / "cam", drifting_blobs(20, 12, 10), clip_length=8)
    scorer: Any = SimpleNamespace(are_promised=WeakScorer.are_promised, any_channels=False, clip_length=30, scaling={})
    left = {"name": "left", "polygon": [[-1, -1], [4.5, -1], [4.5, 12], [-1, 12]], "kind": "ignore"}
    settings = config.load(None, {"eval.zones": [left]}).eval
    check_reel(reel, {"frame_shape": [1, 12, 10]}, scorer, settings)
    calibration = WeakScorer.calibration(scorer, tmp_path, reel, settings)
    score = calibration.score(np.full((12, 10), 0.9, np.float32), replace(settings, score="residual"))
    assert (score[:, :5] == 0).all()
    assert (score[:, 5:] == np.float32(0.9)).all()
    asked = config.load(None, {"eval.zones": [left | {"kind": "named", "false_alarms_per_hour": 1.0}]}).eval
    with pytest.raises(ValueError, match="false_alarms_per_hour of left asks for a promise"):
        check_reel(reel, {"frame_shape": [1, 12, 10]}, scorer, asked)
