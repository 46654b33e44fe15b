"""Thousands of small reels: how fast they are found, opened, planned, trained on and evaluated, and in what memory.

    python tests/benchmarks/fleet.py [--quick] [--json FILE] [--reels N] [--evaluated N] [--by-one N] [--workers N]
        [--cluster WHERE] [--folder PLACE]

Makes N series of 200 samples of two variables, and finds, opens and plans the evaluation of all of them with one model
(which looks at the facts and times of each). Some have a model each trained and are evaluated with it
(train.each_reel), over worker processes. Some are evaluated by one model for all, on a cluster if one is asked for:
with `local` the process that hands them out has Dask's scheduler in it, and its memory is looked at all the while.
With --folder reels and results stay: after a cut the same command goes on, with --cluster from the reels that have no
results yet, and reels_per_s_by_one and by_one_cpu_s_per_reel are of the others alone.

--json keys: reels_per_s_found (folders that hold a reel, a second), reels_per_s_listed (the same, and opened),
reels_per_s_planned, list_mib_per_1000_reels, plan_mib_per_1000_reels (memory that is still held afterwards),
reels_per_s_trained, reels_per_s_evaluated, scheduler_growth_mib (by how much the process that hands them out had grown
in the last third of evaluating beyond its largest in the first), reels_per_s_by_one (by one model for all),
by_one_cpu_s_per_reel (processor's seconds of this process and its workers, their start included), by_one_growth_mib,
by_one_memory_ratio (largest memory of this process in the last third over that in the first)
"""

import gc
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
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
    first = folder / "pump_00000"
    if not (first / "reel.json").is_file():
        make_reel(first, values[:, :, None, None], channels=["flow", "heat"])
    meta = json.loads((first / "reel.json").read_text())
    for i in range(1, count):
        copy = folder / f"pump_{i:05d}"
        if (copy / "reel.json").is_file():
            continue
        shutil.rmtree(copy, ignore_errors=True)
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
    from inference.scorers.load import load_scorer
    from inference.scorers.reels import checked_reels

    found_s, _, paths = held_by(lambda: reel_paths(config.data_clips))
    assert len(paths) == count
    listed_s, listed_mib, reels = held_by(lambda: find_reels(config.data_clips))
    del reels
    scorer, checkpoint = load_scorer(run, "cpu", config.eval)
    planned_s, planned_mib, reels = held_by(
        lambda: checked_reels(config.data_clips, scorer, checkpoint["data"], config.eval)
    )
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
    first, last = ends_of(mib)
    return {
        "reels_per_s_trained": count / trained_s,
        "reels_per_s_evaluated": count / evaluated_s,
        "scheduler_growth_mib": last - first,
    }


def ends_of(mib: list[float]) -> tuple[float, float]:
    """The largest of the first third and of the last."""
    third = max(len(mib) // 3, 1)
    return max(mib[:third]), max(mib[-third:])


def measure_by_one(config: Any, run: Path, count: int) -> dict[str, float]:
    """All reels of the config by the model of one."""
    from dataclasses import replace

    from inference.evaluate import evaluate

    begun, cpu_s = time.perf_counter(), sum(os.times()[:4])
    made = count - len(list(run.glob("eval/*/summary.json")))
    with watched_memory() as mib:
        assert len(evaluate(replace(config, model_path=str(run)))) == count
    first, last = ends_of(mib)
    return {
        "reels_per_s_by_one": made / (time.perf_counter() - begun),
        "by_one_cpu_s_per_reel": (sum(os.times()[:4]) - cpu_s) / max(made, 1),  # of workers too, which have ended
        "by_one_growth_mib": last - first,
        "by_one_memory_ratio": last / first,
    }


def main() -> None:
    asked = parser(__doc__ or "", f"{QUICK_FOUND} reels, {QUICK_EVALUATED} evaluated in this process")
    asked.add_argument("--reels", type=int, help=f"that are found and planned (default {FOUND})")
    asked.add_argument("--evaluated", type=int, help=f"that are trained on and evaluated (default {EVALUATED})")
    asked.add_argument("--by-one", type=int, help=f"that are evaluated by one model (default {EVALUATED})")
    asked.add_argument("--workers", type=int, help="processes (default 2; none with --quick)")
    asked.add_argument("--cluster", help="where those are evaluated that one model is for (default: this process)")
    asked.add_argument("--folder", help="where reels and results stay (default: nowhere)")
    options = parsed(asked)
    quick = options.quick
    count = options.reels or (QUICK_FOUND if quick else FOUND)
    evaluated, by_one = ((n or (QUICK_EVALUATED if quick else EVALUATED)) for n in (options.evaluated, options.by_one))
    workers = options.workers if options.workers is not None else (0 if quick else 2)

    from config import load
    from data.messages import show

    show("info")
    with nullcontext(options.folder) if options.folder else tempfile.TemporaryDirectory(prefix="fleet_") as work:
        folder = Path(work)
        write_reels(folder / "few", evaluated)
        write_reels(folder / "many", count)
        chosen = {"model_path": str(folder / "fleet"), "workers": workers, "device": "cpu"}
        chosen |= {"model.name": "window_pca", "train.each_reel": True}
        chosen |= {"train.resume": (folder / "fleet" / "members").is_dir()}
        figures = measure_fleet(load(None, chosen | {"data_clips": str(folder / "few")}), evaluated)
        one = folder / "fleet" / "members" / "pump_00000"
        write_reels(folder / "by_one", by_one)
        shared = {
            "data_clips": str(folder / "by_one"),
            "cluster": options.cluster,
            "train.each_reel": False,
            "train.resume": False,
        }
        figures |= measure_by_one(load(None, chosen | shared), one, by_one)
        many = load(None, chosen | {"data_clips": str(folder / "many")})
        figures |= measure_planning(many, one, count)
    for name, value in figures.items():
        print(f"{name:28} {value:10.4g}")
    write(figures, options.json)


if __name__ == "__main__":
    main()
