"""GOES X-ray sensor (XRS) files: FITS of GOES 6-15, netCDF of GOES 13-19, as sunpy.timeseries reads them."""

import gzip
import math
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

from config import PrepConfig
from data.reel.stretch import Stretch
from data.sky.goes import CHANNELS
from data.sources.archive_file.unpacked import too_large
from data.sources.base import Series, SeriesSource, TableError, file_sha256
from data.sources.fits import SUFFIXES as FITS_SUFFIXES
from data.sources.fits import rows_of_image
from data.sources.fits_file.layout import BLOCK_BYTES
from data.sources.table import numbered
from data.sources.tables.sidecar import table_stem

UNIT = "W/m^2"
# Logarithmic from class A1 on, and linear below: there 0.5-4 angstrom holds noise alone. X1 maps to 1.
SCALING = Stretch("asinh", 1e-8, 1e-4)
FLUXES = {"a_flux", "b_flux"}, {"xrsa_flux", "xrsb_flux"}  # as variables are called, of which sunpy reads both
TABLE_ROWS = 3  # of the image that the older tables are
SMALLEST_PX = 16  # sides of an image
LOOKED_AT_BYTES = 8 * BLOCK_BYTES
# Flags that leave the flux as good as it was: the correction for electrons, and a change of the amplifier.
HARMLESS = re.compile(r"good_data|e(lectron)?_(correction|contam).*|gain_state_change")


class XrsSource(SeriesSource):
    """One file, one series of both channels, however short."""

    name = "xrs"
    suffixes = (".nc",)  # and FITS files that hold such a table

    def takes(self, path: Path) -> bool:
        return (super().takes(path) and is_xrs_netcdf(path)) or (
            path.name.lower().endswith(FITS_SUFFIXES) and is_xrs(path)
        )

    def read_series(self, path: Path, prep: PrepConfig, smallest: int = 0) -> list[Series]:
        """Both channels in W/m^2. Fluxes that are zero, negative, missing (-99999) or flagged as bad are NaN.

        Raises TableError when sunpy does not read it as XRS.
        """
        if images := images_in(path):
            raise TableError(
                f"netCDF with images ({images}), which are read from FITS, or from one array along time (T, H, W); "
                "of other netCDF series are read alone"
            )
        _refuse_large(path, prep)
        import sunpy.timeseries  # late: it takes seconds, and few need it

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = sunpy.timeseries.TimeSeries(str(path), source="XRS")
        except Exception as error:  # sunpy and the readers below it raise many kinds on files of other sorts
            raise TableError(f"not readable as GOES XRS: {type(error).__name__}: {error}") from None
        table = found.to_dataframe()
        missing = [name for name in CHANNELS if name not in table]
        if missing:
            raise TableError(f"no {', '.join(missing)} in it")
        bad = _bad_bits(path)
        values = np.stack([_fluxes(table, name, bad.get(name, 0)) for name in CHANNELS], axis=1)
        utc = table.index.to_numpy().astype("datetime64[ms]")
        count = len(table)
        rows, scaling = numbered("sample", count), (SCALING,) * len(CHANNELS)
        notes = dict.fromkeys(CHANNELS, "value") | {"satellite": str(found.observatory)}
        nan = np.full(count, np.nan)
        source = (path, table_stem(path), CHANNELS, UNIT, utc, nan, values, nan, rows, (), scaling)
        return [Series(*source, file_sha256(path), notes)]


def images_in(path: Path) -> str:
    """The names and sizes of images in a netCDF file, "" where it has none or can't be opened."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            shapes = {name: item.shape for name, item in file.items() if isinstance(item, h5py.Dataset)}
    except OSError:
        return ""
    images = {name: shape for name, shape in shapes.items() if len(shape or ()) > 1 and min(shape[-2:]) >= SMALLEST_PX}
    return ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in list(images.items())[:3])


def is_xrs_netcdf(path: Path) -> bool:
    """Whether a netCDF-4 file holds fluxes of XRS by their names, or images, which are refused with their reason."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            names = set(file)
    except OSError:
        return False
    return any(of <= names for of in FLUXES) or bool(images_in(path))


def is_xrs(path: Path) -> bool:
    """Whether a FITS file's first header is one of GOES XRS, and it holds no image that is more than a table."""
    try:
        if not _names_goes(path):
            return False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = fits.getheader(path, 0)
            names = str(header.get("TELESCOP", "")), str(header.get("INSTRUME", ""))
            is_goes = names[0].strip().upper().startswith("GOES") and names[1].strip().lower().startswith("x-ray")
            return is_goes and rows_of_image(path) in (0, TABLE_ROWS)
    except Exception:  # astropy raises many kinds on damaged files; the FITS source has their reason
        return False


def _names_goes(path: Path) -> bool:
    """Whether GOES is named where a first header begins: every FITS file is asked, and few are worth a closer look."""
    with path.open("rb") as stream:
        start = stream.read(LOOKED_AT_BYTES)
    if start[:2] == b"\x1f\x8b":
        with gzip.open(path) as stream:
            start = stream.read(LOOKED_AT_BYTES)
    return re.search(rb"TELESCOP= *' *(?i:GOES)", start) is not None  # a keyword has capitals, and is found at once


def _fluxes(table, name: str, bad_bits: int) -> np.ndarray:
    values = table[name].to_numpy(np.float64).copy()
    if f"{name}_quality" in table:
        quality = np.nan_to_num(table[f"{name}_quality"].to_numpy(np.float64)).astype(np.int64)
        values[(quality & bad_bits) != 0] = np.nan
    values[~(np.isfinite(values) & (values > 0))] = np.nan
    return values


def _refuse_large(path: Path, prep: PrepConfig) -> None:
    """Raises TableError when a netCDF announces more values than prep.max_input_mb holds, however well it is packed."""
    if path.suffix.lower() != ".nc":
        return
    import h5netcdf

    try:
        with h5netcdf.File(path, "r") as file:
            n_bytes = sum(math.prod(v.shape) * np.dtype(v.dtype).itemsize for v in file.variables.values())
    except Exception as error:  # it raises many kinds on files of other sorts
        raise TableError(f"not readable as GOES XRS: {type(error).__name__}: {error}") from None
    if told := too_large(n_bytes, prep.max_input_mb):
        raise TableError(told)


def _bad_bits(path: Path) -> dict[str, int]:
    """By channel, the flag bits of a netCDF that mean a bad flux, from their CF attributes; {} for FITS."""
    if path.suffix.lower() != ".nc":
        return {}
    import h5netcdf

    with h5netcdf.File(path, "r") as file:
        names = {name: (f"{name}_flag", f"{name}_flags", f"{name[-1]}_flags") for name in CHANNELS}
        return {name: _bits_of(file.variables, known) for name, known in names.items()}


def _bits_of(variables, names: Sequence[str]) -> int:
    flags = next((variables[name] for name in names if name in variables), None)
    if flags is None or "flag_meanings" not in flags.attrs:
        return 0
    meanings = flags.attrs["flag_meanings"]
    meanings = (meanings.decode() if isinstance(meanings, bytes) else str(meanings)).split()
    values = np.atleast_1d(flags.attrs["flag_values"]).tolist()
    return sum({v for v, meaning in zip(values, meanings, strict=False) if not HARMLESS.fullmatch(meaning)})
