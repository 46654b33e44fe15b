"""Build the demo's embedded sequence: hours of AIA 171 A frames, simulated from the one real frame that sunpy ships.

    python demo/make_sequence.py OUT_DIR [--frames 560] [--seed 0]

Real: the brightness of sunpy's `aia_171_level1.fits` (2011-02-15 00:00 UT, 128x128) and the cards of its header.
Simulated: everything that changes. The frame is upsampled to 256x256 and turned by the Sun's differential rotation:
sunpy computes at hourly key times from which pixel of the real frame each on-disc pixel came, and in between that
displacement is interpolated in time (error 0.001 px). Corona off the disc stays in place. On top come slow
variation of the loops and flickering bright points, which turn with the Sun, photon and read noise, exposure times as
under automatic exposure control, bad frames, one gap and, in the last 40 %, the transients of `truth.csv`. With fewer
frames the transients get shorter; their places and strengths stay.

The same frames and seed give the same bytes (with the same versions of the libraries, on the same kind of machine).
"""

import argparse
import functools
import importlib.resources
import io
import math
import os
import sys
import tarfile
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path

import astropy.units as u
import cv2
import numpy as np
import pandas as pd
import sunpy.map
from astropy.coordinates import HeliocentricMeanEcliptic, SkyCoord
from astropy.io import fits
from scipy import ndimage
from sunpy.coordinates import HeliographicCarrington, HeliographicStonyhurst, propagate_with_solar_surface

# Run as a file, the program beside it is not on the path.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from data.messages import progress, show
from demo.sequence_plan import CADENCE_S, MIN_FRAMES, QUIET_FRACTION, Frame, Transient, plan_frames, plan_transients

SIZE_PX = 256

# AIA 171 A: counts per photon and read noise of SolarSoft's V2 error table (aia_bp_estimate_error). A photon of 171 A
# frees about 20 electrons, and the camera's gain is 17.7 electrons/DN (Boerner et al. 2012, Sol. Phys. 275, 41).
DN_PER_PHOTON, READ_NOISE_DN = 1.168, 1.15
SATURATION_DN, BLANK = 16383, -32768

# The cards of the real header that still hold; the others describe the one real exposure on the full-size camera.
KEPT_CARDS = (
    "TELESCOP", "INSTRUME", "DETECTOR", "CAMERA", "WAVELNTH", "WAVEUNIT", "WAVE_STR", "IMG_TYPE", "LVL_NUM", "QUALLEV0",
    "DN_GAIN", "EFF_AR*", "PIXLUNIT", "AECMODE", "AECTYPE", "AISTATE", "ACS_*", "TREC*", "KEYWDDOC", "BLANK", "CTYPE?",
    "CUNIT?", "CRVAL?", "CRPIX?", "CDELT?", "CROTA2", "INST_ROT", "SAT_ROT", "R_SUN", "RSUN_*", "DSUN_*", "HGL?_OBS",
    "CRL?_OBS", "CAR_ROT", "HAE?_OBS",
)  # fmt: skip
DISCLAIMER = "SIMULATED from one real AIA frame (sunpy's aia_171_level1.fits); not an observation"


def load_source() -> tuple[np.ndarray, fits.Header]:
    """The real frame in DN/s, upsampled to (SIZE_PX, SIZE_PX) float32, and its header for the finer grid."""
    path = importlib.resources.files("sunpy.data") / "test" / "aia_171_level1.fits"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)  # this file has BLANK beside floating point data
        data, full = fits.getdata(path, header=True)
    cards = [card for card in full.cards if any(fnmatch(card.keyword, kept) for kept in KEPT_CARDS)]
    header, factor = fits.Header(cards), SIZE_PX / data.shape[0]
    for axis in "12":
        header[f"CDELT{axis}"] /= factor
        header[f"CRPIX{axis}"] = (header[f"CRPIX{axis}"] - 0.5) * factor + 0.5
    header["R_SUN"] = header["RSUN_OBS"] / header["CDELT1"]
    header["ORIGIN"] = "SIMULATED"
    header["EXPTIME"], header["DATE-OBS"], header["T_OBS"] = full["EXPTIME"], full["DATE-OBS"], full["T_OBS"]
    image = ndimage.zoom(data / full["EXPTIME"], factor, order=3, mode="nearest", grid_mode=True)
    return np.maximum(image, 0).astype(np.float32), header


def observer_cards(header: fits.Header, frames: list[Frame]) -> dict[str, np.ndarray]:
    """Where the observer stands at each frame's T_OBS: SDO's place relative to the Earth-Sun line is held."""
    start = sunpy.map.Map(np.zeros((SIZE_PX, SIZE_PX), np.float32), header).observer_coordinate
    times = np.array([frame.t_obs for frame in frames], "datetime64[us]")
    held = (np.broadcast_to(value, len(frames), subok=True) for value in (start.lon, start.lat, start.radius))
    place = SkyCoord(*held, frame=HeliographicStonyhurst(obstime=times))
    xyz = place.transform_to(HeliocentricMeanEcliptic(obstime=times)).cartesian.xyz.to_value(u.m)
    carrington = place.transform_to(HeliographicCarrington(obstime=times, observer="self")).lon.to_value(u.deg)
    return dict(zip(("HAEX_OBS", "HAEY_OBS", "HAEZ_OBS", "CRLN_OBS"), (*xyz, carrington), strict=True))


@functools.lru_cache(maxsize=16)
def noise_knot(seed: int, layer: int, k: int, shape: tuple[int, ...], sigma: float) -> np.ndarray:
    """Gaussian noise of unit variance, smoothed over `sigma` cells; the same for the same arguments."""
    noise = np.random.default_rng([seed, layer, k]).standard_normal(shape)
    smooth = ndimage.gaussian_filter(noise, sigma, mode="wrap") if sigma else noise
    return (smooth / smooth.std()).astype(np.float32)


def drifting_noise(seed: int, layer: int, t_s: float, period_s: float, shape: tuple[int, ...], sigma=0.0) -> np.ndarray:
    """Noise that changes smoothly over `period_s` and keeps its variance on the way from one knot to the next."""
    k, angle = int(t_s // period_s), math.pi / 2 * (t_s % period_s) / period_s
    a, b = (noise_knot(seed, layer, i, shape, sigma) for i in (k, k + 1))
    return math.cos(angle) * a + math.sin(angle) * b


class Scene:
    """The simulated Sun and camera. Any frame can be rendered alone, with its transients or without them.

    Brightness is modelled on the pixels of the real frame ("source pixels") and turned to the time of each frame.
    Raises ValueError below MIN_FRAMES.
    """

    def __init__(self, n_frames: int, seed: int):
        self.seed = seed
        self.base, self.source_header = load_source()  # (H, W) DN/s
        self.bright = np.percentile(self.base, 99)
        self.frames = plan_frames(n_frames, datetime.fromisoformat(self.source_header["DATE-OBS"]))
        self.transients = plan_transients(n_frames)
        self.observer = observer_cards(self.source_header, self.frames)
        self.key_s, self.key_pixels = self._key_rotations()

    def seconds(self, frame: Frame) -> float:
        """Time of a frame since the first one opened its shutter."""
        return (frame.t_obs - self.frames[0].date_obs).total_seconds()

    def utc(self, t_s: float) -> str:
        """A time in seconds since the first frame as UTC text."""
        return (self.frames[0].date_obs + timedelta(seconds=t_s)).isoformat(timespec="seconds") + "Z"

    def rate(self, frame: Frame, with_transients: bool = True) -> np.ndarray:
        """Brightness without noise in DN/s, (H, W) float32."""
        t_s = self.seconds(frame)
        sun = self.base * self._variation(t_s)
        for transient in self.transients if with_transients else ():
            sun = self._inject(sun, transient, t_s)
        turned = ndimage.map_coordinates(sun, self.came_from(t_s), order=3, mode="nearest")
        return np.maximum(turned, 0)  # a cubic spline undershoots beside bright points

    def counts(self, frame: Frame, with_transients: bool = True) -> np.ndarray:
        """What the camera records: DN as (H, W) int16, with noise, saturation and the frame's defect.

        The noise is that of one camera pixel: the coarser pixels get no credit for the light that they would collect.
        """
        rng = np.random.default_rng([self.seed, frame.index])
        rate = 0 * self.base if frame.defect == "dark" else self.rate(frame, with_transients)
        if frame.defect == "iss_open":  # the image stabilisation does not hold the Sun in its place
            rate = np.roll(rate, (3, -4), axis=(0, 1))
        signal = rng.poisson(rate * (frame.exptime_s / DN_PER_PHOTON)) * DN_PER_PHOTON
        dn = np.rint(signal + READ_NOISE_DN * rng.standard_normal(rate.shape))
        counts = np.minimum(dn, SATURATION_DN).astype(np.int16)
        if frame.defect.endswith("missing"):
            rows = slice(96, 176) if frame.defect == "many_missing" else slice(60, 61)
            counts[rows] = BLANK
        return counts

    def header(self, frame: Frame) -> fits.Header:
        """The header of a frame, without the statistics of its counts."""
        header = self.source_header.copy()
        header["T_REC"] = frame.t_rec.isoformat() + "Z"
        header["DATE-OBS"] = frame.date_obs.isoformat(timespec="milliseconds")
        header["T_OBS"] = frame.t_obs.isoformat(timespec="milliseconds") + "Z"
        header["EXPTIME"], header["QUALITY"] = frame.exptime_s, frame.quality
        header["IMG_TYPE"] = "DARK" if frame.defect == "dark" else "LIGHT"
        header["AISTATE"] = "OPEN" if frame.defect == "iss_open" else "CLOSED"
        header.update({key: float(values[frame.index]) for key, values in self.observer.items()})
        header["HISTORY"] = DISCLAIMER
        return header

    def came_from(self, t_s: float) -> np.ndarray:
        """Source pixel (row, column) of each pixel at a time, (2, H, W)."""
        i = int(np.clip(np.searchsorted(self.key_s, t_s, "right") - 1, 0, len(self.key_s) - 2))
        w = (t_s - self.key_s[i]) / (self.key_s[i + 1] - self.key_s[i])
        return (1 - w) * self.key_pixels[i] + w * self.key_pixels[i + 1]

    def _variation(self, t_s: float) -> np.ndarray:
        """The quiet Sun's own changes as a factor, (H, W).

        2 % rms over 40 arcsec within 10 minutes, up to three times that in bright loops; 3 % rms over 150 arcsec within
        40 minutes; and bright points that flicker by some ten per cent.
        """
        fine = self._smooth_field(1001, t_s, 600.0, 1.0)
        broad = self._smooth_field(1002, t_s, 2400.0, 4.0)
        loops = 1 + 2 * np.minimum(self.base / self.bright, 1)
        return 1 + 0.02 * loops * fine + 0.03 * broad + self._bright_points(t_s)

    def _smooth_field(self, layer: int, t_s: float, period_s: float, sigma_cells: float) -> np.ndarray:
        cells = drifting_noise(self.seed, layer, t_s, period_s, (SIZE_PX // 4, SIZE_PX // 4), sigma_cells)
        return cv2.resize(cells, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)

    def _bright_points(self, t_s: float, n: int = 150, sigma_px: float = 1.0) -> np.ndarray:
        rng = np.random.default_rng([self.seed, 1003])
        angle, radius = rng.uniform(0, 2 * math.pi, n), 90 * np.sqrt(rng.uniform(0, 1, n))
        row, col = (np.rint(SIZE_PX / 2 + radius * f(angle)).astype(int) for f in (np.sin, np.cos))
        points = np.zeros((SIZE_PX, SIZE_PX), np.float32)
        light = np.maximum(drifting_noise(self.seed, 1004, t_s, 420.0, (n,)), 0)
        np.add.at(points, (row, col), rng.uniform(0.02, 0.15, n) * light * 2 * math.pi * sigma_px**2)
        return cv2.GaussianBlur(points, (0, 0), sigma_px)

    def _inject(self, sun: np.ndarray, transient: Transient, t_s: float) -> np.ndarray:
        change = transient.amplitude * transient.strength(t_s)
        if not change:
            return sun
        row, col = self.came_from(transient.peak_s)[:, transient.y_px, transient.x_px]
        rows, cols = np.ogrid[:SIZE_PX, :SIZE_PX]
        distance = np.hypot(rows - row, cols - col).astype(np.float32)
        weight = change * transient.profile(distance, t_s)
        if transient.kind in ("dimming", "front"):
            return sun * (1 + weight)
        # Flares add light of their own: a smooth blob, not a brighter copy of the structure below.
        return sun + weight * self.base[distance <= transient.sigma_px].mean()

    def _key_rotations(self) -> tuple[np.ndarray, np.ndarray]:
        n_keys = 2 + int(self.seconds(self.frames[-1]) // 3600)
        keys = [self.frames[i] for i in np.linspace(0, len(self.frames) - 1, n_keys).round().astype(int)]
        source = sunpy.map.Map(self.base, self.source_header)
        came_from = [source_pixels(source, sunpy.map.Map(self.base, self.header(key))) for key in keys]
        return np.array([self.seconds(key) for key in keys]), np.stack(came_from)


def source_pixels(source: sunpy.map.GenericMap, later: sunpy.map.GenericMap) -> np.ndarray:
    """Where in `source` (row, column) the surface that each pixel of `later` shows was, (2, H, W) float64.

    Pixels off the disc, and those that show surface which was behind the limb at the time of `source`, stay in place.
    """
    came_from = np.indices(source.data.shape).astype(np.float64)
    world = sunpy.map.all_coordinates_from_map(later)
    on_disc = sunpy.map.coordinate_is_on_solar_disk(world)
    with propagate_with_solar_surface():  # on the surface already, or what is of the same time would stay a direction
        earlier = SkyCoord(world[on_disc].make_3d()).transform_to(source.coordinate_frame)
    pixels = source.wcs.world_to_pixel(earlier)
    rows_cols = np.stack([np.asarray(pixels[1]), np.asarray(pixels[0])])
    came_from[:, on_disc] = np.where(earlier.is_visible(), rows_cols, came_from[:, on_disc])
    return came_from


def fits_bytes(counts: np.ndarray, header: fits.Header) -> bytes:
    """A FITS file with the image Rice-compressed, losslessly, in HDU 1, as JSOC exports it."""
    good = counts[counts != BLANK]
    header["TOTVALS"], header["DATAVALS"], header["MISSVALS"] = counts.size, good.size, counts.size - good.size
    header["PERCENTD"] = 100 * good.size / counts.size
    header["DATAMIN"], header["DATAMAX"] = int(good.min()), int(good.max())
    header["DATAMEDN"], header["DATAMEAN"] = float(np.median(good)), round(float(good.mean()), 3)
    header["NSATPIX"] = int((good >= SATURATION_DN).sum())
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(counts, header, compression_type="RICE_1")]).writeto(buffer)
    return buffer.getvalue()


def members(scene: Scene) -> Iterator[tuple[str, bytes]]:
    """File name and bytes of each frame in order; the truncated one ends in the middle of its data."""
    for frame in scene.frames:
        content = fits_bytes(scene.counts(frame), scene.header(frame))
        yield frame.name, content[: len(content) // 2] if frame.defect == "truncated" else content


def truth_table(scene: Scene) -> pd.DataFrame:
    """One row per transient: times, place and size in pixels of the FITS array, place in helioprojective arcsec."""
    sun = sunpy.map.Map(scene.base, scene.header(scene.frames[0]))
    rows = []
    for e in scene.transients:
        sky = sun.pixel_to_world(e.x_px * u.pix, e.y_px * u.pix)
        rows.append({
            "event": e.event, "kind": e.kind,
            "start_utc": scene.utc(e.onset_s), "peak_utc": scene.utc(e.peak_s), "end_utc": scene.utc(e.end_s),
            "x_px": e.x_px, "y_px": e.y_px, "width_px": round(e.extent_px, 2), "height_px": round(e.extent_px, 2),
            "hpc_x_arcsec": round(sky.Tx.to_value(u.arcsec), 2), "hpc_y_arcsec": round(sky.Ty.to_value(u.arcsec), 2),
            "amplitude": e.amplitude,
        })  # fmt: skip
    return pd.DataFrame(rows)


def readme(scene: Scene) -> str:
    """What the folder holds, in plain words."""
    active = scene.frames[int(QUIET_FRACTION * len(scene.frames))]
    return f"""This is a SIMULATED sequence, made from one real frame. It is not an observation.

embedded_171.tar  {len(scene.frames)} Rice-compressed FITS of {SIZE_PX}x{SIZE_PX} pixels, {CADENCE_S:.0f} s apart
truth.csv         the transients put into the frames from {active.t_rec:%Y-%m-%d %H:%M:%S} UT on; there are none before

The real frame is SDO/AIA 171 A of 2011-02-15 00:00 UT, 128x128 pixels, as the sunpy package ships it (courtesy of
NASA/SDO and the AIA science team). demo/make_sequence.py upsampled it, turned it by differential rotation and added
variation of the quiet Sun, noise, changing exposure times, bad frames, a gap and the transients; its docstring says
how. The dates only continue the real frame's clock: the X2.2 flare that the Sun showed at 01:44 UT that day is not in
here. Made with --frames {len(scene.frames)} --seed {scene.seed}.

truth.csv: x_px, y_px are column and row of the FITS array (first row 0, pixel centres on integers) at the peak; width
and height are the full width at half maximum, for the front the diameter that it reaches; a transient ends when it is
back to 10 % of its peak; amplitude is the relative change of brightness at its centre.
"""


def write_tar(path: Path, scene: Scene) -> None:
    """Write all frames into one tar without owners and with fixed dates, beside its name first."""
    part = path.with_name(path.name + ".part")
    with tarfile.open(part, "w") as tar:
        for name, content in progress(members(scene), total=len(scene.frames), desc="simulating", unit="frame"):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    os.replace(part, path)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--frames", type=int, default=560, help=f"number of frames, at least {MIN_FRAMES}")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    show("info")
    args.out_dir.mkdir(parents=True, exist_ok=True)
    scene = Scene(args.frames, args.seed)
    truth_table(scene).to_csv(args.out_dir / "truth.csv", index=False, lineterminator="\n")
    (args.out_dir / "README.txt").write_text(readme(scene), encoding="utf-8", newline="\n")
    write_tar(args.out_dir / "embedded_171.tar", scene)
    print(f"{args.frames} simulated frames, {len(scene.transients)} transients: {args.out_dir}")


if __name__ == "__main__":
    main()
