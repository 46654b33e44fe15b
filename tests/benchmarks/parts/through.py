"""Data through the program by a recipe as it is, and what it tells of them.

No entry point.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from parts.common import quiet
from parts.recipes import recipe_for, run_mode

from tests.support.no_pictures import without_pictures
from tests.support.paths import ROOT


def through(
    recipe: str, folder: Path, is_net: bool = True, is_reviewed: bool = True, **settings: Any
) -> dict[str, dict[str, Any]]:
    """What is in folder/train and folder/watch through the program: the results of each watched reel, by name.

    prep, review, train and eval, as the README has them; is_reviewed: whether what trains is reviewed.
    """
    known = {"device": "cpu", "workers": 0, "model_path": str(folder / "run")}
    sections = recipe_for(ROOT / "demo" / recipe, known | settings, is_net)
    has_quiet = (folder / "train").is_dir()
    with quiet(), without_pictures():
        for part in ("train", "watch") if has_quiet else ("watch",):
            reels = folder / "reels" / part
            run_mode("prep", sections, folder, "--data-raw", folder / part, "--data-clips", reels)
        if has_quiet and is_reviewed:
            run_mode("review", sections, folder, "--data-clips", folder / "reels" / "train")
        if has_quiet:
            run_mode("train", sections, folder, "--data-clips", folder / "reels" / "train")
        run_mode("eval", sections, folder, "--data-clips", folder / "reels" / "watch")
    return {path.parent.name: results_in(path.parent) for path in sorted(folder.glob("run/eval/*/summary.json"))}


def results_in(path: Path) -> dict[str, Any]:
    """The summary of a reel with its events of the scene and of the camera, and its scores."""
    events = pd.read_csv(path / "events.csv", keep_default_na=False)
    is_camera = events["instrument"] != ""
    tables = {"scene": events[~is_camera], "camera": events[is_camera], "scores": pd.read_csv(path / "scores.csv")}
    return json.loads((path / "summary.json").read_text(encoding="utf-8")) | tables


def touching(events: pd.DataFrame, first: int, last: int, near: int = 5) -> np.ndarray:
    """Which events lie in frames [first, last], or up to `near` beside them."""
    return ((events["frame_end"] >= first - near) & (events["frame_start"] <= last + near)).to_numpy()


def promised(result: dict[str, Any], cadence_s: float) -> float:
    """Events that the low threshold promises in a reel."""
    return result["promises_per_day"]["low"]["used"] * result["frames_scored"] * cadence_s / 86400
