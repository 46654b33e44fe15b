"""What larger frames of the Sun cost: time and memory of `excess` and of the default net, beside frames of 112 px.

    python tests/benchmarks/sun_sizes.py [--sizes PX ...] [--quick] [--json FILE]

Frames are a made-up full disc with a place on the sky, so that backgrounds turn with it, one a minute. `excess` as in
demo/sun.yaml: one fit on 40 quiet frames, and scores of 30. Training fits once on all quiet frames, for the thresholds
up to five times more on four fifths of them, and scores them once. The net: steps of training of the default
autoencoder on one window of 32 frames, fp32; the fastest of three counts, and an epoch of a day (1440 frames, a window
every 4) follows from it. Times are of the processor, so that other work on the machine counts little. Each is a process
of its own (not with --quick), whose peak memory holds the libraries too. docs/solar.md says which flares a size shows.

--json keys: excess_fit_s_<size>, excess_frames_per_s_<size>, excess_peak_mib_<size>, net_step_s_<size>,
net_peak_mib_<size>, net_day_epoch_h_<size>, excess_fit_over_<size> (each of these over that of the smallest size),
excess_frame_over_<size> (time a frame), excess_peak_over_<size>, net_step_over_<size>, net_peak_over_<size>.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from parts.common import BENCHMARKS, ROOT, parsed, parser, peak_mib, write

import models
from config import load
from data.disk.files import write_csv
from data.reel.reel import Reel
from data.reel.windows import index_windows
from inference.calibration.quiet.ranges import QuietRange
from inference.methods.excess import Excess
from models.losses.reconstruction import LOSSES
from tests.support.reels import drifting_blobs
from tests.support.sun_events import RSUN_ARCSEC, solar_reel

SIZES, QUICK_SIZES = (112, 256, 512, 1024), (32,)
FRAMES, QUICK_FRAMES, WINDOW, CADENCE_S = 70, 35, 32, 60.0
FIELD_RSUN = 2.6  # width of the field of view in solar radii, as AIA's
DAY_WINDOWS = 24 * 60 // 4
CHILD = f"""
import json, sys
sys.path.insert(0, {str(BENCHMARKS)!r})
import sun_sizes
print(json.dumps(getattr(sun_sizes, sys.argv[1])(*sys.argv[2:])))
"""


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


def excess_on(folder: str) -> tuple[float, float, float]:
    """Seconds of a fit, frames a second of scores, and the peak memory of this process in MiB."""
    reel, config = Reel(Path(folder)), load(ROOT / "demo/sun.yaml")
    scaling = dict(zip(reel.channels, reel.stretches, strict=True))
    method, fitted = Excess(config.model, {}, scaling, config.prep.clip_length), len(reel) * 4 // 7
    begun = time.process_time()
    method.fit([QuietRange(reel, 0, fitted, "train")], seed=0)
    fit_s, begun = time.process_time() - begun, time.process_time()
    count = sum(1 for _ in method.frames(reel, fitted, len(reel), config.eval))
    return fit_s, count / (time.process_time() - begun), peak_mib()


def step_of_net(side: str) -> tuple[float, float]:
    """Seconds of a training step on one window, and the peak memory of this process."""
    config, size = load(ROOT / "config.yaml"), int(side)
    model, loss = models.build(config.model, 1), LOSSES[config.train.loss]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    x = torch.from_numpy(drifting_blobs(WINDOW, size, size)).reshape(1, WINDOW, 1, size, size).transpose(1, 2)
    x, valid, best = x.contiguous(), torch.ones(1, 1, WINDOW, size, size), np.inf
    for _ in range(3):
        begun = time.process_time()
        optimizer.zero_grad()
        loss(model(x), x, valid).backward()
        optimizer.step()
        best = min(best, time.process_time() - begun)
    return best, peak_mib()


def alone(function: str, *words: object) -> list[float]:
    """What a function of this file gives in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, function, *map(str, words)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def of_size(size: int, frames: int, work: Path, is_quick: bool) -> dict[str, float]:
    path = disc(work / "sun", size, frames)
    fit_s, frames_per_s, excess_mib = excess_on(str(path)) if is_quick else alone("excess_on", path)
    step_s, net_mib = step_of_net(str(size)) if is_quick else alone("step_of_net", size)
    return {
        "excess_fit_s": fit_s,
        "excess_frames_per_s": frames_per_s,
        "excess_peak_mib": excess_mib,
        "net_step_s": step_s,
        "net_peak_mib": net_mib,
        "net_day_epoch_h": DAY_WINDOWS * step_s / 3600,
    }


def over(found: dict[str, float], base: dict[str, float]) -> dict[str, float]:
    """Ratios of time and memory."""
    ratios = {"excess_frame_over": base["excess_frames_per_s"] / found["excess_frames_per_s"]}
    for name, key in (("excess_fit", "_s"), ("excess_peak", "_mib"), ("net_step", "_s"), ("net_peak", "_mib")):
        ratios[f"{name}_over"] = found[name + key] / base[name + key]
    return ratios


def main() -> None:
    made = parser(__doc__ or "", "frames of 32 px, in this process")
    made.add_argument("--sizes", nargs="+", type=int, metavar="PX", help=f"these alone, not {SIZES}")
    options = parsed(made)
    figures: dict[str, float] = {}
    base: dict[str, float] = {}
    for size in options.sizes or (QUICK_SIZES if options.quick else SIZES):
        with tempfile.TemporaryDirectory() as work:
            found = of_size(size, QUICK_FRAMES if options.quick else FRAMES, Path(work), options.quick)
        base = base or found
        found |= over(found, base)
        print(size, "px", " ".join(f"{name}={value:.3g}" for name, value in found.items()), flush=True)
        figures |= {f"{name}_{size}": value for name, value in found.items()}
    write(figures, options.json)


if __name__ == "__main__":
    main()
