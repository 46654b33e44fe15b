"""Gaussian means of frames of which not all is known."""

import cv2
import numpy as np

from inference.methods.flux.spreads import TINY

RIM = np.ones((5, 5), np.uint8)  # what is so near to unknown pixels is not judged: the edge of a cut-out moves over it


def blurred(excess: np.ndarray, blur_px: float) -> np.ndarray:
    """The mean (C, H, W) of known pixels around each, weighted by a Gaussian; NaN where not all are known."""
    if not blur_px:
        return excess
    known = np.isfinite(excess)
    if known.all():
        return np.stack([_gaussian(c, blur_px) for c in excess])
    inner = np.stack([cv2.erode(c.astype(np.uint8), RIM) for c in known]) > 0
    sums, weights = (
        np.stack([_gaussian(c, blur_px) for c in some])
        for some in (np.where(known, excess, np.float32(0)), known.astype(np.float32))
    )
    return np.where(inner, sums / np.maximum(weights, np.float32(TINY)), np.float32(np.nan))


def _gaussian(field: np.ndarray, blur_px: float) -> np.ndarray:
    return cv2.GaussianBlur(field, (0, 0), blur_px, borderType=cv2.BORDER_REFLECT)
