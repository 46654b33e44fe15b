"""How large objects are by the row they stand on: learnt from the blobs of quiet frames."""

import cv2
import numpy as np

LEAST_PX, BANDS, LEAST_BLOBS = 4.0, 8, 5
USUAL_SHARE = 0.1  # of the longer side, where nothing was seen
SMALLER_SHARE = 0.4  # quantile of the sizes of a band: the larger ones are several objects that touch


def blobs_of(objects: np.ndarray, touching_edges: bool = False) -> np.ndarray:
    """Row of the centre and size, the root of the area, px, of blobs (n, 2) in a mask (h, w): whole ones, or all."""
    height, width = objects.shape
    _, _, boxes, centres = cv2.connectedComponentsWithStats(objects.astype(np.uint8))
    x, y, w, h, area = boxes[1:].T
    whole = (x > 0) & (y > 0) & (x + w < width) & (y + h < height)
    taken = (whole | touching_edges) & (area >= LEAST_PX**2)
    return np.stack([centres[1:][taken, 1], np.sqrt(area[taken])], axis=1)


def size_by_row(blobs: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The usual size (h,) px of what stands on each row; blobs (n, 2) as `blobs_of` gives them.

    A line through the sizes of bands with LEAST_BLOBS or more, by the median of slopes between them (Theil 1950).
    """
    height, rows = shape[0], np.arange(shape[0])
    usual = max(LEAST_PX, USUAL_SHARE * max(shape))
    edges = np.linspace(0, height, BANDS + 1)
    band = np.searchsorted(edges[1:-1], blobs[:, 0], side="right")
    known = [k for k in range(BANDS) if np.count_nonzero(band == k) >= LEAST_BLOBS]
    if not known:
        return np.full(height, usual, np.float32)
    sizes = np.array([np.quantile(blobs[band == k, 1], SMALLER_SHARE) for k in known])
    places = np.array([np.median(blobs[band == k, 0]) for k in known])
    i, j = np.triu_indices(len(known), 1)
    slope = float(np.median((sizes[j] - sizes[i]) / (places[j] - places[i]))) if len(known) > 2 else 0.0
    line = np.median(sizes - slope * places) + slope * rows
    least, most = 0.7 * sizes.min(), 1.4 * sizes.max()
    return np.clip(line, max(LEAST_PX, least), most).astype(np.float32)
