"""Detection without training: VUS-PR of the shipped weights beside the published zero-shot models, UCR score, speed.

    python tests/benchmarks/zero_shot.py --data SERIES [--run DIR | --weights FILE] [--methods zero_shot moving_z ...]
        [--ablation NAME=DIR ...] [--synthetic N] [--speed] [--quick] [--json FILE] [--csv FILE]

SERIES: see parts/series_sets.py. Every series goes through prep into a reel, and the samples of the reel through the
scorer, all at once, without a training part. VUS-PR as in parts/series_anomaly.py. Sets: the series of
TSB-AD-U-Eva.csv that are known to be one of the raw ones there (`mapped`: 40 of 350, by length and first anomaly), 24
more UCR series that official figures identify among twins, and, for the UCR score, the 90 of 92 of the archive that
have a label. Nothing is tuned on these series; weights are chosen on held-out synthetic data alone (--synthetic N: its
first N series). `mean` is over the mapped series, `identified` with the 24. Speed stands beside that of moving_z in
the same run, and the peak memory beside that before the series was scored. In brackets: with --speed, with
--synthetic and with other methods.

--json keys: vus_pr_<method>_mean, vus_pr_<method>_identified, vus_pr_<method>_ucr_archive, vus_pr_<method>_<set>,
ucr_score, [ucr_score_<method>], [points_per_s], [params], [peak_memory_mb], [peak_memory_ratio],
[points_per_s_over_moving_z], [synthetic_ap], [synthetic_vus_pr], [synthetic_pooled_ap], [synthetic_ap_<method>],
[synthetic_vus_pr_<method>], [synthetic_pooled_ap_<method>].
"""

import argparse
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from parts.common import best_s, parsed, parser, told, write
from parts.recipes import recipe_for, run_mode
from parts.rows import rows_of
from parts.series_anomaly import RECIPE, near_the_anomaly
from parts.series_sets import Case, tsb_evaluation, ucr
from parts.tiny_series import write_series

from tests.support.baselines import moving_z

ZERO_SHOT = ("Chronos", "TimesFM", "Lag-Llama", "MOMENT (ZS)")
OFFICIAL = (*ZERO_SHOT, "KMeansAD", "Sub-PCA", "KShapeAD")
RULE = "nothing is tuned on these series; weights are chosen on held-out synthetic data only"
SETS = ["nab", "msl", "smap", "ucr"]
SYNTHETIC_SEED = 987_654_321  # held out: training must use another
SYNTHETIC_LENGTHS = (1024, 2048, 5000)
SPEED_SAMPLES, QUICK_SPEED_SAMPLES = 100_000, 1_000
QUICK_SYNTHETIC = 2
Score = Callable[[np.ndarray], np.ndarray]


BASELINES: dict[str, Score] = {"moving_z": moving_z}


@lru_cache(maxsize=1)
def scorer_of(run: Path, device: str):
    """The net of a run, which needs no calibration."""
    from inference.scorers.load import load_scorer

    return load_scorer(run, device)[0]


def score_of(method: str, run: Path | None, device: str) -> Score:
    """The scoring of a method: one of BASELINES, or the net of a run."""
    return BASELINES[method] if run is None else scorer_of(run, device).scores


def cases_of(data: Path, sets: list[str], limit: int | None) -> list[Case]:
    """The mapped series of each set, and all of the UCR archive, those of TSB-AD-U among them with official figures."""
    mapped = list(tsb_evaluation(data))
    known = {case.name.split()[1]: case for case in mapped if case.set == "ucr"}
    found = [case for case in mapped if case.set != "ucr"]
    for case in ucr(data):
        same = known.get(case.name, case)
        found.append(replace(case, name=same.name, official=same.official))
    return [case for name in sets for case in [c for c in found if c.set == name][:limit]]


def run_case(case: Case, method: str, run: Path | None, device: str, folder: Path) -> dict[str, Any]:
    """One series through prep and a scorer; returns its row."""
    from inference.metrics.vus import period_of, vus

    score, values = score_of(method, run, device), values_of(case, folder)
    begun = time.perf_counter()
    scores = complete(score(values), len(case.values))
    row = {"set": case.set, "name": case.name, "method": method, "n": len(scores), "s": time.perf_counter() - begun}
    found = vus(scores, case.labels, period_of(case.values[:, 0]))
    row |= {"vus_pr": found.pr, "vus_roc": found.roc}
    return row | ({"ucr": near_the_anomaly(scores, case)} if case.set == "ucr" else {})


def values_of(case: Case, folder: Path) -> np.ndarray:
    """The samples (T, C) of the reel that prep makes of a series, as `eval` reads them, NaN unknown."""
    from data import prepare_data
    from data.reel.reel import Reel
    from inference.scorers.zero_shot.scorer import measured

    prepare_data.MOST_PAGES = 0  # drawing a page of each series would take longer than scoring it
    np.savez(folder / "all.npz", values=case.values)
    settings = recipe_for(RECIPE, {"prep.stride": 1000}, is_net=True)
    run_mode("prep", settings, folder, "--data-raw", folder / "all.npz", "--data-clips", folder / "all")
    reel = Reel(folder / "all" / "all")
    return measured(reel, 0, len(reel))


def complete(scores: np.ndarray, length: int) -> np.ndarray:
    """Scores (T,) with the lowest one where there is none. Raises ValueError for another length or no score at all."""
    known = np.isfinite(scores)
    if scores.shape != (length,) or not known.any():
        raise ValueError(f"scores {scores.shape}, {known.sum()} of them finite, for a series of {length} samples")
    return np.where(known, scores, scores[known].min()).astype(np.float64)


def with_official(table: pd.DataFrame, cases: list[Case]) -> pd.DataFrame:
    """The rows with the official figures of their series, NaN where it is not known to be in TSB-AD-U."""
    official = [{"name": c.name} | {k: c.official.get(k, np.nan) for k in ("mapped", *OFFICIAL)} for c in cases]
    return table.merge(pd.DataFrame(official), on="name", how="left")


def groups_of(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each mean that is told."""
    mapped = table[table["mapped"] == 1]
    found = {name: mapped[mapped["set"] == name] for name in mapped["set"].unique()}
    found |= {"mean": mapped, "identified": table[table["mapped"].notna()]}
    found["ucr_archive"] = table[table["set"] == "ucr"]
    return {name: rows for name, rows in found.items() if len(rows)}


def tell(table: pd.DataFrame) -> None:
    """Print series by series, then means of the methods and official ones, then how often ours are above those."""
    wide = table.pivot_table("vus_pr", ["set", "name"], "method", sort=False)
    beside = table.drop_duplicates(["set", "name"]).set_index(["set", "name"])[["mapped", "n", *OFFICIAL]]
    print(wide.join(beside).round(3).to_string())
    columns, means = [*table["method"].unique(), *OFFICIAL], {}
    for name, rows in groups_of(table).items():
        theirs = rows[[] if name == "ucr_archive" else list(OFFICIAL)].mean()
        means[f"{name} ({rows['name'].nunique()})"] = pd.concat([rows.groupby("method")["vus_pr"].mean(), theirs])
    print(pd.DataFrame(means).T.reindex(columns=columns).round(3).to_string())
    for method, rows in table[table["mapped"] == 1].groupby("method", sort=False):
        better = ", ".join(f"{name} on {int((rows['vus_pr'] > rows[name]).sum())}" for name in OFFICIAL)
        print(f"of {len(rows)} mapped series {method} is above {better}")
    if "ucr" in table:
        scores = table.dropna(subset="ucr").groupby("method", sort=False)["ucr"].agg(["mean", "count"])
        print(f"UCR score:\n{scores.round(3).to_string()}")
    print(RULE)


def figures_of(table: pd.DataFrame) -> dict[str, float]:
    """The keys of --json."""
    figures = {}
    for method, rows in table.groupby("method", sort=False):
        for name, part in groups_of(rows).items():
            figures[f"vus_pr_{method}_{name}"] = part["vus_pr"].mean()
        if "ucr" in rows:
            figures["ucr_score" if method == "zero_shot" else f"ucr_score_{method}"] = rows["ucr"].mean()
    return {key: float(value) for key, value in figures.items() if np.isfinite(value)}


def speed(run: Path, device: str, threads: int, samples: int) -> dict[str, float]:
    """Samples a second on a series, best of three; parameters; peak memory of this process."""
    import torch

    torch.set_num_threads(threads)
    scorer, t = scorer_of(run, device), np.arange(samples)
    values = (np.sin(t / 8) + np.sin(t / 300) + np.random.default_rng(0).normal(0, 0.1, len(t)))[:, None]
    before_mb = peak_mb()
    ours_s, _ = best_s(lambda: scorer.scores(values), repeat=3)
    after_mb = peak_mb()
    plain_s, _ = best_s(lambda: moving_z(values), repeat=3)
    return {
        "points_per_s": samples / ours_s,
        "points_per_s_over_moving_z": plain_s / ours_s,
        "params": sum(p.numel() for p in scorer.model.parameters()),
        "peak_memory_mb": after_mb,
        "peak_memory_ratio": after_mb / before_mb,
    }


def peak_mb() -> float:
    """Of this process, not of the one that started it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def synthetic(method: str, run: Path | None, device: str, count: int) -> dict[str, float]:
    """Mean average precision and VUS-PR over those of `count` held-out synthetic series that have an anomaly."""
    from config import SyntheticConfig
    from data.synthetic.series import make_series
    from inference.metrics.frame import average_precision
    from inference.metrics.vus import period_of, vus

    score, rows, everything = score_of(method, run, device), [], []
    for index in range(count):
        length = SYNTHETIC_LENGTHS[index % len(SYNTHETIC_LENGTHS)]
        made = make_series(SYNTHETIC_SEED, index, length, SyntheticConfig())
        scores = complete(score(made.values.astype(np.float64)), length)
        everything.append((scores, made.labels))
        if made.labels.any():
            row = {"ap": average_precision(scores, made.labels), "kinds": made.kinds}
            rows.append(row | {"vus_pr": vus(scores, made.labels, period_of(made.values[:, 0])).pr})
    table = pd.DataFrame(rows)
    print(f"{method}: {len(table)} of {count} synthetic series have an anomaly; by kind:")
    kinds = table.explode("kinds").groupby("kinds")[["ap", "vus_pr"]].agg(["mean", "count"])
    print(kinds.drop(columns=("vus_pr", "count")).sort_values(("ap", "mean")).round(3).to_string())
    pooled = average_precision(*(np.concatenate(part) for part in zip(*everything, strict=True)))
    suffix = "" if method == "zero_shot" else f"_{method}"
    found = {"ap": table["ap"].mean(), "vus_pr": table["vus_pr"].mean(), "pooled_ap": pooled}
    return {f"synthetic_{name}{suffix}": float(value) for name, value in found.items()}


def run_of(weights: Path | None, folder: Path) -> Path:
    """A run made in `folder` of a checkpoint (.pt), of a file of weights as they ship, or of those that ship."""
    from training.places import path_of
    from training.shipped import WEIGHTS, shipped_run

    if weights is None or weights.suffix != ".pt":
        return shipped_run(str(folder), weights or WEIGHTS)
    best = path_of(folder, "best")
    best.parent.mkdir(parents=True)
    shutil.copy(weights, best)
    return folder


def methods_of(a: argparse.Namespace, folder: Path) -> dict[str, Path | None]:
    """The methods asked for, each with its run, or none for BASELINES."""
    found = dict.fromkeys(a.methods)
    if "zero_shot" in found:
        found["zero_shot"] = a.run or run_of(a.weights, folder)
    for text in a.ablation:
        name, is_given, run = text.partition("=")
        if not is_given or name in BASELINES:
            raise ValueError(f"--ablation {text}: give NAME=DIR, a run's folder, with a name of its own")
        found[name] = Path(run)
    return found


def figures_asked(a: argparse.Namespace, methods: dict[str, Path | None]) -> dict[str, float]:
    """All figures that are asked for; speed first, as the peak memory of a process begins with that of its parent."""
    figures = {}
    if a.speed:
        quick = a.quick and "fork" in multiprocessing.get_all_start_methods()  # to load the libraries takes longer
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork" if quick else "spawn")) as pool:
            samples = QUICK_SPEED_SAMPLES if a.quick else SPEED_SAMPLES
            figures |= pool.submit(speed, methods["zero_shot"], a.device, a.threads, samples).result()
    if a.synthetic:
        for name, run in methods.items():
            figures |= synthetic(name, run, a.device, a.synthetic)
    if a.sets:
        cases = cases_of(a.data, a.sets, a.limit)
        table = rows_of([(run_case, case, m, w, a.device) for m, w in methods.items() for case in cases], a.jobs)
        table = with_official(table, cases)
        tell(table)
        figures |= figures_of(table)
        if a.csv:
            table.to_csv(a.csv, index=False)
    return figures


def main() -> None:
    asked = parser(__doc__, "everything, a series of each set and two synthetic ones", data="folder of series")
    asked.add_argument("--sets", nargs="*", choices=SETS, default=SETS, help="none with --sets and no name")
    asked.add_argument("--methods", nargs="*", choices=["zero_shot", *BASELINES], help="default: zero_shot")
    asked.add_argument("--weights", type=Path, help="a checkpoint (.pt) or safetensors in place of those that ship")
    asked.add_argument("--run", type=Path, help="a run whose best checkpoint is taken in their place")
    asked.add_argument("--ablation", nargs="+", default=[], metavar="NAME=DIR", help="runs as further methods")
    asked.add_argument("--synthetic", type=int, metavar="N", help="also on N held-out synthetic series")
    asked.add_argument("--speed", action="store_true", help="also time it, count parameters and measure memory")
    asked.add_argument("--threads", type=int, default=os.cpu_count(), help="of --speed; fewer where others work too")
    asked.add_argument("--device", default="cpu")
    asked.add_argument("--jobs", type=int, default=1, help="series at a time, each on one thread")
    asked.add_argument("--limit", type=int, help="only so many series of each set")
    asked.add_argument("--csv", type=Path, help="write a row for each series and method")
    options = parsed(asked)
    if options.quick:
        options.methods = options.methods or ["zero_shot", *BASELINES]
        options.synthetic, options.limit, options.speed = options.synthetic or QUICK_SYNTHETIC, options.limit or 1, True
    options.methods = options.methods or ["zero_shot"]
    if options.speed and "zero_shot" not in options.methods:
        asked.error("--speed is that of zero_shot, which is not among --methods")
    with tempfile.TemporaryDirectory() as folder:
        if options.sets and options.data is None:
            options.data = write_series(Path(folder) / "series")
        figures = figures_asked(options, methods_of(options, Path(folder) / "run"))
    print(told(figures))
    write(figures, options.json)


if __name__ == "__main__":
    main()
