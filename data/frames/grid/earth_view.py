"""The sky of pictures and videos, whose scale and disc centre are given: the Sun as Earth sees it at their times."""

from dataclasses import replace

import numpy as np

from config import SkyConfig
from data.frames.grid.placement import Row
from data.sky.wcs import FrameWcs
from data.sky.wcs_header import apparent_radius_arcsec


def sky_rows(name: str, rows: tuple[Row, ...], sky: SkyConfig | None) -> tuple[Row, ...]:
    """Rows of pictures with a WCS: solar north up, row 0 on top, observed from Earth.

    Raises ValueError when a frame has no UTC time, which decides where Earth is.
    """
    times_utc = [frame.candidate.time_utc for row in rows for frame in row if not frame.candidate.is_counts]
    if sky is None or not times_utc:
        return rows
    if not all(times_utc):
        raise ValueError(
            f"prep.sky needs UTC times, and frames of {name} have none; set prep.start_utc or prep.times_csv"
        )
    x, y = sky.disc_centre_px
    flat = FrameWcs(x + 1, y + 1, sky.pixel_arcsec, -sky.pixel_arcsec, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    seen = zip(*_earth(times_utc), strict=True)
    views = (replace(flat, hglt_deg=b0, dsun_m=d, rsun_arcsec=apparent_radius_arcsec(d)) for b0, d in seen)
    return tuple(
        tuple(frame if frame.candidate.is_counts else replace(frame, wcs=next(views)) for frame in row) for row in rows
    )


def _earth(times_utc: list[str]) -> tuple[list[float], list[float]]:
    """Stonyhurst latitude (deg) and distance (m) of Earth; its longitude is 0 by definition."""
    import astropy.units as u
    from sunpy.coordinates import get_earth  # late: it costs seconds

    earth = get_earth(np.array(times_utc, dtype="datetime64[ms]"))
    return earth.lat.to_value(u.deg).tolist(), earth.radius.to_value(u.m).tolist()
