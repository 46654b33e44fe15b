"""From stored pixels to comparable ones: missing and saturated pixels, exposure, common shape, registration, grid.

Order matters: saturation is a property of the raw counts, so it is noted before they are divided by the exposure time.
The order of the steps is that of aiapy's "Preparing AIA data"; its respiking is left out, for it would plant anomalies.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from config import CropConfig, PrepConfig
from data.frames.grid.common_shape import SCALED, to_shape
from data.frames.grid.crop import beyond, corner_of, part_of
from data.frames.grid.fill_blocks import (
    FILLED,
    NO_ROWS,
    ROWS_FILLED,
    fill_blocks,
    fill_rows,
    stand_in,
    without,
    without_rows,
)
from data.frames.grid.placement import Placed
from data.frames.grid.resample import any_in_cell, area_mean
from data.frames.grid.transfer import is_undone, shows_levels, step_of, to_light
from data.reel.mask_bits import INVALID, OFF_LIMB, SATURATED
from data.sky.limb import off_limb
from data.sky.wcs import FrameWcs
from data.sources.base import LEVEL, RGB, FrameError, Overview, RawFrame


@dataclass(frozen=True)
class CalibratedFrame:
    """Physical values `(H, W)` float32 on the reel's grid, invalid pixels 0, with mask bits and what was seen."""

    values: np.ndarray
    bits: np.ndarray  # (H, W) uint8
    coverage: float  # fraction of the pixels outside prep.mask that were valid: the source's, or the registered frame's
    saturated_fraction: float
    flags: str


def steps(prep: PrepConfig, frames: Sequence[Placed]) -> list[str]:
    """The calibration steps that `calibrate` performs on these frames, for reel.json."""
    done = ["missing pixels masked"]
    if is_undone(prep) and any(shows_levels(frame.candidate) for frame in frames):
        done.append(step_of(prep))
    levels = {(level, frame.candidate.unit) for frame in frames if (level := saturation_level(frame, prep))}
    if levels:
        done.append(f"saturation noted at {', '.join(f'{level:g} {unit}' for level, unit in sorted(levels))}")
    units = {unit_of(frame, prep) for frame in frames if is_divided(frame, prep)}
    if units:
        done.append(f"divided by EXPTIME ({', '.join(sorted(units))})")
    if any(frame.degradation != 1 for frame in frames):
        done.append("divided by the degradation of the instrument")
    if crop := prep.crop:
        done.append(f"cropped to {crop.width} x {crop.height} px from x {crop.x}, y {crop.y}")
    if prep.mask:
        done.append(f"rectangles masked: {[list(r) for r in prep.mask]}")
    if prep.field_circle:
        done.append(f"masked outside the circle {list(prep.field_circle)}")
    return [*done, *_sky_steps(prep, frames), "valid-weighted area mean" if prep.resize else "native grid"]


def _sky_steps(prep: PrepConfig, frames: Sequence[Placed]) -> list[str]:
    """The steps that need a WCS."""
    done = []
    fits = any(frame.candidate.is_counts and frame.wcs for frame in frames)
    if fits and prep.pointing_table:
        done.append("pointing from the master pointing table")
    targets = [frame.target for frame in frames if frame.target]
    if targets:
        size = f"solar radius as of {prep.rsun_arcsec:g} arcsec" if prep.rsun_arcsec else "common scale"
        pointings = {(target.crpix1, target.crpix2) for target in targets}
        pointing = "common pointing" if len(pointings) == 1 else "each its own pointing"
        done.append(f"registered: roll 0, {size}, {pointing}")
    if any(frame.wcs for frame in frames):
        done.append("masked beyond the limb" if prep.off_limb == "mask" else "limb noted")
    return done


def one_channel(raw: RawFrame, channel: str) -> RawFrame:
    """A raw frame (H, W): one of three where it is in colour."""
    if raw.pixels.ndim == 2:
        return raw
    return replace(raw, pixels=np.ascontiguousarray(raw.pixels[..., RGB.index(channel)]))


def calibrate(
    raw: RawFrame, frame: Placed, source_shape: tuple[int, int], grid: tuple[int, int], prep: PrepConfig
) -> CalibratedFrame:
    """One raw frame on the reel's grid `(H, W)`.

    `source_shape` is the shape that most frames of the reel have. Raises FrameError for a frame that can't be used.
    """
    if reason := beyond(source_shape, prep.crop):
        raise FrameError(reason)
    level_dn = saturation_level(frame, prep)
    light = to_light(raw.pixels, prep) if is_undone(prep) and shows_levels(frame.candidate) else raw.pixels
    is_picture = not frame.candidate.is_counts and raw.blank is None
    pixels, present = to_shape(light, source_shape, prep.shape_tolerance_px, is_picture)
    seen = raw.overview if pixels is raw.pixels else None
    extremes = _extremes(pixels, seen) if seen or raw.blank is not None or level_dn is not None else None
    valid = _all_of(present, _find_valid(pixels, raw.blank, extremes))
    missing = stand_in(pixels, valid, extremes)
    if missing:
        valid = _all_of(valid, pixels != missing[0])
    gone = _find_fill(pixels, frame, prep.crop)
    valid = without(valid, pixels.shape, gone, frame.candidate.block_px)
    rows = fill_rows(light) if _is_measured(frame) else NO_ROWS  # before rows of its shape are filled up
    valid = without_rows(valid, pixels.shape, rows)
    free = unmasked(source_shape, prep.mask, prep.field_circle)
    part = part_of(prep.crop)
    pixels, valid, free = pixels[part], None if valid is None else valid[part], None if free is None else free[part]
    saturated = None if level_dn is None else _find_saturated(pixels, valid, level_dn, extremes)
    to_source = np.reshape(frame.to_source, (2, 3)) if frame.to_source else None
    coverage, valid = _cover(valid, free, prep.min_coverage)
    with np.errstate(over="ignore"):  # values beyond float32 become infinite, and are masked below
        small, weight = area_mean(pixels, valid, grid, to_source, seen.means if seen and not prep.crop else None)
        small /= np.float32(_sensitivity(frame, prep))
    if to_source is not None:
        assert weight is not None  # it is None only where nothing was moved
        coverage = float(np.clip(weight.mean() / (1.0 if free is None else free.mean()), 0, 1))
        _check_coverage(coverage, prep.min_coverage)
    bits = _mask_bits(small, weight, saturated, to_source)
    _mark_limb(bits, frame.sky, pixels.shape, prep)
    small[(bits & INVALID) > 0] = 0
    saturated_fraction = 0.0 if saturated is None else float(saturated.mean())
    flags = _flags(raw, frame, tuple(source_shape), present, len(gone), len(rows), missing)
    return CalibratedFrame(small, bits, coverage, saturated_fraction, "; ".join(flags))


def _find_fill(pixels: np.ndarray, frame: Placed, crop: CropConfig | None) -> np.ndarray:
    """Corners of blocks of fill in a whole frame of a detector; in levels of gray only where the header tells of some.

    What is dark on the disc may have one level there.
    """
    candidate = frame.candidate
    wcs = frame.wcs.shifted(*corner_of(crop)) if frame.wcs and _is_measured(frame) else None
    return fill_blocks(pixels, wcs, candidate.missing_blocks, candidate.block_px)


def _is_measured(frame: Placed) -> bool:
    """Whether a frame holds what a detector measured, and no levels of gray."""
    return frame.candidate.is_counts and frame.candidate.unit != LEVEL


def _flags(
    raw: RawFrame,
    frame: Placed,
    source_shape: tuple[int, ...],
    present: np.ndarray | None,
    filled: int,
    rows: int,
    missing: tuple[float, int] | None,
) -> list[str]:
    """What was odd about a frame that is used all the same."""
    flags = [text for text in (raw.flags, frame.flags) if text]
    if present is not None:
        flags.append(f"shape {raw.pixels.shape[0]}x{raw.pixels.shape[1]} fitted")
    elif raw.pixels.shape != source_shape:
        flags.append(f"{raw.pixels.shape[0]}x{raw.pixels.shape[1]}, {SCALED}")
    if missing:
        flags.append(f"{missing[0]:g} in {missing[1]} pixels taken as missing")
    if rows:
        flags.append(f"{rows} {ROWS_FILLED}")
    told = frame.candidate.missing_blocks
    if filled or told:
        flags.append(f"{filled} {FILLED}" + (f", {told} missing by the header" if told != filled else ""))
    return flags


def _sensitivity(frame: Placed, prep: PrepConfig) -> float:
    """What the counts of a frame are divided by."""
    return (frame.candidate.exptime_s if is_divided(frame, prep) else 1.0) * frame.degradation


def is_divided(frame: Placed, prep: PrepConfig) -> bool:
    """Whether a frame's values are divided by its exposure time: counts are; a rate, a field or a picture is not."""
    return frame.candidate.is_counts and frame.candidate.is_exposed and prep.normalise_exposure


def unit_of(frame: Placed, prep: PrepConfig) -> str:
    """The unit of a frame's values on the grid."""
    return f"{frame.candidate.unit}/s" if is_divided(frame, prep) else frame.candidate.unit


def saturation_level(frame: Placed, prep: PrepConfig) -> float | None:
    """From which stored value on pixels are saturated; None where none are, or that is not known."""
    if not frame.candidate.is_counts:
        return None
    level = frame.candidate.saturation if prep.saturation_dn == "auto" else prep.saturation_dn
    return None if level is None or math.isnan(level) else level


def _mark_limb(bits: np.ndarray, wcs: FrameWcs | None, shape: tuple[int, int], prep: PrepConfig) -> None:
    """Set the bits of what lies beyond the limb. With prep.off_limb mask it is hidden, but was not missing."""
    if wcs is None:
        return
    marks = OFF_LIMB | INVALID if prep.off_limb == "mask" else OFF_LIMB
    bits[off_limb(wcs.resized(shape, bits.shape), bits.shape)] |= marks


def _mask_bits(
    small: np.ndarray, weight: np.ndarray | None, saturated: np.ndarray | None, to_source: np.ndarray | None
) -> np.ndarray:
    """Mask bits (H, W) uint8. A grid cell is valid when at least half of its area was, saturated when any of it was."""
    invalid = ~np.isfinite(small)
    if weight is not None:
        invalid |= weight < 0.5
    bits = np.where(invalid, np.uint8(INVALID), np.uint8(0))
    if saturated is not None:
        bits[any_in_cell(saturated, small.shape, to_source)] |= SATURATED
    return bits


def _all_of(*masks: np.ndarray | None) -> np.ndarray | None:
    """Where all masks hold; None stands for a mask that holds everywhere."""
    given = [mask for mask in masks if mask is not None]
    return np.logical_and.reduce(given) if given else None


def _extremes(pixels: np.ndarray, seen: Overview | None) -> tuple[int, int] | None:
    """The lowest and highest of integers: no array is made for frames in which they say that nothing is missing."""
    if seen is not None:
        return seen.lowest, seen.highest
    return (int(pixels.min()), int(pixels.max())) if pixels.dtype.kind in "iu" else None


def _find_saturated(
    pixels: np.ndarray, valid: np.ndarray | None, level_dn: float, extremes: tuple[int, int] | None
) -> np.ndarray | None:
    """Where valid raw counts reach the level; None when nowhere."""
    if extremes is not None:
        if extremes[1] < level_dn:
            return None
        level_dn = math.ceil(level_dn)  # an integer keeps the pixels from being converted for the comparison
    saturated = pixels >= level_dn
    if valid is not None:
        saturated = np.logical_and(saturated, valid)
    return saturated if saturated.any() else None


def _find_valid(pixels: np.ndarray, blank: int | None, extremes: tuple[int, int] | None) -> np.ndarray | None:
    """Where pixels hold a value; None when everywhere."""
    if pixels.dtype.kind in "iub":
        if blank is None or (extremes is not None and not extremes[0] <= blank <= extremes[1]):
            return None
        valid = pixels != blank
    else:
        valid = np.isfinite(pixels)
    return None if valid.all() else valid


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
    coverage = 1.0 if valid is None or both is None else float(both.mean() / expected)
    _check_coverage(coverage, min_coverage)
    return coverage, both


def _check_coverage(coverage: float, min_coverage: float) -> None:
    if coverage == 0:
        raise FrameError("no pixel is valid")
    if coverage < min_coverage:
        raise FrameError(f"coverage {coverage:.2f} is below prep.min_coverage {min_coverage:g}")
