"""Promises that hold: false alarms on unseen quiet data beside those promised, and planted anomalies that are found.

    python tests/benchmarks/promises.py --data DATA [--only NAME ...] [--methods NAME ...] [--nets] [--work DIR]
        [--fresh] [--skip-power] [--skip-quiet] [--quick] [--json FILE] [--csv FILE]

DATA: folder with series/, solar/ and video/, see `needs` of the sets in parts/promises/; what it lacks is left out, and
what the benchmark makes itself is always there. Labels only choose quiet stretches; nothing is tuned on any of this.

Protocol. The first part of each set is for training, through prep and train of the program, by the recipe of demo/ for
its kind; the later part is watched. Rates of 10 and 1 an hour, 10 and 1 a day are asked of eval, less often than one in
8 samples only, and the events of the scene that it finds (level low or more) are counted. What the program says that it
used in place of the rate asked for is what it promised. A case (set, method, rate) holds its promise where the exact
Poisson interval (95 %) of the seen count contains the promised one: `promise_within_interval` is their share, with
`_expected` of those that promise an event or more, because where 0.01 is promised and 0 seen nothing is proved. The
median ratio of seen to promised is over cases that promise at least one event, and pools of the others of one method
and kind. `promise_worst` is the largest factor by which a case is off for sure, to either side: the near end of the
interval over the promise, or the promise over the far end. `promise_silent`: no event where one or more was promised.
`promise_told_within_interval`: the interval of what was seen meets the one that the program tells.
Cases of one set and method are not independent: the rates see the same frames.

Power: see parts/promises/power.py. `power_by_cadence_min` is of 10 sigma, as are the figures of recipes. Reels and rows
are kept in --work: a run that was killed goes on, and --fresh measures everything anew. With --data and the methods of
one step it takes some half an hour of one core; a net (--nets) takes minutes on each set.

--json keys: promise_ratio_median, promise_within_interval, [promise_within_interval_expected],
promise_within_reachable (their share where nothing but chance divides quiet and watched data), promise_worst,
promise_told_within_interval, promise_cases, promise_cases_expected, promise_cases_kept (share that uses the rate asked
for), [promise_silent], promise_doubted (share of the cases that eval doubts), [promise_doubted_within],
promise_undoubted_within, [promise_worst_undoubted], power_5_sigma, power_10_sigma, power_30_sigma,
power_by_cadence_min, power_<recipe>.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from parts.common import parsed, parser, quiet, write
from parts.promises import power, ratios
from parts.promises.frames import quiet_frames
from parts.promises.made import made_sets, quick_sets
from parts.promises.series import quiet_series
from parts.promises.sets import QuietSet
from parts.promises.watched import METHODS, methods_of, prepared, watch

QUICK_METHODS = ["difference", "kmeans"]
SHOWN = [
    "data",
    "method",
    "promised",
    "cadence_s",
    "quiet_s",
    "watched_s",
    "asked_per_day",
    "used_per_day",
    "threshold",
]
SHOWN += ["events", "camera", "expected", "ratio", "ratio_low", "ratio_high", "within"]


def sets_of(options: argparse.Namespace) -> list[QuietSet]:
    """The sets that are asked for and there."""
    known = quick_sets() if options.quick else [*made_sets(), *quiet_frames(), *quiet_series()]
    if unknown := set(options.only or ()) - {data.name for data in known}:
        raise SystemExit(f"--only {', '.join(unknown)}: there are {', '.join(data.name for data in known)}")
    found = []
    for data in known:
        if options.only and data.name not in options.only:
            continue
        if data.needs and not (options.data and (options.data / data.needs).exists()):
            print(f"{data.name} left out: no {data.needs} in --data")
            continue
        found.append(data)
    return found


def kept(path: Path, make: Callable[[Path], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows of a file, or made now in a folder of their own, and kept there."""
    if not path.is_file():
        begun = time.process_time()
        with tempfile.TemporaryDirectory() as folder, quiet():
            rows = make(Path(folder))
        part = path.with_suffix(".part")
        part.write_text(json.dumps(rows, default=float), encoding="utf-8")
        part.rename(path)
        print(f"{path.stem}: {time.process_time() - begun:.1f} s of CPU", flush=True)
    return json.loads(path.read_text(encoding="utf-8"))


def watched_rows(options: argparse.Namespace, work: Path) -> Iterator[dict[str, Any]]:
    """One row a set, method and rate."""
    for data in sets_of(options):
        with quiet():
            reels = prepared(data, options.data, work)
        for method in methods_of(data.kind, options.methods, options.nets):
            path = work / "rows" / f"{data.name}-{method}.json"
            yield from kept(path, lambda folder: watch(data, method, reels, folder))  # noqa: B023 (called at once)


def planted_rows(options: argparse.Namespace, work: Path) -> Iterator[dict[str, Any]]:
    """One row a planted anomaly."""
    for case in power.planted_cases(options.quick):
        path = work / "rows" / f"power-{case.name}.json"
        yield from kept(path, lambda folder: power.rows_of_case(case, folder))  # noqa: B023 (called at once)


def measure(options: argparse.Namespace, work: Path) -> dict[str, float]:
    """Print all rows; returns the figures of --json."""
    if options.fresh:
        shutil.rmtree(work / "rows", ignore_errors=True)
    (work / "rows").mkdir(parents=True, exist_ok=True)
    figures: dict[str, float] = {}
    if not options.skip_quiet:
        table = ratios.with_ratios(list(watched_rows(options, work)))
        print(table[SHOWN].to_string(index=False, float_format="%.3g"))
        print(told_by(table, "method"), told_by(table, "data"), told_by(table, "promised"), sep="\n")
        worst = table.nlargest(12, "off_by")[[*SHOWN, "off_by"]]
        print(f"the worst:\n{worst.to_string(index=False, float_format='%.3g')}")
        if options.csv:
            table.to_csv(options.csv, index=False)
        figures |= ratios.figures_of(table)
    if not options.skip_power:
        table = pd.DataFrame(planted_rows(options, work))
        keys = ["recipe", "method", "base", "what", "cadence_s"]
        print(table.pivot_table("found", keys, "sigma").to_string(float_format="%.0f"))
        figures |= power.figures_of(table)
    return figures


def told_by(table: pd.DataFrame, column: str) -> str:
    """Counts of all cases of one method, set or rate together."""
    groups = table.groupby(column, sort=False)
    found = groups[["events", "expected"]].sum().assign(cases=groups.size(), within=groups["within"].mean())
    found["ratio"], found["off_by"] = found["events"] / found["expected"], groups["off_by"].max()
    return found.to_string(float_format="%.3g")


def main() -> None:
    asked = parser(__doc__, "two small sets, two methods, two cases of power", data="folder as described above")
    known = sorted({name for methods in METHODS.values() for name in methods})
    asked.add_argument("--only", nargs="+", metavar="NAME", help="sets; default: all that are there")
    asked.add_argument("--methods", nargs="+", choices=known, help="default: all of one step, and zero_shot")
    asked.add_argument("--nets", action="store_true", help="nets as well, with a short training")
    asked.add_argument("--work", type=Path, metavar="DIR", help="keep reels and rows here, and go on from them")
    asked.add_argument("--fresh", action="store_true", help="forget the rows in --work, not its reels")
    asked.add_argument("--skip-power", action="store_true", help="no planted anomalies")
    asked.add_argument("--skip-quiet", action="store_true", help="planted anomalies alone")
    asked.add_argument("--csv", type=Path, metavar="FILE", help="the rows of quiet data as a table")
    options = parsed(asked)
    options.methods = options.methods or (QUICK_METHODS if options.quick else None)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, options.work or Path(folder))
    print(json.dumps(figures, indent=1))
    write(figures, options.json)


if __name__ == "__main__":
    main()
