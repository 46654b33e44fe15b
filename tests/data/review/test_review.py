"""Review: statistics against an oracle, robust verdicts, verdicts by hand, pictures."""

from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import data.review.statistics as statistics_module
from config import load
from data.frames.workers.pool import make_executor
from data.reel.mask_bits import INVALID
from data.reel.windows import STATISTICS, read_windows, usable
from data.review.page.verdicts import Verdicts
from data.review.statistics import frame_statistics, statistics_by, window_statistics
from data.review_processed_data import judge, review, robust_z
from tests.support.drawing import painted
from tests.support.reels import drifting_blobs, make_reel


def statistics_of(reel):
    """Of its windows, found in this process."""
    with make_executor(1) as here:
        return window_statistics(reel, read_windows(reel), here)


def run_review(reel, **keys):
    overrides = {"data_clips": str(reel.path), **{f"review.{k}": v for k, v in keys.items()}}
    review(load(None, overrides))
    return read_windows(reel)


@pytest.fixture
def reel(tmp_path):
    frames = drifting_blobs(80, noise=0.01, seed=1)
    frames[40, 0, 8:20, 8:20] += 1.5  # a flash
    return make_reel(tmp_path / "cam", frames)


def test_statistics_equal_a_plain_computation(tmp_path):
    frames = drifting_blobs(20, H=16, W=24, C=2)
    masks = np.zeros((20, 16, 24), np.uint8)
    masks[:, :4] = INVALID
    masks[7, :, :12] = INVALID
    reel = make_reel(tmp_path / "r", frames, masks=masks)
    found = dict(zip(STATISTICS, statistics_of(reel)[1], strict=True))  # window 1: frames 4 .. 11
    per_frame = [reel.frames[t][:, masks[t] == 0] for t in range(4, 12)]
    assert found["mean"] == pytest.approx(np.mean([v.mean() for v in per_frame]))
    squares = np.mean([(v.astype(np.float64) ** 2).mean() for v in per_frame])
    assert found["std"] == pytest.approx(np.sqrt(squares - found["mean"] ** 2), rel=1e-5)
    assert found["p99"] == pytest.approx(max(np.quantile(v, 0.99) for v in per_frame))
    assert found["coverage"] == pytest.approx((masks[7] == 0).mean())
    blocks = reel.frames[4:12].astype(np.float64).reshape(8, 2, 2, 8, 3, 8).mean(axis=(3, 5))
    assert found["change"] == pytest.approx(np.abs(np.diff(blocks, axis=0)).max(), rel=1e-5)


def test_change_does_not_look_across_a_window_start(tmp_path):
    frames = np.full((16, 1, 16, 16), 0.2, np.float32)
    frames[8:] = 0.8  # a step between the two windows, in neither of them
    reel = make_reel(tmp_path / "r", frames, stride=8)
    assert np.all(statistics_of(reel)[:, STATISTICS.index("change")] == 0)


@given(frames_a_task=st.integers(1, 90))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_statistics_are_the_same_however_frames_are_shared_out(reel, frames_a_task):
    with make_executor(1) as here:
        whole = frame_statistics(reel, here)
        with patch.object(statistics_module, "PIECE_VALUES", frames_a_task * reel.frames[0].size):
            np.testing.assert_array_equal(frame_statistics(reel, here), whole)
    assert whole[1:, 3].all()  # changes, which look at the frame before


def test_large_reels_are_shared_out_to_processes(reel, monkeypatch):
    config = load(None, {"data_clips": str(reel.path), "workers": 2})
    with statistics_by([reel], config) as find:
        here = find(reel, read_windows(reel))
    monkeypatch.setattr(statistics_module, "WORTH_VALUES", 1)
    monkeypatch.setattr(statistics_module, "PIECE_VALUES", 7 * reel.frames[0].size)
    with statistics_by([reel], config) as find:
        assert find.keywords["workers"].count() == 2
        np.testing.assert_array_equal(find(reel, read_windows(reel)), here)


def test_windows_with_the_flash_are_rejected_and_nothing_else(reel):
    table = run_review(reel)
    holds_flash = (table["start"] <= 41) & (table["start"] + table["length"] > 40)
    assert set(table.loc[table["verdict"] == "reject", "window"]) == set(table.loc[holds_flash, "window"])
    assert table.loc[holds_flash, "reason"].str.contains("z=").all()
    assert (table.loc[holds_flash, "by"] == "statistics").all()
    assert table.loc[holds_flash, "at"].str.match(r"\d{4}-\d\d-\d\dT").all()


def test_rejection_takes_windows_that_share_frames_out_of_training(reel):
    table = run_review(reel)
    rejected = table[table["verdict"] == "reject"]
    shared = [any(abs(a.start - b.start) < a.length for b in rejected.itertuples()) for a in table.itertuples()]
    assert np.array_equal(usable(table), ~np.array(shared))
    assert 0 < usable(table).sum() < (table["verdict"] != "reject").sum()


def test_outliers_on_both_sides_are_found(tmp_path):
    frames = drifting_blobs(80, noise=0.01)
    frames[24:32] *= 0.3  # a dark spell
    table = run_review(make_reel(tmp_path / "r", frames))
    assert "mean z=-" in table.loc[table["start"] == 24, "reason"].item()


def test_hand_verdicts_survive_a_second_review_and_can_be_undone(reel):
    flash = int(run_review(reel).query("verdict == 'reject'")["window"].iloc[0])
    run_review(reel, keep=[str(flash)], reject=["cam:0"])
    again = run_review(reel).set_index("window")
    assert again.loc[flash, ["verdict", "by"]].tolist() == ["keep", "user"]
    assert again.loc[0, ["verdict", "by"]].tolist() == ["reject", "user"]
    run_review(reel, undo=[str(flash), "0"])
    undone = run_review(reel).set_index("window")
    assert undone.loc[flash, ["verdict", "by"]].tolist() == ["reject", "statistics"]
    assert undone.loc[0, "verdict"] == ""


@pytest.mark.parametrize("bad", ["999", "other:1", "1x", "cam:"])
def test_an_unknown_window_is_an_error_that_names_it(reel, bad):
    before = (reel.path / "windows.csv").read_bytes()
    with pytest.raises(ValueError, match=bad):
        run_review(reel, reject=[bad])
    assert (reel.path / "windows.csv").read_bytes() == before


def test_pictures_are_written_and_the_contact_sheet_goes_when_nothing_is_rejected(reel):
    with painted():
        run_review(reel)
    sheet = reel.path / "review_outliers.png"
    assert (reel.path / "review_histograms.png").stat().st_size > 10_000
    assert sheet.stat().st_size > 5_000
    run_review(reel, z_limit=1e9)
    assert not sheet.exists()


def test_robust_z_is_not_moved_by_the_outlier_itself():
    values = np.concatenate([np.linspace(9.5, 10.5, 41), [1000.0]])
    z = robust_z(values)
    assert z[-1] > 500
    assert np.abs(z[:-1]).max() < 3


def test_equal_windows_are_no_outliers():
    table = pd.DataFrame({name: np.full(9, 0.5) for name in STATISTICS})
    table[["verdict", "reason", "by", "at"]] = ""
    judge(table, 3.0)
    assert (table["verdict"] == "").all()


def test_a_verdict_saved_while_statistics_are_computed_stays(reel, monkeypatch):
    def slow_statistics(reel, table, workers):
        Verdicts(reel).judge([1], "keep")
        return window_statistics(reel, table, workers)

    monkeypatch.setattr(statistics_module, "window_statistics", slow_statistics)
    assert run_review(reel).set_index("window").loc[1, "verdict"] == "keep"


def outlying(values, length=8, stride=2, is_series=False):
    """Which windows review rejects where their p99 is the highest of these values (T,), and what it says is usual."""
    start = np.arange(0, len(values) - length + 1, stride)
    table = pd.DataFrame({name: np.full(len(start), 0.5) for name in STATISTICS})
    table["p99"] = [values[s : s + length].max() for s in start]
    table["start"], table["length"] = start, length
    table[["verdict", "reason", "by", "at"]] = ""
    usual = judge(table, 5.0, is_series)
    return (table["verdict"] == "reject").to_numpy(), usual


@pytest.mark.parametrize("is_series", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
@pytest.mark.parametrize("up", [3.0, -0.4])
def test_a_state_that_comes_back_is_no_outlier(share, up, is_series):
    phase = np.arange(2000) % 400 / 400
    rejected, usual = outlying(np.where(phase < share, 0.5 + up, 0.5), is_series=is_series)
    assert not rejected.any()
    assert len(usual) == 1
    assert f"p99 {'above' if up > 0 else 'below'}" in usual[0]


@pytest.mark.parametrize("is_series", [False, True])
@pytest.mark.parametrize("bad", [[700], [400, 403, 1300], list(range(600, 700)), list(range(1900, 2000))])
def test_what_is_bad_once_or_shortly_is_an_outlier_beside_states_too(bad, is_series):
    values = np.where(np.arange(2000) % 400 < 80, 0.2, 0.5)  # the other state is below
    values[bad] = 9.0
    rejected, _ = outlying(values, is_series=is_series)
    start = np.arange(0, 1993, 2)
    assert (rejected == [any(s <= b < s + 8 for b in bad) for s in start]).all()


def test_single_bad_frames_are_outliers_of_pictures_however_many_and_moments_of_a_series_are_usual():
    values = np.full(3000, 0.5)
    values[np.random.default_rng(1).choice(3000, 40, replace=False)] = 9.0
    rejected, usual = outlying(values)
    assert rejected.any()
    assert not usual
    rejected, usual = outlying(values, is_series=True)
    assert not rejected.any()
    assert usual
    values[np.flatnonzero(values > 1)[10:]] = 0.5  # ten are not yet usual
    assert outlying(values, is_series=True)[0].any()


@pytest.mark.parametrize("period", [20, 37, 60])
@pytest.mark.parametrize(("low", "high"), [(0.0, 0.3), (0.2, 0.3), (0.3, 9.0)])
def test_what_would_leave_hardly_a_window_is_no_exception_and_a_gross_one_beside_it_is(period, low, high):
    """A lamp of a still screen that is switched now and then; with it or without it are most windows."""
    values = np.where(np.arange(1200) % period == 0, high, low)
    rejected, told = outlying(values, 16)
    assert rejected.mean() < 0.5
    assert not told or "would leave" in told[-1]
    values[700] = 1000.0
    rejected, _ = outlying(values, 16)
    start = np.arange(0, 1185, 2)
    assert rejected[(start <= 700) & (start + 16 > 700)].all()


def levels(kind, seed):
    """The level (T,) of a series that nothing happens to."""
    random = np.random.default_rng(seed)
    if kind == "waits":
        return np.exp(random.normal(0, 0.6, 3000))
    if kind == "prices":
        return np.abs(random.standard_t(4, 3000))
    return random.poisson(0.3, 3000) * random.geometric(0.4, 3000) + random.normal(0, 0.1, 3000)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["waits", "prices", "counts"])
def test_the_largest_of_a_series_are_no_outliers_and_codes_beside_them_are(kind, seed):
    """The longest waits, far from the median, come in any hours: without them thresholds are of another series."""
    values = levels(kind, seed)
    assert not outlying(values, 96, 8, is_series=True)[0].any()
    values[[1500, 2100]] = 9999.0, 1e6
    rejected, _ = outlying(values, 96, 8, is_series=True)
    start = np.arange(0, 3000 - 95, 8)
    assert (rejected == [any(s <= bad < s + 96 for bad in (1500, 2100)) for s in start]).all()
