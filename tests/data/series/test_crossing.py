"""Series whose gaps leave no room for windows: which steps these go across, in prep and in all that follows."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from data.prepare_data import prep
from data.reel.gaps import crossed
from data.reel.reel import Reel
from data.reel.scaled import going_across
from data.reel.windows import ranges_of, read_windows, stretches
from data.series.crossing import ENOUGH, SLACK, windows_cross
from inference.evaluate import evaluate
from inference.fit import fit
from inference.runner.run import Runner
from tests.support.bundles import exported
from tests.support.live_series import QUIET, WATCHED, sensors, settings
from tests.support.streams import followed

DAY, NIGHT_S = 10, 3000.0  # samples of a minute, and the time between two such days
MODEL = "window_pca"


def held(times_s: np.ndarray, cadences: float, length: int) -> float:
    return sum(b - a for a, b in stretches(times_s, 1.0, cadences) if b - a >= length) / len(times_s)


@hypothesis_settings(max_examples=200)
@given(st.lists(st.sampled_from([1, 1, 1, 2, 4, 5, 9, 30, 1000]), min_size=1, max_size=60), st.integers(1, 20))
def test_windows_cross_the_shortest_steps_by_which_most_samples_lie_in_some(steps, length):
    times_s = np.concatenate([[0.0], np.cumsum(steps)])
    across = windows_cross(times_s, 1.0, 3.0, length)
    if len(times_s) < length or held(times_s, 3.0, length) >= ENOUGH:
        assert across == 3.0
        return
    needed = min(step for step in steps if held(times_s, step, length) >= ENOUGH)
    assert across == pytest.approx(SLACK * needed, rel=1e-5)
    assert held(times_s, across, length) >= ENOUGH


@given(st.integers(2, 40), st.floats(1e-3, 1e5), st.floats(5, 1e4), st.integers(2, 30))
def test_it_is_told_alike_in_any_cadence(day, cadence_s, night, length):
    steps = np.where(np.arange(1, 20 * day) % day, 1.0, night) * cadence_s
    times_s = np.concatenate([[0.0], np.cumsum(steps)])
    across = windows_cross(times_s, cadence_s, 3.0, length)
    assert across == (3.0 if length <= day or length > 20 * day else pytest.approx(SLACK * night, rel=1e-4))


def with_nights(table: pd.DataFrame) -> pd.DataFrame:
    """The table as of a logger that sleeps after every ten samples."""
    later = pd.to_timedelta(np.arange(len(table)) // DAY * NIGHT_S, unit="s")
    return table.assign(time=(pd.to_datetime(table["time"]) + later).dt.strftime("%Y-%m-%dT%H:%M:%S"))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a run that was trained on days of ten samples by windows of sixteen, and a table of such days with
    three faults."""
    folder = tmp_path_factory.mktemp("nights")
    with_nights(sensors(QUIET)).to_csv(folder / "quiet.csv", index=False)
    table = sensors(WATCHED, QUIET)
    for name, at, by in (("temperature", [120], 30), ("vibration", range(260, 290), 3), ("c, mixed", [395], -9)):
        table[name] += by * np.isin(np.arange(WATCHED), at)
    with_nights(table).to_csv(folder / "watched.csv", index=False)
    prep(settings(folder, MODEL))
    fit(settings(folder, MODEL))
    return folder


def test_events_of_days_that_are_shorter_than_windows_are_found_and_followed_alike(work):
    chosen = settings(work, MODEL)
    quiet = Reel(next((work / "reels").glob("*/reel.json")).parent)
    assert crossed(quiet.meta) == pytest.approx(SLACK * (NIGHT_S + 60) / 60)
    assert len(quiet.gaps) == QUIET // DAY - 1  # all else sees them
    (made,) = prep(replace(chosen, data_raw=str(work / "watched.csv"), data_clips=str(work / "offline")))
    (out,) = evaluate(replace(chosen, data_clips=str(made)))
    summary, events = (json.loads((out / f"{name}.json").read_text()) for name in ("summary", "events"))
    assert summary["frames_scored"] == WATCHED
    found = pd.read_csv(out / "events.csv")
    assert all(((found["frame_start"] <= i + 4) & (found["frame_end"] >= i - 4)).any() for i in (120, 260, 395))
    folder = followed(settings(work, MODEL, eval__follow=str(work / "watched.csv")))
    told = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    closed = [[line["t_start"], line["t_end"]] for line in told if line["type"] == "closed"]
    assert closed == [[event["t_start"], event["t_end"]] for event in events["events"]]
    assert len(closed) <= 5  # nights part none of them


def test_prep_with_shorter_windows_leaves_the_gaps_to_part_them_again(work, caplog):
    """The reel stays, and the steps that windows cross go with their length."""
    path = next((work / "reels").glob("*/reel.json")).parent
    short = settings(work, MODEL, prep__clip_length=8)
    prep(short)
    assert "windows_cross" not in Reel(path).meta
    assert ranges_of(Reel(path)) == [(i, i + DAY) for i in range(0, QUIET, DAY)]
    assert (read_windows(Reel(path))["start"] % DAY <= DAY - 8).all()
    prep(settings(work, MODEL))
    assert ranges_of(Reel(path)) == [(0, QUIET)]
    assert "a prep.clip_length of 10 or less would stay between gaps" in caplog.text


def test_a_model_that_crosses_gaps_does_so_in_tables_without_a_rhythm_of_their_own(work):
    """Forty minutes without a gap, an hour without anything, and forty more."""
    table = sensors(80, QUIET)
    later = pd.to_timedelta(np.arange(80) // 40, unit="h")
    table["time"] = (pd.to_datetime(table["time"]) + later).dt.strftime("%Y-%m-%dT%H:%M:%S")
    table.to_csv(work / "twice.csv", index=False)
    (made,) = prep(replace(settings(work, MODEL), data_raw=str(work / "twice.csv"), data_clips=str(work / "twice")))
    assert len(ranges_of(Reel(made))) == 2
    facts = {"windows_cross": crossed(Reel(next((work / "reels").glob("*/reel.json")).parent).meta)}
    assert ranges_of(going_across(Reel(made), facts)) == [(0, 80)]
    assert going_across(Reel(made), {}).meta == Reel(made).meta


def test_a_bundle_goes_across_what_its_run_did(work):
    """The last eight samples, behind an hour without anything, are too few for a window of their own."""
    table = sensors(88, QUIET)
    table["temperature"] += 30 * (np.arange(88) == 84)
    later = pd.to_timedelta(np.arange(88) // 80, unit="h")
    table["time"] = (pd.to_datetime(table["time"]) + later).dt.strftime("%Y-%m-%dT%H:%M:%S")
    table.to_csv(work / "late.csv", index=False)
    (made,) = prep(replace(settings(work, MODEL), data_raw=str(work / "late.csv"), data_clips=str(work / "late")))
    assert ranges_of(Reel(made)) == [(0, 80), (80, 88)]
    bundle = exported(work / MODEL, work / f"{MODEL}.yaml")
    told = [(r["t_start"], r["t_end"]) for r in Runner(bundle).of_reel(Reel(made))]
    (out,) = evaluate(replace(settings(work, MODEL), data_clips=str(made)))
    events = json.loads((out / "events.json").read_text())["events"]
    assert told == [(event["t_start"], event["t_end"]) for event in events]
    spike = table["time"][84]
    assert any(start[:19] <= spike <= end[:19] for start, end in told)
