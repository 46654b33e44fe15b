"""A forgotten flare in the training data: told, listed, left out of the thresholds, and rejected by `review`."""

import logging

import numpy as np
import pandas as pd
import pytest

from data.reel.reel import Reel
from data.reel.windows import read_windows
from data.review_processed_data import not_quiet_frames, reject_not_quiet, review
from inference.calibration.not_quiet import TOLD, episodes, tell
from inference.calibration.quiet import QuietRange, quiet_ranges
from inference.fit import fit
from tests.support.reels import make_reel
from tests.support.trainings import small_config

FLARE, SIDE, T = range(150, 156), 24, 300


@pytest.fixture(scope="module")
def flared(tmp_path_factory):
    """Noise, and a spot for some frames: (reels, run, what was told)."""
    folder = tmp_path_factory.mktemp("flared")
    frames = np.random.default_rng(0).normal(0.3, 0.02, (T, 1, SIDE, SIDE)).astype(np.float32)
    frames[FLARE, :, 8:14, 10:16] += 0.5
    make_reel(folder / "reels" / "sun", frames, 60.0)
    config = small_config(folder / "reels", folder / "run", model={"name": "robust_z"})
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
    assert str(path) in line


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
    for r in quiet_ranges(run):
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
