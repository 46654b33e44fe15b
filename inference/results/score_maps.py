"""Score maps and boxes of results, kept so that the movie can be drawn again without the model."""

import os
from pathlib import Path
from types import TracebackType

import numpy as np

from config import EvalConfig
from data.disk.damage import numbers, read_table, told
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from inference.events.boxes import Box
from inference.scorers.nets.residual import ScoredFrame

BOX_COLUMNS = ("frame", "time_utc", *("x0", "y0", "x1", "y1", "x", "y", "peak", "mean", "area", "level"))
BOX_COLUMNS += ("instrument", "change")
BOX_TEXTS = ("time_utc", "level", "instrument", "change")


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
        self.add_frames(index, score[None])

    def add_frames(self, first: int, scores: np.ndarray) -> None:
        """Score maps (n, H, W) of consecutive frames."""
        self._pad(first)
        self._stream.write(np.minimum(scores, np.finfo(np.float16).max).astype(np.float16).tobytes())
        self.next = first + len(scores)

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

    @staticmethod
    def size_of(reel: Reel) -> int:
        """Bytes of the complete file."""
        return 2 * len(reel) * reel.shape[2] * reel.shape[3]

    @classmethod
    def are_kept(cls, reel: Reel, settings: EvalConfig) -> bool:
        """Whether they stay beside complete results."""
        return settings.score_maps_mb is None or cls.size_of(reel) <= 1e6 * settings.score_maps_mb

    @classmethod
    def read(cls, out: Path, reel: Reel, index: int) -> np.ndarray:
        """The score map (H, W) float32 of one frame."""
        height, width = reel.shape[2:]
        size = height * width
        flat = np.fromfile(out / cls.NAME, np.float16, count=size, offset=2 * size * index)
        return flat.reshape(height, width).astype(np.float32)


def saved_frame(out: Path, reel: Reel, index: int) -> ScoredFrame:
    """A frame again from scores.f16: its residual is the score map, and reconstructions are not kept."""
    score = ScoreMaps.read(out, reel, index)
    frame, bits = reel.read(index, index + 1)
    return ScoredFrame(index, frame[0].astype(np.float32), None, score, (bits[0] & INVALID) == 0, np.nan)


def read_boxes(path: Path) -> dict[int, list[Box]]:
    """Boxes by frame from boxes.csv. Raises Damaged."""
    boxes: dict[int, list[Box]] = {}
    again = "run eval again, without --movie_only"
    with told(path, again):
        table = read_table(path, again, BOX_COLUMNS, keep_default_na=False)
        for name in BOX_COLUMNS:
            if name not in BOX_TEXTS:
                numbers(table, name, -1e12, 1e12)
        for row in table.to_dict("records"):
            box = Box(*(row[name] for name in BOX_COLUMNS[2:]))
            boxes.setdefault(row["frame"], []).append(box)
    return boxes
