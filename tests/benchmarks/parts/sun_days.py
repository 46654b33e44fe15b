"""The day of an M7.7 flare in two movies of AIA: the recipe as it is, against the catalogue."""

import json
import shutil
from pathlib import Path

import pandas as pd
from parts.common import ROOT, quiet
from parts.recipes import recipe_for, run_mode

from tests.support.no_pictures import without_pictures

FOLDER, CATALOG, RECIPE = "solar/2012-07-19", "flares_2012-07.csv", ROOT / "demo/aia_193_2012-07-19.yaml"
LINES = {"193": "", "171": "171_"}  # before the names of the figures


def days(data: Path, work: Path) -> dict[str, float]:
    """Figures of both movies; nothing without them."""
    figures: dict[str, float] = {}
    for line, prefix in LINES.items():
        if (data / FOLDER / f"aia_{line}.mp4").is_file():
            of_line = figures_of(evaluated(data / FOLDER, line, work / line))
            figures |= {prefix + name: value for name, value in of_line.items()}
    return figures


def evaluated(folder: Path, line: str, work: Path) -> Path:
    """The results of the movie of one line."""
    raw = work / "raw"
    raw.mkdir(parents=True)
    for name in (f"aia_{line}.mp4", f"aia_{line}_frame_times.csv"):
        shutil.copy(folder / name, raw / name)
    chosen = {"prep.colormap": f"sdoaia{line}", "model_path": str(work / "run"), "workers": 0, "device": "cpu"}
    # As of a net: the hours that train leaves out stay.
    sections = recipe_for(RECIPE, chosen | {"eval.catalog": str(folder / CATALOG)}, is_net=True)
    with quiet(), without_pictures():
        run_mode("prep", sections, work, "--data-raw", raw, "--data-clips", work / "reels")
        for mode in ("train", "eval"):
            run_mode(mode, sections, work, "--data-clips", work / "reels")
    (results,) = (path.parent for path in (work / "run" / "eval").glob("*/summary.json"))
    return results


def figures_of(results: Path) -> dict[str, float]:
    """What the catalogue says of the events: M and C flares with an event, and events of the scene without a flare."""
    summary = json.loads((results / "summary.json").read_text(encoding="utf-8"))
    matches = pd.read_csv(results / "matches.csv")
    found = matches[matches["status"] == "found"]
    letters = found["goes_class"].str[0]
    figures = {
        "m_found": (letters == "M").sum(),
        "c_found": (letters == "C").sum(),
        "unconfirmed_per_day": summary["catalog"]["events_unconfirmed_per_day"],
    }
    if len(strong := found[letters == "M"]):
        figures |= {"events_per_flare": strong["n_events"].mean(), "lead_min": strong["lead_start_s"].mean() / 60}
    return {name: float(value) for name, value in figures.items()}
