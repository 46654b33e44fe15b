"""VETime through the program: trained on synthetic series alone, shipped, and used on a series it has never seen."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softplus
from sklearn.decomposition import PCA
from sklearn.metrics import average_precision_score, roc_auc_score

import config
import main
import models
from config import ConfigError
from data.reel.reel import Reel
from data.synthetic.series import make_series
from inference.evaluate import evaluate
from inference.evidence.own_series import beside, near_rows
from inference.evidence.plain_views import plain_logits
from inference.scorers.load import load_scorer
from inference.scorers.zero_shot.scorer import coarser, measured
from inference.scorers.zero_shot.torch_net import TorchJudge, ZeroShotDetector
from models.vetime import VeTime
from tests.support.reels import drifting_blobs, make_reel
from tests.support.trainings import small_reel
from training import shipped
from training.distributed import Batches
from training.loader import open_data
from training.places import path_of
from training.synthetic_data import FIRST_VALIDATION, SyntheticSeries, synthetic_data
from training.train import train

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTH = 128
EASY = {"anomalies": {"spike": 1.0, "flat_line": 1.0}, "shapes": {"sines": 1.0, "square": 1.0}, "noise": [0.01, 0.1],
        "sensors": {"exact": 1.0}, "strength": [8.0, 20.0], "trend_fraction": 0.0, "sum_fraction": 0.0}  # fmt: skip
SETTINGS = {
    "device": "cpu",
    "workers": 0,
    "model.name": "vetime",
    "train.batch_size": 16,
    "train.epochs": 2,
    "train.warmup_epochs": 0.2,
    "train.lr": 3e-3,
    "train.synthetic": {"length": LENGTH, "series": 512, "val_series": 32, "channels": [1, 2], **EASY},
}


def series(n: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A noisy wave (n,) that stands still for 30 samples, and where (n,) bool."""
    random, truth = np.random.default_rng(seed), np.zeros(n, bool)
    values = np.sin(2 * np.pi * np.arange(n) / 37) + random.normal(0, 0.05, n)
    truth[2 * n // 3 : 2 * n // 3 + 30] = True
    values[truth] = values[truth][0]
    return values, truth


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Trained on synthetic series, then evaluated on a reel of another shape and length, through the command line."""
    folder = tmp_path_factory.mktemp("vetime")
    values, truth = series()
    make_reel(folder / "reels" / "wave", values[:, None, None, None], cadence_s=60.0, labels=truth.astype(float))
    (folder / "settings.yaml").write_text(json.dumps(config.as_dict(config.load(None, SETTINGS))))
    common = ["-c", str(folder / "settings.yaml"), "--model-path", str(folder / "run")]
    assert main.main(["-m", "train", *common]) == 0
    assert main.main(["-m", "eval", *common, "--data-clips", str(folder / "reels")]) == 0
    return folder


@pytest.fixture
def scorer(run) -> ZeroShotDetector:
    return load_scorer(run / "run", "cpu")[0]


def untrained() -> ZeroShotDetector:
    torch.manual_seed(0)
    return ZeroShotDetector(VeTime().eval(), torch.device("cpu"), LENGTH, np.empty(0))


class TestThroughTheProgram:
    def test_what_stands_still_is_found_without_any_training_on_it(self, run):
        results = run / "run" / "eval" / "wave"
        scores, (_, truth) = pd.read_csv(results / "scores.csv")["max"].to_numpy(), series()
        print(f"AUC {roc_auc_score(truth, scores):.3f}")
        assert roc_auc_score(truth, scores) > 0.85
        assert truth[np.argmax(scores) - 20 : np.argmax(scores) + 20].any()  # its end stands out as much as itself
        assert scores.std() > 0
        summary = json.loads((results / "summary.json").read_text())
        assert summary["metrics"]["event_n_truth"] == 1

    def test_synthetic_anomalies_are_found_better_than_by_an_untrained_copy_or_pca(self, run, scorer):
        data = synthetic_data(config.load(run / "settings.yaml")).val
        labels, found = [], {"trained": [], "untrained": [], "pca": []}
        fresh = untrained()
        for made in map(data.made, range(len(data))):
            labels.append(made.labels)
            found["trained"].append(scorer.of_net(made.values)[:, 0])
            found["untrained"].append(fresh.of_net(made.values)[:, 0])
            found["pca"].append(with_pca(np.nan_to_num(made.values)))
        precision = {
            name: average_precision_score(np.concatenate(labels), np.concatenate(scores))
            for name, scores in found.items()
        }
        print(precision)
        assert precision["trained"] > 2 * max(precision["untrained"], precision["pca"])

    def test_it_is_refused_where_it_can_not_work(self, run, tmp_path):
        small_reel(tmp_path / "film")
        common = ["-m", "eval", "-c", str(run / "settings.yaml"), "--model-path", str(run / "run")]
        assert main.main([*common, "--data-clips", str(tmp_path / "film")]) == 1
        assert main.main([*common, "--data-clips", str(run / "reels"), "--set", "eval.score=knn"]) == 1

    def test_events_name_the_variable_that_stands_still(self, run, tmp_path):
        (values, truth), (first, _), (last, _) = series(), series(seed=1), series(seed=2)
        first[truth], last[truth] = np.roll(first, 74)[truth], np.roll(last, 74)[truth]  # these go on
        reel = make_reel(
            tmp_path / "reels" / "three", np.stack([first, values, last], 1)[:, :, None, None], cadence_s=60.0,
            channels=["a", "b", "c"],
        )  # fmt: skip
        chosen = {"data_clips": str(reel.path.parent), "model_path": str(run / "run")}
        (out,) = evaluate(config.load(run / "settings.yaml", chosen))
        strongest = pd.read_csv(out / "events.csv").sort_values("peak_score").iloc[-1]
        assert truth[strongest["frame_peak"] - 20 : strongest["frame_peak"] + 20].any()
        assert strongest["variables"].split("; ")[0] == "b"
        assert float(strongest["shares"].split("; ")[0]) > 0.5

    def test_every_variable_may_have_its_own_events(self, run, tmp_path):
        values, truth = series()
        both = np.stack([series(seed=1)[0][::-1], values], 1)
        make_reel(tmp_path / "reels" / "two", both[:, :, None, None], cadence_s=60.0, channels=["a", "b"])
        chosen = {"data_clips": str(tmp_path / "reels"), "model_path": str(run / "run"), "eval.combine": "each"}
        (out,) = evaluate(config.load(run / "settings.yaml", chosen))
        table = pd.read_csv(out / "boxes.csv")
        assert set(table.columns) >= {"x0", "y0"}
        assert len(pd.read_csv(out / "scores.csv")) == len(truth)

    def test_more_false_alarms_cost_a_lower_threshold(self, run):
        before = identity_of(run / "run" / "eval" / "wave")
        chosen = {"data_clips": str(run / "reels"), "model_path": str(run / "run"), "eval.false_alarms_per_day": 100.0}
        (out,) = evaluate(config.load(run / "settings.yaml", chosen))
        now = identity_of(out)
        assert now["threshold_low"] <= now["threshold_high"]
        assert now["threshold_low"] < before["threshold_low"]


def identity_of(results) -> dict:
    return json.loads((results / "summary.json").read_text())["identity"]


def with_pca(values: np.ndarray) -> np.ndarray:
    """Error (T,) of windows of 16 samples without their first components, of all channels together."""
    scaled = (values - values.mean(0)) / np.maximum(values.std(0), 1e-9)
    windows = np.lib.stride_tricks.sliding_window_view(scaled, 16, axis=0).reshape(len(values) - 15, -1)
    error = np.square(windows - (model := PCA(4).fit(windows)).inverse_transform(model.transform(windows))).mean(1)
    return np.convolve(error, np.ones(16) / 16)


def means_of(values: np.ndarray, scale: int) -> np.ndarray:
    """The oracle of `coarser`."""
    parts = [values[i : i + scale] for i in range(0, len(values), scale)]
    return np.array([[c[~np.isnan(c)].mean() if (~np.isnan(c)).any() else np.nan for c in part.T] for part in parts])


class TestChunks:
    @pytest.mark.parametrize("n", [64, 65, 127, 128, 130, 700])
    def test_any_length(self, scorer, n):
        found = scorer.logits(series(n)[0][:, None])
        assert found.shape == (n, 2)
        assert np.isfinite(found).all()

    def test_every_sample_is_the_mean_of_its_chunks_by_their_weights(self, scorer):
        values = series(300)[0][:, None]
        total, weights = np.zeros(300), np.zeros(300)
        for start in (0, 64, 128, 172):
            single = scorer.of_chunks(values[start : start + LENGTH][None].astype(np.float32))[0, :, 0]
            weight = np.minimum(np.arange(1, LENGTH + 1), np.arange(LENGTH, 0, -1))
            total[start : start + LENGTH] += weight * single
            weights[start : start + LENGTH] += weight
        np.testing.assert_allclose(scorer.of_scale(values)[:, 0], total / weights, atol=1e-4)

    def test_scales_count_the_same_and_say_where_their_samples_are(self, scorer):
        values = series(4 * LENGTH)[0][:, None]
        values[100:105] = np.nan
        coarse = [[scorer.of_scale(means_of(values, scale)), scale] for scale in (4, 16)]
        at = np.arange(4 * LENGTH)
        parts = [np.interp(at, np.arange(scale / 2 - 0.5, 4 * LENGTH, scale), found[:, 0]) for found, scale in coarse]
        expected = (scorer.of_scale(values)[:, 0] + sum(parts)) / 3
        np.testing.assert_allclose(scorer.of_net(values)[:, 0], expected, atol=1e-4)
        above = scorer.scores(values) - np.maximum(expected, plain_logits(values)[:, 0])
        np.testing.assert_allclose(above, beside(near_rows(values))[0], atol=1e-4)

    @given(values=arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=st.floats(-9, 9)),
           gaps=st.sets(st.integers(0, 39)), scale=st.integers(1, 9))  # fmt: skip
    def test_coarser_samples_are_means_of_what_is_known(self, values, gaps, scale):
        values[[i for i in gaps if i < len(values)]] = np.nan
        np.testing.assert_allclose(coarser(values, scale), means_of(values, scale), atol=1e-12)

    def test_many_variables_go_through_in_parts(self, scorer):
        values = np.stack([series(600, seed=s)[0] for s in range(TorchJudge.rows + 3)], 1)
        found = scorer.logits(values) - scorer.beside_all(values)
        np.testing.assert_allclose(found[:, 0], found[:, 1:].max(1), atol=0.5)  # chunks have their own highest
        alone = scorer.logits(np.where(np.arange(TorchJudge.rows + 3) == 5, values, np.nan))
        assert alone[:, 6] == pytest.approx(alone[:, 0], abs=1e-4)

    def test_the_past_alone_scales_a_chunk(self, scorer):
        model = VeTime(context=LENGTH // 2).eval()
        model.load_state_dict(scorer.model.state_dict())
        scorer = ZeroShotDetector(model, torch.device("cpu"), LENGTH, np.empty(0))
        values = series(5 * LENGTH)[0][:, None]
        later = values.copy()
        later[3 * LENGTH :] = 100
        # Each chunk answers for its second half only, so what is answered ends where its chunk does.
        same = scorer.of_scale(values)[:, 0] == scorer.of_scale(later)[:, 0]
        assert same[: 3 * LENGTH].all()
        assert not same[3 * LENGTH :].any()


def test_what_was_not_measured_is_unknown(tmp_path):
    values = series(200)[0]
    masks = np.zeros((200, 1, 1), np.uint8)
    masks[50] = 1
    reel = make_reel(tmp_path / "wave", values[:, None, None, None], masks=masks)
    missing = np.zeros((200, 1), bool)
    missing[70:80] = True
    np.save(tmp_path / "wave" / "missing.npy", missing)
    unknown = np.flatnonzero(np.isnan(measured(Reel(reel.path), 10, 190)))
    assert unknown.tolist() == [40, *range(60, 70)]


class TestShipped:
    def test_weights_come_back_as_a_run_that_scores_the_same(self, run, scorer, tmp_path, monkeypatch):
        weights = tmp_path / "weights.safetensors"
        shipped.ship(run / "run", weights)
        monkeypatch.chdir(tmp_path)
        again, _ = load_scorer(shipped.shipped_run(None, weights), "cpu")
        values = series()[0][:, None]
        np.testing.assert_array_equal(again.scores(values), scorer.scores(values))
        np.testing.assert_array_equal(again.quiet, scorer.quiet)
        assert (tmp_path / "runs" / "vetime_shipped" / "checkpoints" / "best.pt").is_file()

    def test_missing_weights_are_told(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="train a model"):
            shipped.shipped_run(str(tmp_path / "run"), tmp_path / "nowhere.safetensors")

    def test_levels_are_the_events_of_clean_series(self, run, scorer):
        settings = replace(config.load(run / "settings.yaml").train.synthetic, clean_fraction=1.0)
        assert len(scorer.quiet) == settings.val_series
        for i in range(3):
            made = make_series(0, FIRST_VALIDATION + i, 4 * LENGTH, settings)
            assert not made.labels.any()
            scores = softplus(scorer.scores(made.values))
            assert scorer.quiet[i, 0] == pytest.approx(scores.max() / (np.quantile(scores, 0.25) + 0.4), rel=1e-4)


class TestFineTuning:
    def started(self, run, tmp_path, monkeypatch, labels):
        monkeypatch.setattr(shipped.load_shipped, "__defaults__", (tmp_path / "weights.safetensors",))
        shipped.ship(run / "run", tmp_path / "weights.safetensors")
        values, truth = series()
        make_reel(tmp_path / "reels" / "wave", values[:, None, None, None], clip_length=LENGTH, stride=64,
                  labels=truth.astype(float) if labels else None)  # fmt: skip
        chosen = {"data_clips": str(tmp_path / "reels"), "model_path": str(tmp_path / "tuned"), "train.epochs": 1,
                  "train.warmup_epochs": 0.0, "train.init": "shipped", "train.batch_size": 4}  # fmt: skip
        return config.load(run / "settings.yaml", chosen)

    @pytest.mark.parametrize("labels", [True, False], ids=["labelled", "unlabelled"])
    def test_it_goes_on_from_the_shipped_weights(self, run, tmp_path, monkeypatch, labels):
        settings = self.started(run, tmp_path, monkeypatch, labels)
        before = torch.load(path_of(run / "run", "best"), weights_only=True)["model"]
        tuned = torch.load(path_of(train(settings), "last"), weights_only=True)["model"]
        moved = {name for name in before if not torch.equal(before[name], tuned[name])}
        assert any(name.startswith("temporal") for name in moved)
        assert max((before[n] - tuned[n]).abs().max() for n in before) < 0.2
        # Without labels nothing says what is anomalous, so what decides that is left as it was, but for the decay.
        assert ("detect.0.bias" in moved) == labels

    def test_windows_carry_the_labels_of_their_samples(self, run, tmp_path, monkeypatch):
        data = open_data(self.started(run, tmp_path, monkeypatch, True))
        start, truth = int(data.train.windows.start[3]), series()[1]
        np.testing.assert_array_equal(data.train[3][2], truth[start : start + LENGTH])

    def test_weights_of_another_form_are_refused(self, run, tmp_path):
        shipped.ship(run / "run", tmp_path / "weights.safetensors")
        with pytest.raises(ConfigError, match="of another form"):
            shipped.load_shipped(VeTime(branches="temporal"), tmp_path / "weights.safetensors")


class TestSyntheticData:
    def test_a_series_as_a_batch_item(self):
        settings = config.load(None, SETTINGS).train.synthetic
        data = SyntheticSeries(settings, seed=0, first=100, number=40)
        for x, known, targets in (data[i] for i in range(40)):
            assert x.shape == known.shape == (2, LENGTH, 1, 1)
            assert targets.shape == (LENGTH, 3)
            assert x.isfinite().all()
            there = known[..., 0, 0] > 0
            present = there.any(1)
            np.testing.assert_array_equal(targets[:, 1:].isfinite().all(0), present)
            odd = (x[..., 0, 0] != targets[:, 1:].T) & there
            assert not odd.any(0)[targets[:, 0] == 0].any()

    def test_every_epoch_has_series_of_its_own_and_none_validates(self):
        data = synthetic_data(config.load(None, SETTINGS))
        batches, seen = Batches(480, 16, 0, drop_last=True, endless=True), []
        for epoch in range(3):
            batches.start(epoch)
            seen += [i for batch in batches for i in batch]
        assert sorted(seen) == list(range(3 * 480))
        assert data.val.first > 1e12

    def test_only_vetime_starts_from_shipped_weights(self):
        with pytest.raises(
            ConfigError, match=r"train\.init .shipped.: autoencoder does not use it; it is a setting for vetime"
        ):
            config.load(None, {"train.init": "shipped"})

    def test_the_config_builds_its_branches(self):
        chosen = {"model.name": "vetime", "model.branches": "visual", "model.context": "past"}
        model = models.build(config.load(None, chosen).model, 4, 1024)
        assert model.temporal is None
        assert model.context == 512


def test_pictures_are_refused_by_the_model():
    with pytest.raises(ValueError, match="pixels"):
        VeTime().check((LENGTH, *drifting_blobs(2, 8, 8).shape[2:]))
