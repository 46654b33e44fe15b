"""Products of every window of a series with some vectors, without any window being made.

They are correlations, so they are taken block by block as products of spectra (overlap-save; Oppenheim and Schafer,
Discrete-Time Signal Processing, 8.7.3): a window of T samples of C variables costs about C products a vector instead of
T x C. In double precision: all of a block is off by the rounding of its largest value.
"""

from collections.abc import Iterator

import numpy as np
from scipy import fft

from inference.methods.series.base import windows_of

BLOCK_WINDOWS, LEAST_BLOCK = 4, 256  # lengths of a window, and samples, in a block
MOST_VALUES = 2**20  # of spectra of vectors, and of products, that are there at a time


def sliding_products(samples: np.ndarray, vectors: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Products of all windows (n - T + 1, T x C) of samples (n, C) with vectors (K, T x C), part by part.

    Yields of which windows and of which vectors a part is, and their products (windows, vectors) float64.
    """
    (n, channels), length = samples.shape, vectors.shape[1] // samples.shape[1]
    size = fft.next_fast_len(max(BLOCK_WINDOWS * length, LEAST_BLOCK), real=True)
    step, count = size - length + 1, n - length + 1
    spectra = _spectra(samples.astype(np.float64), size, step, -(-count // step))  # (F, blocks, C)
    for some in _slices(len(vectors), MOST_VALUES // (len(spectra) * channels)):
        filters = vectors[some].astype(np.float64).reshape(-1, length, channels).transpose(1, 2, 0)  # (T, C, k)
        filters = fft.rfft(filters, size, axis=0).conj()
        for blocks in _slices(spectra.shape[1], MOST_VALUES // (size * filters.shape[2])):
            found = fft.irfft(spectra[:, blocks] @ filters, size, axis=0)[:step]  # (step, blocks, k)
            found = found.transpose(1, 0, 2).reshape(-1, filters.shape[2])
            first = blocks.start * step
            yield slice(first, min(first + len(found), count)), some, found[: count - first]


def sliding_squares(samples: np.ndarray, length: int) -> np.ndarray:
    """Sums of the squares of all windows (n - length + 1,) of samples (n, C), float64."""
    return windows_of(np.square(samples.astype(np.float64)).sum(axis=1), length).sum(axis=1)


def _spectra(samples: np.ndarray, size: int, step: int, blocks: int) -> np.ndarray:
    """Spectra (F, blocks, C) of blocks of so many samples (n, C), which overlap; zeros behind the last sample."""
    padded = np.pad(samples, ((0, (blocks - 1) * step + size - len(samples)), (0, 0)))
    overlapping = np.lib.stride_tricks.sliding_window_view(padded, size, axis=0)[::step]  # (blocks, C, size)
    return fft.rfft(overlapping.transpose(2, 0, 1), axis=0)


def _slices(total: int, most: int) -> list[slice]:
    """Slices of at most so many, and at least one, of `total`."""
    return [slice(first, min(first + max(most, 1), total)) for first in range(0, total, max(most, 1))]
