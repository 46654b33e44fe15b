"""A program in processes forked from one that has loaded what it needs: a start takes 0.1 s of the processor, not 3.

    python tests/support/warm.py SOCKET FORBIDDEN PROGRAM MODULE ...

PROGRAM is a module with `main(arguments)`, FORBIDDEN names packages that can't be imported, with commas. Asked over the
socket (a file descriptor) with arguments and whether to wait, as JSON, and with where its output goes and, if it reads
any, its input is from, it answers with the exit status, or with the number of the process; that stays its own, as
nobody has waited for it.
"""

import atexit
import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import traceback
from functools import cache
from pathlib import Path
from signal import SIGKILL

ROOT = Path(__file__).resolve().parents[2]


class Forked:
    """A process of `Warm`, with the part of subprocess.Popen that tests ask for."""

    def __init__(self, pid: int, output: int):
        self.pid, self.stdout = pid, os.fdopen(output, encoding="utf-8")

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(SIGKILL)

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


class Warm:
    """A process that has loaded a program and other modules, until `end`."""

    def __init__(self, program: str, *modules: str, forbidden: str = ""):
        self.socket, theirs = socket.socketpair()
        command = [sys.executable, __file__, str(theirs.fileno()), forbidden, program, *modules]
        given = {"cwd": ROOT, "env": os.environ | {"OMP_NUM_THREADS": "1"}, "stdin": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], **given)
        theirs.close()

    def start(self, *arguments: str, errors: int | None = None) -> Forked:
        """The program with these arguments; stdout and stderr are one stream, or errors the file of stderr."""
        ours, theirs = os.pipe()
        pid = self._asked(arguments, False, [theirs, theirs if errors is None else errors])
        os.close(theirs)
        return Forked(pid, ours)

    def run(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess:
        """The program with these arguments and this on stdin, to its end."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as stdin:
            stdin.write(given)
            stdin.seek(0)
            status = self._asked(arguments, True, [out.fileno(), err.fileno(), stdin.fileno()])
            said = [file.read().decode() for file in (out, err) if not file.seek(0)]
        return subprocess.CompletedProcess(arguments, status, *said)

    def _asked(self, arguments: tuple[str, ...], waits: bool, files: list[int]) -> int:
        socket.send_fds(self.socket, [json.dumps([arguments, waits]).encode()], files)
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


def run(program, arguments: list[str], files: list[int]) -> int:
    """The number of a new process that runs the program."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        for own, given in zip((1, 2, 0), files, strict=False):
            os.dup2(given, own)
        code = program.main(arguments)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def serve(asked: socket.socket, program) -> None:
    while True:
        words, files, *_ = socket.recv_fds(asked, 100_000, 3)
        if not words:  # nobody will ask any more
            return
        arguments, waits = json.loads(words)
        pid = run(program, arguments, files)
        for file in files:
            os.close(file)
        answer = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if waits else pid
        asked.send(str(answer).encode())


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    sys.meta_path[:] = [Others(finder, set(sys.argv[2].split(","))) for finder in sys.meta_path]
    loaded = [importlib.import_module(module) for module in sys.argv[3:]]
    serve(socket.socket(fileno=int(sys.argv[1])), loaded[0])
