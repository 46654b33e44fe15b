"""Times that were read as others in silence: other zeros, dates that turn late, forms of Java and Go, hours alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.table import TableSource
from data.sources.times.cells import times_of
from data.sources.times.mended.late_dates import turned

N = 60
HOURS = pd.date_range("2024-03-05", periods=N, freq="h")


def read(path, text, **settings):
    path.write_text(text)
    (series,) = TableSource().read_series(path, PrepConfig(**settings))
    return series


@pytest.mark.parametrize(
    "cell",
    [
        lambda t: f"{t:%a %b %d %H:%M:%S} GMT+01:00 {t:%Y}",
        lambda t: f"{t:%Y-%m-%d %H:%M:%S} +0100 +0100 m=+{t.hour}.5",
        lambda t: f"{t:%Y-%m-%d %H:%M:%S.%f} +0100 CET",
    ],
)
def test_times_of_java_and_go_say_their_zone(cell):
    found = times_of(pd.Series([cell(t) for t in HOURS], dtype="str"), PrepConfig())
    assert (found.utc == (HOURS - pd.Timedelta("1h")).to_numpy()).all()


@pytest.mark.parametrize("form", ["%d/%m/%y %H", "%d.%m.%Y %H", "%m/%d/%Y %H"])
def test_an_hour_alone_behind_a_date_is_its_clock(form):
    days = pd.date_range("2024-03-05", periods=24 * 20, freq="h")
    found = times_of(pd.Series(days.strftime(form), dtype="str"), PrepConfig())
    assert (found.utc == days.to_numpy()).all()


@pytest.mark.parametrize(("names", "begin"), [("lat[semicircles],bpm", "2024-03-05"), ("lat,bpm", "2004-03-06")])
def test_seconds_of_fit_count_from_1989_beside_its_own_angles(tmp_path, names, begin):
    rows = "".join(f"{1709596800 - 631065600 + i},{560000000 + 7 * i % 90},{140 + i % 9}\n" for i in range(N))
    series = read(tmp_path / "a.csv", f"timestamp[s],{names}\n{rows}")
    assert str(series.times_utc[0]).startswith(begin)
    assert ("since 1989" in series.notes["timestamp[s]"]) == (begin == "2024-03-05")


@given(st.integers(1, 5), st.sampled_from([300, 900, 1800, 3600]), st.integers(0, 86399), st.integers(4, 8))
def test_dates_that_turn_late_are_put_right(late, step, begin, days):
    """The first rows behind each midnight are of the day before."""
    seconds = begin - begin % step + step * np.arange(days * 86400 // step)
    true = np.datetime64("2024-03-05", "ms") + (1000 * seconds).astype("timedelta64[ms]")
    is_late = seconds % 86400 < late * step
    assume(not is_late[0])
    written = true - is_late * np.timedelta64(86_400_000, "ms")
    found, count, _ = turned(written)
    assert (found == true).all()
    assert count == is_late.sum()


@given(st.integers(0, 2**32 - 1), st.sampled_from(["even", "shuffled", "days apart", "few"]))
def test_other_rows_stay_where_they_are(seed, kind):
    rng = np.random.default_rng(seed)
    hours = np.arange(96)
    if kind == "shuffled":
        hours = rng.permutation(hours)
    elif kind == "days apart":
        hours = hours - 24 * (rng.random(96) < 0.1)
    elif kind == "few":
        hours[24] -= 24
    written = np.datetime64("2024-03-05", "ms") + hours * np.timedelta64(3_600_000, "ms")
    found, count, _ = turned(written)
    if kind == "days apart" and count:  # by chance as such dates are
        assert (np.diff(found) > np.timedelta64(0, "ms")).all()
    else:
        assert count == 0
        assert (found == written).all()


def test_late_dates_are_said(tmp_path, caplog):
    hours = pd.date_range("2024-03-05T01:00", periods=120, freq="h")
    days = (hours - pd.Timedelta("1h")).strftime("%Y-%m-%d")
    rows = "".join(f"{d} {t:%H:%M},{t.hour}\n" for d, t in zip(days, hours, strict=True))
    series = read(tmp_path / "a.csv", "date,v\n" + rows)
    assert (series.times_utc == hours.to_numpy()).all()
    assert "turn later" in caplog.text


def test_what_else_has_times_is_left_out_without_a_word(tmp_path, caplog):
    rows = "".join(f"{t:%d-%b-%Y %H:%M},{t + pd.Timedelta('1h'):%d-%b-%Y %H:%M},{t.hour}.5\n" for t in HOURS)
    series = read(tmp_path / "a.csv", "Start,Finish,Rate\n" + rows)
    assert series.channels == ("Rate",)
    assert "Finish" not in caplog.text
