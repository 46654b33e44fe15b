"""The files for Slurm and HTCondor give shards to all, and their reels are those of one process. No queue is here: what
it would start is started by a loop."""

import os
import re
import shlex
import subprocess
import sys

import pytest

import main
from tests.support.digests import digests
from tests.support.fits_files import write_frames
from tests.support.paths import ROOT

FOLDER = ROOT / "demo" / "cluster"
SMALL = ["--set", "prep.clip_length=4", "--set", "prep.resize=[10, 14]"]
pytestmark = [pytest.mark.pictures, pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")]


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    write_frames(folder, 9, shape=(24, 32))
    return folder


@pytest.fixture(scope="module")
def alone(raw, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone")
    run_here(["main.py", "-m", "prep", "--data-raw", raw, "--data-clips", out, "--workers", "0", *SMALL])
    return digests(out)


def run(words, program, **environment):
    known = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    command = [program, *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, env=known | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def run_here(words):
    """What begins with main.py, in this process: its start in a shell is the business of Slurm's files."""
    assert words[0] == "main.py"
    assert main.main([*map(str, words[1:])]) == 0


def test_an_array_of_slurm(raw, alone, tmp_path):
    words = ["prep", "--data-raw", raw, "--data-clips", tmp_path / "out", *SMALL]
    slurm = {"PYTHON": sys.executable, "SLURM_SUBMIT_DIR": str(ROOT), "SLURM_CPUS_PER_TASK": "1"}
    for task in ("2", "1"):
        given = slurm | {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_COUNT": "2"}
        assert f"{task}-of-2" in run([FOLDER / "array.sbatch", *words], "sh", **given).stdout
    again = slurm | {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_COUNT": "1", "SHARDS": "2"}
    run([FOLDER / "array.sbatch", *words], "sh", **again)
    run([FOLDER / "join.sbatch", *words], "sh", **slurm)
    assert digests(tmp_path / "out") == alone


def test_a_submit_file_of_htcondor(raw, alone, tmp_path):
    lines = (FOLDER / "array.condor").read_text().splitlines()
    settings = dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in lines if re.match(r"\w+ = ", line))
    assert lines[-1] == "queue $(count)"
    assert settings["number"] == "$(Process) + 1"
    settings |= {"count": "2", "raw": str(raw), "reels": str(tmp_path / "out")}
    for process in range(2):
        text = settings["arguments"].replace("$INT(number)", str(process + 1))
        text = re.sub(r"\$\((\w+)\)", lambda found: settings[found[1]], text)
        run_here([*shlex.split(text), *SMALL])
    run_here(["main.py", "-m", "prep", "--data-raw", raw, "--data-clips", tmp_path / "out", "--join", *SMALL])
    assert digests(tmp_path / "out") == alone
