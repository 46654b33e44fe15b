"""Every method on UCSD Ped2 (Mahadevan et al. 2010) or another scene, through the program: prep, train, eval.

    python tests/benchmarks/ped2.py --data PED2 [--methods NAME ...] [--seeds N ...] [--json FILE] [--quick]
    python tests/benchmarks/ped2.py --data AVENUE
    python tests/benchmarks/ped2.py --train DIR --test DIR ... --masks FILE ... [--labels FILE ...] [--work DIR]

PED2 holds train/NN/*.jpg, test/NN/*.jpg, test_frame_labels.json and test_masks_packbits.npz. Any scene of this form
will do: clips are folders of pictures or videos, gray or in colour; without a file of labels a frame is anomalous where
its mask is; masks are an npz or a folder of pictures (parts/labelled.py). --test, --masks and --labels override those
of --data. Several sets after --test, with as many masks and labels, are one test: one ROC over the clips of all; for
each set alone run it alone. With --work what was trained is not trained again, whichever clips are the test.

Protocol: trained on the training clips alone; a frame's score is the maximum of its score map, as scores.csv has it;
frame AUC is raw, one ROC over all frames of all test clips with no score rescaled per clip. Pixel AUC, RBDC and TBDC
are on the score maps, enlarged to the masks. Nothing here is chosen by test labels: what the recommended configuration
is was decided on held-out training clips with planted anomalies (planted.py, docs/choosing.md). Training times include
calibration. Beside every AUC stands what the default thresholds find: shares of anomalous and of other frames with a
box, runs of anomalous frames with an event, and events that meet none, also as so many an hour of normal frames.

The keys without a method are those of the recommended configuration; with --quick, which does not wait for its net,
those of flow. Means are over its seeds.

--json keys: raw_frame_auc_<method>, macro_frame_auc_<method>, boxed_<method>, falsely_boxed_<method>, found_<method>,
false_events_<method>, raw_frame_auc_mean, raw_frame_auc_std (over seeds), recall_default (share of anomalous frames
with a box at the default threshold), false_events_per_hour, rbdc, tbdc, [train_s], eval_frames_per_s,
eval_over_real_time (of the clips' own frame rate).
"""

import argparse
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from parts.clips import METHODS, RECOMMENDED, check_methods, prepare, results_of, run_method
from parts.common import parsed, parser, write
from parts.default_detection import Clip, detection
from parts.frame_metrics import PixelRanks, frame_metrics
from parts.labelled import read_labelled
from parts.region_metrics import RegionSweep
from parts.tiny_video import write_ped2

from data.reel.reel import Reel, find_reels
from inference.results.score_maps import ScoreMaps

QUICK_METHODS = ["flow", "mahalanobis"]  # fitted in one step; a net, with the training of another method


class TestSet(NamedTuple):
    """Clips of one folder, as reels in work/`name`, with their labels and masks."""

    name: str
    folder: Path
    labels: Path | None
    masks: Path


class TestClip(NamedTuple):
    """One evaluated clip: its reel, its results, labels (T,) of 0 and 1 and packed masks (T, H, W / 8)."""

    reel: Reel
    results: Path
    labels: list[int]
    masks: np.ndarray


def quality(clips: list[TestClip]) -> dict[str, float]:
    """All measures of one evaluation."""
    scores = [pd.read_csv(clip.results / "scores.csv")["max"].to_numpy() for clip in clips]
    frame = frame_metrics(scores, [np.array(clip.labels, float) for clip in clips])
    ranks = PixelRanks()
    for clip in clips:
        for score, mask in score_maps(clip):
            ranks.add(score, mask)
    sweep = RegionSweep(ranks.thresholds(100))
    for number, clip in enumerate(clips):
        if number:
            sweep.next_video()
        for score, mask in score_maps(clip):
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
    } | detection([Clip(clip.results, clip.labels, clip.reel.cadence_s) for clip in clips])


def score_maps(clip: TestClip) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(score map, mask) of every frame, both of the masks' size."""
    for index, packed in enumerate(clip.masks):
        mask = np.unpackbits(packed, axis=-1)[:, : clip.reel.meta["source_shape"][1]].astype(bool)
        score = ScoreMaps.read(clip.results, clip.reel, index)
        yield cv2.resize(score, mask.shape[::-1], interpolation=cv2.INTER_LINEAR), mask


def test_sets(options: argparse.Namespace, data: Path | None) -> list[TestSet]:
    """What is to be tested: what the options name, or what `data` holds."""
    if not options.test:
        assert data is not None  # parsed() asks for --data then
        labels = data / "test_frame_labels.json"
        labels = options.labels[0] if options.labels else labels if labels.is_file() else None
        masks = options.masks[0] if options.masks else data / "test_masks_packbits.npz"
        return [TestSet("test", data / "test", labels, masks)]
    labels = options.labels or [None] * len(options.test)
    if not len(options.test) == len(options.masks or ()) == len(labels):
        raise SystemExit(f"{len(options.test)} sets after --test need as many --masks, and as many --labels or none")
    names = [f"test_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}" for path in options.test]
    return [TestSet(*of_set) for of_set in zip(names, options.test, labels, options.masks, strict=True)]


def evaluated(sets: list[TestSet], name: str, seed: int, work: Path, is_quick: bool) -> dict[str, float]:
    """All measures and times of one method on all sets together."""
    clips, runs = [], []
    for tested in sets:
        runs.append(run_method(name, seed, work, is_quick, tested.name))
        reels = find_reels(work / tested.name)
        known = read_labelled(tested.labels, tested.masks, {r.name: r.meta["source_shape"][1] for r in reels})
        results = results_of(name, seed, work, tested.name)
        clips += [TestClip(r, results / r.name, known.labels[r.name], known.masks[r.name]) for r in reels]
    figures = {key: float(np.mean([run[key] for run in runs if key in run])) for run in runs for key in run}
    return figures | quality(clips)


def measure(options: argparse.Namespace, work: Path) -> tuple[pd.DataFrame, dict[str, float]]:
    """One row a method and seed, and the figures of --json."""
    check_methods()
    is_made = options.quick and not options.data and not (options.train and options.test)
    data = write_ped2(work / "ped2") if is_made else options.data
    sets = test_sets(options, data)
    prepare(options.train or data / "train", work, "train", options.quick)
    for tested in sets:
        prepare(tested.folder, work, tested.name, options.quick)
    rows, chosen = [], QUICK_METHODS[0] if options.quick else RECOMMENDED
    for name in options.methods or (QUICK_METHODS if options.quick else METHODS):
        for seed in options.seeds if name == chosen else options.seeds[:1]:
            rows.append({"method": name, "seed": seed, **evaluated(sets, name, seed, work, options.quick)})
            print(pd.DataFrame(rows[-1:]).to_string(index=False, float_format="%.4g"), flush=True)
    table = pd.DataFrame(rows)
    return table, figures_of(table, chosen)


def figures_of(table: pd.DataFrame, chosen_method: str) -> dict[str, float]:
    first = table.drop_duplicates("method").set_index("method")
    told = ("raw_frame_auc", "macro_frame_auc", "boxed", "falsely_boxed", "found", "false_events")
    figures = {f"{key}_{name}": value for key in told for name, value in first[key].items()}
    chosen = table[table["method"] == chosen_method]
    if len(chosen):
        auc = chosen["raw_frame_auc"]
        figures |= {"raw_frame_auc_mean": auc.mean(), "raw_frame_auc_std": auc.std(ddof=0)}
        figures["recall_default"] = chosen["boxed"].mean()
        means = ("false_events_per_hour", "rbdc", "tbdc", "train_s", "eval_frames_per_s", "eval_over_real_time")
        figures |= {key: chosen[key].mean() for key in means if key in chosen}  # with --work, nothing may be trained
    return {key: float(value) for key, value in figures.items()}


def main() -> None:
    asked = parser(
        __doc__, "two methods, small pictures, one epoch, one seed", data="folder of Ped2 as described above"
    )
    asked.add_argument("--train", type=Path, metavar="DIR", help="other training clips: folders of pictures, or videos")
    asked.add_argument("--test", type=Path, nargs="+", metavar="DIR", help="other sets of test clips")
    asked.add_argument("--labels", type=Path, nargs="+", metavar="FILE", help="of each: JSON, clip -> list of 0 and 1")
    asked.add_argument("--masks", type=Path, nargs="+", metavar="FILE", help="of each: npz, or folder of pictures")
    asked.add_argument("--methods", nargs="+", choices=METHODS, help="default: all")
    asked.add_argument("--seeds", nargs="+", type=int, help="of the recommended configuration; default: 0 1 2")
    asked.add_argument("--work", type=Path, help="keep reels and runs here")
    options = parsed(asked, instead=lambda given: given.train and given.test)
    options.seeds = options.seeds or ([0] if options.quick else [0, 1, 2])
    with tempfile.TemporaryDirectory() as folder:
        work = options.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        table, figures = measure(options, work)
    print(table.to_string(index=False, float_format="%.4g"))
    write(figures, options.json)


if __name__ == "__main__":
    main()
