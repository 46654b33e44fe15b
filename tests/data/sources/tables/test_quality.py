"""What a table tells of the quality of its values: bad ones are missing, and the words and codes are no variables."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.live.series.row_form import RowForm
from data.sources.table import TableSource
from data.sources.tables.values.quality import masked

N = 24
TIMES = pd.date_range("2024-03-01", periods=N, freq="min").strftime("%Y-%m-%dT%H:%M:%S").tolist()
VALUES = 20 + np.arange(N) / 8  # exact in text
PREP = PrepConfig()
PAIRS = [("TI1", "TI1_quality"), ("TI1.Value", "TI1.Quality"), ("TI1_VALUE", "TI1_QUALITY"), ("T [C]", "T Quality")]
PAIRS += [("value", "Quality"), ("xrsb_flux", "xrsb_QUAL_FLAG"), ("temp", "qc_temp"), ("FlowIn", "FlowInStatus")]
WORDS = ("Good", ("Bad", "Bad_NoCommunication", "BadSensorFailure", "bad [no link]")), ("good", ("invalid", "BAD"))
CODES = (192, (0, 4, 8, 24, 25)), (216, (0, 28))


def series_of(tmp_path, lines):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return TableSource().read_series(path, PREP)[0]


@settings(max_examples=60)
@given(
    st.sampled_from(PAIRS),
    st.sampled_from([*WORDS, *CODES]).flatmap(
        lambda kind: st.lists(st.sampled_from([kind[0], *kind[1]]), min_size=N, max_size=N).map(
            lambda cells: (kind[0], [kind[0], 192 if isinstance(kind[0], int) else "Good", *cells[2:]])
        )
    ),
)
def test_a_value_that_is_called_bad_is_missing(pair, told):
    value, quality = pair
    good, cells = told
    if isinstance(good, int) and "qual" not in quality.lower():
        return  # numbers are codes only where their name says quality
    table = pd.DataFrame({"time": TIMES, value: VALUES, quality: cells})
    found, remarks = masked(table, PREP)
    bad = [cell not in (good, 192, "Good") for cell in cells]
    assert list(found.columns) == ["time", value]
    assert np.array_equal(found[value].isna(), bad)
    assert np.array_equal(found[value][~np.array(bad)], VALUES[~np.array(bad)])
    assert remarks[0].startswith(f"{quality} is the quality of {value}")


@pytest.mark.parametrize(
    ("value", "other", "cells"),
    [
        ("acid", "quality", [3 + i % 6 for i in range(N)]),  # of wine
        ("air_temp", "air_quality", [180 + i for i in range(N)]),
        ("pump_flow", "pump_status", [i % 2 for i in range(N)]),
        ("T", "status", ["ok", "error"] * (N // 2)),
        ("signal_level", "signal_quality", [7 * i % 100 for i in range(N)]),
        ("T", "state", ["Good", "Bad"] * (N // 2)),
    ],
)
def test_what_only_sounds_so_is_left_as_it_is(value, other, cells):
    table = pd.DataFrame({"time": TIMES, value: VALUES, other: cells})
    found, remarks = masked(table, PREP)
    assert found is not None
    assert found.equals(table)
    assert remarks == ()


def test_flags_beside_values_are_no_variables_and_said(tmp_path):
    rows = [f"{t},{v},{16 if i == 5 else 0}" for i, (t, v) in enumerate(zip(TIMES, VALUES, strict=True))]
    found = series_of(tmp_path, ["time,xrsb_flux,xrsb_flag", *rows])
    assert found.channels == ("xrsb_flux",)
    assert np.array_equal(found.values[:, 0], VALUES)
    assert "not 0 in 1 row" in found.told[0]


def test_bad_rows_of_a_long_table_are_gaps_of_their_sensor(tmp_path):
    rows = [
        f"{t},{tag},{v},{'Bad' if tag == 'a' and i == 5 else 'Good'}"
        for i, (t, v) in enumerate(zip(TIMES, VALUES, strict=True))
        for tag in "ab"
    ]
    found = series_of(tmp_path, ["timestamp,tag,value,quality", *rows])
    assert found.channels == ("a", "b")
    assert np.argwhere(np.isnan(found.values)).tolist() == [[5, 0]]


def test_rows_that_are_followed_have_the_same_gaps():
    table = pd.DataFrame({"time": TIMES, "a": VALUES, "a_quality": ["Good"] * N})
    table.loc[N - 2, "a_quality"] = "Bad"
    form = RowForm(("a",), True, {}, PREP, {})
    rows = form.rows(table, [str(i) for i in range(N)], N)
    assert np.flatnonzero(np.isnan(rows.values[:, 0])).tolist() == [N - 2]


def test_one_quality_behind_each_of_several_values(tmp_path):
    words = ["Bad" if i == 3 else "Good" for i in range(N)]
    rows = [f"{t};{v};Good;{v};{word}" for t, v, word in zip(TIMES, VALUES, words, strict=True)]
    found = series_of(tmp_path, ["time;Value;Quality;Value;Quality", *rows])
    assert np.argwhere(np.isnan(found.values)).tolist() == [[3, 1]]


@pytest.mark.parametrize("form", ["0x{:08X}", "{}"])
def test_status_codes_of_opc_ua_tell_what_is_bad(tmp_path, form):
    """The code was a variable, and a bad value's 0 a value."""
    codes = [0x80000000 if i % 9 == 4 else 0x40920000 if i == 2 else 0 for i in range(40)]
    rows = "".join(f"2024-03-05 10:00:{i:02d},{20 + i % 3},{form.format(code)}\n" for i, code in enumerate(codes))
    (tmp_path / "a.csv").write_text(f"time,Value,StatusCode\n{rows}")
    (series,) = TableSource().read_series(tmp_path / "a.csv", PrepConfig())
    assert series.channels == ("Value",)
    np.testing.assert_array_equal(np.isnan(series.values[:, 0]), np.array(codes) == 0x80000000)
