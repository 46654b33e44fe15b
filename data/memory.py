"""How this process keeps the memory that it has used, for large arrays that come and go."""

import ctypes
import os
import platform
from functools import cache

_DASKS_TRIM = "65536"  # what Dask starts its workers with; any other value is the user's own
_TRIM, _MAP, _KEPT_BYTES = -1, -3, 2**25  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
CHOSEN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


@cache
def keep_memory() -> None:
    """Have this process use its memory again, up to some 64 MiB; a threshold that the user has chosen stays.

    By itself glibc gives back what is freed beyond twice the largest array so far, and the system clears each page of
    the next one: of frames of 1024x1024 a third of prep's time on processors. Dask starts its workers so that it does
    with every array of more than 128 KiB. These thresholds are what glibc comes to once it has seen arrays of 32 MiB.
    """
    chosen = [os.environ[name] for name in CHOSEN if name in os.environ]
    if chosen not in ([], [_DASKS_TRIM]) or platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MAP, _KEPT_BYTES)
    libc.mallopt(_TRIM, 2 * _KEPT_BYTES)
