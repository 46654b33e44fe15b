"""Labels of frames by their numbers in a clip, or of pictures by their names, as data sets of video come with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from data.labels.by_frame.clips import clip_of, frame_numbers, source_in
from data.reel.reel import Reel


@dataclass(frozen=True)
class FrameLabels:
    """clips: name -> closed intervals of frames, or rows of a table, counted from 0; "" is every reel. lengths: of how
    many frames a clip is, where its file tells that: a reel of another number is another one."""

    clips: dict[str, tuple[tuple[int, int], ...]]
    lengths: dict[str, int] = field(default_factory=dict)

    def of(self, name: str, table: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame] | None:
        """The labels of the rows of a reel's frames.csv, 0, 1 or NaN, and the frames that they are from; None of a reel
        that is none of the clips.
        """
        clip = clip_of(self.clips, name, source_in(table))
        if clip is None:
            return None
        numbers = frame_numbers(table)
        if self.lengths.get(clip, _count(numbers)) != _count(numbers):
            return None
        labels, known = table["label"].astype(float), np.isfinite(numbers)
        inside = [(first <= numbers) & (numbers <= last) for first, last in self.clips[clip]]
        labels[known] = np.any([np.zeros(len(numbers), bool), *inside], axis=0)[known].astype(float)
        rows = [(clip, *interval) for interval in self.clips[clip]]
        return labels, pd.DataFrame(rows, columns=["clip", "first_frame", "last_frame"])

    def not_in(self, reels: Mapping[str, str]) -> list[str]:
        """The clips that none of the reels is; reels: their names, and where a frame of each is from."""
        found = {clip_of(self.clips, name, source) for name, source in reels.items()}
        return [clip for clip in self.clips if clip not in found]

    def unmatched(self, reels: Sequence[Path]) -> list[str]:
        """What to say of labels that are of no frame, and of clips of another number of frames."""
        told = []
        for path in reels:
            table = Reel(path).candidates
            if (clip := clip_of(self.clips, path.name, source_in(table))) is None:
                continue
            count = _count(frame_numbers(table))
            if self.lengths.get(clip, count) != count:
                told.append(f"{clip} has {self.lengths[clip]} labels, and {path.name} {count} frames: it has no labels")
            elif behind := [interval for interval in self.clips[clip] if interval[1] >= count]:
                first, last = behind[0]
                told.append(f"frames {first} to {last} of {clip} go beyond the {count} of {path.name}")
        return told


@dataclass(frozen=True)
class PictureLabels:
    """pictures: 0 or 1 of each by what its file is called, with its suffix or without, or the end of its path."""

    pictures: dict[str, int]

    def of(self, name: str, table: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame] | None:
        """The labels of the rows of a reel's frames.csv, 0, 1 or NaN, and the pictures that are anomalous; None of a
        reel of which no picture is told.
        """
        found = [self._label(source) for source in table["source"].astype(str)]
        if not np.isfinite(found).any():
            return None
        labels = pd.Series(found, table.index).fillna(table["label"].astype(float))
        return labels, pd.DataFrame({"picture": table["source"][labels == 1]})

    def _label(self, source: str) -> float:
        path = source.replace("::", "/")
        written = [name.split("/") for name in (path, str(PurePosixPath(path).with_suffix("")))]
        ends = ("/".join(parts[first:]) for first in range(len(written[0])) for parts in written)
        return next((float(self.pictures[end]) for end in ends if end in self.pictures), np.nan)

    def not_in(self, reels: Mapping[str, str]) -> list[str]:
        """No reel is named."""
        return []

    def unmatched(self, reels: Sequence[Path]) -> list[str]:
        """What to say where no reel holds any of the pictures, or several hold pictures of their names."""
        found = [self._label(source) for path in reels for source in Reel(path).candidates["source"].astype(str)]
        count = int(np.isfinite(found).sum())
        if not count:
            first = next(iter(self.pictures), "")
            return [f"it has labels of {len(self.pictures)} pictures, as {first}, and no reel has one"]
        told = f"{count} pictures are called as the {len(self.pictures)} that have labels: write their folders too"
        return [told] if count > len(self.pictures) else []


def _count(numbers: np.ndarray) -> int:
    return int(np.isfinite(numbers).sum())
