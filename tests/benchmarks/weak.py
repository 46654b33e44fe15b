"""Weak labels: segments of EMG recordings from one label a window, and the speed of the soft alignment.

    python tests/benchmarks/weak.py --data SERIES [--methods NAME ...] [--seeds N ...] [--quick] [--json FILE]

SERIES holds emg.npz, keys `train|valid|test/<record>/x` (T, 8) and `/y` (T,), with the split of WETAS (Lee et al.
2021). Protocol: windows of 500 samples; trained on the training part's window labels; the epoch, the threshold of
windows and everything else is chosen by window labels of the validation part; labels of samples are used for the test
figures alone. Weak F1: test windows of 500 that cover each recording, the last one flush with its end. Dense F1 and
IoU: over all samples of the test part together, without any adjustment. Printed too, of the same nets: the dense F1
without alignment (f1_half: samples of positive windows from probability 0.5, f1_frame_level: from the chosen one,
f1_level: from `level` of the window's highest score), aligned as if the chosen level were 0.5 (f1_at_half), and by
parts a window. The figures without a method are those of the best configuration.

--json keys: emg_weak_f1, emg_dense_f1, emg_iou, emg_dense_f1_std, emg_weak_f1_<method>, emg_dense_f1_<method>,
emg_iou_<method>, emg_dense_f1_std_<method>, softdtw_speedup, dilated_speedup.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from parts.common import parsed, parser, quiet, told, write
from parts.recipes import nested, run_mode
from parts.tiny_series import write_emg

from config import from_dict
from data.reel.reel import Reel, find_reels
from inference.scorers.load import load_scorer
from inference.scorers.nets.weak import WeakScorer, Windows, folded
from models.backbone3d import TimeConv3d
from models.parts.alignment import soft_cost

LENGTH = 500
DILATIONS = (1, 2, 4, 8, 16, 32, 64)
CAUSAL = [{"width": 64, "dilation": d, "kernel": [2, 1, 1], "activation": "gated", "causal": True} for d in DILATIONS]
COMMON: dict[str, Any] = {
    "device": "cpu",
    "workers": 0,
    "prep.clip_length": LENGTH,
    "prep.stride": 250,
    "model.name": "wetas",
    "train.weak.labels": "labels",
    "train.val_reels": ["*_valid_*"],
    "train.batch_size": 32,
    "train.lr": 2e-3,
    "train.epochs": 25,
    "train.warmup_epochs": 1.0,
    "train.drop_last": False,
}
TOP = {"model.pooling": "top", "model.top_fraction": 0.2}
# Windows at three times as many places, each seen a third as often: as many steps.
FINE = {"prep.stride": 80, "train.epochs": 8, "train.warmup_epochs": 0.3}
METHODS: dict[str, dict[str, Any]] = {
    "weak_bce": {"train.loss": "weak_bce", "model.stages": CAUSAL, "train.weak.segments": 4},
    "wetas": {"train.loss": "wetas", "model.stages": CAUSAL, "train.weak.segments": 4},
    # Windows are ranked by the same best scores that the loss ranks; at 2e-3 its sigmoids saturate and nothing moves.
    "mil": {
        "train.loss": "mil",
        "model.stages": CAUSAL,
        "train.weak.segments": 4,
        "model.pooling": "top",
        "model.top_fraction": 1 / 16,
        "train.lr": 5e-4,
    },
    "top": {"train.loss": "weak_bce", **TOP},
    "top_wetas": {"train.loss": "wetas", **TOP},
    "top_soft_peaks": {"train.loss": "soft_peaks", **TOP},
    "attention": {"train.loss": "weak_bce", "model.pooling": "attention"},
    "fine": {"train.loss": "weak_bce", **TOP, **FINE},
    "ensemble": {"train.loss": "weak_bce", **TOP, **FINE, "model.members": 3, "train.epochs": 7},
    "fine_splice": {"train.loss": "weak_bce", **TOP, **FINE, "train.weak.splice": 0.5},
}
SHOWN, BEST = ("weak_bce", "wetas", "mil", "ensemble"), "ensemble"
QUICK = {"train.epochs": 1, "train.warmup_epochs": 0.0, "train.batch_size": 4, "model.members": 2}
QUICK |= {"model.stages": [{"width": 8, "kernel": [5, 1, 1]}]}
PARTS = (4, 12, 50)  # train.weak.segments at inference alone


def prepared(data: Path, work: Path, settings: dict[str, Any]) -> Path:
    """Reels of the training and validation parts, whose folder is returned, and of the test part, in `work`/test."""
    fit = work / f"fit_{settings['prep.stride']}"
    with np.load(data / "emg.npz", allow_pickle=False) as stored:
        for folder, parts in ((fit, ("train", "valid")), (work / "test", ("test",))):
            if not folder.is_dir():
                raw = work / f"{folder.name}.npz"
                np.savez(raw, **{k: stored[k] for k in stored.files if k.split("/")[0] in parts})
                places = {"data_raw": str(raw), "data_clips": str(folder), "prep.label_column": "y"}
                run_mode("prep", nested(settings | places), work)
    return fit


def run_method(name: str, seed: int, data: Path, work: Path, is_quick: bool) -> dict[str, Any]:
    """Train, unless that is done, and measure on the test part."""
    run, settings = work / f"run_{name}_{seed}", COMMON | METHODS[name] | (QUICK if is_quick else {})
    places = {"data_clips": str(prepared(data, work, settings)), "model_path": str(run), "seed": seed}
    sections, begun = nested(settings | places), time.perf_counter()
    if not (run / "calibration" / "weak.json").is_file():
        run_mode("train", sections, work)
    seconds, config = time.perf_counter() - begun, from_dict(sections, f"method {name}")
    scorer, _ = load_scorer(run, "cpu", config.eval)
    valid = json.loads((run / "calibration" / "weak.json").read_text())
    row = {"method": name, "seed": seed, "valid_f1": valid["f1"], "valid_ap": valid["ap"]}
    return row | measured(scorer, find_reels(work / "test")) | {"train_s": seconds}


def measured(scorer: WeakScorer, reels: list[Reel]) -> dict[str, float]:
    """Weak and dense figures over all reels together, and the dense F1 of other ways to segment the same scores."""
    reels = [reel for reel in reels if len(reel) >= LENGTH]
    found = windows_of(scorer, reels)
    probability = np.concatenate([windows.probability for windows in found])
    labels = [reel.labels[s : s + LENGTH].any() for reel, f in zip(reels, found, strict=True) for s in f.start]
    weak = f1_and_iou(probability >= scorer.rule.threshold, np.array(labels))
    dense = dense_figures(reels, found)
    row = {"weak_f1": weak[0], "dense_f1": dense[0], "iou": dense[1]}
    for name, chosen in segmentations(scorer, found).items():
        others = [f._replace(inside=inside) for f, inside in zip(found, chosen, strict=True)]
        row[f"f1_{name}"] = dense_figures(reels, others)[0]

    def with_other(**rule: float) -> WeakScorer:
        return WeakScorer(scorer.net, scorer.clip_length, scorer.scaling, scorer.rule._replace(**rule))

    at_half = with_other(frame_level=0.5)
    row["f1_at_half"] = dense_figures(reels, windows_of(at_half, reels))[0]
    for parts in PARTS:
        by_parts = with_other(segments=parts)
        row[f"f1_{parts}_parts"] = dense_figures(reels, windows_of(by_parts, reels))[0]
    return row


def windows_of(scorer: WeakScorer, reels: list[Reel]) -> list[Windows]:
    return [scorer.windows(reel, 0, len(reel), LENGTH) for reel in reels]


def segmentations(scorer: WeakScorer, found: list[Windows]) -> dict[str, list[np.ndarray]]:
    """Without alignment: frames of positive windows from a probability, or from `level` of the window's highest."""
    ways: dict[str, list[np.ndarray]] = {"half": [], "frame_level": [], "level": []}
    for windows in found:
        positive = (windows.probability >= scorer.rule.threshold)[:, None]
        logits = np.log(windows.dense) - np.log1p(-windows.dense)
        low, high = logits.min(1, keepdims=True), logits.max(1, keepdims=True)
        ways["half"].append(positive & (windows.dense > 0.5))
        ways["frame_level"].append(positive & (windows.dense >= scorer.rule.frame_level))
        ways["level"].append(positive & (logits >= low + scorer.rule.level * (high - low)))
    return ways


def dense_figures(reels: list[Reel], found: list[Windows]) -> tuple[float, float]:
    """F1 and IoU of the samples of all reels together."""
    inside = [folded(windows, 0, len(reel)) > 0.5 for reel, windows in zip(reels, found, strict=True)]
    return f1_and_iou(np.concatenate(inside), np.concatenate([reel.labels == 1 for reel in reels]))


def f1_and_iou(found: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    both, either = int((found & truth).sum()), int((found | truth).sum())
    return 2 * both / max(both + either, 1), both / max(either, 1)


def soft_alignment_speedup(batch: int, length: int) -> float:
    """Forward and backward with 6 labels, against the recursion of one window after another."""
    cost, lengths = torch.rand(batch, 6, length), torch.full((batch,), 6)
    batched = step_s(lambda c: soft_cost(c, lengths, 0.1), cost, times=5)
    plain = step_s(plain_soft_cost, cost, times=1)
    print(f"soft alignment: {batched * 1e3:.1f} ms, one after another {plain * 1e3:.0f} ms")
    return plain / batched


def dilated_convolution_speedup(batch: int) -> float:
    """A step through a dilated convolution over time of the trunk, against torch's own."""
    x, conv = torch.rand(batch, 64, LENGTH, 1, 1), TimeConv3d(64, 3, dilation=16)
    x = x.contiguous(memory_format=torch.channels_last_3d)
    ours = step_s(conv, x, times=5)
    own = step_s(lambda v: F.conv3d(v, conv.weight, conv.bias, padding=(16, 0, 0), dilation=(16, 1, 1)), x, times=5)
    print(f"dilated convolution: {ours * 1e3:.1f} ms, torch's own {own * 1e3:.0f} ms")
    return own / ours


def step_s(run: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, times: int) -> float:
    """Median seconds of a forward and a backward pass."""
    found = []
    for _ in range(times):
        asked, begun = x.clone().requires_grad_(), time.perf_counter()
        run(asked).sum().backward()
        found.append(time.perf_counter() - begun)
    return float(np.median(found))


def plain_soft_cost(cost: torch.Tensor, gamma: float = 0.1) -> torch.Tensor:
    """The recursion as it is written, sample by sample and place by place, differentiated by autograd."""
    total = torch.zeros(())
    for one in cost:
        row = [one[0, 0]] + [torch.tensor(torch.inf)] * (len(one) - 1)
        for t in range(1, one.shape[1]):
            before = [torch.tensor(torch.inf), *row[:-1]]
            row = [
                one[i, t] - gamma * torch.logsumexp(-torch.stack([before[i], row[i]]) / gamma, 0)
                if t >= i
                else torch.tensor(torch.inf)
                for i in range(len(one))
            ]
        total = total + row[-1]
    return total


def figures_of(table: pd.DataFrame) -> dict[str, float]:
    """The keys of --json."""
    figures = {}
    for name, rows in table.groupby("method"):
        for suffix in (f"_{name}", *([""] if name == BEST else [])):
            figures |= {f"emg_{key}{suffix}": rows[key].mean() for key in ("weak_f1", "dense_f1", "iou")}
            figures[f"emg_dense_f1_std{suffix}"] = rows["dense_f1"].std(ddof=0)
    return {key: float(value) for key, value in figures.items()}


def measure(options, work: Path) -> dict[str, float]:
    """All figures; rows are printed as they come."""
    for name, settings in METHODS.items():  # all, before hours of work on one
        from_dict(nested(COMMON | settings), f"method {name}")
    batch, length = (2, 60) if options.quick else (32, LENGTH)
    speedup = soft_alignment_speedup(batch, length)
    figures, rows = {"softdtw_speedup": speedup, "dilated_speedup": dilated_convolution_speedup(batch)}, []
    data = options.data or write_emg(work / "emg")
    for name, seed in [(m, s) for m in options.methods for s in options.seeds]:
        with quiet():
            row = run_method(name, seed, data, work, options.quick)
        rows.append(row)
        print(told(row), flush=True)
    table = pd.DataFrame(rows)
    print(table.groupby("method").agg(["mean", "std"]).drop(columns="seed").T.round(3).to_string())
    return figures | figures_of(table)


def main() -> None:
    asked = parser(__doc__, "the best configuration alone, with a narrow net, one epoch", data="folder with emg.npz")
    asked.add_argument("--methods", nargs="+", choices=METHODS, help=f"default: {' '.join(SHOWN)}")
    asked.add_argument("--seeds", nargs="+", type=int, help="default: 0 1 2 3 4")
    asked.add_argument("--work", type=Path, help="keep reels and runs here")
    options = parsed(asked)
    options.methods = options.methods or ([BEST] if options.quick else SHOWN)
    options.seeds = options.seeds or ([0] if options.quick else [0, 1, 2, 3, 4])
    with tempfile.TemporaryDirectory() as folder:
        work = options.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        figures = measure(options, work)
    print(told(figures))
    write(figures, options.json)


if __name__ == "__main__":
    main()
