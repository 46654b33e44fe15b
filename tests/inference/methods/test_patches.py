"""A memory of quiet patches: distances by hand, what it finds that others miss, and patches that find themselves."""

import numpy as np
import pytest
from scipy.signal import lfilter
from sklearn.decomposition import PCA
from sklearn.metrics import average_precision_score

from config import SyntheticConfig
from data.synthetic.series import Synthetic, make_series
from inference.calibration.quiet.ranges import QuietRange
from inference.methods import METHODS
from inference.methods.series import patches
from inference.methods.series.base import windows_of
from inference.methods.series.patches import NEAREST, Patches
from inference.methods.series.sub_pca import LEAST_VARIANCE
from tests.support.reels import make_reel
from tests.support.series_signals import LENGTH, QUIET, RAW, fitted, reel_of, scores, signals
from tests.support.trainings import small_config


def test_a_patch_is_as_far_as_from_its_like_in_the_nearest_stretches(quiet, other):
    method = fitted("patches", quiet)

    def windows(reel, begin, end):
        samples = reel.frames[begin:end, :, 0, 0].astype(np.float64)
        samples = (samples - method.arrays["mean"]) / method.arrays["spread"]
        return np.stack([samples[i : i + LENGTH].ravel() for i in range(len(samples) - LENGTH + 1)])

    train, found = windows(quiet, 0, QUIET - 100), []
    covariance = np.cov(train.T)
    assert np.linalg.eigvalsh(covariance).min() > LEAST_VARIANCE
    inverse, size = np.linalg.inv(covariance), 2 * LENGTH
    for window in windows(other, 0, 200):
        distances = np.sqrt(np.einsum("nd,de,ne->n", train - window, inverse, train - window))
        nearest = sorted(min(distances[k : k + size]) for k in range(0, len(train), size))
        found.append(np.mean(nearest[:NEAREST]))
    root = np.sqrt(train.shape[1] + 1)  # of what a patch has in each component and beyond them
    expected = [np.mean(found[max(0, t - LENGTH + 1) : t + 1]) / root for t in range(200)]
    np.testing.assert_allclose(scores(method, other), expected, rtol=1e-3)


def test_what_happened_once_in_the_quiet_data_is_still_seen_when_they_are_scored(tmp_path):
    samples = signals(QUIET, 3)
    samples[700:706, 0] += 0.5 * np.array([1, -1, 1, 1, -1, 1], np.float32)
    reel = reel_of(tmp_path / "pump", samples)
    found = scores(fitted("patches", reel), reel, 0, 1300)
    assert abs(int(found.argmax()) - 703) <= LENGTH
    assert found.max() > 3 * np.median(found)


def test_the_memory_is_bounded_and_from_everywhere(tmp_path, monkeypatch):
    monkeypatch.setattr(patches, "MEMORY", 64)
    there_and_back = np.abs(np.linspace(0, 6, 3000, dtype=np.float32) % 2 - 1)[:, None]
    slow = there_and_back + 0.01 * signals(3000, 1)
    arrays = fitted("patches", reel_of(tmp_path / "long", slow)).arrays
    assert 32 <= len(arrays["memory"]) <= 64
    levels = arrays["memory"][:, 0]  # the slow rises and falls vary most
    assert np.histogram(levels, 4)[0].min() >= 8
    assert len(arrays["memory"]) // arrays["per_stretch"][0] >= NEAREST


def test_quiet_data_are_judged_by_others_and_no_lower_than_new_ones(tmp_path):
    """Neighbours in time in the memory would make quiet scores low, and thresholds with them."""
    slow = lfilter([0.05], [1, -0.97], np.random.default_rng(0).standard_normal((9000, 2)), axis=0)
    reel = reel_of(tmp_path / "slow", (0.5 + slow).astype(np.float32))
    settings = small_config(reel.path, None, model__name="patches").model
    method = Patches(settings, {}, {}, LENGTH)
    quiet = [QuietRange(reel, 0, 4000, "train"), QuietRange(reel, 4000, 5000, "val")]
    method.fit(quiet, seed=0)
    judged = [f.scorer.samples(r.reel, r.begin, r.end, RAW).residual for f in method.folds(quiet) for r in f.ranges]
    new, known = (method.samples(reel, *span, RAW).residual for span in ((5000, 9000), (0, 4000)))
    median, of_new, of_known = (float(np.median(x)) for x in (np.concatenate(judged), new, known))
    print(f"median score of quiet data {median:.2f}, of new ones {of_new:.2f}, of those in the memory {of_known:.2f}")
    assert median > 0.9 * of_new
    assert of_known < 0.9 * of_new


# On fresh synthetic series


class Euclidean(Patches):
    """The same memory before any metric was learnt."""

    def codes(self, windows: np.ndarray) -> np.ndarray:
        return windows


class WindowPcaError:
    """On windows as they are: what the components that hold 90 % of the variance of quiet windows can't rebuild."""

    def __init__(self, train: np.ndarray):
        self.pca = PCA(0.9, svd_solver="full").fit(train)

    def score(self, windows: np.ndarray) -> np.ndarray:
        rebuilt = self.pca.inverse_transform(self.pca.transform(windows))
        return np.linalg.norm(windows - rebuilt, axis=1)


SERIES, HALF, WINDOW, SEED = 10, 1536, 48, 31_415
SETTINGS = SyntheticConfig(missing_fraction=0.0)


def fresh_series() -> list[Synthetic]:
    """The first of the seed with anomalies in their second half alone."""
    made = (make_series(SEED, i, 2 * HALF, SETTINGS) for i in range(10_000))
    fitting = (m for m in made if m.labels.any() and not m.labels[: HALF + WINDOW].any())
    return [next(fitting) for _ in range(SERIES)]


def precision(score, windows: np.ndarray, labels: np.ndarray) -> float:
    found = np.convolve(score(windows), np.ones(WINDOW) / WINDOW)
    return average_precision_score(labels[HALF:], found[HALF:])


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, np.ndarray]:
    """Average precision on every fresh series, by way of scoring."""
    folder, rows = tmp_path_factory.mktemp("fresh"), []
    for number, made in enumerate(fresh_series()):
        low, high = np.quantile(made.values[:HALF], [0.01, 0.99], axis=0)
        values = ((made.values - low) / np.maximum(high - low, 1e-6)).astype(np.float32)
        reel = make_reel(folder / str(number), values[:, :, None, None], clip_length=None)
        quiet, ours = [QuietRange(reel, 0, HALF, "train")], {}
        for name, kind in (("patches", METHODS["patches"]), ("unlearnt", Euclidean)):
            method = kind(small_config(reel.path, None, model__name="patches").model, {}, {}, WINDOW)
            method.fit(quiet, seed=0)
            ours[name] = precision(method.score, method.windows(values[:, :, None, None]), made.labels)
        plain = windows_of(method.in_units(values[:, :, None, None]), WINDOW).reshape(-1, WINDOW * values.shape[1])
        pca = WindowPcaError(plain[: HALF - WINDOW + 1])
        rows.append(ours | {"pca": precision(pca.score, plain, made.labels)})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def test_planted_anomalies_of_many_kinds_are_found_better_than_unlearnt_and_than_by_pca(found):
    kinds = {kind for made in fresh_series() for kind in made.kinds}
    means = {name: round(float(values.mean()), 3) for name, values in found.items()}
    print(f"{SERIES} series, {sorted(kinds)}: average precision {means}")
    assert len(kinds) >= 6
    assert means["patches"] > means["unlearnt"] + 0.02
    assert means["patches"] > means["pca"] + 0.02
    assert (found["patches"] > found["pca"]).mean() > 0.5


def test_the_metric_is_learnt_from_the_quiet_patches(quiet, tmp_path):
    first = fitted("patches", quiet).arrays
    noisier = quiet.frames[:, :, 0, 0] + 0.1 * np.random.default_rng(5).standard_normal((QUIET, quiet.shape[1]))
    second = fitted("patches", reel_of(tmp_path / "noisier", noisier.astype(np.float32))).arrays
    assert second["weights"][-2] < 0.5 * first["weights"][-2]  # what varies more counts less
