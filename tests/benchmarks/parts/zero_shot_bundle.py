"""The shipped weights of `vetime` as a bundle, beside themselves in PyTorch: what export.py tells of series.

No entry point. Labelled synthetic series (planted anomalies) of numbers that nothing was trained, chosen or calibrated
on; the labels only measure.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.special import softplus

from config import SyntheticConfig, load
from data.synthetic.series import Synthetic, make_series
from inference.export.export import export
from inference.metrics.vus import period_of, vus
from inference.runner.run import Runner
from inference.scorers.load import load_scorer
from inference.scorers.zero_shot.scorer import ZeroShotScorer
from tests.support.reels import make_reel
from training.shipped import shipped_run

FIRST, SAMPLES = 2**41, 4096  # number of the first series, and how long each is
LONG = 32_768  # samples of the reel that the runner is started on


def zero_shot_figures(work: Path, count: int, started: Callable[..., tuple[float, float]]) -> dict[str, float]:
    """What --json tells of it. started: how a process is run, `runner` or `eval` and its words: seconds, MiB."""
    run = shipped_run(str(work / "vetime"))
    config = load(None, {"model.name": "vetime", "model_path": str(run), "export.to": str(work / "zero_shot")})
    bundle = export(config)
    by = {"torch": load_scorer(run, "cpu")[0], "bundle": Runner(bundle, threads=1).scorer}
    torch.set_num_threads(1)
    figures, seconds = compared(by, count)
    series = make_reel(work / "long" / "series", np.float32(long_series())[:, None, None, None], cadence_s=60.0)
    (start_s, mib), (eval_s, eval_mib) = (
        started("runner", bundle, series.path, "--threads", "1"),
        started("eval", "--data-clips", series.path, "--model-path", run, "--movie", "off"),
    )
    return figures | {
        "zero_shot_over_torch": seconds["torch"] / seconds["bundle"],
        "zero_shot_mb": sum(path.stat().st_size for path in bundle.iterdir()) / 1e6,
        "zero_shot_start_s": start_s,
        "zero_shot_start_over_eval": start_s / eval_s,
        "zero_shot_mib_over_eval": mib / eval_mib,
    }


def compared(by: dict[str, ZeroShotScorer], count: int) -> tuple[dict[str, float], dict[str, float]]:
    """Quality of both scorers on so many series, and the processor time that each took for all."""
    wanted = replace(SyntheticConfig(), clean_fraction=0.0)
    found: dict[str, list[float]] = {name: [] for name in by}
    seconds, apart = dict.fromkeys(by, 0.0), 0.0
    for made in (make_series(0, FIRST + i, SAMPLES, wanted) for i in range(count)):
        scores = {}
        for name, scorer in by.items():
            begun = time.process_time()
            scores[name] = softplus(scorer.scores(made.values))
            seconds[name] += time.process_time() - begun
            found[name].append(vus_pr(scores[name], made))
        apart = max(apart, float(np.abs(scores["torch"] - scores["bundle"]).max()))
    theirs, ours = (float(np.mean(found[name])) for name in ("torch", "bundle"))
    return {"zero_shot_vus_pr": theirs, "zero_shot_vus_pr_lost": theirs - ours, "zero_shot_difference": apart}, seconds


def vus_pr(scores: np.ndarray, made: Synthetic) -> float:
    """VUS-PR of a labelled series, 0 where it has no anomaly after all."""
    return vus(scores, made.labels.astype(float), period_of(np.nan_to_num(made.values[:, 0]))).pr or 0.0


def long_series() -> np.ndarray:
    """A noisy wave (LONG,) that stands still once."""
    values = np.sin(2 * np.pi * np.arange(LONG) / 37) + np.random.default_rng(0).normal(0, 0.05, LONG)
    values[LONG // 2 : LONG // 2 + 40] = 0.5
    return values
