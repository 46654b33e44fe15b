"""Motion between pairs of frames, measured once: the copies that judge parts of quiet data see the same frames."""

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

MOST_BYTES = 512 * 2**20  # that are kept: of some five minutes, 10 frames a second
RECENT_BYTES = 16 * 2**20  # the same, for the next block of a stretch: of more frames than speeds are pooled over


class Motion(NamedTuple):
    """From one frame to another: velocities (h, w, 2) px, and how much of its edges the picture keeps."""

    velocity: np.ndarray
    kept: float


class KnownMotion:
    """What was measured before, by the frames themselves: nothing depends on where they were read.

    Of more than `most_bytes` the first is kept, and the rest measured each time.
    """

    def __init__(self, most_bytes: int = MOST_BYTES):
        self.room, self.found = most_bytes, dict[bytes, Motion]()

    def of(self, before: np.ndarray, after: np.ndarray, measure: Callable[[np.ndarray, np.ndarray], Motion]) -> Motion:
        """The motion between two frames (h, w) uint8, measured if it is not known."""
        key = blake2b(before.tobytes() + after.tobytes() + str(before.shape).encode()).digest()
        if (motion := self.found.get(key)) is None:
            motion = measure(before, after)
            self._make_room(motion.velocity.nbytes)
            if motion.velocity.nbytes <= self.room:
                self.found[key], self.room = motion, self.room - motion.velocity.nbytes
        return motion

    def _make_room(self, needed: int) -> None:
        """What is known stays."""


class RecentMotion(KnownMotion):
    """The same of the last pairs: a block of a stretch has the last frames of the one before as its context."""

    def __init__(self, most_bytes: int = RECENT_BYTES):
        super().__init__(most_bytes)

    def _make_room(self, needed: int) -> None:
        """The oldest go."""
        while self.found and needed > self.room:
            self.room += self.found.pop(next(iter(self.found))).velocity.nbytes
