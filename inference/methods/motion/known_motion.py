"""Motion between pairs of frames, measured once: the copies that judge parts of quiet data see the same frames."""

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

MOST_BYTES = 512 * 2**20  # that are kept: of some five minutes, 10 frames a second


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
            if motion.velocity.nbytes <= self.room:
                self.found[key], self.room = motion, self.room - motion.velocity.nbytes
        return motion
