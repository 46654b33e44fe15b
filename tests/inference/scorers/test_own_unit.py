"""What has a unit of its own is scored in that by default: noise of each pixel would be a second one."""

import numpy as np
import pytest

from config import EvalConfig
from inference.job import make_job
from inference.methods import METHODS, for_pictures
from inference.methods.fit import fit_method
from inference.scorers.load import load_scorer
from tests.support.reels import drifting_blobs, make_reel
from tests.support.trainings import small_config

WITH_A_NET = ("expected",)


def job_of(name: str, folder, **settings):
    """What eval would do by default on the quiet reel itself."""
    reel = make_reel(folder / "reels" / "scene", drifting_blobs(64, 24, 32, speed=0.7), cadence_s=0.1, start_utc=None)
    chosen = small_config(folder / "reels", folder / "run", model={"name": name})
    run = fit_method(chosen)
    scorer, _ = load_scorer(run, "cpu")
    scorer.prepare(run, chosen)
    return [make_job(reel, run, scorer, "", EvalConfig(**asked)) for asked in ({}, settings)]


@pytest.mark.parametrize("name", [n for n in for_pictures() if METHODS[n].own_unit and n not in WITH_A_NET])
def test_by_default_a_score_is_in_the_methods_own_unit(tmp_path, name):
    default, asked = job_of(name, tmp_path, score="residual")
    assert default.settings == asked.settings
    assert (default.low, default.high) == (asked.low, asked.high)
    np.testing.assert_array_equal(default.calibration.levels, asked.calibration.levels)
    residual = np.abs(np.random.default_rng(0).standard_normal((24, 32))).astype(np.float32)
    np.testing.assert_array_equal(default.calibration.score(residual, default.settings), residual)


def test_what_has_none_is_measured_by_each_pixels_noise(tmp_path):
    default, residual = job_of("robust_z", tmp_path, score="residual")
    assert (default.settings.score, residual.settings.score) == ("standardised", "residual")
    assert default.low != residual.low
