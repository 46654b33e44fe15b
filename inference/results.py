"""What eval leaves on disk for one reel: tables first, then what is drawn from them."""

import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

import numpy as np
import pandas as pd

from config import EvalConfig
from data.files import write_csv, write_json
from data.reel import Reel
from inference.boxes import Box
from inference.events import EventLinker, events_table, write_events
from inference.metrics import average_precision, event_metrics, frame_auc
from inference.timeline import timeline

BOX_COLUMNS = ("frame", "time_utc", "x0", "y0", "x1", "y1", "x", "y", "peak", "mean", "area", "level")


class Results:
    """Collects per-frame scores and boxes, links events as frames arrive, and writes the tables at the end."""

    def __init__(self, reel: Reel, settings: EvalConfig):
        self.reel = reel
        self.statistics = np.full((len(reel), 3), np.nan)  # mean, max, std of the score map
        self.n_boxes = np.zeros(len(reel), np.int64)
        self.boxes: list[tuple[int, Box]] = []
        self.events: list = []
        longest_s = (settings.link_gap_frames + 1) * reel.meta["gap_threshold"] * reel.cadence_s
        self.linker = EventLinker(
            settings.link_gap_frames, settings.link_distance_px, settings.min_frames, max_gap_s=longest_s
        )

    def add(self, index: int, score: np.ndarray, boxes: list[Box]) -> None:
        """Add one frame, in time order; a gap in time closes the open events."""
        self.statistics[index] = score.mean(), score.max(), score.std()
        self.n_boxes[index] = len(boxes)
        self.boxes += [(index, box) for box in boxes]
        self.events += self.linker.push(index, boxes, self.reel.times_s[index])

    def write(self, out: Path, low: float, high: float, identity: dict, seconds: float) -> None:
        """Write every table and picture; summary.json comes last and says that the others are complete."""
        self.events += self.linker.finish()
        scores, boxes = self.score_table(), self.box_table()
        events = events_table(self.events, self.reel.times_s, self.reel.times_utc)
        write_csv(out / "scores.csv", scores)
        write_csv(out / "boxes.csv", boxes)
        facts = {"reel": self.reel.name, "threshold_low": low, "threshold_high": high, "identity": identity}
        write_events(out, events, facts)
        self.draw_timeline(out, events, low, high)
        write_json(out / "summary.json", facts | self.counts(events) | self.metrics(events) | self.cost(seconds))
        self.tell(out, events, low, high)

    def draw_timeline(self, out: Path, events: pd.DataFrame, low: float, high: float) -> None:
        """timeline.png: the largest score of every frame, with thresholds, events, gaps and labels."""
        times = self.reel.times_s if self.reel.times_utc is None else self.reel.times_utc
        peaks, threshold = self.statistics[:, 1], self.reel.meta["gap_threshold"]
        timeline(
            out / "timeline.png", peaks, low, high, events, times, self.reel.labels, threshold, title=self.reel.name
        )

    def score_table(self) -> pd.DataFrame:
        """scores.csv: one row a frame; empty scores where no window covers the frame."""
        table = pd.DataFrame({"frame": np.arange(len(self.reel)), "time_s": self.reel.times_s})
        table.insert(1, "time_utc", "" if self.reel.times_utc is None else self.reel.times_utc.astype(str))
        table[["mean", "max", "std"]] = self.statistics
        table["boxes"] = self.n_boxes
        if self.reel.labels is not None:
            table["label"] = self.reel.labels
        return table

    def box_table(self) -> pd.DataFrame:
        """boxes.csv: one row a box, half-open bounds in reel pixels."""
        utc = self.reel.times_utc
        rows = [
            (i, "" if utc is None else str(utc[i]), b.x0, b.y0, b.x1, b.y1, b.x, b.y, b.peak, b.mean, b.area, b.level)
            for i, b in self.boxes
        ]
        return pd.DataFrame(rows, columns=BOX_COLUMNS)

    def counts(self, events: pd.DataFrame) -> dict:
        scored = np.isfinite(self.statistics[:, 1])
        return {
            "frames": len(self.reel),
            "frames_scored": int(scored.sum()),
            "frames_not_scored": int((~scored).sum()),
            "frames_with_boxes": int((self.n_boxes > 0).sum()),
            "boxes": len(self.boxes),
            "events": len(events),
            "events_high": int((events["level"] == "high").sum()),
        }

    def metrics(self, events: pd.DataFrame) -> dict:
        """Metrics against the reel's labels, raw: frame scores are the maxima of the score maps."""
        labels = self.reel.labels
        if labels is None:
            return {}
        peaks = self.statistics[:, 1]
        found = {"frame_auc": frame_auc(peaks, labels), "average_precision": average_precision(peaks, labels)}
        truth = labelled_intervals(labels, self.reel.times_s)
        intervals = events[["time_start_s", "time_end_s"]].to_numpy()
        matched = event_metrics(intervals, truth, tolerance_s=self.reel.cadence_s)
        return {"metrics": found | {f"event_{k}": v for k, v in asdict(matched).items()}}

    def cost(self, seconds: float) -> dict:
        packages = ("torch", "numpy", "opencv-python-headless", "av")
        versions = {"python": platform.python_version()} | {p: version(p) for p in packages}
        return {"seconds": round(seconds, 3), "frames_per_s": round(len(self.reel) / seconds, 1), "versions": versions}

    def tell(self, out: Path, events: pd.DataFrame, low: float, high: float) -> None:
        """Print what a user wants to know first."""
        counts = self.counts(events)
        found = f"{counts['events']} events ({counts['events_high']} high)"
        print(f"{self.reel.name}: {found}, thresholds {low:.3g} / {high:.3g}, results in {out}")
        if counts["frames_not_scored"]:
            print(f"  {counts['frames_not_scored']} frames lie in stretches shorter than a window and have no score")
        strongest = events.sort_values("peak_score", ascending=False).head(10)
        for e in strongest.itertuples():
            when = f"{e.t_start} .. {e.t_end}" if e.t_start else f"frames {e.frame_start} .. {e.frame_end}"
            print(f"  event {e.event}: {when}, peak {e.peak_score:.3g} at x {e.x:.1f}, y {e.y:.1f} px, {e.level}")


def labelled_intervals(labels: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """[start_s, end_s] of every run of frames labelled 1: (N, 2). labels: (T,)."""
    edges = np.diff(np.concatenate([[0], (labels == 1).astype(int), [0]]))
    first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    return np.column_stack([times_s[first], times_s[last]])


class ScoreMaps:
    """scores.f16: the score map of every frame as raw float16 (T, H, W), NaN for frames without a score.

    Written and read by plain file calls: a memory map would count as this process's memory and grow with T.
    """

    NAME = "scores.f16"

    def __init__(self, out: Path, reel: Reel):
        self.path, self.reel, self.next = out / self.NAME, reel, 0
        self.part = self.path.with_name(f".{self.NAME}.part")

    def __enter__(self) -> "ScoreMaps":
        self._stream = self.part.open("wb")
        return self

    def add(self, index: int, score: np.ndarray) -> None:
        self._pad(index)
        self._stream.write(np.minimum(score, np.finfo(np.float16).max).astype(np.float16).tobytes())
        self.next = index + 1

    def _pad(self, index: int) -> None:
        empty = np.full(self.reel.shape[2:], np.nan, np.float16).tobytes()
        for _ in range(self.next, index):
            self._stream.write(empty)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pad(len(self.reel))
        self._stream.close()
        if kind is None:
            os.replace(self.part, self.path)
        else:
            self.part.unlink()

    @classmethod
    def read(cls, out: Path, reel: Reel, index: int) -> np.ndarray:
        """The score map (H, W) float32 of one frame."""
        height, width = reel.shape[2:]
        size = height * width
        flat = np.fromfile(out / cls.NAME, np.float16, count=size, offset=2 * size * index)
        return flat.reshape(height, width).astype(np.float32)


def read_boxes(path: Path) -> dict[int, list[Box]]:
    """Boxes by frame from boxes.csv."""
    boxes: dict[int, list[Box]] = {}
    for row in pd.read_csv(path).itertuples():
        box = Box(row.x0, row.y0, row.x1, row.y1, row.x, row.y, row.peak, row.mean, row.area, row.level)
        boxes.setdefault(row.frame, []).append(box)
    return boxes
