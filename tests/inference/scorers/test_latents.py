"""Distances of latents: against slow oracles, and through calibration and eval on a planted flash."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors

import config
from data.reel.reel import Reel
from inference.evaluate import evaluate
from inference.fit import calibrate_run
from inference.scorers.load import load_scorer
from inference.scorers.nets.latents import DISTANCES, NEIGHBOURS, LatentScorer, Mahalanobis, NearestNeighbours
from inference.scorers.nets.windows import windows_over
from inference.scorers.overlap import OverlapFold
from tests.conftest import FLASH
from tests.support.trainings import small_config

QUIET = np.random.default_rng(0).standard_normal((500, 6)) @ np.random.default_rng(1).standard_normal((6, 6)) + 3
NEW = torch.from_numpy(np.random.default_rng(2).normal(3, 4, (40, 6)).astype(np.float32))


def test_mahalanobis_is_the_distance_in_the_shrunk_covariance():
    fitted = LedoitWolf().fit(QUIET)
    expected = np.sqrt(fitted.mahalanobis(NEW.numpy().astype(np.float64)))
    np.testing.assert_allclose(Mahalanobis(QUIET)(NEW).numpy(), expected, rtol=1e-4)


def test_nearest_neighbours_are_those_of_scikit_learn():
    spread = QUIET.std(axis=0)
    distances, _ = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(QUIET / spread).kneighbors(NEW.numpy() / spread)
    np.testing.assert_allclose(NearestNeighbours(QUIET)(NEW).numpy(), distances.mean(axis=1), rtol=1e-3)


@pytest.fixture(scope="module")
def run(evaluated_movie, tmp_path_factory):
    """A copy of the run of the session's movie, and its reel."""
    folder = tmp_path_factory.mktemp("latents") / "run"
    shutil.copytree(evaluated_movie.parents[1], folder)
    clips = config.load(evaluated_movie / "config.yaml").data_clips
    return folder, Reel(f"{clips}/cam")


@pytest.mark.parametrize("score", DISTANCES)
def test_maps_are_the_distances_of_every_window_folded(run, score):
    folder, reel = run
    scorer, _ = load_scorer(folder, "cpu", config.load(None, {"eval.score": score}).eval)
    assert isinstance(scorer, LatentScorer)
    settings = config.load(None, {"eval.stride": 4, "eval.smooth_px": 0.0}).eval
    found = {f.index: f.residual for f in scorer.frames(reel, 20, 60, settings)}
    assert list(found) == list(range(20, 60))
    fold, expected = OverlapFold(8, reel.shape[2:], "mean"), {}
    for window in windows_over(20, 60, 8, 4, slice(0, 8)):
        x = torch.from_numpy(reel.frames[window.start : window.start + 8].astype(np.float32)).transpose(0, 1)[None]
        expected |= dict(fold.push(window.start, scorer.distances(x)[0]))
    expected |= dict(fold.finish())
    for index, values in found.items():
        np.testing.assert_allclose(values, expected[index], rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("score", DISTANCES)
def test_the_flash_is_the_highest_score_through_eval(run, score):
    folder, reel = run
    settings = small_config(reel.path, folder, eval__score=score, eval__stride=4)
    (out,) = evaluate(settings)
    scores = pd.read_csv(out / "scores.csv")["max"]
    assert scores[:150].std() > 0
    assert scores.idxmax() in range(FLASH[0] - 3, FLASH[-1] + 4)
    assert (out / "report.html").is_file()


def test_a_plain_method_has_no_latents(run, tmp_path):
    from inference.methods.fit import fit_method

    _, reel = run
    settings = small_config(reel.path, tmp_path / "run", model__name="difference")
    with pytest.raises(ValueError, match="difference has none"):
        load_scorer(fit_method(settings), "cpu", config.load(None, {"eval.score": "knn"}).eval)


def test_calibrating_after_more_training_forgets_what_older_weights_gave(run, tmp_path):
    folder, reel = run
    shutil.copytree(folder, tmp_path / "run")
    stale = tmp_path / "run" / "calibration" / "latents.npz"
    stale.write_bytes(b"of older weights")
    calibrate_run(tmp_path / "run", small_config(reel.path, tmp_path / "run", eval__stride=4))
    assert not stale.exists()
