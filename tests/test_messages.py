"""What the program says: plain lines on stderr, progress as lines where that is no terminal, errors in a line."""

import errno
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import main as program
from data import messages
from data.messages import amount, logger, progress, show, shown, unexpected, with_way_out
from tests.support.paths import ROOT
from tests.support.reels import drifting_blobs, make_reel

STEPS = """
import time
from data.messages import logger, progress, show
show("info")
for step in progress(range(40), desc="walking", unit="step"):
    time.sleep(0.01)
    if step == 20:
        logger("legs").info("half way")
"""


def steps(**streams):
    return subprocess.run([sys.executable, "-c", STEPS], cwd=ROOT, check=True, timeout=60, **streams)


def test_messages_are_plain_and_warnings_say_so(capsys):
    logger("some.module").info("so it is: 100 % done")
    logger("some.module").warning("but look")
    assert capsys.readouterr() == ("", "so it is: 100 % done\nwarning: but look\n")


def test_only_messages_of_the_level_are_shown_and_each_once(capsys):
    show("warning")
    show("warning")
    assert shown() == "warning"
    logger("a").info("no")
    logger("a").warning("yes")
    assert capsys.readouterr().err == "warning: yes\n"


def test_of_several_processes_only_the_first_talks(capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    show("info")
    logger("a").warning("the first says it")
    logger("a").error("error: here")
    assert capsys.readouterr().err == "error: here\n"


def test_a_log_holds_lines_and_no_bar(tmp_path):
    with (tmp_path / "log").open("w") as log:
        steps(stderr=log)
    text = (tmp_path / "log").read_text()
    *_, last = text.splitlines()
    assert text.splitlines()[0] == "half way"
    assert last.startswith("walking: 40/40 step, ")
    assert last.endswith("00:00 left")
    assert "\r" not in text
    assert "\x1b" not in text


def test_a_terminal_shows_a_bar():
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")  # not on Windows
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    steps(stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 4096):
            said += part
    except OSError:  # the end of a terminal that nobody holds open any more
        pass
    assert b"\rwalking: 100%|" in said
    assert b"half way" in said


def test_lines_of_progress_lie_apart(monkeypatch, capsys):
    monkeypatch.setattr(messages, "LINE_EVERY_S", 0.2)
    begun = time.monotonic()
    for _ in progress(range(100), desc="walking", unit="step"):
        time.sleep(0.01)
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 1 + (time.monotonic() - begun) / 0.2
    assert all("step" in line and "left" in line for line in lines)


@pytest.mark.parametrize("settings", [{"leave": False}, {"disable": True}])
def test_progress_without_a_last_line(settings, capsys):
    with progress(total=3, desc="walking", **settings) as bar:
        bar.update(3)
    assert capsys.readouterr().err == ""


def test_nothing_is_said_of_no_steps(capsys):
    assert list(progress([], desc="walking")) == []
    assert capsys.readouterr().err == ""


WORKERS = """
from data.messages import logger, show
from data.frames.workers.pool import make_executor

if __name__ == "__main__":
    show("warning")
    with make_executor(2) as executor:
        for say in (logger("worker").info, logger("worker").warning):
            executor.submit(say, f"{say.__name__} from a worker").result()
"""


def test_workers_show_what_the_program_shows(tmp_path):
    """In a process of its own: the server that workers are forked from keeps the stderr that it was started with."""
    (tmp_path / "workers.py").write_text(WORKERS)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, tmp_path / "workers.py"], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stderr == "warning: warning from a worker\n"


def test_errors_of_the_system_say_what_to_do():
    assert "--data-clips" in with_way_out(OSError(errno.ENOSPC, "No space left on device"))
    assert "may write to" in with_way_out(PermissionError(errno.EACCES, "Permission denied", "x"))
    assert with_way_out(OSError("as it is")) == "as it is"


def test_memory_that_runs_out_is_told_with_the_way_out():
    import torch

    for error in (MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate\nmore lines")):
        text = unexpected(error)
        assert "out of memory" in text
        assert "train.batch_size" in text
        assert "\n" not in text


@pytest.fixture
def broken(monkeypatch):
    def fail(config):
        raise KeyError("shape")

    monkeypatch.setitem(program.MODES, "review", fail)


def test_what_was_not_foreseen_ends_with_1_in_a_line(broken, capsys):
    assert program.main(["-m", "review", "--log-level", "warning"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("unexpected error: KeyError: 'shape'; please report it; the details are in ")
    assert len(said.splitlines()) == 1
    log = Path(said.split()[-1])
    assert "KeyError: 'shape'" in log.read_text()
    assert "Traceback" in log.read_text()
    log.unlink()


def test_debug_shows_where_it_happened(broken, capsys):
    assert program.main(["-m", "review", "--log-level", "debug"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert 'raise KeyError("shape")' in said


def test_without_show_only_warnings_are_seen():
    code = "from data.messages import *\nlogger('a').info('no')\nlist(progress(range(3)))\nlogger('a').warning('yes')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "yes\n")


def test_results_are_on_stdout_alone(tmp_path, capsys):
    make_reel(tmp_path / "raw" / "r", drifting_blobs(40, 16, 16))
    base = ["-c", str(ROOT / "config.yaml"), "--data-raw", str(tmp_path / "raw"), "--data-clips", str(tmp_path / "out")]
    assert program.main(["-m", "prep", *base, "--set", "prep.light_curves={grid: [2, 2]}"]) == 0
    told = capsys.readouterr()
    (reel,) = (tmp_path / "out").glob("[!.]*")
    assert told.out == f"reel: {reel}\n"
    assert "settings: " in told.err


def test_interrupts_say_how_to_go_on(monkeypatch, capsys):
    def stop(config):
        raise KeyboardInterrupt("stopped after step 3; go on with --resume --model-path r")

    monkeypatch.setitem(program.MODES, "train", stop)
    assert program.main(["-m", "train"]) == 130
    assert "interrupted; stopped after step 3; go on with --resume --model-path r" in capsys.readouterr().err


def test_no_message_of_ours_is_lost_to_other_loggers():
    assert logging.getLogger(messages.ROOT).propagate


@pytest.mark.parametrize(
    ("number", "form", "told"),
    [
        (1, "", "1 event"),
        (0, "", "0 events"),
        (2, "", "2 events"),
        (1.0, ".3g", "1 event"),
        (0.9996, ".3g", "1 event"),
        (0.5, ".3g", "0.5 events"),
        (1e-6, ".3g", "1e-06 events"),
        (1000, ",", "1,000 events"),
    ],
)
def test_one_is_told_in_the_singular_as_it_is_written(number, form, told):
    assert amount(number, "event", form) == told
