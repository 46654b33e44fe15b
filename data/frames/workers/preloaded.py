"""What workers of `prep` need, the compiled decoder of FITS tiles too. The process that they are forked from imports
this while the main one reads its settings; nobody else does.
"""

from contextlib import suppress

import data.frames.workers.decode  # noqa: F401

with suppress(Exception):  # the worker that asks for it is told why
    from data.sources.fits_file.rice import try_out

    try_out()
