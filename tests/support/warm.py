"""main.py in processes forked from one that has loaded what a mode needs: a start takes 0.1 s of the processor, not 3.

    python tests/support/warm.py SOCKET MODULE ...

Asked over the socket (a file descriptor) with arguments as JSON and where its output goes, it answers with the number
of a process that runs main.py with these. It waits for none of them, so their numbers are theirs until it ends itself.
"""

import importlib
import json
import os
import socket
import subprocess
import sys
import traceback
from pathlib import Path
from signal import SIGKILL

ROOT = Path(__file__).resolve().parents[2]


class Forked:
    """A process of `Warm`, with the part of subprocess.Popen that tests ask for."""

    def __init__(self, pid: int, output: int):
        self.pid, self.stdout = pid, os.fdopen(output, encoding="utf-8")

    def kill(self) -> None:
        os.kill(self.pid, SIGKILL)

    def wait(self) -> None:
        """Until nobody can write to its output any more."""
        self.communicate()

    def communicate(self) -> None:
        """Read what it still says, until its end."""
        if not self.stdout.closed:
            self.stdout.read()
            self.stdout.close()


class Warm:
    """A process that has loaded main.py and other modules, until `end`."""

    def __init__(self, *modules: str):
        self.socket, theirs = socket.socketpair()
        command = [sys.executable, __file__, str(theirs.fileno()), "main", *modules]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()

    def start(self, *arguments: str) -> Forked:
        """main.py with these arguments; stdout and stderr are one stream."""
        ours, theirs = os.pipe()
        socket.send_fds(self.socket, [json.dumps(arguments).encode()], [theirs])
        os.close(theirs)
        pid = self.socket.recv(100)
        assert pid, f"it has ended with {self.process.wait()}"
        return Forked(int(pid), ours)

    def end(self) -> None:
        self.socket.close()
        self.process.wait()


def run(arguments: list[str], output: int) -> int:
    """The number of a new process that runs main.py."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = sys.modules["main"].main(arguments)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def serve(asked: socket.socket) -> None:
    while True:
        words, outputs, *_ = socket.recv_fds(asked, 100_000, 1)
        if not words:  # nobody will ask any more
            return
        asked.send(str(run(json.loads(words), *outputs)).encode())
        os.close(*outputs)


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    for module in sys.argv[2:]:
        importlib.import_module(module)
    serve(socket.socket(fileno=int(sys.argv[1])))
