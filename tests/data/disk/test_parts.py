"""Names of what is being written, what is cleared of killed processes, and folders that take others' places."""

import os
import shutil
import time

import pytest

from data.disk import files, parts
from data.disk.exchange import exchange
from data.disk.files import replacing, replacing_folder, write_text
from data.disk.parts import HOST, MADE, beside, remove_folder, tidy

DEAD = 2**22 + 1  # above the highest process number that Linux gives


def test_two_writers_never_share_a_name(tmp_path):
    made = {beside(tmp_path / "scores.csv", "part", ".csv").name for _ in range(1000)}
    assert len(made) == 1000
    assert all(MADE.fullmatch(name)["name"] == "scores" for name in made)
    assert all(name.endswith(".part.csv") for name in made)  # writers choose the format by it


def test_two_writers_of_one_file_leave_what_one_of_them_wrote(tmp_path):
    with replacing(tmp_path / "a.csv") as first, replacing(tmp_path / "a.csv") as second:
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a.csv").read_text() == "first"  # which was done last
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


LEFT = (f".quiet.{HOST}-{DEAD}-0123abcd.part", f".a.b.{HOST}-{DEAD}-0123abcd.part.npz")
NOT_LEFT = (
    f".quiet.{HOST}-{os.getpid()}-0123abcd.part",  # whose process is at it
    ".quiet.ffffff-1-0123abcd.part",  # of another machine
    ".mine.part", ".lock", "quiet.part", f"quiet.{HOST}-{DEAD}-0123abcd.part", f".a.{HOST}-x-0123abcd.part",
)  # fmt: skip


def test_only_what_killed_processes_left_is_cleared(tmp_path):
    for name in (*LEFT, *NOT_LEFT):
        (tmp_path / name).mkdir() if "quiet" in name else (tmp_path / name).touch()
    tidy(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(NOT_LEFT)
    yesterday = time.time() - 2 * 86_400
    os.utime(tmp_path / NOT_LEFT[1], (yesterday, yesterday))
    tidy(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(set(NOT_LEFT) - {NOT_LEFT[1]})


def test_nothing_gets_into_a_folder_while_it_is_emptied(tmp_path, monkeypatch):
    """A worker that nobody waits for any more writes one more file at the worst moment."""
    emptied, late = shutil.rmtree, []

    def write_and_empty(path, **how):
        with pytest.raises(FileNotFoundError):
            (tmp_path / "blocks" / "late").write_text("late")
        emptied(path, **how)
        late.append(path)

    write_text(tmp_path / "blocks" / "early", "early")
    monkeypatch.setattr(parts.shutil, "rmtree", write_and_empty)
    remove_folder(tmp_path / "blocks")
    remove_folder(tmp_path / "blocks")
    assert len(late) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_former_folder_comes_back_where_none_took_its_place(tmp_path):
    for name in ("cam", "dome"):
        former = tmp_path / f".{name}.{HOST}-{DEAD}-0123abcd.old"
        write_text(former / "scores.csv", "former")
    write_text(tmp_path / "dome" / "scores.csv", "new")
    tidy(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cam", "dome"]
    assert (tmp_path / "cam" / "scores.csv").read_text() == "former"
    assert (tmp_path / "dome" / "scores.csv").read_text() == "new"


def test_a_link_is_removed_and_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    write_text(tmp_path / "elsewhere" / "a.txt", "kept")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / LEFT[0]).symlink_to(tmp_path / "elsewhere")
    tidy(tmp_path / "here")
    assert (tmp_path / "elsewhere" / "a.txt").read_text() == "kept"
    assert list((tmp_path / "here").iterdir()) == []


def former(folder):
    for name in ("scores.csv", "matches.csv", "notes.txt", "voevents/event_0001.xml", "mine/a.txt"):
        write_text(folder / name, f"former {name}")


def test_a_new_folder_takes_the_place_and_what_is_the_users_stays(tmp_path):
    former(tmp_path / "cam")
    with replacing_folder(tmp_path / "cam", ("scores.csv", "matches.csv", "voevents")) as new:
        write_text(new / "scores.csv", "new")
    found = {p.relative_to(tmp_path).as_posix(): p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {
        "cam/scores.csv": "new",
        "cam/notes.txt": "former notes.txt",
        "cam/mine/a.txt": "former mine/a.txt",
    }


def test_an_error_leaves_the_former_folder_as_it_was(tmp_path):
    former(tmp_path / "cam")
    before = {p: p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(FileNotFoundError), replacing_folder(tmp_path / "cam", ()) as new:
        (new / "no" / "such" / "folder").touch()
    assert {p: p.read_text() for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.fixture
def exchanged(tmp_path):
    """A folder with a folder `b` and a file `a`, which had the other's name."""
    write_text(tmp_path / "a" / "x", "first")
    write_text(tmp_path / "b", "second")
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this system or file system has no exchange of names")
    return tmp_path


def test_folders_and_files_are_exchanged_or_stay(exchanged):
    assert ((exchanged / "a").read_text(), (exchanged / "b" / "x").read_text()) == ("second", "first")
    assert not exchange(exchanged / "a", exchanged / "none")
    assert (exchanged / "a").read_text() == "second"


STEPS = ("replace", "unlink", "rmdir", "fsync", "mkdir", "link")


def states_of_exchange(folder, monkeypatch):
    """What `cam` holds after each step of an exchange, "" for nothing."""
    write_text(folder / "cam" / "scores.csv", "former")
    seen = []

    def look():
        path = folder / "cam" / "scores.csv"
        seen.append(path.read_text() if path.exists() else "")

    def looking(step):
        def done(*arguments, **named):
            look()
            step(*arguments, **named)
            look()

        return done

    with monkeypatch.context() as changed:
        for name in STEPS:
            changed.setattr(os, name, looking(getattr(os, name)))
        with replacing_folder(folder / "cam") as new:
            write_text(new / "scores.csv", "new")
    return list(dict.fromkeys(seen))


def test_at_every_step_the_former_or_the_new_folder_is_there(exchanged, monkeypatch):
    assert states_of_exchange(exchanged, monkeypatch) == ["former", "new"]
    assert sorted(p.name for p in exchanged.iterdir()) == ["a", "b", "cam"]  # the former one is gone


def test_without_an_exchange_of_names_the_former_one_can_be_given_back(tmp_path, monkeypatch):
    """As on file systems that have none: what `tidy` finds after a kill between the two renames is the former one."""
    monkeypatch.setattr(files, "exchange", lambda first, second: False)
    assert states_of_exchange(tmp_path, monkeypatch) == ["former", "", "new"]
    assert [p.name for p in tmp_path.iterdir()] == ["cam"]
