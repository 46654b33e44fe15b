"""Why a run of the program ended: one line and an exit code for whatever a user can cause.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 130 interrupted, 141 nobody reads what is printed. What was not
foreseen has its traceback in a log file, which the line names.
"""

import errno
import os
import re
import sys
import tempfile
import traceback
from concurrent.futures import BrokenExecutor
from pathlib import Path

from config import ConfigError
from data.messages import logger, unexpected, with_way_out

log = logger(__name__)

FAILED, USAGE, INTERRUPTED, NO_READER = 1, 2, 130, 141
OWN = Path(__file__).resolve().parents[1]  # the program's folder
KEPT = "what was finished is kept, prep and train --resume go on from there"
OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)  # full disks, too many open files
FEWER = "use fewer --workers, a smaller prep.resize or train.batch_size, or close other programs, and run it again"


def told_failure(error: BaseException) -> tuple[str, int]:
    """What to say of an error, and the exit code."""
    if isinstance(error, ConfigError):
        return f"configuration error:\n{error}", USAGE
    if isinstance(error, KeyboardInterrupt):
        return f"interrupted; {str(error) or KEPT}", INTERRUPTED
    if isinstance(error, BrokenExecutor) or _is_of_killed_loader(error):
        return f"error: {worker_died(error)}{_details(error)}", FAILED
    if isinstance(error, OSError):
        return f"error: {with_way_out(error)}", FAILED
    if isinstance(error, ValueError | ArithmeticError):
        return f"error: {error}" if is_own(error) else f"error: {one_line(error)}{_details(error)}", FAILED
    return f"{unexpected(error)}{_details(error)}", FAILED


def is_of_the_machine(error: BaseException) -> bool:
    """Whether an error tells nothing of the file that was read, and all others would fail by it too."""
    return isinstance(error, OSError) and error.errno in OF_THE_MACHINE


def is_own(error: BaseException) -> bool:
    """Whether the program itself raised an error, here or in a worker process, and so worded it for its users."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or type(error.__cause__).__name__ == "_RemoteTraceback":
        return True
    place = Path(frames[-1].filename)
    return place.is_relative_to(OWN) and not place.is_relative_to(sys.prefix)


def one_line(error: BaseException) -> str:
    """The first line of an error's text, or its kind where it has none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _details(error: BaseException) -> str:
    """Names the log file that a traceback was written to; nothing where none can be."""
    text = "".join(traceback.format_exception(error))
    try:
        handle, path = tempfile.mkstemp(prefix="reelwatch-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
    except OSError:
        return ""
    return f"; the details are in {path}"


def oom_kills() -> int:
    """Processes that this system (Linux) has killed for want of memory; 0 where it does not tell."""
    found = 0
    for place in ("/proc/vmstat", "/sys/fs/cgroup/memory.events"):
        try:
            told = re.search(r"^oom_kill (\d+)$", Path(place).read_text(encoding="ascii"), re.MULTILINE)
        except (OSError, ValueError):
            continue
        found += int(told[1]) if told else 0
    return found


OOM_KILLS_BEFORE = oom_kills()


def worker_died(error: BaseException) -> str:
    """What to say of a worker process that was lost."""
    if oom_kills() > OOM_KILLS_BEFORE:
        return f"the system ran out of memory and killed a worker process; {FEWER}"
    how = re.search(r"killed by signal: [\w ]+|exited unexpectedly", str(error))
    return f"a worker process died ({how[0] if how else one_line(error)}); run the same command again to go on"


def _is_of_killed_loader(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) and str(error).startswith("DataLoader worker")


def has_reader() -> bool:
    """Whether what is printed goes anywhere; where it does not, what is left of it is thrown away."""
    try:
        if sys.stdout:  # None where it was closed from the start
            sys.stdout.flush()
    except BrokenPipeError:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return False
    return True
