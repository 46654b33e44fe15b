"""Methods for series beside gaps, missing values and variables that never change."""

import numpy as np
import pytest

from data.reel.mask_bits import INVALID
from inference.calibration.quiet.ranges import QuietRange
from inference.methods import FOR_SERIES, METHODS
from inference.methods.series import base, matrix_profile
from inference.scorers.base import score_reel
from tests.support.series_signals import LENGTH, QUIET, RAW, fitted, reel_of, scores, signals
from tests.support.trainings import small_config


@pytest.mark.parametrize("name", FOR_SERIES)
def test_pieces_do_not_show_in_the_scores(quiet, name, monkeypatch):
    method = fitted(name, quiet)
    whole = scores(method, quiet, 100, 400)
    assert whole.std() > 0
    monkeypatch.setattr(base, "PIECE_VALUES", 1)
    monkeypatch.setattr(matrix_profile, "PIECE_SAMPLES", 31)
    np.testing.assert_allclose(scores(method, quiet, 100, 400), whole, rtol=1e-4, atol=1e-5)


def test_a_sample_of_windows_is_even_and_the_same_in_any_pieces(quiet, monkeypatch):
    monkeypatch.setattr(base.WindowMethod, "sample_windows", 100)
    method = fitted("kmeans", quiet)
    kept = method._quiet_windows([QuietRange(quiet, 0, 1000, "train")])
    every = np.stack([quiet.frames[i : i + LENGTH, :, 0, 0] for i in range(1000 - LENGTH + 1)])
    starts = np.array([int(np.flatnonzero((every == window).all(axis=(1, 2)))[0]) for window in kept])
    step = -(-len(every) // 100)
    assert len(starts) == -(-len(every) // step)
    assert (np.abs(starts - np.arange(len(starts)) * len(every) / len(starts)) <= step).all()
    monkeypatch.setattr(base, "PIECE_VALUES", 1)
    np.testing.assert_array_equal(method._quiet_windows([QuietRange(quiet, 0, 1000, "train")]), kept)


@pytest.mark.parametrize("name", FOR_SERIES)
def test_stretches_beside_a_gap_are_scored_as_if_alone(quiet, other, name, tmp_path):
    samples, times = other.frames[:, :, 0, 0], 12.0 * np.arange(200)
    times[90:] += 3600
    times[190:] += 3600  # the last 10 are too few for a window
    parted, method = reel_of(tmp_path / "parted", samples, times_s=times), fitted(name, quiet)
    found = {f.index: f.residual.max() for f in score_reel(method, parted, RAW)}
    assert list(found) == list(range(190))
    alone = [scores(method, reel_of(tmp_path / "first", samples[:90]))]
    alone.append(scores(method, reel_of(tmp_path / "second", samples[90:190])))
    np.testing.assert_allclose(list(found.values()), np.concatenate(alone), rtol=1e-5)


@pytest.mark.parametrize("length", [LENGTH - 1, LENGTH, LENGTH + 1])
@pytest.mark.parametrize("name", FOR_SERIES)
def test_a_stretch_of_a_window_is_scored_and_a_shorter_one_is_not(quiet, other, name, length):
    found = list(fitted(name, quiet).frames(other, 50, 50 + length, RAW))
    assert len(found) == (length if length >= LENGTH else 0)
    assert all(np.isfinite(f.residual).all() for f in found)


@pytest.mark.parametrize("name", FOR_SERIES)
def test_missing_samples_score_nothing_and_raise_no_score_beside_them(quiet, other, name, tmp_path):
    gone = np.zeros((200, 1, 1), np.uint8)
    gone[[60, 100, 101]] = INVALID
    holed = reel_of(tmp_path / "holed", other.frames[:, :, 0, 0], masks=gone)
    method = fitted(name, quiet)
    found, whole = scores(method, holed), scores(method, other)
    assert (found[gone[:, 0, 0] > 0] == 0).all()
    assert np.isfinite(found).all()
    assert found.max() < 2 * whole.max()


def test_missing_samples_are_interpolated_whatever_the_pieces(tmp_path):
    samples, t = np.random.default_rng(0).random((300, 2)).astype(np.float32), np.arange(300)
    gone = np.zeros(300, bool)
    gone[[*range(5), 50, *range(80, 200), *range(290, 300)]] = True
    reel = reel_of(tmp_path / "r", samples, masks=gone[:, None, None] * np.uint8(INVALID))
    method = METHODS["kmeans"](small_config(reel.path, None).model, {}, {}, LENGTH)
    method.open(reel, 0, 300)
    expected = np.stack([np.interp(t, t[~gone], column[~gone]) for column in samples.T], axis=1)
    for low, high in [(0, 300), (0, 3), (40, 60), (90, 95), (85, 210), (295, 300)]:
        np.testing.assert_allclose(method.interpolated(reel, low, high), expected[low:high], rtol=1e-5)


@pytest.mark.parametrize("name", [name for name in FOR_SERIES if name != "matrix_profile"])
def test_quiet_windows_that_are_mostly_missing_are_left_out(name, tmp_path):
    gone = np.zeros((600, 1, 1), np.uint8)
    gone[:300] = INVALID
    reel = reel_of(tmp_path / "r", signals(600, 1), masks=gone)
    with pytest.raises(ValueError, match="no training window of 16 samples is at least half valid"):
        fitted(name, reel, end=300)
    assert np.isfinite(scores(fitted(name, reel), reel)).all()


@pytest.mark.parametrize("name", [name for name in FOR_SERIES if name != "iforest"])  # its trees can't cut what is one
def test_a_variable_that_never_changed_is_no_trouble_until_it_does(name, tmp_path):
    samples, later = signals(QUIET, 3), signals(300, 3, seed=1)
    samples[:, 1] = later[:, 1] = 0.5
    method = fitted(name, reel_of(tmp_path / "quiet", samples))
    still = scores(method, reel_of(tmp_path / "still", later))
    later[150:153, 1] = 1.0
    changed = scores(method, reel_of(tmp_path / "changed", later))
    assert np.isfinite(changed).all()
    assert changed[150:153].min() > still.max()


@pytest.mark.parametrize("name", FOR_SERIES)
def test_a_series_that_never_changes_at_all_has_finite_scores(name, tmp_path):
    reel = reel_of(tmp_path / "flat", np.full((400, 2), 0.5, np.float32))
    assert np.isfinite(scores(fitted(name, reel), reel)).all()


def test_quiet_data_of_little_more_than_a_window_are_enough(tmp_path):
    reel = reel_of(tmp_path / "short", signals(120 + LENGTH, 1))
    for name in FOR_SERIES:
        found = scores(fitted(name, reel), reel)
        assert np.isfinite(found).all()
        assert found.std() > 0
