"""Time series in netCDF files of the classic formats (CDF-1 and CDF-2); those of netCDF-4 are HDF5.

Source: Unidata, "The NetCDF Classic Format Specification"; read by scipy.
"""

from pathlib import Path

import numpy as np

from config import PrepConfig
from data.sources.arrays.hdf5_arrays import by_attributes
from data.sources.arrays.numpy_arrays import ArraySource, Groups, refuse_large
from data.sources.base import TableError

MAGIC = (b"CDF\x01", b"CDF\x02")


class NetcdfSource(ArraySource):
    """The variables of one file, one series."""

    name = "netcdf"
    suffixes = (".nc", ".cdf", ".nc3")

    def takes(self, path: Path) -> bool:
        return super().takes(path) and self.recognises(path)

    def recognises(self, path: Path) -> bool:
        with path.open("rb") as stream:
            return stream.read(len(MAGIC[0])) in MAGIC

    def groups(self, path: Path, prep: PrepConfig) -> Groups:
        from scipy.io import netcdf_file

        refuse_large(path, prep)
        try:
            with netcdf_file(path, "r", mmap=False) as file:
                found = {
                    name: by_attributes(name, _plain(item.data), item._attributes)
                    for name, item in file.variables.items()
                }
                series = [name for name, array in found.items() if array.ndim < 3 and name not in file.dimensions]
        except TableError:
            raise
        except Exception as error:  # scipy raises many kinds on damaged files
            raise TableError(f"not readable as netCDF: {type(error).__name__}: {error}") from None
        if not found:
            raise TableError("not readable as netCDF: it holds no variable")
        if not series and (pictures := [name for name, array in found.items() if array.ndim > 2]):
            told = f"{', '.join(pictures)} may be pictures, which are read with sides of 16 px or more"
            raise TableError(f"{told}, where all else in the file is about them")
        return {"": found}


def _plain(array: np.ndarray) -> np.ndarray:
    """Numbers in this machine's byte order; rows of letters as texts."""
    array = np.array(array)
    if array.dtype.kind == "S" and array.ndim > 1:
        return np.array([b"".join(row).decode(errors="replace").strip("\0 ") for row in array.reshape(len(array), -1)])
    return array.astype(array.dtype.newbyteorder("="), copy=False)
