"""The program, held after each call of one of its functions until it is told to go on, or killed.

    python -m tests.support.held MODULE FUNCTION words of the program

Says `held` on stdout then and waits for a line on stdin: a test that looks at files until a moment has come finds on a
busy machine that it has passed.
"""

import functools
import importlib
import os
import signal
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

from tests.support.paths import ROOT


class Held:
    """Such a process; its folder is where it works."""

    def __init__(self, folder: Path, function: str, *words: object):
        command = [sys.executable, "-m", "tests.support.held", *function.rsplit(":", 1), *map(str, words)]
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        self.errors = folder / "stderr.txt"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": paths},
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)  # fmt: skip

    def wait(self) -> None:
        """Return once it is held; fails where it has ended before."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line == b"held\n":
                return
        raise AssertionError(f"it has ended: {self.errors.read_text(encoding='utf-8')[-3000:]}")

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def end(self) -> int:
        """Hold it no more; returns its exit status."""
        self.process.communicate()
        return self.process.returncode


def hold_after(module: str, function: str) -> None:
    """Have every call of a function of a module end with the wait."""
    *owner, name = function.split(".")
    place = attrgetter(".".join(owner))(importlib.import_module(module)) if owner else importlib.import_module(module)
    original = getattr(place, name)

    @functools.wraps(original)
    def holding(*arguments, **named):
        found = original(*arguments, **named)
        print("held", flush=True)
        sys.stdin.readline()
        return found

    setattr(place, name, holding)


def main(module: str, function: str, *words: str) -> int:
    import main as program

    hold_after(module, function)
    return program.main(list(words))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
