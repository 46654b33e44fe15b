"""What small pictures show in TILES x TILES parts, and what two of them share: edges, detail and light.

A quarter of the parts, or three, say what holds for the picture: what goes on in the others is the scene's.
"""

from functools import lru_cache

import cv2
import numpy as np

TILES = 4
SOBEL = 8  # by which its gradients are larger than the step from a pixel to the next
CLIPPED, MOST_CLIPPED = 2, 0.1  # grey levels from the ends of the scale, and share of a part that may be as near
LEAST_CONTRAST = 4.0  # grey levels between two parts that tell of a gain
COARSE = 12, 16  # cells (h, w) of what is left of a picture that is out of focus


def kept_edges(now: np.ndarray, before: np.ndarray) -> float:
    """Upper quartile over TILES x TILES parts of the correlation of the gradients of two pictures (h, w) uint8.

    What goes on in three quarters of a picture leaves it alone, and a change of light does too.
    """
    (x, y), (x_before, y_before) = gradients(now), gradients(before)
    n = 2 * of_parts(np.ones_like(x))
    total, total_before = of_parts(x + y), of_parts(x_before + y_before)
    # Gradients are whole numbers, and so are all of these sums, exactly: a part without edges has a size of 0.
    square, square_before = (n * of_parts(p * p + q * q) for p, q in ((x, y), (x_before, y_before)))
    both = n * of_parts(x * x_before + y * y_before) - total * total_before
    size = np.sqrt((square - total**2) * (square_before - total_before**2))
    return upper_quartile(np.divide(both, size, out=np.zeros_like(both), where=size > 0))


def detail_of(picture: np.ndarray) -> tuple[float, float]:
    """`Alone.detail` and `Alone.sharp` of a picture (h, w) uint8; contrast below a grey level counts as one."""
    x, y = gradients(picture)
    levels = picture.astype(np.float32)
    pixels, steepness = of_parts(np.ones_like(x)), of_parts(x * x + y * y)
    gradient = np.sqrt(steepness / pixels) / SOBEL
    contrast = np.sqrt(np.maximum(of_parts(levels * levels) / pixels - (of_parts(levels) / pixels) ** 2, 0))
    return upper_quartile(gradient) / 255, upper_quartile(gradient / np.maximum(contrast, 1.0))


def lit_by(now: np.ndarray, before: np.ndarray) -> float:
    """`Pair.lit` of two pictures (h, w) uint8: what a lamp or the exposure changes is all over them, to one side."""
    pixels = of_parts(np.ones(now.shape))
    changes = np.sort((of_parts(now.astype(np.float64)) - of_parts(before.astype(np.float64))) / pixels, axis=None)
    quarter = changes.size // 4
    return float(max(changes[quarter], -changes[-1 - quarter], 0.0)) / 255


def uneven_light(now: np.ndarray, before: np.ndarray) -> float:
    """How unevenly the light of a picture (h, w) uint8 became another: by how much parts of it differ from what a gain
    and an offset make of them, beside how much they changed. Near 0 of an exposure or a flash of the camera; a lamp is
    nearer to some parts than to others. 0 where most of it is clipped, which may have had any light.
    """
    pixels = of_parts(np.ones(now.shape))
    spoilt = of_parts((at_the_ends(now) | at_the_ends(before)).astype(np.float64)) / pixels > MOST_CLIPPED
    x, y = ((of_parts(p.astype(np.float64)) / pixels)[~spoilt] for p in (before, now))
    if 2 * x.size < spoilt.size:
        return 0.0
    i, j = np.triu_indices(x.size, 1)
    far = np.abs(x[j] - x[i]) > LEAST_CONTRAST
    gain = float(np.median((y[j] - y[i])[far] / (x[j] - x[i])[far])) if far.any() else 1.0  # Theil 1950
    low, high = np.quantile(y - gain * x, [0.2, 0.8])
    return float(high - low) / max(abs(float(np.median(y - x))), 1.0)


def at_the_ends(picture: np.ndarray) -> np.ndarray:
    """Where a picture (h, w) uint8 is as dark or as bright as it can be."""
    return (picture < CLIPPED) | (picture > 255 - CLIPPED)


def same_scene(now: np.ndarray, before: np.ndarray) -> float:
    """Correlation of two pictures (h, w) uint8 without their details: high where one shows the other out of focus."""
    one, other = (cv2.resize(p, COARSE[::-1], interpolation=cv2.INTER_AREA).astype(float) for p in (now, before))
    return correlation(one, other)


def gradients(picture: np.ndarray) -> list[np.ndarray]:
    """Along x and along y, (h, w) each."""
    return [cv2.Sobel(picture, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1))]


def of_parts(values: np.ndarray) -> np.ndarray:
    """Sums (TILES, TILES) float64 over the parts of a picture (h, w): of whole numbers, exactly.

    As products of matrices they take a third of the time of `np.add.reduceat`.
    """
    rows, columns = map(_members, values.shape)
    return rows @ values @ columns.T


@lru_cache(maxsize=16)
def _members(n: int) -> np.ndarray:
    """Which of TILES parts each of n places is in: (TILES, n) float64, 1 or 0."""
    part = (np.arange(1, n + 1) * TILES - 1) // n
    return (part == np.arange(TILES)[:, None]).astype(np.float64)


def upper_quartile(values: np.ndarray) -> float:
    """`np.quantile(values, 0.75)`, which takes longer for some sixteen than what they were made of."""
    ordered = np.sort(values, axis=None)
    return float(np.interp(0.75 * (ordered.size - 1), np.arange(ordered.size), ordered))


def correlation(a: np.ndarray, b: np.ndarray, alike: float = 0.0) -> float:
    """Pearson's, of two arrays of one shape; `alike` where one of them is constant."""
    a, b = (values - values.mean(dtype=np.float64) for values in (a, b))
    size = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / size) if size > 0 else alike
