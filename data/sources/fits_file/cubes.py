"""Cubes of images in time, as IRIS' slit-jaw imager and ground-based cameras write them, or of states of polarisation,
as PUNCH and magnetographs do: each plane is a frame, of a reel of its own in the second case."""

import re
import warnings
from dataclasses import replace
from typing import IO, Any

import numpy as np
from astropy.io import fits

from data.sources.base import Candidate, FrameError
from data.sources.fits_file.cards import number, text
from data.sources.fits_file.layout import SMALLEST_PX, Image, Layout
from data.sources.fits_file.times.time_units import seconds_of
from data.sources.times.utc import shift_utc

_TIME_AXES = ("TIME", "UTC", "TAI", "TT")
_STOKES = {1: "I", 2: "Q", 3: "U", 4: "V", -1: "RR", -2: "LL", -3: "RL", -4: "LR"}  # FITS 4.0, table 29
_LAYER = "OBSLAYR"  # PUNCH's name of each plane: Polar_M, Total brightness

# Cards of the programs of colour cameras, which write their pictures as cubes of three planes.
_OF_CAMERAS = ("COLORTYP", "COLORSPC", "SWCREATE", "CREATOR", "PROGRAM", "ROWORDER")
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601, as of pictures


def is_in_colour(image: Image) -> bool:
    """Whether the three planes of a cube are red, green and blue: by CTYPE3, or integers of a camera's program."""
    if len(image.shape) != 3 or image.shape[0] != 3:
        return False
    name = text(image.header, f"CTYPE{_third_axis(image.header)}").upper()
    bits = image.header.get("ZBITPIX", image.header.get("BITPIX"))
    by_camera = not name and bits in (8, 16) and any(card in image.header for card in _OF_CAMERAS)
    return name.startswith(("RGB", "COLOR", "COLOUR")) or by_camera


def told_as_spectrum(image: Image) -> str:
    """What an array is one of whose first two axes is time, as a dynamic spectrum of a radio telescope, and what to do;
    empty for others. Squeezed to the size of frames it would be a picture of nothing."""
    axis = next((i for i in (1, 2) if _is_time(text(image.header, f"CTYPE{i}"))), 0)
    if not axis:
        return ""
    size = "x".join(map(str, image.shape))
    time, other = (text(image.header, f"CTYPE{i}") or f"axis {i}" for i in (axis, 3 - axis))
    return (
        f"an array of {size} along {time!r} and {other!r} is no picture but a spectrum over time, and is not read; "
        "write it as a table with a row for each time and a column for each channel, which becomes a series"
    )


def told_as_list(image: Image) -> str:
    """What an image is that is too narrow for one, as the list of spikes beside AIA's level 1 (3 x N: places and
    values); empty for others. Squeezed to the size of frames it would be a picture of nothing."""
    size = "x".join(map(str, image.shape[-2:]))
    narrow = min(image.shape[-2:]) < SMALLEST_PX <= max(image.shape[-2:]) // 4
    return f"an image of {size} is a list of numbers and no picture" if narrow else ""


def _is_time(name: str) -> bool:
    return re.split(r"[^A-Z]", name.upper().strip())[0] in _TIME_AXES


def colours_of(planes: np.ndarray, as_gray: bool) -> np.ndarray:
    """A picture (H, W, 3) of planes (3, H, W), or their brightness (H, W) float32."""
    return np.tensordot(LUMA, planes.astype(np.float32), 1) if as_gray else np.moveaxis(planes, 0, -1)


def planes_of(image: Image, layout: Layout, stream: IO[bytes], whole: Candidate) -> list[Candidate]:
    """The frames of a cube (N, H, W) along time. whole: what its header tells about all of them.

    Along states of polarisation each plane is of a reel of its own. Raises FrameError for a cube along anything else,
    saying what it is.
    """
    if len(image.shape) != 3:
        raise FrameError(f"an array of {'x'.join(map(str, image.shape))}; images and cubes of them in time are read")
    axis, n_planes = _third_axis(image.header), image.shape[0]
    if states := _polarised(image.header, axis, n_planes):
        return [replace(whole, plane=k, reel=f"{whole.reel}_{name}") for k, name in enumerate(states)]
    size = "x".join(str(n) for n in image.shape[1:])
    name, unit = (text(image.header, f"{card}{axis}") for card in ("CTYPE", "CUNIT"))
    if not (name.upper().startswith(_TIME_AXES) or (not name and unit and np.isfinite(seconds_of(unit)))):
        along = f"CTYPE{axis} {name!r} is no time" if name else f"no CTYPE{axis} says that they follow in time"
        raise FrameError(f"a cube of {n_planes} images {size} is not read: {along}")
    if whole.reason or not whole.time_utc:
        return [replace(whole, plane=0)]
    planes = []
    for plane, (time_s, exptime_s, x, y) in enumerate(_facts_of_planes(image, layout, stream, axis).tolist()):
        own: dict[str, Any] = {"exptime_s": exptime_s} if exptime_s > 0 else {}
        if whole.wcs and (x or y) and np.isfinite([x, y]).all():
            own["wcs"] = replace(whole.wcs, crval1=x, crval2=y)
        planes.append(replace(whole, plane=plane, time_utc=shift_utc(whole.time_utc, time_s), **own))
    return planes


def _third_axis(header: fits.Header) -> int:
    """The number of the axis beyond the two of the image that is longer than 1."""
    prefix = "ZNAXIS" if header.get("ZIMAGE") is True else "NAXIS"
    return next(i for i in range(3, header[prefix] + 1) if header[f"{prefix}{i}"] != 1)


def _facts_of_planes(image: Image, layout: Layout, stream: IO[bytes], axis: int) -> np.ndarray:
    """Of each plane (N, 4): seconds from the header's time, exposure time, and where its reference lies along both axes
    in arcsec; NaN where the header's holds for all."""
    n_planes, header = image.shape[0], image.header
    auxiliary = next((i for i in layout.images if i.hdu > image.hdu and is_auxiliary(i, n_planes)), None)
    if auxiliary is not None:
        return _auxiliary(auxiliary, stream)
    unit_s = seconds_of(text(header, f"CUNIT{axis}"))
    step_s = number(header, f"CDELT{axis}") * unit_s
    if not step_s > 0:
        raise FrameError(f"a cube of {n_planes} images is not read: CDELT{axis} is no step in time")
    first, at_first_s = number(header, f"CRPIX{axis}"), number(header, f"CRVAL{axis}") * unit_s
    if not abs(at_first_s) <= n_planes * step_s:  # no time from the header's, as seconds since 1970
        at_first_s = 0.0
    found = np.full((n_planes, 4), np.nan)
    found[:, 0] = at_first_s + (np.arange(n_planes) + 1 - (1.0 if np.isnan(first) else first)) * step_s
    return found


def _polarised(header: fits.Header, axis: int, n_planes: int) -> list[str]:
    """What each plane of a cube along states of polarisation is called, as stokes_q or polar_m; [] of others."""
    named = [re.sub(r"\W+", "_", text(header, f"{_LAYER}{n + 1}").lower()).strip("_") for n in range(n_planes)]
    if all(named) and len(set(named)) == n_planes:
        return named
    if text(header, f"CTYPE{axis}").upper() != "STOKES":
        return []
    first, value, step = (number(header, f"{card}{axis}") for card in ("CRPIX", "CRVAL", "CDELT"))
    codes = [value + (n + 1 - first) * step for n in range(n_planes)]
    if not all(code in _STOKES for code in codes) or len(set(codes)) < n_planes:
        cards = f"CRPIX{axis}, CRVAL{axis} and CDELT{axis}"
        raise FrameError(f"a cube of {n_planes} images is not read: {cards} tell no Stokes parameters")
    return [f"stokes_{_STOKES[int(code)].lower()}" for code in codes]


def is_auxiliary(image: Image, n_planes: int) -> bool:
    """Whether an image is IRIS' table of one row a plane, whose columns are named by the header (ITN 26, section 4)."""
    column = image.header.get("TIME")
    return len(image.shape) == 2 and image.shape[0] == n_planes and isinstance(column, int)


def _auxiliary(image: Image, stream: IO[bytes]) -> np.ndarray:
    stream.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(stream, memmap=False) as hdus:
            table = np.asarray(hdus[image.hdu].data, float)
    # Seconds from the first plane: DATE_OBS, the header's time, is that of the first one. The pointing follows the Sun.
    found = np.full((len(table), 4), np.nan)
    for k, name in enumerate(("TIME", "EXPTIMES", "XCENIX", "YCENIX")):
        if isinstance(column := image.header.get(name), int) and 0 <= column < table.shape[1]:
            found[:, k] = table[:, column]
    found[:, 0] -= found[0, 0]
    return found
