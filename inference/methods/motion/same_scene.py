"""Whether two frames show the same scene: beyond a cut, or a turn too fast to follow, nothing is known of motion."""

from collections.abc import Iterable

import numpy as np

from inference.camera.parts import kept_edges

PAIRS = 64  # quiet ones, about, that it is learnt from
LOST = 1 / 3  # of the edges that quiet pairs keep: where fewer are left it is another picture
LEAST_KEPT = 0.3  # where quiet pairs keep fewer, as in noise, there is nothing to lose
NEVER = -1.0  # a correlation is no less


def least_kept(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """How many of the edges a pair keeps at least that shows one scene, from quiet pairs, grey (h, w) uint8 each, the
    camera's motion taken off. Half of them may be cuts and turns themselves."""
    kept = [kept_edges(after, before) for before, after in pairs]
    usual = float(np.median(kept)) if kept else 0.0
    return LOST * usual if usual >= LEAST_KEPT else NEVER
