"""What all benchmarks share: their arguments, times, the program as a user runs it, and the file of figures.

No entry point. A benchmark imports it first: `python tests/benchmarks/NAME.py` knows only the folder of NAME.py, and
from here on the project's modules are found too.
"""

import argparse
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).resolve().parents[1]
ROOT = BENCHMARKS.parents[1]
# The benchmarks come last: a benchmark may have the name of a package that it compares with.
_others = [folder for folder in sys.path if Path(folder).resolve() not in (ROOT, BENCHMARKS)]
sys.path[:] = [str(ROOT), *_others, str(BENCHMARKS)]

CHILD = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from main import main
from tests.benchmarks.parts.common import peak_mib
code = main(sys.argv[1:])
print('PEAK_MIB', peak_mib())
sys.exit(code)
"""


def parser(doc: str, quick: str, data: str = "") -> argparse.ArgumentParser:
    """The arguments that all take: --quick, --json and, where `data` says what it holds, --data."""
    made = argparse.ArgumentParser(description=doc.partition("\n")[0])
    if data:
        made.add_argument("--data", type=Path, metavar="DIR", help=f"{data}; with --quick alone a small synthetic one")
    made.add_argument("--quick", action="store_true", help=quick)
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures as flat JSON")
    return made


def parsed(
    made: argparse.ArgumentParser, instead: Callable[[argparse.Namespace], object] | None = None
) -> argparse.Namespace:
    """The options; ends with a message where real data are needed and not there.

    instead: whether other options take the place of --data.
    """
    options = made.parse_args()
    is_asked = "data" in options and getattr(options, "sets", None) != []  # of no set no data are needed
    is_asked &= instead is None or not instead(options)
    if is_asked and not options.data and not options.quick:
        made.error("--data DIR is needed; --quick alone runs on a small synthetic set of the same form")
    if "data" in options and options.data and not options.data.is_dir():
        made.error(f"--data {options.data} is no folder")
    return options


def write(figures: dict[str, Any], path: Path | None) -> None:
    """The figures as flat JSON, where a file is asked for."""
    if path:
        path.write_text(json.dumps(figures, indent=2, default=float) + "\n", encoding="utf-8")


def told(row: dict[str, Any]) -> str:
    """One line of a row of figures."""
    return " ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items())


def best_s(run: Callable[[], Any], repeat: int = 1) -> tuple[float, Any]:
    """Shortest time of a call in seconds, and its result: other work on the machine only adds to a time."""
    times = []
    for _ in range(repeat):
        begun = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - begun)
    return min(times), result


@contextmanager
def quiet() -> Iterator[io.StringIO]:
    """Keeps what is printed."""
    kept = io.StringIO()
    with redirect_stdout(kept), redirect_stderr(kept):
        yield kept


def peak_mib() -> float:
    """Peak memory of this process in MiB (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def program(*words: object, own_process: bool = True) -> tuple[float, float]:
    """Run main.py; returns seconds and the peak memory of its main process in MiB. Raises RuntimeError when it fails.

    In this process its start, which takes seconds, does not count, and the memory is that of all that ran here before.
    """
    arguments = [str(word) for word in words]
    begun = time.perf_counter()
    if own_process:
        done = subprocess.run([sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True)
        code, text, said = done.returncode, done.stdout, done.stderr
    else:
        from main import main

        with quiet() as kept:
            code = main(arguments)
        text = said = kept.getvalue()
    if code:
        raise RuntimeError(f"main.py {' '.join(arguments)} failed:\n{said[-2000:]}")
    seconds = time.perf_counter() - begun
    return seconds, float(text.rsplit("PEAK_MIB", 1)[1]) if own_process else peak_mib()
