"""Where a frame goes: what the plan makes of a candidate, which itself stays as its header told it."""

from dataclasses import dataclass
from typing import Any

from data.sky.wcs import FrameWcs
from data.sources.base import Candidate


@dataclass(frozen=True)
class Placed:
    """A candidate with its reel and channel, its place on the sky, and what is known of it only beside others."""

    candidate: Candidate
    reel: str
    channel: str  # one of three where the candidate is in colour
    reason: str  # why it is rejected; "" where it is not
    flags: str  # what is odd about a frame that is used all the same
    wcs: FrameWcs | None  # of its pixels as stored, once cropped, by the header or by a table that knows better
    degradation: float = 1.0  # sensitivity left of that at launch
    target: FrameWcs | None = None  # where registration brings it, on a grid of its cropped shape; None: nowhere
    to_source: tuple[float, ...] = ()  # affine (2, 3) row by row: pixels (x, y) of the target -> of the cropped frame

    @classmethod
    def of(cls, candidate: Candidate) -> "Placed":
        """As the header alone would have it."""
        return cls(candidate, candidate.reel, candidate.channel, candidate.reason, candidate.flags, candidate.wcs)

    @property
    def sky(self) -> FrameWcs | None:
        """The WCS of its pixels once registered, before they are shrunk to the reel's grid."""
        return self.target or self.wcs

    def facts(self) -> dict[str, Any]:
        """All that decides the frame, without where its input folder lies."""
        # Those aside its kind and its packets decide, or what is seen from the part of the grid that it fills; what is
        # said aside is in the reel's name where it counts.
        aside = {"candidate", "home", "is_counts", "clock_s", "pixel_aspect", "aside", "stage"}
        facts = vars(self.candidate) | vars(self) | {"path": ""}
        return {name: value for name, value in facts.items() if name not in aside}


Row = tuple[Placed, ...]  # one frame of a reel by its channels
