"""What a coded movie repeats for a while, and then codes anew at a stroke."""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from inference.methods.flux.blurred import RIM


def with_held_back(
    spreads: np.ndarray,
    apart_of: Sequence[np.ndarray | None],
    backgrounds: Sequence[tuple[int, int]],
    used: Sequence[bool],
) -> np.ndarray:
    """Spreads (K, C, H, W) of what a coded movie had repeated and codes anew: that is the sum of what was held back
    meanwhile, so at least those of a background that lies as far back."""
    if all(apart is None for apart in apart_of):
        return spreads
    shape = -1, len(apart_of), *spreads.shape[1:]
    wider = spreads.reshape(shape).copy()
    for b, apart in enumerate(apart_of):
        if apart is not None:
            near = np.stack([cv2.dilate(c.astype(np.float32), RIM) for c in apart])
            for nearer, farther in pairwise(range(b, len(apart_of))):
                beyond = (near > backgrounds[nearer][1]) & used[farther]
                wider[:, b] = np.where(beyond, np.fmax(wider[:, b], wider[:, farther]), wider[:, b])
    return wider.reshape(spreads.shape)
