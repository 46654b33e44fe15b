"""What all campaigns share: their options, what they count, and the program as a user runs it.

A campaign imports it first: `python tests/campaigns/NAME.py` knows only the folder of NAME.py, and from here on the
project's modules are found too.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

CAMPAIGNS = Path(__file__).resolve().parents[1]
ROOT = CAMPAIGNS.parents[1]
sys.path[:] = [str(ROOT), *(p for p in sys.path if Path(p).resolve() not in (ROOT, CAMPAIGNS)), str(CAMPAIGNS)]

TRACEBACK = "Traceback (most recent call last)"
LOOK_S = 0.05
ENDED_S = 300  # a program that is still at it then hangs


@dataclass
class Counts:
    """What a campaign has seen; all but `runs` and `peak_mb` ought to be 0."""

    runs: int = 0
    lost: int = 0  # work that was acknowledged and is gone
    mixed: int = 0  # results of two runs side by side
    tracebacks: int = 0  # a failure that is told by Python and not by the program
    silent: int = 0  # something wrong that was taken without a word
    peak_mb: float = 0.0  # the most memory of any process
    notes: list[str] = field(default_factory=list)  # one line each thing that ought not to be, with its seed

    def note(self, kind: str, line: str) -> None:
        """Count one of a kind ("lost", "mixed", "tracebacks", "silent") and say what it was."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.notes.append(f"{kind}: {line}")
        print(self.notes[-1], flush=True)


@dataclass
class Ended:
    """How a run of the program ended; `code` is -9 for one that was killed."""

    code: int
    output: str

    @property
    def has_traceback(self) -> bool:
        return TRACEBACK in self.output


def parser(doc: str, runs: int) -> argparse.ArgumentParser:
    """The options that all take; `runs` is the whole campaign's number."""
    made = argparse.ArgumentParser(description=doc.partition("\n")[0])
    made.add_argument("--quick", action="store_true", help="a few runs, seconds")
    made.add_argument("--runs", type=int, default=runs, metavar="N", help=f"how many (default {runs})")
    made.add_argument("--seed", type=int, default=0, help="of everything random; a failure names its own")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the counts as flat JSON")
    return made


def finish(counts: Counts, options: argparse.Namespace) -> None:
    """Print the counts, write them where asked, end with exit status 1 where something ought not to be."""
    plain = {key: value for key, value in asdict(counts).items() if key != "notes"}
    print(" ".join(f"{key}={value:g}" for key, value in plain.items()))
    if options.json:
        options.json.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    sys.exit(int(bool(counts.notes)))


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder of its own, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="campaign_"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def started(words: list[object], log: Path, environment: dict[str, str] | None = None) -> subprocess.Popen:
    """main.py in a process group of its own, its output in `log`."""
    command = [sys.executable, str(ROOT / "main.py"), *(str(word) for word in words)]
    known = os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {})
    with log.open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=known,
                                start_new_session=True)  # fmt: skip


def ended(process: subprocess.Popen, log: Path, counts: Counts) -> Ended:
    """Wait for a started program, watch its memory, and say how it ended; one that hangs is killed and noted."""
    until = time.monotonic() + ENDED_S
    while process.poll() is None and time.monotonic() < until:
        counts.peak_mb = max(counts.peak_mb, memory_mb(process.pid))
        time.sleep(LOOK_S)
    if process.returncode is None:
        kill(process)
        counts.note("lost", f"still running after {ENDED_S} s: {process.args}")
    return Ended(process.returncode, log.read_text(encoding="utf-8", errors="replace"))


def kill(process: subprocess.Popen) -> None:
    """SIGKILL to a started program and all of its workers."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def memory_mb(pid: int | str = "self") -> float:
    """Peak memory of a running process in MB (Linux), 0 where it has ended."""
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
        return int(found[1]) * 1024 / 1e6 if found else 0.0
    return 0.0
