"""From stored pixels to comparable ones: missing and saturated pixels, exposure, common shape, common grid.

Order matters: saturation is a property of the raw counts, so it is noted before they are divided by the exposure time.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from config import PrepConfig
from data.reel import INVALID, SATURATED
from data.sources.base import Candidate, FrameError, RawFrame


@dataclass(frozen=True)
class CalibratedFrame:
    """Physical values `(H, W)` float32 on the reel's grid, invalid pixels 0, with mask bits and what was seen."""

    values: np.ndarray
    bits: np.ndarray  # (H, W) uint8
    coverage: float  # fraction of source pixels that were valid
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
    return [*done, "valid-weighted area mean" if prep.resize else "native grid"]


def calibrate(
    raw: RawFrame, candidate: Candidate, source_shape: tuple[int, int], grid: tuple[int, int], prep: PrepConfig
) -> CalibratedFrame:
    """One raw frame on the reel's grid `(H, W)`.

    `source_shape` is the shape that most frames of the reel have. Raises FrameError for a frame that can't be used.
    """
    is_fits = candidate.kind in ("fits", "tar", "tar.gz")
    pixels, padded = _to_shape(raw.pixels, source_shape, prep.shape_tolerance_px)
    saturated = _saturated(pixels, prep.saturation_dn) if is_fits and prep.saturation_dn else None
    values, valid = _split_valid(pixels, raw.blank)
    if padded is not None:
        valid = padded if valid is None else valid & padded
    valid = _mask_rectangles(valid, source_shape, prep)
    small, weight = area_mean(values, valid, grid)
    if is_fits and prep.normalise_exposure:
        small /= np.float32(candidate.exptime_s)
    flags = [raw.flags] if raw.flags else []
    if padded is not None:
        flags.append(f"shape {raw.pixels.shape[0]}x{raw.pixels.shape[1]} fitted")
    flags += [f"QUALITY bit {bit}" for bit in prep.quality_flag if is_fits and candidate.quality >> bit & 1]
    return _assemble(small, weight, valid, saturated, grid, flags, prep)


def _assemble(small, weight, valid, saturated, grid, flags, prep) -> CalibratedFrame:
    """Mask bits and the coverage test. A grid cell counts as valid when at least half of its area was."""
    bits = np.zeros(grid, np.uint8)
    if weight is not None:
        invalid = weight < 0.5
        small[invalid] = 0
        bits[invalid] |= INVALID
    coverage = 1.0 if valid is None else float(valid.mean())
    # What the user masks is not missing: only the rest of the frame has to be there.
    expected = 1.0 if valid is None else _unmasked_fraction(valid.shape, prep)
    if coverage < prep.min_coverage * expected:
        raise FrameError(f"coverage {coverage:.2f} is below prep.min_coverage {prep.min_coverage:g}")
    saturated_fraction = 0.0
    if saturated is not None and saturated.any():
        saturated_fraction = float(saturated.mean())
        bits[area_mean(saturated.astype(np.float32), None, grid)[0] > 0] |= SATURATED
    return CalibratedFrame(small, bits, coverage, saturated_fraction, "; ".join(flags))


def _saturated(pixels: np.ndarray, level_dn: float) -> np.ndarray:
    # An integer level keeps integer pixels from being converted to double for the comparison.
    return pixels >= (min(math.ceil(level_dn), np.iinfo(pixels.dtype).max) if pixels.dtype.kind in "iu" else level_dn)


def _split_valid(pixels: np.ndarray, blank: int | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Values as float32 with invalid ones 0, and the valid mask, or None when every pixel is valid."""
    if pixels.dtype.kind in "iub":
        invalid = pixels == blank if blank is not None else None
        values = pixels.astype(np.float32)
    else:
        values = pixels.astype(np.float32)
        invalid = ~np.isfinite(values)
    if invalid is None or not invalid.any():
        return values, None
    values[invalid] = 0
    return values, ~invalid


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


def _mask_rectangles(valid: np.ndarray | None, shape: tuple[int, int], prep: PrepConfig) -> np.ndarray | None:
    """Mark prep.mask rectangles (x0, y0, x1, y1; half-open source pixels) as invalid."""
    if not prep.mask:
        return valid
    valid = np.ones(shape, bool) if valid is None else valid
    for x0, y0, x1, y1 in prep.mask:
        valid[y0:y1, x0:x1] = False
    return valid


def _unmasked_fraction(shape: tuple[int, int], prep: PrepConfig) -> float:
    if not prep.mask:
        return 1.0
    return float(_mask_rectangles(None, shape, prep).mean())


def area_mean(
    values: np.ndarray, valid: np.ndarray | None, grid: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Mean of the valid values over each cell of a coarser grid, and the valid fraction of each cell.

    As JSOC makes its synoptic images: sum of the valid pixels over their number. INTER_AREA alone would spread one
    missing pixel over its whole cell. `values` must be 0 where invalid.
    """
    if valid is None:
        return _area_resize(values, grid), None
    weight = _area_resize(valid.astype(np.float32), grid)
    total = _area_resize(np.where(valid, values, np.float32(0)), grid)
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0), weight


def _area_resize(values: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Area mean to `grid`; large frames go through an exact integer factor first, which is five times faster."""
    height, width = values.shape
    if (height, width) == grid:
        return values.copy()
    factor = min(height // grid[0], width // grid[1]) // 8
    power = 1 << max(factor, 1).bit_length() - 1
    if power > 1 and height % power == 0 and width % power == 0:
        values = cv2.resize(values, (width // power, height // power), interpolation=cv2.INTER_AREA)
    return cv2.resize(values, (grid[1], grid[0]), interpolation=cv2.INTER_AREA)
