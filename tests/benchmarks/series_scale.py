"""Long and wide tables through prep, train and eval by demo/series.yaml: processor time and memory.

    python tests/benchmarks/series_scale.py [--quick] [--sizes 1000000x5 100000x100] [--json FILE]

Waves with noise, a sample a second, trained on and evaluated. Each mode is a program of its own; time is the
processor's, so that other work on the machine counts little, and memory the peak of the main process. Machines differ,
so the time of each size is told beside that of reading its table by pandas and multiplying matrices as large as the
windows of 96 samples with as many vectors as these have values, 512 at most, which is what scores took before; memory
beside that of the program which has begun and done nothing.

--json keys: cpu_s_<size>, [cpu_s_<size>_<mode>], mib_<size>, start_mib, mib_over_start_<size>, baseline_cpu_s_<size>,
cpu_over_baseline_<size>.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from parts.common import ROOT, parsed, parser, program, write

SIZES, QUICK_SIZES, WINDOW, MOST_VECTORS, SAMPLED = ("1000000x5", "100000x100"), ("1500x2",), 96, 512, 2000


def write_table(path: Path, samples: int, variables: int) -> None:
    random, i = np.random.default_rng(0), np.arange(samples)
    columns = {f"v{c}": np.sin(i / (5 + 3 * (c % 20))) + random.normal(0, 0.05, samples) for c in range(variables)}
    times = {"time": (np.datetime64("2026-01-01", "s") + i).astype(str)}
    pd.DataFrame(times | {name: values.round(4) for name, values in columns.items()}).to_csv(path, index=False)


def used_s(own: bool) -> float:
    """Processor time so far: of this process, or of the programs that it ran."""
    spent = resource.getrusage(resource.RUSAGE_SELF if own else resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def through(folder: Path, is_quick: bool) -> dict[str, tuple[float, float]]:
    """Processor seconds and peak memory in MiB of each mode."""
    words = ["-c", ROOT / "demo" / "series.yaml", "--data-clips", folder / "reels", "--model-path", folder / "run"]
    words += ["--device", "cpu", "--workers", "0"]
    found = {}
    for mode, beyond in (("prep", ["--data-raw", folder / "table.csv"]), ("train", []), ("eval", [])):
        before = used_s(is_quick)
        mib = program("-m", mode, *words, *beyond, own_process=not is_quick)[1]
        found[mode] = used_s(is_quick) - before, mib
    return found


def baseline_s(path: Path, samples: int, variables: int) -> float:
    """Processor time of reading the table, and of twice all its windows times vectors, from some of them."""
    begun = time.process_time()
    pd.read_csv(path)
    values = WINDOW * variables
    windows, vectors = np.ones((SAMPLED, values)), np.ones((values, min(values, MOST_VECTORS)))
    read, begun = time.process_time() - begun, time.process_time()
    for _ in range(2):
        windows @ vectors
    return read + (time.process_time() - begun) * samples / SAMPLED


def start_mib() -> float:
    """Peak memory of the program that only reads its settings."""
    text = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import config; from pathlib import Path; "
        f"config.load(Path({str(ROOT / 'demo' / 'series.yaml')!r})); "
        "from tests.benchmarks.parts.common import peak_mib; print(peak_mib())"
    )
    return float(subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout)


def main() -> None:
    made = parser(__doc__, f"{QUICK_SIZES[0]} alone, in one process, where memory means nothing")
    made.add_argument("--sizes", nargs="+", default=SIZES, metavar="SAMPLESxVARIABLES")
    options = parsed(made)
    figures: dict[str, float] = {"start_mib": start_mib()}
    for size in QUICK_SIZES if options.quick else options.sizes:
        samples, variables = map(int, size.split("x"))
        with tempfile.TemporaryDirectory() as folder:
            write_table(Path(folder) / "table.csv", samples, variables)
            modes = through(Path(folder), options.quick)
            baseline = baseline_s(Path(folder) / "table.csv", samples, variables)
        cpu_s, mib = sum(s for s, _ in modes.values()), max(mib for _, mib in modes.values())
        figures |= {f"cpu_s_{size}_{mode}": s for mode, (s, _) in modes.items()}
        figures |= {f"cpu_s_{size}": cpu_s, f"mib_{size}": mib, f"mib_over_start_{size}": mib / figures["start_mib"]}
        figures |= {f"baseline_cpu_s_{size}": baseline, f"cpu_over_baseline_{size}": cpu_s / baseline}
        each = ", ".join(f"{mode} {s:.1f}" for mode, (s, _) in modes.items())
        print(f"{size}: {cpu_s:.1f} s of a processor ({each}), {cpu_s / baseline:.2f} of the baseline, {mib:.0f} MiB")
    write(figures, options.json)


if __name__ == "__main__":
    main()
