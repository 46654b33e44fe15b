"""Tables that a logger split into files: one series, as the whole table would be."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import config
from data.prepare_data import prep
from data.reel.reel import Reel
from data.series.joining import counted_name, joined
from data.series.scaling import examine
from data.sources.base import Series

STEP_S, LENGTH = 60, 8
START = np.datetime64("2026-01-01T00:00:00", "s")


def later(seconds):
    """START and so many seconds, of one or more (n,)."""
    return START + np.asarray(seconds).astype("timedelta64[s]")


def table(n: int, start=START, step_s: int = STEP_S, names=("load", "heat")) -> pd.DataFrame:
    i = np.arange(n)
    columns = {name: np.round(np.sin(i / (5 + k)) + 0.01 * (i % 7), 4) for k, name in enumerate(names)}
    return pd.DataFrame({"time": (start + np.asarray(step_s * i).astype("timedelta64[s]")).astype(str)} | columns)


def prepared(folder: Path, files: dict[str, pd.DataFrame], **keys) -> dict[str, Reel]:
    for name, own in files.items():
        path = folder / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        own.to_csv(path, index=False)
    chosen = config.from_dict(
        {
            "workers": 0,
            "data_raw": str(folder / "raw"),
            "data_clips": str(folder / "reels"),
            "prep": {"clip_length": LENGTH, **keys},
        },
        "test",
    )
    return {path.name: Reel(path) for path in prep(chosen)}


def series(times: np.ndarray, values: np.ndarray, path: str) -> Series:
    n = len(times)
    parts = (np.full(n, np.nan), values, np.full(n, np.nan), np.arange(n), (), None, path, {})
    return Series(Path(path), Path(path).stem, ("a",), "unit", times, *parts)


@settings(max_examples=40)
@given(st.lists(st.integers(3, 40), min_size=1, max_size=8), st.booleans(), st.randoms(use_true_random=False))
def test_files_of_one_series_in_any_order_are_what_the_whole_file_is(lengths, shares_ends, random):
    n = sum(lengths)
    times, values = later(60 * np.arange(n)).astype("datetime64[ms]"), np.arange(n, dtype=float)[:, None]
    edges = np.cumsum([0, *lengths])
    files = [
        series(times[a : b + shares_ends], values[a : b + shares_ends], f"x_{k}.csv")
        for k, (a, b) in enumerate(pairwise(edges))
    ]
    random.shuffle(files)
    (whole,) = joined(files, Path(), 3.0)
    assert whole.times_utc is not None
    order, reasons = examine(whole, config.Config(data_clips="x").prep)
    kept = order[reasons[order] == ""]
    np.testing.assert_array_equal(whole.times_utc[kept], times)
    np.testing.assert_array_equal(whole.values[kept], values)


def test_months_of_a_plant_are_one_reel_with_the_samples_of_the_whole_table(tmp_path):
    whole = table(200)
    months = {f"2026/plant_{k:02}.csv": whole[50 * k : 50 * k + 50] for k in range(4)}
    made = prepared(tmp_path / "split", months)
    (one,) = prepared(tmp_path / "one", {"plant.csv": whole}).values()
    assert list(made) == ["plant"]
    reel = made["plant"]
    np.testing.assert_array_equal(reel.frames[:], one.frames[:])
    np.testing.assert_array_equal(reel.times_s, one.times_s)
    assert reel.stretches == one.stretches
    assert reel.meta["joined_files"] == [f"plant_{k:02}.csv" for k in range(4)]
    assert reel.candidates["source"].iloc[51] == "plant_01.csv, row 2"


def test_days_that_are_too_short_for_a_window_are_long_enough_together(tmp_path):
    whole = table(60)
    days = {f"{k}-jan.csv": whole[10 * k : 10 * k + 10] for k in range(6)}
    assert [len(reel) for reel in prepared(tmp_path, days).values()] == [60]


def test_what_is_too_short_together_is_told_as_a_file_is(tmp_path, caplog):
    files = {"a.csv": table(90)} | {f"d{k}.csv": table(4, later(86400 * k)) for k in range(3)}
    assert list(prepared(tmp_path, files)) == ["a"]
    assert caplog.text.count("4 rows are too few for a series") == 3


APART = {
    "their times are relative": {f"p_{k}.csv": table(50).assign(time=np.arange(50 * k, 50 * k + 50)) for k in range(2)},
    "a month is missing": {"p_1.csv": table(50), "p_3.csv": table(50, later(200 * STEP_S))},
    "they overlap": {"p_1.csv": table(50), "p_2.csv": table(50, later(20 * STEP_S))},
    "at the same time": {"p_1.csv": table(50), "p_2.csv": table(50)},
    "other names": {"train.csv": table(50), "test.csv": table(50, later(50 * STEP_S))},
    "other variables": {"p_1.csv": table(50), "p_2.csv": table(50, later(50 * STEP_S), names=("load", "cold"))},
    "another cadence": {"p_1.csv": table(50), "p_2.csv": table(50, later(50 * STEP_S), step_s=90)},
}


@pytest.mark.parametrize("why", APART)
def test_what_is_not_one_series_stays_apart(why, tmp_path):
    assert [len(reel) for reel in prepared(tmp_path, APART[why]).values()] == [50, 50]


def test_nobody_has_to_have_them_joined(tmp_path, caplog):
    files = {"p_1.csv": table(50), "p_2.csv": table(50, later(50 * STEP_S))}
    assert list(prepared(tmp_path / "asked", files, join_files=False)) == ["p_1", "p_2"]
    assert list(prepared(tmp_path / "as it is", files)) == ["p"]
    assert "2 files are one series, p_1.csv to p_2.csv; prep.join_files=false" in caplog.text


def test_a_night_between_two_days_parts_them_no_more_than_one_within_a_file(tmp_path):
    def days(first: int) -> pd.DataFrame:
        return pd.concat([table(30, later(86400 * day)) for day in (first, first + 1)])

    assert [len(reel) for reel in prepared(tmp_path, {"w1.csv": days(0), "w2.csv": days(2)}).values()] == [120]


def test_two_stretches_of_one_logger_are_called_by_their_files(tmp_path):
    starts = (0, 40, 500, 540)
    files = {f"log{k}.csv": table(40, later(STEP_S * start)) for k, start in enumerate(starts)}
    assert sorted(prepared(tmp_path, files)) == ["log0_to_log1", "log2_to_log3"]


def test_months_of_several_machines_are_a_reel_of_each(tmp_path):
    files = {
        f"pump{pump}_{month:02}.csv": table(40, later(40 * STEP_S * month), names=("load", "heat"))
        for month in range(3)
        for pump in (7, 8)
    }
    made = prepared(tmp_path, files)
    assert {name: reel.meta["joined_files"] for name, reel in made.items()} == {
        f"pump{pump}": [f"pump{pump}_{month:02}.csv" for month in range(3)] for pump in (7, 8)
    }


def test_what_one_file_says_of_itself_holds_for_all(tmp_path):
    first = replace(series(later(np.arange(3)), np.ones((3, 1)), "a1.csv"), resolution=(0.1,), told=("one",))
    second = replace(series(later(3 + np.arange(3)), np.ones((3, 1)), "a2.csv"), resolution=(0.2,), told=("two",))
    second = replace(second, facts={"fills": {"a": [-999.0]}}, lost=(("row 9", "cut"),))
    (one,) = joined([second, first], tmp_path, 3.0)
    assert one.resolution == (0.2,)
    assert one.told == ("one", "two")
    assert one.facts["fills"] == {"a": [-999.0]}
    assert one.lost == (("a2.csv, row 9", "cut"),)


def test_names_are_alike_but_for_numbers_and_months():
    root = Path("/data")
    alike = ["x/plant_2026-01.csv", "x/plant_2025-12.csv", "x/plant_1-3.csv"]
    assert len({counted_name(root / name, root) for name in alike}) == 1
    assert counted_name(root / "Jan.csv", root) == counted_name(root / "September.csv", root)
    assert counted_name(root / "train.csv", root) != counted_name(root / "test.csv", root)
    assert counted_name(root / "mayor.csv", root) != counted_name(root / "junior.csv", root)
