"""Methods for series: each score against a slow, obvious one, and what each finds of planted anomalies and what not."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

import main
from config import EvalConfig
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from inference.calibration.quiet import QuietRange
from inference.follow import check_streams
from inference.methods import FOR_SERIES, METHODS, check_frames
from inference.methods.series import base, matrix_profile, sub_pca
from inference.methods.series.base import mean_over_windows
from inference.methods.series.isolation_forest import TREES
from inference.methods.series.kmeans import CLUSTERS
from inference.methods.series.sub_pca import LEAST_VARIANCE
from inference.methods.series.window_pca import SHARE
from inference.results.results import ScoreMaps
from inference.scorers.base import score_reel
from inference.scorers.load import load_scorer
from tests.support.reels import drifting_blobs, make_reel
from tests.support.trainings import small_config

RAW = replace(EvalConfig(), score="residual", common_mode=False, smooth_px=0.0)
LENGTH, QUIET, AT = 16, 1500, slice(300, 380)
SPIKE = 320


def signals(n: int, C: int, seed: int = 0) -> np.ndarray:
    """Samples (n, C) about 0..1: waves of two periods in turn, those of one period in phase; and noise."""
    t = np.arange(n)[:, None] + 1000 * seed
    periods = np.where(np.arange(C) % 2, 23.0, 14.0)
    waves = 0.5 + 0.35 * np.sin(2 * np.pi * t / periods)
    return (waves + 0.02 * np.random.default_rng(seed).standard_normal((n, C))).astype(np.float32)


def reel_of(path, samples: np.ndarray, **facts) -> Reel:
    return make_reel(path, samples[:, :, None, None], clip_length=LENGTH, **facts)


def fitted(name: str, reel: Reel, length: int = LENGTH, end: int | None = None):
    """A method fitted on all of a reel, with 100 samples held out."""
    n = end or len(reel)
    settings = small_config(reel.path, None, model__name=name).model
    method = METHODS[name](settings, {}, dict(zip(reel.channels, reel.stretches, strict=True)), length)
    method.fit([QuietRange(reel, 0, n - 100, "train"), QuietRange(reel, n - 100, n, "val")], seed=0)
    return method


def scores(method, reel: Reel, begin: int = 0, end: int | None = None) -> np.ndarray:
    """The largest residual of every sample (n,)."""
    end = len(reel) if end is None else end
    found = list(method.frames(reel, begin, end, RAW))
    assert [f.index for f in found] == list(range(begin, end))
    return np.array([f.residual.max() for f in found])


@pytest.fixture(scope="module", params=[1, 5])
def quiet(request, tmp_path_factory):
    return reel_of(tmp_path_factory.mktemp("quiet") / f"of_{request.param}", signals(QUIET, request.param))


@pytest.fixture(scope="module")
def other(quiet, tmp_path_factory):
    """Another series of the same kind."""
    return reel_of(tmp_path_factory.mktemp("other") / "other", signals(200, quiet.shape[1], seed=1))


def windows_by_hand(method, reel: Reel, begin: int, end: int) -> np.ndarray:
    """All windows of [begin, end) in quiet units, flat and in double precision."""
    samples = (reel.frames[begin:end, :, 0, 0].astype(np.float64) - method.arrays["mean"]) / method.arrays["spread"]
    return np.stack([samples[i : i + LENGTH].ravel() for i in range(len(samples) - LENGTH + 1)])


def spread_by_hand(values: np.ndarray) -> np.ndarray:
    """Values of windows (n, ...) -> the mean of the windows that hold a sample (n + LENGTH - 1, ...)."""
    n = len(values)
    return np.stack([values[max(0, t - LENGTH + 1) : min(t, n - 1) + 1].mean(axis=0) for t in range(n + LENGTH - 1)])


# Each score from its definition


def test_quiet_units_are_those_of_the_training_side(quiet):
    arrays, train = fitted("kmeans", quiet).arrays, quiet.frames[: QUIET - 100, :, 0, 0]
    np.testing.assert_allclose(arrays["mean"], train.mean(axis=0), atol=2e-3)  # windows hold the ends less often
    np.testing.assert_allclose(arrays["spread"], train.std(axis=0), rtol=5e-3)


def test_window_pca_expects_what_the_components_of_quiet_windows_rebuild(quiet, other):
    method = fitted("window_pca", quiet)
    pca = PCA(SHARE, svd_solver="full").fit(windows_by_hand(method, quiet, 0, QUIET - 100))
    windows = windows_by_hand(method, other, 0, 200)
    rebuilt = pca.inverse_transform(pca.transform(windows)).reshape(len(windows), LENGTH, -1)
    samples = np.zeros((200, rebuilt.shape[2]))
    for t in range(200):
        covering = [rebuilt[i, t - i] for i in range(len(windows)) if i <= t < i + LENGTH]
        samples[t] = np.mean(covering, axis=0) * method.arrays["spread"] + method.arrays["mean"]
    found = np.stack([f.reconstruction[:, 0, 0] for f in method.frames(other, 0, 200, RAW)])
    np.testing.assert_allclose(found, samples, atol=1e-4)


def test_sub_pca_is_the_mahalanobis_distance_of_windows(quiet, other):
    method = fitted("sub_pca", quiet)
    train, windows = windows_by_hand(method, quiet, 0, QUIET - 100), windows_by_hand(method, other, 0, 200)
    covariance = np.cov(train.T)
    assert np.linalg.eigvalsh(covariance).min() > LEAST_VARIANCE
    centred = windows - train.mean(axis=0)
    distances = np.einsum("nd,de,ne->n", centred, np.linalg.inv(covariance), centred)
    np.testing.assert_allclose(scores(method, other), spread_by_hand(distances), rtol=1e-3)


def test_sub_pca_gives_the_directions_beyond_its_components_one_variance(quiet, other, monkeypatch):
    monkeypatch.setattr(sub_pca, "MOST_COMPONENTS", 5)
    method = fitted("sub_pca", quiet)
    pca = PCA(5, svd_solver="full").fit(windows_by_hand(method, quiet, 0, QUIET - 100))
    centred = windows_by_hand(method, other, 0, 200) - pca.mean_
    # scikit-learn's precision is that of probabilistic PCA, but takes the noise out of the components' own variances.
    precision = pca.components_.T @ np.diag(1 / pca.explained_variance_) @ pca.components_
    precision += (np.eye(centred.shape[1]) - pca.components_.T @ pca.components_) / pca.noise_variance_
    distances = np.einsum("nd,de,ne->n", centred, precision, centred)
    np.testing.assert_allclose(scores(method, other), spread_by_hand(distances), rtol=1e-3)


def test_kmeans_is_the_distance_to_the_nearest_mean_of_quiet_windows(quiet, other):
    method = fitted("kmeans", quiet)
    centres, train = method.arrays["centres"], windows_by_hand(method, quiet, 0, QUIET - 100)
    assert len(centres) == CLUSTERS
    nearest = cdist(train, centres).argmin(axis=1)
    for k, centre in enumerate(centres):
        np.testing.assert_allclose(centre, train[nearest == k].mean(axis=0), atol=0.05)
    distances = cdist(windows_by_hand(method, other, 0, 200), centres).min(axis=1)
    np.testing.assert_allclose(scores(method, other), spread_by_hand(distances), rtol=1e-4)


def test_the_forest_says_how_few_cuts_part_a_window_from_quiet_ones(quiet, other):
    method = fitted("iforest", quiet)
    found = scores(method, other)
    depths, windows = np.zeros(200 - LENGTH + 1), np.float32(windows_by_hand(method, other, 0, 200))
    for tree in method._forest.estimators_:
        leaves = tree.tree_.n_node_samples[tree.apply(windows)]
        depths += np.asarray(tree.decision_path(windows).sum(axis=1)).ravel() - 1 + path_length(leaves)
    np.testing.assert_allclose(found, spread_by_hand(2 ** -(depths / TREES / path_length(256))), rtol=1e-3)


def path_length(n: int | np.ndarray) -> np.ndarray:
    """Mean cuts to part one of n points from the others (Liu et al. 2008, equation 1)."""
    return np.array([0, 1, *(2 * (np.log(m - 1) + np.euler_gamma) - 2 * (m - 1) / m for m in range(3, 257))])[n - 1]


def profile_by_hand(samples: np.ndarray, quiet: np.ndarray) -> np.ndarray:
    """Distance of each window (n,) to the nearest one of a quiet piece, both normalised."""

    def normalised(x):
        windows = np.stack([x[i : i + LENGTH] for i in range(len(x) - LENGTH + 1)]).astype(np.float64)
        return (windows - windows.mean(axis=1, keepdims=True)) / windows.std(axis=1, keepdims=True)

    return cdist(normalised(samples), normalised(quiet)).min(axis=1)


def quiet_pieces(half: np.ndarray) -> list[np.ndarray]:
    """The pieces (n, C) of a half, which NaN parts."""
    ends = np.flatnonzero(np.isnan(half[:, 0]))
    return [half[a:b] for a, b in zip([0, *ends[:-1] + 1], ends, strict=True)]


def test_matrix_profile_is_the_distance_to_the_nearest_quiet_window(quiet, other):
    method, C = fitted("matrix_profile", quiet), quiet.shape[1]
    pieces = [piece for side in (0, 1) for piece in quiet_pieces(method.arrays[f"half_{side}"])]
    assert sum(map(len, pieces)) == QUIET - 100
    samples = other.frames[:, :, 0, 0]
    each = [np.min([profile_by_hand(samples[:, c], piece[:, c]) for piece in pieces], axis=0) for c in range(C)]
    np.testing.assert_allclose(scores(method, other), spread_by_hand(np.mean(each, axis=0)), rtol=1e-4)


def test_a_constant_window_is_0_from_a_constant_one_and_the_root_of_its_length_from_any_other():
    wave, flat = np.sin(np.arange(40.0)), np.full(40, np.float32(0.1))
    np.testing.assert_allclose(matrix_profile.profile(flat, wave, 9)[0], 3, rtol=1e-6)
    assert not matrix_profile.profile(flat, np.r_[wave, flat + 7], 9)[0].any()


def test_a_quiet_window_is_compared_with_the_half_that_it_is_not_in(quiet):
    method, C = fitted("matrix_profile", quiet), quiet.shape[1]
    halves = [quiet_pieces(method.arrays[f"half_{side}"]) for side in (0, 1)]
    own = halves[0][0]  # the first samples of the reel
    each = [np.min([profile_by_hand(own[:, c], piece[:, c]) for piece in halves[1]], axis=0) for c in range(C)]
    found = scores(method, quiet, 0, len(own))
    np.testing.assert_allclose(found, spread_by_hand(np.mean(each, axis=0)), rtol=1e-4)
    assert found.min() > 0.1


def test_quiet_data_for_the_matrix_profile_are_bounded_and_from_everywhere(tmp_path, monkeypatch):
    reel = reel_of(tmp_path / "long", np.arange(40_000, dtype=np.float32)[:, None] / 40_000)
    monkeypatch.setattr(matrix_profile, "QUIET_SAMPLES", 2000)
    arrays = fitted("matrix_profile", reel).arrays
    kept = np.concatenate([a[~np.isnan(a[:, 0]), 0] for a in arrays.values()])
    assert 1000 < len(kept) <= 2200
    assert np.histogram(kept, 4, (0, 1))[0].min() > 200
    assert [len(quiet_pieces(a)) for a in arrays.values()] == [4, 4]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=12), st.integers(1, 8))
def test_a_sample_has_the_mean_of_its_windows(values, length):
    found, n = mean_over_windows(np.array(values), length), len(values)
    assert len(found) == n + length - 1
    for t, value in enumerate(found):
        own = [values[i] for i in range(n) if i <= t < i + length]
        assert value == pytest.approx(np.mean(own), rel=1e-5)


def test_small_scores_are_not_lost_behind_a_huge_one():
    found = mean_over_windows(np.array([1e30, *[1.0] * 9]), 2)
    assert found[-1] == found[3] == 1.0


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


def auc(name: str, kind: str, folder, C: int) -> float:
    """How well scores part samples of an anomaly from those that no window shares with one; 0.5 by chance.

    Of a long anomaly its inside counts, whose windows see nothing else: at its edges anything jumps.
    """
    quiet, odd = signals(QUIET, C), planted(kind, signals(600, C, seed=1))
    found = scores(fitted(name, reel_of(folder / "quiet", quiet)), reel_of(folder / "odd", odd))
    inside = [SPIKE] if kind == "spike" else range(AT.start + LENGTH, AT.stop - LENGTH)
    far = np.r_[: AT.start - LENGTH, AT.stop + LENGTH : 600]
    return roc_auc_score(np.arange(len(inside) + len(far)) < len(inside), found[np.r_[inside, far]])


MISSED = {("matrix_profile", "shift"), ("matrix_profile", "correlation")}
WEAK = {("iforest", "spike"), ("window_pca", "frequency")}


@pytest.mark.parametrize("C", [1, 5])
@pytest.mark.parametrize("kind", ["spike", "shift", "frequency", "correlation"])
@pytest.mark.parametrize("name", FOR_SERIES)
def test_what_each_finds_and_can_not_find(name, kind, C, tmp_path):
    found = auc(name, kind, tmp_path, C)
    if (name, kind) in MISSED or (kind == "correlation" and C == 1):
        assert found < 0.7
    else:
        assert found > (0.75 if (name, kind) in WEAK else 0.9)


# Gaps, missing and constant values


@pytest.mark.parametrize("name", FOR_SERIES)
def test_pieces_do_not_show_in_the_scores(quiet, name, monkeypatch):
    method = fitted(name, quiet)
    whole = scores(method, quiet, 100, 400)
    assert whole.std() > 0
    monkeypatch.setattr(base, "PIECE_VALUES", 1)
    monkeypatch.setattr(matrix_profile, "PIECE_SAMPLES", 31)
    np.testing.assert_allclose(scores(method, quiet, 100, 400), whole, rtol=1e-4, atol=1e-5)


def test_a_sample_of_windows_is_even_and_the_same_in_any_pieces(quiet, monkeypatch):
    monkeypatch.setattr(base.WindowMethod, "sample_windows", 100)
    method = fitted("kmeans", quiet)
    kept = method._quiet_windows([QuietRange(quiet, 0, 1000, "train")])
    step = -(-(1000 - LENGTH + 1) // 100)
    expected = [quiet.frames[i : i + LENGTH, :, 0, 0] for i in range(0, 1000 - LENGTH + 1, step)]
    np.testing.assert_array_equal(kept, expected)
    monkeypatch.setattr(base, "PIECE_VALUES", 1)
    np.testing.assert_array_equal(method._quiet_windows([QuietRange(quiet, 0, 1000, "train")]), expected)


@pytest.mark.parametrize("name", FOR_SERIES)
def test_stretches_beside_a_gap_are_scored_as_if_alone(quiet, other, name, tmp_path):
    samples, times = other.frames[:, :, 0, 0], 12.0 * np.arange(200)
    times[90:] += 3600
    times[190:] += 3600  # the last 10 are too few for a window
    parted, method = reel_of(tmp_path / "parted", samples, times_s=times), fitted(name, quiet)
    found = {f.index: f.residual.max() for f in score_reel(method, parted, RAW)}
    assert list(found) == list(range(190))
    alone = [scores(method, reel_of(tmp_path / "first", samples[:90]))]
    alone.append(scores(method, reel_of(tmp_path / "second", samples[90:190])))
    np.testing.assert_allclose(list(found.values()), np.concatenate(alone), rtol=1e-5)


@pytest.mark.parametrize("length", [LENGTH - 1, LENGTH, LENGTH + 1])
@pytest.mark.parametrize("name", FOR_SERIES)
def test_a_stretch_of_a_window_is_scored_and_a_shorter_one_is_not(quiet, other, name, length):
    found = list(fitted(name, quiet).frames(other, 50, 50 + length, RAW))
    assert len(found) == (length if length >= LENGTH else 0)
    assert all(np.isfinite(f.residual).all() for f in found)


@pytest.mark.parametrize("name", FOR_SERIES)
def test_missing_samples_score_nothing_and_raise_no_score_beside_them(quiet, other, name, tmp_path):
    gone = np.zeros((200, 1, 1), np.uint8)
    gone[[60, 100, 101]] = INVALID
    holed = reel_of(tmp_path / "holed", other.frames[:, :, 0, 0], masks=gone)
    method = fitted(name, quiet)
    found, whole = scores(method, holed), scores(method, other)
    assert (found[gone[:, 0, 0] > 0] == 0).all()
    assert np.isfinite(found).all()
    assert found.max() < 2 * whole.max()


def test_missing_samples_are_interpolated_whatever_the_pieces(tmp_path):
    samples, t = np.random.default_rng(0).random((300, 2)).astype(np.float32), np.arange(300)
    gone = np.zeros(300, bool)
    gone[[*range(5), 50, *range(80, 200), *range(290, 300)]] = True
    reel = reel_of(tmp_path / "r", samples, masks=gone[:, None, None] * np.uint8(INVALID))
    method = METHODS["kmeans"](small_config(reel.path, None).model, {}, {}, LENGTH)
    method.open(reel, 0, 300)
    expected = np.stack([np.interp(t, t[~gone], column[~gone]) for column in samples.T], axis=1)
    for low, high in [(0, 300), (0, 3), (40, 60), (90, 95), (85, 210), (295, 300)]:
        np.testing.assert_allclose(method.interpolated(reel, low, high), expected[low:high], rtol=1e-5)


@pytest.mark.parametrize("name", [name for name in FOR_SERIES if name != "matrix_profile"])
def test_quiet_windows_that_are_mostly_missing_are_left_out(name, tmp_path):
    gone = np.zeros((600, 1, 1), np.uint8)
    gone[:300] = INVALID
    reel = reel_of(tmp_path / "r", signals(600, 1), masks=gone)
    with pytest.raises(ValueError, match="no training window of 16 samples is at least half valid"):
        fitted(name, reel, end=300)
    assert np.isfinite(scores(fitted(name, reel), reel)).all()


@pytest.mark.parametrize("name", [name for name in FOR_SERIES if name != "iforest"])  # its trees can't cut what is one
def test_a_variable_that_never_changed_is_no_trouble_until_it_does(name, tmp_path):
    samples, later = signals(QUIET, 3), signals(300, 3, seed=1)
    samples[:, 1] = later[:, 1] = 0.5
    method = fitted(name, reel_of(tmp_path / "quiet", samples))
    still = scores(method, reel_of(tmp_path / "still", later))
    later[150:153, 1] = 1.0
    changed = scores(method, reel_of(tmp_path / "changed", later))
    assert np.isfinite(changed).all()
    assert changed[150:153].min() > still.max()


@pytest.mark.parametrize("name", FOR_SERIES)
def test_a_series_that_never_changes_at_all_has_finite_scores(name, tmp_path):
    reel = reel_of(tmp_path / "flat", np.full((400, 2), 0.5, np.float32))
    assert np.isfinite(scores(fitted(name, reel), reel)).all()


def test_quiet_data_of_little_more_than_a_window_are_enough(tmp_path):
    reel = reel_of(tmp_path / "short", signals(120 + LENGTH, 1))
    for name in FOR_SERIES:
        found = scores(fitted(name, reel), reel)
        assert np.isfinite(found).all()
        assert found.std() > 0


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


@pytest.mark.parametrize("name", ["flow", "expected"])
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
def test_streams_are_refused(quiet, name):
    with pytest.raises(ValueError, match=f"model.name {name} .* can't follow a stream"):
        check_streams(fitted(name, quiet))


def test_the_matrix_profile_needs_three_samples(quiet):
    with pytest.raises(ValueError, match="at least 3 samples, not 2"):
        fitted("matrix_profile", quiet, length=2)
