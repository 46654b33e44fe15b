"""Runs in one table, whose count or clock begins anew with each, are a series each; hours of days are none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.table import TableSource
from data.sources.tables.forms.runs import PARTS_OF_TIME


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


def read(folder, table: pd.DataFrame, header: bool = True):
    table.to_csv(folder / "t.csv", index=False, header=header)
    return TableSource().read_series(folder / "t.csv", PrepConfig())


def runs_of(lengths: list[int], first: int, step: float = 1) -> pd.DataFrame:
    parts = [pd.DataFrame({"key": k, "n": first + step * np.arange(length)}) for k, length in enumerate(lengths, 1)]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(a=641.5 + np.sin(np.arange(len(table))), b=table["key"] + 0.25)


def told_apart(found, table: pd.DataFrame) -> None:
    assert [series.part for series in found] == [str(key) for key in table["key"].unique()]
    for series, (_, rows) in zip(found, table.groupby("key", sort=False), strict=True):
        np.testing.assert_allclose(series.values, rows[["a", "b"]])


NAMED = [("unit", "cycle"), ("engineId", "n"), ("simulationRun", "sample"), ("x", "cycles"), ("run", "i")]


@settings(max_examples=30)
@given(st.sampled_from([*NAMED, None]), st.lists(st.integers(8, 40), min_size=2, max_size=5), st.booleans(), st.data())
def test_runs_that_are_counted_are_a_series_each(folder, names, lengths, equal, data):
    """C-MAPSS' engines, the Tennessee Eastman process: also where all runs are equally long."""
    lengths = [lengths[0]] * len(lengths) if equal else lengths
    table = runs_of(lengths, data.draw(st.sampled_from([0, 1])))
    if names is None:
        lengths = [61] * len(lengths) if len(set(lengths)) == 1 and lengths[0] in PARTS_OF_TIME else lengths
        table = runs_of(lengths, 1)
    named = table if names is None else table.rename(columns=dict(zip(("key", "n"), names, strict=True)))
    told_apart(read(folder, named, names is not None), table)


@settings(max_examples=30)
@given(
    st.lists(st.integers(8, 30), min_size=2, max_size=5),
    st.sampled_from(["trial", "unit_number", "exp"]),
    st.booleans(),
)
def test_runs_whose_clock_begins_anew_are_a_series_each(folder, lengths, name, equal):
    """Neither one series with jumps, nor side by side as if they had happened together."""
    table = runs_of([lengths[0]] * len(lengths) if equal else lengths, 0, 0.5)
    found = read(folder, table.rename(columns={"key": name, "n": "time_s"}))
    told_apart(found, table)
    assert all(series.times_s[1] - series.times_s[0] == 0.5 for series in found)


def test_runs_of_two_keys(folder):
    parts = [
        pd.DataFrame({"faultNumber": f, "simulationRun": r, "sample": np.arange(1, 41)}) for f in (0, 1) for r in (1, 2)
    ]
    table = pd.concat(parts, ignore_index=True).assign(xmeas=np.arange(160) / 7)
    found = read(folder, table)
    assert [series.part for series in found] == ["0_1", "0_2", "1_1", "1_2"]
    assert [series.values[0, 0] for series in found] == pytest.approx([0, 40 / 7, 80 / 7, 120 / 7])


@pytest.mark.parametrize(
    ("key", "count", "length"), [("day", "hour", 24), ("column_0", "column_1", 24), ("date", "i", 37), ("week", "n", 7)]
)
def test_parts_of_days_are_one_series(folder, key, count, length):
    table = runs_of([length] * 5, 0).rename(columns={"key": key, "n": count})
    (series,) = read(folder, table, not key.startswith("column"))
    assert len(series.values) == 5 * length


def test_a_logger_that_was_started_again_is_one_series(folder):
    table = runs_of([20, 20, 20], 0, 0.5).rename(columns={"key": "boot", "n": "time_s"})
    (series,) = read(folder, table)
    assert len(series.values) == 60
