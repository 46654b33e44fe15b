"""Whatever ends a run is one line and an exit code."""

import errno
import os
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
import torch

import main as program
from config import ConfigError, load
from data import failures
from data.frames.workers.pool import make_executor


def raised(error):
    def fail(config):
        raise error

    return fail


def of_library(config):
    np.zeros(3) @ np.zeros(4)


def nested(config):
    return nested(config)


def of_torch(config):
    torch.zeros(2, 3) @ torch.zeros(4, 5)


def of_arrow(config):
    import pyarrow

    pyarrow.array(["x"]).cast("int8")


@pytest.mark.parametrize(
    ("fail", "code", "start"),
    [
        (raised(ValueError("this is so; do that")), 1, "error: this is so; do that\n"),
        (raised(ConfigError("x: bad")), 2, "configuration error:\nx: bad\n"),
        (raised(KeyboardInterrupt()), 130, "interrupted; what was finished is kept"),
        (raised(OSError(errno.ENOSPC, "No space left on device", "x")), 1, "error: [Errno 28]"),
        (raised(MemoryError()), 1, "out of memory (MemoryError); lower train.batch_size"),
        (raised(torch.OutOfMemoryError("CUDA out of memory. Tried\nmore")), 1, "out of memory (OutOfMemoryError: CUDA"),
        (raised(RuntimeError("CUDA error: device-side assert triggered\nmore")), 1, "the accelerator failed (Runtime"),
        (raised(RuntimeError("DataLoader worker (pid 5) is killed by signal: Killed.")), 1, "error: a worker process"),
        (raised(BrokenProcessPool("A process was terminated abruptly")), 1, "error: a worker process died"),
        (raised(KeyError("x")), 1, "unexpected error: KeyError: 'x'; please report it; the details are in "),
        (of_library, 1, "error: matmul"),
        (of_torch, 1, "unexpected error: RuntimeError: mat1 and mat2"),
        (of_arrow, 1, "error: Failed to parse string"),
        (nested, 1, "unexpected error: RecursionError"),
    ],
)  # fmt: skip
def test_every_end_is_a_line_and_a_code(fail, code, start, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(program.MODES, "review", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert program.main(["-m", "review", "--log-level", "warning"]) == code
    said = capsys.readouterr().err
    assert said.startswith(start)
    assert len(said.splitlines()) == (2 if code == 2 else 1)
    logs = list(tmp_path.glob("reelwatch-*.log"))
    assert len(logs) == said.count("the details are in")
    assert all("Traceback" in log.read_text() and str(log) in said for log in logs)


def test_no_room_for_the_log_is_no_second_error(monkeypatch, capsys):
    monkeypatch.setitem(program.MODES, "review", raised(KeyError("x")))
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    assert program.main(["-m", "review", "--log-level", "warning"]) == 1
    assert capsys.readouterr().err == "unexpected error: KeyError: 'x'; please report it\n"


def test_a_worker_that_the_system_killed_for_memory_is_told_so(monkeypatch):
    assert "run the same command again" in failures.worker_died(BrokenProcessPool("gone"))
    monkeypatch.setattr(failures, "OOM_KILLS_BEFORE", failures.oom_kills() - 1)
    told = failures.worker_died(BrokenProcessPool("gone"))
    assert "ran out of memory" in told
    assert "--workers" in told


def test_an_error_of_a_worker_counts_as_the_programs_own():
    with make_executor(2) as executor, pytest.raises(ValueError, match="invalid literal") as caught:
        executor.submit(int, "x").result()
    assert failures.told_failure(caught.value) == ("error: invalid literal for int() with base 10: 'x'", 1)


def test_nobody_who_reads_is_no_error(monkeypatch, capsys):
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        monkeypatch.setitem(program.MODES, "review", lambda config: print("reel: x"))
        assert program.main(["-m", "review", "--log-level", "warning"]) == 141
        monkeypatch.undo()
    assert capsys.readouterr().err == ""


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(12))
MERGES = "m0: &m0 {k: 1}\n" + "".join(f"m{i + 1}: &m{i + 1} {{<<: [{', '.join([f'*m{i}'] * 9)}]}}\n" for i in range(12))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (LAUGHS, "more than 10000 values, with its aliases written out"),
        (MERGES, "more than 10000 values, with its aliases written out"),
        ("a: &a [*a]\n", "more than 10000 values, with its aliases written out"),
        ("a: " + "[" * 700, "nested too deeply"),
        ("a: [" + "1," * 10_001 + "]", "more than 10000 values"),
        ("a: " + "x" * 300_000, "more than any settings have"),
        ("seed: " + "9" * 5000, "not valid YAML"),
        ("seed: !!set {a}", "not valid YAML"),
        ("seed: !!bool x", "not valid YAML"),
        ("seed: !!timestamp x", "not valid YAML"),
        ("seed: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("? [a, b]\n: 1", "not valid YAML"),
        ("a: \x00", "not valid YAML"),
    ],
)
def test_no_yaml_takes_long_or_much(tmp_path, text, fault):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ConfigError, match=fault) as told:
        load(tmp_path / "x.yaml")
    assert len(str(told.value)) < 300


def test_a_few_aliases_are_as_good_as_any(tmp_path):
    (tmp_path / "x.yaml").write_text("prep: {clip_length: &n 12, stride: *n}\n")
    assert load(tmp_path / "x.yaml").prep.stride == 12
