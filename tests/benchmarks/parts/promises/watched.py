"""One method on one quiet set: prep, train, and what eval finds at each promised rate in the part that is watched.

No entry point. Everything goes through the program: prep and train as a user runs them, and eval reel by reel with its
own calibration, thresholds, boxes and events, up to summary.json. Its pictures are not drawn, and frames are scored
once for all rates, because rates only move the thresholds.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from parts.clips import AUTOENCODER
from parts.clips import METHODS as CLIP_METHODS
from parts.common import ROOT
from parts.promises.sets import QuietSet
from parts.recipes import recipe_for, run_mode

from tests.support.no_pictures import without_pictures

DAY_S = 86400.0
RATES = {"10/h": 240.0, "1/h": 24.0, "10/day": 10.0, "1/day": 1.0}
FEWEST_SAMPLES = 8  # of the cadence in each promised event; eval links what is nearer
ZERO_SHOT = "zero_shot"
SHORT_TRAINING = {"is_net": True, "train.loss": "mse", "train.epochs": 10, "train.warmup_epochs": 1.0}


def _plain(*names: str) -> dict[str, dict[str, Any]]:
    return {name: {"model.name": name} for name in names}


# Kind of data -> method -> settings on top of the recipe, with "is_net" of those that are trained in epochs.
METHODS: dict[str, dict[str, dict[str, Any]]] = {
    "series": {
        **_plain("difference", "robust_z", "window_pca", "sub_pca", "patches", "kmeans", "matrix_profile", "iforest"),
        ZERO_SHOT: {},
        "tvnet": {"is_net": True, "recipe": "demo/series_net.yaml"},
    },
    "video": {
        **{name: CLIP_METHODS[name] for name in ("difference", "robust_z", "patch_pca", "mutual", "flow", "objects")},
        "expected": {},
        "autoencoder": AUTOENCODER,
    },
    "solar": {
        **_plain("difference", "robust_z", "patch_pca", "mutual"),
        # Each false event counts for itself, as thresholds count them.
        "excess": {"recipe": "demo/sun.yaml", "eval.group_distance_arcsec": 0.0},
        "autoencoder": {**SHORT_TRAINING, "model.name": "autoencoder"},
    },
}


def methods_of(kind: str, asked: list[str] | None, with_nets: bool = False) -> list[str]:
    """The methods for a kind of data: those asked for, else all that need no training in epochs, or all with nets."""
    known = METHODS[kind]
    return [n for n in known if (n in asked if asked else with_nets or not known[n].get("is_net"))]


def settings_of(data: QuietSet, method: str) -> dict[str, Any]:
    """The whole configuration of a method on a set, as sections."""
    own = METHODS[data.kind][method]
    recipe = ROOT / own.get("recipe", "demo/zero_shot.yaml" if method == ZERO_SHOT else data.recipe)
    settings = {key: value for key, value in own.items() if key not in ("is_net", "recipe")}
    is_net = own.get("is_net", False) or method == ZERO_SHOT
    return recipe_for(recipe, settings | data.settings | {"device": "cpu", "workers": 0}, is_net)


def prepared(data: QuietSet, source: Path | None, work: Path) -> Path:
    """The folder with the reels `train` and `watch` of a set; made once and kept in `work`."""
    reels, raw = work / "reels" / data.name, work / "raw" / data.name
    if not (reels / "done").is_file():
        shutil.rmtree(raw, ignore_errors=True)
        shutil.rmtree(reels, ignore_errors=True)
        reels.mkdir(parents=True)
        data.write(source or Path(), raw)
        settings = recipe_for(ROOT / data.recipe, data.settings | {"workers": 0}, is_net=True)
        with without_pictures():
            for part in ("train", "watch"):
                run_mode("prep", settings, reels, "--data-raw", raw / part, "--data-clips", reels / part)
        shutil.rmtree(raw)
        (reels / "done").touch()
    return reels


def watch(data: QuietSet, method: str, reels: Path, folder: Path) -> list[dict[str, Any]]:
    """One row a promised rate."""
    from data.reel.reel import find_reels

    run, sections = folder / "run", settings_of(data, method)
    seconds = {part: sum(len(r) * r.cadence_s for r in find_reels(reels / part)) for part in ("train", "watch")}
    if method != ZERO_SHOT:
        run_mode("train", sections, folder, "--data-clips", reels / "train", "--model-path", run)
    else:
        seconds["train"] = 0.0
    found = {name: [] for name in RATES}
    for name, summary in _summaries(sections, run, reels / "watch"):
        found[name].append(summary)
    about = {"data": data.name, "kind": data.kind, "method": method, "quiet_s": seconds["train"]}
    return [about | _row(name, summaries) for name, summaries in found.items() if summaries]


def _summaries(sections: dict[str, Any], run: Path, watched: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(rate, summary.json with the cadence) of every watched reel at every rate that its cadence allows."""
    from config import from_dict
    from data.reel.reel import find_reels
    from inference.evaluate_reel import run_job
    from inference.job import find_run, make_job
    from inference.scorers.load import load_scorer
    from inference.scorers.nets.windows import scored_stretches

    config = from_dict(sections | {"model_path": str(run)}, "promises")
    run = find_run(config)
    inner, checkpoint = load_scorer(run, "cpu", config.eval)
    for reel in find_reels(watched):
        if not scored_stretches(reel, inner.clip_length):
            continue
        scorer = Remembering(inner)
        for name, per_day in RATES.items():
            if per_day * reel.cadence_s * FEWEST_SAMPLES > DAY_S:
                continue
            settings = replace(config.eval, false_alarms_per_day=per_day, false_alarms_per_hour=None)
            job = make_job(reel, run, scorer, checkpoint["sha256"], settings)
            job.out.mkdir(parents=True, exist_ok=True)
            with without_pictures():
                run_job(job, config.seed)
            summary = json.loads((job.out / "summary.json").read_text(encoding="utf-8"))
            yield name, summary | {"cadence_s": reel.cadence_s}


def _row(name: str, summaries: list[dict[str, Any]]) -> dict[str, Any]:
    """What the summaries of all watched reels at one rate come to."""
    first = summaries[0]
    told = first["promises_per_day"]["low"]  # of the run, so that all reels have the same
    return {
        "promised": name,
        "asked_per_day": RATES[name],
        "used_per_day": told["used"],
        "supported_per_day": told["supported"],
        "told_low_per_day": told["interval"][0],
        "told_high_per_day": told["interval"][1],
        "cadence_s": first["cadence_s"],
        "watched_s": sum(s["frames_scored"] * s["cadence_s"] for s in summaries),
        "threshold": first["threshold_low"],
        "events": sum(s["events"] for s in summaries),
        "camera": sum(s["events_instrument"] for s in summaries),
        "doubted": any("doubt" in s for s in summaries),
    }


class Remembering:
    """A scorer that keeps what it said of a reel, and asks the one inside for everything else."""

    def __init__(self, inner: Any):
        self.inner, self.kept = inner, {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def frames(self, reel, begin: int, end: int, settings):
        """As of the scorer inside."""
        if (begin, end) not in self.kept:
            self.kept[begin, end] = list(self.inner.frames(reel, begin, end, settings))
        return iter(self.kept[begin, end])

    def samples(self, reel, begin: int, end: int, settings):
        """As of the scorer inside."""
        if (begin, end) not in self.kept:
            self.kept[begin, end] = self.inner.samples(reel, begin, end, settings)
        return self.kept[begin, end]
