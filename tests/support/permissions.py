"""Permissions of files that hold for root too, so that tests of them are tests wherever they run."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

CAPABILITIES_3 = 0x20080522  # version of the interface of capset(2)
OF_ROOT = 0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: to pass over the permissions of files


@contextmanager
def as_anybody() -> Iterator[None]:
    """Meanwhile permissions of files hold for root too (Linux; elsewhere root passes over them as ever)."""
    if os.geteuid() != 0 or not hasattr(library := ctypes.CDLL(None), "capset"):
        yield
        return
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_3, 0)
    before = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, twice
    library.capget(header, before)
    without = type(before)(*before)
    without[0] &= ~OF_ROOT
    library.capset(header, without)
    try:
        yield
    finally:
        library.capset(header, before)
