"""Verdicts of the review page: the journal, recovery from it, undo, and windows.csv line by line."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import load
from data.disk.files import write_csv
from data.reel.reel import Reel
from data.reel.windows import STATISTICS, read_windows
from data.review.journal import VERDICT_COLUMNS, Journal, pending, write_rows
from data.review.page.verdicts import Verdicts
from data.review_processed_data import review
from tests.support.reels import drifting_blobs, make_reel, set_verdict


@pytest.fixture
def reel(tmp_path):
    return make_reel(tmp_path / "cam", drifting_blobs(60, 8, 8))


def verdicts(reel):
    return read_windows(reel)["verdict"].tolist()


def test_range_is_one_action_and_undo_gives_back_what_was_there(reel):
    page = Verdicts(reel)
    page.judge([3], "keep")
    before = read_windows(reel)
    assert page.judge(list(range(2, 8)), "reject") == 6
    assert verdicts(reel)[2:8] == ["reject"] * 6
    assert page.undo() == [2, 3, 4, 5, 6, 7]
    pd.testing.assert_frame_equal(read_windows(reel), before)
    assert page.undo() == [3]
    assert page.undo() == []


def test_undo_goes_on_after_a_restart_and_spares_a_later_verdict_of_the_command_line(reel):
    Verdicts(reel).judge([1, 2, 3], "reject")
    set_verdict(reel, [2], "keep")
    assert Verdicts(reel).undo() == [1, 3]
    assert verdicts(reel)[1:4] == ["", "keep", ""]


def test_undo_of_what_all_got_other_verdicts_since_changes_nothing(reel):
    page = Verdicts(reel)
    page.judge([1, 2], "reject")
    set_verdict(reel, [1, 2], "keep")
    before = read_windows(reel)
    assert page.undo() == []
    pd.testing.assert_frame_equal(read_windows(reel), before)


def test_table_follows_what_the_command_line_writes(reel):
    page = Verdicts(reel)
    revision = page.revision
    set_verdict(reel, [5], "reject")
    assert page.table["verdict"][5] == "reject"
    assert page.revision != revision


@pytest.mark.parametrize("torn", [b'{"id":2,"at":"2026', b'{"id":2,"at":"\xff', b"\x00\x00\x00"])
def test_half_a_line_of_a_crash_is_passed_over_and_later_ones_are_read(reel, torn):
    Verdicts(reel).judge([0], "keep")
    with open(reel.path / "verdicts.jsonl", "ab") as file:
        file.write(torn)
    Verdicts(reel).judge([1], "reject")
    entries = Journal(reel.path / "verdicts.jsonl").entries()
    assert [e["after"][0] for e in entries if "after" in e] == ["keep", "reject"]
    again = Verdicts(reel)
    assert (again.undo(), again.undo()) == ([1], [0])


def test_action_in_the_journal_alone_reaches_the_table_at_the_next_start(reel):
    page, journal = Verdicts(reel), reel.path / "verdicts.jsonl"
    page.judge([0], "keep")
    untouched = (reel.path / "windows.csv").read_bytes()
    page.judge([1, 2], "reject")
    page.undo()
    page.judge([4], "reject")
    whole = read_windows(reel)
    (reel.path / "windows.csv").write_bytes(untouched)  # as if it was killed before it wrote the last three
    lines = [line for line in journal.read_text().splitlines(keepends=True) if json.loads(line).get("saved", 1) == 1]
    journal.write_text("".join(lines))
    Verdicts(reel)
    pd.testing.assert_frame_equal(read_windows(reel), whole)
    saved = (reel.path / "windows.csv").read_bytes()
    Verdicts(reel)
    assert (reel.path / "windows.csv").read_bytes() == saved


def test_bad_requests_change_nothing(reel):
    page, before = Verdicts(reel), (reel.path / "windows.csv").read_bytes()
    with pytest.raises(ValueError, match="'maybe': expected keep, reject"):
        page.judge([1], "maybe")
    with pytest.raises(KeyError, match=r"no windows \[99\]"):
        page.judge([1, 99], "keep")
    assert (reel.path / "windows.csv").read_bytes() == before
    assert not (reel.path / "verdicts.jsonl").exists()


def test_lines_of_other_windows_stay_as_they_are(reel):
    table = read_windows(reel)
    table[list(STATISTICS)] = np.random.default_rng(0).random((len(table), len(STATISTICS)))
    write_csv(reel.path / "windows.csv", table)
    before = (reel.path / "windows.csv").read_text().splitlines()
    Verdicts(reel).judge([1, 4], "reject")
    after = (reel.path / "windows.csv").read_text().splitlines()
    assert [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [2, 5]


def judged_elsewhere(reel, windows, go):
    """A process with a page of its own that judges these windows one by one, once it may go; its process number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        page = Verdicts(Reel(reel.path))
        os.read(go, 1)
        for window in windows:
            page.judge([window], "reject" if window % 3 else "keep")
        code = 0
    finally:
        os._exit(code)


def test_two_processes_that_judge_one_reel_lose_nothing(tmp_path):
    reel = make_reel(tmp_path / "cam", np.full((48, 1, 2, 2), 0.5))
    number = len(read_windows(reel))
    go, told = os.pipe()
    children = [judged_elsewhere(reel, range(half, number, 2), go) for half in (0, 1)]
    os.write(told, b"..")
    review(load(None, {"data_clips": str(reel.path)}))  # statistics of all windows, which no verdict may fall for
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    assert verdicts(reel) == ["reject" if window % 3 else "keep" for window in range(number)]
    entries = Journal(reel.path / "verdicts.jsonl").entries()
    assert len({entry["id"] for entry in entries if "after" in entry}) == number
    assert pending(entries) == []


def test_a_page_knows_and_takes_back_what_another_has_judged(reel):
    one, other = Verdicts(reel), Verdicts(reel)
    one.judge([1], "keep")
    other.judge([1, 2], "reject")
    assert one.undo() == [1, 2]
    assert verdicts(reel)[1:3] == ["keep", ""]
    assert other.undo() == [1]
    assert (one.undo(), verdicts(reel)) == ([], [""] * len(verdicts(reel)))


def test_a_journal_from_before_ids_were_random_is_read_and_gone_on_with(reel):
    after, before = ["reject", "by hand", "user", "2026-01-01T00:00:00Z"], ["", "", "", ""]
    lines = [{"id": n, "at": after[3], "after": after, "before": [[n, *before]]} for n in (1, 2, 3)]
    lines.insert(2, {"saved": 2})  # the third was not in the table yet when the server was killed
    set_verdict(reel, [1, 2], "reject")
    table = read_windows(reel)
    table.loc[[1, 2], VERDICT_COLUMNS] = after
    write_csv(reel.path / "windows.csv", table)
    (reel.path / "verdicts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [e["id"] for e in pending(Journal(reel.path / "verdicts.jsonl").entries())] == [3]
    page = Verdicts(reel)
    assert verdicts(reel)[:5] == ["", "reject", "reject", "reject", ""]
    page.judge([4], "keep")
    assert [page.undo() for _ in range(5)] == [[4], [3], [2], [1], []]


def test_the_command_line_puts_into_the_table_what_a_killed_page_has_in_the_journal_alone(reel):
    untouched = (reel.path / "windows.csv").read_bytes()
    Verdicts(reel).judge([1, 2], "reject")
    (reel.path / "windows.csv").write_bytes(untouched)
    journal = reel.path / "verdicts.jsonl"
    journal.write_text(journal.read_text().splitlines()[0] + "\n")
    review(load(None, {"data_clips": str(reel.path), "review.keep": ["2", "5"]}))
    assert verdicts(reel)[:6] == ["", "reject", "keep", "", "", "keep"]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00\x1a"), max_size=12)


@settings(deadline=None)
@given(reasons=st.lists(TEXT, min_size=1, max_size=6), data=st.data())
def test_write_rows_writes_what_write_csv_would(tmp_path_factory, reasons, data):
    """Also with commas, quotes and line breaks in the texts."""
    folder, n = tmp_path_factory.mktemp("rows"), len(reasons)
    table = pd.DataFrame({"window": range(n), "mean": 0.25, "verdict": "", "reason": reasons, "by": "", "at": ""})
    write_csv(folder / "windows.csv", table)
    rows = data.draw(st.lists(st.integers(0, n - 1), max_size=n))
    table.loc[rows, VERDICT_COLUMNS] = ["keep", data.draw(TEXT), "user", "now"]
    write_rows(folder / "windows.csv", table, np.array(rows, int))
    write_csv(folder / "expected.csv", table)
    assert (folder / "windows.csv").read_bytes() == (folder / "expected.csv").read_bytes()
