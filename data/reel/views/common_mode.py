"""What all pixels of one brightness share in a frame: the camera's part of a residual, and its scatter."""

from functools import lru_cache

import numpy as np

BRIGHTNESS_BINS = 32
GRAY_LEVELS = 256  # brightness is told apart this finely; below, clipped pixels would be sorted by a model's whims
SMALLEST_BIN = 8  # pixels
LEAST_SCATTER = 1e-6  # where values are no grey levels
LONG_ROW = 1024  # pixels of a bin from which on selecting is faster: by two at 8192, of 512x512 pixels
MOST_CONTRAST, LEAST_MOST = 0.5, 16 / GRAY_LEVELS  # of the picture's standard deviation, and where it has hardly any


def most_explained(brightness: np.ndarray, valid: np.ndarray) -> float:
    """How much of a difference a score may put down to the camera: half the contrast of the expected picture (H, W).

    Where most of a picture is lost or is another one, that is not to be explained away.
    """
    return max(MOST_CONTRAST * float(chosen(brightness, valid).std(dtype=np.float64)), LEAST_MOST)


def common_mode(
    difference: np.ndarray, brightness: np.ndarray, valid: np.ndarray, most: float = np.inf, quantum: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Median difference of the pixels of a like brightness, and robust scatter about it, (H, W) float32 each.

    An exposure error or a lifted noise floor moves all pixels of one brightness together, wherever they are, and photon
    noise scatters them together; something on the Sun or in the scene moves a few. So median and scatter (1.4826 MAD)
    per brightness bin are the camera's, and what lies outside them is the scene's. Bins hold equally many pixels, so
    that a small bright source can't make up a bin of its own. The scatter is at least a quarter of the median bin's,
    because clipped or quantised pixels have none, and includes the shared difference itself: where the camera did much,
    taking it off is uncertain by about as much. Neither is larger than `most`.

    quantum: what one grey level is, which the scatter is at least: of a picture that stands still, or is coded as if
    it did, nothing finer is known.
    """
    levels = np.clip(np.rint(brightness * GRAY_LEVELS), -2 * GRAY_LEVELS, 3 * GRAY_LEVELS).astype(np.int16)
    values, known = chosen(difference, valid), chosen(levels, valid)
    size = len(values) // BRIGHTNESS_BINS
    if size < SMALLEST_BIN:
        return np.zeros_like(difference), np.ones_like(difference)
    values, known, order = _by_level(values, known)
    order = order[: size * BRIGHTNESS_BINS].reshape(BRIGHTNESS_BINS, size)
    binned, centres = values.take(order), known.take(order[:, size // 2])
    medians = _row_median(binned)
    binned -= medians[:, None]
    scatter = 1.4826 * _row_median(np.abs(binned, out=binned))
    scatter = np.maximum(scatter, max(np.median(scatter) / 4, quantum, LEAST_SCATTER))
    medians, scatter = np.clip(medians, -most, most), np.minimum(scatter, most)
    first = int(levels.min())
    places = levels.astype(np.intp)  # once for both, as a table is asked by no other integers
    places -= first
    table = np.arange(first, first + int(places.max()) + 1)
    shared, spread = (np.interp(table, centres, found) for found in (medians, np.hypot(scatter, medians)))
    return shared.astype(np.float32).take(places), spread.astype(np.float32).take(places)


def chosen(picture: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The pixels of a picture (H, W) that are valid, (N,); where all are, which is usual, nothing is picked."""
    return picture.reshape(-1) if valid.all() else picture[valid]


def _by_level(values: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels (N,) in a mixed order, with their levels, and in what order these have grown.

    Mixed, because clipped pixels are all of one level, and their bins must be fair samples and not parts of the sky.
    """
    mixed = _mixing(len(levels))
    values, levels = values.take(mixed), levels.take(mixed)
    return values, levels, np.argsort(levels, kind="stable")  # a radix sort for 16-bit integers


@lru_cache(maxsize=8)
def _mixing(n: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(n)


def _row_median(rows: np.ndarray) -> np.ndarray:
    """np.median(rows, axis=1), without its overhead; sorting short rows is vectorised and faster than selecting."""
    middle = rows.shape[1] // 2
    is_short = rows.shape[1] < LONG_ROW
    ranked = np.sort(rows, axis=1) if is_short else np.partition(rows, middle, axis=1)
    if rows.shape[1] % 2:
        return ranked[:, middle]
    below = ranked[:, middle - 1] if is_short else ranked[:, :middle].max(axis=1)
    return (below + ranked[:, middle]) / 2
