"""Time series in MATLAB's files of version 5 to 7.2; those of 7.3 are HDF5.

Source: MathWorks, "MAT-File Format"; read by scipy.
"""

from pathlib import Path

import numpy as np

from config import PrepConfig
from data.sources.archive_file.unpacked import too_large
from data.sources.arrays.numpy_arrays import ArraySource, Groups
from data.sources.base import TableError

MAGIC = b"MATLAB 5.0 MAT-file"


class MatlabSource(ArraySource):
    """The numbers of one file, and of each of its structures, one series."""

    name = "matlab"
    suffixes = (".mat",)

    def takes(self, path: Path) -> bool:
        return super().takes(path) and self.recognises(path)

    def recognises(self, path: Path) -> bool:
        with path.open("rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC

    def groups(self, path: Path, prep: PrepConfig) -> Groups:
        """Arrays by name, by the structure that they are fields of; times of MATLAB's own class can't be read."""
        from scipy.io import loadmat, whosmat

        try:
            n_bytes = sum(8 * int(np.prod(shape, dtype=np.float64)) for _, shape, _ in whosmat(path))
            if reason := too_large(n_bytes, prep.max_input_mb):
                raise TableError(reason)
            found = loadmat(path, squeeze_me=False, chars_as_strings=True)
        except TableError:
            raise
        except Exception as error:  # scipy raises many kinds on damaged files
            raise TableError(f"not readable as a file of MATLAB: {type(error).__name__}: {error}") from None
        groups: Groups = {}
        for name, array in found.items():
            if name.startswith("__"):
                continue
            if array.dtype.names and array.size == 1:
                fields = {field: np.asarray(array[field].item()) for field in array.dtype.names}
                groups[name] = {field: _column(value) for field, value in fields.items() if value.dtype.kind in "biuf"}
            elif array.dtype.kind in "biuf":
                groups.setdefault("", {})[name] = _column(array)
        if not any(groups.values()):
            raise TableError(f"none of its variables {list(found)[:10]} holds numbers")
        return {group: arrays for group, arrays in groups.items() if arrays}


def _column(array: np.ndarray) -> np.ndarray:
    """A vector, which MATLAB keeps as a matrix of one row or column, as such."""
    return array.reshape(-1) if 1 in array.shape else array
