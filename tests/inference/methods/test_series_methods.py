"""Methods for series: what each finds of planted anomalies and what not, and what each is for."""

from functools import cache

import numpy as np
import pytest
import yaml
from sklearn.metrics import roc_auc_score

import main
from config import EvalConfig
from inference.follow.stream import check_streams
from inference.methods import FOR_SERIES, METHODS, check_frames
from inference.methods.series.base import WindowMethod
from inference.results.score_maps import ScoreMaps
from inference.scorers.base import score_reel
from inference.scorers.load import load_scorer
from tests.support.reels import drifting_blobs, make_reel
from tests.support.series_signals import AT, LENGTH, RAW, fitted, reel_of, scores, signals

SPIKE = 320


# What each finds


def planted(kind: str, samples: np.ndarray) -> np.ndarray:
    """Samples with an anomaly in AT: in the first variable, or between two that else go together."""
    samples, n = samples.copy(), AT.stop - AT.start
    if kind == "spike":
        samples[SPIKE, 0] += 2
    elif kind == "shift":
        samples[AT, 0] += 0.6
    elif kind == "frequency":
        samples[AT, 0] = 0.5 + 0.35 * np.sin(2 * np.pi * np.arange(n) / 5)
    elif kind == "correlation":
        samples[AT, 0] = 1 - samples[AT, 0]  # half a period late: as a wave of its own it is as ever
    return samples


@pytest.fixture(scope="module")
def learnt(quiet):
    """A method by its name, fitted once."""
    return cache(lambda name: fitted(name, quiet))


def auc(method, kind: str, folder, C: int) -> float:
    """How well scores part samples of an anomaly from those that no window shares with one; 0.5 by chance.

    Of a long anomaly its inside counts, whose windows see nothing else: at its edges anything jumps.
    """
    found = scores(method, reel_of(folder / "odd", planted(kind, signals(600, C, seed=1))))
    inside = [SPIKE] if kind == "spike" else range(AT.start + LENGTH, AT.stop - LENGTH)
    far = np.r_[: AT.start - LENGTH, AT.stop + LENGTH : 600]
    return roc_auc_score(np.arange(len(inside) + len(far)) < len(inside), found[np.r_[inside, far]])


MISSED = {("matrix_profile", "shift"), ("matrix_profile", "correlation")}
WEAK = {("iforest", "spike"), ("window_pca", "frequency")}


@pytest.mark.parametrize("kind", ["spike", "shift", "frequency", "correlation"])
@pytest.mark.parametrize("name", FOR_SERIES)
def test_what_each_finds_and_can_not_find(quiet, learnt, name, kind, tmp_path):
    C = quiet.shape[1]
    found = auc(learnt(name), kind, tmp_path, C)
    if (name, kind) in MISSED or (kind == "correlation" and C == 1):
        assert found < 0.7
    else:
        assert found > (0.75 if (name, kind) in WEAK else 0.9)


# Through train and eval


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    """Run a mode in an empty folder, on the reels in `reels` there."""
    monkeypatch.chdir(tmp_path)

    def run(mode: str, name: str) -> int:
        excluded = [["2012-07-19T03:20:00", "2012-07-20T00:00:00"]]  # sample 1000 and later
        settings = {"data_clips": "reels", "model_path": "run", "workers": 0, "device": "cpu", "model": {"name": name},
                    "train": {"exclude_utc": excluded}, "eval": {"stride": 4}}  # fmt: skip
        (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings))
        return main.main(["-m", mode, "-c", "c.yaml"])

    return run


@pytest.mark.parametrize("name", [*FOR_SERIES, "difference", "robust_z", "patch_pca", "mutual"])
def test_a_planted_anomaly_is_the_strongest_event(at_home, tmp_path, name):
    samples = signals(1400, 3)
    samples[1200:1206, 0] += 1.5 * np.array([1, -1, 1, 1, -1, 1])
    reel = reel_of(tmp_path / "reels" / "pump", samples)
    assert at_home("train", name) == 0
    assert at_home("eval", name) == 0
    peaks = np.array([ScoreMaps.read(tmp_path / "run/eval/pump", reel, i).max() for i in range(1400)])
    assert peaks.argmax() in range(1200 - LENGTH, 1206 + LENGTH)
    assert peaks[:1000].std() > 0
    assert (tmp_path / "run/eval/pump/report.html").is_file()
    scorer, _ = load_scorer(tmp_path / "run", "cpu")
    again = np.array([f.residual.max() for f in score_reel(scorer, reel, RAW)])
    assert again.argmax() in range(1200 - LENGTH, 1206 + LENGTH)


@pytest.mark.parametrize("name", FOR_SERIES)
def test_pictures_are_refused_before_anything_is_written(at_home, tmp_path, capsys, name):
    make_reel(tmp_path / "reels" / "cam", drifting_blobs(100, 12, 16))
    assert at_home("train", name) == 1
    message = capsys.readouterr().err
    assert f"model.name {name} works on time series, and these frames have 12x16 px" in message
    assert "flow, expected" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["flow", "expected", "objects"])
def test_a_series_is_refused_by_methods_for_pictures(at_home, tmp_path, capsys, name):
    reel_of(tmp_path / "reels" / "pump", signals(200, 1))
    assert at_home("train", name) == 1
    message = capsys.readouterr().err
    assert f"model.name {name} works on pictures, and these frames have 1x1 px" in message
    assert "kmeans" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_for_something(name):
    shapes = [(3, 1, 1), (1, 1, 7)]
    refused = 0
    for shape in shapes:
        try:
            check_frames(name, shape)
        except ValueError:
            refused += 1
    assert refused < len(shapes)


@pytest.mark.parametrize("name", FOR_SERIES)
def test_streams_are_followed_with_a_bounded_look_ahead(learnt, name):
    method = learnt(name)
    check_streams(method)
    reach = method.reach(EvalConfig())
    assert reach is not None
    assert method.clip_length - 1 <= reach.after <= 4 * method.clip_length + 200


@pytest.mark.parametrize(("name", "most"), [("window_pca", 6.0), ("sub_pca", 1.4), ("patches", 1.4), ("kmeans", 1.4)])
def test_what_comes_each_day_is_known_at_all_its_places_in_a_window(name, most, tmp_path, monkeypatch):
    """Of long quiet data a method is fitted on one window in several samples. Were these as many as go into a day, it
    would know a daily pulse at a few places of the window, and find it new at all others.
    """
    monkeypatch.setattr(WindowMethod, "sample_windows", 190)
    n, day = 1600, 32
    quiet, new = (
        0.5 + 0.02 * np.random.default_rng(seed).standard_normal((n, 2)).astype(np.float32) for seed in (1, 2)
    )
    for samples in (quiet, new):
        samples[5::day] += 0.4
    method = fitted(name, reel_of(tmp_path / "quiet", quiet))
    found = scores(method, reel_of(tmp_path / "new", new))[LENGTH:-LENGTH]
    assert method.step == 8  # divides the day
    by_place = np.array([np.median(found[place::day]) for place in range(day)])
    assert by_place.max() < most * np.median(found)  # 18, 1.9, 1.6 and 1.6 from every eighth sample on
