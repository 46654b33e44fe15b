"""Solar frames with a complete WCS for tests and benchmarks, and how two registrations of one compare."""

import warnings

import cv2
import numpy as np
from astropy.io import fits
from sunpy.data.test import get_test_filepath

from data.frames.grid.registration import affine
from data.sky.wcs import FrameWcs
from data.sky.wcs_header import from_header

TIME_UTC = "2011-02-15T00:00:00.340"


def sunpy_frame() -> tuple[np.ndarray, fits.Header]:
    """sunpy's AIA 171 level-1 frame of 128x128 pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(get_test_filepath("aia_171_level1.fits")) as hdus:
            hdus[0].verify("silentfix")
            return hdus[0].data.astype(np.float32), hdus[0].header.copy()


def rolled_frame(
    side: int, roll_deg: float = 0.35, shift_px: tuple[float, float] = (6.3, -4.7), seed: int = 0
) -> tuple[np.ndarray, fits.Header]:
    """sunpy's frame enlarged to `side`, as a camera turned and shifted would count it: int16 with photon noise."""
    small, header = sunpy_frame()
    factor = side / len(small)
    to_solar = np.deg2rad(roll_deg)
    sin, cos = np.sin(to_solar), np.cos(to_solar)
    centre = np.array([(side - 1) / 2, (side - 1) / 2]) + shift_px
    linear = np.array([[cos, -sin], [sin, cos]]) / factor
    matrix = np.column_stack([linear, (len(small) - 1) / 2 - linear @ centre])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    counts = cv2.warpAffine(small, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    pixels = np.random.default_rng(seed).poisson(np.clip(counts, 0, 16000)).astype(np.int16)
    scale = 0.6 * 4096 / side
    facts = {"CRPIX1": centre[0] + 1, "CRPIX2": centre[1] + 1, "CDELT1": scale, "CDELT2": scale, "CROTA2": roll_deg}
    header.update(facts | {"NAXIS1": side, "NAXIS2": side})
    return pixels, header


def wcs_of(header) -> FrameWcs:
    wcs = from_header(header, TIME_UTC)
    assert wcs is not None
    return wcs


def sunpy_map(pixels: np.ndarray, header: fits.Header):
    import sunpy.map

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sunpy.map.Map(pixels.astype(np.float32), header)


def to_target(solar_map, header: fits.Header, shape: tuple[int, int]) -> tuple[FrameWcs, np.ndarray]:
    """The WCS of a map, and the matrix (2, 3) from its pixels to those of a frame of `shape` with this header."""
    # The map has its names in lower case.
    target = wcs_of({name.upper(): value for name, value in solar_map.meta.items()})
    return target, affine(target, wcs_of(header), shape)


def block_means(values: np.ndarray, factor: int) -> np.ndarray:
    """Means of factor x factor pixels; those at the far edges that fill no block are left out."""
    height, width = (n // factor for n in values.shape)
    values = values[: height * factor, : width * factor]
    return values.reshape(height, factor, width, factor).mean(axis=(1, 3), dtype=np.float64)


def rms_over_std(ours: np.ndarray, registered: np.ndarray, wcs: FrameWcs, factor: int) -> float:
    """RMS of the difference to the block means of a registered frame over their deviation, in cells inside the disc."""
    theirs = block_means(registered, factor)
    height, width = (min(pair) for pair in zip(ours.shape, theirs.shape, strict=True))  # aiapy may crop
    ours, theirs = ours[:height, :width], theirs[:height, :width]
    y, x = (np.indices(theirs.shape) + 0.5) * factor - 0.5
    x0, y0 = wcs.sun_centre_px
    inside = np.hypot(x - x0, y - y0) < wcs.rsun_arcsec / wcs.scale_arcsec - factor
    assert inside.sum() > 50
    return float(np.sqrt(np.mean((ours - theirs)[inside] ** 2)) / theirs[inside].std())
