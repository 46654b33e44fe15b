"""The program in processes forked from one that has loaded all: a start takes milliseconds, so many can be killed."""

import importlib
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from parts.campaign import ENDED_S, LOOK_S, Counts, Ended

KILLED = -signal.SIGKILL
DATA = (
    *("main", "matplotlib.backends.backend_agg", "data.prepare_data", "data.pictures.summary", "data.sources.images"),
    *("data.review_processed_data", "data.review.page.verdicts", "tests.support.reels", "models.autoencoder"),
)
MODELS = ("inference.evaluate", "inference.fit", "torchmetrics.image", "torch.utils.tensorboard")


def preload(modules: tuple[str, ...]) -> None:
    """Load what will be used. No thread may be running afterwards: a fork would miss it."""
    for module in modules:
        importlib.import_module(module)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@dataclass
class Forked:
    """A started process, all that it says in `log`."""

    pid: int
    log: Path

    def kill(self) -> None:
        """SIGKILL to it and all of its own processes."""
        os.killpg(self.pid, signal.SIGKILL)

    def is_running(self) -> bool:
        """Whether it has not ended; how it did is still to be asked for."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def ended(self, counts: Counts) -> Ended:
        """Wait for it; a traceback is counted, and one that hangs is killed and noted."""
        until = time.monotonic() + ENDED_S
        while self.is_running() and time.monotonic() < until:
            time.sleep(LOOK_S / 10)
        if self.is_running():
            counts.note("lost", f"{self.log.name}: still running after {ENDED_S} s")
            self.kill()
        _, status, usage = os.wait4(self.pid, 0)
        counts.peak_mb = max(counts.peak_mb, usage.ru_maxrss * 1024 / 1e6)
        ended = Ended(os.waitstatus_to_exitcode(status), self.log.read_text(encoding="utf-8", errors="replace"))
        if ended.has_traceback:
            counts.note("tracebacks", f"{self.log.name}: {ended.output[-600:]}")
        return ended


def fork(work: Callable[[], int], log: Path) -> Forked:
    """A process that does the work and ends with its result as exit status."""
    ready, told = os.pipe()
    child = os.fork()
    if child:
        os.close(told)
        os.read(ready, 1)  # until it has a process group of its own
        os.close(ready)
        return Forked(child, log)
    os.setsid()
    with log.open("wb") as file, open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.write(told, b".")
    code = 1
    try:
        code = work()
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def program(words: list[object], log: Path) -> Forked:
    """main.py with these arguments."""
    import main

    return fork(lambda: main.main([str(word) for word in words]), log)


def wait_and_kill(process: Forked, longest_s: float, chance: random.Random) -> None:
    """Kill it at a random moment, at once or up to `longest_s` later."""
    time.sleep(chance.uniform(0, longest_s))
    process.kill()


class Left:
    """What a command leaves behind. A subclass says what that is."""

    def clear(self) -> None:
        raise NotImplementedError

    def found(self) -> str:
        """A digest of what is there; empty for nothing."""
        raise NotImplementedError

    def again(self) -> list[object]:
        """Arguments that make it go on."""
        return []
