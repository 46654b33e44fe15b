"""Every method on UCSD Ped2 (Mahadevan et al. 2010), through the program itself: prep, train, eval.

    python tests/benchmarks/ped2.py --data PED2 [--methods NAME ...] [--seeds N ...] [--json FILE] [--quick]
    python tests/benchmarks/ped2.py --data PED2 --test DIR --labels FILE --masks FILE
    python tests/benchmarks/ped2.py --train DIR --test DIR --masks FILE [--labels FILE] [--fps N]

PED2 holds train/NN/*.jpg, test/NN/*.jpg, test_frame_labels.json and test_masks_packbits.npz. Other clips of that form,
or videos, are given by --train and --test; masks as packed bits, as whole arrays (T, H, W) or as PNG, a folder a clip;
without --labels a frame is anomalous where its mask has a pixel. All clips of --test count together: a set that is to
count alone is a run of its own (--work keeps what was trained). Protocol: trained on the
training clips alone; a frame's score is the maximum of its score map, as scores.csv has it; frame AUC is raw, one ROC
over all frames of all test clips with no score rescaled per clip. Pixel AUC, RBDC and TBDC are on the score maps,
enlarged to the masks. Nothing here is chosen by test labels: what the recommended configuration is was decided on
held-out training clips with planted anomalies (planted.py, docs/choosing.md). Training times include calibration.
Beside every AUC stands what the default thresholds find: shares of anomalous and of other frames with a box, runs of
anomalous frames with an event, and events that meet none, also by the hour of frames that are not anomalous.

The keys without a method are those of the recommended configuration; with --quick, which does not wait for its net,
those of flow.

--json keys: raw_frame_auc_<method>, boxed_<method>, falsely_boxed_<method>, found_<method>, false_events_<method>,
recall_default_<method> (the same as boxed), false_events_per_hour_<method>, raw_frame_auc_mean, raw_frame_auc_std (over
seeds), macro_frame_auc, pixel_auc, rbdc, tbdc, recall_default, false_events_per_hour, train_s, eval_frames_per_s,
eval_over_real_time.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from parts.clips import METHODS, RECOMMENDED, check_methods, prepare, run_method
from parts.common import parsed, parser, write
from parts.default_detection import detection
from parts.frame_metrics import PixelRanks, frame_metrics
from parts.region_metrics import RegionSweep
from parts.tiny_video import write_ped2

from data.reel.reel import Reel, find_reels
from inference.results.results import ScoreMaps

DEFAULTS = ("recall_default", "false_events_per_hour")
MEANS = ("macro_frame_auc", "pixel_auc", "rbdc", "tbdc", "train_s", "eval_frames_per_s", "eval_over_real_time")
QUICK_METHODS = ["flow", "mahalanobis"]  # fitted in one step; a net, with the training of another method


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
    } | detection(results, labels, Reel(clips / names[0]).cadence_s)


def clip_names(names: list[str], masks: dict[str, np.ndarray]):
    return (name for name in names for _ in range(len(masks[name])))


def read_masks(place: Path, clips: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Packed masks (T, H, W / 8) of every clip, from a file of arrays or from a folder of folders with PNG."""
    if place.is_dir():
        return {name: np.packbits([_png(path) for path in sorted((place / name).glob("*.png"))], -1) for name in names}
    with np.load(place, allow_pickle=False) as stored:
        found = {name: stored[name] for name in names}
    width = {name: Reel(clips / name).meta["source_shape"][1] for name in names}
    return {name: np.packbits(mask > 0, -1) if mask.shape[-1] == width[name] else mask for name, mask in found.items()}


def _png(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0


def read_labels(place: Path | None, masks: dict[str, np.ndarray]) -> dict[str, list[int]]:
    """0 and 1 of every frame of every clip."""
    if place is None:
        return {name: mask.any((1, 2)).astype(int).tolist() for name, mask in masks.items()}
    told = json.loads(place.read_text())
    return {name: told[name] for name in masks}


def score_maps(results: Path, clips: Path, names: list[str], masks: dict[str, np.ndarray]):
    """(score map, mask) of every frame of every clip, both of the masks' size."""
    for name in names:
        reel = Reel(clips / name)
        for index, packed in enumerate(masks[name]):
            mask = np.unpackbits(packed, axis=-1)[:, : reel.meta["source_shape"][1]].astype(bool)
            score = ScoreMaps.read(results / name, reel, index)
            yield cv2.resize(score, mask.shape[::-1], interpolation=cv2.INTER_LINEAR), mask


class Clips(NamedTuple):
    """Where clips and what is known of them are; labels None: as the masks say."""

    train: Path
    test: Path
    masks: Path
    labels: Path | None


def clips_of(options: argparse.Namespace, work: Path) -> Clips:
    data = options.data or (work / "ped2" if options.train and options.test else write_ped2(work / "ped2"))
    known = options.masks or data / "test_masks_packbits.npz"
    labels = options.labels or (None if options.masks else data / "test_frame_labels.json")
    return Clips(options.train or data / "train", options.test or data / "test", known, labels)


def measure(options: argparse.Namespace, work: Path) -> tuple[pd.DataFrame, dict[str, float]]:
    """One row a method and seed, and the figures of --json."""
    check_methods()
    clips = clips_of(options, work)
    prepare(clips.train, work, "train", options.quick, options.fps)
    prepare(clips.test, work, "test", options.quick, options.fps)
    names = [reel.name for reel in find_reels(work / "test")]
    masks = read_masks(clips.masks, work / "test", names)
    labels = read_labels(clips.labels, masks)
    rows, chosen = [], QUICK_METHODS[0] if options.quick else RECOMMENDED
    for name in options.methods or (QUICK_METHODS if options.quick else METHODS):
        for seed in options.seeds if name == chosen else options.seeds[:1]:
            row = {"method": name, "seed": seed, **run_method(name, seed, work, options.quick)}
            row |= quality(work / f"eval_{name}_{seed}", work / "test", labels, masks)
            rows.append(row)
            print(pd.DataFrame([row]).to_string(index=False, float_format="%.4g"), flush=True)
    table = pd.DataFrame(rows)
    return table, figures_of(table, chosen)


def figures_of(table: pd.DataFrame, chosen_method: str) -> dict[str, float]:
    first = table.drop_duplicates("method").set_index("method")
    told = ("raw_frame_auc", "boxed", "falsely_boxed", "found", "false_events", *DEFAULTS)
    figures = {f"{key}_{name}": value for key in told for name, value in first[key].items()}
    chosen = table[table["method"] == chosen_method]
    if len(chosen):
        auc = chosen["raw_frame_auc"]
        figures |= {"raw_frame_auc_mean": auc.mean(), "raw_frame_auc_std": auc.std(ddof=0)}
        figures |= {key: chosen[key].mean() for key in (*MEANS, *DEFAULTS)}
    return {key: float(value) for key, value in figures.items()}


def main() -> None:
    asked = parser(
        __doc__, "two methods, small pictures, one epoch, one seed", data="folder of Ped2 as described above"
    )
    asked.add_argument("--train", type=Path, help="other training clips: folders of images, or videos")
    asked.add_argument("--test", type=Path, help="other test clips: folders of images, or videos")
    asked.add_argument("--fps", type=float, help="frames a second of images (default 10; videos tell their own)")
    asked.add_argument("--labels", type=Path, help="their labels, JSON: clip -> list of 0 and 1")
    asked.add_argument("--masks", type=Path, help="their masks, npz: clip -> (T, H, W / 8) bits, or whole; or PNG")
    asked.add_argument("--methods", nargs="+", choices=METHODS, help="default: all")
    asked.add_argument("--seeds", nargs="+", type=int, help="of the recommended configuration; default: 0 1 2")
    asked.add_argument("--work", type=Path, help="keep reels and runs here")
    options = parsed(asked, instead=("train", "test", "masks"))
    options.seeds = options.seeds or ([0] if options.quick else [0, 1, 2])
    with tempfile.TemporaryDirectory() as folder:
        work = options.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        table, figures = measure(options, work)
    print(table.to_string(index=False, float_format="%.4g"))
    write(figures, options.json)


if __name__ == "__main__":
    main()
