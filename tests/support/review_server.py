"""The review page's server for tests: `main.py -m review --serve` as a process of its own, and how to ask it."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from tests.support.paths import ROOT

MAIN = ROOT / "main.py"


def interpreted(*arguments: str) -> subprocess.Popen:
    """main.py with these arguments, as a user starts it; stdout and stderr are one stream."""
    command = [sys.executable, str(MAIN), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Server:
    """A server over a folder of reels, on a free port; killed, as by SIGKILL, at the end of a `with` block.

    start: how main.py is, with its arguments; that of `Warm` takes a thirtieth of the time.
    """

    def __init__(self, reels: Path, *flags: str, start: Callable[..., Any] = interpreted):
        self.process = start("-m", "review", "--serve", "--port", "0", "--data-clips", str(reels), *flags)
        self.told, found = [], None  # lines up to the one with the address
        while found is None:
            line = self.process.stdout.readline()
            assert line, f"the server ended: {self.told}"
            self.told.append(line)
            found = re.search(r"http://[\d.]+:\d+", line)
        self.address = found[0]

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *error) -> None:
        self.process.kill()
        self.process.communicate()

    def get(self, path: str, body=None, method: str | None = None, **headers: str) -> tuple[int, bytes]:
        """(status, body) of a GET, or of a POST of a JSON body; `headers` with _ for -."""
        data = None if body is None else json.dumps(body).encode()
        named = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        request = urllib.request.Request(self.address + path, data, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def ask(self, path: str, body=None) -> dict:
        """The JSON of an answer under /api/reels/0/; fails when it is not a good one."""
        status, answer = self.get(f"/api/reels/0/{path}", body)
        assert status == 200, answer
        return json.loads(answer)


def verdicts_of(reel) -> dict[int, str]:
    """{window: verdict} as windows.csv has them."""
    table = pd.read_csv(reel.path / "windows.csv", keep_default_na=False)
    return table.set_index("window")["verdict"].to_dict()
