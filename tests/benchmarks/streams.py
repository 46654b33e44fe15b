"""Several cameras in one process: what a frame of `eval --follow A B C D` costs, beside eval of the same films.

    python tests/benchmarks/streams.py [--methods NAME ...] [--cameras N] [--quick] [--json FILE]

A made street, 10 frames a second. A method is trained, through the program and with the recipe of demo/, on 60 s of it
in frames of 240x360 px; then N films of it (default 4) are followed at once, and evaluated as reels. Each is done with
films of 10 s and of 40 s: the difference of the two is what 30 s more of each camera cost, in processor time, so that
neither the program's start counts nor what else the machine does. A camera in real time needs 10 frames in each second
of a core's time; `cameras_on_two_cores` is how many such two cores bear. Memory is the peak of the main process.
Machines differ: the ratio to eval counts. With --quick all is small and in one process, and its memory means nothing.

--json keys: frames_per_core_s_<method>, eval_frames_per_core_s_<method>, follow_over_eval_cost_<method>,
cameras_on_two_cores_<method>, follow_memory_growth_<method> (of four times the length), follow_mib_<method>.
"""

import argparse
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

from parts.clips import METHODS, RECIPE, settings_of
from parts.common import parsed, parser, write
from parts.films import PER_SECOND, film
from parts.recipes import nested, run_mode

from tests.support.no_pictures import without_pictures

CORES = 2
SIZE, QUICK_SIZE = (240, 360), (48, 72)  # rows, columns
QUIET_S, LENGTHS_S = 60, (10, 40)
QUICK_QUIET_S, QUICK_LENGTHS_S = 8, (2, 3)


def core_s(run: Callable[[], float], own_process: bool) -> tuple[float, float]:
    """Processor time of a call of the program, s, and what it returns."""
    whose = resource.RUSAGE_CHILDREN if own_process else resource.RUSAGE_SELF
    before = resource.getrusage(whose)
    result = run()
    after = resource.getrusage(whose)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, result


def of_method(name: str, options: argparse.Namespace, work: Path) -> dict[str, float]:
    """The figures of one method."""
    size, lengths = (QUICK_SIZE, QUICK_LENGTHS_S) if options.quick else (SIZE, LENGTHS_S)
    own = not options.quick
    about = {"prep.resize": list(size), "eval.follow_timeout_s": 0.5, "workers": 0, "data_clips": str(work / "quiet")}
    sections = nested(about, settings_of(name, options.quick))
    film(work / "raw" / "quiet" / "quiet.mkv", 0, QUICK_QUIET_S if options.quick else QUIET_S, size)
    run_mode("prep", sections, work, "--data-raw", work / "raw" / "quiet", own_process=own)
    model = ["--model-path", work / name]
    run_mode("train", sections, work, *model, own_process=own)
    spent: dict[str, list[float]] = {"follow": [], "eval": []}
    peaks = []
    for seconds in lengths:
        raw, reels = work / "raw" / f"{seconds}", work / f"{seconds}"
        paths = [raw / f"camera_{k}.mkv" for k in range(options.cameras)]
        for k, path in enumerate(paths):
            film(path, 1 + k, seconds, size)
        run_mode("prep", sections, work, "--data-raw", raw, "--data-clips", reels, own_process=own)
        words = {"follow": ["--follow", *paths], "eval": ["--data-clips", reels]}
        for way, of_way in words.items():
            with without_pictures():
                cost, mib = core_s(
                    lambda of_way=of_way: run_mode("eval", sections, work, *model, *of_way, own_process=own)[1], own
                )
            spent[way].append(cost)
            peaks += [mib] if way == "follow" else []
    frames = options.cameras * PER_SECOND * (lengths[1] - lengths[0])
    follow, offline = (max(long - short, 1e-3) for short, long in spent.values())
    return {
        f"frames_per_core_s_{name}": frames / follow,
        f"eval_frames_per_core_s_{name}": frames / offline,
        f"follow_over_eval_cost_{name}": follow / offline,
        f"cameras_on_two_cores_{name}": CORES * frames / follow / PER_SECOND,
        f"follow_memory_growth_{name}": peaks[1] / peaks[0],
        f"follow_mib_{name}": peaks[1],
    }


def main() -> None:
    asked = parser(__doc__ or "", "small pictures and short films, in one process")
    asked.add_argument(
        "--methods", nargs="+", default=["flow"], choices=METHODS, help=f"of {RECIPE.name}; default: flow"
    )
    asked.add_argument("--cameras", type=int, metavar="N", help="default 4; 2 with --quick")
    options = parsed(asked)
    options.cameras = options.cameras or (2 if options.quick else 4)
    figures: dict[str, float] = {}
    for name in options.methods:
        with tempfile.TemporaryDirectory() as folder:
            found = of_method(name, options, Path(folder))
        follow, offline, ratio, cameras, growth, mib = found.values()
        print(
            f"{name}, {options.cameras} cameras: {follow:.1f} frames in a second of a core, eval {offline:.1f}, "
            f"{ratio:.2f} times its cost; two cores bear {cameras:.1f} cameras of {PER_SECOND} frames a second; "
            f"{mib:.0f} MiB, {growth:.2f} times as many as for a fourth of the length",
            flush=True,
        )
        figures |= found
    write(figures, options.json)


if __name__ == "__main__":
    main()
