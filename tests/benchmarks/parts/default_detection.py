"""What is found with the default thresholds: what a user gets, where an AUC says what could be had.

No entry point.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from inference.metrics.frame import runs
from inference.results.results import scene_events


def detection(results: Path, labels: dict[str, list[int]], cadence_s: float) -> dict[str, float]:
    """Shares of anomalous and of other frames with a box, and events of the scene that meet labels or none.

    labels: clip -> (T,) 0 and 1. cadence_s: from frame to frame, by which hours of other frames are counted.
    Boxes of the camera count as none. `found` is of the runs of anomalous frames.
    """
    boxed, anomalous, rows = [], [], []
    for name, known in sorted(labels.items()):
        truth, marked = np.array(known, bool), np.zeros(len(known), bool)
        boxes = pd.read_csv(results / name / "boxes.csv", keep_default_na=False)
        marked[boxes.loc[boxes["instrument"] == "", "frame"].to_numpy(int)] = True
        boxed.append(marked)
        anomalous.append(truth)
        events = scene_events(pd.read_csv(results / name / "events.csv", keep_default_na=False))
        spans = list(zip(events["frame_start"], events["frame_end"], strict=True))
        segments = runs(truth)
        found = sum(any(first < stop and last >= begin for first, last in spans) for begin, stop in segments)
        false = sum(not truth[first : last + 1].any() for first, last in spans)
        rows.append((found, len(segments), false))
    marked, truth = np.concatenate(boxed), np.concatenate(anomalous)
    found, segments, false = np.sum(rows, axis=0).tolist()
    return {
        "boxed": float(marked[truth].mean()),
        "falsely_boxed": float(marked[~truth].mean()),
        "found": found / max(segments, 1),
        "false_events": float(false),
        "recall_default": float(marked[truth].mean()),
        "false_events_per_hour": float(false / max((~truth).sum() * cadence_s / 3600, 1e-9)),
    }
