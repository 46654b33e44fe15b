"""The program, held after each call of one of its functions until it is told to go on, or killed.

Says `held` on stdout then and waits for a line on stdin: a test that looks at files until a moment has come finds on a
busy machine that it has passed.
"""

import functools
import importlib
import os
import sys
from operator import attrgetter
from pathlib import Path

from tests.support.warm import warm_main


class Held:
    """Such a process; what it says on stderr goes to a file of its folder."""

    def __init__(self, folder: Path, function: str, *words: object):
        self.errors = folder / "stderr.txt"
        given, ours = os.pipe()
        self.stdin = os.fdopen(ours, "wb", buffering=0)
        with self.errors.open("wb") as errors:
            held = [*function.rsplit(":", 1), *map(str, words)]
            self.process = warm_main().start(*held, errors=errors.fileno(), given=given, program="tests.support.held")
        os.close(given)

    def wait(self) -> None:
        """Return once it is held; fails where it has ended before."""
        for line in self.process.stdout:
            if line == "held\n":
                return
        raise AssertionError(f"it has ended: {self.errors.read_text(encoding='utf-8')[-3000:]}")

    def go_on(self) -> None:
        self.stdin.write(b"\n")

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def end(self) -> int:
        """Hold it no more; returns its exit status."""
        self.stdin.close()
        return self.process.end()


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


def main(words: list[str]) -> int:
    """The words are a module, its function, and those of the program."""
    import main as program

    module, function, *given = words
    hold_after(module, function)
    return program.main(given)
