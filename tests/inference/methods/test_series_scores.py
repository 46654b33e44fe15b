"""Methods for series: each score against a slow, obvious one."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

from data.reel.reel import Reel
from inference.calibration.quiet.ranges import QuietRange
from inference.methods import METHODS
from inference.methods.series import matrix_profile, sub_pca
from inference.methods.series.base import least_of_windows, mean_over_windows
from inference.methods.series.isolation_forest import TREES
from inference.methods.series.kmeans import CLUSTERS
from inference.methods.series.sub_pca import LARGEST, LEAST_SCORE, LEAST_TIMES, LEAST_USUAL, LEAST_VARIANCE, USUAL_SHARE
from inference.methods.series.window_pca import SHARE
from tests.support.series_signals import LENGTH, QUIET, RAW, fitted, reel_of, scores, signals
from tests.support.trainings import small_config


def windows_by_hand(method, reel: Reel, begin: int, end: int) -> np.ndarray:
    """All windows of [begin, end) in quiet units, flat and in double precision; without their own means of what
    wanders."""
    samples = (reel.frames[begin:end, :, 0, 0].astype(np.float64) - method.arrays["mean"]) / method.arrays["spread"]
    windows = [samples[i : i + LENGTH] for i in range(len(samples) - LENGTH + 1)]
    return np.stack([(w - np.where(method.is_loose, w.mean(axis=0), 0)).ravel() for w in windows])


def spread_by_hand(values: np.ndarray) -> np.ndarray:
    """Values of windows (n, ...) -> the mean of the windows that hold a sample (n + LENGTH - 1, ...)."""
    n = len(values)
    return np.stack([values[max(0, t - LENGTH + 1) : min(t, n - 1) + 1].mean(axis=0) for t in range(n + LENGTH - 1)])


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


def in_usual_units(method, train: np.ndarray, windows: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Distances (n,) of windows (n, D) in units of what the quiet ones (N, D) nearest to the same cluster have."""
    centred = [part - train.mean(axis=0) for part in (train, windows)]
    own, found = (np.einsum("nd,de,ne->n", part, precision, part) for part in centred)
    codes = [part @ method.arrays["components"][:LARGEST].T for part in centred]
    own_cluster, cluster = (cdist(part, method.arrays["clusters"]).argmin(axis=1) for part in codes)
    usual = np.full(len(method.arrays["clusters"]), np.quantile(own, USUAL_SHARE))
    for k in range(len(usual)):
        if times(of_it := np.flatnonzero(own_cluster == k)) >= LEAST_TIMES:
            usual[k] = np.quantile(own[of_it], USUAL_SHARE)
    return found / np.maximum(usual[cluster] + LEAST_USUAL * np.median(own), LEAST_SCORE)


def times(windows: np.ndarray) -> int:
    """How many times windows (n,) come, more than a length apart."""
    return 1 + sum(later - earlier > LENGTH for earlier, later in itertools.pairwise(windows.tolist()))


def test_sub_pca_is_the_mahalanobis_distance_of_windows_in_units_of_those_like_them(quiet, other):
    method = fitted("sub_pca", quiet)
    train, windows = windows_by_hand(method, quiet, 0, QUIET - 100), windows_by_hand(method, other, 0, 200)
    covariance = np.cov(train.T)
    assert np.linalg.eigvalsh(covariance).min() > LEAST_VARIANCE
    assert len(method.arrays["clusters"]) > 1
    distances = in_usual_units(method, train, windows, np.linalg.inv(covariance))
    np.testing.assert_allclose(scores(method, other), spread_by_hand(distances), rtol=1e-3)


def test_sub_pca_gives_the_directions_beyond_its_components_one_variance(quiet, other, monkeypatch):
    monkeypatch.setattr(sub_pca, "MOST_COMPONENTS", 5)
    method = fitted("sub_pca", quiet)
    train = windows_by_hand(method, quiet, 0, QUIET - 100)
    pca = PCA(5, svd_solver="full").fit(train)
    # scikit-learn's precision is that of probabilistic PCA, but takes the noise out of the components' own variances.
    precision = pca.components_.T @ np.diag(1 / pca.explained_variance_) @ pca.components_
    precision += (np.eye(train.shape[1]) - pca.components_.T @ pca.components_) / pca.noise_variance_
    distances = in_usual_units(method, train, windows_by_hand(method, other, 0, 200), precision)
    np.testing.assert_allclose(scores(method, other), spread_by_hand(distances), rtol=1e-3)


def wandering(count: int, C: int, seed: int = 0) -> np.ndarray:
    """Signals (count, C) of which every second variable, the first one too, goes up without an end."""
    found = signals(count, C, seed=seed)
    found[:, ::2] += np.linspace(0, 6, count)[:, None]
    return found


@pytest.fixture(scope="module", params=[1, 4])
def climbing(request, tmp_path_factory):
    return reel_of(tmp_path_factory.mktemp("climbing") / "reel", wandering(QUIET, request.param))


def test_a_level_that_wanders_is_no_part_of_a_window(climbing, tmp_path):
    method = fitted("sub_pca", climbing)
    assert method.is_loose.tolist() == [c % 2 == 0 for c in range(climbing.shape[1])]
    train = windows_by_hand(method, climbing, 0, QUIET - 100)
    higher = signals(200, climbing.shape[1], seed=1) + 3 * method.is_loose
    other = reel_of(tmp_path / "other", higher)
    windows = windows_by_hand(method, other, 0, 200)
    variances, directions = np.linalg.eigh(np.cov(train.T))
    kept = variances > 1e-9  # all but the levels
    assert np.count_nonzero(~kept) == method.is_loose.sum()
    precision = directions[:, kept] / np.maximum(variances[kept], LEAST_VARIANCE) @ directions[:, kept].T
    distances = in_usual_units(method, train, windows, precision)
    np.testing.assert_allclose(scores(method, other), spread_by_hand(distances), rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "most"), [("sub_pca", 512), ("sub_pca", 5), ("window_pca", 512), ("patches", 512), ("kmeans", 512)]
)
def test_where_a_level_goes_on_nothing_is_unusual(name, most, climbing, tmp_path, monkeypatch):
    monkeypatch.setattr(sub_pca, "MOST_COMPONENTS", most)  # of five there are directions beyond them
    method = fitted(name, climbing)
    lower = signals(200, climbing.shape[1], seed=1)
    higher = lower + 9 * method.is_loose
    expected, found = (scores(method, reel_of(tmp_path / n, v)) for n, v in (("lower", lower), ("higher", higher)))
    np.testing.assert_allclose(found, expected, rtol=2e-2, atol=2e-3)
    copy = method.fitted_on([QuietRange(climbing, 0, 400, "train")])
    assert copy.is_loose.tolist() == method.is_loose.tolist()  # a part of them alone might tell otherwise


def test_a_variable_that_wanders_is_named(tmp_path):
    climbing = reel_of(tmp_path / "climbing", wandering(QUIET, 3))
    method = fitted("sub_pca", climbing)
    odd = wandering(QUIET, 3, seed=1)[:400]
    odd[200:230, 2] += 2.0
    found = method.samples(reel_of(tmp_path / "odd", odd), 0, 400, RAW)
    assert np.isfinite(found.variables).all()
    assert found.variables[200:230].sum(axis=0).argmax() == 2


def spells(rng: np.random.Generator, count: int) -> np.ndarray:
    """Rest and work of 40 samples each in turn, one far more uneven than the other (n,)."""
    is_work = np.repeat(np.arange(2 * count) % 2, 40)
    return is_work * (1 + 0.5 * rng.standard_normal(len(is_work))) + 0.02 * rng.standard_normal(len(is_work))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_small_beside_the_work_is_seen_in_the_rest(seed, tmp_path):
    rng = np.random.default_rng(seed)
    method = fitted("sub_pca", reel_of(tmp_path / "quiet", spells(rng, 100)[:, None]))
    watched, first = spells(rng, 40), 80 * 20 + 16
    watched[first : first + 8] += 0.6 * (-1) ** np.arange(8)
    found = scores(method, reel_of(tmp_path / "watched", watched[:, None]))
    assert first <= found.argmax() < first + 8


def test_a_fault_in_what_it_is_fitted_on_is_no_usual_window(tmp_path):
    samples, fault = np.random.default_rng(0).standard_normal((3000, 1)), slice(2000, 2200)
    samples[fault] *= 10
    found = scores(fitted("sub_pca", reel := reel_of(tmp_path / "it", samples)), reel)
    assert found[fault].min() > 3 * np.quantile(found[: fault.start - LENGTH], 0.99)


def test_what_never_changes_has_scores(tmp_path):
    method, watched = fitted("sub_pca", reel_of(tmp_path / "quiet", np.zeros((600, 2)))), np.zeros((300, 2))
    watched[200] = 1
    found = scores(method, reel_of(tmp_path / "it", watched))
    np.testing.assert_allclose(found[:150], 0, atol=1e-6)
    assert found[200] > 1


def test_a_run_of_before_scores_as_it_did(quiet, other):
    method = fitted("sub_pca", quiet)
    now, usual = scores(method, other), method.arrays.pop("usual")
    before = scores(method, other)
    assert (now > before / usual.max() - 1e-6).all()
    assert (now < before / usual.min() + 1e-6).all()


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


@given(st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=12), st.integers(1, 8))
def test_the_least_of_its_windows_places_a_sample(values, length):
    found, n = least_of_windows(np.array(values), length), len(values)
    own = [[values[i] for i in range(n) if i <= t < i + length] for t in range(n + length - 1)]
    assert found.tolist() == [min(some) for some in own]


@pytest.mark.parametrize("name", ["sub_pca", "patches", "kmeans", "matrix_profile", "iforest", "auto"])
def test_a_whole_reel_is_placed_piece_by_piece_as_at_once(quiet, other, name, monkeypatch):
    method = fitted(name, quiet)
    at_once = method.samples(other, 0, len(other), RAW)
    assert (at_once.placed <= at_once.residual * (1 + 1e-6)).all()
    monkeypatch.setattr(type(getattr(method, "chosen", method)), "piece_samples", lambda self, channels: LENGTH)
    in_pieces = method.samples(other, 0, len(other), RAW)
    np.testing.assert_allclose(in_pieces.placed, at_once.placed, rtol=1e-4)


def test_small_scores_are_not_lost_behind_a_huge_one():
    found = mean_over_windows(np.array([1e30, *[1.0] * 9]), 2)
    assert found[-1] == found[3] == 1.0


def test_the_matrix_profile_needs_three_samples(quiet):
    with pytest.raises(ValueError, match="at least 3 samples, not 2"):
        fitted("matrix_profile", quiet, length=2)


@pytest.mark.parametrize(("channels", "is_one_sided"), [(1, True), (8, True), (12, False), (40, False)])
def test_copies_know_one_side_of_their_part_alone_where_that_is_enough(tmp_path, channels, is_one_sided):
    """What drifts is known too well from both sides; but windows of more values than were seen are all far off."""
    reel = reel_of(tmp_path / "it", np.zeros((1000, channels), np.float32))
    parts = [[QuietRange(reel, begin, begin + 200, "train")] for begin in range(0, 1000, 200)]
    method = METHODS["sub_pca"](small_config(reel.path, None, model__name="sub_pca").model, {}, {}, LENGTH)
    expected = [[400, 600, 800], [0, 200, 400]] if is_one_sided else [[0, 400, 600, 800], [0, 200, 400, 800]]
    assert [[r.begin for r in method.beside(k, parts)] for k in (1, 3)] == expected
