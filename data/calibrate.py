"""From stored pixels to comparable ones: missing and saturated pixels, exposure, common shape, common grid.

Order matters: saturation is a property of the raw counts, so it is noted before they are divided by the exposure time.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from config import PrepConfig
from data.mask_bits import INVALID, SATURATED
from data.sources.base import Candidate, FrameError, RawFrame

STRIP_ROWS = 8  # rows of a shrunken strip; its source stays in the processor's cache


@dataclass(frozen=True)
class CalibratedFrame:
    """Physical values `(H, W)` float32 on the reel's grid, invalid pixels 0, with mask bits and what was seen."""

    values: np.ndarray
    bits: np.ndarray  # (H, W) uint8
    coverage: float  # fraction of the source pixels outside prep.mask that were valid
    saturated_fraction: float
    flags: str


def steps(prep: PrepConfig, fits: bool) -> list[str]:
    """The calibration steps that `calibrate` performs, for reel.json."""
    done = ["missing pixels masked"]
    if fits and prep.saturation_dn:
        done.append(f"saturation noted at {prep.saturation_dn:g} DN")
    if fits and prep.normalise_exposure:
        done.append("divided by EXPTIME (DN/s)")
    if prep.mask:
        done.append(f"rectangles masked: {[list(r) for r in prep.mask]}")
    if prep.field_circle:
        done.append(f"masked outside the circle {list(prep.field_circle)}")
    return [*done, "valid-weighted area mean" if prep.resize else "native grid"]


def calibrate(
    raw: RawFrame, candidate: Candidate, source_shape: tuple[int, int], grid: tuple[int, int], prep: PrepConfig
) -> CalibratedFrame:
    """One raw frame on the reel's grid `(H, W)`.

    `source_shape` is the shape that most frames of the reel have. Raises FrameError for a frame that can't be used.
    """
    level_dn = prep.saturation_dn if candidate.is_fits else None
    pixels, present = _to_shape(raw.pixels, source_shape, prep.shape_tolerance_px)
    valid = _all_of(present, _find_valid(pixels, raw.blank))
    saturated = None if level_dn is None else _find_saturated(pixels, valid, level_dn)
    coverage, valid = _cover(valid, unmasked(source_shape, prep.mask, prep.field_circle), prep.min_coverage)
    with np.errstate(over="ignore"):  # values beyond float32 become infinite, and are masked below
        small, weight = area_mean(pixels, valid, grid)
        if candidate.is_fits and prep.normalise_exposure:
            small /= np.float32(candidate.exptime_s)
    bits = _mask_bits(small, weight, saturated)
    small[(bits & INVALID) > 0] = 0
    saturated_fraction = 0.0 if saturated is None else float(saturated.mean())
    return CalibratedFrame(small, bits, coverage, saturated_fraction, "; ".join(_flags(raw, candidate, present, prep)))


def _flags(raw: RawFrame, candidate: Candidate, present: np.ndarray | None, prep: PrepConfig) -> list[str]:
    """What was odd about a frame that is used all the same."""
    flags = [raw.flags] if raw.flags else []
    if present is not None:
        flags.append(f"shape {raw.pixels.shape[0]}x{raw.pixels.shape[1]} fitted")
    return flags + [f"QUALITY bit {bit}" for bit in prep.quality_flag if candidate.quality >> bit & 1]


def _mask_bits(small: np.ndarray, weight: np.ndarray | None, saturated: np.ndarray | None) -> np.ndarray:
    """Mask bits (H, W) uint8. A grid cell is valid when at least half of its area was, saturated when any of it was."""
    invalid = ~np.isfinite(small)
    if weight is not None:
        invalid |= weight < 0.5
    bits = np.where(invalid, np.uint8(INVALID), np.uint8(0))
    if saturated is not None:
        bits[_area_resize(saturated, None, small.shape) > 0] |= SATURATED
    return bits


def _all_of(*masks: np.ndarray | None) -> np.ndarray | None:
    """Where all masks hold; None stands for a mask that holds everywhere."""
    given = [mask for mask in masks if mask is not None]
    return np.logical_and.reduce(given) if given else None


def _find_saturated(pixels: np.ndarray, valid: np.ndarray | None, level_dn: float) -> np.ndarray | None:
    """Where valid raw counts reach the level; None when nowhere."""
    if pixels.dtype.kind in "iu":
        if pixels.max() < level_dn:  # no array is made for the usual frame
            return None
        level_dn = math.ceil(level_dn)  # an integer keeps the pixels from being converted for the comparison
    saturated = _all_of(pixels >= level_dn, valid)
    return saturated if saturated.any() else None


def _find_valid(pixels: np.ndarray, blank: int | None) -> np.ndarray | None:
    """Where pixels hold a value; None when everywhere."""
    if pixels.dtype.kind in "iub":
        if blank is None or not pixels.min() <= blank <= pixels.max():
            return None
        valid = pixels != blank
    else:
        valid = np.isfinite(pixels)
    return None if valid.all() else valid


def _to_shape(pixels: np.ndarray, shape: tuple[int, int], tolerance_px: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The frame cropped or padded at its far edges to `shape`, and where it has pixels (None: it had the shape).

    Cut-outs that follow the Sun change their size by a pixel; anything more is another field of view.
    """
    if pixels.shape == tuple(shape):
        return pixels, None
    if any(abs(a - b) > tolerance_px for a, b in zip(pixels.shape, shape, strict=True)):
        have, want = ("x".join(map(str, s)) for s in (pixels.shape, shape))
        raise FrameError(f"shape {have} differs from {want} by more than prep.shape_tolerance_px {tolerance_px}")
    height, width = (min(a, b) for a, b in zip(pixels.shape, shape, strict=True))
    fitted, present = np.zeros(shape, pixels.dtype), np.zeros(shape, bool)
    fitted[:height, :width] = pixels[:height, :width]
    present[:height, :width] = True
    return fitted, present


@lru_cache(maxsize=4)
def unmasked(
    shape: tuple[int, int],
    rectangles: tuple[tuple[int, int, int, int], ...],
    circle: tuple[float, float, float] | None = None,
) -> np.ndarray | None:
    """Where no prep.mask rectangle (x0, y0, x1, y1; half-open source pixels) lies, and inside prep.field_circle.

    None when nothing is masked.
    """
    free = np.ones(shape, bool)
    if circle:
        x, y, radius = circle
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        free = np.hypot(rows - y, columns - x) <= radius
    for x0, y0, x1, y1 in rectangles:
        free[y0:y1, x0:x1] = False
    return None if free.all() else free


def _cover(valid: np.ndarray | None, free: np.ndarray | None, min_coverage: float) -> tuple[float, np.ndarray | None]:
    """The coverage of a frame, and its valid pixels without the masked ones. Raises FrameError when too few are there.

    What the user masks is not missing: only the rest of the frame has to be there.
    """
    both = _all_of(valid, free)
    expected = 1.0 if free is None else free.mean()
    if expected == 0:
        raise FrameError("prep.mask covers the whole frame")
    coverage = 1.0 if valid is None else float(both.mean() / expected)
    if coverage == 0:
        raise FrameError("no pixel is valid")
    if coverage < min_coverage:
        raise FrameError(f"coverage {coverage:.2f} is below prep.min_coverage {min_coverage:g}")
    return coverage, both


def area_mean(
    values: np.ndarray, valid: np.ndarray | None, grid: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Mean of the valid values over each cell of a coarser grid (H, W) float32, and the valid fraction of each cell.

    As JSOC makes its synoptic images: sum of the valid pixels over their number. INTER_AREA alone would spread one
    missing pixel over its whole cell. Values that are not valid may be anything; None: all are valid.
    """
    if valid is None:
        return _area_resize(values, None, grid), None
    weight, total = _area_resize(valid, None, grid), _area_resize(values, valid, grid)
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0), weight


def _area_resize(values: np.ndarray, valid: np.ndarray | None, grid: tuple[int, int]) -> np.ndarray:
    """Area mean to `grid`, 0 for what is not valid; an exact power of two first makes large frames faster."""
    height, width = values.shape
    factor = min(height // grid[0], width // grid[1]) // 8
    power = 1 << max(factor, 1).bit_length() - 1
    if power > 1 and height % power == 0 and width % power == 0:
        values, valid = _block_means(values, valid, power), None
    values = _as_float(values, valid)
    if values.shape == tuple(grid):
        return values
    return cv2.resize(values, (grid[1], grid[0]), interpolation=cv2.INTER_AREA)


def _block_means(values: np.ndarray, valid: np.ndarray | None, factor: int) -> np.ndarray:
    """Means of blocks of factor x factor pixels, strip by strip: making no large float array halves the time."""
    height, width = (n // factor for n in values.shape)
    means = np.empty((height, width), np.float32)
    for top in range(0, height, STRIP_ROWS):
        rows = slice(top * factor, (top + STRIP_ROWS) * factor)
        strip = _as_float(values[rows], None if valid is None else valid[rows])
        means[top : top + STRIP_ROWS] = cv2.resize(strip, (width, len(strip) // factor), interpolation=cv2.INTER_AREA)
    return means


def _as_float(values: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """A float32 copy, 0 where not valid: INTER_AREA rounds integers, and spreads NaN."""
    if valid is None:
        return values.astype(np.float32)
    return np.where(valid, values, 0).astype(np.float32)
