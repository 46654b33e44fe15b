"""Quiet frames of the Sun at several cadences, a part that trains and a part that is watched.

No entry point.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from parts.common import ROOT, quiet
from parts.recipes import recipe_for, run_mode
from parts.sun_days import FOLDER, RECIPE

from config import load
from data.disk.files import write_csv, write_meta
from data.reel.reel import Reel
from data.reel.views.excerpt import write_excerpt
from data.reel.windows import index_windows
from tests.support.no_pictures import without_pictures

CUT_OUTS, KSO = "solar/aia171_quiet_20230611/data/fits", "solar/kso_halpha_clouds_20190126/data"
KSO_SKY = {"pixel_arcsec": 5.025, "disc_centre_px": [196.0, 193.9]}  # circles fitted to the limb, of 974.3 arcsec then
CLEAR = (130, 217), (339, 421)  # frames without clouds, some away from any
CLIP = {"prep.clip_length": 8, "prep.stride": 1, "prep.resize": [168, 168], "workers": 0, "device": "cpu"}
# Between the flares of 2012-07-19, as its recipe leaves them out.
MOVIE_TRAIN, MOVIE_WATCH = (
    ("2012-07-19T12:14:00", "2012-07-19T18:17:00"),
    ("2012-07-19T19:08:00", "2012-07-19T21:29:00"),
)


class Scene(NamedTuple):
    """The folder of the reel that trains, the reel that is watched, and what is planted there.

    onset: the frame in which all begins. recipe: of `excess`, and of the others.
    """

    name: str
    train: Path
    watched: Path
    settings: dict[str, Any]
    onset: int
    rises: tuple[int, ...]
    wide_px: float
    recipe: Path = ROOT / "demo/sun.yaml"


def finish(folder: Path, settings: dict[str, Any]) -> None:
    """Windows, and a name of its own, for a reel that was copied."""
    meta = json.loads((folder / "reel.json").read_text(encoding="utf-8"))
    facts = {key: value for key, value in meta.items() if key not in ("files", "sha256")}  # of what was before
    write_meta(folder, facts | {"name": folder.name})
    windows = index_windows(Reel(folder), settings["prep.clip_length"], settings["prep.stride"])
    write_csv(folder / "windows.csv", windows)


def scenes(data: Path, work: Path) -> Iterator[Scene]:
    """Those whose data are there."""
    if (data / CUT_OUTS).is_dir():
        whole = prepared(data / CUT_OUTS, work / "aia171", CLIP, ROOT / "config.yaml")
        halves = (0, len(whole) // 2), (len(whole) // 2, len(whole))
        yield scene("aia171 24 s", work / "aia171_24", whole, halves, 1, 20, (1, 4, 15))
        yield scene("aia171 48 s", work / "aia171_48", whole, halves, 2, 12, (1, 4, 8))
    if (data / KSO).is_dir():
        settings = CLIP | {"prep.resize": [196, 196], "prep.sky": KSO_SKY}
        whole = prepared(data / KSO, work / "kso", settings, ROOT / "config.yaml")
        yield scene("kso 12 s", work / "kso_12", whole, CLEAR, 2, 16, (2, 8, 15))
    for line in ("193", "171"):
        if (data / FOLDER / f"aia_{line}.mp4").is_file():
            yield movie(data / FOLDER, line, work / f"movie_{line}")


def scene(name, work: Path, whole: Reel, parts, every: int, onset: int, rises) -> Scene:
    for part, (begin, end) in zip(("train", "watch"), parts, strict=True):
        thinned(whole, range(begin, end, every), work / part / "quiet", CLIP)
    return Scene(name, work / "train", work / "watch" / "quiet", CLIP, onset, rises, 3.0)


def movie(folder: Path, line: str, work: Path) -> Scene:
    """A movie of the whole disc, one frame in 15 minutes."""
    raw = work / "raw"
    raw.mkdir(parents=True)
    for name in (f"aia_{line}.mp4", f"aia_{line}_frame_times.csv"):
        shutil.copy(folder / name, raw / name)
    settings = {"prep.colormap": f"sdoaia{line}", "workers": 0, "device": "cpu"}
    whole = prepared(raw, work, settings, RECIPE)
    recipe = load(RECIPE)
    used = settings | {"prep.clip_length": recipe.prep.clip_length, "prep.stride": recipe.prep.stride}
    for part, span in (("train", MOVIE_TRAIN), ("watch", MOVIE_WATCH)):
        frames = np.flatnonzero(whole.inside((span,)))
        thinned(whole, range(frames[0], frames[-1] + 1), work / part / "quiet", used)
    return Scene(f"aia{line} 15 min", work / "train", work / "watch" / "quiet", used, 4, (1, 2), 1.2, RECIPE)


def prepared(raw: Path, work: Path, settings: dict[str, Any], recipe: Path) -> Reel:
    with quiet(), without_pictures():
        sections = recipe_for(recipe, settings, is_net=True)
        work.mkdir(parents=True, exist_ok=True)
        run_mode("prep", sections, work, "--data-raw", raw, "--data-clips", work / "whole")
    (whole,) = (Reel(path.parent) for path in (work / "whole").glob("*/reel.json"))
    return whole


def thinned(whole: Reel, frames: range, folder: Path, settings: dict[str, Any]) -> None:
    """Every so many frames of a reel, as one of a slower cadence."""
    write_excerpt(whole, [(n, n + 1) for n in frames], folder)
    meta = json.loads((folder / "reel.json").read_text(encoding="utf-8"))
    slower = {key: value for key, value in meta.items() if key not in ("files", "sha256")}
    write_meta(folder, slower | {"cadence_s": whole.cadence_s * frames.step})
    finish(folder, settings)
