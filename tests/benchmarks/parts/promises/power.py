"""Planted anomalies, found or not by default settings: the other side of a promise, which a silent detector keeps.

No entry point. Series of white noise, AR(1) noise and noise on a period get a spike, a block of 20 samples or a lasting
shift of so many sigma of the noise, and go through demo/series.yaml and demo/zero_shot.yaml; still textures with noise
get a bright spot of 3 or 8 pixels a side, one that crosses the picture for demo/video.yaml, which looks for motion, and
one that stands for five frames for `difference` and `robust_z` with all else as in config.yaml. Everything is trained
on a quiet part of the same make, on which the promise then rests. An anomaly is found where an event of the scene
overlaps it, of a lasting shift its first AFTER samples; NEAR samples or frames on either side count too.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from parts.common import ROOT
from parts.promises.frames import DEFAULTS, VIDEO, write_images
from parts.promises.made import drift
from parts.promises.series import RECIPE as SERIES
from parts.recipes import recipe_for, run_mode

from tests.support.no_pictures import without_pictures

ZERO_SHOT = "demo/zero_shot.yaml"
SIGMAS = (5.0, 10.0, 30.0)
CADENCES_S = (0.1, 1.0, 60.0, 3600.0)
BASES, SHAPES = ("white", "ar1", "periodic"), ("spike", "block", "shift")
QUIET_SAMPLES, WATCHED_SAMPLES, ONSET, BLOCK = 3000, 1000, 600, 20
AR1, PERIOD = 0.9, 48  # samples
SIDES_PX, SPOTS_PX = (64, 240), (3, 8)
QUIET_FRAMES, WATCHED_FRAMES, SHOWN, STANDS, CROSSES_PX = 160, 64, 30, 5, 3
NOISE_LEVELS = 4.0  # sigma, of 256 grey levels
AFTER, NEAR = 100, 3


@dataclass(frozen=True)
class Planted:
    """One make of data at one cadence through one recipe. base: the noise of a series, or a picture's side in px."""

    recipe: str
    method: str  # of the recipe where it is empty
    base: str
    cadence_s: float
    settings: dict[str, Any] = field(default_factory=dict)  # on top of the recipe
    shapes: tuple[str, ...] = SHAPES  # of anomalies of series

    @property
    def name(self) -> str:
        """Of its file of rows."""
        return f"{Path(self.recipe).stem}-{self.method or 'own'}-{self.base}-{self.cadence_s:g}"

    @property
    def is_series(self) -> bool:
        """Whether what it watches is a series."""
        return self.base in BASES


def planted_cases(is_quick: bool) -> list[Planted]:
    """All of them."""
    if is_quick:
        small = {"prep.resize": [32, 32], "prep.clip_length": 16}
        frames = Planted(DEFAULTS, "difference", "32", 60.0, small)
        return [Planted(ZERO_SHOT, "", "white", 60.0, shapes=SHAPES[1:2]), frames]
    found = [Planted(recipe, "", base, s) for recipe in (SERIES, ZERO_SHOT) for base in BASES for s in CADENCES_S]
    frames = [(VIDEO, "", CADENCES_S[:1])]  # what has a frame a minute is no video
    frames += [(DEFAULTS, method, CADENCES_S) for method in ("difference", "robust_z")]
    return found + [Planted(r, m, f"{side}", s) for r, m, steps in frames for side in SIDES_PX for s in steps]


def rows_of_case(case: Planted, folder: Path) -> list[dict[str, Any]]:
    """One row an anomaly: found (1) or not (0)."""
    from config import from_dict
    from data.reel.reel import find_reels
    from inference.evaluate import evaluate

    truth, sections = write_planted(case, folder / "raw"), settings_of(case, folder)
    with without_pictures():
        for part in ("watch",) if case.recipe == ZERO_SHOT else ("train", "watch"):
            run_mode("prep", sections, folder, "--data-raw", folder / "raw" / part, "--data-clips", folder / part)
        if case.recipe != ZERO_SHOT:
            run_mode("train", sections, folder, "--data-clips", folder / "train")
        evaluate(from_dict(sections, case.name))
    about = {"recipe": Path(case.recipe).stem, "method": case.method, "base": case.base, "cadence_s": case.cadence_s}
    names = [reel.name for reel in find_reels(folder / "watch")]
    return [about | truth[name] | _seen(folder / "run" / "eval" / name, truth[name]) for name in names]


def settings_of(case: Planted, folder: Path) -> dict[str, Any]:
    """The recipe as it is, but for the cadence, places and what is to be small, as sections."""
    settings = {"device": "cpu", "workers": 0, "model_path": str(folder / "run"), "data_clips": str(folder / "watch")}
    settings |= {"model.name": case.method} if case.method else {}
    step = {"prep.sample_interval_sec": case.cadence_s}
    settings |= step if case.is_series else {"prep.frames_per_second": 1 / case.cadence_s}
    is_net = not case.method and case.recipe != VIDEO
    return recipe_for(ROOT / case.recipe, settings | case.settings, is_net)


def _seen(results: Path, truth: dict[str, Any]) -> dict[str, Any]:
    """Whether an event of the scene overlaps the anomaly, and what the scores and the threshold were."""
    events = pd.read_csv(results / "events.csv", keep_default_na=False)
    events = events[events["instrument"] == ""]
    hits = (events["frame_end"] >= truth["first"] - NEAR) & (events["frame_start"] <= truth["last"] + NEAR)
    scores = pd.read_csv(results / "scores.csv")["max"].to_numpy()
    near = slice(max(truth["first"] - NEAR, 0), truth["last"] + NEAR + 1)
    threshold = json.loads((results / "summary.json").read_text(encoding="utf-8"))["threshold_low"]
    highest = np.nanmax(scores[near]), np.nanmax(np.delete(scores, np.arange(len(scores))[near]))
    told = {"threshold": threshold, "peak": highest[0], "peak_elsewhere": highest[1]}
    return {"found": int(hits.any()), "elsewhere": int((~hits).sum()), **told}


def write_planted(case: Planted, folder: Path) -> dict[str, dict[str, Any]]:
    """The quiet part and one reel an anomaly; returns of each reel what is planted, and its first and last frame."""
    return _write_series(case, folder) if case.is_series else _write_frames(case, folder)


def _write_series(case: Planted, folder: Path) -> dict[str, dict[str, Any]]:
    for part in ("train", "watch"):
        (folder / part).mkdir(parents=True)
    np.savez(folder / "train" / "train.npz", values=noise(case.base, QUIET_SAMPLES, 0)[:, None])
    truth = {}
    for number, (shape, sigma) in enumerate((shape, sigma) for shape in case.shapes for sigma in SIGMAS):
        length = {"spike": 1, "block": BLOCK, "shift": WATCHED_SAMPLES - ONSET}[shape]
        values, name = noise(case.base, WATCHED_SAMPLES, number + 1), f"{shape}_{sigma:g}"
        values[ONSET : ONSET + length] += sigma
        np.savez(folder / "watch" / f"{name}.npz", values=values[:, None])
        last = ONSET + min(length, AFTER) - 1
        truth[name] = {"what": shape, "sigma": sigma, "first": ONSET, "last": last}
    return truth


def noise(base: str, samples: int, seed: int) -> np.ndarray:
    """Noise (T,) of sigma 1, white, with memory, or white upon a period."""
    random = np.random.default_rng(seed)
    if base == "ar1":
        return drift(random, samples, AR1)
    phase = 2 * np.pi * (np.arange(samples) + random.integers(PERIOD)) / PERIOD
    return random.normal(size=samples) + (8 * np.sin(phase) if base == "periodic" else 0)


def _write_frames(case: Planted, folder: Path) -> dict[str, dict[str, Any]]:
    side, moves = int(case.base), case.recipe == VIDEO
    spots = [px for px in SPOTS_PX if px < side // 4]
    write_images(folder / "train" / "quiet", as_image(scene(side, QUIET_FRAMES, 0)))
    truth = {}
    for number, (px, sigma) in enumerate((px, sigma) for px in spots for sigma in SIGMAS):
        frames, name = scene(side, WATCHED_FRAMES, number + 1), f"spot{px}_{sigma:g}"
        places = list(_places(side, px, moves))
        for t, (x, y) in places:
            frames[t, y : y + px, x : x + px] += sigma * NOISE_LEVELS
        write_images(folder / "watch" / name, as_image(frames))
        truth[name] = {"what": f"spot {px} px", "sigma": sigma, "first": places[0][0], "last": places[-1][0]}
    return truth


def _places(side: int, px: int, moves: bool) -> Iterator[tuple[int, tuple[int, int]]]:
    """Frame and corner of a spot, which stands, or crosses the picture by CROSSES_PX a frame."""
    count = min((side - px) // CROSSES_PX, WATCHED_FRAMES - SHOWN) if moves else STANDS
    for i in range(count):
        yield SHOWN + i, (CROSSES_PX * i if moves else side // 2, side // 2)


def scene(side: int, count: int, seed: int) -> np.ndarray:
    """A still texture with noise: (count, side, side) float64 of grey levels, before they are rounded."""
    still = cv2.GaussianBlur(np.random.default_rng(123).normal(0, 60, (side, side)), (0, 0), 3) + 90
    return still + np.random.default_rng(seed).normal(0, NOISE_LEVELS, (count, side, side))


def as_image(frames: np.ndarray) -> np.ndarray:
    """Grey levels as a camera rounds them."""
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def figures_of(table: pd.DataFrame) -> dict[str, float]:
    """The keys of --json that are about power: shares of the planted anomalies that are found."""
    figures = {f"power_{sigma:g}_sigma": rows["found"].mean() for sigma, rows in table.groupby("sigma")}
    tens = table[table["sigma"] == 10]
    figures["power_by_cadence_min"] = tens.groupby("cadence_s")["found"].mean().min()
    figures |= {f"power_{recipe}": rows["found"].mean() for recipe, rows in tens.groupby("recipe")}
    return {key: float(value) for key, value in figures.items()}
