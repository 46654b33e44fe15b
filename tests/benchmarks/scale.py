"""What a cluster costs beside the processes of one machine, and how fast many small reels are listed.

    python tests/benchmarks/scale.py [--quick] [--json FILE] [--frames N] [--side PX] [--repeat N] [--reels N]

Makes N frames as AIA has them and prepares them with two worker processes, with two workers of a Dask cluster that runs
already, with one process, and by one process in two shards that are joined; then evaluates four reels in this process
and with one worker of a cluster. All are measured in turn and several times, and the shortest time of each counts. The
worker processes and those of the clusters, which are started as `cluster: local` does, run all the while, so that
starts count on neither side; they are `pool_start_s` and `dask_start_s`.

--json keys: dask_overhead (seconds of prep with two workers of Dask over those with two processes, less 1; at most 0.10
is wanted), shard_overhead (seconds of two shards, one after the other, and their joining over those of prep in one go,
less 1; at most 0.05 is wanted), dask_cpu_overhead, shard_cpu_overhead (the same of the processor's seconds, of all
processes, which other work on the machine changes less), dask_eval_overhead (of eval, one worker over this process,
less 1), identical (1: all reels and results are the same bytes but for how long they took, else 0),
prep_frames_per_s_<who> (who: one, two, shards, dask), pool_start_s, dask_start_s, reels_per_s_listed (small reels that
are found and opened, a second), list_mib_per_1000_reels (memory that they take)
"""

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
from parts.aia_frames import make_frames
from parts.common import best_s, parsed, parser, peak_mib, write

SMALL = {"prep.clip_length": 8, "prep.stride": 4, "prep.movie_only": False}
MEASURED = re.compile(rb'"(seconds|frames_per_s)": ?[\d.]+|in [\d.]+ s, [\d.]+ frames/s')  # of a run itself
REELS, LISTED = 4, 10_000
QUICK_REELS, QUICK_LISTED = 2, 200


def digest(folder: Path) -> str:
    """Of all files in a folder of reels or of results, without how long they took."""
    found = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".lock")):
        data = path.read_bytes()
        data = MEASURED.sub(b"", data) if path.name in ("summary.json", "report.html") else data
        found.update(f"{path.relative_to(folder)} {len(data)} ".encode() + data)
    return found.hexdigest()


def cpu_s() -> float:
    """Processor's seconds of this process and of all that it has started and that run."""
    own, found = psutil.Process(), 0.0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # ended meanwhile
            found += sum(process.cpu_times()[:2])
    return found


def in_turn(runs: dict[str, Callable[[], Path]], repeat: int) -> tuple[dict[str, float], dict[str, float], set]:
    """The shortest seconds of each run, which take turns, the fewest of the processor, and the digests of the folders
    that they wrote.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    digests = set()
    for _ in range(repeat):
        for name, run in runs.items():
            before = cpu_s()
            seconds, found = best_s(run)
            times[name].append((seconds, cpu_s() - before))
            digests.add(digest(found))
    wall, cpu = ({name: min(pair[i] for pair in taken) for name, taken in times.items()} for i in range(2))
    return wall, cpu, digests


def measure_prep(folder: Path, address: str, pool: Any, frames: int, repeat: int) -> tuple[dict[str, float], bool]:
    """Figures of prep, and whether all made the same bytes."""
    from config import load
    from data.prepare_data import prep

    def prepared(*steps: dict[str, Any]) -> Callable[[], Path]:
        out = folder / "reels"

        def run() -> Path:
            shutil.rmtree(out, ignore_errors=True)
            places = {"data_raw": str(folder / "raw"), "data_clips": str(out)}
            for step in steps:
                prep(load(None, SMALL | places | step))
            return out

        return run

    alone = {"workers": 1}
    shards = [alone | {"shard": "1/2"}, alone | {"shard": "2/2"}, alone | {"join": True}]

    def with_pool() -> Path:
        with patch("data.prepare_data.make_executor", lambda *_: nullcontext(pool)):
            return prepared({"workers": 2})()

    runs = {"one": prepared(alone), "two": with_pool, "shards": prepared(*shards)}
    runs["dask"] = prepared({"workers": 2, "cluster": address})
    seconds, cpu, digests = in_turn(runs, repeat)
    rates = {f"prep_frames_per_s_{name}": frames / taken for name, taken in seconds.items()}
    overheads = {
        "dask_overhead": seconds["dask"] / seconds["two"] - 1,
        "shard_overhead": seconds["shards"] / seconds["one"] - 1,
        "dask_cpu_overhead": cpu["dask"] / cpu["two"] - 1,
        "shard_cpu_overhead": cpu["shards"] / cpu["one"] - 1,
    }
    return overheads | rates, len(digests) == 1


def measure_eval(folder: Path, address: str, reels: int, repeat: int) -> tuple[dict[str, float], bool]:
    """Figures of eval, and whether both ways gave the same results."""
    import torch

    from inference.evaluate import evaluate
    from inference.fit import calibrate_run
    from tests.support.trainings import small_config, small_reel
    from training.train import train

    torch.set_num_threads(1)
    for i in range(reels):
        small_reel(folder / "eval_reels" / f"cam{i}", T=160, seed=i)
    config = small_config(folder / "eval_reels", folder / "run", train__epochs=1, eval__stride=4)
    calibrate_run(train(config), config)

    def evaluated(cluster: str | None) -> Callable[[], Path]:
        given = small_config(folder / "eval_reels", folder / "run", train__epochs=1, eval__stride=4, cluster=cluster)

        def run() -> Path:
            shutil.rmtree(folder / "run" / "eval", ignore_errors=True)  # a cluster leaves results that are there
            evaluate(given)
            return folder / "run" / "eval"

        return run

    runs = {"here": evaluated(None), "dask": evaluated(address)}
    seconds, _, digests = in_turn(runs, repeat)
    return {"dask_eval_overhead": seconds["dask"] / seconds["here"] - 1}, len(digests) == 1


def measure_listing(folder: Path, count: int) -> dict[str, float]:
    """How fast so many reels of one short clip are found and opened, and what they take in memory."""
    import numpy as np

    from data.reel.reel import find_reels
    from tests.support.reels import make_reel

    many = folder / "many"
    first = make_reel(many / "reel_00000", np.zeros((16, 1, 4, 4), np.float32)).path
    for i in range(1, count):
        copy = many / f"reel_{i:05d}"
        copy.mkdir()
        for path in first.iterdir():
            os.link(path, copy / path.name)
    before = peak_mib()
    seconds, found = best_s(lambda: find_reels(many))
    assert len(found) == count
    return {
        "reels_per_s_listed": count / seconds,
        "list_mib_per_1000_reels": max(peak_mib() - before, 0.0) / count * 1000,
    }


def main() -> None:
    asked = parser(__doc__ or "", "16 frames of 64x64, once, and 200 reels; starts weigh more than all else")
    asked.add_argument("--frames", type=int, help="number of frames (default 120; 16 with --quick)")
    asked.add_argument("--side", type=int, help="pixels of a side (default 4096; 64 with --quick)")
    asked.add_argument("--repeat", type=int, help="how often (default 3; 1 with --quick)")
    asked.add_argument("--reels", type=int, help=f"that are listed (default {LISTED}; {QUICK_LISTED} with --quick)")
    options = parsed(asked)
    quick = options.quick
    frames, side = options.frames or (16 if quick else 120), options.side or (64 if quick else 4096)
    repeat = options.repeat or (1 if quick else 3)

    from distributed import Client

    from data.cluster.executor import cluster_here
    from data.frames.workers.pool import make_executor

    with tempfile.TemporaryDirectory(prefix="scale_benchmark_") as work:
        folder = Path(work)
        figures = measure_listing(folder, options.reels or (QUICK_LISTED if quick else LISTED))
        (folder / "raw").mkdir()
        make_frames(folder / "raw", frames, side)
        begun = time.perf_counter()
        with make_executor(2) as pool, ExitStack() as opened:
            # It runs before the cluster does, which sets variables of this process that its own workers are to have.
            pool.submit(time.sleep, 0).result()
            figures["pool_start_s"] = time.perf_counter() - begun
            begun = time.perf_counter()
            clusters: Any = {n: opened.enter_context(cluster_here(n)) for n in (1, 2)}
            for cluster in clusters.values():
                with Client(cluster) as client:
                    client.run(time.sleep, 0)
            figures["dask_start_s"] = (time.perf_counter() - begun) / len(clusters)
            address = {n: cluster.scheduler_address for n, cluster in clusters.items()}
            evaluated, same_results = measure_eval(folder, address[1], QUICK_REELS if quick else REELS, repeat)
            prepared, same_reels = measure_prep(folder, address[2], pool, frames, repeat)
    figures |= prepared | evaluated | {"identical": int(same_reels and same_results)}
    for name, value in figures.items():
        print(f"{name:28} {value:10.4g}")
    write(figures, options.json)


if __name__ == "__main__":
    main()
