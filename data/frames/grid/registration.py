"""Registration: frames of a reel brought to solar north, one scale and one pointing by one affine warp each.

What `aiapy.calibrate.register` does to level 1, in the way that serves frames to be shrunk: one warp from the header's
WCS straight to the common grid. Where each frame goes is decided in the plan; workers only apply six numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from config import PrepConfig
from data.frames.grid.crop import cropped_shape
from data.frames.grid.placement import Placed, Row
from data.sky.wcs import FrameWcs

REGISTERED_LEVEL = 1.5  # LVL_NUM of frames that the archive registered
TOLERANCE_PX = 0.02  # a frame that is nowhere farther from its place stays as it is
DISC_FITS = 1.05  # a full disc's diameter is at most this many times the shorter side
LARGEST_DRIFT = 0.25  # of the shorter side; pointings that differ by more follow their target on purpose


@dataclass(frozen=True)
class Common:
    """What the frames of a reel were registered to.

    scale_arcsec: of a pixel of the cropped frame; with prep.rsun_arcsec that of a Sun of this radius. crpix: where the
    Sun's centre lies, counted from 1; None where each kept its own pointing.
    """

    scale_arcsec: float
    crpix: tuple[float, float] | None


def common_of(rows: Sequence[Row], source_shape: tuple[int, int], prep: PrepConfig) -> Common | None:
    """What the frames of a plan are to be registered to, all together; None where none is."""
    wanted = (_wanted(frame, source_shape, prep.shape_tolerance_px) for row in rows for frame in row)
    found = [wcs for wcs in wanted if wcs]
    if prep.register == "off" or not found:
        return None
    shape = cropped_shape(source_shape, prep.crop)
    scale = _middle([wcs.scale_arcsec for wcs in found])
    steps = [_step(scale, wcs, prep.rsun_arcsec) for wcs in found]
    centred = ((shape[1] + 1) / 2, (shape[0] + 1) / 2)
    radii_px = [wcs.rsun_arcsec / step for wcs, step in zip(found, steps, strict=True)]
    if prep.crop is None and _full_disc(radii_px, found, shape):
        return Common(scale, centred)
    own = [_sun_centre(wcs, step, centred) for wcs, step in zip(found, steps, strict=True)]
    return Common(scale, _pointing(own, shape))


def register_rows(
    rows: tuple[Row, ...], source_shape: tuple[int, int], prep: PrepConfig, common: Common | None = None
) -> tuple[Row, ...]:
    """The rows of a plan with `target` and `to_source` of every frame that is to be registered.

    common: what other frames were registered to, so that these get the same place; None: what these have in common.
    """
    common = common or common_of(rows, source_shape, prep)
    wanted = [[_wanted(frame, source_shape, prep.shape_tolerance_px) for frame in row] for row in rows]
    found = [wcs for row in wanted for wcs in row if wcs]
    if prep.register == "off" or common is None:
        return rows
    shape = cropped_shape(source_shape, prep.crop)
    targets = iter(_targets(found, shape, prep.rsun_arcsec, common))
    return tuple(
        tuple(_registered(frame, wcs, next(targets), shape) if wcs else frame for frame, wcs in zip(*pair, strict=True))
        for pair in zip(rows, wanted, strict=True)
    )


def _wanted(frame: Placed, shape: tuple[int, int], tolerance_px: int) -> FrameWcs | None:
    """The WCS of a frame that is to be registered, None for the others."""
    candidate = frame.candidate
    level = 1.0 if math.isnan(candidate.level) else candidate.level
    # Frames of another shape are rejected when they are decoded; they have no say in where the others go.
    fits = all(abs(n - m) <= tolerance_px for n, m in zip(candidate.shape, shape, strict=True))
    return frame.wcs if candidate.is_counts and level < REGISTERED_LEVEL and fits else None


def _registered(frame: Placed, wcs: FrameWcs, target: FrameWcs, shape: tuple[int, int]) -> Placed:
    matrix = affine(target, wcs, shape)
    corners = np.array([[x, y, 1.0] for x in (0, shape[1]) for y in (0, shape[0])])
    if not np.isfinite(matrix).all():  # a header that puts the frame behind the observer
        return frame
    if np.abs(corners @ matrix.T - corners[:, :2]).max() < TOLERANCE_PX:
        return frame
    return replace(frame, target=target, to_source=tuple(map(float, matrix.ravel())))


def _targets(
    sources: Sequence[FrameWcs], shape: tuple[int, int], rsun_arcsec: float | None, common: Common
) -> list[FrameWcs]:
    """Where each frame goes: tangent to the Sun's centre, north up, with the Sun's centre at a common pixel.

    The common scale is the sources' median, in arcsec; with `rsun_arcsec` every solar radius has the size in pixels
    that a Sun of this radius has at that scale. A full disc goes to the middle of its frame; what somebody has cropped
    stays where it is.
    """
    steps = [_step(common.scale_arcsec, wcs, rsun_arcsec) for wcs in sources]
    centred = ((shape[1] + 1) / 2, (shape[0] + 1) / 2)
    crpix = [common.crpix or _sun_centre(wcs, step, centred) for wcs, step in zip(sources, steps, strict=True)]
    return [
        replace(wcs, crpix1=x, crpix2=y, cdelt1=step, cdelt2=step, crval1=0.0, crval2=0.0, crota2=0.0)
        for wcs, step, (x, y) in zip(sources, steps, crpix, strict=True)
    ]


def _step(scale: float, wcs: FrameWcs, rsun_arcsec: float | None) -> float:
    """Arcsec per pixel of a frame's target."""
    return scale * (wcs.rsun_arcsec / rsun_arcsec if rsun_arcsec else 1.0)


def _middle(values: Sequence[float]) -> float:
    """The median; of an even number the upper one, so that it is the value of some frame, which need not move then."""
    return sorted(values)[len(values) // 2]


def _full_disc(radii_px: list[float], sources: Sequence[FrameWcs], shape: tuple[int, int]) -> bool:
    """Whether most frames show the whole disc: its centre lies inside, and it has room."""
    inside = 0
    for wcs in sources:
        x, y = wcs.sun_centre_px
        inside += 0 <= x < shape[1] and 0 <= y < shape[0]
    return 2 * inside > len(sources) and 2 * _middle(radii_px) <= DISC_FITS * min(shape)


def _sun_centre(wcs: FrameWcs, step: float, centred: tuple[float, float]) -> tuple[float, float]:
    """CRPIX of a target without roll, in `step` arcsec a pixel, that holds the middle of the frame in the middle."""
    tx, ty = np.deg2rad([float(v) / 3600 for v in wcs.pixel_to_hpc(centred[0] - 1, centred[1] - 1)])
    arcsec = math.degrees(1) * 3600
    # Gnomonic about the Sun's centre, WCS Paper II, equations 54 and 12-13.
    return centred[0] - math.tan(tx) * arcsec / step, centred[1] - math.tan(ty) / math.cos(tx) * arcsec / step


def _pointing(crpix: list[tuple[float, float]], shape: tuple[int, int]) -> tuple[float, float] | None:
    """One pointing for all cut-outs, or none where they follow a target as the Sun turns, each with its own."""
    possible = [own for own in crpix if math.isfinite(sum(own))]
    if not possible:
        return None
    common = _middle([x for x, _ in possible]), _middle([y for _, y in possible])
    distances = sorted(math.dist(common, own) for own in possible)
    drift = distances[int(0.9 * (len(distances) - 1))]  # single frames may point anywhere
    return None if drift > LARGEST_DRIFT * min(shape) else common


def affine(target: FrameWcs, source: FrameWcs, shape: tuple[int, int]) -> np.ndarray:
    """Matrix (2, 3) from pixels (x, y) of a target grid of `shape` to those of a source, both counted from 0.

    Exact for frames tangent to one point, as those of one instrument are. Between planes that are tangent a full solar
    radius apart it leaves a relative error of (1000 arcsec)^2 = 2.4e-5, or 0.05 pixels at the edge of 4096.
    """
    x0, y0 = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    x, y = np.array([x0, 2 * x0 + 1, -1, x0, x0]), np.array([y0, y0, y0, 2 * y0 + 1, -1])
    at = np.stack(source.hpc_to_pixel(*target.pixel_to_hpc(x, y)))  # (2, 5)
    linear = np.stack([(at[:, 1] - at[:, 2]) / (2 * x0 + 2), (at[:, 3] - at[:, 4]) / (2 * y0 + 2)], axis=1)
    return np.column_stack([linear, at[:, 0] - linear @ [x0, y0]])
