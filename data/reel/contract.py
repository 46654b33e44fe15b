"""What a reel is to those who read it: the one on disk and the one that is still being filmed alike."""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from data.reel.stretch import Stretch


@runtime_checkable
class AnyReel(Protocol):
    """Frames in order, and their form. Only a stored reel knows how many there are: a live one's T is 0."""

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> Path: ...

    @property
    def meta(self) -> dict[str, Any]:
        """At least `gap_threshold`, `source_shape` and `identity`."""
        ...

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, C, H, W)"""
        ...

    @property
    def is_series(self) -> bool: ...

    @property
    def channels(self) -> list[str]: ...

    @property
    def cadence_s(self) -> float: ...

    @property
    def stretches(self) -> list[Stretch]:
        """The intensity scaling of each channel."""
        ...

    @property
    def to_source(self) -> np.ndarray | None:
        """Maps (T, 2, 3), or (1, 2, 3), to pixels of the source frames (`data/reel/source_pixels.py`)."""
        ...

    def begin_of(self, frame: int) -> int:
        """The first frame, of those that can be read, of the stretch without a gap that a frame lies in."""
        ...

    def so_far(self) -> "AnyReel":
        """The frames that are there, as a reel that knows how many and where they look; itself, where none is kept."""
        ...

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Stretched frames (n, C, H, W) and mask bits (n, H, W) of [start, stop)."""
        ...


class Watched(Protocol):
    """What the facts of an event are told by: when its frames were, and what was masked in them."""

    @property
    def times_s(self) -> np.ndarray: ...

    @property
    def times_utc(self) -> np.ndarray | None: ...

    @property
    def clock_s(self) -> np.ndarray | None:
        """Seconds on the own clock of a video (T,); None of what is none, or was prepared before they were kept."""
        ...

    @property
    def is_series(self) -> bool: ...

    @property
    def shape(self) -> tuple[int, int, int, int]: ...

    @property
    def channels(self) -> list[str]: ...

    @property
    def meta(self) -> dict[str, Any]: ...

    @property
    def to_source(self) -> np.ndarray | None: ...

    def read_masks(self, start: int, stop: int) -> np.ndarray:
        """Mask bits (n, H, W) uint8 of [start, stop)."""
        ...


def items_of(reel: AnyReel) -> str:
    """What the frames of a reel are called before people: a table has none."""
    return "samples" if reel.is_series else "frames"
