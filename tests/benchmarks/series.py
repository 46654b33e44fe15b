"""Series on real data, through the program: anomalies, forecasts, imputation, classification, speed. Prints tables.

    python tests/benchmarks/series.py --data SERIES [--tasks anomaly forecast impute classify speed] [--quick]
        [--json FILE]

SERIES: see parts/series_sets.py; --sets mapped: those of TSB-AD-U that are known (40, and 24 more of UCR).
Classification: --aeon FOLDER, the datasets/data folder of the aeon package, whose ROCKET is run by rocket.py. Protocols
stand in parts/series_anomaly.py and parts/series_tasks.py. Nothing is tuned on test labels. Speed: tvnet's beside
timesnet's of the same run; that of VUS is in vus.py. In brackets: of the methods, sets and horizons that are asked for.

--json keys: vus_pr_<set>_<method>, [ucr_score_<method>], [skab_f1] (of tvnet), [skab_f1_<method>], [etth1_96_mse] (of
tvnet), <ett>_<horizon>_mse_<method>, <ett>_impute_<rate>_mse_<method>, [classify_accuracy_<set>] (of tvnet),
[classify_accuracy_<set>_<method>], windows_per_s_<side>_<method> (side: train or eval),
<side>_speed_tvnet_over_timesnet.
"""

import argparse
import tempfile
from pathlib import Path

from parts import series_anomaly, series_tasks
from parts.common import parsed, parser, told, write
from parts.rows import rows_of
from parts.series_sets import SETS
from parts.series_speed import speed
from parts.tiny_series import write_series

LABELLED = ["msl", "smap", "ucr", "nab", "skab"]
ETTS = ["ETTh1", "ETTh2"]
CLASSIFICATION = ["BasicMotions", "JapaneseVowels", "GunPoint", "ItalyPowerDemand", "ArrowHead", "OSULeaf", "ACSF1"]


QUICK = {
    "methods": ["kmeans", "tvnet"],
    "sets": ["msl", "ucr", "skab"],
    "nets": ["linear", "tvnet"],
    "etts": ["ETTh1"],
    "horizons": [96],
    "rates": [0.25],
    "limit": 1,
    "jobs": 1,
}
FULL = {
    "methods": list(series_anomaly.METHODS),
    "sets": LABELLED,
    "nets": list(series_tasks.FORECASTERS),
    "etts": ETTS,
    "horizons": list(series_tasks.HORIZONS),
    "rates": list(series_tasks.RATES),
    "limit": None,
    "jobs": 2,
}


def anomaly(a: argparse.Namespace) -> dict[str, float]:
    cases = [case for name in a.sets for case in list(SETS[name](a.data))[: a.limit]]
    table = rows_of([(series_anomaly.run_case, case, m, a.seed, a.quick) for m in a.methods for case in cases], a.jobs)
    print(table.pivot_table("vus_pr", "method", "set").round(3).to_string())
    print("official figures, mean over the series that have them:")
    print(series_anomaly.official(cases).round(3).to_string())
    if a.csv:
        table.to_csv(a.csv, index=False)
    return series_anomaly.figures_of(table)


def forecast(a: argparse.Namespace) -> dict[str, float]:
    asked = [(s, h, m) for s in a.etts for h in a.horizons for m in a.nets]
    table = rows_of([(series_tasks.forecast, a.data, s, h, m, a.seed, a.quick) for s, h, m in asked], a.jobs)
    print(table.pivot_table(["mse", "mae"], "method", ["set", "horizon"]).round(4).T.to_string())
    figures = {f"{r.set.lower()}_{r.horizon}_mse_{r.method}": r.mse for r in table.itertuples()}
    best = table[(table["set"] == "ETTh1") & (table["horizon"] == 96) & (table["method"] == "tvnet")]["mse"]
    return figures | ({"etth1_96_mse": float(best.iloc[0])} if len(best) else {})


def impute(a: argparse.Namespace) -> dict[str, float]:
    nets = [m for m in a.nets if m not in ("linear",)]
    asked = [(s, rate, m) for s in a.etts for rate in a.rates for m in nets]
    table = rows_of([(series_tasks.impute, a.data, s, rate, m, a.seed, a.quick) for s, rate, m in asked], a.jobs)
    print(table.pivot_table(["mse", "straight line mse"], "method", ["set", "rate"]).round(4).T.to_string())
    return {f"{r.set.lower()}_impute_{r.rate:g}_mse_{r.method}": r.mse for r in table.itertuples()}


def classify(a: argparse.Namespace) -> dict[str, float]:
    if a.aeon is None:
        print("classification left out: it needs --aeon, the datasets/data folder of the aeon package")
        return {}
    sets = list(series_tasks.aeon_sets(a.aeon, CLASSIFICATION))
    nets = [m for m in a.nets if m not in ("linear",)]
    table = rows_of([(series_tasks.classify, *files, m, a.seed, a.quick) for files in sets for m in nets], a.jobs)
    print(table.pivot_table("accuracy", "set", "method").round(3).to_string())
    found = {f"classify_accuracy_{r.set}_{r.method}": r.accuracy for r in table.itertuples()}
    return found | {f"classify_accuracy_{r.set}": r.accuracy for r in table.itertuples() if r.method == "tvnet"}


TASKS = {"anomaly": anomaly, "forecast": forecast, "impute": impute, "classify": classify, "speed": speed}


def figures_of(options: argparse.Namespace) -> dict[str, float]:
    """The figures of all tasks asked for."""
    series_anomaly.check_methods()
    series_tasks.check_methods()
    figures: dict[str, float] = {}
    for task in options.tasks:
        print(f"--- {task}, seed {options.seed}")
        figures |= TASKS[task](options)
    return figures


def main() -> None:
    asked = parser(__doc__, "one series of three sets, two methods, one epoch", data="folder of series")
    asked.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    asked.add_argument("--sets", nargs="+", choices=SETS, help=f"anomaly; default: {' '.join(LABELLED)}")
    asked.add_argument("--methods", nargs="+", choices=series_anomaly.METHODS, help="anomaly; default: all")
    asked.add_argument("--nets", nargs="+", choices=series_tasks.FORECASTERS, help="of the other tasks; default: all")
    asked.add_argument("--horizons", nargs="+", type=int, choices=series_tasks.HORIZONS, help="default: all")
    asked.add_argument("--rates", nargs="+", type=float, help="impute: hidden fractions")
    asked.add_argument("--etts", nargs="+", choices=ETTS, help="forecast, impute; default: both")
    asked.add_argument("--aeon", type=Path, help="folder of aeon's data sets")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--set", dest="extra", action="append", default=[], help="anomaly: a setting for all methods")
    asked.add_argument("--jobs", type=int, help="rows at a time, each on one thread; default: 2")
    asked.add_argument("--limit", type=int, help="anomaly: only so many series of each set")
    asked.add_argument("--csv", type=Path, help="anomaly: write a row for each series and method")
    options = parsed(asked)
    for name, default in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, default)
    series_anomaly.override(options.extra)
    with tempfile.TemporaryDirectory() as folder:
        if options.data is None:
            options.data = write_series(Path(folder) / "series")
            options.aeon = options.data / "aeon"
        figures = figures_of(options)
    print(told(figures))
    write(figures, options.json)


if __name__ == "__main__":
    main()
