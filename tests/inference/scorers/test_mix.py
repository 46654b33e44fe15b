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
from inference.calibration.quiet.ranges import QuietRange
from inference.evaluate import evaluate
from inference.evidence.rarity import STILL, fit_rarity
from inference.methods import METHODS
from inference.scorers.base import Reach
from inference.scorers.mix import MixScorer, Part, in_step, load_or_fit, plain_noise, rarest
from inference.scorers.nets.latents import DISTANCES
from inference.scorers.nets.residual import ScoredFrame
from tests.conftest import FLASH
from tests.support.trainings import small_config, small_reel


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


@given(st.floats(-5, 5), st.integers(1, 5000), st.floats(2 * STILL, 1e6))
def test_what_never_varied_is_as_rare_as_can_be_told_wherever_else_it_is(value, count, change):
    """It was told as usual, however far it went."""
    rarity = fit_rarity(np.full(count, value), 0.1)
    assert rarity(np.array([value, value + STILL / 2])).tolist() == [0, 0]
    assert rarity(np.array([value + 1.01 * change])) >= max(np.log10(count / 10), 1) - 1e-3


@given(st.lists(st.sets(st.integers(0, 20)), min_size=1, max_size=3))
def test_streams_go_in_step_over_what_all_hold(sets):
    nothing = np.zeros((1, 1))
    streams = [iter([ScoredFrame(i, nothing, nothing, nothing, nothing, 0.0) for i in sorted(s)]) for s in sets]
    found = [[f.index for f in together] for together in in_step(streams)]
    assert found == [[i] * len(sets) for i in sorted(set.intersection(*sets))]


@given(st.lists(st.lists(st.floats(0, 30), min_size=4, max_size=4), min_size=1, max_size=5))
def test_the_rarest_of_the_parts_counts_times_their_number(surprises):
    parts = [np.array(part, np.float32) for part in surprises]
    found = rarest(parts)
    smallest = np.min([10.0 ** -part.astype(float) for part in parts], axis=0)
    expected = -np.log10(np.minimum(smallest * len(parts), 1))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_parts_that_have_nothing_to_do_with_each_other_keep_the_promise_together():
    draws = np.random.default_rng(0).exponential(
        1 / np.log(10), (4, 200_000)
    )  # surprises of what is as rare as it says
    for surprise in (1.0, 2.0, 3.0):
        assert (rarest(list(draws)) > surprise).mean() <= 1.1 * 10.0**-surprise


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """Quiet ranges of the training and validation side of a small reel."""
    reel = Reel(small_reel(tmp_path_factory.mktemp("mix") / "cam", 120))
    return [QuietRange(reel, 0, 90, "train"), QuietRange(reel, 90, 120, "val")]


def method(name, quiet):
    made = METHODS[name](METHODS[name].Config(name), {}, {}, 8)
    made.fit(quiet, seed=0)
    return made


def test_quiet_frames_are_judged_by_copies_of_all_parts_that_do_not_know_them(quiet, tmp_path):
    settings = config.EvalConfig()
    scorers = [method(name, quiet) for name in ("robust_z", "robust_z")]
    parts = [load_or_fit(tmp_path / f"{k}.npz", scorer, quiet, settings) for k, scorer in enumerate(scorers)]
    folds = MixScorer(scorers[0], parts).folds(quiet)
    assert len(folds) == len(scorers[0].folds(quiet)) > 2
    assert all(fold.is_new for fold in folds)
    for k, fold in enumerate(folds):
        assert isinstance(fold.scorer, MixScorer)
        for copy, part in zip(fold.scorer.parts, parts, strict=True):
            assert copy.scorer is not part.scorer
            np.testing.assert_array_equal(copy.noise.spread, part.noises[k].spread)
            assert copy.rarity is part.rarity


def test_what_one_part_alone_sees_is_not_thinned_by_the_others(quiet, tmp_path):
    settings = config.EvalConfig()
    scorers = [method(name, quiet) for name in ("robust_z", "flow")]
    parts = [load_or_fit(tmp_path / f"{k}.npz", scorer, quiet, settings) for k, scorer in enumerate(scorers)]
    reel = quiet[0].reel
    alone = [f.residual for f in MixScorer(scorers[0], parts[:1]).frames(reel, 90, 120, settings)]
    both = [f.residual for f in MixScorer(scorers[0], parts).frames(reel, 90, 120, settings)]
    for one, mixed in zip(alone, both, strict=True):
        assert (mixed >= one - np.float32(np.log10(2)) - 1e-6).all()
    np.testing.assert_array_equal(parts[1].noise.standardise(one), one)  # flow has a unit of its own


@given(st.lists(st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 12)] * 2), min_size=1, max_size=3))
def test_a_mix_looks_as_far_as_any_part_does_and_begins_where_all_may(reaches):
    parts = [fake_part(Reach(*reach)) for reach in reaches]
    found = MixScorer(parts[0].scorer, parts).reach(config.EvalConfig(plain_evidence=0.0))
    assert (found.before, found.after, found.least) == tuple(max(reach[k] for reach in reaches) for k in (0, 1, 3))
    assert all(found.step % step == 0 for _, _, step, _ in reaches)
    unbounded = [*parts, fake_part(None)]
    assert MixScorer(parts[0].scorer, unbounded).reach(config.EvalConfig(plain_evidence=0.0)) is None


def fake_part(reach):
    scorer = METHODS["difference"](METHODS["difference"].Config("difference"), {}, {}, 8)
    scorer.own_reach = lambda settings: reach
    return Part(scorer, plain_noise((1, 1)), fit_rarity(np.arange(10.0)))


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
