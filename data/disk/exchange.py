"""Two files or folders that take each other's names in one step: nobody ever finds either name missing."""

import ctypes
import os
from pathlib import Path

HERE, EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux; RENAME_SWAP of macOS is 2 too


def exchange(first: Path, second: Path) -> bool:
    """Give each the name of the other; False, with nothing changed, where the system or the file system can't.

    Source: renameat2(2) of Linux, renamex_np(2) of macOS. Python has neither.
    """
    names = os.fsencode(first), os.fsencode(second)
    library = ctypes.CDLL(None) if os.name == "posix" else None
    if hasattr(library, "renameat2"):
        return library.renameat2(HERE, names[0], HERE, names[1], EXCHANGE) == 0
    if hasattr(library, "renamex_np"):
        return library.renamex_np(*names, EXCHANGE) == 0
    return False
