"""model.name auto: anomalies that can be seen are planted into quiet data, and who finds most of them is taken."""

import json
import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import main
from inference.calibration.quiet.ranges import QuietRange
from inference.methods.series.auto import CANDIDATES, Auto, clearly_best, precision
from inference.methods.series.planted import planted
from inference.methods.series.window_pca import WindowPca
from tests.support.series_signals import LENGTH, QUIET, RAW, fitted, reel_of, scores, signals
from tests.support.trainings import small_config


@settings(max_examples=40)
@given(st.integers(64, 700), st.integers(1, 4), st.integers(0, 2**32))
def test_one_stretch_of_one_variable_is_changed_and_labelled(n, C, seed):
    values = signals(n, C, seed=seed % 7)
    found = planted(values, np.random.default_rng(seed))
    assert found is not None
    changed = found.values != values
    assert changed.any(axis=0).sum() == 1
    assert not changed[~found.labels].any()
    assert np.isfinite(found.values).all()
    edges = np.flatnonzero(np.diff(found.labels.astype(int), prepend=0, append=0))
    assert len(edges) == 2


def test_a_constant_variable_can_have_an_anomaly():
    assert planted(np.full((80, 1), 0.5, np.float32), np.random.default_rng(0)) is not None


@pytest.mark.parametrize("C", [1, 4])
def test_the_one_that_finds_most_is_taken_and_why_is_told(C, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "reelwatch"):
        method = fitted("auto", reel_of(tmp_path / "quiet", signals(QUIET, C)))
    name = method.chosen.settings.name
    assert name in (next(iter(method.worth)), "sub_pca")
    assert set(method.worth) == set(CANDIDATES)
    assert f"model.name auto takes {name}: " in caplog.text
    assert f"{name} {method.worth[name]:.2f}" in caplog.text
    other = reel_of(tmp_path / "other", signals(300, C, seed=1))
    alone = fitted(name, reel_of(tmp_path / "again", signals(QUIET, C)))
    np.testing.assert_array_equal(scores(method, other), scores(alone, other))


def test_a_better_candidate_is_taken_and_a_worse_one_is_not(tmp_path, monkeypatch):
    """The choice follows what was found: one that answers by chance loses, whatever it is called."""

    class Blind(WindowPca):
        def compare(self, frames, valid):
            return np.random.default_rng(0).random(frames.shape, np.float32), None

    reel = reel_of(tmp_path / "quiet", signals(QUIET, 2))
    monkeypatch.setitem(CANDIDATES, "sub_pca", Blind)
    method = fitted("auto", reel)
    assert method.chosen.settings.name == next(iter(method.worth)) != "sub_pca"
    assert list(method.worth)[-1] == "sub_pca"
    assert "it is clearly the best" in method.why()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.floats(0, 0.3))
def test_only_who_is_clearly_better_takes_the_place_of_the_first(precisions, ahead):
    first = np.array(precisions)
    wavers = first + np.where(np.arange(len(first)) % 2, -1, 1) * (ahead + 0.01)  # better as often as it is worse
    assert clearly_best({"a": first, "b": first}) == "a"
    assert clearly_best({"a": first, "b": wavers}) == "a"
    assert clearly_best({"a": first, "b": first + ahead + 0.01, "c": first + ahead / 2}) == "b"


def test_its_copies_that_judge_quiet_data_are_of_the_same_kind(tmp_path):
    reel = reel_of(tmp_path / "quiet", signals(QUIET, 2))
    method, quiet = (
        fitted("auto", reel),
        [QuietRange(reel, 0, QUIET - 100, "train"), QuietRange(reel, QUIET - 100, QUIET, "val")],
    )
    folds = method.folds(quiet)
    assert len(folds) > 1
    assert {f.scorer.chosen.settings.name for f in folds} == {method.chosen.settings.name}
    assert all(f.is_new for f in folds)
    assert np.isfinite(folds[0].scorer.samples(reel, 0, 200, RAW).residual).all()


def test_fitted_again_to_less_it_keeps_its_choice(tmp_path):
    """Whatever it would take now: what each of several methods sets apart would soon be all there is."""
    reel = reel_of(tmp_path / "quiet", signals(QUIET, 2))
    before, alone = fitted("auto", reel), fitted("kmeans", reel)
    before.keep("kmeans", {}, dict.fromkeys(CANDIDATES, 0.25))
    again = Auto(before.settings, {}, before.scaling, LENGTH)
    again.fit_again(before, [QuietRange(reel, 0, QUIET - 100, "train"), QuietRange(reel, QUIET - 100, QUIET, "val")], 0)
    assert again.chosen.settings.name == "kmeans"
    assert again.worth == before.worth
    np.testing.assert_array_equal(scores(again, reel, 0, 200), scores(alone, reel, 0, 200))


def test_without_validation_data_to_try_it_on_the_first_is_taken(tmp_path, caplog):
    reel = reel_of(tmp_path / "quiet", signals(400, 1))
    method = Auto(small_config(reel.path, None, model__name="auto").model, {}, {}, LENGTH)
    with caplog.at_level(logging.INFO, "reelwatch"):
        method.fit([QuietRange(reel, 0, 370, "train"), QuietRange(reel, 370, 400, "val")], seed=0)
    assert method.chosen.settings.name == "sub_pca"
    assert method.worth == {}
    assert "nothing could be tried" in caplog.text


def test_scores_of_planted_anomalies_are_better_than_chance(tmp_path):
    reel = reel_of(tmp_path / "quiet", signals(QUIET, 2))
    method = fitted("sub_pca", reel)
    values, rng = reel.frames[-400:, :, 0, 0], np.random.default_rng(1)
    copies = [copy for copy in (planted(values, rng) for _ in range(20)) if copy]
    chance = np.mean([copy.labels.mean() for copy in copies])
    assert np.mean([precision(method, copy) for copy in copies]) > 3 * chance


def test_the_summary_says_which_it_was_and_why(tmp_path):
    reel_of(tmp_path / "reels" / "pump", signals(900, 2))
    common = ["--data-clips", str(tmp_path / "reels"), "--model-path", str(tmp_path / "run"), "-d", "cpu"]
    sets = ["--set", "model={name: auto}", "--set", "workers=0", "--set", "eval.stride=4"]
    assert main.main(["-m", "train", *common, *sets]) == 0
    assert main.main(["-m", "eval", *common, *sets]) == 0
    told = json.loads((tmp_path / "run" / "eval" / "pump" / "summary.json").read_text())["auto"]
    assert told["chosen"] in told["planted_average_precision"]
    assert len(told["planted_average_precision"]) == len(CANDIDATES)
