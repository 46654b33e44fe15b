"""Lines of names and values, and logs that are no tables: read as they were meant, or refused with what to do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import TableError
from data.sources.table import TableSource
from data.sources.tables.forms.logs import log_of
from data.sources.tables.text_table import looks_like_table

PREP = PrepConfig()
# How one line is written, by its clock, names and numbers; whether it has a time.
LINES = {
    "arduino": ("{a}: {x} C, {b}: {y} %", False),
    "plotter": ("{a}:{x},{b}:{y}", False),
    "monitor": ("10:30:{s:02d}.123 -> {a}={x} {b}={y}", True),
    "logfmt": ('ts=2024-03-05T10:30:{s:02d}Z level=info msg="tick = 3 done" {a}={x}ms {b}={y}', True),
    "brackets": ("[2024-03-05 10:30:{s:02d}] {a}={x}; {b}={y}", True),
    "training": ("2024-03-05 10:30:{s:02d},123 INFO {a}: {x}, {b}: {y}", True),
}
NAMES = st.text("abcdefgh_", min_size=2, max_size=9).map(lambda text: f"x{text}")
NUMBERS = st.integers(-9999, 9999).map(lambda n: n / 100)


@settings(max_examples=60)
@given(st.sampled_from(sorted(LINES)), st.lists(NAMES, min_size=2, max_size=2, unique=True), st.data())
def test_lines_of_names_and_values_are_a_table(tmp_path_factory, form, names, data):
    """They were refused in words about columns, or their first line was the names and their clocks were lost."""
    line, has_time = LINES[form]
    values = data.draw(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=5, max_size=30))
    texts = [line.format(a=names[0], b=names[1], x=x, y=y, s=s) for s, (x, y) in enumerate(values)]
    path = tmp_path_factory.mktemp("lines") / "a.txt"
    path.write_text("\n".join(texts) + "\n")
    assert looks_like_table(path)
    (series,) = TableSource().read_series(path, PrepConfig(start_utc="2024-03-05"))
    assert series.channels == tuple(names)
    np.testing.assert_allclose(series.values, values)
    if has_time:
        assert series.times_utc is not None
        assert (np.diff(series.times_utc) == np.timedelta64(1, "s")).all()


def test_rows_behind_the_clock_of_a_serial_monitor_are_a_table(tmp_path):
    rows = [f"10:30:{i:02d}.250 -> {20 + i},{i % 3}" for i in range(1, 40)]
    (tmp_path / "a.txt").write_text("\n".join(["10:30:00.000 -> temp,hum", *rows, "10:30:40.000 -> 60,1", ""]))
    (series,) = TableSource().read_series(tmp_path / "a.txt", PrepConfig(start_utc="2024-03-05"))
    assert series.channels == ("temp", "hum")
    np.testing.assert_array_equal(series.values[:, 0], np.arange(21, 61))


@pytest.mark.parametrize(
    "text",
    [
        "time,a\n1,2\n3,4\n5,6\n",
        "2024-03-05 10:00:00 1\n2024-03-05 10:01:00 2\n2024-03-05 10:02:00 3\n2024-03-05 10:03:00 3\n",
        "a b\n1 2\n3 4\n",
        "a,b,time\n" + "".join(f"{i},-{i}.5,2012-07-19T07:0{i}:00\n" for i in range(1, 9)),
        "a,time\n" + "".join(f"{i % 3}.5,07:0{i}:00\n" for i in range(1, 9)),
        "id;time;v\n" + "".join(f"x{i};2012-07-19T07:0{i}:00;{i}\n" for i in range(1, 9)),
        "# Sample Rate = 250 Hz\n1\n2\n3\n",
    ],
)
def test_tables_are_no_logs(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    assert not log_of(text)
    (series,) = TableSource().read_series(tmp_path / "a.csv", PrepConfig(start_utc="2024-03-05"))
    assert "lines of names and values" not in series.told


@pytest.mark.parametrize(
    ("line", "way"),
    [
        ("({i}.010000) can0 123#0011{s:02X}44", "DBC"),
        ("$GPGGA,1000{s:02d}.00,4722.1234,N,00832.5678,E,1,08,0.9,{s},M,47.0,M,,*4F", "gpsbabel"),
        ("cpu,host=a user={s}.5,sys=2 {i}000000000", "line protocol"),
        ('requests_total{{code="200"}} {s} {i}000', "Prometheus"),
        ("INSERT INTO `m` VALUES ({s},'2024-03-05 10:00:00');", "dump of a database"),
    ],
)
def test_logs_that_are_no_tables_are_refused_with_what_to_do(tmp_path, line, way):
    """They were variables out of numbers of all kinds, 1 s apart, without a word."""
    text = "".join(line.format(i=1709632800 + s, s=s) + "\n" for s in range(30))
    for name in ("a.csv", "a.log"):
        (tmp_path / name).write_text(text)
        with pytest.raises(TableError, match=way):
            TableSource().read_series(tmp_path / name, PREP)
    assert not TableSource().takes(tmp_path / "a.log")


@pytest.mark.parametrize("columns", [1, 3])
def test_samples_of_a_wristband_have_the_times_of_their_start_and_rate(tmp_path, columns):
    """The start was a sample, 1709632800, and so was the rate; rows were 1 s apart."""
    rows = [["1709632800.000000"] * columns, ["32.000000"] * columns, *([str(i % 7)] * columns for i in range(64))]
    (tmp_path / "ACC.csv").write_text("\n".join(", ".join(row) for row in rows) + "\n")
    (series,) = TableSource().read_series(tmp_path / "ACC.csv", PREP)
    assert series.values.shape == (64, columns)
    assert series.times_utc is not None
    assert series.times_utc[0] == np.datetime64("2024-03-05T10:00:00.000")
    assert series.times_utc[32] == np.datetime64("2024-03-05T10:00:01.000")
