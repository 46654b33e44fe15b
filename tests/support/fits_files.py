"""Small FITS files with AIA-like headers, for tests: plain, Rice-compressed, gzipped, in a tar."""

import gzip
import io
import tarfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from astropy.io import fits

START = datetime(2012, 7, 19, 7, 30, 1)
BLANK = -32768
SKY = {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN"}  # what a header needs to say where its frame lies
LAYOUTS = ("rice", "primary", "extension", "singleton", "rice.gz", "primary.gz")


def utc(seconds: float) -> str:
    """ISO time `seconds` after START, with milliseconds."""
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def counts(seed: int = 0, shape: tuple[int, int] = (24, 32), rate: float = 300.0) -> np.ndarray:
    """Photon counts with a bright corner, int16, different for every seed."""
    height, width = shape
    scene = rate * (1 + np.exp(-np.add.outer(np.arange(height), np.arange(width)) / 12))
    return np.random.default_rng(seed).poisson(scene).astype(np.int16)


def header(seconds: float = 0.0, wavelength: int = 171, exptime_s: float = 2.0, **cards) -> fits.Header:
    """Header of an AIA level-1 frame taken `seconds` after START; `cards` replace single ones, None removes one.

    DATE_OBS_ stands for DATE-OBS, which is no Python name.
    """
    values = {
        "TELESCOP": "SDO/AIA",
        "INSTRUME": "AIA_3",
        "WAVELNTH": wavelength,
        "WAVEUNIT": "angstrom",
        "LVL_NUM": 1.0,
        "DATE-OBS": utc(seconds),
        "T_OBS": utc(seconds + exptime_s / 2 if isinstance(exptime_s, float) else seconds) + "Z",
        "EXPTIME": exptime_s,
        "QUALITY": 0,
        "BLANK": BLANK,
        "CUNIT1": "arcsec",
        "CUNIT2": "arcsec",
        "CDELT1": 0.6,
        "CDELT2": 0.6,
        "CRVAL1": 0.0,
        "CRVAL2": 0.0,
        "CRPIX1": 12.5,
        "CRPIX2": 12.5,
        "CROTA2": 0.0,
        "RSUN_OBS": 944.0,
    }
    values |= {"DATE-OBS" if name == "DATE_OBS_" else name: value for name, value in cards.items()}
    return fits.Header([(name, value) for name, value in values.items() if value is not None])


def fits_bytes(pixels: np.ndarray, head: fits.Header | None = None, layout: str = "rice") -> bytes:
    """A FITS file in memory; `layout` is one of LAYOUTS."""
    head = header() if head is None else head
    if np.asarray(pixels).dtype.kind == "f":
        head = head.copy()
        head.remove("BLANK", ignore_missing=True)  # FITS has it for integers only
    kind, _, packed = layout.partition(".")
    hdus = {
        "rice": lambda: [fits.PrimaryHDU(), fits.CompImageHDU(pixels, head, compression_type="RICE_1")],
        "primary": lambda: [fits.PrimaryHDU(pixels, head)],
        "extension": lambda: [fits.PrimaryHDU(), fits.ImageHDU(pixels, head)],
        "singleton": lambda: [fits.PrimaryHDU(pixels[None, None], head)],
    }[kind]()
    stream = io.BytesIO()
    fits.HDUList(hdus).writeto(stream)
    return gzip.compress(stream.getvalue(), mtime=0) if packed else stream.getvalue()


def broken_inside(payload: bytes) -> bytes:
    """A Rice-compressed file whose header and length are right, and whose pixels only the decoder finds damaged."""
    at = len(payload) - 4000
    return payload[:at] + bytes(range(250)) * 8 + payload[at + 2000 :]


def write_frames(folder: Path, n: int, layout="rice", step_s=12.0, shape=(24, 32), **cards) -> list[Path]:
    """`n` frames `step_s` apart as files of `folder`, in time order."""
    folder.mkdir(parents=True, exist_ok=True)
    suffix = ".fits.gz" if layout.endswith(".gz") else ".fits"
    paths = [folder / f"frame_{i:03d}{suffix}" for i in range(n)]
    for i, path in enumerate(paths):
        path.write_bytes(fits_bytes(counts(i, shape), header(i * step_s, **cards), layout))
    return paths


def write_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    """A tar of `members`; `mode` "w:gz" compresses it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for name, payload in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(payload)
            tar.addfile(info, io.BytesIO(payload))
    return path
