"""Weak labels on the demo's embedded sequence: segments and events against its truth table.

    python tests/benchmarks/weak_demo.py [--work DIR] [--json FILE]

What is shown is the mechanics, not a skill: the sequences that are trained on (seeds 1 and 2) and that validates (3)
have the same transients at the same times and places as the one that is evaluated (seed 0), and only their noise,
flicker and loops differ. Given are labels of windows of 16 frames alone: whether any transient overlaps it. Six real
flares of a day would be too few to learn from.
--json keys: demo_frame_f1, demo_frame_iou, demo_found, demo_transients, demo_precision, demo_window_f1.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from data.reel.reel import Reel  # noqa: E402
from demo.compare_with_truth import EVENT_COLUMNS, TRUTH_COLUMNS, compare, read_table, report  # noqa: E402

TEST, VALIDATES, TRAINED = 0, 3, (1, 2)
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


def run(*words: object) -> None:
    subprocess.run([sys.executable, *map(str, words)], cwd=ROOT, check=True)


def main_py(mode: str, settings: Path, *words: object) -> None:
    run("main.py", "-m", mode, "-c", settings, *words)


def prepared(work: Path, seed: int, settings: Path) -> Path:
    """The reel of the sequence of a seed, in the folder of those to fit on or of the one to evaluate."""
    folder, name = work / ("test" if seed == TEST else "fit"), f"seed_{seed}"
    if not list(folder.glob(f"{name}*/reel.json")):
        if not (work / name / "truth.csv").is_file():
            run("demo/make_sequence.py", work / name, "--seed", seed)
        main_py("prep", settings, "--data-raw", work / name, "--data-clips", work / f"reels_{seed}")
        (reel,) = [path.parent for path in (work / f"reels_{seed}").glob("*/reel.json")]
        folder.mkdir(exist_ok=True)
        renamed = folder / f"{name}_{reel.name}"
        reel.rename(renamed)
        meta = json.loads((renamed / "reel.json").read_text())
        (renamed / "reel.json").write_text(json.dumps(meta | {"name": renamed.name}, indent=2))
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
    both, either = (inside & odd).sum(), (inside | odd).sum()
    weak = json.loads((results / "summary.json").read_text())["weak"]
    return {
        "demo_frame_f1": 2 * both / (both + either),
        "demo_frame_iou": both / either,
        "demo_found": sum(row["found"] for row in in_time["transients"]),
        "demo_transients": len(truth),
        "demo_precision": in_time["precision"],
        "demo_window_f1": weak.get("known", {}).get("f1"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, help="keep sequences, reels and the run here")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        work = (arguments.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))).resolve()
        work.mkdir(parents=True, exist_ok=True)
        settings, truth = work / "settings.yaml", work / f"seed_{TEST}" / "truth.csv"
        SETTINGS["train"]["weak"]["labels"] = str(work / "intervals.csv")
        settings.write_text(json.dumps(SETTINGS))
        for seed in (TEST, VALIDATES, *TRAINED):
            prepared(work, seed, settings)
        intervals = pd.read_csv(truth)[["start_utc", "end_utc"]]
        intervals.set_axis(["start", "end"], axis=1).to_csv(work / "intervals.csv", index=False)
        if not (work / "run" / "calibration" / "weak.json").is_file():
            main_py("train", settings, "--data-clips", work / "fit", "--model-path", work / "run")
        main_py("eval", settings, "--data-clips", work / "test", "--model-path", work / "run")
        reel = Reel(prepared(work, TEST, settings))
        found = figures(reel, work / "run" / "eval" / reel.name, truth)
    print(json.dumps(found, indent=1, default=float))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2, default=float) + "\n")


if __name__ == "__main__":
    main()
