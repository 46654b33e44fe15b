"""Arrays on the disk whose room is taken before anything is written: a full disk is an error then, and not a SIGBUS."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np

NO_RESERVING = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS)  # of file systems that can't


def reserved_array(path: Path, dtype: Any, shape: tuple[int, ...]) -> np.memmap:
    """A new .npy as a writable memory map, with its room on the disk. Raises OSError where there is not enough.

    On systems and file systems without posix_fallocate its room is taken as it is written.
    """
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    try:
        reserve(path)
    except OSError:
        del array  # some systems remove no file that is mapped
        path.unlink()
        raise
    return array


def reserve(path: Path) -> None:
    """Take the room of a file of its size on the disk. Raises OSError where there is not enough."""
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
        except OSError as error:
            if error.errno not in NO_RESERVING:
                raise OSError(
                    error.errno, f"{error.strerror}: {path} needs {path.stat().st_size / 1e9:.3g} GB"
                ) from None
