"""How much prep costs beyond decoding: full-size AIA frames, one and two workers.

    python tests/benchmarks/prep.py [--quick] [--json FILE] [--frames N] [--repeat N] [--side PX]

Makes N Rice-compressed 4096x4096 frames of about 12.5 MB, with the full header, noise and compression of AIA level 1,
from the small real frame that sunpy ships. Then it times, in turn and several times, prep and a program that opens the
same files with as many processes and decodes them with astropy, and nothing else. `prep_over_decode` compares the work,
from the first header to the finished reel; what workers need begins to be loaded before, as the command does while it
reads its settings, and what is left of that is included. `command` is all that a user waits for, with the start of
Python and the loading of libraries. The shortest time of each counts: other work on the machine only adds to it;
`prep_cpu_over_decode` compares the processor's seconds of one worker, which it adds less to. `registered` is prep as it
is set by default, which turns, scales and centres each frame by its header; the others are with prep.register off. The
files have DATASUM and CHECKSUM, which prep verifies; `checksum_ms` is what that takes
of a frame, and `checksum_over_prep` its part of prep with one worker: without the keywords prep is so much faster.

--json keys: frames, frame_mb, prep_over_decode_<workers>, prep_over_decode_registered_<workers>,
prep_cpu_over_decode, prep_cpu_over_decode_registered, prep_frames_per_s_<workers>,
prep_frames_per_s_registered_<workers>, prep_command_over_decode_<workers>,
prep_command_over_decode_registered_<workers>, checksum_ms, checksum_over_prep.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from typing import Any

from astropy.io import fits
from parts.aia_frames import make_frames
from parts.common import ROOT, best_s, parsed, parser, write

# What loads the program's libraries is imported where it is used: the plain decoder must not wait for them.
SIDE, QUICK_SIDE = 4096, 512
Times = tuple[float, float]  # seconds, and those of the processor


def timed(run: Callable[[], Any]) -> tuple[Times, Any]:
    """Seconds of a call, and of the processor in this process: all that it took where there is one worker."""
    begun_s = time.process_time()
    seconds, result = best_s(run)
    return (seconds, time.process_time() - begun_s), result


def decode_file(path: str) -> int:
    """Decode the image of one file, and nothing else."""
    with fits.open(path, memmap=False, do_not_scale_image_data=True) as hdus:
        return hdus[1].data.shape[0]


def decode_folder(folder: str, workers: int) -> Times:
    """The pure decoding that prep is compared with."""
    paths = sorted(str(p) for p in Path(folder).iterdir())
    if workers == 1:
        times, rows = timed(lambda: [decode_file(path) for path in paths])
    else:
        times, rows = timed(lambda: decode_in_parallel(paths, workers))
    assert len(rows) == len(paths)
    assert min(rows) > 0
    return times


def decode_in_parallel(paths: list[str], workers: int) -> list[int]:
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(decode_file, paths, chunksize=4))


def prep_folder(folder: str, workers: int, register: str = "off") -> Times:
    """Prep, without registration or with it."""
    from data.frames.workers.fork_server import context_with

    if workers > 1:
        context_with("data.frames.workers.preloaded")
    from config import load
    from data.prepare_data import prep

    flags = {"data_raw": folder, "data_clips": f"{folder}_reels", "workers": workers, "prep.register": register}
    config = load(ROOT / "config.yaml", flags)
    return timed(lambda: prep(config))[0]


def verify_folder(folder: str) -> float:
    """Seconds of verifying the checksums alone, in this process."""
    from data.sources.fits_file.checksum import checked
    from data.sources.fits_file.layout import layout_of

    def verify(path: Path) -> tuple[str, str]:
        with path.open("rb") as stream:
            image = layout_of(stream).images[0]
            seconds, found = best_s(lambda: checked(stream, image))
            times.append(seconds)
            return found

    times: list[float] = []
    assert {verify(path) for path in Path(folder).iterdir()} == {("", "")}
    return sum(times)


TASKS = {"decode": decode_folder, "prep": prep_folder, "registered": partial(prep_folder, register="auto")}
WORKERS = (1, 2)


def run(task: str, folder: Path, workers: int, is_quick: bool) -> tuple[float, float, float]:
    """Seconds of a task in a process of its own, of the processor for it there, and of the whole process.

    Those that are quick are forked where the system can, but for the first: to load the libraries takes longer.
    """
    shutil.rmtree(f"{folder}_reels", ignore_errors=True)
    if is_quick and (task, workers) != ("decode", 1) and "fork" in get_all_start_methods():
        with ProcessPoolExecutor(1, get_context("fork")) as own:
            whole_s, (task_s, cpu_s) = best_s(lambda: own.submit(TASKS[task], str(folder), workers).result())
        return task_s, cpu_s, whole_s
    command = [sys.executable, __file__, "--task", task, "--folder", str(folder), "--workers", str(workers)]
    whole_s, done = best_s(lambda: subprocess.run(command, check=True, stdout=subprocess.PIPE))
    task_s, cpu_s = map(float, done.stdout.split()[-2:])
    return task_s, cpu_s, whole_s


def compare(folder: Path, repeat: int, is_quick: bool) -> dict[tuple[int, str], tuple[float, ...]]:
    """The shortest (task, processor, whole process) seconds by number of workers and task, measured in turn."""
    met: dict[tuple[int, str], list] = {}
    for _ in range(repeat):
        for workers in WORKERS:
            for task in TASKS:
                met.setdefault((workers, task), []).append(run(task, folder, workers, is_quick))
        met.setdefault((1, "verify"), []).append((verify_folder(str(folder)),))
    return {key: tuple(min(column) for column in zip(*rows, strict=True)) for key, rows in met.items()}


def report(best: dict[tuple[int, str], tuple[float, ...]], n: int, side: int, size_mb: float) -> dict[str, float]:
    """Print the table; returns the same figures flat."""
    print(f"{n} frames of {side}x{side}, {size_mb:.1f} MB each; {os.cpu_count()} processors")
    print(f"{'':11} workers decode s   prep s  prep/decode  frames/s  command/decode")
    flat = {"frames": n, "frame_mb": round(size_mb, 2)}
    for task, suffix in (("prep", ""), ("registered", "_registered")):
        for workers in WORKERS:
            (decode_s, _, decoder_s), (prep_s, _, command_s) = best[workers, "decode"], best[workers, task]
            ratio, whole, rate = prep_s / decode_s, command_s / decoder_s, n / prep_s
            print(f"{task:11} {workers:7} {decode_s:8.1f} {prep_s:8.1f} {ratio:12.2f} {rate:9.2f} {whole:15.2f}")
            own = {"prep_over_decode": ratio, "prep_frames_per_s": rate, "prep_command_over_decode": whole}
            flat |= {f"{name}{suffix}_{workers}": round(value, 3) for name, value in own.items()}
        ratio = best[1, task][1] / best[1, "decode"][1]
        print(f"{task:11} {ratio:.3f} times the processor's seconds of decoding, with one worker")
        flat[f"prep_cpu_over_decode{suffix}"] = round(ratio, 3)
    verify_s, prep_s = best[1, "verify"][0], best[1, "prep"][0]
    print(f"checksums: {1000 * verify_s / n:.1f} ms a frame, {verify_s / prep_s:.1%} of prep with one worker")
    return flat | {"checksum_ms": round(1000 * verify_s / n, 3), "checksum_over_prep": round(verify_s / prep_s, 4)}


def main() -> None:
    asked = parser(__doc__, f"8 frames of {QUICK_SIDE}x{QUICK_SIDE}, once; start-up weighs more in the ratio")
    asked.add_argument("--frames", type=int, help="number of frames (default 240; 8 with --quick)")
    asked.add_argument("--side", type=int, help=f"pixels of a side (default {SIDE}; {QUICK_SIDE} with --quick)")
    asked.add_argument("--repeat", type=int, help="how often (default 2; 1 with --quick)")
    asked.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    asked.add_argument("--folder", help=argparse.SUPPRESS)
    asked.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    options = parsed(asked)
    if options.task:
        print(*TASKS[options.task](options.folder, options.workers))
        return
    n = options.frames or (8 if options.quick else 240)
    side = options.side or (QUICK_SIDE if options.quick else SIDE)
    with tempfile.TemporaryDirectory(prefix="prep_benchmark_") as work:
        folder = Path(work) / "raw"
        folder.mkdir()
        size_mb = make_frames(folder, n, side)
        flat = report(compare(folder, options.repeat or (1 if options.quick else 2), options.quick), n, side, size_mb)
    write(flat, options.json)


if __name__ == "__main__":
    main()
