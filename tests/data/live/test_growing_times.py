"""Times of a table that grows, however it is cut: those that prep finds in all of it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.live.growing.clock import AHEAD, Clock
from data.live.growing.growing_table import GrowingTable
from data.live.series.row_form import RowForm, Rows
from data.live.series.samples import SeriesForm
from data.reel.stretch import Stretch
from data.sources.base import Series, TableError
from data.sources.table import TableSource

N = 120


def utc(step_s: int, form: str, zone: str = "UTC", start: str = "2024-10-26 18:00") -> list[str]:
    return pd.date_range(start, periods=N, freq=f"{step_s}s", tz=zone).strftime(form).tolist()


BERLIN = {"time_zone": "Europe/Berlin"}
TOKYO = {"start_utc": "2024-05-26", "time_zone": "Asia/Tokyo"}
ISO, DAY_FIRST = "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M"
FORMS: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "clocks of five days": ("time", utc(3600, "%H:%M"), {"start_utc": "2024-10-26"}),
    "clocks of five days in a zone": ("time", utc(3600, "%H:%M:%S"), TOKYO),
    "an hour that comes twice": ("time", utc(600, DAY_FIRST, "Europe/Berlin"), BERLIN),
    "an hour that comes twice, with a zone's name": ("time", utc(600, ISO + " %Z", "Europe/Berlin"), BERLIN),
    "a clock set forward": ("time", utc(600, DAY_FIRST, "Europe/Berlin", "2024-03-30 22:00"), BERLIN),
    "two restarts": ("millis", [str(1000 * (k % 50)) for k in range(N)], {}),
    "a counter of 32 bits": ("millis", [str((2**32 - 60_000 + 1000 * k) % 2**32) for k in range(N)], {}),
    "a counter of a day": ("time_s", [str((82_800 + 60 * k) % 86_400) for k in range(N)], {"start_utc": "2024-03-01"}),
    "hours that have passed": ("elapsed", [f"{k // 4}:{k % 4 * 15:02d}:00" for k in range(N)], {}),
    "seconds and their parts": ("time,ms", [f"{1709300000 + k // 4},{250 * (k % 4)}" for k in range(N)], {}),
    "gaps": ("time", utc(60, ISO)[:60] + utc(60, ISO, start="2024-10-29 07:00")[60:], {}),
}


def as_it_grows(folder: Path, content: str, cuts: list[int], series: Series, prep: PrepConfig) -> Rows:
    """What comes of a table in pieces; stopped and begun again at every second cut."""
    times = (
        series.times_s
        if series.times_utc is None
        else series.times_utc.astype("datetime64[ms]").astype(np.int64) / 1000
    )
    rises = np.diff(times)
    form = RowForm(series.channels, series.times_utc is not None, {}, prep, {})
    of_run: Any = SimpleNamespace(
        rows=form, cadence_s=float(np.median(rises[rises > 0])), meta={"gap_threshold": prep.gap_threshold}
    )
    path = folder / "grows.csv"
    path.write_text("")
    table, clock, found = GrowingTable(path, form, 0, False), Clock(of_run), []
    for number, (begin, end) in enumerate(zip([0, *cuts], [*cuts, len(content)], strict=True)):
        with path.open("a") as stream:
            stream.write(content[begin:end])
        while (part := table.poll()) is not None:
            found.append(clock.take(part))
        if number % 2:
            position, state = json.loads(json.dumps(table.position())), clock.state()
            table.close()
            table, clock = GrowingTable(path, form, 0, False), Clock(of_run)
            table.go_to(position)
            clock.restore(state)
    table.close()
    return form.joined([*found, clock.finish()])


@pytest.mark.parametrize("name", list(FORMS))
@settings(max_examples=2, deadline=None)
@given(cuts=st.lists(st.integers(60, 2000), max_size=5, unique=True))
def test_times_are_those_of_the_whole_table_however_it_comes(tmp_path_factory, name, cuts):
    column, times, keys = FORMS[name]
    content = "\n".join([f"{column},v", *(f"{time},{k % 7}.5" for k, time in enumerate(times))]) + "\n"
    folder, prep = tmp_path_factory.mktemp("t"), PrepConfig(**keys)
    (folder / "whole.csv").write_text(content)
    (series,) = TableSource().read_series(folder / "whole.csv", prep)
    rows = as_it_grows(folder, content, sorted(cut for cut in cuts if cut < len(content)), series, prep)
    assert not rows.reasons.any()
    np.testing.assert_array_equal(rows.values, series.values)
    wanted = series.times_s if series.times_utc is None else series.times_utc
    if series.times_utc is None:
        np.testing.assert_allclose(rows.times, wanted, rtol=1e-12)
    else:
        np.testing.assert_array_equal(rows.times, wanted)


def clock_of(has_utc: bool = True) -> tuple[Clock, RowForm]:
    form = RowForm(("v",), has_utc, {}, PrepConfig(), {})
    of_run: Any = SimpleNamespace(rows=form, cadence_s=60.0, meta={"gap_threshold": 1.5})
    return Clock(of_run), form


def told(clock: Clock, form: RowForm, minutes: list[int], step: int) -> tuple[list[int], list[str]]:
    """Minutes as they are given, and why others are not, of rows that come `step` at a time."""
    times = np.datetime64("2024-03-01", "ms") + 60_000 * np.array(minutes, "timedelta64[ms]")
    parts = []
    for begin in range(0, len(times), step):
        part = times[begin : begin + step]
        n = len(part)
        nothing = form.nothing([""] * n, "")
        parts.append(clock.take(Rows(part, np.zeros((n, 1)), nothing.where, nothing.reasons, np.zeros(n))))
    rows = form.joined([*parts, clock.finish()])
    found = (rows.times - np.datetime64("2024-03-01", "ms")) // np.timedelta64(1, "m")
    return found.astype(int).tolist(), rows.reasons.tolist()


@pytest.mark.parametrize("step", [1, 2, 100])
@pytest.mark.parametrize(
    ("minutes", "ahead"),
    [
        ([0, 1, 2, 90_000, 3, 4, 5], [90_000]),  # one wild time made all behind it late, for two months
        ([500_000, 0, 1, 2, 3], [500_000]),
        ([0, 1, 2, 90, 91, 92], []),  # a gap
        ([0, 1, 2, 90, 1, 91, 92], []),
        ([0, 1, 2, 90, 0, 1, 2, 1, 0], []),  # believed behind many that are late
        ([0, 1, 2, 90], []),
    ],
)
def test_a_time_beyond_a_gap_is_believed_once_the_next_one_is_later(minutes, ahead, step):
    found, reasons = told(*clock_of(), minutes, step)
    assert found == minutes
    assert [minute for minute, reason in zip(found, reasons, strict=True) if reason == AHEAD] == ahead


@settings(max_examples=60, deadline=None)
@given(
    minutes=st.lists(st.integers(-3, 3000) | st.sampled_from([0, 1, 5]), min_size=1, max_size=30),
    by_s=st.lists(st.sampled_from([np.nan, 0.0, 3600.0, 86_400.0]), min_size=1, max_size=4),
    odd=st.booleans(),
)
def test_times_told_together_are_those_told_one_by_one(minutes, by_s, odd):
    numbers = 60.0 * (np.array(minutes) if odd else np.cumsum(np.abs(minutes) % 5))
    found = []
    for together in (0, 3, 1024):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("data.live.growing.clock.TOGETHER", together)
            clock, form = clock_of(has_utc=False)
            nothing = form.nothing([""] * len(numbers), "")
            rows = Rows(
                numbers, np.zeros((len(numbers), 1)), nothing.where, nothing.reasons, np.resize(by_s, len(numbers))
            )
            found.append(form.joined([clock.take(rows), clock.finish()]))
    for other in found[1:]:
        np.testing.assert_array_equal(other.times, found[0].times)
        assert other.reasons.tolist() == found[0].reasons.tolist()


def test_files_of_a_day_tell_the_day_of_their_clocks(tmp_path):
    form = RowForm(("v",), True, {}, PrepConfig(), {})
    for day in ("2024-03-05", "2024-03-09"):
        path = tmp_path / f"log_{day}.csv"
        path.write_text("time,v\n" + "".join(f"{hour:02d}:00:00,{hour}.5\n" for hour in range(20)))
        table = GrowingTable(path, form, 0, False)
        rows = table.poll()
        table.close()
        assert rows is not None
        assert rows.times[0] == np.datetime64(f"{day}T00:00:00", "ms")


@settings(max_examples=8, deadline=None)
@given(day=st.integers(1, 11), month=st.integers(1, 11), form=st.sampled_from(["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"]))
def test_dates_are_in_the_order_that_the_table_of_the_training_told(tmp_path_factory, day, month, form):
    """By midnight in it; some hours of a day tell neither the day nor the month."""
    folder = tmp_path_factory.mktemp("t")

    def table(name: str, start: str, rows: int) -> Path:
        times = pd.date_range(start, periods=rows, freq="10min")
        lines = [f"{time},{k % 7}.5" for k, time in enumerate(times.strftime(form))]
        (folder / name).write_text("\n".join(["time,v", *lines, ""]))
        return folder / name

    (trained,) = TableSource().read_series(table("trained.csv", "2012-05-06 12:00", 200), PrepConfig())
    start = f"2013-{month:02d}-{day:02d} 01:00"
    path = table("grows.csv", start, 60)
    reel: Any = SimpleNamespace(
        channels=["v"], stretches=[Stretch("affine", 0, 1)], times_utc=trained.times_utc, cadence_s=600.0,
        meta={"dtype": "float32"} | trained.facts,
    )  # fmt: skip
    form_of_run = SeriesForm.of(reel, PrepConfig()).rows
    followed = GrowingTable(path, form_of_run, 0, False)
    rows = followed.poll()
    followed.close()
    assert rows is not None
    assert not rows.reasons.any()
    np.testing.assert_array_equal(rows.times, pd.date_range(start, periods=60, freq="10min").to_numpy("datetime64[ms]"))
    if day != month:
        of_before = GrowingTable(path, form_of_run._replace(order=""), 0, False)
        with pytest.raises(TableError, match="several ways"):
            of_before.poll()
        of_before.close()
