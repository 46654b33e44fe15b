"""Frames whose sides are in another proportion than the reel's grid: in its middle, with margins that are masked."""

from dataclasses import replace

import numpy as np

from config import PrepConfig
from data.frames.grid.crop import cropped_shape
from data.frames.grid.placement import Placed
from data.frames.grid.to_grid import CalibratedFrame, calibrate
from data.reel.mask_bits import INVALID
from data.sky.wcs import FrameWcs
from data.sources.base import RawFrame


def inner_shape(
    shape: tuple[int, int], grid: tuple[int, int], prep: PrepConfig, is_counts: bool = False, pixel_aspect: float = 1.0
) -> tuple[int, int]:
    """The part (H, W) of a grid that a frame of `shape` fills: all of it, unless prep.aspect keeps its proportion.

    Of detectors, whose discs are round whatever the grid, `auto` keeps nothing. pixel_aspect: the width of the frame's
    pixels by their height; a grid of its own shape keeps them as they are.
    """
    is_stretched = prep.aspect == "stretch" or (prep.aspect == "auto" and is_counts)
    if is_stretched or not all(shape) or shape == grid:  # of an unreadable frame none is known
        return grid
    shown = shape[0], shape[1] * pixel_aspect
    scale = min(m / n for n, m in zip(shown, grid, strict=True))
    height, width = (max(1, round(n * scale)) for n in shown)
    return height, width


def _begin(inner: tuple[int, int], grid: tuple[int, int]) -> tuple[int, int]:
    """The first row and column of the part."""
    top, left = ((m - n) // 2 for n, m in zip(inner, grid, strict=True))
    return top, left


def calibrate_into(
    raw: RawFrame, frame: Placed, source_shape: tuple[int, int], grid: tuple[int, int], prep: PrepConfig
) -> CalibratedFrame:
    """One raw frame on the reel's grid `(H, W)`, as `calibrate` makes it, with its margins masked.

    Raises FrameError for a frame that can't be used.
    """
    candidate = frame.candidate
    used = cropped_shape(source_shape, prep.crop)
    inner = inner_shape(used, grid, prep, candidate.is_counts, candidate.pixel_aspect)
    made = calibrate(raw, frame, source_shape, inner, prep)
    if inner == grid:
        return made
    values, bits = np.zeros(grid, np.float32), np.full(grid, INVALID, np.uint8)
    top, left = _begin(inner, grid)
    part = np.s_[top : top + inner[0], left : left + inner[1]]
    values[part], bits[part] = made.values, made.bits
    return replace(made, values=values, bits=bits)


def to_source(
    shape: tuple[int, int],
    grid: tuple[int, int],
    inner: tuple[int, int],
    corner: tuple[int, int],
    registered: tuple[float, ...] = (),
) -> np.ndarray:
    """Affine map (2, 3) of pixels (x, y) of the reel's grid to those of the whole source frame.

    shape: of the frame once cropped, from the pixel `corner` (x, y) on. registered: as `Placed.to_source`.
    """
    (top, left), (fy, fx) = _begin(inner, grid), (n / m for n, m in zip(shape, inner, strict=True))
    small = np.array([[fx, 0, (0.5 - left) * fx - 0.5], [0, fy, (0.5 - top) * fy - 0.5], [0, 0, 1]])
    moved = np.reshape(registered, (2, 3)) if registered else np.eye(2, 3)
    return moved @ small + [[0, 0, corner[0]], [0, 0, corner[1]]]


def on_grid(wcs: FrameWcs, shape: tuple[int, int], grid: tuple[int, int], inner: tuple[int, int]) -> FrameWcs:
    """The sky of a frame (H, W) on the reel's grid, where it fills `inner` of it."""
    top, left = _begin(inner, grid)
    return wcs.resized(shape, inner).shifted(left, top)
