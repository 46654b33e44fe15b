"""Quiet data of a few windows: `sub_pca` takes shorter ones, so that what is new is no farther off than they say, and
methods that go by variances keep few."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.prepare_data import prep
from inference.calibration.quiet.ranges import QuietRange, quiet_ranges
from inference.fit import fit
from inference.methods import METHODS
from inference.methods.series.base import WindowMethod
from inference.methods.series.patches import Patches
from inference.methods.series.sub_pca import BORNE, LEAST_WINDOW, SubPca
from inference.scorers.load import load_scorer
from tests.support.live_series import sensors
from tests.support.live_series import settings as run_settings
from tests.support.series_signals import RAW, reel_of, scores
from tests.support.trainings import small_config


def halves(reel, end: int) -> list[QuietRange]:
    return [QuietRange(reel, 0, end // 2, "train"), QuietRange(reel, end // 2, end, "val")]


def remembering(n: int, C: int, memory: float, seed: int) -> np.ndarray:
    """Values (n, C), each of which keeps a share of the one before."""
    values = np.zeros((n, C))
    for i, step in enumerate(np.random.default_rng(seed).normal(0, 0.1, (n - 1, C))):
        values[i + 1] = memory * values[i] + step
    return values


@given(st.integers(2, 200), st.lists(st.integers(2, 5000), min_size=1, max_size=4))
def test_windows_are_as_long_as_asked_for_or_as_quiet_data_bear(clip_length, lengths):
    quiet = [QuietRange(None, 0, length, "train") for length in lengths]
    found = SubPca.window_for(clip_length, quiet)
    assert min(clip_length, LEAST_WINDOW) <= found <= clip_length
    if found < clip_length:
        assert found == LEAST_WINDOW or BORNE * found <= sum(lengths) < BORNE * clip_length
    assert SubPca.window_for(clip_length, [*quiet, *quiet]) >= found
    for other in ("patches", "kmeans", "difference"):
        assert METHODS[other].window_for(clip_length, quiet) == clip_length


@settings(max_examples=6, deadline=None)
@given(st.integers(200, 500), st.integers(1, 3), st.floats(0, 0.9), st.integers(0, 99))
def test_new_data_are_no_farther_off_than_copies_find_quiet_ones(tmp_path_factory, n, C, memory, seed):
    """With windows of 96 they were by up to a thousand times."""
    values = remembering(n + 300, C, memory, seed)
    judged, new = quiet_and_new(tmp_path_factory.mktemp("short") / "it", values, n)
    assert np.median(new) < 4 * np.median(judged)


@settings(max_examples=5, deadline=None)
@given(st.integers(250, 400), st.floats(0.5, 0.95), st.floats(0, 0.9), st.integers(0, 99))
def test_new_data_and_what_copies_judge_are_about_as_far_off_as_is_usual(tmp_path_factory, n, share, memory, seed):
    """Of windows of half to all as many values as there are of them: both were thousands of times as far off, and where
    the copies had a little less to be fitted on, they were a hundred times as far off as new data."""
    values = remembering(n + 300, max(1, round(share * BORNE)), memory, seed)
    judged, new = quiet_and_new(tmp_path_factory.mktemp("short") / "it", values, n)
    assert np.median(judged) < 1.6 * np.median(new)
    assert np.quantile(judged, 0.9) < 1.6 * np.quantile(new, 0.9)
    assert np.median(new) < 10


@settings(max_examples=4, deadline=None)
@given(st.integers(300, 500), st.integers(4, 8), st.floats(0, 0.9), st.integers(0, 99))
def test_copies_find_few_quiet_patches_as_far_as_new_ones(tmp_path_factory, n, C, memory, seed):
    """All components of few patches: copies found quiet ones three to thirty times as far; with a component for every
    eight of them 0.65 times as far, as those of the copies were fewer."""
    values = remembering(n + 300, C, memory, seed)
    judged, new = quiet_and_new(tmp_path_factory.mktemp("short") / "it", values, n, Patches, 32)
    assert 0.85 * np.median(new) < np.median(judged) < 1.5 * np.median(new)


def quiet_and_new(
    path, values: np.ndarray, n: int, kind: type[WindowMethod] = SubPca, clip_length: int = 96
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the first n of values (n + m, C) by copies that did not see them, and those of all behind them."""
    reel = reel_of(path, (0.5 + values).astype(np.float32))
    scaling, quiet = dict(zip(reel.channels, reel.stretches, strict=True)), halves(reel, n)
    chosen = small_config(reel.path, None, model__name="sub_pca").model
    method = kind(chosen, {}, scaling, kind.window_for(clip_length, quiet))
    method.fit(quiet, seed=0)
    folds = method.folds(quiet)
    assert all(fold.is_new for fold in folds)
    judged = [
        frame.residual.max()
        for fold in folds
        for r in fold.ranges
        for frame in fold.scorer.frames(r.reel, r.begin, r.end, RAW)
    ]
    return np.array(judged), scores(method, reel, n, len(values))


@pytest.mark.parametrize(("rows", "expected"), [(150, 11), (900, 16)])
def test_train_says_which_windows_few_rows_bear_and_the_run_keeps_them(rows, expected, tmp_path, caplog):
    sensors(rows).to_csv(tmp_path / "quiet.csv", index=False)
    chosen = run_settings(tmp_path)
    prep(chosen)
    run = fit(chosen)
    method = load_scorer(run, "cpu")[0]
    assert method.clip_length == expected
    told = f"few for windows of 16 (prep.clip_length): sub_pca takes windows of {expected}"
    assert caplog.text.count(told) == (expected < 16)
    known = SubPca(method.settings, {}, method.scaling, expected)  # few are fitted on whole: copies judge their parts
    known.fit([replace(r, side="train") if expected < 16 else r for r in quiet_ranges(run)], seed=0)
    np.testing.assert_array_equal(method.arrays["mean"], known.arrays["mean"])
    assert all(fold.is_new for fold in method.folds(quiet_ranges(run)))
