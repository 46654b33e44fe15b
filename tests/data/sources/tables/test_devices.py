"""Rows of several devices in one table never become samples of one series; those of one device always do."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.table import TableSource

NAMES = ("device", "station_id", "host", "Kraftwerk")
START = 1709294400


def rows_of(device: int, count: int, offset_s: float) -> pd.DataFrame:
    i = np.arange(count)
    times = START + 60.0 * i + offset_s
    return pd.DataFrame({"ts": times, "temp": 100.0 * device + np.sin(i / 5), "flow": 7.5 * i + device})


def read(folder, table, prep=None):
    table.to_csv(folder / "t.csv", index=False)
    return TableSource().read_series(folder / "t.csv", prep or PrepConfig())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("devices")


@settings(max_examples=40)
@given(
    st.sampled_from(NAMES[:3]),
    st.integers(2, 5),
    st.integers(20, 40),
    st.randoms(),
    st.sampled_from(["time", "device", "none"]),
)
def test_devices_whose_times_differ_are_a_series_each(folder, name, devices, count, random, order):
    parts = {f"d{k}": rows_of(k, count, 7.0 * k) for k in range(devices)}
    table = pd.concat([part.assign(**{name: own}) for own, part in parts.items()], ignore_index=True)
    if order == "time":
        table = table.sort_values("ts")
    if order == "none":
        table = table.sample(frac=1, random_state=random.randrange(2**31))
    found = {series.part: series for series in read(folder, table)}
    assert found.keys() == parts.keys()
    for own, part in parts.items():
        ordered = np.argsort(np.asarray(found[own].times_utc))
        np.testing.assert_allclose(found[own].values[ordered], part[["temp", "flow"]])


@settings(max_examples=40)
@given(st.sampled_from(NAMES), st.integers(2, 5), st.integers(20, 40), st.booleans(), st.booleans())
def test_devices_of_the_same_times_stand_side_by_side(folder, name, devices, count, by_time, is_labelled):
    parts = {f"d{k}": rows_of(k, count, 0.0) for k in range(devices)}
    table = pd.concat([part.assign(**{name: own}) for own, part in parts.items()], ignore_index=True)
    table = table.sort_values("ts", kind="stable") if by_time else table
    if is_labelled:
        found = {series.part: series for series in read(folder, table.assign(label=(table["temp"] > 100).astype(int)))}
        assert found.keys() == parts.keys()
        assert all(found[own].labels.sum() == (part["temp"] > 100).sum() for own, part in parts.items())
        return
    (series,) = read(folder, table)
    assert series.channels == tuple(f"{own} {value}" for own in parts for value in ("temp", "flow"))
    np.testing.assert_allclose(series.values, np.hstack([part[["temp", "flow"]] for part in parts.values()]))


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("host", ["a"] * 60 + ["b"] * 60),  # one that took the place of another
        ("mode", ["auto", "manual"] * 60),
        ("signal", [i % 5 for i in range(120)]),
        ("room", [i % 2 for i in range(120)]),
        ("station", ["only"] * 120),
        ("device", [f"d{i}" for i in range(120)]),
    ],
)
def test_what_is_of_one_device_stays_one_series(folder, name, cells):
    (series,) = read(folder, rows_of(0, 120, 0.0).assign(**{name: cells}))
    assert len(series.values) == 120
    assert series.channels[:2] == ("temp", "flow")


def test_chosen_variables_are_not_mixed_either(folder):
    table = pd.concat([rows_of(k, 30, 0.0).assign(device=f"d{k}") for k in range(2)])
    found = read(folder, table, PrepConfig(value_columns=("temp",)))
    assert [(series.part, series.channels, len(series.values)) for series in found] == [
        ("d0", ("temp",), 30), ("d1", ("temp",), 30)
    ]  # fmt: skip
