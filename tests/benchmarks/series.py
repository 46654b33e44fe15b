"""Series on real data, through the program: anomalies, forecasts, imputation, classification, speed. Prints tables.

    python tests/benchmarks/series.py --data SERIES [--tasks anomaly forecast impute classify speed] [--json FILE]

SERIES: see series_sets.py; classification: --aeon FOLDER, the datasets/data folder of the aeon package, whose ROCKET is
run by rocket.py. Protocols stand in series_anomaly.py and series_tasks.py. Nothing is tuned on test labels.
--json keys: vus_pr_<set>_<method>, ucr_score_<method>, skab_f1 (of tvnet), skab_f1_<method>,
etth1_96_mse, ett<h1|h2>_<horizon>_mse_<method>, classify_accuracy_<set>, windows_per_s_<train|eval>_<method>;
vus_speedup is in vus.py.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "benchmarks")]

import series_anomaly  # noqa: E402
import series_tasks  # noqa: E402
from series_sets import SETS  # noqa: E402
from series_speed import speed  # noqa: E402

LABELLED = ["msl", "smap", "ucr", "nab", "skab"]
CLASSIFICATION = ["BasicMotions", "JapaneseVowels", "GunPoint", "ItalyPowerDemand", "ArrowHead", "OSULeaf", "ACSF1"]


def quietly(measure: Callable, *arguments) -> dict:
    """One row, made in a folder that is removed, without what the program prints, on one thread."""
    import torch

    torch.set_num_threads(1)
    with ExitStack() as stack:
        folder, nowhere = stack.enter_context(tempfile.TemporaryDirectory()), stack.enter_context(open(os.devnull, "w"))
        stack.enter_context(redirect_stdout(nowhere))
        stack.enter_context(redirect_stderr(nowhere))
        return measure(*arguments, Path(folder))


def rows_of(calls: list[tuple], jobs: int) -> pd.DataFrame:
    """The rows of all calls (function, arguments), so many at a time, printed as they come."""
    rows = []
    with ProcessPoolExecutor(jobs) as pool:
        for waiting in [pool.submit(quietly, *call) for call in calls]:
            try:
                rows.append(waiting.result())
            except BaseException:
                pool.shutdown(cancel_futures=True)  # no hours of work after a failure
                raise
            told = (f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in rows[-1].items())
            print(*told, flush=True)
    return pd.DataFrame(rows)


def anomaly(a: argparse.Namespace) -> dict[str, float]:
    cases = [case for name in a.sets for case in list(SETS[name](a.data))[: a.limit]]
    table = rows_of([(series_anomaly.run_case, case, m, a.seed) for m in a.methods for case in cases], a.jobs)
    print(table.pivot_table("vus_pr", "method", "set").round(3).to_string())
    print("official figures, mean over the series that have them:")
    print(series_anomaly.official(cases).round(3).to_string())
    if a.csv:
        table.to_csv(a.csv, index=False)
    return series_anomaly.figures_of(table)


def forecast(a: argparse.Namespace) -> dict[str, float]:
    asked = [(s, h, m) for s in ("ETTh1", "ETTh2") for h in series_tasks.HORIZONS for m in a.nets]
    table = rows_of([(series_tasks.forecast, a.data, s, h, m, a.seed) for s, h, m in asked], a.jobs)
    print(table.pivot_table(["mse", "mae"], "method", ["set", "horizon"]).round(4).T.to_string())
    figures = {f"{r.set.lower()}_{r.horizon}_mse_{r.method}": r.mse for r in table.itertuples()}
    best = table[(table["set"] == "ETTh1") & (table["horizon"] == 96) & (table["method"] == "tvnet")]["mse"]
    return figures | ({"etth1_96_mse": float(best.iloc[0])} if len(best) else {})


def impute(a: argparse.Namespace) -> dict[str, float]:
    nets = [m for m in a.nets if m not in ("linear",)]
    asked = [(s, rate, m) for s in ("ETTh1", "ETTh2") for rate in series_tasks.RATES for m in nets]
    table = rows_of([(series_tasks.impute, a.data, s, rate, m, a.seed) for s, rate, m in asked], a.jobs)
    print(table.pivot_table(["mse", "straight line mse"], "method", ["set", "rate"]).round(4).T.to_string())
    return {f"{r.set.lower()}_impute_{r.rate:g}_mse_{r.method}": r.mse for r in table.itertuples()}


def classify(a: argparse.Namespace) -> dict[str, float]:
    if a.aeon is None:
        print("classification left out: it needs --aeon, the datasets/data folder of the aeon package")
        return {}
    sets = list(series_tasks.aeon_sets(a.aeon, CLASSIFICATION))
    nets = [m for m in a.nets if m not in ("linear",)]
    table = rows_of([(series_tasks.classify, *files, m, a.seed) for files in sets for m in nets], a.jobs)
    print(table.pivot_table("accuracy", "set", "method").round(3).to_string())
    found = {f"classify_accuracy_{r.set}_{r.method}": r.accuracy for r in table.itertuples()}
    return found | {f"classify_accuracy_{r.set}": r.accuracy for r in table.itertuples() if r.method == "tvnet"}


TASKS = {"anomaly": anomaly, "forecast": forecast, "impute": impute, "classify": classify, "speed": speed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=LABELLED, help="anomaly")
    parser.add_argument("--methods", nargs="+", choices=series_anomaly.METHODS, default=list(series_anomaly.METHODS))
    parser.add_argument("--nets", nargs="+", choices=series_tasks.FORECASTERS, default=list(series_tasks.FORECASTERS))
    parser.add_argument("--aeon", type=Path, help="folder of aeon's data sets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", dest="extra", action="append", default=[], help="anomaly: a setting for all methods")
    parser.add_argument("--jobs", type=int, default=2, help="rows at a time, each on one thread")
    parser.add_argument("--limit", type=int, help="anomaly: only so many series of each set")
    parser.add_argument("--csv", type=Path, help="anomaly: write a row for each series and method")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    series_anomaly.override(arguments.extra)
    figures: dict[str, float] = {}
    for task in arguments.tasks:
        print(f"--- {task}, seed {arguments.seed}")
        figures |= TASKS[task](arguments)
    print(json.dumps(figures, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
