"""Thousands of small reels: how fast they are found, opened, planned, trained on and evaluated, and in what memory.

    python tests/benchmarks/fleet.py [--quick] [--json FILE] [--reels N] [--evaluated N] [--workers N]

Makes N series of 200 samples of two variables, and finds, opens and plans the evaluation of all of them with one model
(which looks at the facts and times of each). Then some have a model each trained and are evaluated with it
(train.each_reel), over worker processes; the memory of the process that hands them out is looked at all the while.

--json keys: reels_per_s_found (folders that hold a reel, a second), reels_per_s_listed (the same, and opened),
reels_per_s_planned, list_mib_per_1000_reels, plan_mib_per_1000_reels (memory that is still held afterwards),
reels_per_s_trained, reels_per_s_evaluated, scheduler_growth_mib (by how much the process that hands them out had grown
in the last third of evaluating beyond its largest in the first)
"""

import gc
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from parts.common import best_s, parsed, parser, write

FOUND, EVALUATED = 10_000, 200
QUICK_FOUND, QUICK_EVALUATED = 50, 2
SAMPLES, EVERY_S = 200, 0.05


def rss_mib() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


def write_reels(folder: Path, count: int) -> None:
    """So many reels of the same samples, each with a name of its own."""
    import numpy as np

    from tests.support.reels import make_reel

    t = np.arange(SAMPLES)
    values = 0.5 + 0.2 * np.stack([np.sin(t / 5), np.cos(t / 7)], axis=1)
    values += 0.01 * np.random.default_rng(0).standard_normal(values.shape)
    first = make_reel(folder / "pump_00000", values[:, :, None, None], channels=["flow", "heat"]).path
    meta = json.loads((first / "reel.json").read_text())
    for i in range(1, count):
        copy = folder / f"pump_{i:05d}"
        copy.mkdir()
        for path in first.iterdir():
            if path.name != "reel.json":
                os.link(path, copy / path.name)
        (copy / "reel.json").write_text(json.dumps(meta | {"name": copy.name}))


def held_by(make: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds, MiB that are held afterwards, and what was made."""
    before = rss_mib()
    seconds, made = best_s(make)
    return seconds, max(rss_mib() - before, 0.0), made


def measure_planning(config: Any, run: Path, count: int) -> dict[str, float]:
    from data.reel.reel import find_reels, reel_paths
    from inference.evaluate import checked_reels
    from inference.scorers.load import load_scorer

    found_s, _, paths = held_by(lambda: reel_paths(config.data_clips))
    assert len(paths) == count
    listed_s, listed_mib, reels = held_by(lambda: find_reels(config.data_clips))
    del reels
    scorer, checkpoint = load_scorer(run, "cpu", config.eval)
    planned_s, planned_mib, reels = held_by(lambda: checked_reels(config, scorer, checkpoint["data"]))
    assert len(reels) == count
    return {
        "reels_per_s_found": count / found_s,
        "reels_per_s_listed": count / listed_s,
        "reels_per_s_planned": count / planned_s,
        "list_mib_per_1000_reels": listed_mib / count * 1000,
        "plan_mib_per_1000_reels": planned_mib / count * 1000,
    }


@contextmanager
def watched_memory() -> Iterator[list[float]]:
    """The memory of this process, MiB, every EVERY_S seconds."""
    own, ended = psutil.Process(), threading.Event()
    found = [rss_mib()]

    def watch() -> None:
        while not ended.wait(EVERY_S):
            found.append(own.memory_info().rss / 2**20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        ended.set()
        watcher.join()


def measure_fleet(config: Any, count: int) -> dict[str, float]:
    from inference.fleet.evaluate import evaluate_each
    from inference.fleet.train import train_each

    trained_s, fleet = best_s(lambda: train_each(config))
    with watched_memory() as mib:
        begun = time.perf_counter()
        evaluate_each(config, fleet)
        evaluated_s = time.perf_counter() - begun
    third = max(len(mib) // 3, 1)
    return {
        "reels_per_s_trained": count / trained_s,
        "reels_per_s_evaluated": count / evaluated_s,
        "scheduler_growth_mib": max(mib[-third:]) - max(mib[:third]),
    }


def main() -> None:
    asked = parser(__doc__ or "", f"{QUICK_FOUND} reels, {QUICK_EVALUATED} evaluated in this process")
    asked.add_argument("--reels", type=int, help=f"that are found and planned (default {FOUND})")
    asked.add_argument("--evaluated", type=int, help=f"that are trained on and evaluated (default {EVALUATED})")
    asked.add_argument("--workers", type=int, help="processes (default 2; none with --quick)")
    options = parsed(asked)
    quick = options.quick
    count = options.reels or (QUICK_FOUND if quick else FOUND)
    evaluated = options.evaluated or (QUICK_EVALUATED if quick else EVALUATED)
    workers = options.workers if options.workers is not None else (0 if quick else 2)

    from config import load

    with tempfile.TemporaryDirectory(prefix="fleet_benchmark_") as work:
        folder = Path(work)
        write_reels(folder / "few", evaluated)
        write_reels(folder / "many", count)
        chosen = {"model_path": str(folder / "fleet"), "workers": workers, "device": "cpu"}
        chosen |= {"model.name": "window_pca", "train.each_reel": True}
        figures = measure_fleet(load(None, chosen | {"data_clips": str(folder / "few")}), evaluated)
        many = load(None, chosen | {"data_clips": str(folder / "many")})
        figures |= measure_planning(many, folder / "fleet" / "members" / "pump_00000", count)
    for name, value in figures.items():
        print(f"{name:28} {value:10.4g}")
    write(figures, options.json)


if __name__ == "__main__":
    main()
