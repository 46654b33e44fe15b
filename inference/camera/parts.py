"""What small pictures show in TILES x TILES parts, and what two of them share: edges, detail and light.

A quarter of the parts, or three, say what holds for the picture: what goes on in the others is the scene's.
"""

from functools import cached_property, lru_cache

import cv2
import numpy as np

TILES = 4
SOBEL = 8  # by which its gradients are larger than the step from a pixel to the next
CLIPPED, MOST_CLIPPED = 2, 0.1  # grey levels from the ends of the scale, and share of a part that may be as near
LEAST_CONTRAST = 4.0  # grey levels between two parts that tell of a gain
COARSE = (12, 16), (6, 8)  # cells (h, w) of what is left of a picture that is out of focus, or far out of it


class Shown:
    """A small picture (h, w) uint8, and what of it is asked for beside several others: worked out once."""

    def __init__(self, picture: np.ndarray):
        self.picture = picture

    @cached_property
    def edges(self) -> list[np.ndarray]:
        """Its gradients along x and along y, (h, w) each."""
        return gradients(self.picture)

    # Gradients are whole numbers, and so are all of these sums, exactly: a part without edges has a size of 0.
    @cached_property
    def edge(self) -> np.ndarray:
        """The sums of both over its parts."""
        x, y = self.edges
        return of_parts(x + y)

    @cached_property
    def steepness(self) -> np.ndarray:
        """The sums of their squares."""
        x, y = self.edges
        return of_parts(x * x + y * y)

    @cached_property
    def light(self) -> np.ndarray:
        """The sums of its levels over its parts."""
        return of_parts(self.picture)

    @property
    def pixels(self) -> np.ndarray:
        """How many pixels its parts have."""
        return _pixels(self.picture.shape)


def kept_edges(now: np.ndarray, before: np.ndarray) -> float:
    """`edges_kept` of two pictures (h, w) uint8."""
    return edges_kept(Shown(now), Shown(before))


def edges_kept(now: Shown, before: Shown) -> float:
    """Upper quartile over TILES x TILES parts of the correlation of the gradients of two pictures.

    What goes on in three quarters of a picture leaves it alone, and a change of light does too.
    """
    (x, y), (x_before, y_before), n = now.edges, before.edges, 2 * now.pixels
    square, square_before = n * now.steepness, n * before.steepness
    both = n * of_parts(x * x_before + y * y_before) - now.edge * before.edge
    size = np.sqrt((square - now.edge**2) * (square_before - before.edge**2))
    return upper_quartile(np.divide(both, size, out=np.zeros_like(both), where=size > 0))


def detail_of(shown: Shown) -> tuple[float, float]:
    """`Alone.detail` and `Alone.sharp` of a picture; contrast below a grey level counts as one."""
    levels, pixels = shown.picture.astype(np.float32), shown.pixels
    gradient = np.sqrt(shown.steepness / pixels) / SOBEL
    contrast = np.sqrt(np.maximum(of_parts(levels * levels) / pixels - (shown.light / pixels) ** 2, 0))
    return upper_quartile(gradient) / 255, upper_quartile(gradient / np.maximum(contrast, 1.0))


def lit_by(now: Shown, before: Shown) -> float:
    """`Pair.lit` of two pictures: what a lamp or the exposure changes is all over them, to one side."""
    changes = np.sort((now.light - before.light) / now.pixels, axis=None)
    quarter = changes.size // 4
    return float(max(changes[quarter], -changes[-1 - quarter], 0.0)) / 255


def uneven_light(now: np.ndarray, before: np.ndarray) -> float:
    """How unevenly the light of a picture (h, w) uint8 became another: by how much parts of it differ from what a gain
    and an offset make of them, beside how much they changed. Near 0 of an exposure or a flash of the camera; a lamp is
    nearer to some parts than to others. 0 where most of it is clipped, which may have had any light.
    """
    pixels = _pixels(now.shape)
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
    found = []
    for height, width in COARSE:
        one, other = (cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA) for p in (now, before))
        found.append(correlation(one.astype(float), other.astype(float)))
    return max(found)


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


@lru_cache(maxsize=16)
def _pixels(shape: tuple[int, ...]) -> np.ndarray:
    """How many pixels the parts of a picture (h, w) have."""
    return of_parts(np.ones(shape))


def upper_quartile(values: np.ndarray) -> float:
    """`np.quantile(values, 0.75)`, which takes longer for some sixteen than what they were made of."""
    ordered = np.sort(values, axis=None)
    return float(np.interp(0.75 * (ordered.size - 1), np.arange(ordered.size), ordered))


def correlation(a: np.ndarray, b: np.ndarray, alike: float = 0.0) -> float:
    """Pearson's, of two arrays of one shape; `alike` where one of them is constant."""
    a, b = (values - values.mean(dtype=np.float64) for values in (a, b))
    size = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / size) if size > 0 else alike
