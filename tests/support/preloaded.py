"""Runs Python scripts in processes forked from one that has loaded the heavy libraries: each load takes seconds.

    python tests/support/preloaded.py

Each line on stdin is JSON: [script, arguments, file for its output, whether it paints]; the answer is the exit status,
and the processor's seconds that it and what it waited for took.
A script sees the module search path that Python would give it. One that takes longer than LONGEST_S ends with where
each thread was. What does not paint has blanks for figures and short previews; see drawing.py.
"""

import faulthandler
import importlib
import json
import os
import runpy
import sys
import traceback
from contextlib import nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "torch._dynamo", "pandas", "cv2", "sklearn.metrics", "matplotlib.figure", "sunpy.map", "astropy.io.fits", "av",
    # What the program loads late: each script that needs it would do so anew.
    "torchmetrics.functional.image", "torch.utils.tensorboard", "sklearn.decomposition", "sklearn.cluster",
    "scipy.signal", "scipy.stats",
)  # fmt: skip
# The program itself, of which nearly all need all; from its own folder, as they have it.
PROGRAM = (
    "data.prepare_data", "inference.evaluate", "inference.fit", "inference.movie.movie", "inference.report_page.page",
    "data.frames.workers.preloaded", "data.review.page.server", "tests.support.drawing",
)  # fmt: skip
LONGEST_S = 200  # below the limit of a test in pyproject.toml


def run(script: str, arguments: list[str], output: str, paints: bool) -> tuple[int, float]:
    """The script as `python script arguments` runs it, in a process of its own."""
    child = os.fork()
    if child:
        _, status, used = os.wait4(child, 0)
        return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
    with open(output, "w", encoding="utf-8") as file, open(os.devnull, encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    faulthandler.dump_traceback_later(LONGEST_S, exit=True)
    sys.argv, sys.path[0] = [script, *arguments], str(Path(script).parent)
    code = 1
    try:
        with nullcontext() if paints else sys.modules["tests.support.drawing"].unpainted():
            runpy.run_path(script, run_name="__main__")
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        print("" if isinstance(error.code, int) else error.code or "")
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    sys.path.insert(0, str(ROOT))
    for name in (*HEAVY, *PROGRAM):
        importlib.import_module(name)
    del sys.path[0]
    for line in sys.stdin:
        print(*run(*json.loads(line)), flush=True)


if __name__ == "__main__":
    main()
