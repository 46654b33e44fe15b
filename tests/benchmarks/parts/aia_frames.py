"""Frames as AIA's level 1 has them: Rice-compressed, with the full header, its noise and checksums, of any size."""

from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from astropy.io import fits

MEAN_DN = 230.0  # of the photon counts; their noise makes the size of the compressed file
DISTINCT = 4  # frames of one scene with noise of their own; the others repeat these with other times
START = datetime(2012, 7, 19)
OLD_TIME = "2011-02-15T00:00:00.34"


def make_frames(folder: Path, n: int, side: int) -> float:
    """Write n frames 12 s apart; returns their mean size in MB."""
    payloads = [frame_bytes(seed, side) for seed in range(min(DISTINCT, n))]
    for i in range(n):
        time_utc = (START + timedelta(seconds=12 * i)).isoformat(timespec="milliseconds")[:22]
        payload = payloads[i % DISTINCT].replace(OLD_TIME.encode(), time_utc.encode())
        (folder / f"aia.lev1.{i:05d}.171.image.fits").write_bytes(with_checksums(payload))
    return sum(map(len, payloads)) / len(payloads) / 1e6


def frame_bytes(seed: int, side: int) -> bytes:
    """One FITS file: sunpy's 128x128 AIA frame, enlarged, with photon noise and the real header on the finer grid."""
    from tests.support.fits_files import fits_bytes
    from tests.support.solar_frames import sunpy_frame

    data, header = sunpy_frame()
    factor = side / len(data)
    scene = cv2.resize(data, (side, side), interpolation=cv2.INTER_CUBIC).clip(1)
    pixels = np.random.default_rng(seed).poisson(scene * (MEAN_DN / scene.mean())).clip(max=16383).astype(np.int16)
    for axis in "12":
        header[f"CDELT{axis}"] /= factor
        header[f"CRPIX{axis}"] = (header[f"CRPIX{axis}"] - 0.5) * factor + 0.5
    header["T_OBS"] = header["DATE-OBS"] = OLD_TIME
    header["BLANK"] = -32768
    return fits_bytes(pixels, header)


def with_checksums(payload: bytes) -> bytes:
    """The file with DATASUM and CHECKSUM, as those of the archive have them."""
    with fits.open(BytesIO(payload), disable_image_compression=True) as hdus:
        made = BytesIO()
        hdus.writeto(made, checksum=True)
    return made.getvalue()
