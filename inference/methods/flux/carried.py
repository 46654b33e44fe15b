"""Where the places that quiet frames showed are in another frame: the Sun turns, and the camera may point elsewhere.

What a place does now and then is known of that place of the Sun, not of the pixel that it was in hours ago.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import cv2
import numpy as np
import pandas as pd

from data.reel.contract import AnyReel
from data.reel.reel import Reel
from data.sky.wcs import WCS_COLUMNS
from inference.calibration.quiet.ranges import QuietRange
from inference.events.sky import LIMB_RSUN, Sky, rotated
from inference.methods.flux.limb import over_limb
from inference.methods.flux.turning import Places, repointed
from inference.units import DAY_S, HOUR_S

LONGEST_S = 2 * DAY_S  # that a place is known: active regions change within days
ARCSEC_S = 10 / HOUR_S  # of the middle of the disc
CLOSE_PX = 0.25  # what moves by less is where it was


class Moment(NamedTuple):
    """Where a frame lies on the Sun, the numbers (11,) of its WCS, and when, s since 1970."""

    wcs: np.ndarray
    at_s: float

    def is_near(self, other: "Moment") -> bool:
        """Whether places are where they are in another frame, to CLOSE_PX."""
        (crpix, scale), elsewhere = (self.wcs[:2], self.wcs[2]), np.delete(self.wcs, (0, 1, 8))
        turned_px = abs(self.at_s - other.at_s) * ARCSEC_S / abs(scale)
        same = np.allclose(elsewhere, np.delete(other.wcs, (0, 1, 8)), rtol=1e-4, atol=1e-3)
        return bool(same and turned_px + np.abs(crpix - other.wcs[:2]).max() < CLOSE_PX)


def moments_of(reel: AnyReel, begin: int, end: int) -> list[Moment | None]:
    """Those of frames [begin, end) of a reel, which have been read; None where place or time is not told."""
    known = cast(Reel, reel.so_far())
    nothing: list[Moment | None] = [None] * (end - begin)
    if (
        not known.shape[0]
        or known.is_series
        or known.times_utc is None
        or not set(WCS_COLUMNS) <= set(known.table.columns)
    ):
        return nothing
    rows = slice(begin - known.first, end - known.first)
    at_s = known.times_utc[rows].astype("datetime64[ms]").astype(np.int64) / 1000
    wcs = known.table[list(WCS_COLUMNS)].iloc[rows].to_numpy(np.float64)
    return [Moment(w, t) if np.isfinite(w).all() else None for w, t in zip(wcs, at_s.tolist(), strict=True)]


class Carried:
    """Maps (..., H, W) that are known of one moment, as they look in frames of others."""

    def __init__(self, known: Moment, maps: np.ndarray):
        self.known, self.maps = known, maps
        self._of, self._turned = known, maps

    def at(self, now: Moment) -> np.ndarray:
        """The maps as they look now, NaN where a place is strange; made anew when places have moved by CLOSE_PX."""
        if not now.is_near(self._of):
            self._of, self._turned = now, self._as_seen(now)
        return self._turned

    def _as_seen(self, now: Moment) -> np.ndarray:
        places = places_of(now, self.known, self.maps.shape[-2:])
        if places is None:
            return self.maps
        there = moved(self.maps, places)
        return over_limb(self.maps, there, _sky_of(self.known, now), now.at_s - self.known.at_s)


def places_of(now: Moment, then: Moment, shape: tuple[int, int]) -> Places | None:
    """Where the pixels of a frame (H, W) were at another time; in view is what was, on this side of the Sun, and not
    longer ago than LONGEST_S. What is off the limb stays where it is; see `over_limb`. None where nothing has moved."""
    if now.is_near(then):
        return None
    rows, columns = (a.ravel().astype(np.float64) for a in np.indices(shape))
    sky = _sky_of(now, then)
    first, second = np.zeros(len(rows), int), np.ones(len(rows), int)
    tx, ty = sky.pixel_to_hpc(first, columns, rows)
    seconds = np.full(len(rows), then.at_s - now.at_s)
    then_tx, then_ty = rotated(tx, ty, sky.observer(first), sky.observer(second), seconds)
    hidden = (then_tx == tx) & (then_ty == ty) & (sky.radius(first, tx, ty)[0] < LIMB_RSUN) & (seconds != 0)
    x, y = (p.astype(np.float32).reshape(shape) for p in sky.hpc_to_pixel(second, then_tx, then_ty))
    in_view = (x > -0.5) & (y > -0.5) & (x < shape[1] - 0.5) & (y < shape[0] - 0.5) & ~hidden.reshape(shape)
    return Places(x, y, in_view & (abs(then.at_s - now.at_s) <= LONGEST_S))


def pointing_px(now: Moment, then: Moment, shape: tuple[int, ...]) -> tuple[float, float]:
    """By how much (x, y) the middle of a frame (H, W) is elsewhere than at another time, for its pointing alone."""
    if np.array_equal(now.wcs[:7], then.wcs[:7]):
        return 0.0, 0.0
    x, y = (np.array([(size - 1) / 2]) for size in shape[::-1])
    dx, dy = repointed(_sky_of(then, now), 0, 1, x, y)[:, 0].tolist()
    return dx, dy


def _sky_of(*moments: Moment) -> Sky:
    """That of frames at these moments."""
    table = pd.DataFrame(np.stack([m.wcs for m in moments]), columns=list(WCS_COLUMNS))
    return Sky(cast(Reel, _Rows(table, np.array([m.at_s for m in moments]))))


def moved(maps: np.ndarray, places: Places) -> np.ndarray:
    """Maps (..., H, W) as they look where their pixels are at `places`; NaN where those are not in view, or unknown."""
    turned = [
        cv2.remap(m, places.x, places.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for m in maps.reshape(-1, *maps.shape[-2:])
    ]
    return np.where(places.in_view, np.stack(turned).reshape(maps.shape), np.float32(np.nan))


class _Rows(NamedTuple):
    """What `Sky` is made of."""

    table: pd.DataFrame
    times_s: np.ndarray


def middle_of(ranges: Sequence[QuietRange]) -> Moment | None:
    """The moment of the frame in the middle of all."""
    moments = [m for r in ranges for m in moments_of(r.reel, r.begin, r.end) if m]
    return sorted(moments, key=lambda m: m.at_s)[len(moments) // 2] if moments else None


def as_known(maps: np.ndarray, then: list[Places | None]) -> np.ndarray:
    """Maps (n, C, H, W) with their pixels from where they were in each; as they are where nothing has moved."""
    return np.stack([m if places is None else moved(m, places) for m, places in zip(maps, then, strict=True)])
