"""Runs scripts with `--quick`, each once, in processes of their own; see preloaded.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.dask_cluster import FORKED
from tests.support.paths import ROOT
from tests.support.spent import SPENT


class Runner:
    """What the scripts say and write goes to a folder."""

    def __init__(self, folder: Path):
        self.folder, self.known, self.counted_s = folder, {}, 0.0
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(folder)}
        environment |= {FORKED: "forkserver"}
        command = [sys.executable, str(ROOT / "tests" / "support" / "preloaded.py")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd=folder, env=environment, **pipes)

    def figures(self, script: Path, paints: bool = True) -> dict:
        """What a script writes; fails with what it said last. paints: see drawing.py."""
        if script not in self.known:
            written, said = (self.folder / f"{script.parent.name}-{script.stem}.{kind}" for kind in ("json", "txt"))
            asked = [str(script), ["--quick", "--json", str(written)], str(said), paints]
            self.process.stdin.write(json.dumps(asked) + "\n")
            self.process.stdin.flush()
            status, _, seconds = self.process.stdout.readline().strip().partition(" ")
            self.count(float(seconds or 0))
            assert status == "0", f"exit status {status}: {said.read_text(encoding='utf-8')[-3000:]}"
            self.known[script] = json.loads(written.read_text(encoding="utf-8"))
        return self.known[script]

    def count(self, seconds: float) -> None:
        """Of the test that is under way, as processes that it did not start itself count once theirs has ended."""
        SPENT.before_s -= seconds
        self.counted_s += seconds

    def end(self) -> None:
        """Ask the process to end, and wait for it."""
        self.process.communicate()
        self.count(-self.counted_s)  # which were counted now, all together
