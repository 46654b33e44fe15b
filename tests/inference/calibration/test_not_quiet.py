"""A forgotten flare in the training data: told, listed, left out of the thresholds, and rejected by `review`."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.reel.reel import Reel
from data.reel.windows import read_windows
from data.review_processed_data import NOT_QUIET, not_quiet_frames, reject_not_quiet, review
from inference.calibration.quiet import frames as quiet_frames
from inference.calibration.quiet.not_quiet import (
    COLUMNS,
    TOLD,
    episodes,
    set_apart,
    set_apart_in,
    still_quiet,
    tell,
    times_apart,
)
from inference.calibration.quiet.ranges import QuietRange, quiet_ranges
from inference.calibration.thresholds import counted
from inference.fit import fit
from inference.methods import METHODS
from inference.scorers.load import load_scorer
from tests.support.reels import make_reel
from tests.support.trainings import small_config

FLARE, SIDE, T = range(150, 156), 24, 300


def flared_config(folder):
    frames = np.random.default_rng(0).normal(0.3, 0.02, (T, 1, SIDE, SIDE)).astype(np.float32)
    frames[FLARE, :, 8:14, 10:16] += 0.5
    make_reel(folder / "reels" / "sun", frames, 60.0)
    return small_config(folder / "reels", folder / "run", model={"name": "robust_z"})


@pytest.fixture(scope="module")
def flared(tmp_path_factory):
    """Noise, and a spot for some frames: (reels, run, what was told)."""
    config = flared_config(tmp_path_factory.mktemp("flared"))
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())
    logger = logging.getLogger("reelwatch")
    logger.addHandler(handler)
    try:
        run = fit(config)
    finally:
        logger.removeHandler(handler)
    return config, run, told


def test_it_is_listed_with_time_place_and_score(flared):
    _, run, told = flared
    (path,) = (run / "calibration").glob("*not_quiet.csv")
    (row,) = pd.read_csv(path).itertuples()
    assert row.reel == "sun"
    assert row.frame_start <= FLARE[0] <= row.frame_peak <= FLARE[-1] <= row.frame_end
    assert (8 <= row.y < 14, 10 <= row.x < 16) == (True, True)
    assert row.time_s == pytest.approx(60.0 * row.frame_peak)
    (line,) = [message for message in told if "quiet data stand out" in message]
    assert "sun 2012-07-19T02:3" in line
    assert f"{run} lists them, in files whose names end in {NOT_QUIET}" in line
    assert path.name.endswith(NOT_QUIET)


def test_review_rejects_its_windows_and_a_verdict_by_hand_stays(flared):
    config, _, _ = flared
    review(config)
    path = Reel(f"{config.data_clips}/sun").path / "windows.csv"
    table = pd.read_csv(path, keep_default_na=False)
    holds = (table["start"] <= FLARE[-1]) & (table["start"] + table["length"] > FLARE[0])
    assert (table.loc[holds, "verdict"] == "reject").all()
    assert table["reason"].str.contains("stands out from the quiet data").any()
    assert (table["verdict"] == "").any()


def test_a_reel_that_was_prepared_anew_is_left_alone(flared, tmp_path):
    """Its name is the same and its frames are others: they were filmed a day later."""
    config, run, _ = flared
    reel = make_reel(tmp_path / "sun", np.zeros((T, 1, 8, 8), np.float32), 60.0, start_utc="2012-07-20T00:00:00")
    table = read_windows(reel)
    reject_not_quiet(table, not_quiet_frames(str(run)), reel)
    assert (table["verdict"] == "").all()
    same = Reel(f"{config.data_clips}/sun")
    table = read_windows(same).assign(verdict="", by="")
    reject_not_quiet(table, not_quiet_frames(str(run)), same)
    assert (table["verdict"] == "reject").any()
    assert not_quiet_frames(None).empty


def test_ranges_know_where_they_are_from(flared):
    _, run, _ = flared
    found = quiet_ranges(run)
    assert found
    for r in found:
        assert r.source == "sun"
        assert r.reel.times_s[r.begin] == pytest.approx(60.0 * (r.offset + r.begin))


def test_every_run_of_frames_is_an_episode_of_its_own(tmp_path):
    reel = make_reel(tmp_path / "r", np.zeros((40, 1, 1, 1), np.float32), 1.0)
    levels = np.arange(40, dtype=np.float32)
    where = QuietRange(Reel(reel.path), 0, 40, "val", "x", offset=100)
    table = episodes(np.array([3, 4, 5, 20, 21]), levels, lambda n: (where, n, np.nan, np.nan))
    assert table[["frame_start", "frame_peak", "frame_end"]].to_numpy().tolist() == [[120, 121, 121], [103, 105, 105]]
    assert episodes(np.zeros(0, int), levels, lambda n: (where, n, 0.0, 0.0)).empty


@pytest.mark.parametrize("start_utc", [None, "2012-07-19T00:00:00"])
def test_some_are_told_with_their_times_and_the_others_counted(tmp_path, capsys, start_utc):
    reel = make_reel(tmp_path / "r", np.zeros((40, 1, 1, 1), np.float32), 1.0, start_utc=start_utc)
    levels, where = np.arange(40, dtype=np.float32), QuietRange(Reel(reel.path), 0, 40, "val", "x")
    path = tmp_path / "run" / "calibration" / "not_quiet.csv"
    for number in (TOLD, TOLD + 2):
        left_out = 2 * np.arange(number)  # a frame between two parts them
        tell(path, episodes(left_out, levels, lambda n: (where, n, np.nan, np.nan)))
        told, table = capsys.readouterr().err, pd.read_csv(path)
        assert len(table) == number
        strongest = 2 * (number - 1)
        when = f"frame {strongest}" if start_utc is None else f"2012-07-19T00:00:0{strongest}"
        assert f"x {when}" in told
        assert told.count("(score ") == TOLD
        assert ("2 more" in told) == (number > TOLD)
        assert " more" in told or number == TOLD
    tell(path, table.head(0))  # what was found before does not stay
    assert not path.exists()
    assert capsys.readouterr().err == ""


def listed(*spans: tuple[int, int], reel: str = "x") -> pd.DataFrame:
    rows = [(reel, first, first, last, "", 0.0, 1.0, np.nan, np.nan, "", "") for first, last in spans]
    return pd.DataFrame(rows, columns=COLUMNS)


SPANS = st.lists(st.tuples(st.integers(90, 210), st.integers(0, 30)), max_size=6)


@given(SPANS, st.integers(1, 12))
def test_what_is_still_quiet_is_all_but_the_episodes_and_scraps(flared, spans, clip_length):
    reel = Reel(f"{flared[0].data_clips}/sun")
    ranges = [QuietRange(reel, 0, 60, "train", "x", offset=100), QuietRange(reel, 60, 90, "val", "x", offset=100)]
    apart = listed(*((first, first + more) for first, more in spans))
    left = still_quiet(apart, ranges, clip_length)
    gone = {frame for first, more in spans for frame in range(first, first + more + 1)}
    kept = [frame for r in left for frame in range(r.begin + r.offset, r.end + r.offset)]
    assert len(set(kept)) == len(kept)
    assert not gone & set(kept)
    assert all(len(r) >= clip_length or not spans for r in left)
    assert {r.side for r in left if r.begin < 60} <= {"train"}
    for frame in set(range(100, 190)) - gone - set(kept):  # a scrap: too few in a row, within its own range
        begin, end = (100, 160) if frame < 160 else (160, 190)
        first = max([begin, *(g + 1 for g in gone if begin <= g < frame)])
        stop = min([end, *(g for g in gone if frame < g < end)])
        assert stop - first < clip_length
    assert still_quiet(listed(*((f, f + m) for f, m in spans), reel="another"), ranges, 1) == ranges


def test_an_episode_does_not_go_on_from_one_range_into_the_next(tmp_path):
    reel = make_reel(tmp_path / "r", np.zeros((40, 1, 1, 1), np.float32), 1.0)
    parts = [QuietRange(Reel(reel.path), 0, 10, "val", "x"), QuietRange(Reel(reel.path), 20, 40, "val", "x")]
    table = episodes(
        np.arange(6, 14),
        np.arange(30, dtype=np.float32),
        lambda n: (parts[n >= 10], n + 10 * (n >= 10), np.nan, np.nan),
    )
    assert table[["frame_start", "frame_end"]].to_numpy().tolist() == [[20, 23], [6, 9]]


def test_what_was_set_apart_in_several_rounds_is_counted_once():
    spans = [("a", 10, 19), ("b", 20, 25), ("a", 40, 45), ("a", 20, 22), ("a", 0, 3), ("b", 27, 30)]
    table = pd.DataFrame(spans, columns=["reel", "frame_start", "frame_end"])
    assert times_apart(table) == 5
    assert times_apart(pd.DataFrame({"reel": []})) == 0


def test_nothing_is_set_apart_where_less_than_half_would_be_left(tmp_path, flared):
    reel = Reel(f"{flared[0].data_clips}/sun")
    quiet, run = [QuietRange(reel, 0, 100, "train", "x")], tmp_path / "run"
    (run / "calibration").mkdir(parents=True)
    assert not set_apart(run, quiet, 8)
    listed((10, 70)).to_csv(run / "calibration" / "all-not_quiet.csv", index=False)
    assert not set_apart(run, quiet, 8)
    assert set_apart_in(run).empty
    listed((10, 30)).to_csv(run / "calibration" / "all-not_quiet.csv", index=False)
    assert set_apart(run, quiet, 8)
    assert [(r.begin, r.end) for r in still_quiet(set_apart_in(run), quiet, 8)] == [(0, 10), (31, 100)]
    (run / "calibration" / "all-not_quiet.csv").unlink()
    assert not set_apart(run, quiet, 8)  # nothing more


def test_an_episode_goes_on_where_one_range_follows_another(tmp_path):
    reel = Reel(make_reel(tmp_path / "r", np.zeros((40, 1, 1, 1), np.float32), 1.0).path)
    parts = [QuietRange(reel, 0, 10, "train", "x"), QuietRange(reel, 10, 40, "val", "x")]
    levels = np.arange(40, dtype=np.float32)
    table = episodes(np.arange(6, 14), levels, lambda n: (parts[n >= 10], n, np.nan, np.nan))
    assert table[["frame_start", "frame_end"]].to_numpy().tolist() == [[6, 13]]


def test_nothing_is_set_apart_where_thresholds_would_have_less_than_half_of_their_frames(tmp_path, flared):
    reel, run = Reel(f"{flared[0].data_clips}/sun"), tmp_path / "run"
    quiet = [QuietRange(reel, 0, 80, "train", "x"), QuietRange(reel, 80, 100, "val", "x")]
    (run / "calibration").mkdir(parents=True)
    path = run / "calibration" / "all-not_quiet.csv"
    listed((84, 97)).to_csv(path, index=False)
    assert not set_apart(run, quiet, 4)
    listed((84, 90)).to_csv(path, index=False)
    assert set_apart(run, quiet, 4)


def test_a_method_for_series_is_fitted_without_what_stands_out_and_finds_it(tmp_path):
    """A table that is trained on and then watched: a fault of a twelfth of it hides neither itself nor another."""
    values = np.random.default_rng(0).normal(0.5, 0.03, (3000, 2, 1, 1)).astype(np.float32)
    values[700:900, 0] += 0.6
    values[2000:2040, 1] += 0.3
    make_reel(tmp_path / "reels" / "it", values, 60.0, clip_length=16)
    config = small_config(tmp_path / "reels", tmp_path / "run", model={"name": "sub_pca"})
    run = fit(config)
    apart = set_apart_in(run)
    held = {frame for row in apart.itertuples() for frame in range(row.frame_start, row.frame_end + 1)}
    assert held >= {*range(700, 900), *range(2000, 2040)}
    assert len(held) < 600
    kept = {r.offset + i for r in quiet_ranges(run) for i in range(r.begin, r.end)}
    assert not kept & held
    assert set(not_quiet_frames(str(run))["frame_start"]) >= set(apart["frame_start"])
    reel = Reel(tmp_path / "reels" / "it")
    scorer, _ = load_scorer(run, "cpu", config.eval)
    made = scorer.calibration(run, reel, config.eval)
    scores = made.sample_scores(scorer.samples(reel, 0, len(reel), config.eval), config.eval)[0]
    low, _ = made.thresholds(config.eval)
    assert scores[700:900].min() > low
    assert scores[2000:2040].min() > low
    assert np.delete(scores, sorted(held)).max() < low


def test_what_thresholds_lack_is_told_once_however_often_it_is_fitted(tmp_path, caplog):
    values = np.random.default_rng(0).normal(0.5, 0.03, (900, 9, 1, 1)).astype(np.float32)
    values[300:330, 0] += 0.6
    make_reel(tmp_path / "reels" / "it", values, 1.0, clip_length=16, channels=[f"v{c}" for c in range(9)])
    config = small_config(tmp_path / "reels", tmp_path / "run", model={"name": "window_pca"})
    with caplog.at_level(logging.WARNING, "reelwatch"):
        run = fit(config)
    assert len(set_apart_in(run))
    told = [message for message in caplog.messages if "of quiet data support" in message]
    assert [message.partition(":")[0] for message in told] == ["9 variables"]


def test_a_method_for_pictures_that_sheds_is_fitted_without_the_flare_and_knows_its_copies(tmp_path, monkeypatch):
    """As `flow`: what ran through the clips once is usual to whoever was fitted on it."""
    assert METHODS["flow"].sheds
    judged = []

    def spied(made, levels, starts_at, cadence_s, reach, copies):
        judged.append(copies)
        return counted(made, levels, starts_at, cadence_s, reach, copies)

    monkeypatch.setattr(METHODS["robust_z"], "sheds", True)
    monkeypatch.setattr(quiet_frames, "counted", spied)
    run = fit(flared_config(tmp_path))
    (apart,) = set_apart_in(run).itertuples()
    assert apart.frame_start <= FLARE[0] <= FLARE[-1] <= apart.frame_end
    kept = {r.offset + i for r in quiet_ranges(run) for i in range(r.begin, r.end)}
    assert not kept & {*range(apart.frame_start, apart.frame_end + 1)}
    first, again = judged
    assert len(np.unique(first)) == 5  # parts, each of which is judged by a copy that was fitted on the others
    assert (np.diff(first) >= 0).all()
    assert len(again) == len(kept) >= 0.9 * len(first)
