"""Every method on UCSD Ped2 (Mahadevan et al. 2010), through the program itself: prep, train, eval.

    python tests/benchmarks/ped2.py --data PED2 [--methods NAME ...] [--seeds N ...] [--json FILE] [--quick]
    python tests/benchmarks/ped2.py --data PED2 --test DIR --labels FILE --masks FILE

PED2 holds train/NN/*.jpg, test/NN/*.jpg, test_frame_labels.json and test_masks_packbits.npz. Protocol: trained on the
training clips alone; a frame's score is the maximum of its score map, as scores.csv has it; frame AUC is raw, one ROC
over all frames of all test clips with no score rescaled per clip. Pixel AUC, RBDC and TBDC are on the score maps,
enlarged to the masks. Nothing here is chosen by test labels: what the recommended configuration is was decided on
held-out training clips with planted anomalies (planted.py, docs/choosing.md). Training times include calibration.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from data.reel.reel import Reel, find_reels  # noqa: E402
from inference.results.results import ScoreMaps  # noqa: E402
from tests.benchmarks.parts.frame_metrics import PixelRanks, frame_metrics  # noqa: E402
from tests.benchmarks.parts.region_metrics import RegionSweep  # noqa: E402

RECIPE = ROOT / "demo" / "video.yaml"
RECOMMENDED = "recommended"
MIX = "[standardised, mahalanobis, flow]"
PIXELS = {"eval.score": "standardised", "eval.smooth_px": 3.0}  # scores of single pixels, for all such methods alike
NET = {**PIXELS, "train.loss": "mse", "train.epochs": 6, "train.warmup_epochs": 1.0}
DYNAMIC = "[{width: 32, modulation: dynamic}, {width: 64, stride: [2, 2, 2], modulation: dynamic}, "
DYNAMIC += "{width: 96, stride: [4, 1, 1], modulation: dynamic}]"  # the default stages
# Name -> settings on top of the recipe; "run" names the method whose training is used.
METHODS: dict[str, dict[str, Any]] = {
    RECOMMENDED: {},
    "difference": {**PIXELS, "model.name": "difference"},
    "robust_z": {**PIXELS, "model.name": "robust_z"},
    "patch_pca": {**PIXELS, "model.name": "patch_pca"},
    "mutual": {**PIXELS, "model.name": "mutual"},
    "flow": {"model.name": "flow"},
    "reconstruction": {**NET, "model.name": "autoencoder"},
    "modulated": {**NET, "model.name": "autoencoder", "model.stages": DYNAMIC},
    "variational": {**NET, "model.name": "variational"},
    "memory": {**NET, "model.name": "memory"},
    "masked": {**NET, "model.name": "masked"},
    "prediction": {**NET, "model.name": "prediction"},
    "mahalanobis": {**NET, "model.name": "autoencoder", "eval.score": "mahalanobis", "run": "reconstruction"},
    "knn": {**NET, "model.name": "autoencoder", "eval.score": "knn", "run": "reconstruction"},
    "mix": {
        **PIXELS,
        **NET,
        "model.name": "autoencoder",
        "eval.score": "mix",
        "eval.mix": MIX,
        "run": "reconstruction",
    },
}
CHILD = """
import sys; sys.path.insert(0, {root!r})
from main import main
code = main(sys.argv[1:])
peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))
print('PEAK_KB', peak.split()[1])
sys.exit(code)
"""


def call(*arguments: str) -> tuple[float, float]:
    """Run the program; returns seconds and the peak memory of its main process in MiB."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", CHILD.format(root=str(ROOT)), "-c", str(RECIPE), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"main.py {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - begun, int(done.stdout.rsplit("PEAK_KB", 1)[1]) / 1024


def prepare(folder: Path, clips: Path) -> None:
    """One reel a clip."""
    call("-m", "prep", "--data-raw", str(folder), "--data-clips", str(clips), "--set", "prep.frames_per_second=10")


def flags(settings: dict[str, Any]) -> list[str]:
    return [text for key, value in settings.items() if key != "run" for text in ("--set", f"{key}={value}")]


def run_method(name: str, seed: int, work: Path, extra: list[str]) -> dict[str, float]:
    """Train, unless the run is there, and evaluate all test clips; returns times, memory and size."""
    settings = METHODS[name]
    run = work / f"run_{settings.get('run', name)}_{seed}"
    figures = {}
    common = ["--model-path", str(run), "--seed", str(seed), *flags(settings), *extra]
    if not (run / "checkpoints" / "best.pt").is_file():
        figures["train_s"], figures["train_mib"] = call("-m", "train", "--data-clips", str(work / "train"), *common)
    _, figures["eval_mib"] = call("-m", "eval", "--data-clips", str(work / "test"), *common)
    summaries = [json.loads(p.read_text()) for p in sorted((run / "eval").glob("*/summary.json"))]
    frames, seconds = (sum(s[key] for s in summaries) for key in ("frames", "seconds"))
    figures["eval_frames_per_s"] = frames / seconds
    figures["parameters"] = json.loads((run / "run.json").read_text())["parameters"]
    (work / f"eval_{name}_{seed}").unlink(missing_ok=True)
    (run / "eval").rename(work / f"eval_{name}_{seed}")
    return figures


def quality(results: Path, clips: Path, labels: dict[str, list[int]], masks: dict[str, np.ndarray]) -> dict[str, float]:
    """All measures of one evaluation."""
    names = sorted(labels)
    scores = [pd.read_csv(results / name / "scores.csv")["max"].to_numpy() for name in names]
    frame = frame_metrics(scores, [np.array(labels[name], float) for name in names])
    ranks = PixelRanks()
    for score, mask in score_maps(results, clips, names, masks):
        ranks.add(score, mask)
    sweep, clip = RegionSweep(ranks.thresholds(100)), None
    for (score, mask), name in zip(score_maps(results, clips, names, masks), clip_names(names, masks), strict=True):
        if clip not in (None, name):
            sweep.next_video()
        clip = name
        sweep.add(score, mask)
    regions = sweep.metrics()
    return {
        "raw_frame_auc": frame.raw_auc,
        "raw_frame_ap": frame.raw_ap,
        "minmax_frame_auc": frame.per_video_minmax_auc,
        "macro_frame_auc": frame.per_video_mean_auc,
        "pixel_auc": ranks.auc(),
        "rbdc": regions.rbdc,
        "tbdc": regions.tbdc,
    }


def clip_names(names: list[str], masks: dict[str, np.ndarray]):
    return (name for name in names for _ in range(len(masks[name])))


def score_maps(results: Path, clips: Path, names: list[str], masks: dict[str, np.ndarray]):
    """(score map, mask) of every frame of every clip, both of the masks' size."""
    for name in names:
        reel = Reel(clips / name)
        for index, packed in enumerate(masks[name]):
            mask = np.unpackbits(packed, axis=-1)[:, : reel.meta["source_shape"][1]].astype(bool)
            score = ScoreMaps.read(results / name, reel, index)
            yield cv2.resize(score, mask.shape[::-1], interpolation=cv2.INTER_LINEAR), mask


def measure(arguments: argparse.Namespace, work: Path) -> tuple[pd.DataFrame, dict[str, float]]:
    """One row a method and seed, and the figures of --json."""
    prepare(arguments.data / "train", work / "train")
    prepare(arguments.test or arguments.data / "test", work / "test")
    labels = json.loads((arguments.labels or arguments.data / "test_frame_labels.json").read_text())
    labels = {reel.name: labels[reel.name] for reel in find_reels(work / "test")}
    with np.load(arguments.masks or arguments.data / "test_masks_packbits.npz", allow_pickle=False) as stored:
        masks = {name: stored[name] for name in labels}
    extra = ["--set", "train.epochs=1", "--set", "train.warmup_epochs=0"] if arguments.quick else []
    rows = []
    for name in arguments.methods:
        for seed in arguments.seeds if name == RECOMMENDED else arguments.seeds[:1]:
            row = {"method": name, "seed": seed, **run_method(name, seed, work, extra)}
            row |= quality(work / f"eval_{name}_{seed}", work / "test", labels, masks)
            rows.append(row)
            print(pd.DataFrame([row]).to_string(index=False, float_format="%.4g"), flush=True)
    table = pd.DataFrame(rows)
    return table, figures_of(table)


def figures_of(table: pd.DataFrame) -> dict[str, float]:
    first = table.drop_duplicates("method").set_index("method")
    figures = {f"raw_frame_auc_{name}": auc for name, auc in first["raw_frame_auc"].items()}
    chosen = table[table["method"] == RECOMMENDED]
    if len(chosen):
        auc = chosen["raw_frame_auc"]
        figures |= {"raw_frame_auc_mean": auc.mean(), "raw_frame_auc_std": auc.std(ddof=0)}
        figures |= {key: chosen[key].mean() for key in ("rbdc", "tbdc", "train_s", "eval_frames_per_s")}
    return {key: float(value) for key, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of Ped2 as described above")
    parser.add_argument("--test", type=Path, help="other test clips: folders of images")
    parser.add_argument("--labels", type=Path, help="their labels, JSON: clip -> list of 0 and 1")
    parser.add_argument("--masks", type=Path, help="their masks, npz: clip -> (frames, rows, columns / 8) packed bits")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="of the recommended configuration")
    parser.add_argument("--quick", action="store_true", help="one epoch")
    parser.add_argument("--work", type=Path, help="keep reels and runs here")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table, figures = measure(arguments, arguments.work or Path(folder))
    print(table.to_string(index=False, float_format="%.4g"))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
