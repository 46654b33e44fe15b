"""Files that grow as loggers write, rotate and lose them: each row comes once, none is lost, none is read wrongly."""

import gzip
import io
import os
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from config import PrepConfig
from data.live.growing.days import later_files
from data.live.growing.growing_table import GrowingTable
from data.live.growing.lines import Lines
from data.live.series.row_form import RowForm
from data.live.series.row_sources import MetricsPage, StandardInput
from data.sources.base import TableError

FORM = RowForm(("a", "b"), True, {}, PrepConfig(), {})
HEAD = "time,a,b\n"


def row(i: int, form: str = "{t},{a},{b}") -> str:
    return form.format(t=f"2024-03-01T{i // 60:02d}:{i % 60:02d}:00", a=i + 0.5, b=2 * i) + "\n"


def rows(begin: int, end: int, form: str = "{t},{a},{b}") -> str:
    return "".join(row(i, form) for i in range(begin, end))


class Grown:
    """A table that is written and followed in turns."""

    def __init__(self, folder: Path, content: str = HEAD + rows(0, 30), form: RowForm = FORM, end: str = "\n"):
        self.path, self.form, self.end_of_line, self.found = folder / "t.csv", form, end, []
        self.write(content)
        self.table = GrowingTable(self.path, form, 0, False)
        self.look()

    def write(self, content: str | bytes, path: Path | None = None) -> None:
        with (path or self.path).open("ab") as stream:
            stream.write(self.encoded(content) if isinstance(content, str) else content)

    def encoded(self, content: str) -> bytes:
        return content.replace("\n", self.end_of_line).encode()

    def put(self, at: int, content: str) -> None:
        with self.path.open("r+b") as stream:
            stream.seek(at)
            stream.write(self.encoded(content))

    def look(self) -> None:
        for _ in range(6):  # a look without rows may have moved on to another file
            if (part := self.table.poll()) is not None:
                self.found.append(part)

    def move(self, to: str = ".csv.1") -> Path:
        return self.path.rename(self.path.with_suffix(to))

    def again(self) -> None:
        """Stop, and go on from what was kept."""
        position = self.table.position()
        self.table.close()
        self.table = GrowingTable(self.path, self.form, 0, False)
        self.table.go_to(position)

    def end(self) -> tuple[list[int], dict[str, int]]:
        """The minutes of all rows that came, and why others did not; a row that is not what was written fails."""
        self.look()
        last = self.table.rest()
        all_rows = self.form.joined(self.found + ([last] if last is not None else []))
        self.table.close()
        good = all_rows.reasons == ""
        minutes = (all_rows.times[good] - np.datetime64("2024-03-01", "ms")) // np.timedelta64(1, "m")
        values = all_rows.values[good]
        np.testing.assert_array_equal(values[:, 0], minutes + 0.5)
        known = np.isfinite(values[:, 1])
        np.testing.assert_array_equal(values[known, 1], 2 * minutes[known])
        told, counts = np.unique(all_rows.reasons[~good].astype(str), return_counts=True)
        return minutes.astype(int).tolist(), dict(zip(told.tolist(), counts.tolist(), strict=True))


def zeros_after_a_failure(t: Grown) -> None:
    t.write(row(30)[:-1].encode() + b"\0" * 700)
    t.look()
    t.write(rows(31, 50))


def longer_before_its_content(t: Grown) -> None:
    at = t.path.stat().st_size
    t.write(b"\0" * len(t.encoded(rows(30, 50))))
    t.look()
    t.put(at, rows(30, 40)[:-7])
    t.look()
    t.put(at, rows(30, 50))


def made_long_at_once(t: Grown) -> None:
    at = t.path.stat().st_size
    t.write(b"\0" * 2_500_000)
    t.look()
    t.put(at, rows(30, 50))


def moved_away(t: Grown) -> None:
    t.write(rows(30, 35)[:-1])
    t.move()
    t.write(HEAD + rows(35, 50))


def moved_away_while_the_writer_goes_on(t: Grown) -> None:
    old = t.move()
    t.write("")
    t.look()
    t.write(rows(30, 35), old)
    t.look()
    t.write(rows(35, 50))


def copied_and_cut(t: Grown) -> None:
    t.write(rows(30, 35) + row(35)[:5])
    t.look()
    t.write(row(35)[5:] + rows(36, 40))
    shutil.copy(t.path, t.path.with_suffix(".csv.1"))
    os.truncate(t.path, 0)
    t.write(rows(40, 50))


def cut_below_a_writer_that_keeps_its_place(t: Grown) -> None:
    """Zeros stand where its former rows were."""
    at = t.path.stat().st_size
    os.truncate(t.path, 0)
    t.put(at, rows(30, 50))


def moved_while_nobody_looked(t: Grown) -> None:
    t.write(rows(30, 35))
    t.move()
    t.write(HEAD + rows(35, 50))
    t.again()


def cut_while_nobody_looked(t: Grown) -> None:
    t.write(rows(30, 35))
    shutil.copy(t.path, t.path.with_suffix(".csv.1"))
    os.truncate(t.path, 0)
    t.write(rows(35, 50))
    t.again()


def gone_for_a_while(t: Grown) -> None:
    t.path.unlink()
    t.path.mkdir()
    t.look()
    assert str(t.path) in t.table.problem
    t.path.rmdir()
    t.write(rows(30, 50))


def marks_of_utf_8(t: Grown) -> None:
    t.write("\ufeff" + rows(30, 40) + "\ufeff" + HEAD + rows(40, 50))


def a_column_more(t: Grown) -> None:
    t.write("time,a,c,b\n" + rows(30, 40, "{t},{a},7,{b}") + HEAD + rows(40, 50))


def a_column_less(t: Grown) -> None:
    t.write("time,c,a,b\n" + rows(30, 40, "{t},7,{a},{b}") + "time,a\n" + rows(40, 50, "{t},{a}"))


def other_columns_for_a_while(t: Grown) -> None:
    old = t.move()
    t.write("when,x,y\n" + "2024-03-01T00:30:00,1,2\n" * 30)
    t.look()
    assert "x, y" in t.table.problem
    t.write("time,p,q\n2024-03-01T00:30:00,1,2\n")
    t.write(HEAD + rows(30, 50))
    assert old.is_file()


def lines_within_cells(t: Grown) -> None:
    t.write("time,a,b,note\n" + rows(30, 50, '{t},{a},{b},"two\nlines"'))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "grow",
    [
        zeros_after_a_failure,
        longer_before_its_content,
        made_long_at_once,
        moved_away,
        moved_away_while_the_writer_goes_on,
        copied_and_cut,
        cut_below_a_writer_that_keeps_its_place,
        moved_while_nobody_looked,
        cut_while_nobody_looked,
        gone_for_a_while,
        marks_of_utf_8,
        a_column_more,
        a_column_less,
        other_columns_for_a_while,
        lines_within_cells,
    ],
)
def test_each_row_comes_once(tmp_path, grow: Callable[[Grown], None], end):
    """Whatever becomes of the file, with \\n or \\r\\n; names, and rows below those of other columns, are told."""
    table = Grown(tmp_path, end=end)
    grow(table)
    minutes, told = table.end()
    assert minutes == [*range(50)]
    assert all(
        "names of the columns" in why or "none of its columns" in why or "its columns are now" in why for why in told
    )


def test_rows_of_more_cells_than_names_are_told_in_words(tmp_path):
    table = Grown(tmp_path)
    table.write(rows(30, 40, "{t},{a},{b},7"))
    minutes, told = table.end()
    assert minutes == [*range(30)]
    assert told == {"4 cells below 3 names; rows are read again once names stand above them": 10}


def test_names_below_many_lines_about_a_logger_are_waited_for(tmp_path):
    table = Grown(tmp_path, "".join(f"Setting {i}: on\n" for i in range(40)))
    table.write(HEAD)
    table.look()
    table.write(rows(0, 9))
    table.look()
    table.write(rows(9, 60))
    assert table.end() == ([*range(60)], {})


@pytest.mark.parametrize("content", [HEAD + rows(0, 30), rows(0, 30, '{{"time": "{t}", "a": {a}, "b": {b}}}')])
def test_standard_input_is_a_table_or_json(content):
    source = StandardInput(FORM, io.BytesIO(content.encode()))
    found = []
    while not source.is_over:
        if (part := source.poll()) is not None:
            found.append(part)
    all_rows = FORM.joined(found)
    np.testing.assert_array_equal(all_rows.values[all_rows.reasons == "", 0], np.arange(30) + 0.5)


def test_standard_input_without_the_variables_is_an_error():
    source = StandardInput(FORM, io.BytesIO(b"time,x\n2024-03-01T00:00:00,1\n"))
    while not source.is_over:
        source.poll()
    with pytest.raises(TableError, match="a, b are none of its columns time, x"):
        source.rest()


@pytest.mark.parametrize(
    "names",
    [
        ("log_2024-02-29.csv", "log_2024-03-01.csv", "log_2024-03-02.csv"),
        ("20241231.csv", "20250101.csv", "20250107.csv"),
        ("a2024_03_01_09.csv", "a2024_03_01_10.csv", "a2024_03_01_11.csv"),
    ],
)
@pytest.mark.parametrize("stops", [False, True])
def test_the_file_of_the_next_day_goes_on(tmp_path, names, stops):
    """A logger that begins a file each day was read to midnight, and no further."""
    (tmp_path / names[0]).write_text(HEAD + rows(0, 20))
    table, found = GrowingTable(tmp_path / names[0], FORM, 0, False), []

    def look() -> None:
        for _ in range(6):
            if (part := table.poll()) is not None:
                found.append(part)

    look()
    for name, begin in zip(names[1:], (20, 40), strict=True):
        (tmp_path / name).touch()  # made, and nothing in it yet
        with (tmp_path / table.path.name).open("a") as stream:
            stream.write(rows(begin, begin + 5))
        look()
        (tmp_path / name).write_text(HEAD + rows(begin + 5, begin + 12))
        look()
        if stops:
            position = table.position()
            table.close()
            table = GrowingTable(tmp_path / names[0], FORM, 0, False)  # with the same command as before
            table.go_to(position)
        with (tmp_path / name).open("a") as stream:
            stream.write(rows(begin + 12, begin + 20))
        look()
    table.close()
    all_rows = FORM.joined(found)
    minutes = (all_rows.times - np.datetime64("2024-03-01", "ms")) // np.timedelta64(1, "m")
    assert (all_rows.reasons == "").all()
    np.testing.assert_array_equal(minutes.astype(int), np.arange(60))


@pytest.mark.parametrize(
    "other",
    ["log_2024-02-28.csv", "log_2024-03-01.csv.bak", "errors_2024-03-01.csv", "log_3.csv", "log_2024-03-01_2.csv"],
)
def test_other_files_beside_that_of_a_day_are_none_of_the_next(tmp_path, other):
    (tmp_path / "log_2024-02-29.csv").write_text(HEAD + rows(0, 20))
    (tmp_path / other).write_text(HEAD + rows(20, 40))
    assert later_files(tmp_path / "log_2024-02-29.csv") == []
    assert later_files(tmp_path / "log_3.csv") == []


@pytest.mark.parametrize("form", ["pump{}_2024-03-01.csv", "2024-03-01_pump{}.csv", "2024-03-01-12_pump{}.csv"])
def test_the_file_of_another_device_is_none_of_the_next_day(tmp_path, form):
    for number in range(1, 4):
        (tmp_path / form.format(number)).write_text(HEAD + rows(0, 20))
    assert later_files(tmp_path / form.format(1)) == []


@pytest.mark.parametrize("way", ["moved", "cut short"])
def test_rows_of_a_new_file_come_with_the_look_that_finds_it(tmp_path, way):
    table = Grown(tmp_path)
    if way == "moved":
        table.move()
    else:
        os.truncate(table.path, 0)
    table.write(HEAD + rows(30, 40))
    found = table.table.poll()  # whoever stops where no row comes would end here
    table.table.close()
    assert found is not None
    np.testing.assert_array_equal(found.values[:, 1], 2.0 * np.arange(30, 40))


@pytest.mark.parametrize("packed", [False, True])
def test_a_page_of_metrics_is_read_packed_too(monkeypatch, packed):
    class Answer(io.BytesIO):
        headers: ClassVar = {"Content-Encoding": "gzip"} if packed else {}

    page = b'# TYPE a gauge\na 1.5 \n\n  b{x="y",}\t2 1709632800000\n'
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Answer(gzip.compress(page) if packed else page))
    found = MetricsPage("http://127.0.0.1/metrics", FORM._replace(channels=("a", 'b{x="y"}')), 1.0).poll()
    assert found is not None
    assert found.values.tolist() == [[1.5, 2.0]]


@pytest.mark.parametrize("damage", [lambda page: page[:-9], lambda page: page[:12] + b"\xff" * 20, lambda page: b"a 1"])
def test_a_packed_page_that_is_damaged_is_an_answer_that_was_missed(monkeypatch, damage):
    """It would end a stream of weeks."""

    class Answer(io.BytesIO):
        headers: ClassVar = {"Content-Encoding": "gzip"}

    page = damage(gzip.compress(b"a 1.5\n" * 40))
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Answer(page))
    metrics = MetricsPage("http://127.0.0.1/metrics", FORM._replace(channels=("a",)), 1.0)
    assert metrics.poll() is None
    assert metrics.restarts == 1
    assert metrics.problem


def test_line_protocol_on_standard_input_is_told():
    lines = "".join(f"pump,host=a a={i},b={2 * i} {1709632800 + i}000000000\n" for i in range(30))
    with pytest.raises(TableError, match="line protocol"):
        Lines(FORM, None).read(lines.splitlines())
