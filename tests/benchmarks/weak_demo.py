"""Weak labels on the demo's embedded sequence: segments and events against its truth table.

    python tests/benchmarks/weak_demo.py [--work DIR] [--quick] [--json FILE]

What is shown is the mechanics, not a skill: the sequences that are trained on (seeds 1 and 2) and that validates (3)
have the same transients at the same times and places as the one that is evaluated (seed 0), and only their noise,
flicker and loops differ. Given are labels of windows of 16 frames alone: whether any transient overlaps it. Six real
flares of a day would be too few to learn from.
In brackets: where an event is found at all, and where a window's label is known.

--json keys: demo_frame_f1, demo_frame_iou, demo_found, demo_transients, [demo_precision], [demo_window_f1].
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from parts.common import parsed, parser, quiet, told, write
from parts.recipes import nested, run_mode

from data.disk.files import write_meta
from data.reel.reel import Reel
from demo.compare_with_truth import EVENT_COLUMNS, TRUTH_COLUMNS, compare, read_table, report
from demo.make_sequence import main as make_sequence
from tests.support.no_pictures import without_pictures

TEST, VALIDATES, TRAINED = 0, 3, (1, 2)
FRAMES, QUICK_FRAMES = 560, 44
SETTINGS = {
    "device": "cpu",
    "prep": {"clip_length": 16, "stride": 2, "fit_fraction": 0.6},
    "model": {
        "name": "wetas",
        "pooling": "top",
        "top_fraction": 0.05,
        "stages": [
            {"width": 16, "stride": [1, 4, 4], "kernel": [3, 3, 3]},
            {"width": 32, "stride": [1, 2, 2], "kernel": [3, 3, 3]},
            {"width": 32, "kernel": [3, 1, 1], "activation": "gated"},
            {"width": 32, "kernel": [3, 1, 1], "activation": "gated", "dilation": 2},
        ],
    },
    "train": {
        "loss": "weak_bce",
        "batch_size": 8,
        "lr": 2e-3,
        "epochs": 10,
        "warmup_epochs": 1.0,
        "drop_last": False,
        "val_reels": [f"seed_{VALIDATES}_*"],
        "weak": {"segments": 8},
    },
    "eval": {"stride": 2},
}


QUICK = {"train.epochs": 1, "train.warmup_epochs": 0.0, "prep.resize": [32, 32], "workers": 0}


def prepared(work: Path, seed: int, settings: dict, frames: int) -> Path:
    """The reel of the sequence of a seed, in the folder of those to fit on or of the one to evaluate.

    Where there are so few frames as in a quick run, all are of the one to evaluate: it takes longest to make.
    """
    folder, name = work / ("test" if seed == TEST else "fit"), f"seed_{seed}"
    made = work / (name if frames > QUICK_FRAMES else f"seed_{TEST}")
    if not list(folder.glob(f"{name}*/reel.json")):
        if not (made / "truth.csv").is_file():
            with quiet():
                make_sequence([str(made), "--seed", str(seed), "--frames", str(frames)])
        run_mode("prep", settings, work, "--data-raw", made, "--data-clips", work / f"reels_{seed}")
        (reel,) = [path.parent for path in (work / f"reels_{seed}").glob("*/reel.json")]
        folder.mkdir(exist_ok=True)
        renamed = folder / f"{name}_{reel.name}"
        reel.rename(renamed)
        write_meta(renamed, Reel(renamed).meta | {"name": renamed.name})
    return next(folder.glob(f"{name}*"))


def figures(reel: Reel, results: Path, truth_csv: Path) -> dict[str, float]:
    """Frames inside segments and events, against the truth table, which is also printed."""
    events = read_table(results / "events.csv", EVENT_COLUMNS, ("t_start", "t_end"))
    truth = read_table(truth_csv, TRUTH_COLUMNS, ("start_utc", "end_utc"))
    in_time = compare(events, truth, reel.meta, tolerance_px=1e3)
    print(report(compare(events, truth, reel.meta, tolerance_px=12.0)))
    times = pd.to_datetime(reel.times_utc, utc=True)
    odd = np.zeros(len(reel), bool)
    for row in truth.itertuples():
        odd |= (times >= row.start_utc) & (times <= row.end_utc)
    scores = pd.read_csv(results / "scores.csv")
    inside = np.zeros(len(reel), bool)
    inside[scores["frame"]] = scores["max"] > 0.5
    both, either = int((inside & odd).sum()), int((inside | odd).sum())
    weak = json.loads((results / "summary.json").read_text())["weak"]
    found = {
        "demo_frame_f1": 2 * both / (both + either),
        "demo_frame_iou": both / either,
        "demo_found": sum(row["found"] for row in in_time["transients"]),
        "demo_transients": len(truth),
        "demo_precision": in_time["precision"],
        "demo_window_f1": weak.get("known", {}).get("f1"),
    }
    return {name: value for name, value in found.items() if value is not None}


def measure(work: Path, is_quick: bool) -> dict[str, float]:
    """Sequences, reels, a run and its results in `work`, as far as they are not there yet."""
    frames, truth = QUICK_FRAMES if is_quick else FRAMES, work / f"seed_{TEST}" / "truth.csv"
    settings = nested({"train.weak.labels": str(work / "intervals.csv")} | (QUICK if is_quick else {}), SETTINGS)
    for seed in (TEST, VALIDATES, *(TRAINED[:1] if is_quick else TRAINED)):
        prepared(work, seed, settings, frames)
    intervals = pd.read_csv(truth)[["start_utc", "end_utc"]]
    intervals.set_axis(["start", "end"], axis=1).to_csv(work / "intervals.csv", index=False)
    run = ["--model-path", work / "run"]
    if not (work / "run" / "calibration" / "weak.json").is_file():
        run_mode("train", settings, work, "--data-clips", work / "fit", *run)
    run_mode("eval", settings, work, "--data-clips", work / "test", *run)
    reel = Reel(prepared(work, TEST, settings, frames))
    return figures(reel, work / "run" / "eval" / reel.name, truth)


def main() -> None:
    asked = parser(__doc__, f"one sequence of {QUICK_FRAMES} frames thrice, small pictures, one epoch")
    asked.add_argument("--work", type=Path, help="keep sequences, reels and the run here")
    options = parsed(asked)
    with tempfile.TemporaryDirectory() as folder:
        work = (options.work or Path(folder)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        with without_pictures():
            found = measure(work, options.quick)
    print(told(found))
    write(found, options.json)


if __name__ == "__main__":
    main()
