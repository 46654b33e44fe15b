"""The segmentation in time of `models.parts.pseudo_labels`, for what scores without PyTorch.

Training has it there, because it cuts windows by it; a test holds both together.
"""

import numpy as np


def segmented(dense: np.ndarray, is_positive: np.ndarray, segments: int, level: float) -> np.ndarray:
    """Which time steps of logits (B, T) are anomalous: the cheapest alignment with each window's own pseudo-labels,
    (B, T) bool; none of a window that is not positive (B,). Raises ValueError for windows with fewer steps than labels.
    """
    lengths = labels_of(dense, is_positive, segments, level)
    if lengths.max(initial=1) > dense.shape[1]:
        raise ValueError(
            f"windows of {dense.shape[1]} frames can't hold the {lengths.max()} labels that train.weak.segments "
            f"{segments} asks for; train with fewer segments, or a longer prep.clip_length"
        )
    sign = 1 - 2 * (np.arange(lengths.max(initial=1)) % 2)[:, None].astype(dense.dtype)  # labels alternate, from 0 on
    return best_alignment(np.logaddexp(0, sign * dense[:, None]), lengths) % 2 == 1


def labels_of(dense: np.ndarray, is_positive: np.ndarray, segments: int, level: float) -> np.ndarray:
    """How many labels 0, 1, 0, ... each window's own scores (B, T) suggest, (B,): see `pseudo_labels`."""
    low, high = dense.min(1, keepdims=True), dense.max(1, keepdims=True)
    scaled = (dense - low) / np.maximum(high - low, np.float32(1e-6))
    highest = np.zeros((segments, len(dense)), dense.dtype)
    np.maximum.at(highest, np.arange(dense.shape[1]) * segments // dense.shape[1], scaled.T)
    is_odd = (level <= highest.T) & is_positive[:, None]
    begins = is_odd & ~np.pad(is_odd, ((0, 0), (1, 0)))[:, :-1]
    return 2 * begins.sum(1) + 1


def best_alignment(cost: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The label of every time step along the cheapest alignment that only stays or advances: (B, S, T) -> (B, T).

    Of alignments that cost the same it takes the one that advances first.
    """
    B, S, T = cost.shape
    total, advanced = np.full((B, S), np.inf, cost.dtype), np.zeros((T, B, S), bool)
    total[:, 0] = cost[:, 0, 0]
    for t in range(1, T):
        before = np.pad(total[:, :-1], ((0, 0), (1, 0)), constant_values=np.inf)
        advanced[t] = before < total
        total = cost[:, :, t] + np.minimum(before, total)
    place, rows, path = lengths - 1, np.arange(B), np.empty((T, B), int)
    for t in range(T - 1, -1, -1):
        path[t] = place
        place = place - advanced[t, rows, place]
    return path.T
