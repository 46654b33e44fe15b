"""One frame onto the reel's grid: moved by registration's affine, then the valid-weighted mean over each cell."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

STRIP_ROWS = 128  # of a frame that are worked on at once, so that they stay in the processor's cache
# Measured against aiapy's cubic splines: with cells of 4 pixels either is as good (RMS/std 0.002 to 0.003), with
# smaller ones linear interpolation blurs (0.016 without shrinking, cubic 0.005), with larger ones it is the better one.
CELL_FOR_LINEAR_PX = 4
# A frame is averaged to blocks before it is moved where a cell is so many of them wide: that takes a third of the time.
# Against cubic moves of whole frames of the Sun (4096 px, 171 A, rolls to 2 degrees, grids of 112 to 256) RMS/std is
# 0.0021 at most; with 4 to a cell it would be up to 0.008.
CELL_IN_BLOCKS = 8


@dataclass(frozen=True)
class Warp:
    """A move by registration: matrix (2, 3) from pixels (x, y) of the registered frame to those of the stored one.

    block: side of the blocks of pixels that are averaged before they are moved; 1: pixels are moved.
    """

    matrix: np.ndarray
    interpolation: int = cv2.INTER_LINEAR
    block: int = 1

    def apply(self, values: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """`values` float32 moved by `matrix` to `size` (W, H), 0 from outside."""
        return cv2.warpAffine(values, matrix, size, flags=self.interpolation | cv2.WARP_INVERSE_MAP)

    def apply_to_blocks(self, means: np.ndarray, side: int) -> np.ndarray:
        """Means of blocks of `side` pixels, moved as a frame of such pixels."""
        matrix = self.matrix.copy()
        matrix[:, 2] = (matrix[:, :2].sum(axis=1) * (side - 1) / 2 + matrix[:, 2] + 0.5) / side - 0.5
        return self.apply(means, matrix, (means.shape[1], means.shape[0]))


def area_mean(
    values: np.ndarray,
    valid: np.ndarray | None,
    grid: tuple[int, int],
    to_source: np.ndarray | None = None,
    means: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Mean of the valid values over each cell of a coarser grid (H, W) float32, and the valid fraction of each cell.

    As JSOC makes its synoptic images: sum of the valid pixels over their number. INTER_AREA alone would spread one
    missing pixel over its whole cell. Values that are not valid may be anything; None: all are valid. `to_source`
    (2, 3), from pixels (x, y) of the registered frame to those of this one, moves it first; what comes from outside is
    not valid. means: of square blocks of all values, where they are known: large frames are not gone through then.
    """
    warp = None if to_source is None else _choose_warp(to_source, values.shape, grid)
    total = _area_resize(values, valid, grid, warp, means if valid is None else None)
    if valid is not None:
        weight = _area_resize(valid, None, grid, warp)
    elif warp is not None:
        weight = _covered(values.shape, grid, warp)
    else:
        return total, None
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0), weight


def any_in_cell(mask: np.ndarray, grid: tuple[int, int], to_source: np.ndarray | None = None) -> np.ndarray:
    """Which cells (H, W) bool hold a pixel of the mask, in whole or in part."""
    return _area_resize(mask, None, grid, None if to_source is None else Warp(to_source)) > 0


def _choose_warp(to_source: np.ndarray, shape: tuple[int, int], grid: tuple[int, int]) -> Warp:
    cell_px = min(n / m for n, m in zip(shape, grid, strict=True))
    if cell_px < CELL_FOR_LINEAR_PX:
        return Warp(to_source, cv2.INTER_CUBIC)
    return Warp(to_source, cv2.INTER_LINEAR, _block_to_move(shape, cell_px))


def _block_to_move(shape: tuple[int, int], cell_px: float) -> int:
    """Side of the blocks that are averaged before a frame is moved; a power of two that divides it."""
    block = 1 << max(int(cell_px / CELL_IN_BLOCKS), 1).bit_length() - 1
    return block if shape[0] % block == shape[1] % block == 0 else 1


def _area_resize(
    values: np.ndarray,
    valid: np.ndarray | None,
    grid: tuple[int, int],
    warp: Warp | None,
    means: np.ndarray | None = None,
) -> np.ndarray:
    """Area mean to `grid`, 0 for what is not valid; whole blocks first make large frames faster."""
    if warp is not None and warp.block > 1:
        blocks = _block_means(values, valid, warp.block, None, means)
        return _to_grid(warp.apply_to_blocks(blocks, warp.block), grid)
    factor = _block(values.shape, grid)
    if factor > 1:
        return _to_grid(_block_means(values, valid, factor, warp, means), grid)
    return _to_grid(_rows(values, valid, slice(0, len(values)), warp), grid)


def _to_grid(values: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    if values.shape == tuple(grid):
        return values
    return cv2.resize(values, (grid[1], grid[0]), interpolation=cv2.INTER_AREA)


def _block(shape: tuple[int, int], grid: tuple[int, int]) -> int:
    """Side of the blocks that are averaged first: a cell where cells are whole pixels, else a power of two below."""
    height, width = shape
    if (height % grid[0], width % grid[1]) == (0, 0) and height // grid[0] == width // grid[1]:
        return height // grid[0]
    factor = min(height // grid[0], width // grid[1]) // 8
    power = 1 << max(factor, 1).bit_length() - 1
    return power if height % power == width % power == 0 else 1


def _covered(shape: tuple[int, int], grid: tuple[int, int], warp: Warp) -> np.ndarray:
    """The fraction of each cell that lies inside the stored frame (H, W) float32.

    Warped as blocks where the interpolation is linear: that between a full and an empty block is the covered area, to
    0.001 for rolls of a degree.
    """
    factor = warp.block if warp.block > 1 else _block(shape, grid)
    if warp.interpolation != cv2.INTER_LINEAR or factor == 1:
        return _area_resize(np.ones(shape, bool), None, grid, warp)
    whole = np.ones((shape[0] // factor, shape[1] // factor), np.float32)
    return _to_grid(warp.apply_to_blocks(whole, factor), grid)


def _block_means(
    values: np.ndarray,
    valid: np.ndarray | None,
    factor: int,
    warp: Warp | None,
    known: np.ndarray | None = None,
) -> np.ndarray:
    """Means of blocks of factor x factor pixels, strip by strip: making no large float array halves the time.

    known: of smaller blocks of what is not moved, from which those that they fill have the same bits as from pixels.
    """
    height, width = (n // factor for n in values.shape)
    if known is not None and warp is None and factor % (side := len(values) // len(known)) == 0:
        return _shrunk(known, factor // side)
    means = np.empty((height, width), np.float32)
    step = max(STRIP_ROWS // factor, 1)
    for top in range(0, height, step):
        rows = slice(top * factor, min(top + step, height) * factor)
        means[top : top + step] = _shrunk(_rows(values, valid, rows, warp), factor)
    return means


def _shrunk(strip: np.ndarray, factor: int) -> np.ndarray:
    """Means of whole blocks of a strip; by halves as far as that goes, which takes half the time.

    Of integers whose sums over a block are less than 2^24 (16 bits in blocks up to 16) both ways give the same bits.
    """
    while factor > 1:
        by = 2 if factor % 2 == 0 else factor
        strip = cv2.resize(strip, (strip.shape[1] // by, len(strip) // by), interpolation=cv2.INTER_AREA)
        factor //= by
    return strip


def _rows(values: np.ndarray, valid: np.ndarray | None, rows: slice, warp: Warp | None) -> np.ndarray:
    """Rows of the registered frame (n, W) float32, 0 where not valid or outside the stored one."""
    if warp is None:
        return _as_float(values, valid, rows)
    width = values.shape[1]
    corners = np.array([[x, y, 1.0] for x in (0, width - 1) for y in (rows.start, rows.stop - 1)])
    reached = corners @ warp.matrix[1]
    # With a margin for the interpolation; the corners are the extremes of what is linear.
    first, last = (int(np.clip(y, 0, len(values))) for y in (math.floor(reached.min()) - 2, reached.max() + 4))
    if first >= last:
        return np.zeros((rows.stop - rows.start, width), np.float32)
    matrix = warp.matrix.copy()
    matrix[:, 2] += warp.matrix[:, 1] * rows.start
    matrix[1, 2] -= first
    return warp.apply(_as_float(values, valid, slice(first, last)), matrix, (width, rows.stop - rows.start))


def _as_float(values: np.ndarray, valid: np.ndarray | None, rows: slice) -> np.ndarray:
    """A float32 copy of some rows, 0 where not valid: INTER_AREA rounds integers, and spreads NaN."""
    if valid is None:
        return values[rows].astype(np.float32)
    return np.where(valid[rows], values[rows], 0).astype(np.float32)
