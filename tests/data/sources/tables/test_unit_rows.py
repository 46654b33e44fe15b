"""Units in a row below the names of a table, or in a column, are those of its variables."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.table import TableSource
from data.sources.tables.text_table import TextTable
from data.sources.tables.values.unit_rows import with_units

N = 40
TIMES = pd.date_range("2024-03-01", periods=N, freq="min").strftime("%Y-%m-%dT%H:%M:%S").tolist()
VALUES = 20 + np.arange(N) / 8  # exact in text


def series_of(tmp_path, lines):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return TableSource().read_series(path, PrepConfig())[0]


@pytest.mark.parametrize(
    ("head", "units", "lost"),
    [
        (["time,temp,mem", "UTC,degC,MiB"], ("degC", "MiB"), 1),
        (["time,temp,mem", ",°C,"], ("°C", ""), 1),
        (["time,temp,mem", "TS,Deg C,meters", ",Avg,Smp"], ("Deg C", "meters"), 2),
        (["time,temp,mem", "UTC,m/s,l/min"], ("m/s", "l/min"), 1),
        (["time,temp,mem", "UTC,rpm,bar"], ("rpm", "bar"), 1),
        (["time,temp,mem"], (), 0),
    ],
)
def test_a_row_of_units_is_no_sample(tmp_path, head, units, lost):
    found = series_of(tmp_path, [*head, *(f"{t},{v},{i}" for i, (t, v) in enumerate(zip(TIMES, VALUES, strict=True)))])
    assert (found.channels, found.units, len(found.lost)) == (("temp", "mem"), units, lost)
    assert found.values.tolist() == [[v, i] for i, v in enumerate(VALUES)]
    assert found.times_utc is not None
    assert str(found.times_utc[1]) == "2024-03-01T00:01:00.000"


@pytest.mark.parametrize("form", ["'{m}:{s:02d}.{ms:03d}'", "{t:.3f}"])
def test_names_and_units_in_single_quotes(tmp_path, form):
    """As PhysioNet's rdsamp writes them."""
    head = ["'Elapsed time','ECG'", f"'{'seconds' if '{t' in form else 'hh:mm:ss.mmm'}','mV'"]
    rows = [form.format(m=i // 60, s=i % 60, ms=0, t=float(i)) + f",{v}" for i, v in enumerate(np.repeat(VALUES, 2))]
    found = series_of(tmp_path, [*head, *rows])
    assert (found.channels, found.units, len(found.values)) == (("ECG",), ("mV",), 2 * N)
    assert np.allclose(found.times_s, np.arange(2 * N))


@pytest.mark.parametrize(("unit", "factor"), [("ms", 1e-3), ("s", 1.0), ("min", 60.0), ("h", 3600.0)])
def test_the_unit_below_a_relative_time_counts(tmp_path, unit, factor):
    found = series_of(tmp_path, ["time,v", f"{unit},V", *(f"{100 * i},{v}" for i, v in enumerate(VALUES))])
    assert np.allclose(found.times_s, np.arange(N) * 100 * factor, rtol=1e-12)
    assert found.units == ("V",)


SPELLED = {"s": ("s", "second", "Seconds"), "ms": ("ms", "milliseconds"), "us": ("us", "µs", "Microseconds")}
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([(unit, word) for unit, words in SPELLED.items() for word in words]),
    st.sampled_from(["{}", "({})", "[{}]"]),
    st.sampled_from(["Time", "x-axis", "X"]),
    st.sampled_from(["", "\n"]),
)
def test_the_unit_of_an_axis_of_an_oscilloscope_counts_however_it_is_written(tmp_path, unit, form, name, blank):
    head = [f"{name},Channel A", f"{form.format(unit[1])},{form.format('V')}{blank}"]
    found = series_of(tmp_path, [*head, *(f"{i - 8},{v}" for i, v in enumerate(VALUES))])
    assert found.times_s is not None
    assert np.allclose(found.times_s, (np.arange(N) - 8) * SECONDS[unit[0]], rtol=1e-12)
    assert (found.channels, found.units, len(found.values)) == (("Channel A",), ("V",), N)


def test_words_that_are_no_units_are_rejected_rows_as_before(tmp_path):
    found = series_of(tmp_path, ["time,v", "begin,here", *(f"{t},{v}" for t, v in zip(TIMES, VALUES, strict=True))])
    assert (found.units, len(found.values)) == ((), N + 1)


FAMILIES = [["°C", "°F", "K"], ["MiB", "GB", "B"], ["ms", "s", "min"], ["kW", "W"]]


@settings(max_examples=20)
@given(st.sampled_from(FAMILIES).flatmap(lambda some: st.lists(st.sampled_from(some), min_size=2, max_size=30)))
def test_values_of_unlike_units_are_those_in_the_first(units):
    """A measurement means the same in whatever unit its row has it; also of a part that begins alike."""
    factors = {"°C": (1, 273.15), "°F": (5 / 9, 459.67 * 5 / 9), "K": (1, 0), "MiB": (2**20, 0), "GB": (1e9, 0)}
    factors |= {"B": (1, 0), "ms": (1e-3, 0), "s": (1, 0), "min": (60, 0), "kW": (1e3, 0), "W": (1, 0)}
    numbers = 20.0 + np.arange(len(units))
    base = [factors[u][0] * n + factors[u][1] for u, n in zip(units, numbers, strict=True)]
    a, b = factors[units[0]]
    table = pd.DataFrame({"time": range(len(units)), "value": numbers, "unit": units})
    for count in (len(units), len(units) // 2):
        found = with_units(TextTable(table.head(count)), PrepConfig())
        # Two conversions of numbers as large as the larger offset, in float64.
        assert np.allclose(found.table["value"], (np.array(base[:count]) - b) / a, rtol=1e-12, atol=1e-12 * 300 / a)
        assert found.units == ({"value": units[0]} if count else {})


def test_sensors_have_their_units_and_those_of_unlike_kinds_are_apart(tmp_path):
    rows = [f"{t},{s},{v},{u}" for t, v in zip(TIMES, VALUES, strict=True) for s, u in (("a", "°C"), ("b", "MiB"))]
    rows[2 * (N // 2)] = f"{TIMES[N // 2]},a,50,°F"
    rows[-1] = f"{TIMES[-1]},b,7,V"
    found = series_of(tmp_path, ["time,sensor,value,unit", *rows])
    assert (found.channels, found.units) == (("a", "b", "b in V"), ("°C", "MiB", "V"))
    assert found.values[N // 2, 0] == pytest.approx(10)
    assert np.isnan(found.values[-1, 1])
    assert found.values[-1, 2] == 7
    assert "a: 1 values in °F, converted to °C" in found.told


def test_a_column_unit_that_names_machines_stays_what_it_is(tmp_path):
    rows = [f"{t},{unit},{v}" for t, v in zip(TIMES, VALUES, strict=True) for unit in ("north", "south")]
    found = series_of(tmp_path, ["time,unit,value", *rows])
    assert (found.channels, found.units) == (("north", "south"), ())


def test_records_with_units(tmp_path):
    path = tmp_path / "t.jsonl"
    rows = [{"time": t, "value": v, "unit": "kW"} for t, v in zip(TIMES, VALUES, strict=True)]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert TableSource().read_series(path, PrepConfig())[0].units == ("kW",)
