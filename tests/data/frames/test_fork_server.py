"""Workers of this machine have the program's modules, and those at once, whatever lies in the folder one works in."""

import multiprocessing
import subprocess
import sys

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="there is no server to fork from"
)
PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from data.frames.workers.fork_server import context_with

def loaded():
    return sys.modules["data.units"].__file__  # nobody but the server has imported it

if __name__ == "__main__":
    with context_with("data.units").Pool(1) as pool:
        print(pool.apply(loaded))
"""


@pytest.mark.parametrize("name", ["data/raw/frame.txt", "data/__init__.py"])
def test_a_folder_of_the_users_is_not_taken_for_the_programs(name, tmp_path):
    (tmp_path / "main.py").write_text(PROGRAM)
    own = tmp_path / "work" / name
    own.parent.mkdir(parents=True)
    own.write_text("raise ValueError('not the program')")
    command = [sys.executable, tmp_path / "main.py"]
    done = subprocess.run(command, cwd=tmp_path / "work", capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == str(ROOT / "data" / "units.py")
    assert not done.stderr
