"""Mixing scores: rarity means the same for every part, and a mix finds what only one of its parts sees."""

import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from config import registry
from data.reel.reel import Reel
from inference.evaluate import evaluate
from inference.evidence.rarity import fit_rarity
from inference.methods import METHODS
from inference.scorers.mix import in_step
from inference.scorers.nets.latents import DISTANCES
from inference.scorers.nets.residual import ScoredFrame
from tests.conftest import FLASH
from tests.support.trainings import small_config


@pytest.mark.parametrize("draw", ["exponential", "normal", "gumbel"])
def test_surprise_is_how_rare_a_score_is(draw):
    random = np.random.default_rng(0)
    rarity = fit_rarity(getattr(random, draw)(size=300_000))
    new = getattr(random, draw)(size=300_000)
    for surprise in (0.5, 1, 2, 3, 4):
        assert (rarity(new) > surprise).mean() == pytest.approx(10.0**-surprise, rel=0.35)


def test_surprise_goes_on_beyond_quiet_scores_as_a_tail():
    rarity = fit_rarity(np.random.default_rng(0).exponential(size=100_000))
    far = rarity(np.array([15.0, 20.0, 30.0]))
    np.testing.assert_allclose(far, np.array([15, 20, 30]) / np.log(10), rtol=0.15)


@pytest.mark.parametrize("scale", [0.01, 1.0, 300.0])
def test_the_tail_goes_on_as_steeply_as_the_last_quarter_of_the_curve(scale):
    quiet = -scale * np.log1p(-(np.arange(200_000) + 0.5) / 200_000)  # the quantiles of an exponential, without noise
    rarity = fit_rarity(quiet)
    beyond = rarity.scores[-1] + scale * np.array([0.0, 1e-3, 5.0, 50.0])
    # The last quantile has ten samples beyond it and lies between two of them: half a sample is 5 % of rarity there.
    np.testing.assert_allclose(rarity(beyond), beyond / scale / np.log(10), rtol=0.02)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60))
def test_more_is_never_less_surprising(values):
    rarity = fit_rarity(np.array(values))
    found = rarity(np.linspace(-1, 20, 200))
    assert np.isfinite(found).all()
    assert (np.diff(found) >= -1e-6).all()


@given(st.lists(st.sets(st.integers(0, 20)), min_size=1, max_size=3))
def test_streams_go_in_step_over_what_all_hold(sets):
    nothing = np.zeros((1, 1))
    streams = [iter([ScoredFrame(i, nothing, nothing, nothing, nothing, 0.0) for i in sorted(s)]) for s in sets]
    found = [[f.index for f in together] for together in in_step(streams)]
    assert found == [[i] * len(sets) for i in sorted(set.intersection(*sets))]


def test_every_part_that_a_config_may_name_exists():
    assert set(registry.SCORES) == {"standardised", *DISTANCES}
    parts = (*registry.SCORES, *METHODS)
    assert config.load(None, {"eval.mix": list(parts)}).eval.mix == parts


def test_a_mix_with_a_plain_method_runs_through_eval_and_finds_the_flash(evaluated_movie, tmp_path):
    shutil.copytree(evaluated_movie.parents[1], tmp_path / "run")
    reel = Reel(f"{config.load(evaluated_movie / 'config.yaml').data_clips}/cam")
    parts = ["standardised", "mahalanobis", "difference"]
    (out,) = evaluate(small_config(reel.path, tmp_path / "run", eval__score="mix", eval__mix=parts, eval__stride=4))
    scores = pd.read_csv(out / "scores.csv")["max"]
    assert scores[:150].std() > 0
    assert scores.idxmax() in range(FLASH[0] - 1, FLASH[-1] + 2)
    again = evaluate(small_config(reel.path, tmp_path / "run", eval__score="mix", eval__mix=parts, eval__stride=4))
    np.testing.assert_allclose(pd.read_csv(again[0] / "scores.csv")["max"], scores, rtol=1e-3)
