"""Cells as numbers and labels; numbers that stand for missing ones; long tables."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.sources.base import TableError
from data.sources.tables.forms.long_table import wide
from data.sources.tables.values.cells import decimal_of, labels_of, numbers_of
from data.sources.tables.values.missing import doubtful, ends_in_total, given_as_missing, without_fills


@pytest.mark.parametrize(
    ("cells", "expected", "remark"),
    [
        (["2,950.1", "1,000", "7"], [2950.1, 1000, 7], ""),
        (["2.950,1", "1.000,0", "7"], [2950.1, 1000, 7], ""),
        (["1 234,5", "2\u202f000,0", "3\u00a0000"], [1234.5, 2000, 3000], ""),
        (["1'234.5", "2’000"], [1234.5, 2000], ""),
        (["1,234,567", "2"], [1234567, 2], ""),
        (["12.5%", "3 %"], [12.5, 3], "in %"),
        (["12.5 °C", "-3 °C"], [12.5, -3], "in °C"),
        (["1e3", "2.5E-2", "x"], [1000, 0.025, np.nan], ""),
        (["−1.5", "+2"], [-1.5, 2], ""),
        (["0,125", "1,500"], [0.125, 1.5], ""),
        (["124,3135", "1,2"], [124.3135, 1.2], ""),
        (["5 m", "5 s"], [np.nan, np.nan], ""),
        (["900 MiB", "1.5 GiB", "0", "512 KiB"], [900, 1536, 0, 0.5], "in MiB, also those in GiB, KiB"),
        (["512", "1.5KiB", "x"], [512, 1536, np.nan], "in B, also those in KiB"),
        (["950", "1.2k", "3.4M", ""], [950, 1200, 3.4e6, np.nan], "in ones, also those in M, k"),
        (["1.2K", "3.4M", "1.02B"], [1200, 3.4e6, 1.02e9], "in ones, also those in G, K, M"),
        (["1K", "512B"], [1, 0.512], "in KB, also those in B"),
        (["03", "0A", "FF", "10"], [3, 10, 255, 16], "hexadecimal, as letters among their digits tell"),
        (["C0", "C1", "A7"], [np.nan, np.nan, np.nan], ""),  # names
        (["300", "300 K"], [300, np.nan], ""),  # kelvin
        (["12 ms", "1.2 s", "3 min", "7"], [12, 1200, 180000, np.nan], "in ms, also those in min, s"),
        (["2,5 kW", "800 W", "0"], [2.5, 0.8, 0], "in kW, also those in W"),
        (["5", "7%", "8 %"], [5, 7, 8], "in %"),
        (["5 V", "5 W"], [np.nan, np.nan], ""),
        (
            ["<0.05", "0.2", "> 100"],
            [0.05, 0.2, 100],
            "2 cells at a limit of what is measured, as '<0.05', and taken as that",
        ),
        (["12.3*", "4", "5 †"], [12.3, 4, 5], "2 cells with a mark, as '12.3*'"),
        (["0x1F", "0xff", None], [31, 255, np.nan], "hexadecimal"),
        (["(12.5)", "$1,200.50", "-€3", "(x)"], [-12.5, 1200.5, -3, np.nan], ""),
        (["on", "OFF", " on ", None], [1, 0, 1, np.nan], "on as 1, off as 0"),
        (["on", "standby"], [np.nan, np.nan], ""),
        (["1.0D+03", "2.5d-01", "7"], [1000, 0.25, 7], ""),
        (["\u0661\u0662\u066b\u0665", "-\u0663", "7"], [12.5, -3, 7], ""),  # Arabic-Indic
        (["\uff11\uff12.5", "\u0967"], [12.5, 1], ""),  # full-width, Devanagari
    ],
)
def test_numbers_as_people_write_them(cells, expected, remark):
    values, told, _ = numbers_of(pd.Series(cells, dtype=object))
    np.testing.assert_allclose(values, expected)
    assert told == remark


UNITS = {"B": 1.0, "kB": 1e3, "MB": 1e6, "KiB": 1024.0, "MiB": 1024.0**2, "GiB": 1024.0**3}


@given(st.lists(st.tuples(st.floats(0.5, 1e6), st.sampled_from(sorted(UNITS))), min_size=2, max_size=20))
def test_numbers_of_unlike_units_are_those_in_the_first(cells):
    """A column means the same in whatever units its cells are; of a part that begins alike too, as tables grow."""
    texts = [f"{value!r} {unit}" for value, unit in cells]
    expected = np.array([value * UNITS[unit] / UNITS[cells[0][1]] for value, unit in cells])
    whole, _, unit = numbers_of(pd.Series(texts, dtype=object))
    part = numbers_of(pd.Series(texts[: len(texts) // 2 + 1], dtype=object)).values
    np.testing.assert_allclose(whole, expected, rtol=4 * np.finfo(float).eps)
    np.testing.assert_array_equal(whole[: len(part)], part)
    assert unit == cells[0][1]


@given(st.lists(st.lists(st.integers(1, 10**6), min_size=2, max_size=2), min_size=11, max_size=40))
def test_a_last_row_of_sums_is_told_from_data(rows):
    values = np.array(rows) / 100
    assert ends_in_total(np.vstack([values, values.sum(axis=0).round(2)]))
    assert not ends_in_total(np.vstack([values, values.sum(axis=0) * [1, 1.01]]))
    assert not ends_in_total(np.vstack([values, values[-1]]))


def test_the_last_of_a_few_pulses_is_no_sum():
    pulses = np.zeros((40, 1))
    pulses[[3, -1]] = 1
    assert not ends_in_total(pulses)


def test_durations_are_seconds():
    values, told, _ = numbers_of(pd.Series(pd.to_timedelta([1.5, None, 60], unit="s")))
    np.testing.assert_array_equal(values, [1.5, np.nan, 60])
    assert told == "durations in s"


def test_what_may_be_thousands_or_decimals_is_asked_for():
    cells = pd.Series(["1,234", "2,345"], name="load", dtype=object)
    with pytest.raises(TableError, match=r"'load' holds cells as '1,234'.*prep\.decimal says which"):
        numbers_of(cells)
    assert numbers_of(cells, ".")[0].tolist() == [1234, 2345]
    assert numbers_of(cells, ",")[0].tolist() == [1.234, 2.345]


values = st.floats(-1e9, 1e9).map(lambda v: round(v, 2))


@given(st.lists(values, min_size=1, max_size=8), st.sampled_from(["{:,.2f}", "swapped", "{:_.2f}"]))
def test_any_number_with_groups_is_read_back(numbers, form):
    texts = [f"{v:,.2f}".translate(str.maketrans(",.", ".,")) if form == "swapped" else form.format(v) for v in numbers]
    texts = [text.replace("_", " ") for text in texts]
    np.testing.assert_array_equal(numbers_of(pd.Series(texts, dtype=object))[0], numbers)


@pytest.mark.parametrize(
    ("cells", "normal", "expected"),
    [
        (["Normal", "Attack", "A ttack", "normal "], (), [0, 1, 1, 0]),
        (["benign", "DoS", None, "benign"], (), [0, 1, np.nan, 0]),
        (["", "anomaly", None, ""], (), [0, 1, 0, 0]),
        ([True, False, True, False], (), [1, 0, 1, 0]),
        (["True", "False", "True", "no"], (), [1, 0, 1, 0]),
        ([0, 3, 1, 0], (), [0, 1, 1, 0]),
        ([1, -1, 1, 1], (1,), [0, 1, 0, 0]),
        (["H", "A", "H", "H"], ("H",), [0, 1, 0, 0]),
    ],
)
def test_labels(cells, normal, expected):
    np.testing.assert_array_equal(labels_of(pd.Series(cells), normal)[0], expected)


@pytest.mark.parametrize("cells", [["walking", "sitting"], [1, -1], [0.25, 0.5]])
def test_what_does_not_say_what_is_normal_is_no_label(cells):
    assert labels_of(pd.Series(cells))[0] is None


WAVE = 20 + np.sin(np.arange(200) / 7)


def with_repeats(value: float, count: int = 5) -> np.ndarray:
    return np.where(np.isin(np.arange(200), 30 + 20 * np.arange(count)), value, WAVE)


@pytest.mark.parametrize("fill", [-999, -999.25, -9999, 9999, 999.9, -99.99, -32768, 65535, 1e20, -1e31])
def test_usual_fill_values_far_off_are_missing_and_counted(fill):
    found, counts = without_fills(with_repeats(fill))
    assert counts == {fill: 5}
    np.testing.assert_array_equal(np.isnan(found), with_repeats(fill) == fill)


@settings(max_examples=40)
@given(
    st.sampled_from([-999.9, -9999.0, 9999.0, 999.99, 99999.9, -99999.0, 1e20, -1e31, 9.969209968386869e36]),
    st.integers(1, 2),
    st.floats(0.01, 30),
    st.floats(-60, 60),
)
def test_one_fill_value_that_nothing_measures_is_missing(fill, count, spread, level):
    values = level + spread * np.sin(np.arange(40))
    values[5 : 5 + count] = fill
    found, counts = without_fills(values)
    assert counts == {fill: count}
    assert np.flatnonzero(np.isnan(found)).tolist() == list(range(5, 5 + count))


@settings(max_examples=40)
@given(st.sampled_from([-999.0, 9999.0, 999.0, 32767.0, 12345.0]), st.integers(0, 2), st.floats(100, 1e4))
def test_a_value_that_others_come_near_is_kept(value, count, spread):
    values = spread * np.sin(np.arange(40))
    values[5 : 5 + count] = value
    assert without_fills(values)[1] == {}


@settings(max_examples=40)
@given(st.lists(st.integers(1000, 9_999_999), min_size=1, max_size=12))
def test_points_of_a_table_with_decimal_commas_group_thousands(numbers):
    """They had been decimals: 1.234 litres on a meter were 1.234."""
    cells = pd.Series([f"{n:,}".replace(",", ".") for n in numbers])
    found = numbers_of(cells, ",")
    assert found.values.tolist() == numbers
    assert "thousands" in found.told
    shown = pd.Series([*cells[cells.str.count(r"\.") == 1], "0.950"])
    assert np.array_equal(numbers_of(shown, ",").values, shown.astype(float))


WROTE_ONLY = [(-999, True), (-9999.9, True), (1e30, True), (9999, False), (0, False)]


@pytest.mark.parametrize(("value", "is_missing"), WROTE_ONLY)
def test_all_that_a_sensor_ever_wrote(value, is_missing):
    assert without_fills(np.full(30, float(value)))[1] == ({value: 30} if is_missing else {})


def test_two_fill_values_of_one_column():
    both = np.where(np.arange(200) % 50 == 1, 9999, with_repeats(-999))
    assert without_fills(both)[1] == {-999: 5, 9999: 4}


@pytest.mark.parametrize(
    "values",
    [
        with_repeats(-999, 1),  # a single one may be what is looked for
        np.where(np.arange(200) < 100, 9999.0, 9_900 + np.arange(200)),  # a level like any other
        np.tile([0.0, 999.0], 100),  # a switch
        with_repeats(-200),
        WAVE,
    ],
)
def test_other_values_are_kept(values):
    found, counts = without_fills(values)
    assert counts == {}
    np.testing.assert_array_equal(found, values)


def test_a_repeated_value_far_off_is_named():
    assert doubtful(with_repeats(-200)).startswith("-200 comes 5 times, far off all others (19")
    assert not doubtful(with_repeats(-200, 1))
    assert not doubtful(with_repeats(0))
    assert not doubtful(WAVE)


def test_missing_values_of_the_settings():
    found, counts = given_as_missing(with_repeats(-200), (-200.0, 7.0))
    assert counts == {-200: 5}
    assert np.isnan(found).sum() == 5


def test_a_long_table_becomes_wide_in_the_order_of_the_file():
    rows = [(t, s, 10 * t + i) for t in range(3) for i, s in enumerate(("speed", "load"))]
    table = pd.DataFrame([*rows, (1, "load", 99)], columns=["time", "Sensor", "Value"])
    found, remark, lost = wide(table, "time")
    assert list(found.columns) == ["time", "speed", "load"]
    assert found["load"].tolist() == [1, 11, 21]
    assert remark == "2 variables from the rows' Sensor"
    assert lost == [("row 7", "same time and Sensor as another row")]


def test_a_wide_table_stays_as_it_is():
    table = pd.DataFrame({"time": range(5), "value": range(5), "name": list("abcde")})
    assert wide(table, "time")[1] == ""
    assert wide(table[["time", "value"]], "time")[1] == ""


@given(st.integers(0, 999), st.text("0123456789", min_size=1, max_size=7), st.integers(-12, 12))
def test_a_power_shows_which_sign_is_the_decimal_one(whole, digits, power):
    """1,250E+03 has no groups of thousands; it was refused as if it could."""
    cell = f"{whole},{digits}E{power:+03d}"
    assert decimal_of([cell]) == ","
    assert numbers_of(pd.Series([cell, "n/a"]), ",").values[0] == float(cell.replace(",", "."))
