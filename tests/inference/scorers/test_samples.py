"""A series scored as arrays: the same as sample by sample, smoothed, with events of its variables."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from data.reel.reel import Reel
from inference.calibration.thresholds import smoothed
from inference.evaluate import evaluate
from inference.events.boxes import find_boxes, pixel_boxes
from inference.fit import calibrate_run
from inference.methods import METHODS
from inference.methods.fit import fit_method
from inference.scorers.load import load_scorer
from inference.scorers.nets.residual import settings_for
from tests.support.trainings import small_config
from training.train import train


@pytest.fixture(scope="module")
def clips(evaluated_series):
    return config.load(evaluated_series / "config.yaml").data_clips


@pytest.fixture(
    scope="module", params=["autoencoder", "forecast", "dual", "mahalanobis", "kmeans", "window_pca", "mix"]
)
def scored(request, clips, tmp_path_factory):
    """(scorer, reel, settings) of every kind of scorer."""
    folder, name = tmp_path_factory.mktemp(request.param), request.param
    net = {"stages": [{"width": 8, "kernel": [3, 3, 3]}], "patch": [4, 1, 1]}
    model = {
        "autoencoder": {"name": "autoencoder", "latent_channels": 2, **net},
        "forecast": {"name": "tvnet", "task": "forecast", "predict_frames": 3, **net},
        "dual": {"name": "dual", "stages": net["stages"]},
        "kmeans": {"name": "kmeans"},
        "window_pca": {"name": "window_pca"},
    }.get(name, {"name": "tvnet", **net})
    asked = {"eval__score": name} if name in ("mahalanobis", "mix") else {}
    asked |= {"eval__mix": ["standardised", "kmeans"], "eval__stride": 4, "model": model}
    asked |= {} if name in METHODS else {"train__epochs": 1}
    settings = small_config(clips, folder / "run", **asked)
    run = fit_method(settings) if name in METHODS else train(settings)
    calibrate_run(run, settings)
    reel = Reel(f"{clips}/pump")
    return load_scorer(run, "cpu", settings.eval)[0], reel, settings_for(settings.eval, reel)


def test_arrays_hold_what_the_frames_hold(scored):
    scorer, reel, settings = scored
    begin, end = 10, 400
    samples = scorer.samples(reel, begin, end, settings)
    frames = list(scorer.frames(reel, begin, end, settings))
    expected = np.full_like(samples.residual, np.nan)
    for frame in frames:
        expected[frame.index - begin] = frame.residual
    np.testing.assert_allclose(samples.residual, expected, rtol=1e-4, atol=1e-5)
    assert samples.valid[[f.index - begin for f in frames]].all()
    assert np.nanstd(samples.residual) > 0


def test_values_that_were_not_measured_have_no_residual(scored, tmp_path):
    scorer, reel, settings = scored
    shutil.copytree(reel.path, tmp_path / "holed")
    missing = np.zeros(reel.shape[:2], bool)
    missing[200:204, 1] = True
    np.save(tmp_path / "holed" / "missing.npy", missing)
    found = scorer.samples(Reel(tmp_path / "holed"), 0, len(reel), settings).residual
    plain = scorer.samples(reel, 0, len(reel), settings).residual
    if found.shape[1] == 1:  # one score for all variables: those that were measured still say something
        np.testing.assert_array_equal(found, plain)
    else:
        assert (found[200:204, 1] == 0).all()
        assert (plain[200:204, 1] > 0).any()


@given(st.lists(st.one_of(st.floats(0, 100), st.just(np.nan)), min_size=1, max_size=30), st.integers(1, 9))
def test_smoothing_is_the_mean_of_the_known_neighbours(values, width):
    scores = np.array(values)
    found = smoothed(scores, width)
    for i, value in enumerate(scores):
        near = scores[max(0, i - width // 2) : i - width // 2 + width]
        if np.isnan(value):
            assert np.isnan(found[i])
        else:
            assert found[i] == pytest.approx(np.nanmean(near), rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(0, 10, width=32), min_size=1, max_size=12))
def test_pixel_boxes_are_those_of_pixels_far_apart(values):
    scores = np.array(values, np.float32)
    spread = np.zeros((1, 2 * len(scores)), np.float32)
    spread[0, ::2] = scores  # a quiet pixel between any two
    together, apart = pixel_boxes(scores[None], 3.0, 6.0), find_boxes(spread, 3.0, 6.0, min_area=1)
    moved = [replace(b, x=b.x / 2, x0=b.x0 // 2, x1=b.x0 // 2 + 1) for b in apart]
    assert sorted(together, key=lambda b: b.x0) == sorted(moved, key=lambda b: b.x0)


def test_each_variable_has_its_own_events_and_names_its_place(clips, tmp_path):
    shutil.copytree(f"{clips}/pump", tmp_path / "reels" / "pump")
    path = tmp_path / "reels" / "pump" / "reel.json"
    meta = json.loads(path.read_text())
    meta["places"] = {"heat": {"x_px": 3.0, "y_px": 4.0, "x_arcsec": 100.0, "y_arcsec": -200.0}}
    path.write_text(json.dumps(meta))
    settings = small_config(tmp_path / "reels", tmp_path / "run", model={"name": "window_pca"}, eval__combine="each")
    calibrate_run(fit_method(settings), settings)
    (results,) = evaluate(settings)
    events = pd.read_csv(results / "events.csv")
    strongest = events.sort_values("peak_score").iloc[-1]
    assert (strongest["variables"], float(strongest["shares"])) == ("heat", 1.0)
    assert (strongest["hpc_x_arcsec"], strongest["hpc_y_arcsec"]) == (100.0, -200.0)
    assert 292 <= strongest["frame_start"] <= 300 <= strongest["frame_end"] <= 310
    assert events.loc[events["variables"] != "heat", "hpc_x_arcsec"].isna().all()


def test_one_score_for_all_variables_can_not_give_each_its_events(clips, tmp_path):
    settings = small_config(clips, tmp_path / "run", model={"name": "kmeans"}, eval__combine="each")
    run = fit_method(settings)
    with pytest.raises(ValueError, match=r"combine each needs a score for every variable.* choose a net"):
        calibrate_run(run, settings)


def test_events_of_the_series_name_the_variables_that_stand_out(evaluated_series):
    events = pd.read_csv(evaluated_series / "events.csv")
    strongest = events.sort_values("peak_score").iloc[-1]
    assert strongest["variables"].split("; ")[0] == "heat"
    first, *others = (float(share) for share in strongest["shares"].split("; "))
    assert first > 0.5
    assert first + sum(others) <= 1.02  # two digits each


def test_events_of_one_score_for_all_name_what_plain_evidence_says(clips, tmp_path, caplog):
    settings = small_config(clips, tmp_path / "run", model={"name": "kmeans"})
    calibrate_run(fit_method(settings), settings)
    (results,) = evaluate(settings)
    strongest = pd.read_csv(results / "events.csv").sort_values("peak_score").iloc[-1]
    assert strongest["variables"].split("; ")[0] == "heat"
    told = next(line for line in caplog.messages if line.startswith(f"  event {strongest['event']}:"))
    assert f" in heat {float(strongest['shares'].split('; ')[0]):.0%}" in told
    rows = json.loads(report_data(results / "report.html"))["events"]
    assert rows[strongest["event"] - 1]["variables"].startswith("heat ")


def report_data(path) -> str:
    return path.read_text().split('<script id="data" type="application/json">')[1].split("</script>")[0]
