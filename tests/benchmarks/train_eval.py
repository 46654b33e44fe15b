"""Speed and memory of training and evaluation at 112x112, on this machine.

    python tests/benchmarks/train_eval.py [--quick] [--json FILE]

Training: the program's own loop with the default model, beside a plain loop of the same model in contiguous fp32, and
beside one step of the wide published layout. Evaluation: `main.py -m eval` with scores, boxes and mp4 as a process of
its own, once on a short and once on a ten times longer reel; the ratio of their peak memories says whether memory
grows with the number of frames. The reels are synthetic (drifting blobs and noise): only their size matters here.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

import models  # noqa: E402
from config import Config, load  # noqa: E402
from models.losses.reconstruction import LOSSES  # noqa: E402
from tests.support.reels import drifting_blobs, make_reel  # noqa: E402
from training.train import train  # noqa: E402

SIDE = 112
CHILD = """
import sys; sys.path.insert(0, {root!r})
from main import main
code = main(sys.argv[1:])
peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))
print('PEAK_KB', peak.split()[1])
sys.exit(code)
"""


def reel_of(folder: Path, frames: int) -> Path:
    """A reel of `frames` float16 frames that repeat 256 synthetic ones."""
    base = drifting_blobs(256, SIDE, SIDE).astype(np.float16)
    make_reel(folder, np.resize(base, (frames, 1, SIDE, SIDE)), cadence_s=60.0, clip_length=32, stride=4)
    return folder


def settings(work: Path, reel: Path, epochs: int) -> Config:
    keys = {"data_clips": str(reel), "model_path": str(work / "run"), "workers": 0, "train.epochs": epochs}
    return load(ROOT / "config.yaml", keys | {"train.warmup_epochs": 1.0})


def train_speed(work: Path, reel: Path, epochs: int) -> float:
    """Frames/s of the fastest epoch of the program's own training."""
    run = train(settings(work, reel, epochs))
    return float(pd.read_csv(run / "metrics.csv")["frames_per_s"].max())


def plain_speed(config: Config, model_name: str, batch: int, steps: int) -> float:
    """Frames/s of a plain loop: contiguous fp32, no autocast; the fastest step counts."""
    model = models.build(load(None, {"model.name": model_name}).model, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.train.lr)
    x = torch.from_numpy(drifting_blobs(32 * batch, SIDE, SIDE)).reshape(batch, 32, 1, SIDE, SIDE).transpose(1, 2)
    x, valid, best = x.contiguous(), torch.ones(batch, 1, 32, SIDE, SIDE), 0.0
    for _ in range(steps):
        begun = time.perf_counter()
        optimizer.zero_grad()
        LOSSES[config.train.loss](model(x), x, valid).backward()
        optimizer.step()
        best = max(best, 32 * batch / (time.perf_counter() - begun))
    return best


def evaluate(work: Path, reel: Path) -> tuple[float, float]:
    """(frames/s, peak MiB) of `main.py -m eval` on a reel, the frames/s as summary.json has them."""
    command = [sys.executable, "-c", CHILD.format(root=str(ROOT)), "-m", "eval", "-c", str(ROOT / "config.yaml")]
    command += ["--data-clips", str(reel), "--model-path", str(work / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=work)
    peak_kb = int(done.stdout.rsplit("PEAK_KB", 1)[1])
    summary = json.loads((work / "run" / "eval" / reel.name / "summary.json").read_text())
    return summary["frames_per_s"], peak_kb / 1024


def calibrated(work: Path, config: Config) -> None:
    from inference.fit import calibrate_run

    calibrate_run(work / "run", config)


def measure(work: Path, quick: bool) -> dict[str, float]:
    """All figures, in the order they are printed."""
    short, long = (600, 6_000) if quick else (3_000, 30_000)
    reels = {n: reel_of(work / f"reel_{n}", n) for n in (short, long)}
    figures = {"train_frames_per_s": train_speed(work, reels[short], 2)}
    config = settings(work, reels[short], 1)
    calibrated(work, config)
    plain = plain_speed(config, "autoencoder", config.train.batch_size, 2 if quick else 4)
    figures["plain_train_frames_per_s"] = plain
    figures["train_speedup_over_plain"] = figures["train_frames_per_s"] / plain
    figures["yan2020_train_frames_per_s"] = plain_speed(config, "yan2020", 1, 1 if quick else 2)
    figures["eval_frames_per_s"], short_mb = evaluate(work, reels[short])
    figures["eval_frames_per_s_long"], long_mb = evaluate(work, reels[long])
    figures |= {"eval_peak_mib": short_mb, "eval_peak_mib_long": long_mb, "eval_memory_ratio": long_mb / short_mb}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small reels, one epoch")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.quick)
    for name, value in figures.items():
        print(f"{name:30s} {value:10.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
