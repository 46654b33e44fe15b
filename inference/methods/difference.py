"""Running difference: a frame is expected to look like the one before."""

import numpy as np

from inference.methods.base import Method


class RunningDifference(Method):
    """Difference to the previous frame; of a stretch's first frame to the next one."""

    before = 1
    in_parts = in_scatters = True

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, None]:
        # Where the frame before has no value, nothing can be told: the pixel is expected to be as it is.
        return np.where(valid[:-1, None], frames[:-1], frames[1:]), None
