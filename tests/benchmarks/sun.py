"""Flares planted into quiet frames of the Sun: found or not, how late, as how many events, and what quiet frames give.

    python tests/benchmarks/sun.py --data DATA [--methods NAME ...] [--only planted|days] [--quick] [--json FILE]

DATA: folder with solar/aia171_quiet_20230611 (level-1 cut-outs of AIA 171, one in 24 s, in which nothing is known to
happen); with --quick alone a made-up active region. The first half trains each method by its recipe as it is (`excess`
by demo/sun.yaml, the others by config.yaml), the second half is watched, by default thresholds: as it is, and once for
each planted flare. A flare is a spot (Gaussian of 3 px) that rises for 1, 4 or 15 frames and fades three times
as slowly, of 10, 30 or 100 sigma at its peak, where sigma is the frame-to-frame noise of its place; one more is
composed of a core, a ribbon, a loop and the arms of a diffraction pattern. Places are drawn with a
seed. A flare is found where an event of the scene overlaps its place and time; its delay is that of the first one.

days: two movies of the day of an M7.7 flare (solar/2012-07-19), its recipe as it is, against the catalogue of flares.

--json keys: [<method>_recall] (of all), [<method>_recall_100_sigma], [<method>_delay_frames] (median of those found),
[<method>_events_per_flare] (mean of those found), [<method>_events_composed], [<method>_events_quiet]; (of 193 A)
[m_found], [c_found] (flares with an event), [unconfirmed_per_day] (events without a flare), [events_per_flare],
[lead_min] (first frame of the M flare's event after the flare's start in the catalogue), (and of 171 A)
[171_m_found], [171_c_found], [171_unconfirmed_per_day], [171_events_per_flare], [171_lead_min].
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from parts.common import ROOT, parsed, parser, quiet, told, write
from parts.recipes import recipe_for, run_mode
from parts.sun_days import days

from data.disk.files import write_csv, write_meta
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from data.reel.views.excerpt import write_excerpt
from data.reel.windows import index_windows
from tests.support.no_pictures import without_pictures
from tests.support.reels import make_reel

NEEDS = "solar/aia171_quiet_20230611/data/fits"
METHODS = {"excess": "demo/sun.yaml", "difference": "config.yaml", "robust_z": "config.yaml"}
SIGMAS, RISES = (10.0, 30.0, 100.0), (1, 4, 15)  # of the peak; frames
SPOT_PX, NEAR_PX, ONSET, FADES = 3.0, 8, 20, 3.0
CLIP = {"prep.clip_length": 8, "prep.stride": 1, "prep.resize": [168, 168], "workers": 0, "device": "cpu"}


class Flare(NamedTuple):
    """A planted one: its place in px, its peak in sigma, its rise in frames, and the light it adds (T, H, W)."""

    name: str
    y: int
    x: int
    sigma: float
    rise: int
    light: np.ndarray


def halves(options, work: Path) -> tuple[Path, Path]:
    """The reels that train and that are watched."""
    if options.data:
        with quiet(), without_pictures():
            run_mode(
                "prep", recipe_for(ROOT / "config.yaml", CLIP, is_net=True), work,
                "--data-raw", options.data / NEEDS, "--data-clips", work / "whole",
            )  # fmt: skip
        (whole,) = (Reel(path.parent) for path in (work / "whole").glob("*/reel.json"))
    else:
        whole = made_up(work / "whole" / "sun")
    middle = len(whole) // 2
    parts = ("train", (0, middle)), ("watch", (middle, len(whole)))
    for name, frames in parts:
        write_excerpt(whole, [frames], work / name / "quiet")
        finish(work / name / "quiet")
    return work / "train", work / "watch" / "quiet"


def made_up(path: Path, count: int = 80, side: int = 40) -> Reel:
    """A bright region that flickers, on a quiet Sun."""
    random = np.random.default_rng(3)
    mean = 100 + 900 * np.exp(-((np.mgrid[:side, :side] - side / 2) ** 2).sum(axis=0) / 60)
    flux = mean * (1 + 0.02 * random.standard_normal((count, side, side)))
    stretch = Stretch("asinh", 100.0, 2000.0)
    return make_reel(path, stretch.forward(flux)[:, None].astype(np.float32), 24.0, stretch=[stretch])


def finish(folder: Path) -> None:
    """Windows, and a name of its own, for a reel that was copied."""
    meta = json.loads((folder / "reel.json").read_text(encoding="utf-8"))
    facts = {key: value for key, value in meta.items() if key != "files"}  # whose digests are those of before
    write_meta(folder, facts | {"name": folder.name})
    write_csv(folder / "windows.csv", index_windows(Reel(folder), CLIP["prep.clip_length"], CLIP["prep.stride"]))


def flares(watched: Path, is_quick: bool) -> Iterator[Flare]:
    """Those to plant into a reel."""
    reel, random = Reel(watched), np.random.default_rng(0)
    flux = reel.physical(0, len(reel))[:, 0]
    noise = 1.4826 * np.nanmedian(np.abs(np.diff(flux, axis=0)), axis=0) / np.sqrt(2)
    height, width = reel.shape[2:]
    cases = product(SIGMAS[-1:], RISES[1:2]) if is_quick else product(SIGMAS, RISES)
    for number, (sigma, rise) in enumerate(cases):
        y, x = (int(random.integers(n // 8, n - n // 8)) for n in (height, width))
        peak = sigma * float(np.nanmedian(noise[y - 2 : y + 3, x - 2 : x + 3]))
        yield Flare(f"flare_{number}", y, x, sigma, rise, spot(reel.shape, y, x, peak, rise))
    y, x = height // 2, width // 2
    yield Flare("composed", y, x, np.nan, RISES[1], composed(reel.shape, y, x, 100 * float(np.nanmedian(noise))))


def spot(shape, y: float, x: float, peak: float, rise: int, onset: int = ONSET, wide: float = SPOT_PX) -> np.ndarray:
    """Light (T, H, W) of one that rises linearly, and fades exponentially."""
    since = np.arange(shape[0]) - onset
    course = np.where(since < 0, 0, np.minimum((since + 1) / rise, np.exp(-(since - rise + 1) / (FADES * rise))))
    rows, columns = np.mgrid[: shape[2], : shape[3]]
    return peak * course[:, None, None] * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * wide**2))


def composed(shape, y: int, x: int, peak: float) -> np.ndarray:
    """A core, a ribbon beside it, a loop that comes later, and the arms of the diffraction pattern at the peak."""
    light = spot(shape, y, x, 10 * peak, 4) + spot(shape, y + 6, x + 5, 5 * peak, 4, ONSET + 2)
    light += spot(shape, y - 5, x + 7, 2 * peak, 8, ONSET + 8, 2 * SPOT_PX)
    rows, columns = np.mgrid[: shape[2], : shape[3]]
    across = np.minimum(np.abs(rows - y - columns + x), np.abs(rows - y + columns - x))
    light[ONSET + 2 : ONSET + 8] += (
        0.3 * peak * np.exp(-across / 1.5) * (np.hypot(rows - y, columns - x) < shape[2] / 3)
    )
    return light


def plant(flare: Flare, watched: Path) -> None:
    """A copy of the reel, beside it, with more light."""
    folder = watched.with_name(flare.name)
    shutil.copytree(watched, folder)
    reel = Reel(watched)
    stored = np.load(folder / "frames.npy", allow_pickle=False)
    stretch = reel.stretches[0]
    stored[:, 0] = stretch.forward(stretch.inverse(stored[:, 0].astype(np.float64)) + flare.light)
    np.save(folder / "frames.npy", stored)
    finish(folder)


def found_by(method: str, train: Path, watched: Path, work: Path) -> dict[str, pd.DataFrame]:
    """Events of the scene by reel."""
    is_own = METHODS[method] != "config.yaml"
    settings = CLIP | {"model_path": str(work / method)} | ({} if is_own else {"model.name": method})
    sections = recipe_for(ROOT / METHODS[method], settings, is_net=False)
    with quiet(), without_pictures():
        run_mode("train", sections, work, "--data-clips", train)
        run_mode("eval", sections, work, "--data-clips", watched.parent)
    tables = {
        path.parent.name: pd.read_csv(path, keep_default_na=False) for path in work.glob(f"{method}/eval/*/events.csv")
    }
    return {name: table[table["instrument"] == ""] for name, table in tables.items()}


def row_of(flare: Flare, events: pd.DataFrame) -> dict[str, Any]:
    """What became of a flare."""
    shown = np.flatnonzero(flare.light.max(axis=(1, 2)) > 0.05 * flare.light.max())
    near = (events["x0"] < flare.x + NEAR_PX) & (events["x1"] > flare.x - NEAR_PX)
    near &= (events["y0"] < flare.y + NEAR_PX) & (events["y1"] > flare.y - NEAR_PX)
    near &= (events["frame_end"] >= ONSET) & (events["frame_start"] <= shown[-1])
    of_it = events[near]
    first = of_it.get("frame_detected", of_it["frame_start"])  # an event of the Sun begins before it is detected
    delay = max(0, int(first.min()) - ONSET) if len(of_it) else np.nan
    return {"flare": flare.name, "sigma": flare.sigma, "rise": flare.rise, "events": len(of_it), "delay": delay}


def figures_of(method: str, rows: pd.DataFrame, in_quiet: int) -> dict[str, float]:
    """The keys of one method."""
    single, whole = rows[rows["flare"] != "composed"], rows[rows["flare"] == "composed"]
    hits = single[single["events"] > 0]
    figures = {
        "recall": (single["events"] > 0).mean(),
        "recall_100_sigma": (single.loc[single["sigma"] == SIGMAS[-1], "events"] > 0).mean(),
        "events_composed": float(whole["events"].iloc[0]),
        "events_quiet": float(in_quiet),
    }
    if len(hits):
        figures |= {"delay_frames": hits["delay"].median(), "events_per_flare": hits["events"].mean()}
    return {f"{method}_{key}": float(value) for key, value in figures.items()}


def planted(options, work: Path) -> dict[str, float]:
    """Figures of planted flares by method."""
    figures: dict[str, float] = {}
    train, watched = halves(options, work)
    some = list(flares(watched, options.quick))
    for flare in some:
        plant(flare, watched)
    for method in options.methods or (["excess"] if options.quick else METHODS):
        events = found_by(method, train, watched, work)
        rows = pd.DataFrame([row_of(flare, events[flare.name]) for flare in some])
        print(f"{method}\n{rows.to_string(index=False)}", flush=True)
        found = figures_of(method, rows, len(events[watched.name]))
        print(told(found), flush=True)
        figures |= found
    return figures


def main() -> None:
    made = parser(__doc__, "two flares in a made-up region, by excess", "solar/")
    made.add_argument("--methods", nargs="+", choices=METHODS, help="these alone, of planted flares")
    made.add_argument("--only", choices=("planted", "days"), help="this part alone")
    options = parsed(made)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        if options.only != "days":
            figures |= planted(options, Path(folder))
        if options.data and options.only != "planted":
            of_days = days(options.data, Path(folder) / "days")
            print(told(of_days), flush=True)
            figures |= of_days
    write(figures, options.json)


if __name__ == "__main__":
    main()
