"""Methods on folders of clips, through the program: what ped2.py and planted.py run.

No entry point.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
from parts.common import ROOT
from parts.recipes import nested, recipe_for, run_mode

from config import from_dict, load
from data.reel.reel import find_reels
from tests.support.no_pictures import without_pictures

RECIPE = ROOT / "demo" / "video.yaml"
RECOMMENDED = "recommended"
FRAMES_PER_SECOND = 10.0  # of Ped2
MIX = ["standardised", "mahalanobis", "flow"]
PIXELS = {"eval.score": "standardised", "eval.smooth_px": 3.0}  # scores of single pixels, for all such methods alike
STAGES = [{"width": 32}, {"width": 64, "stride": [2, 2, 2]}, {"width": 96, "stride": [4, 1, 1]}]  # the default ones
DYNAMIC = [stage | {"modulation": "dynamic"} for stage in STAGES]
NET = {**PIXELS, "is_net": True, "train.loss": "mse", "train.epochs": 6, "train.warmup_epochs": 1.0}
AUTOENCODER = {**NET, "model.name": "autoencoder"}
# Name -> settings on top of the recipe. "is_net": trained in epochs, the others are fitted in one step; "run" names the
# method whose training is used.
METHODS: dict[str, dict[str, Any]] = {
    RECOMMENDED: {},
    "difference": {**PIXELS, "model.name": "difference"},
    "robust_z": {**PIXELS, "model.name": "robust_z"},
    "patch_pca": {**PIXELS, "model.name": "patch_pca"},
    "mutual": {**PIXELS, "model.name": "mutual"},
    "flow": {"model.name": "flow"},
    "objects": {"model.name": "objects"},
    "reconstruction": AUTOENCODER,
    "modulated": {**AUTOENCODER, "model.stages": DYNAMIC},
    "variational": {**NET, "model.name": "variational"},
    "memory": {**NET, "model.name": "memory"},
    "masked": {**NET, "model.name": "masked"},
    "prediction": {**NET, "model.name": "prediction"},
    "mahalanobis": {**AUTOENCODER, "eval.score": "mahalanobis", "run": "reconstruction"},
    "knn": {**AUTOENCODER, "eval.score": "knn", "run": "reconstruction"},
    "mix": {**AUTOENCODER, "eval.score": "mix", "eval.mix": MIX, "run": "reconstruction"},
}
QUICK = {"prep.resize": [24, 36]}
QUICK_NET = {"train.epochs": 1, "train.warmup_epochs": 0.0, "train.batch_size": 4}
SMALL = [{"width": 8}, {"width": 8, "stride": [2, 2, 2]}, {"width": 8, "stride": [4, 1, 1]}]


def settings_of(name: str, is_quick: bool) -> dict[str, Any]:
    """The whole configuration of a method."""
    settings = {key: value for key, value in METHODS[name].items() if key not in ("is_net", "run")}
    is_net = METHODS[name].get("is_net", False)
    if is_quick:
        settings |= QUICK | (QUICK_NET | {"model.stages": SMALL} if is_net else {})
    return recipe_for(RECIPE, settings, is_net)


def check_methods() -> None:
    """Raises ConfigError when the settings of a method can't be used, before hours of work on another."""
    for name in METHODS:
        from_dict(settings_of(name, is_quick=False), f"method {name}")


def prepare(folder: Path, work: Path, name: str, is_quick: bool, fps: float = FRAMES_PER_SECOND) -> None:
    """One reel a clip of `folder`, folders of pictures or videos, in `work`/`name`; there, it stays as it is.

    The frames of reels are as many rows high as the recipe says, and as wide as the clips' form asks for. fps: frames a
    second of pictures; a video knows its own.
    """
    if (work / name).is_dir():
        return
    size = QUICK if is_quick else {"prep.resize": size_of(folder)}
    settings = recipe_for(RECIPE, rate_of(folder, fps) | size, False)
    settings |= {"workers": 1} if is_quick else {}
    places = ["--data-raw", folder, "--data-clips", work / name]
    with without_pictures():
        run_mode("prep", settings, work, *places, own_process=not is_quick)


def rate_of(folder: Path, fps: float) -> dict[str, float]:
    """The setting of frames a second where clips are folders of pictures; it would override what a video knows."""
    return {"prep.frames_per_second": fps} if any(path.is_dir() for path in folder.iterdir()) else {}


def size_of(folder: Path) -> list[int]:
    """Height and width of the reels of clips: the recipe's height, and the width of the same form in even px."""
    rows = load(RECIPE).prep.resize[0]
    first = next(path for path in sorted(folder.rglob("*")) if path.is_file())
    opened = cv2.VideoCapture(str(first))  # takes a picture as a video of one frame, or of its whole folder
    height, width = (opened.get(key) for key in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH))
    return [rows, 2 * round(rows * width / height / 2)]


def run_method(
    name: str, seed: int, work: Path, is_quick: bool, test: str = "test", any_cadence: bool = False
) -> dict[str, float]:
    """Train on `work`/train, unless the run is there, and evaluate `work`/`test`; returns times, memory and size.

    any_cadence: whether the test may have another frame rate. The results are in `work`/eval_NAME_SEED, or where `test`
    is not "test", eval_NAME_SEED_TEST.
    """
    settings = settings_of(name, is_quick)
    run = work / f"run_{METHODS[name].get('run', name)}_{seed}"
    figures, process = {}, {"own_process": not is_quick}  # in this one the program need not start
    common = ["--model-path", run, "--seed", seed, *(["--workers", 0] if is_quick else [])]
    if not (run / "checkpoints" / "best.pt").is_file():
        words = ["--data-clips", work / "train", *common]
        figures["train_s"], figures["train_mib"] = run_mode("train", settings, work, *words, **process)
    sections = nested({"eval.any_cadence": any_cadence}, settings)
    with without_pictures():  # in a process of its own there are some
        _, figures["eval_mib"] = run_mode("eval", sections, work, "--data-clips", work / test, *common, **process)
    summaries = [json.loads(path.read_text()) for path in sorted((run / "eval").glob("*/summary.json"))]
    frames, seconds = (sum(s[key] for s in summaries) for key in ("frames", "seconds"))
    figures["eval_frames_per_s"] = frames / seconds
    figures["eval_over_real_time"] = frames / seconds * find_reels(work / test)[0].cadence_s
    figures["parameters"] = json.loads((run / "run.json").read_text())["parameters"]
    kept = results_of(name, seed, work, test)
    if kept.is_dir():
        shutil.rmtree(kept)  # of this benchmark before
    (run / "eval").rename(kept)
    return figures


def results_of(name: str, seed: int, work: Path, test: str = "test") -> Path:
    """Where `run_method` leaves the results."""
    return work / "_".join(["eval", name, str(seed), *([test] if test != "test" else [])])
