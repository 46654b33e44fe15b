"""What larger frames of the Sun cost: time and memory of `excess` and of the default net, beside frames of 112 px.

    python tests/benchmarks/sun_sizes.py [--sizes PX ...] [--quick] [--json FILE]

Frames are a made-up full disc with a place on the sky, so that backgrounds turn with it: 128 frames of each size, one a
minute. `excess`: main.py -m train and -m eval by demo/sun.yaml without movie and report, each a process of its own:
seconds of train, frames/s of eval, and peak memory of both. The net: steps of training of the default autoencoder on
one window of 32 frames, fp32, in a process of its own; the fastest of three counts, and an epoch of a day (1440 frames,
a window every 4) follows from it. Peak memory holds the libraries too (some 300 MiB). What the machine bears says which
size to choose; docs/solar.md says which flares a size shows.

--json keys: excess_train_s_<size>, excess_eval_frames_per_s_<size>, excess_peak_mib_<size>, net_step_s_<size>,
net_peak_mib_<size>, net_day_epoch_h_<size>; over those of the smallest size: excess_train_over_<size>,
excess_eval_over_<size> (time a frame), excess_peak_over_<size>, net_step_over_<size>, net_peak_over_<size>.
"""

import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from parts.common import ROOT, parsed, parser, peak_mib, program, write
from parts.recipes import recipe_for

import models
from config import load
from data.disk.files import write_csv
from data.reel.windows import index_windows
from models.losses.reconstruction import LOSSES
from tests.support.reels import drifting_blobs
from tests.support.sun_events import RSUN_ARCSEC, solar_reel

SIZES, QUICK_SIZES = (112, 256, 512, 1024), (32, 64)
FRAMES, QUICK_FRAMES, WINDOW, CADENCE_S = 128, 40, 32, 60.0
FIELD_RSUN = 2.6  # width of the field of view in solar radii, as AIA's
DAY_WINDOWS = 24 * 60 // 4


def disc(path: Path, size: int, frames: int) -> Path:
    """A reel of a mottled disc with noise of 2 %; returns its folder."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    on_disc = np.hypot(rows, columns) < size / FIELD_RSUN
    mottled = cv2.GaussianBlur(random.standard_normal((size, size)), (0, 0), max(size / 100, 1))
    scene = (20 + 180 * on_disc * np.exp(2 * mottled / mottled.std() / 3)).astype(np.float32)
    noise = random.standard_normal((8, size, size)).astype(np.float32)
    flux = np.stack([scene * (1 + 0.02 * noise[n % 8]) for n in range(frames)])
    reel = solar_reel(path, flux, CADENCE_S, FIELD_RSUN * RSUN_ARCSEC / size)
    write_csv(path / "windows.csv", index_windows(reel, 8, 1))
    return path


def of_excess(folder: Path, reel: Path) -> dict[str, float]:
    """Training and evaluation, each a process of its own."""
    run, settings = folder / "run", folder / "settings.yaml"
    sections = recipe_for(ROOT / "demo/sun.yaml", {"workers": 0, "device": "cpu", "prep.stride": 1}, is_net=False)
    settings.write_text(json.dumps(sections), encoding="utf-8")
    words = ["-c", settings, "--data-clips", reel, "--model-path", run]
    train_s, train_mib = program("-m", "train", *words)
    _, eval_mib = program("-m", "eval", *words)
    (summary,) = (json.loads(path.read_text()) for path in run.glob("eval/*/summary.json"))
    speed = summary["frames_per_s"]
    return {
        "excess_train_s": train_s,
        "excess_eval_frames_per_s": speed,
        "excess_peak_mib": max(train_mib, eval_mib),
    }


def step_of_net(size: int) -> tuple[float, float]:
    """Seconds of a training step on one window, and the peak memory of this process."""
    config = load(ROOT / "config.yaml")
    model, loss = models.build(config.model, 1), LOSSES[config.train.loss]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    x = torch.from_numpy(drifting_blobs(WINDOW, size, size)).reshape(1, WINDOW, 1, size, size).transpose(1, 2)
    x, valid, best = x.contiguous(), torch.ones(1, 1, WINDOW, size, size), np.inf
    for _ in range(3):
        begun = time.perf_counter()
        optimizer.zero_grad()
        loss(model(x), x, valid).backward()
        optimizer.step()
        best = min(best, time.perf_counter() - begun)
    return best, peak_mib()


def of_net(size: int) -> dict[str, float]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        step_s, mib = pool.submit(step_of_net, size).result()
    return {"net_step_s": step_s, "net_peak_mib": mib, "net_day_epoch_h": DAY_WINDOWS * step_s / 3600}


def over(found: dict[str, float], base: dict[str, float]) -> dict[str, float]:
    """Ratios of time and memory."""
    ratios = {"excess_eval_over": base["excess_eval_frames_per_s"] / found["excess_eval_frames_per_s"]}
    for name, key in (("excess_train", "_s"), ("excess_peak", "_mib"), ("net_step", "_s"), ("net_peak", "_mib")):
        ratios[f"{name}_over"] = found[name + key] / base[name + key]
    return ratios


def main() -> None:
    made = parser(__doc__ or "", "frames of 32 and 64 px")
    made.add_argument("--sizes", nargs="+", type=int, metavar="PX", help=f"these alone, not {SIZES}")
    options = parsed(made)
    figures: dict[str, float] = {}
    base: dict[str, float] = {}
    for size in options.sizes or (QUICK_SIZES if options.quick else SIZES):
        with tempfile.TemporaryDirectory() as work:
            reel = disc(Path(work) / "sun", size, QUICK_FRAMES if options.quick else FRAMES)
            found = of_excess(Path(work), reel) | of_net(size)
        base = base or found
        found |= over(found, base)
        print(size, "px", " ".join(f"{name}={value:.3g}" for name, value in found.items()), flush=True)
        figures |= {f"{name}_{size}": value for name, value in found.items()}
    write(figures, options.json)


if __name__ == "__main__":
    main()
