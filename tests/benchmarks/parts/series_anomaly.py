"""Methods for series on labelled series, through the program: prep, train, scores of every sample.

No entry point: series.py runs it.

Protocol: VUS-PR (Paparrizos et al. 2022) of the scores of every sample of a series, its
window the period of the first variable, as TSB-AD has it; then the mean over series. Nets are trained on the training
part that TSB-AD gives each series (NAB: its probationary period), `whole` methods on the whole series without its
labels, as TSB-AD fits its unsupervised ones (KMeansAD, PCA): both official figures stand beside. SKAB: everything is
fitted on the first 400 rows of each experiment, F1 over the samples of all together, the threshold is the one that 1 %
of the quiet samples of validation exceed. Settings were chosen on the series of MSL and SMAP in TSB-AD-M-Tuning.csv
alone (--sets tuning); for SKAB, whose training parts are shorter, windows are of 32 samples, as its own leaderboard's.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from parts.common import ROOT
from parts.recipes import recipe_for, run_mode
from parts.series_sets import Case

RECIPE = ROOT / "demo" / "series_net.yaml"
WINDOWS = 500  # of a training, spread evenly: long series would take hours
OFFICIAL = ("KMeansAD", "PCA", "Sub-PCA", "MatrixProfile", "CNN", "AutoEncoder", "TimesNet")
# Name -> settings on top of the recipe; "fit": whole, on the series itself without labels, or train, on its first part;
# "is_net": trained in epochs, the others are fitted in one step.
STRIDED = [{"width": 32, "kernel": [5, 1, 1]}, {"width": 64, "stride": [4, 1, 1], "kernel": [5, 1, 1]}]
TRAINED = {"train.epochs": 10, "train.warmup_epochs": 1.0, "train.lr": 1e-3}
NET = {"fit": "train", "is_net": True, "eval.smooth_samples": 100, **TRAINED}
QUICK_NET = {"train.epochs": 1, "train.warmup_epochs": 0.0}
SKAB = {"prep.clip_length": 32, "train.val_fraction": 0.2, "eval.smooth_samples": 32}
SKAB["eval.false_alarms_per_day"] = 864.0  # a sample a second: 1 % of them
EXTRA: dict[str, Any] = {}  # that `override` was asked for
METHODS: dict[str, dict[str, Any]] = {
    "kmeans": {"fit": "whole", "model.name": "kmeans"},
    "window_pca": {"fit": "whole", "model.name": "window_pca"},
    "sub_pca": {"fit": "whole", "model.name": "sub_pca"},
    "iforest": {"fit": "whole", "model.name": "iforest"},
    "kmeans_train": {"fit": "train", "model.name": "kmeans"},
    "sub_pca_train": {"fit": "train", "model.name": "sub_pca"},
    "sub_pca_own": {"fit": "train", "model.name": "sub_pca", "eval.own_evidence": 2.0},
    "patches": {"fit": "train", "model.name": "patches"},
    "tvnet": {**NET, "model.name": "tvnet"},
    "timesnet": {**NET, "model.name": "timesnet"},
    "autoencoder": {**NET, "model.name": "autoencoder", "model.patch": [1, 1, 1], "model.stages": STRIDED},
}


def settings_of(case: Case, method: str, folder: Path, seed: int, is_quick: bool) -> dict[str, Any]:
    """The configuration of a method on a series."""
    is_net = METHODS[method].get("is_net", False)
    settings = {key: value for key, value in METHODS[method].items() if key not in ("fit", "is_net")}
    settings |= SKAB if case.set == "skab" else {}
    n_fit = fitted_samples(case, method)
    length = settings.pop("prep.clip_length", min(100, n_fit // 5))
    chosen = {
        "prep.clip_length": length,
        "prep.stride": max(1, (n_fit - length) // WINDOWS),
        "train.val_fraction": 0.1,
        "model_path": str(folder / "run"),
        "device": "cpu",
        "workers": 0,
        "seed": seed,
        **settings,
        **(QUICK_NET if is_net and is_quick else {}),
        **EXTRA,
    }
    return recipe_for(RECIPE, chosen, is_net)


def check_methods() -> None:
    """Raises ConfigError when the settings of a method can't be used, before hours of work on another."""
    from config import from_dict

    case = Case("none", "none", np.zeros((1000, 1)), np.zeros(1000), 500, {})
    for method in METHODS:
        from_dict(settings_of(case, method, Path("none"), 0, is_quick=False), f"method {method}")


def fitted_samples(case: Case, method: str) -> int:
    """How many samples of the series the method is fitted on."""
    is_whole = METHODS[method]["fit"] == "whole" and case.set != "skab"
    return len(case.values) if is_whole else case.n_train


def run_case(case: Case, method: str, seed: int, is_quick: bool, folder: Path) -> dict[str, Any]:
    """One series through prep, train and scoring; returns its row."""
    from inference.metrics.vus import period_of, vus

    scores, figures = scores_of(case, method, settings_of(case, method, folder, seed, is_quick), folder)
    row = {"set": case.set, "name": case.name, "method": method, "n": len(scores), **figures}
    row |= {f"official {name}": case.official[name] for name in OFFICIAL if name in case.official}
    known = np.isfinite(scores)
    found = vus(np.where(known, scores, 0.0), case.labels, period_of(case.values[:, 0]))
    row |= {"vus_pr": found.pr, "vus_roc": found.roc}
    if case.set == "ucr":
        row["ucr"] = near_the_anomaly(scores, case)
    if case.set == "skab":
        alarms = np.where(known, scores, 0) > figures["low"]
        row |= {"tp": int((alarms & (case.labels == 1)).sum()), "alarms": int(alarms.sum())}
        row["positives"] = int((case.labels == 1).sum())
    return row


def near_the_anomaly(scores: np.ndarray, case: Case) -> float:
    """UCR's own score: whether the highest score behind the training part lies within 100 samples of the anomaly."""
    peak = case.n_train + int(np.nanargmax(scores[case.n_train :]))
    inside = np.flatnonzero(case.labels == 1)
    return float(inside[0] - 100 <= peak <= inside[-1] + 100)


def scores_of(case: Case, method: str, settings: dict[str, Any], folder: Path) -> tuple[np.ndarray, dict[str, float]]:
    """Scores (T,), NaN where there are none, and times."""
    from config import from_dict
    from data import prepare_data
    from data.reel.reel import Reel
    from inference.detection import scored_samples
    from inference.job import make_job
    from inference.scorers.load import load_scorer

    prepare_data.MOST_PAGES = 0  # drawing a page of each series would take longer than training on it
    for part, stop in (("fit", fitted_samples(case, method)), ("all", len(case.values))):
        np.savez(folder / f"{part}.npz", values=case.values[:stop])
        extra = [] if part == "fit" else ["--set", f"prep.stretch_from={folder / 'fit' / 'fit'}"]
        places = ["--data-raw", folder / f"{part}.npz", "--data-clips", folder / part]
        run_mode("prep", settings, folder, *places, *extra)
    train_s, _ = run_mode("train", settings, folder, "--data-clips", folder / "fit")
    begun, run, config = time.perf_counter(), folder / "run", from_dict(settings, f"method {method}").eval
    scorer, _ = load_scorer(run, "cpu", config)
    reel, scores = Reel(folder / "all" / "all"), np.full(len(case.values), np.nan)
    job = make_job(reel, run, scorer, "", config)
    for begin, found, *_ in scored_samples(job):
        scores[begin : begin + len(found)] = found
    return scores, {"train_s": train_s, "eval_s": time.perf_counter() - begun, "low": job.low}


def official(cases: list[Case]) -> pd.DataFrame:
    """Mean of the official figures over the series that have them."""
    rows = [{"set": case.set, **{k: case.official[k] for k in OFFICIAL if k in case.official}} for case in cases]
    return pd.DataFrame(rows).groupby("set").mean(numeric_only=True)


def figures_of(table: pd.DataFrame) -> dict[str, float]:
    """The keys of --json."""
    figures = {}
    for (name, method), rows in table.groupby(["set", "method"]):
        figures[f"vus_pr_{name}_{method}"] = rows["vus_pr"].mean()
        if name == "ucr":
            figures[f"ucr_score_{method}"] = rows["ucr"].mean()
        if name == "skab" and method == "tvnet":
            figures["skab_f1"] = f1_of(rows)
        if name == "skab":
            figures[f"skab_f1_{method}"] = f1_of(rows)
    return {key: float(value) for key, value in figures.items()}


def f1_of(rows: pd.DataFrame) -> float:
    """Over the samples of all series together."""
    return 2 * rows["tp"].sum() / (rows["alarms"].sum() + rows["positives"].sum())


def override(texts: list[str]) -> None:
    """Settings KEY=JSON for all methods, on all sets."""
    for text in texts:
        key, _, value = text.partition("=")
        EXTRA[key] = json.loads(value)
