"""What was made of a table is held against its cells: silent faults are told, and sound tables are not doubted."""

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.table import TableSource
from data.sources.tables.second_look.opinion import second_opinion
from data.sources.tables.second_look.raw_cells import raw_cells
from data.sources.tables.second_look.stamps import stamps_of

N = 60
TIMES = pd.date_range("2024-03-15T10:00", periods=N, freq="min")
A, B = (np.round(20 + 5 * np.sin(np.arange(N) / k), 2) for k in (7, 3))
PREP = PrepConfig()


def table(path, **columns):
    pd.DataFrame({"time": TIMES, "a": A, "b": B} | columns).to_csv(path / "a.csv", index=False)
    return path / "a.csv"


def read(path):
    (series,) = TableSource().read_series(path, PREP)
    return series


def doubts(path, prep=PREP, **changed):
    return "\n".join(second_opinion(path, [replace(read(path), **changed)], prep))


SOUND = {
    "semicolons": lambda t: t.to_csv(sep=";", decimal=",", index=False),
    "blanks": lambda t: t.assign(time=t["time"].dt.strftime("%Y-%m-%dT%H:%M")).to_string(index=False),
    "day first": lambda t: t.to_csv(date_format="%d.%m.%Y %H:%M", index=False),
    "UNIX": lambda t: t.assign(time=t["time"].astype("datetime64[s]").astype(np.int64)).to_csv(index=False),
    "JSON": lambda t: t.to_json(orient="records", date_format="iso"),
    "newest first": lambda t: t[::-1].to_csv(index=False),
    "a state": lambda t: t.assign(state=["up", "down"] * (N // 2)).to_csv(index=False),
    "zones": lambda t: t.assign(time=t["time"].astype(str) + "+02:00").to_csv(index=False),
    "a start and an end": lambda t: t.assign(end=t["time"] + pd.Timedelta("1min")).to_csv(index=False),
    "dates and clocks": lambda t: t.assign(time=t["time"].dt.date, clock=t["time"].dt.time).to_csv(index=False),
    "one wild time": lambda t: t.assign(time=[*t["time"][:-1], "2036-02-07 06:28:16"]).to_csv(index=False),
    "an open quote": lambda t: t.to_csv(index=False).replace("\n2024-03-15 10:31:00,", '\n2024-03-15 10:31:00,"'),
    "words": lambda t: t.assign(note="a 12, b").to_csv(index=False),
}


@pytest.mark.parametrize("way", sorted(SOUND))
def test_sound_tables_are_not_doubted(tmp_path, way):
    path = tmp_path / ("a.json" if way == "JSON" else "a.txt" if way == "blanks" else "a.csv")
    path.write_text(SOUND[way](pd.DataFrame({"time": TIMES, "a": A, "b": B})))
    assert way == "one wild time" or doubts(path) == ""
    assert "run from" not in doubts(path)


def test_times_of_another_column_unit_and_zone(tmp_path):
    path = table(tmp_path)
    utc, relative = read(path).times_utc, {"times_utc": None, "times_s": np.arange(N) * 1.0}
    assert "prep.time_column=time" in doubts(path, **relative)
    assert "run from" in doubts(path, times_utc=utc[0] + (utc - utc[0]) // 1000)
    assert "run from" in doubts(path, times_utc=utc + np.timedelta64(40, "D"))
    assert "run from" not in doubts(path, times_utc=utc + np.timedelta64(5, "h"))
    assert "yet to come" in doubts(path, times_utc=utc + np.timedelta64(36_500, "D"))
    assert "run from" not in doubts(path, PrepConfig(time_column="time"), times_utc=utc + np.timedelta64(40, "D"))


def test_dates_that_are_a_variable(tmp_path):
    path = table(tmp_path, end=(TIMES + pd.Timedelta("1min")).strftime("%Y%m%d%H%M"))
    values = np.column_stack([read(path).values[:, 0], np.arange(N)])
    assert "end holds times and is a variable" in doubts(path, values=values, channels=("a", "end"))


def test_a_zone_beside_times_that_are_taken_as_utc(tmp_path):
    path = table(tmp_path, tz="UTC-05:00")
    series = read(path)
    assert second_opinion(path, [series], PREP) == []
    (told,) = second_opinion(path, [replace(series, times_utc=TIMES.to_numpy().astype("datetime64[ms]"))], PREP)
    assert "tz says 'UTC-05:00'" in told


def test_times_from_numbers_before_there_were_loggers(tmp_path):
    path = tmp_path / "a.csv"
    pd.DataFrame({"n": np.arange(N), "a": A}).to_csv(path, index=False)
    assert "1980-05-30" in doubts(path, times_utc=np.datetime64("1980-05-30", "ms") + np.arange(N) * 5000)


def test_rows_that_go_back_in_time(tmp_path):
    """10:00:00.57 was written for 57 ms, and taken for 570: told, for it is put in order."""
    lines = [f"2024-03-15 10:00:{k // 20:02d}.{7 + 50 * (k % 20)},{value}" for k, value in enumerate(A)]
    (tmp_path / "a.csv").write_text("\n".join(["time,a", *lines]) + "\n")
    assert "go back in time" in doubts(tmp_path / "a.csv")


def test_a_rate_above_rows_that_are_counted(tmp_path):
    lines = [f"{a},{b}" for a, b in zip(A, B, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join(["# Epoch Period (hh:mm:ss) 00:01:00", "a,b", *lines]) + "\n")
    assert "'# Epoch Period (hh:mm:ss) 00:01:00'" in doubts(tmp_path / "a.csv")


def test_a_scale_above_times_that_are_taken_as_they_are(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("tscale,0.001\nt,a\n" + "".join(f"{245 + k},{a}\n" for k, a in enumerate(A)))
    assert "'tscale 0.001' stands above" in doubts(path)


def test_rows_that_leap_by_years(tmp_path):
    """Months of many years, one after the other, were put in the order of their years."""
    months = [pd.date_range(f"{year}-{month:02d}-01", periods=20, freq="h") for month, year in ((1, 1985), (2, 2003))]
    times = months[0].append(months[1]).append(pd.date_range("1991-03-01", periods=20, freq="h"))
    assert "leap by more than a year 2 times" in doubts(table(tmp_path, time=times))


def test_rows_that_are_gone(tmp_path):
    path = table(tmp_path)
    series = read(path)
    few = {name: getattr(series, name)[:20] for name in ("times_utc", "times_s", "values", "labels", "rows")}
    assert "40 of its 60 rows are in no series" in "\n".join(second_opinion(path, [replace(series, **few)], PREP))


def test_devices_of_one_time(tmp_path):
    path = table(tmp_path, time=np.repeat(TIMES[: N // 2], 2), probe=[12, 13] * (N // 2))
    assert "differ in probe" in doubts(path)


def test_rows_parted_by_blanks_whose_cells_are_empty(tmp_path):
    lines = [f"{a:8} {b if k % 5 else '':>8} {7.5:8}" for k, (a, b) in enumerate(zip(A, B, strict=True))]
    path = tmp_path / "a.txt"
    path.write_text("\n".join(["       a        b        c", *lines]) + "\n")
    raw = raw_cells(path)
    assert (len(raw.rows), raw.others) == (48, 11)
    assert "11 rows have more cells or fewer" in doubts(path, values=np.zeros((N, 3)), times_s=np.arange(N) * 1.0)


def test_names_that_are_none(tmp_path):
    path = table(tmp_path)
    assert "'22'" in doubts(path, channels=("22", "20.5"))
    assert "SHORT[DEC.0]" in doubts(path, channels=("SHORT[DEC.0]", "b"))
    assert "column_1 have no names" in doubts(path, channels=("column_1", "b"))


@pytest.mark.parametrize(("names", "told"), [("time,torque", "has 2"), ("time,Torque, Request,b", "4 names")])
def test_names_of_another_number_than_cells(tmp_path, names, told):
    path = table(tmp_path)
    series = replace(read(path), channels=("column_1", "column_2"))
    path.write_text(path.read_text().replace("time,a,b", names))
    assert told in "\n".join(second_opinion(path, [series], PREP))


def test_values_that_are_none(tmp_path):
    path = table(tmp_path)
    values = read(path).values
    assert "9.9e+09" in doubts(path, values=np.where(np.arange(N)[:, None] == 7, 9.9e9, values))
    assert "is it shifted" in doubts(path, values=values[:, ::-1])
    assert doubts(path, values=1.8 * values + 32) == ""  # in another unit
    path = table(tmp_path, b=["1.031" if k % 2 else "987" for k in range(N)])
    assert "group thousands" in doubts(path, told=())


def test_values_that_a_column_calls_bad(tmp_path):
    path = table(tmp_path, note=["ok"] * (N - 2) + ["fault"] * 2)
    assert "says 'fault' in 2 rows" in doubts(path)
    assert "says 'fault'" not in doubts(path, PrepConfig(label_column="note"), notes={"note": "label"})


def test_a_doubt_is_a_warning_of_prep(tmp_path, caplog):
    path = table(tmp_path, note=["ok"] * (N - 2) + ["fault"] * 2)
    with caplog.at_level(logging.WARNING, "reelwatch"):
        read(path)
    assert any(line.startswith("a.csv: note says 'fault'") for line in caplog.messages)


@given(
    st.text(alphabet='0123456789.,;:-+ \t\n"{}[]aZeT/', max_size=400), st.sampled_from(["utf-8", "utf-16", "latin-1"])
)
@settings(max_examples=150, deadline=None)
def test_whatever_a_file_holds_it_is_no_fault_of_the_second_look(tmp_path_factory, text, encoding):
    path = tmp_path_factory.getbasetemp() / "raw.csv"
    path.write_bytes(text.encode(encoding))
    raw = raw_cells(path)
    if raw is not None:
        assert len({len(row) for row in raw.rows}) == 1
        assert len(raw.names) == len(raw.columns) == len(raw.rows[0])


FORMS = {
    "%Y-%m-%d %H:%M:%S": 0,
    "%d.%m.%Y %H:%M:%S": 0,
    "%m/%d/%Y %I:%M:%S %p": 0,
    "%Y-%m-%dT%H:%M:%S+02:00": 7200,
    "%Y%m%d%H%M%S": 0,
    "%Y/%m/%d %H:%M": 0,
    "%d/%m/%y %H:%M": 0,
}


@given(st.sampled_from(sorted(FORMS)), st.integers(946_684_800, 1_893_000_000), st.sampled_from([60, 3600, 86_400]))
@settings(max_examples=60, deadline=None)
def test_stamps_are_the_times_that_were_written(form, begin, step_s):
    times = pd.to_datetime(begin // 60 * 60 + step_s * np.arange(40), unit="s")
    read = stamps_of(list(times.strftime(form)))
    wanted = times.astype("datetime64[s]").astype(np.int64).to_numpy() - FORMS[form]
    assert any(np.array_equal(own, wanted) for own in read.orders)
    assert stamps_of([f"{k % 7}.5" for k in range(40)]) is None
