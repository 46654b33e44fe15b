"""The review page over a real socket: verdicts outlive a killed server, strangers are refused."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pandas as pd
import pytest

from tests.reels import drifting_blobs, make_reel

ROOT = Path(__file__).parent.parent


@pytest.fixture
def reel(tmp_path):
    return make_reel(tmp_path / "reels" / "cam", drifting_blobs(60, 24, 24))


class Server:
    """`main.py -m review --serve` as a process of its own, on a free port."""

    def __init__(self, reels):
        command = [sys.executable, str(ROOT / "main.py"), "-m", "review", "--serve", "--port", "0"]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.process = subprocess.Popen([*command, "--data-clips", str(reels)], **options)
        lines = iter(self.process.stdout.readline, "")
        self.address = next(m[0] for line in lines if (m := re.search(r"http://127\.0\.0\.1:\d+", line)))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate()

    def get(self, path, body=None, **headers):
        """(status, body) of a GET, or of a POST of a JSON body."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"} | headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


def verdicts_of(reel):
    table = pd.read_csv(reel.path / "windows.csv", keep_default_na=False)
    return table.set_index("window")["verdict"].to_dict()


def test_verdicts_outlive_a_killed_server_and_can_be_undone(reel):
    with Server(reel.path.parent) as server:
        assert server.get("/")[0] == 200
        assert server.get("/api/reels/0/verdicts", {"windows": [1, 2], "verdict": "reject"})[0] == 200
    assert [w for w, v in verdicts_of(reel).items() if v == "reject"] == [1, 2]
    with Server(reel.path.parent) as server:
        status, clip = server.get("/api/reels/0/windows/1/clip")
        assert status == 200
        assert len(clip) > 500
        assert json.loads(server.get("/api/reels/0/undo", {})[1])["undone"] == [1, 2]
        assert server.get("/api/reels/0/verdicts", {"windows": [99], "verdict": "keep"})[0] == 400
        assert server.get("/api/reels/0/windows/99")[0] == 404
    assert "reject" not in verdicts_of(reel).values()


def test_strangers_are_refused(reel):
    with Server(reel.path.parent) as server:
        verdict = {"windows": [1], "verdict": "reject"}
        assert server.get("/", Host="evil.example")[0] == 421
        assert server.get("/api/reels/0/verdicts", verdict, Origin="http://evil.example")[0] == 403
        for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/static//etc/passwd"):
            assert server.get(path)[0] == 404
    assert "reject" not in verdicts_of(reel).values()
