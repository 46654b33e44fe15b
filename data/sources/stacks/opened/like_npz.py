"""The arrays of a `.npz` file, as those of HDF5."""

import io
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from data.sources.stacks.numpy_stacks import header_of
from data.sources.stacks.opened.groups import Array, Group

MAGIC = b"PK\x03\x04"


class _Member:
    """An array of a file by its header, read as a whole where it is asked for."""

    def __init__(self, file: Path | IO[bytes], name: str):
        self._file, self._name = file, name
        with zipfile.ZipFile(file) as opened, opened.open(name) as stream:
            self.shape, _, self.dtype = header_of(stream)

    def __getitem__(self, key: Any) -> Any:
        with zipfile.ZipFile(self._file) as opened:
            payload = opened.read(self._name)  # as a whole: what was read in part has no checksum
        return np.lib.format.read_array(io.BytesIO(payload), allow_pickle=False)[key]


def of_npz(file: Path | IO[bytes]) -> Group:
    """The arrays of a file by name. Raises OSError where it can't be read."""
    group = Group("/", {})
    try:
        with zipfile.ZipFile(file) as opened:
            names = [name for name in opened.namelist() if name.endswith(".npy")]
        for name in names:
            key = name.removesuffix(".npy")
            group[key] = Array(group, key, _Member(file, name), {})
    except Exception as error:  # zipfile and NumPy raise many kinds on damaged files
        raise OSError(f"not readable as npz: {type(error).__name__}: {error}") from None
    return group
