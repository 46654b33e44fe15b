"""What is found with the default thresholds: what a user gets, where an AUC says what could be had.

No entry point.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from inference.metrics.frame import runs
from inference.results.results import scene_events
from inference.units import HOUR_S


class Clip(NamedTuple):
    """One evaluated clip: its results, labels (T,) of 0 and 1, and seconds a frame."""

    results: Path
    labels: Sequence[int]
    cadence_s: float


def detection(clips: Sequence[Clip]) -> dict[str, float]:
    """Shares of anomalous and of other frames with a box, and events of the scene that meet labels or none.

    Boxes of the camera count as none. `found` is of the runs of anomalous frames; false events an hour are of the time
    of normal frames, which are all but the anomalous ones.
    """
    boxed, anomalous, rows, normal_s = [], [], [], 0.0
    for results, known, cadence_s in clips:
        truth, marked = np.array(known, bool), np.zeros(len(known), bool)
        boxes = pd.read_csv(results / "boxes.csv", keep_default_na=False)
        marked[boxes.loc[boxes["instrument"] == "", "frame"].to_numpy(int)] = True
        boxed.append(marked)
        anomalous.append(truth)
        normal_s += float(np.count_nonzero(~truth)) * cadence_s
        events = scene_events(pd.read_csv(results / "events.csv", keep_default_na=False))
        spans = list(zip(events["frame_start"], events["frame_end"], strict=True))
        segments = runs(truth)
        found = sum(any(first < stop and last >= begin for first, last in spans) for begin, stop in segments)
        false = sum(not truth[first : last + 1].any() for first, last in spans)
        rows.append((found, len(segments), false))
    marked, truth = np.concatenate(boxed), np.concatenate(anomalous)
    found, segments, false = np.sum(rows, axis=0).tolist()
    return {
        "boxed": _share(marked[truth]),
        "falsely_boxed": _share(marked[~truth]),
        "found": found / max(segments, 1),
        "false_events": float(false),
        "false_events_per_hour": false / max(normal_s, 1e-9) * HOUR_S,
    }


def _share(marked: np.ndarray) -> float:
    """Of frames (T,); NaN of none."""
    return float(marked.mean()) if marked.size else float("nan")
