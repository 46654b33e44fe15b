"""GOES's X-ray sensor (XRS): what its channels are called, and the classes of its fluxes."""

import math

from data.reel.contract import AnyReel

CHANNELS = ("xrsa", "xrsb")  # 0.5-4 and 1-8 angstrom
FLUX_W_M2 = {"A": 1e-8, "B": 1e-7, "C": 1e-6, "M": 1e-5, "X": 1e-4}  # in 1-8 angstrom, from which on (NOAA SWPC)
ROUNDING = 1e-6


def is_of_xrs(reel: AnyReel) -> bool:
    """Whether a reel holds GOES XRS fluxes."""
    return reel.is_series and tuple(reel.channels) == CHANNELS


def class_of(flux: float) -> str:
    """The GOES class of a flux in 1-8 angstrom, W/m^2, as 7.74e-5 -> M7.7; what is below A1 is told in tenths of it."""
    letters = [letter for letter, least in FLUX_W_M2.items() if flux >= (1 - ROUNDING) * least]
    letter = letters[-1] if letters else "A"
    return f"{letter}{math.floor(10 * flux / FLUX_W_M2[letter] + ROUNDING) / 10:.1f}"
