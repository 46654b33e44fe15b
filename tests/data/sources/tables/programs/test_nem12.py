"""Meter data of Australia's market, a line a day."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import TableError
from data.sources.table import TableSource


def day(date, values):
    return f"300,{date}," + ",".join(map(str, values)) + ",A,,,20240307000000,"


def meter(register, unit="KWH", minutes=30):
    return f"200,NEM1201009,E1B1,{register},{register},N1,METSER123,{unit},{minutes},"


def read(path, lines):
    path.write_text("\r\n".join(["100,NEM12,202403070000,MDP1,Retailer1", *lines, "900"]) + "\r\n")
    (series,) = TableSource().read_series(path, PrepConfig())
    return series


@given(st.sampled_from([5, 15, 30]), st.integers(1, 4), st.integers(0, 9))
@settings(max_examples=12, deadline=None)
def test_each_interval_is_a_row_and_each_register_a_variable(tmp_path_factory, minutes, days, seed):
    count = 1440 // minutes
    values = np.random.default_rng(seed).integers(0, 900, (2, days, count)) / 100
    lines = []
    for register, own in zip(("E1", "B1"), values, strict=True):
        lines += [meter(register, minutes=minutes), *(day(f"2024030{5 + d}", own[d]) for d in range(days))]
    series = read(tmp_path_factory.mktemp("nem") / "m.csv", [*lines, "400,1,2,A,,"])
    assert series.channels == ("NEM1201009 E1", "NEM1201009 B1")
    np.testing.assert_array_equal(series.values, values.reshape(2, -1).T)
    assert str(series.times_utc[0]) == "2024-03-04T14:00:00.000"
    assert (np.diff(series.times_utc) == np.timedelta64(minutes, "m")).all()


def test_days_of_another_length_are_refused(tmp_path):
    with pytest.raises(TableError, match=r"line 3 holds .* values of a day, where meters have 30 min"):
        read(tmp_path / "m.csv", [meter("E1"), day("20240305", [1] * 20)])
    with pytest.raises(TableError, match="holds no day"):
        read(tmp_path / "m.csv", [meter("E1")])
    with pytest.raises(TableError, match="a day '20240230', which is none"):
        read(tmp_path / "m.csv", [meter("E1"), day("20240230", [1] * 48)])


def test_of_a_day_that_comes_again_the_later_values_count(tmp_path):
    """Revised days follow those of before."""
    series = read(tmp_path / "m.csv", [meter("E1"), day("20240305", [1] * 48), day("20240305", [2] * 48)])
    assert series.values.ravel().tolist() == [2] * 48


def test_rows_of_numbers_that_begin_with_200_are_a_table(tmp_path):
    """A sensor called 200 and its UNIX times have the form of a meter's line."""
    rows = [f"200,{1710496800 + 60 * i},{20 + i / 4}" for i in range(12)]
    (tmp_path / "m.csv").write_text("\n".join(rows) + "\n")
    (series,) = TableSource().read_series(tmp_path / "m.csv", PrepConfig())
    assert series.values[:, -1].tolist() == [20 + i / 4 for i in range(12)]
