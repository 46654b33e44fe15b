"""Verdicts of the review page: the journal, recovery from it, undo, and windows.csv line by line."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.reel.files import write_csv
from data.reel.windows import STATISTICS, read_windows
from data.review.journal import VERDICT_COLUMNS, Journal, write_rows
from data.review.page.verdicts import Verdicts
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
