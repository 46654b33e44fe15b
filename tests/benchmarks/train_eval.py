"""Speed and memory of training and evaluation at 112x112, on this machine.

    python tests/benchmarks/train_eval.py [--quick] [--json FILE]

Training: the program's own loop with the default model, beside a plain loop of the same model in contiguous fp32, and
beside one step of the wide published layout; and the share of its time that is not the model's own forward, loss and
backward: reading windows, the optimizer, checkpoints, metrics. Where bfloat16 is not at hand, convolutions are written
in 2D: the processor's time of a step in single precision as 3D over that as 2D ones. Evaluation: `main.py -m eval` with
scores, boxes and mp4 as a process of its own, once on a short and once on a ten times longer reel; the ratio of their
peak memories says whether memory grows with the number of frames. The reels are synthetic (drifting blobs and noise):
only their size matters here.

--json keys: train_frames_per_s, plain_train_frames_per_s, train_speedup_over_plain, train_outside_model,
train_2d_speedup, yan2020_train_frames_per_s, eval_frames_per_s, eval_frames_per_s_long, eval_speed_ratio,
eval_peak_mib, eval_peak_mib_long, eval_memory_ratio (long over short reel).
"""

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from parts.common import ROOT, parsed, parser, program, write
from parts.long_reel import QUICK_MODEL, reel_of, settings, trained

import models
from config import Config, load
from models.losses.reconstruction import LOSSES
from models.parts.planar import write_planar
from models.video_model import Batch
from tests.support.reels import drifting_blobs
from training.engine import Objective, Trainer

SIDE, QUICK_SIDE = 112, 32


def clocked_training(config: Config) -> tuple[float, float]:
    """Frames/s of the program's own training, and the share of its time that is not forward, loss and backward."""
    spent_s = {"fit": 0.0, "model": 0.0}

    def clocked(name: str, function: Callable) -> Callable:
        def run(*given: Any, **named: Any) -> Any:
            begun_s = time.perf_counter()
            try:
                return function(*given, **named)
            finally:
                spent_s[name] += time.perf_counter() - begun_s

        return run

    parts = ((Trainer, "fit", "fit"), (Objective, "forward", "model"), (torch.Tensor, "backward", "model"))
    with ExitStack() as stack:
        for owner, function, name in parts:
            stack.enter_context(patch.object(owner, function, clocked(name, getattr(owner, function))))
        return trained(config), 1 - spent_s["model"] / spent_s["fit"]


def plain_speed(config: Config, settings: dict, side: int, batch: int, steps: int) -> float:
    """Frames/s of a plain loop: contiguous fp32, no autocast; the fastest step counts."""
    model = models.build(load(None, settings).model, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.train.lr)
    (x, valid), best = windows(side, batch), 0.0
    for _ in range(steps):
        begun = time.perf_counter()
        optimizer.zero_grad()
        LOSSES[config.train.loss](model(x), x, valid).backward()
        optimizer.step()
        best = max(best, 32 * batch / (time.perf_counter() - begun))
    return best


def speedup_in_2d(settings: dict, side: int, batch: int, rounds: int) -> float:
    """Processor time of a step in single precision, of 3D convolutions over that of 2D ones; in turns, the shortest."""
    x, valid = windows(side, batch)
    x, spent_s = x.contiguous(memory_format=torch.channels_last_3d), {}
    nets = {"3d": models.build(load(None, settings).model, 1), "2d": models.build(load(None, settings).model, 1)}
    write_planar(nets["2d"])
    for name, net in list(nets.items()) * rounds:
        net.to(memory_format=torch.channels_last_3d).train()
        begun = time.process_time()
        net.loss(Batch(x, valid, torch.zeros(batch))).backward()
        spent_s.setdefault(name, []).append(time.process_time() - begun)
        net.zero_grad()
    return min(spent_s["3d"]) / min(spent_s["2d"])


def windows(side: int, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows (batch, 1, 32, side, side) of a moving picture, contiguous, and that all of their pixels are valid."""
    x = torch.from_numpy(drifting_blobs(32 * batch, side, side)).reshape(batch, 32, 1, side, side).transpose(1, 2)
    return x.contiguous(), torch.ones(batch, 1, 32, side, side)


def evaluate(work: Path, reel: Path, own_process: bool = True) -> tuple[float, float]:
    """(frames/s, peak MiB) of `main.py -m eval` on a reel, the frames/s as summary.json has them."""
    config = ROOT / "config.yaml"
    words = "-m", "eval", "-c", config, "--data-clips", reel, "--model-path", work / "run"
    _, peak_mib = program(*words, own_process=own_process)
    summary = json.loads((work / "run" / "eval" / reel.name / "summary.json").read_text())
    return summary["frames_per_s"], peak_mib


def measure(work: Path, quick: bool) -> dict[str, float]:
    """All figures, in the order they are printed."""
    side = QUICK_SIDE if quick else SIDE
    short, long = (150, 300) if quick else (3_000, 30_000)
    reels = {n: reel_of(work / f"reel_{n}", n, side) for n in (short, long)}
    config = settings(work, reels[short], 1 if quick else 2, quick)
    figures = dict(zip(("train_frames_per_s", "train_outside_model"), clocked_training(config), strict=True))
    narrow = QUICK_MODEL if quick else {}
    plain = plain_speed(
        config, {"model.name": "autoencoder"} | narrow, side, config.train.batch_size, 2 if quick else 4
    )
    figures["plain_train_frames_per_s"] = plain
    figures["train_speedup_over_plain"] = figures["train_frames_per_s"] / plain
    figures["train_2d_speedup"] = speedup_in_2d(narrow, side, config.train.batch_size, 2 if quick else 5)
    figures["yan2020_train_frames_per_s"] = plain_speed(
        config, {"model.name": "yan2020"}, side // 2 if quick else side, 1, 1 if quick else 2
    )
    fast, short_mib = evaluate(work, reels[short], own_process=not quick)
    fast_long, long_mib = evaluate(work, reels[long], own_process=not quick)
    figures |= {"eval_frames_per_s": fast, "eval_frames_per_s_long": fast_long, "eval_speed_ratio": fast_long / fast}
    figures |= {"eval_peak_mib": short_mib, "eval_peak_mib_long": long_mib, "eval_memory_ratio": long_mib / short_mib}
    return figures


def main() -> None:
    options = parsed(
        parser(__doc__, "small frames, a narrow model, short reels, which this process evaluates, one epoch")
    )
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.quick)
    for name, value in figures.items():
        print(f"{name:30s} {value:10.2f}")
    write(figures, options.json)


if __name__ == "__main__":
    main()
