"""The sky of frames that do not tell it, but whose scale and disc centre are given: the Sun as Earth sees it then."""

from dataclasses import replace

import numpy as np

from config import SkyConfig
from data.frames.grid.placement import Placed, Row
from data.sky.wcs import FrameWcs
from data.sky.wcs_header import apparent_radius_arcsec


def sky_rows(name: str, rows: tuple[Row, ...], sky: SkyConfig | None) -> tuple[Row, ...]:
    """Rows with a WCS of their own, or that of `sky` where they are pictures or have none: solar north up, observed
    from Earth. Rows of pictures count from the top, those of detectors (FITS) from the bottom, as they are stored.

    Raises ValueError when a frame has no UTC time, which decides where Earth is.
    """
    times_utc = [frame.candidate.time_utc for row in rows for frame in row if _is_given(frame)]
    if sky is None or not times_utc:
        return rows
    if not all(times_utc):
        raise ValueError(
            f"prep.sky needs UTC times, and frames of {name} have none; set prep.start_utc or prep.times_csv"
        )
    x, y = sky.disc_centre_px
    flat = FrameWcs(x + 1, y + 1, sky.pixel_arcsec, -sky.pixel_arcsec, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    from_below = replace(flat, cdelt2=sky.pixel_arcsec)
    views = iter(zip(*_earth(times_utc), strict=True))

    def given(frame: Placed) -> Placed:
        b0, distance_m = next(views)
        of_kind = from_below if frame.candidate.is_counts else flat
        radius = apparent_radius_arcsec(distance_m)
        return replace(frame, wcs=replace(of_kind, hglt_deg=b0, dsun_m=distance_m, rsun_arcsec=radius))

    return tuple(tuple(given(frame) if _is_given(frame) else frame for frame in row) for row in rows)


def _is_given(frame: Placed) -> bool:
    return not frame.candidate.is_counts or frame.wcs is None


def _earth(times_utc: list[str]) -> tuple[list[float], list[float]]:
    """Stonyhurst latitude (deg) and distance (m) of Earth; its longitude is 0 by definition."""
    import astropy.units as u
    from sunpy.coordinates import get_earth  # late: it costs seconds

    earth = get_earth(np.array(times_utc, dtype="datetime64[ms]"))
    return earth.lat.to_value(u.deg).tolist(), earth.radius.to_value(u.m).tolist()
