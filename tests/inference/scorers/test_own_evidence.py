"""How far a sample is from the rest of its own series, beside what the model says of it."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.reel.reel import Reel
from inference.calibration.surprises import fit_surprises
from inference.detection import scored_samples
from inference.evidence.own_series import beside, near_rows
from inference.export.exported import Exported
from inference.follow.all_streams import follow_all
from inference.scorers.load import load_scorer
from tests.support.live_series import job_of, run_of, sensors, settings, trained
from tests.support.reels import make_reel
from training.checkpoint import load as load_checkpoint
from training.places import path_of

OWN: dict[str, Any] = {"eval__own_evidence": 2.0}
MOVED = 400  # from where on the watched table has another level, to its end


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    trained(folder)
    return folder


@pytest.fixture(scope="module")
def moved(work) -> Reel:
    """A table in which a sensor goes to another level and stays there."""
    quiet = Reel(next((work / "reels").glob("*/reel.json")).parent)
    values = quiet.frames[:800, :, 0, 0].copy()
    values[MOVED:, 1] += 3
    return make_reel(work / "moved" / "it", values[:, :, None, None], cadence_s=60.0, channels=list(quiet.channels))


def scores_of(reel: Reel, chosen) -> np.ndarray:
    return np.concatenate([scores for _, scores, *_ in scored_samples(job_of(reel, chosen))])


def test_what_stays_is_less_unusual_than_where_it_began(work, moved):
    """By the model alone the new level is as unusual to its end as where it began."""
    alone, with_own = (scores_of(moved, settings(work, **keys)) for keys in ({}, OWN))
    near, later = slice(MOVED - 16, MOVED + 16), slice(MOVED + 100, None)
    assert (with_own >= alone - 1e-5).all()
    assert with_own[near].max() - with_own[later].max() > alone[near].max() - alone[later].max() + 1


def test_what_is_fitted_and_set_apart_is_the_same_with_it(tmp_path):
    table = sensors(900)
    table.loc[300:310, "vibration"] += 4
    found = []
    for name, keys in (("alone", {}), ("with", OWN)):
        (tmp_path / name).mkdir()
        table.to_csv(tmp_path / name / "quiet.csv", index=False)
        run = trained(tmp_path / name, **keys)
        apart = pd.read_csv(run / "not_quiet.csv")
        assert len(apart)
        found.append((apart["frame_start"].tolist(), load_checkpoint(path_of(run, "best"))["model"]))
    assert found[0][0] == found[1][0]
    assert all(np.array_equal(value, found[1][1][key]) for key, value in found[0][1].items())


def test_it_looks_at_all_of_a_series_so_streams_and_bundles_go_without(work, caplog):
    chosen = settings(work, **OWN)
    scorer, _ = load_scorer(run_of(chosen), "cpu", chosen.eval)
    assert scorer.reach(chosen.eval) is None
    assert Exported(run_of(chosen), chosen).settings.own_evidence == 0
    assert "eval.own_evidence needs the whole of a series" in caplog.text
    caplog.clear()
    table = sensors(300, 900)
    table.loc[150:160, "vibration"] += 4
    table.to_csv(work / "new.csv", index=False)
    (folder,) = follow_all(replace(chosen, eval=replace(chosen.eval, follow=(str(work / "new.csv"),))))
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert any(line["type"] == "closed" for line in lines)
    assert caplog.text.count("eval.own_evidence needs the whole of a series") == 1


@given(st.integers(0, 99), st.integers(1, 3))
def test_the_farther_from_the_rest_the_more_surprising(seed, variables):
    random = np.random.default_rng(seed)
    own, evidence = random.exponential(size=(500, variables)), random.normal(size=(500, variables, 4))
    made = fit_surprises(random.random((500, 1)), [evidence], 60.0, 16, [own]).for_new
    found = made.of_own(np.linspace(0, 50, 100)[:, None] * np.ones(variables))
    assert (np.diff(found, axis=0) >= -1e-6).all()
    assert (found[-1] > 2).all()


def test_of_one_variable_that_is_unlike_itself_the_others_know_nothing():
    values = np.sin(np.arange(1200) / 7)[:, None] * np.ones(2) + np.random.default_rng(0).normal(0, 0.05, (1200, 2))
    values[600:620, 0] = values[600, 0]
    found = beside(near_rows(values))
    assert 590 < found[0].argmax() < 630
    assert found[1, 590:630].max() < found[0].max() / 2
