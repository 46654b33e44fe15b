"""The suite itself: a test that is written is one that runs."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import lessen
from tests.support.once import made_once
from tests.support.paths import ROOT
from tests.support.turns import LONGEST, in_turn


def never_found(text: str) -> list[str]:
    """Tests within something else than a class of tests, as one that slipped into the function before it."""
    found, outer = [], ""
    for line in text.splitlines():
        if line[:1].isalpha():
            outer = line
        inside = len(line) - len(line.lstrip())
        if line.lstrip().startswith("def test_") and inside and (inside > 4 or not outer.startswith("class Test")):
            found.append(line.strip())
    return found


def test_every_test_that_is_written_is_found():
    lost = {path: never_found(path.read_text(encoding="utf-8")) for path in modules()}
    assert {path.name: names for path, names in lost.items() if names} == {}


def modules() -> list[Path]:
    return sorted((ROOT / "tests").rglob("test_*.py"))


def test_one_within_a_function_is_not():
    assert never_found("class TestIt:\n    def test_a(self):\n        pass\n\n\ndef test_b():\n    pass\n") == []
    assert never_found("def helper():\n    return 1\n\n    def test_c(self):\n") == ["def test_c(self):"]


def test_the_longest_modules_are_there_and_come_first_in_either_order():
    names = [path.name for path in modules()]
    assert sorted(set(LONGEST) - set(names)) == []
    tests = [
        SimpleNamespace(path=Path(name), number=n) for name in ("test_a.py", LONGEST[1], LONGEST[0]) for n in (1, 2)
    ]
    found = [[(test.path.name, test.number) for test in in_turn(tests, backwards)] for backwards in (False, True)]
    longest = [[(LONGEST[i], n) for i in (0, 1) for n in order] for order in ((1, 2), (2, 1))]
    assert found == [
        [*longest[0], ("test_a.py", 1), ("test_a.py", 2)],
        [*longest[1], ("test_a.py", 2), ("test_a.py", 1)],
    ]


def test_a_property_is_tried_on_a_third_of_the_examples_that_it_asks_for_and_on_few_that_are_dear():
    assert {asked: tried_on(asked) for asked in (4, 10, 12, 60)} == {4: 4, 10: 10, 12: 10, 60: 20}


def tried_on(asked: int) -> int:
    """Examples of a property that asks for so many, and belongs to two tests."""
    tried = []

    @settings(max_examples=asked, database=None)
    @given(st.integers())
    def holds(number):
        tried.append(number)

    lessen([SimpleNamespace(function=holds)] * 2 + [SimpleNamespace(function=len), SimpleNamespace()])
    holds()
    return len(tried)


def test_what_many_need_is_made_once_and_anew_where_it_failed():
    made = []

    def make(folder):
        (folder / "part").write_text("1")
        made.append(folder)
        if len(made) == 1:
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        made_once("tried", make)
    found = [made_once("tried", make) for _ in range(3)]
    assert len(made) == 2
    assert len(set(found)) == 1
    assert [path.name for path in found[0].iterdir()] == ["part"]
