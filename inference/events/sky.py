"""Where on the Sun events are: helioprojective arcsec, Stonyhurst degrees, and how far the surface carries them.

The geometry is closed-form and works on arrays over all boxes at once, because sunpy's coordinate objects cost 20 ms a
call and a reel has thousands of boxes; the tests compare it with sunpy. Sources: Thompson (2006, A&A 449, 791) for the
coordinates, Howard, Harvey & Forgach (1990, Solar Physics 130, 295) for the rotation, as sunpy's default.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from data.reel.reel import Reel
from data.sky.wcs import WCS_COLUMNS, FrameWcs
from data.sky.wcs_header import R_SUN_M
from inference.events.boxes import Box
from inference.events.events import Event
from inference.units import DAY_S

ARCSEC = np.pi / (180 * 3600)
# Sidereal rotation rate by latitude, A + B sin^2 + C sin^4 in microradians per second, and the Earth's own mean motion.
HOWARD_URAD_S = (2.894, -0.428, -0.370)
EARTH_DEG_DAY = 0.9856
AT_LIMB = 0.9999  # of the apparent radius: a place that is just on the surface
LIMB_RSUN = 0.998  # rotation of points nearer to the limb is too uncertain to follow

SKY_COLUMNS = (
    *("hpc_x_arcsec", "hpc_y_arcsec", "hpc_x0_arcsec", "hpc_y0_arcsec", "hpc_x1_arcsec", "hpc_y1_arcsec"),
    *("area_arcsec2", "on_disk", "hgs_lon_deg", "hgs_lat_deg", "position_angle_deg", "radius_rsun"),
)


@dataclass(frozen=True)
class Observer:
    """From where the Sun is seen, (N,) each: Stonyhurst degrees, metres from the Sun's centre."""

    hgln_deg: np.ndarray
    hglt_deg: np.ndarray
    dsun_m: np.ndarray

    @staticmethod
    def on_earth(times: np.ndarray) -> "Observer":
        """At times (N,) datetime64."""
        # Imported late: they cost seconds, and only an evaluation with a catalogue needs them.
        from astropy.time import Time
        from sunpy.coordinates import get_earth

        earth = get_earth(Time(times))
        return Observer(np.zeros(len(times)), earth.lat.to_value("deg"), earth.radius.to_value("m"))

    def to_hgs(self, tx: np.ndarray, ty: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Helioprojective arcsec -> Stonyhurst longitude and latitude in degrees; NaN off the limb."""
        distance = self.dsun_m
        b0, tx, ty = np.radians(self.hglt_deg), tx * ARCSEC, ty * ARCSEC
        along = distance * np.cos(ty) * np.cos(tx)
        with np.errstate(invalid="ignore"):
            d = along - np.sqrt(along**2 - distance**2 + R_SUN_M**2)  # to the near side, Thompson (2006), equation 13
        x, y, z = d * np.cos(ty) * np.sin(tx), d * np.sin(ty), distance - d * np.cos(ty) * np.cos(tx)
        latitude = np.arcsin(np.clip((y * np.cos(b0) + z * np.sin(b0)) / R_SUN_M, -1, 1))
        longitude = np.arctan2(x, z * np.cos(b0) - y * np.sin(b0)) + np.radians(self.hgln_deg)
        return (np.degrees(longitude) + 180) % 360 - 180, np.degrees(latitude)

    def to_hpc(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Stonyhurst degrees of points on the surface -> helioprojective arcsec; NaN behind the limb."""
        distance = self.dsun_m
        b0, dlon, lat = np.radians(self.hglt_deg), np.radians(lon - self.hgln_deg), np.radians(lat)
        x = R_SUN_M * np.cos(lat) * np.sin(dlon)
        y = R_SUN_M * (np.sin(lat) * np.cos(b0) - np.cos(lat) * np.cos(dlon) * np.sin(b0))
        z = R_SUN_M * (np.sin(lat) * np.sin(b0) + np.cos(lat) * np.cos(dlon) * np.cos(b0))
        tx, ty = np.arctan2(x, distance - z), np.arctan2(y, np.hypot(x, distance - z))
        hidden = z < R_SUN_M**2 / distance  # beyond the tangent from the observer
        return np.where(hidden, np.nan, tx / ARCSEC), np.where(hidden, np.nan, ty / ARCSEC)


def rotated(
    tx: np.ndarray, ty: np.ndarray, before: Observer, after: Observer, seconds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where differential rotation carries helioprojective places (arcsec) in a time, seen from two observers; (N,).

    A place off the limb, or carried behind it, stays where it is.
    """
    lon, lat = before.to_hgs(tx, ty)
    new_tx, new_ty = after.to_hpc(lon + rotation_deg(lat, seconds), lat)
    radius = np.hypot(tx, ty) * ARCSEC / np.arcsin(R_SUN_M / before.dsun_m)
    still = np.isnan(new_tx) | (radius > LIMB_RSUN)
    return np.where(still, tx, new_tx), np.where(still, ty, new_ty)


def rotated_from_earth(
    tx: np.ndarray, ty: np.ndarray, before: np.ndarray, after: np.ndarray, observer: Observer | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The same of places that are seen from Earth at times before, as an observer sees them at times after, (N,)
    datetime64; None is on Earth too. From elsewhere, places off Earth's limb are unknown (NaN), and hidden ones inf."""
    if not len(tx):
        return tx, ty
    seconds = (after - before) / np.timedelta64(1, "s")
    earth = Observer.on_earth(before)
    if observer is None:
        return rotated(tx, ty, earth, Observer.on_earth(after), seconds)
    lon, lat = earth.to_hgs(tx, ty)
    found = observer.to_hpc(lon + rotation_deg(lat, seconds), lat)
    is_hidden = np.isfinite(lon) & np.isnan(found[0])
    return np.where(is_hidden, np.inf, found[0]), np.where(is_hidden, np.inf, found[1])


class Sky:
    """Pixel-to-Sun transformations for the frames of one reel; arrays of frames and pixels go together, (N,)."""

    def __init__(self, reel: Reel):
        names = [field.name for field in fields(FrameWcs)]
        self.wcs = {n: reel.table[c].to_numpy(np.float64) for n, c in zip(names, WCS_COLUMNS, strict=True)}
        self.times_s = reel.times_s

    @staticmethod
    def of(reel: Reel) -> "Sky | None":
        """The sky of a reel; None when its frames have no complete WCS."""
        table = reel.table
        if not set(WCS_COLUMNS) <= set(table.columns) or table[list(WCS_COLUMNS)].isna().any(axis=None):
            return None
        return Sky(reel)

    def _at(self, frame: np.ndarray, *names: str) -> list[np.ndarray]:
        return [self.wcs[name][frame] for name in names]

    def pixel_to_hpc(self, frame: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reel pixels (the first one's centre is 0, 0) of frames -> helioprojective Tx, Ty in arcsec (TAN)."""
        right, up = self._plane(frame, x, y)
        tx0, ty0 = (v * ARCSEC for v in self._at(frame, "crval1", "crval2"))
        # Gnomonic deprojection about the reference value, Calabretta & Greisen (2002), section 5.1.3.
        depth = np.cos(ty0) - up * np.sin(ty0)
        tx = tx0 + np.arctan2(right, depth)
        ty = np.arctan2(np.sin(ty0) + up * np.cos(ty0), np.hypot(right, depth))
        return tx / ARCSEC, ty / ARCSEC

    def _plane(self, frame: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Offsets from the reference pixel, scaled and turned, in radians on the tangent plane."""
        crpix1, crpix2, cdelt1, cdelt2, crota2 = self._at(frame, "crpix1", "crpix2", "cdelt1", "cdelt2", "crota2")
        u, v = (x + 1 - crpix1) * cdelt1 * ARCSEC, (y + 1 - crpix2) * cdelt2 * ARCSEC
        cos, sin = np.cos(np.radians(crota2)), np.sin(np.radians(crota2))
        return u * cos - v * sin, u * sin + v * cos

    def hpc_to_pixel(self, frame: np.ndarray, tx: np.ndarray, ty: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Helioprojective arcsec -> reel pixels; the inverse of `pixel_to_hpc`."""
        tx0, ty0 = (v * ARCSEC for v in self._at(frame, "crval1", "crval2"))
        dx, ty = tx * ARCSEC - tx0, ty * ARCSEC
        depth = np.sin(ty) * np.sin(ty0) + np.cos(ty) * np.cos(ty0) * np.cos(dx)
        right = np.cos(ty) * np.sin(dx) / depth
        up = (np.sin(ty) * np.cos(ty0) - np.cos(ty) * np.sin(ty0) * np.cos(dx)) / depth
        crpix1, crpix2, cdelt1, cdelt2, crota2 = self._at(frame, "crpix1", "crpix2", "cdelt1", "cdelt2", "crota2")
        cos, sin = np.cos(np.radians(crota2)), np.sin(np.radians(crota2))
        u, v = right * cos + up * sin, up * cos - right * sin
        return u / (cdelt1 * ARCSEC) + crpix1 - 1, v / (cdelt2 * ARCSEC) + crpix2 - 1

    @property
    def pixel_arcsec(self) -> float:
        """The typical width of a pixel."""
        return float(np.sqrt(np.median(np.abs(self.wcs["cdelt1"] * self.wcs["cdelt2"]))))

    def observer(self, frame: np.ndarray) -> Observer:
        """Who took each frame."""
        return Observer(*self._at(frame, "hgln_deg", "hglt_deg", "dsun_m"))

    def radius(self, frame: np.ndarray, tx: np.ndarray, ty: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance from the disc's centre in apparent solar radii, and position angle east of north, deg."""
        (rsun,) = self._at(frame, "rsun_arcsec")
        return np.hypot(tx, ty) / rsun, np.degrees(np.arctan2(-tx, ty)) % 360

    def carried(
        self, frame: np.ndarray, later: np.ndarray, x: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where solar rotation and the camera's pointing carry pixels from one frame to a later one.

        A place off the limb, or carried behind it, keeps its helioprojective position.
        """
        tx, ty = self.pixel_to_hpc(frame, x, y)
        seconds = self.times_s[later] - self.times_s[frame]
        return self.hpc_to_pixel(later, *rotated(tx, ty, self.observer(frame), self.observer(later), seconds))

    def columns(self, events: pd.DataFrame) -> pd.DataFrame:
        """SKY_COLUMNS of an events table, at each event's peak; positions off the limb have NaN for HGS."""
        frame = events["frame_peak"].to_numpy(np.int64)
        tx, ty = self.pixel_to_hpc(frame, events["x"].to_numpy(float), events["y"].to_numpy(float))
        lon, lat = self.observer(frame).to_hgs(tx, ty)
        radius, angle = self.radius(frame, tx, ty)
        cdelt1, cdelt2 = self._at(frame, "cdelt1", "cdelt2")
        found = dict(zip(SKY_COLUMNS[2:6], self._box(frame, events), strict=True))
        found |= {"hpc_x_arcsec": tx, "hpc_y_arcsec": ty, "on_disk": ~np.isnan(lon), "hgs_lon_deg": lon}
        found |= {"hgs_lat_deg": lat, "position_angle_deg": angle, "radius_rsun": radius}
        found["area_arcsec2"] = events["area_px"].to_numpy(float) * np.abs(cdelt1 * cdelt2)
        return pd.DataFrame(found, index=events.index)[list(SKY_COLUMNS)]

    def bounds(self, events: Sequence[Event]) -> tuple[np.ndarray, ...]:
        """Smallest and largest Tx and Ty of events' boxes: x0, y0, x1, y1, (N,) each."""
        names = ("x0", "y0", "x1", "y1")
        table = pd.DataFrame([[getattr(event, name) for name in names] for event in events], columns=list(names))
        return self._box(np.array([event.frame_peak for event in events], np.int64), table)

    def surface(self, events: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Stonyhurst degrees (N,) of an events table's peaks; of those off the limb, of the limb nearest to them."""
        frame = events["frame_peak"].to_numpy(np.int64)
        tx, ty = (events[f"hpc_{axis}_arcsec"].to_numpy(float) for axis in "xy")
        observer = self.observer(frame)
        limb = AT_LIMB * np.arcsin(R_SUN_M / observer.dsun_m) / ARCSEC
        inside = np.minimum(1, limb / np.maximum(np.hypot(tx, ty), 1e-9))
        return observer.to_hgs(tx * inside, ty * inside)

    def _box(self, frame: np.ndarray, events: pd.DataFrame) -> tuple[np.ndarray, ...]:
        """Smallest and largest Tx and Ty of the events' boxes, outer edges of their pixels: x0, y0, x1, y1."""
        x0, y0, x1, y1 = (events[name].to_numpy(float) - 0.5 for name in ("x0", "y0", "x1", "y1"))
        corners = [self.pixel_to_hpc(frame, x, y) for x in (x0, x1) for y in (y0, y1)]
        tx, ty = (np.stack(axis) for axis in zip(*corners, strict=True))  # (4, N)
        return tx.min(0), ty.min(0), tx.max(0), ty.max(0)


def rotation_deg(lat_deg: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Change of Stonyhurst longitude by differential rotation, in degrees."""
    a, b, c = HOWARD_URAD_S
    s2 = np.sin(np.radians(lat_deg)) ** 2
    return np.degrees((a + b * s2 + c * s2**2) * 1e-6 * seconds) - EARTH_DEG_DAY * seconds / DAY_S


def shifts(sky: Sky, boxes: list[tuple[int, Box]], later: int) -> np.ndarray:
    """By how much (dx, dy) pixels each (frame, box) is carried until frame `later`: (N, 2), 0 where unknown."""
    frame = np.array([f for f, _ in boxes], np.int64)
    x, y = (np.array([getattr(b, axis) for _, b in boxes], float) for axis in "xy")
    new_x, new_y = sky.carried(frame, np.full(len(boxes), later), x, y)
    return np.nan_to_num(np.stack([new_x - x, new_y - y], axis=1))
