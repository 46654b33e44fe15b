"""Rows of a series to a bundle: the events that `eval --follow` tells, without PyTorch."""

import io
import json
import os
import shutil
import sys
from types import SimpleNamespace

import pytest

from data.disk.damage import Damaged
from inference.follow.records import parts
from inference.runner.__main__ import main
from inference.runner.bundle import ABOUT
from inference.runner.run import Runner
from tests.support.bundles import exported, run_without_torch
from tests.support.live_series import settings, trained, watched
from tests.support.streams import followed

OWN = ("at", "stream", "model", "config", "reel")  # of the run, the moment and the source


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a run, its bundle, a table with a spike, a shift and a burst, and what following it tells."""
    folder = tmp_path_factory.mktemp("rows")
    run = trained(folder)
    watched().to_csv(folder / "watched.csv", index=False)
    exported(run, folder / "sub_pca.yaml")
    result = followed(settings(folder, eval__follow=str(folder / "watched.csv")))
    told = [json.loads(line) for part in parts(result / "events.jsonl") for line in part.read_text().splitlines()]
    (folder / "told.json").write_text(json.dumps(plain(told)))
    return folder


def plain(records: list[dict]) -> list[dict]:
    """Events as anyone tells them."""
    return [{k: v for k, v in r.items() if k not in OWN} for r in records if r["type"] in ("open", "closed")]


def assert_as_followed(work, records: list[dict]):
    expected = json.loads((work / "told.json").read_text())
    assert len(expected) >= 6  # three events that open and close
    assert len(records) == len(expected)
    for ours, theirs in zip(plain(records), expected, strict=True):
        assert {k: v for k, v in ours.items() if not isinstance(v, float)} == {
            k: v for k, v in theirs.items() if not isinstance(v, float)
        }
        numbers = {k: v for k, v in theirs.items() if isinstance(v, float)}
        assert {k: ours[k] for k in numbers} == pytest.approx(numbers, rel=1e-4, abs=1e-5)


def test_without_pytorch_a_table_has_the_events_that_follow_tells(work):
    done = run_without_torch(work / "sub_pca" / "export", work / "watched.csv", "--timeout", "0.1", "--threads", "1")
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert {r["stream"] for r in records} == {"watched"}
    assert_as_followed(work, records)


def test_rows_on_standard_input_have_the_same_events(work, monkeypatch, capsys):
    content = (work / "watched.csv").read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert main([str(work / "sub_pca" / "export"), "-", "--threads", "1"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {r["stream"] for r in records} == {"stdin"}
    assert_as_followed(work, records)


def test_without_a_standard_input_there_are_no_rows(work, monkeypatch, caplog):
    monkeypatch.setattr(sys, "stdin", None)  # as Python has it, started with <&-
    assert main([str(work / "sub_pca" / "export"), "-"]) == 1
    assert "standard input is closed" in caplog.text


def test_who_is_interrupted_is_told_what_there_is(work, monkeypatch, caplog):
    def interrupted(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(Runner, "of_rows", interrupted)
    assert main([str(work / "sub_pca" / "export"), "-"]) == 130
    assert caplog.messages[-1] == "interrupted; the records that were printed are whole"


def test_rows_that_are_left_out_are_told(work, tmp_path, caplog):
    lines = (work / "watched.csv").read_text().splitlines()
    (tmp_path / "late.csv").write_text("\n".join([*lines[:90], lines[5], *lines[90:130], "x,y,z,"]) + "\n")
    records = list(Runner(work / "sub_pca" / "export", 1).of_rows(str(tmp_path / "late.csv"), 0.1))
    assert [r["type"] for r in records].count("left_out") == 2
    assert "2 rows of 131 were left out" in caplog.text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no row came from"),
        ("time,temperature,vibration\n", "no row came from"),
    ],
)
def test_what_holds_no_row_is_an_error_in_a_line(work, tmp_path, content, reason, caplog, capsys):
    (tmp_path / "none.csv").write_text(content)
    assert main([str(work / "sub_pca" / "export"), str(tmp_path / "none.csv"), "--timeout", "0.1"]) == 1
    assert reason in caplog.text
    assert "Traceback" not in caplog.text
    assert capsys.readouterr().out == ""


def test_what_is_no_table_is_refused_with_the_way_out(work, tmp_path, caplog):
    (tmp_path / "a.mp4").write_bytes(b"\0" * 99)
    assert main([str(work / "sub_pca" / "export"), str(tmp_path / "a.mp4")]) == 1
    assert "tables that grow are text" in caplog.text


def test_a_pipe_that_is_no_standard_input_is_refused_in_the_words_of_the_runner(work, tmp_path, caplog):
    os.mkfifo(tmp_path / "pipe")
    assert main([str(work / "sub_pca" / "export"), str(tmp_path / "pipe")]) == 1
    assert "pipe is no file; the model was trained on a series: give a table that grows, - for rows" in caplog.text
    assert "--follow" not in caplog.text


def test_a_folder_without_reels_is_told_how_they_are_made(work, tmp_path, caplog):
    (tmp_path / "a.png").write_bytes(b"")
    assert main([str(work / "sub_pca" / "export"), str(tmp_path)]) == 1
    assert f"{tmp_path} holds no reel; make a reel with python main.py -m prep" in caplog.text


def test_a_bundle_of_before_is_refused_with_the_way_to_a_new_one(work, tmp_path):
    """What its thresholds are in is not what everything is scored in now."""
    before = shutil.copytree(work / "sub_pca" / "export", tmp_path / "export") / ABOUT
    about = {key: value for key, value in json.loads(before.read_text()).items() if key != "sha256"}
    before.write_text(json.dumps(about | {"format": "reelwatch bundle 2"}))
    with pytest.raises(Damaged, match=r"'reelwatch bundle 2', not a .*export it again with: python main.py -m export"):
        Runner(before.parent, 1)


def test_a_bundle_that_follows_no_rows_says_why(work):
    runner = Runner(work / "sub_pca" / "export", 1)
    runner.bundle = SimpleNamespace(path=runner.bundle.path, about={"no_rows": "it was trained on pictures"}, rows=None)
    with pytest.raises(ValueError, match="can follow no series: it was trained on pictures; make a reel"):
        runner.of_rows("-", 1.0)
