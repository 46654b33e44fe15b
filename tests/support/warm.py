"""A program in processes forked from one that has loaded what it needs: a start takes 0.1 s of the processor, not 3.

    python tests/support/warm.py SOCKET FORBIDDEN PROGRAM MODULE ...

PROGRAM is a module with `main(arguments)`, FORBIDDEN names packages that can't be imported, with commas. Asked over the
socket (a file descriptor) with a program, its arguments and the folder that it works in, as JSON, and with where its
output goes and, if it reads any, its input is from, it answers with the number of the process; that stays its own, as
nobody has waited for it. Asked with such a number it waits, and answers with the exit status.
"""

import atexit
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Forked:
    """A process of `Warm`, with the part of subprocess.Popen that tests ask for."""

    def __init__(self, pid: int, output: int, warm: "Warm"):
        self.pid, self.stdout, self.warm = pid, os.fdopen(output, encoding="utf-8"), warm

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def has_ended(self) -> bool:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"

    def wait(self) -> None:
        """Until nobody can write to its output any more."""
        self.communicate()

    def communicate(self) -> str:
        """What it still says, until its end."""
        said = ""
        if not self.stdout.closed:
            said = self.stdout.read()
            self.stdout.close()
        return said

    def end(self) -> int:
        """Wait for it, once; returns the exit status, that of a signal below zero."""
        self.wait()
        return self.warm.ask(self.pid)


class Warm:
    """A process that has loaded a program and other modules, until `end`."""

    def __init__(self, program: str, *modules: str, forbidden: str = ""):
        self.program = program
        self.socket, theirs = socket.socketpair()
        command = [sys.executable, __file__, str(theirs.fileno()), forbidden, program, *modules]
        given = {"cwd": ROOT, "env": os.environ | {"OMP_NUM_THREADS": "1"}, "stdin": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], **given)
        theirs.close()

    def start(
        self,
        *arguments: str,
        errors: int | None = None,
        given: int | None = None,
        program: str = "",
        folder: Path = ROOT,
    ) -> Forked:
        """The program, or another one, with these arguments, which works in a folder.

        stdout and stderr are one stream, or errors the file of stderr; given: that of stdin.
        """
        ours, theirs = os.pipe()
        files = [theirs, theirs if errors is None else errors, *([] if given is None else [given])]
        pid = self.ask([program or self.program, arguments, str(folder)], files)
        os.close(theirs)
        return Forked(pid, ours, self)

    def run(self, *arguments: str, given: bytes = b"", program: str = "") -> subprocess.CompletedProcess:
        """The program, or another one, with these arguments and this on stdin, to its end."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as stdin:
            stdin.write(given)
            stdin.seek(0)
            what = [program or self.program, arguments, str(ROOT)]
            status = self.ask(self.ask(what, [out.fileno(), err.fileno(), stdin.fileno()]))
            said = [file.read().decode() for file in (out, err) if not file.seek(0)]
        return subprocess.CompletedProcess(arguments, status, *said)

    def ask(self, what: object, files: Sequence[int] = ()) -> int:
        """Its answer; see the module."""
        socket.send_fds(self.socket, [json.dumps(what).encode()], files)
        answer = self.socket.recv(100)
        assert answer, f"it has ended with {self.process.wait()}"
        return int(answer)

    def end(self) -> None:
        self.socket.close()
        self.process.wait()


class Others:
    """A finder of modules that finds none of some packages."""

    def __init__(self, finder, forbidden: set[str]):
        self.finder, self.forbidden = finder, forbidden

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in self.forbidden else self.finder.find_spec(name, path, target)


@cache
def warm_main() -> Warm:
    """The whole program, which all tests of this process share."""
    made = Warm("main", "data.prepare_data", "data.review_processed_data", "data.review.page.server",
                "inference.evaluate", "inference.follow.all_streams", "models.autoencoder")  # fmt: skip
    atexit.register(made.end)
    return made


def run(program: str, arguments: list[str], folder: str, files: list[int]) -> int:
    """The number of a new process that runs the program in a folder."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        for own, given in zip((1, 2, 0), files, strict=False):
            os.dup2(given, own)
        os.chdir(folder)
        code = importlib.import_module(program).main(arguments) or 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def serve(asked: socket.socket) -> None:
    while True:
        words, files, *_ = socket.recv_fds(asked, 100_000, 3)
        if not words:  # nobody will ask any more
            return
        what = json.loads(words)
        answer = os.waitstatus_to_exitcode(os.waitpid(what, 0)[1]) if isinstance(what, int) else run(*what, files)
        for file in files:
            os.close(file)
        asked.send(str(answer).encode())


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    sys.meta_path[:] = [Others(finder, set(sys.argv[2].split(","))) for finder in sys.meta_path]
    for module in sys.argv[3:]:
        importlib.import_module(module)
    serve(socket.socket(fileno=int(sys.argv[1])))
