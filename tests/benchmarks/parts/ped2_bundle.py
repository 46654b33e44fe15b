"""`expected` on UCSD Ped2 as a bundle, beside its checkpoint: what export.py tells of labelled video.

No entry point. Trained on the training clips alone; the labels only measure, and nothing is chosen by them.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
from parts.clips import RECIPE, RECOMMENDED, prepare, settings_of
from parts.common import quiet
from parts.frame_metrics import frame_metrics

from config import Config, ExportConfig, from_dict
from data.reel.reel import Reel, find_reels
from inference.export.export import export
from inference.export.exported import Exported
from inference.export.parity import NoParity, found_by, rows_of
from inference.fit import fit
from inference.job import Job
from inference.methods.motion import looks
from inference.runner.run import Runner

QUICK_STEPS = 4  # of the training of its net


class Judged(NamedTuple):
    """What is found in all clips: the largest score of every frame (T,) of each, and the rows of its events."""

    peaks: list[np.ndarray]
    events: list[list]


def ped2_figures(data: Path, work: Path, is_quick: bool) -> dict[str, float]:
    """What --json tells of it. data: of the form that ped2.py takes."""
    for name in ("train", "test"):
        prepare(data / name, work, name, is_quick)
    places = {"data_clips": str(work / "train"), "model_path": str(work / "run"), "workers": 0}
    config = from_dict(settings_of(RECOMMENDED, is_quick) | places, str(RECIPE))
    with quiet(), patch.object(looks, "STEPS", QUICK_STEPS if is_quick else looks.STEPS):
        fit(config)
    reels, whole = find_reels(work / "test"), Exported(work / "run", config)
    known = json.loads((data / "test_frame_labels.json").read_text(encoding="utf-8"))
    labels = [np.array(known[reel.name], float) for reel in reels]
    theirs = judged(reels, lambda reel: whole.job(reel, whole.scorer))
    figures = {"ped2_raw_auc": raw_auc(theirs, labels), "ped2_events": sum(map(len, theirs.events))}
    for precision in ("fp32", "int8"):
        if runner := bundled(config, precision, work / precision):
            ours = judged(reels, lambda reel, by=runner: by.job(reel, by.bundle.settings))
            low = whole.job(reels[0], whole.scorer).low
            figures |= beside(f"ped2_{precision}", theirs, ours, labels, low)
    return figures


def bundled(config: Config, precision: str, to: Path) -> Runner | None:
    """The bundle of the run, or none, with the reason printed, where it may not be written."""
    asked = ExportConfig(precision=precision, to=str(to), auc_lost=1.0)  # what is lost is measured here
    try:
        with quiet():
            return Runner(export(replace(config, export=asked)), threads=1)
    except NoParity as reason:
        print(f"expected in {precision}: {reason}", flush=True)
        return None


def judged(reels: list[Reel], job: Callable[[Reel], Job]) -> Judged:
    """What a checkpoint or a bundle finds in all clips."""
    peaks, events = [], []
    for reel in reels:
        found = found_by(job(reel))
        of_frames = np.full(len(reel), np.nan)
        of_frames[list(found.scores)] = [float(score.max()) for score in found.scores.values()]
        peaks.append(of_frames)
        events.append(rows_of(found.events))
    return Judged(peaks, events)


def beside(name: str, theirs: Judged, ours: Judged, labels: list[np.ndarray], low: float) -> dict[str, float]:
    """The figures of a bundle beside the checkpoint, whose low threshold is `low`."""
    apart = [np.nanmax(np.abs(a - b)) for a, b in zip(theirs.peaks, ours.peaks, strict=True)]
    return {
        f"{name}_auc_lost": raw_auc(theirs, labels) - raw_auc(ours, labels),
        f"{name}_events": sum(map(len, ours.events)),
        f"{name}_clips_alike": sum(a == b for a, b in zip(theirs.events, ours.events, strict=True)),
        f"{name}_difference": float(max(apart)) / low,
    }


def raw_auc(found: Judged, labels: list[np.ndarray]) -> float:
    """One ROC over the frames of all clips, no score rescaled; NaN where all labels are of one class."""
    auc = frame_metrics(found.peaks, labels).raw_auc
    return float("nan") if auc is None else auc
